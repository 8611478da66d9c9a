"""Events that were set aside: listing them, and folding them again once the code knows them.

A read model folds a ticket's events in order, so the later ones wait behind the one that can't be folded. Each step is
one transaction that holds the model's checkpoints, so no worker folds the ticket meanwhile, and a kill undoes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from projections.base import Model
from projections.feed import Decode, Log
from projections.folding import WAITS, Item, LeftOut, Parked, cause_of, concerned, decoded, fold
from projections.runner import TRANSIENT, locked
from projections.schema import MODELS, NOT_AS_MADE, Connection, connect, generations, live
from projections.tables import Tables
from ticketcore.errors import EpochMismatch, InvalidCommand, NotFound
from ticketcore.store.port import Record

__all__ = [
    "DeadLetter", "dead_letters", "find_letters", "fold_parked", "fold_together", "hold", "record_of", "retry_dead_letters",
]  # fmt: skip


class DeadLetter(NamedTuple):
    """An event that a read model could not fold, or that waits behind one.

    Attributes:
        cause: kind of error and message, or behind which version it waits.
        parked_at: since when it waits; ``tried_at``: when it was tried last.
        tries: how often, the first time included.
    """

    model: str
    position: int
    aggregate_id: UUID
    version: int
    topic: str
    cause: str
    log: str
    parked_at: datetime
    tries: int
    tried_at: datetime

    @property
    def waits(self) -> bool:
        """Whether it only waits behind another event, which holds up its ticket."""
        return self.cause.startswith(WAITS)


def dead_letters(dsn: str, *, models: Sequence[Model] = MODELS) -> list[DeadLetter]:
    """Return all dead letters of the live read models, by model, log and position."""
    with connect(dsn) as connection:
        found = generations(connection, models)
        return [
            DeadLetter(model.name, *row)
            for model in models
            for row in connection.execute(
                "SELECT position, aggregate_id, version, topic, cause, log, parked_at, tries, tried_at"
                " FROM read_meta.dead_letters WHERE model = %s AND generation = %s ORDER BY log, position",
                [model.name, found[model.name].generation],
            )
        ]


def find_letters(dsn: str, model: Model, which: int | UUID, log: str | None = None) -> list[DeadLetter]:
    """Return the dead letters of one ticket or customer: the one that can't be folded, then those behind it, by version.

    Args:
        dsn: of the read models.
        model: the read model.
        which: the position of any of them, or the ticket's or customer's id.
        log: name of the log; needed where two logs have a dead letter at the position.
    Raises:
        NotFound: there is none.
        InvalidCommand: there is one in more than one log.
    """
    letters = [letter for letter in dead_letters(dsn, models=[model]) if log in (None, letter.log)]
    found = [letter for letter in letters if which in (letter.position, letter.aggregate_id)]
    if not found:
        what = f"at position {which}" if isinstance(which, int) else f"of {which}"
        raise NotFound("dead letter", f"{what} in read model {model.name!r}", "see `ticketcore dead-letters list`")
    logs = sorted({letter.log for letter in found})
    if len(logs) > 1:
        raise InvalidCommand(
            "choose a dead letter", "--log", None, f"one of {', '.join(logs)}", "positions are each log's own"
        )
    same = [letter for letter in letters if letter.aggregate_id == found[0].aggregate_id]
    return sorted(same, key=lambda letter: (letter.waits, letter.version))


def record_of(log: Log, letter: DeadLetter) -> Record:
    """Return the event of a dead letter as *log* holds it.

    Raises:
        EpochMismatch: the log holds no event there, or another one.
    """
    for record in log.read(letter.position - 1, 1):
        if (record.originator_id, record.originator_version) == (letter.aggregate_id, letter.version):
            return record
    raise _lost(log, letter.model, letter.position)


def _lost(log: Log, model: str, position: int) -> EpochMismatch:
    return EpochMismatch(
        f"read model {model!r} has a dead letter at position {position} of log {log.name!r}, which does not hold that event,"
        f" expected it there: the log was restored (run `ticketcore recover`, or `ticketcore rebuild {model}`)"
    )


def retry_dead_letters(
    dsn: str, log: Log, decode: Decode, *, models: Sequence[Model] = MODELS, ids: Collection[UUID] | None = None
) -> dict[str, int]:
    """Fold parked tickets and customers of *log* again; what still can't be folded stays parked.

    Args:
        dsn: of the read models.
        log: whose dead letters; those of other logs stay.
        decode: record -> event.
        models: which read models.
        ids: which tickets and customers; ``None`` for all.
    Returns:
        model -> how many events left the dead letters.
    Raises:
        EpochMismatch: the log does not hold one of them: it was restored. That ticket's stay as they are.
    """
    with connect(dsn) as connection, locked(connection):
        generations = live(connection, models)
        done = {}
        for model in models:
            generation = generations[model.name].generation
            waiting = connection.execute(
                "SELECT DISTINCT aggregate_id FROM read_meta.dead_letters"
                " WHERE model = %s AND generation = %s AND log = %s AND (%s::uuid[] IS NULL OR aggregate_id = ANY(%s))",
                [model.name, generation, log.name, *[None if ids is None else list(ids)] * 2],
            ).fetchall()
            tables = Tables(model, model.name)
            done[model.name] = sum(fold_parked(connection, log, decode, tables, generation, id_) for (id_,) in waiting)
        return done


def fold_parked(
    connection: Connection, log: Log, decode: Decode, tables: Tables, generation: int, id_: UUID
) -> int:  # fmt: skip
    """Fold one aggregate's dead letters again, in one transaction; return how many are none any more."""
    key = [tables.model.name, generation, log.name]
    with connection.transaction():
        hold(connection, key)
        positions = {
            position
            for (position,) in connection.execute(
                "SELECT position FROM read_meta.dead_letters"
                " WHERE model = %s AND generation = %s AND log = %s AND aggregate_id = %s",
                [*key, id_],
            )
        }
        records = [record for record in log.load([id_]).streams.get(id_, ()) if record.position in positions]
        if lost := positions - {record.position for record in records}:
            raise _lost(log, tables.model.name, min(lost))
        still = fold_together(connection, tables, decoded(decode, records))
        waiting = {event.position: event.cause for event in still}
        connection.execute(
            "DELETE FROM read_meta.dead_letters"
            " WHERE model = %s AND generation = %s AND log = %s AND position = ANY(%s)",
            [*key, sorted(positions - set(waiting))],
        )
        connection.execute(
            "UPDATE read_meta.dead_letters d SET cause = now.cause, tries = tries + 1, tried_at = clock_timestamp()"
            " FROM unnest(%s::bigint[], %s::text[]) AS now (position, cause)"
            " WHERE d.model = %s AND d.generation = %s AND d.log = %s AND d.position = now.position",
            [list(waiting), list(waiting.values()), *key],
        )
    return len(positions) - len(waiting)


def hold(connection: Connection, key: Sequence[Any]) -> None:
    """Keep workers from folding until the transaction ends. *key*: model, generation and log."""
    connection.execute(
        "SELECT 1 FROM read_meta.checkpoints WHERE model = %s AND generation = %s AND log = %s FOR UPDATE", key
    )


def fold_together(connection: Connection, tables: Tables, items: Sequence[Item]) -> list[Parked]:
    """Fold events of one aggregate, in order, and return those that can't be; drops are left out.

    What the data base refuses for its content is found by folding them one at a time.
    """
    if not items:
        return []
    id_ = items[0].record.originator_id
    rows = connection.execute(
        "SELECT version FROM read_meta.dropped WHERE model = %s AND aggregate_id = %s", [tables.model.name, id_]
    )
    left_out = {id_: {version for (version,) in rows}}
    try:
        return _fold(connection, tables, items, left_out)
    except (*TRANSIENT, *NOT_AS_MADE):
        raise
    except Exception:  # noqa: BLE001 found one at a time
        return _fold_one_at_a_time(connection, tables, items, left_out)


def _fold_one_at_a_time(
    connection: Connection, tables: Tables, items: Sequence[Item], left_out: LeftOut
) -> list[Parked]:
    parked: list[Parked] = []
    for item in items:
        record = item.record
        at = (record.position, record.originator_id, record.originator_version, record.topic)
        if parked:
            parked.append(Parked(*at, f"{WAITS}{parked[0].version}"))
            continue
        try:
            parked += _fold(connection, tables, [item], left_out)
        except (*TRANSIENT, *NOT_AS_MADE):
            raise
        except Exception as error:  # noqa: BLE001 the cause is kept
            parked.append(Parked(*at, cause_of(error)))
    return parked


def _fold(connection: Connection, tables: Tables, items: Sequence[Item], left_out: LeftOut) -> list[Parked]:
    with connection.transaction():
        known = tables.load(connection, concerned(tables.model, items))
        folded = fold(tables.model, items, known, {}, left_out)
        tables.write(connection, folded, known)
    return folded.parked
