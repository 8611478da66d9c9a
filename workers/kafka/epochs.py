"""The epochs of a log, and ending one: what a recovery writes into the log's data base, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg

from ticketcore.errors import ConfigurationError
from ticketcore.ids import Kind
from ticketcore.store.postgres import SEQUENCES

__all__ = ["Epochs", "Restart", "end_epoch", "epochs_of"]

_MARGIN = 1_000
"""Numbers that are passed over: they may be in events that nothing shows any more, or in the hands of a service."""


class Epochs(NamedTuple):
    """The log's epoch, and those that a recovery ended."""

    now: UUID
    former: Collection[UUID]


class Restart(NamedTuple):
    """Where a topic's relay goes on. ``previous``: position of the last event of each partition at or below ``position``."""

    topic: str
    position: int
    previous: tuple[int, ...]


def epochs_of(dsn: str) -> Epochs:
    """Return the epochs of the log in a data base."""
    with psycopg.connect(dsn) as connection:
        [(now, former)] = connection.execute("SELECT epoch, former FROM log.meta").fetchall()
    return Epochs(now, frozenset(former))


def end_epoch(
    dsn: str, now: UUID, seen: Collection[UUID], counters: Mapping[Kind, int], restart: Restart | None
) -> UUID:
    """End the log's epoch *now* and return the new one; the relay goes on at *restart*.

    Every sequence of numbers goes 1,000 past what it gave and what is known to have been given: a backup's sequence says
    nothing of the lost part. Where somebody else has ended it meanwhile, nothing changes and theirs is returned.

    Args:
        dsn: of the log's owner.
        now: the epoch to end.
        seen: other epochs that the topic holds messages of.
        counters: the highest counter that is known to have been given, by kind.
        restart: ``None`` where there is no topic.
    Raises:
        ConfigurationError: the role of *dsn* may not do it; nothing has changed.
    """
    try:
        return _end_epoch(dsn, now, seen, counters, restart)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"cannot end the log's epoch: {error.diag.message_primary}, expected the role that owns the log (set TICKETCORE_DSN"
            " to its DSN for this command; nothing has changed)"
        ) from error


def _end_epoch(
    dsn: str, now: UUID, seen: Collection[UUID], counters: Mapping[Kind, int], restart: Restart | None
) -> UUID:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "UPDATE log.meta SET epoch = %s, former = ARRAY(SELECT DISTINCT unnest(former || epoch || %s::uuid[]))"
            " WHERE epoch = %s RETURNING epoch",
            [uuid4(), list(seen), now],
        ).fetchone()
        if row is None:
            [row] = connection.execute("SELECT epoch FROM log.meta").fetchall()
            return UUID(str(row[0]))
        if restart is not None:
            connection.execute(
                "INSERT INTO log.relays AS r (topic, epoch, position, previous, term) VALUES (%s, %s, %s, %s, 1)"
                " ON CONFLICT (topic) DO UPDATE SET epoch = EXCLUDED.epoch, position = EXCLUDED.position,"
                " previous = EXCLUDED.previous, term = r.term + 1",
                [restart.topic, row[0], restart.position, list(restart.previous)],
            )
        for kind, sequence in SEQUENCES.items():
            connection.execute(
                f"SELECT setval('{sequence}', greatest(last_value, %s) + {_MARGIN}) FROM {sequence}".encode(),
                [counters.get(kind, 0)],
            )
    return UUID(str(row[0]))
