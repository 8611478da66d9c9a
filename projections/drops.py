"""Events that an operator gave up: a read model leaves them out from then on, in every generation, and can prove which.

The log keeps them. A drop belongs to a model and an event, not to a generation or a version of the fold: a rebuild
leaves the event out too, until the drop is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from psycopg import sql

from projections.base import Model
from projections.checkpoints import CHECKPOINTS, EMBEDDED, Checkpoint
from projections.dead_letters import DeadLetter, fold_parked, fold_together, hold, record_of
from projections.feed import Decode, Log
from projections.folding import WAITS, decoded
from projections.partitions import partition_of
from projections.projector import Projector
from projections.runner import locked
from projections.schema import MODELS, REBUILD_LOCK, Connection, connect, generations, live, model_named
from projections.tables import Tables
from ticketcore.errors import InvalidCommand, NotFound

__all__ = ["REASON_LIMIT", "Dropped", "drop", "dropped", "forget_lost_drops", "settle_drops", "undrop"]

REASON_LIMIT = 500

logger = structlog.get_logger(__name__)


class Dropped(NamedTuple):
    """An event that a read model leaves out. ``dropped_by``: ``role:id``."""

    model: str
    position: int
    aggregate_id: UUID
    version: int
    topic: str
    cause: str
    log: str
    reason: str
    dropped_by: str
    dropped_at: datetime


def dropped(dsn: str, *, models: Sequence[Model] = MODELS) -> list[Dropped]:
    """Return what the read models leave out, by model, log and position."""
    with connect(dsn) as connection:
        generations(connection, models)
        rows = connection.execute(
            "SELECT model, position, aggregate_id, version, topic, cause, log, reason, dropped_by, dropped_at"
            " FROM read_meta.dropped WHERE model = ANY(%s) ORDER BY model, log, position",
            [[model.name for model in models]],
        )
        return [Dropped(*row) for row in rows]


def drop(dsn: str, log: Log, decode: Decode, letters: Sequence[DeadLetter], *, by: str, reason: str) -> int:
    """Leave out the event that holds up a ticket and fold what waits behind it, in one transaction.

    Args:
        dsn: of the read models.
        log: that holds the event.
        decode: record -> event.
        letters: the ticket's dead letters, the one to drop first, as :func:`projections.dead_letters.find_letters` returns them.
        by: who drops it, as ``role:id``.
        reason: 1 to 500 characters.
    Returns:
        How many events that waited behind it are folded now; without its first event a ticket has no row.
    Raises:
        InvalidCommand: the reason is empty or too long; or the event only waits behind another one.
        NotFound: it is no dead letter any more.
        EpochMismatch: the log does not hold the event.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= REASON_LIMIT:
        raise InvalidCommand(
            "drop a dead letter", "--reason", reason, f"1 to {REASON_LIMIT} characters", "say why it can be left out"
        )
    letter, model = letters[0], model_named(letters[0].model)
    with connect(dsn) as connection, locked(connection):
        generation = live(connection, [model])[model.name].generation
        with connection.transaction():
            hold(connection, [model.name, generation, log.name])
            _refuse_waiting(connection, letter, generation)
            made = connection.execute(
                "INSERT INTO read_meta.dropped (model, log, aggregate_id, version, position, recorded_at, topic, cause,"
                " reason, dropped_by) SELECT model, log, aggregate_id, version, position, %s, topic, cause, %s, %s"
                " FROM read_meta.dead_letters WHERE model = %s AND generation = %s AND log = %s AND position = %s",
                [record_of(log, letter).recorded_at, reason, by, model.name, generation, log.name, letter.position],
            )
            if made.rowcount != 1:
                raise NotFound(
                    "dead letter",
                    f"at position {letter.position} in read model {model.name!r} that holds up its ticket",
                    "somebody retried or dropped it: see `ticketcore dead-letters list`",
                )
            tables = Tables(model, model.name)
            return fold_parked(connection, log, decode, tables, generation, letter.aggregate_id) - 1


def undrop(dsn: str, log: Log, decode: Decode, model: Model, position: int) -> int:
    """Take a drop back: fold the whole ticket anew, from its first event; return how many dead letters it has then.

    Waits for a rebuild of the model to end. Tables beside the live ones left the event out and can't go live any more.

    Raises:
        NotFound: nothing was dropped at the position.
    """
    with connect(dsn) as connection, locked(connection, REBUILD_LOCK.format(model.name)), locked(connection):
        generation = live(connection, [model])[model.name].generation
        with connection.transaction():
            connection.execute("DELETE FROM read_meta.models WHERE model = %s AND role <> 'live'", [model.name])
            gone = connection.execute(
                "DELETE FROM read_meta.dropped WHERE model = %s AND log = %s AND position = %s RETURNING aggregate_id",
                [model.name, log.name, position],
            ).fetchone()
            if gone is None:
                raise NotFound(
                    "drop",
                    f"at position {position} in read model {model.name!r}",
                    "see `ticketcore dead-letters drops`",
                )
            return _fold_anew(connection, log, decode, Projector(model), generation, gone[0])


def settle_drops(connection: Connection, log: Log, decode: Decode, projector: Projector, generation: int) -> None:
    """Leave out of a generation what was dropped after it had parked or folded it; called before it goes live."""
    rows = connection.execute(
        "SELECT DISTINCT aggregate_id FROM read_meta.dropped WHERE model = %s AND log = %s",
        [projector.model.name, log.name],
    ).fetchall()
    for (id_,) in rows:
        with connection.transaction():
            _fold_anew(connection, log, decode, projector, generation, id_)


def forget_lost_drops(connection: Connection, log: Log, model: Model) -> None:
    """Forget drops of events that a restored log does not hold any more; a rebuild calls it at its start."""
    rows = connection.execute(
        "SELECT position, aggregate_id, version, recorded_at FROM read_meta.dropped WHERE model = %s AND log = %s",
        [model.name, log.name],
    ).fetchall()
    for position, *event in rows:
        found = [[r.originator_id, r.originator_version, r.recorded_at] for r in log.read(position - 1, 1)]
        if found != [event]:
            logger.warning("drop.forgotten", model=model.name, log=log.name, position=position, reason="event lost")
            connection.execute(
                "DELETE FROM read_meta.dropped WHERE model = %s AND log = %s AND position = %s",
                [model.name, log.name, position],
            )


def _refuse_waiting(connection: Connection, letter: DeadLetter, generation: int) -> None:
    rows = connection.execute(
        "SELECT position FROM read_meta.dead_letters WHERE model = %s AND generation = %s AND log = %s AND aggregate_id = %s"
        " ORDER BY starts_with(cause, %s), version LIMIT 1",
        [letter.model, generation, letter.log, letter.aggregate_id, WAITS],
    ).fetchall()
    if rows and rows[0][0] != letter.position:
        raise InvalidCommand(
            "drop a dead letter", "POSITION", letter.position, f"{rows[0][0]}, which holds up the ticket",
            "what waits behind it is folded then",
        )  # fmt: skip


def _fold_anew(
    connection: Connection, log: Log, decode: Decode, projector: Projector, generation: int, id_: UUID
) -> int:
    """Fold one aggregate from its first event, in the caller's transaction; return how many dead letters it has then."""
    key = [projector.model.name, generation, log.name]
    hold(connection, key)
    for table in projector.model.tables:
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE {} = %s").format(
                projector.tables.name(table.name), sql.Identifier(table.columns[0])
            ),
            [id_],
        )
    connection.execute(
        "DELETE FROM read_meta.dead_letters WHERE model = %s AND generation = %s AND log = %s AND aggregate_id = %s",
        [*key, id_],
    )
    at = _checkpoint(connection, key, id_)
    records = [record for record in log.load([id_]).streams.get(id_, ()) if record.position <= at.position]
    parked = fold_together(connection, projector.tables, decoded(decode, records))
    projector.park(connection, at, parked)
    return len(parked)


def _checkpoint(connection: Connection, key: Sequence[object], id_: UUID) -> Checkpoint:
    """Return the checkpoint that an aggregate's events are below."""
    rows = connection.execute(
        f"{CHECKPOINTS} WHERE model = %s AND generation = %s AND log = %s".encode(), key
    ).fetchall()
    points = {point.partition: point for point in map(Checkpoint._make, rows)}
    return points.get(EMBEDDED) or points[partition_of(id_, len(points))]
