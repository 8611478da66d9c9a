"""Up to where read models hold their logs: the rows that are the truth about it, and moving them by compare-and-set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from projections.schema import Connection
from ticketcore.errors import EpochMismatch, TicketCoreError

__all__ = [
    "CHECKPOINTS",
    "EMBEDDED",
    "Checkpoint",
    "CheckpointMoved",
    "Move",
    "check_epoch",
    "check_moved",
    "move",
    "moving",
]

EMBEDDED = -1
"""The "partition" of a projector that reads the log itself."""


class CheckpointMoved(TicketCoreError):
    """Another worker moved the checkpoint, or a rebuild replaced the tables: this worker must stop."""

    code = "checkpoint_moved"
    exit_code = 8


class Checkpoint(NamedTuple):
    """Up to where a generation of a model holds a partition of a log."""

    generation: int
    log: str
    partition: int
    offset: int | None
    position: int
    epoch: UUID


class Move(NamedTuple):
    """A checkpoint of *model* as it was last read, and where it goes."""

    model: str
    at: Checkpoint
    position: int
    offset: int | None


CHECKPOINTS = 'SELECT generation, log, partition, "offset", position, epoch FROM read_meta.checkpoints'
"""Gives the rows that :class:`Checkpoint` is made of."""
_MOVE = (
    b'UPDATE read_meta.checkpoints c SET position = n.reached, "offset" = n."offset"'
    b" FROM unnest(%s::text[], %s::integer[], %s::text[], %s::integer[], %s::bigint[], %s::uuid[], %s::bigint[], %s::bigint[])"
    b' AS n (model, generation, log, partition, position, epoch, reached, "offset")'
    b" WHERE (c.model, c.generation, c.log, c.partition, c.position, c.epoch)"
    b" = (n.model, n.generation, n.log, n.partition, n.position, n.epoch) RETURNING c.model, c.partition"
)


def check_epoch(model: str, at: Checkpoint, epoch: UUID) -> None:
    """Raise :class:`EpochMismatch` where a checkpoint of *model* is of another epoch than its log's, *epoch*."""
    if at.epoch != epoch:
        raise EpochMismatch(
            f"read model {model!r} stands at position {at.position} of epoch {at.epoch} of log {at.log!r}, expected epoch {epoch}:"
            " the log was restored or replaced (run `ticketcore recover`)"
        )


def move(connection: Connection, moves: Sequence[Move]) -> None:
    """Move checkpoints of one log by compare-and-set, inside the caller's transaction: all of them, or it raises.

    Raises:
        CheckpointMoved: one is not where it was, or of another generation or epoch.
        psycopg.errors.LockNotAvailable: another session holds one.
    """
    statement, values = moving(moves)
    check_moved(moves, connection.execute(statement, values).fetchall())


def moving(moves: Sequence[Move]) -> tuple[bytes, list[list[Any]]]:
    """Return the statement of :func:`move`, and its values."""
    rows = [(model, *at[:3], at.position, at.epoch, reached, offset) for model, at, reached, offset in moves]
    return _MOVE, [list(column) for column in zip(*rows, strict=True)]


def check_moved(moves: Sequence[Move], rows: Iterable[tuple[Any, ...]]) -> None:
    """Return where the statement's rows say that all were moved; raises as :func:`move`."""
    done = set(rows)
    if len(done) != len(moves):
        model, at, reached, _ = next(one for one in moves if (one.model, one.at.partition) not in done)
        raise CheckpointMoved(
            f"cannot move the checkpoint of read model {model!r} (generation {at.generation}, log {at.log!r}, partition"
            f" {at.partition}) from {at.position} to {reached}: expected it at {at.position}, but another worker moved it or a"
            " rebuild replaced the tables (stop this worker; start it anew to take the new tables)"
        )
