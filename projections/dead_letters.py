"""Events that were set aside, and folding them again once the code knows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from projections.base import Model
from projections.feed import Decode, Log
from projections.folding import Folded, concerned, decoded, fold
from projections.runner import locked
from projections.schema import MODELS, Connection, connect, live
from projections.tables import Tables

__all__ = ["DeadLetter", "dead_letters", "retry_dead_letters"]


class DeadLetter(NamedTuple):
    """An event that a read model could not fold, or that waits behind one."""

    model: str
    position: int
    aggregate_id: UUID
    version: int
    topic: str
    cause: str


def dead_letters(dsn: str, *, models: Sequence[Model] = MODELS) -> list[DeadLetter]:
    """Return all dead letters of the live read models, by model and position."""
    with connect(dsn) as connection:
        generations = live(connection, models)
        return [
            DeadLetter(model.name, *row)
            for model in models
            for row in connection.execute(
                "SELECT position, aggregate_id, version, topic, cause FROM read_meta.dead_letters"
                " WHERE model = %s AND generation = %s ORDER BY position",
                [model.name, generations[model.name].generation],
            )
        ]


def retry_dead_letters(dsn: str, log: Log, decode: Decode, *, models: Sequence[Model] = MODELS) -> dict[str, int]:
    """Fold parked tickets and customers again; what still can't be folded stays parked.

    Returns:
        model -> how many events left the dead letters.
    """
    with connect(dsn) as connection, locked(connection):
        generations = live(connection, models)
        return {
            model.name: _retry(connection, log, decode, model, generations[model.name].generation) for model in models
        }


def _retry(connection: Connection, log: Log, decode: Decode, model: Model, generation: int) -> int:
    ids = connection.execute(
        "SELECT DISTINCT aggregate_id FROM read_meta.dead_letters WHERE model = %s AND generation = %s AND log = %s",
        [model.name, generation, log.name],
    ).fetchall()
    return sum(_retry_one(connection, log, decode, model, generation, id_) for (id_,) in ids)


def _retry_one(
    connection: Connection,
    log: Log,
    decode: Decode,
    model: Model,
    generation: int,
    id_: UUID,
) -> int:
    key = [model.name, generation, log.name]
    tables = Tables(model, model.name)
    with connection.transaction():
        connection.execute(  # no worker folds this model meanwhile
            "SELECT 1 FROM read_meta.checkpoints WHERE model = %s AND generation = %s AND log = %s FOR UPDATE", key
        )
        positions = [
            position
            for (position,) in connection.execute(
                "SELECT position FROM read_meta.dead_letters"
                " WHERE model = %s AND generation = %s AND log = %s AND aggregate_id = %s ORDER BY position",
                [*key, id_],
            )
        ]
        wanted = set(positions)
        records = [record for record in log.load([id_]).streams.get(id_, ()) if record.position in wanted]
        items = decoded(decode, records)
        known = tables.load(connection, concerned(model, items))
        folded: Folded = fold(model, items, known, {})
        tables.write(connection, folded, known)
        still = {event.position: event.cause for event in folded.parked}
        done = [position for position in positions if position not in still]
        connection.execute(
            "DELETE FROM read_meta.dead_letters"
            " WHERE model = %s AND generation = %s AND log = %s AND position = ANY(%s)",
            [*key, done],
        )
        connection.execute(
            "UPDATE read_meta.dead_letters d SET cause = now.cause"
            " FROM unnest(%s::bigint[], %s::text[]) AS now (position, cause)"
            " WHERE d.model = %s AND d.generation = %s AND d.log = %s AND d.position = now.position",
            [list(still), list(still.values()), *key],
        )
    return len(done)
