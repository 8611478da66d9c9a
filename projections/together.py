"""One step of one or several models: what came of a log's partitions becomes rows and moved checkpoints, in one transaction.

Events are decoded once for all models, and the commit is shared. Each model keeps checkpoints of its own, so one that a
rebuild brought further than the others passes over what it holds.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from projections.base import Row
from projections.checkpoints import Checkpoint, Move, check_moved, moving
from projections.folding import Batch as Whole
from projections.folding import Item, aggregates, concerned, fold
from projections.observing import Batch
from projections.schema import NOT_AS_MADE, SERVER_LOST, Connection
from projections.tables import Query, Rest, ask, ask_one, write_rest
from ticketcore.errors import TicketCoreError

if TYPE_CHECKING:
    from projections.projector import Projector

__all__ = ["Part", "apply_together", "step"]

_FEW = 64
"""Up to so many events, round trips cost more than bytes."""
_position = attrgetter("record.position")


class Part(NamedTuple):
    """What came of one partition.

    Attributes:
        items: in order.
        points: each model's checkpoint, as last read or returned; what lies at or below it is passed over.
        offset: of the last item in its partition; ``None`` where the log itself is read.
    """

    items: Sequence[Item]
    points: tuple[Checkpoint, ...]
    offset: int | None

    def new(self, model: int) -> Sequence[Item]:
        """Return the items above the checkpoint of the model of that number."""
        held = self.points[model].position
        if not self.items or self.items[0].record.position > held:
            return self.items
        return self.items[bisect_right(self.items, held, key=_position) :]


class _Aside(NamedTuple):
    """Aggregate -> version that it waits behind, and aggregate -> versions that were dropped."""

    stuck: dict[UUID, int]
    dropped: dict[UUID, Collection[int]]


def apply_together(
    connection: Connection, projectors: Sequence[Projector], parts: Sequence[Part]
) -> list[tuple[Checkpoint, ...]]:
    """Fold *parts* of one log into all models and return each part's moved checkpoints.

    What the data base refuses for its content is found model by model, by halving, and parked; the rest passes.

    Args:
        connection: in autocommit mode, outside a transaction.
        projectors: in the order of each part's checkpoints.
        parts: of different partitions of one log.
    Raises:
        CheckpointMoved: somebody else moved a checkpoint or replaced tables: nothing was written, unless content was refused.
        psycopg.Error: one of ``SERVER_LOST``: likewise, try again.
        StoreUnavailable: tables or rights are missing.
    """
    try:
        return step(connection, projectors, parts)
    except (*SERVER_LOST, TicketCoreError):
        raise
    except Exception:  # noqa: BLE001 what one ticket's content does must stop neither the others nor other models
        return [
            tuple(
                projector.apply(connection, part.new(number), part.points[number], offset=part.offset)
                for number, projector in enumerate(projectors)
            )
            for part in parts
        ]


def step(
    connection: Connection, projectors: Sequence[Projector], parts: Sequence[Part]
) -> list[tuple[Checkpoint, ...]]:
    """Do what :func:`apply_together` says, or raise what the data base or a fold does."""
    reached = [list(part.points) for part in parts]
    moves = list[Move]()
    for number, projector in enumerate(projectors):
        for part, points in zip(parts, reached, strict=True):
            if part.new(number):
                at, position = points[number], part.items[-1].record.position
                moves.append(Move(projector.model.name, at, position, part.offset))
                points[number] = at._replace(position=position, offset=part.offset)
    if not moves:
        return [part.points for part in parts]
    whole = parts[0].items if len(parts) == 1 else Whole([item for part in parts for item in part.items])
    concerns = {one.model for one in moves}
    todo = [
        _Share.of(projector, number, parts, whole)
        for number, projector in enumerate(projectors)
        if projector.model.name in concerns
    ]
    few = len(whole) <= _FEW
    try:
        batches = _written(connection, moves, whole, todo, few=few)
    except NOT_AS_MADE:
        if not few:
            raise
        # Tables were read in one message with the checkpoints' moving: that tells first now whether they were replaced.
        batches = _written(connection, moves, whole, todo, few=False)
    for share, batch in zip(todo, batches, strict=True):
        share.projector.observer.projected(batch)
    return [tuple(points) for points in reached]


def _written(
    connection: Connection, moves: Sequence[Move], whole: Sequence[Item], todo: Sequence[_Share], *, few: bool
) -> list[Batch]:
    """Fold and write in one transaction; *few*: checkpoints are moved and rows asked for in one round trip."""
    began, batches, rest = time.perf_counter(), list[Batch](), list[Rest]()
    with connection.transaction():
        aside, loaded = _ask(connection, moves, whole, todo, few=few)
        load = (time.perf_counter() - began) / len(todo)
        for share, known in zip(todo, loaded, strict=True):
            batches.append(_write(connection, share, known, aside[share.projector.model.name], load, rest))
        write_rest(connection, rest)
    seconds = time.perf_counter() - began
    return [batch._replace(whole=seconds) for batch in batches]


class _Share(NamedTuple):
    """A model's share of a step: its new items, how many of each partition, and what to ask for their rows."""

    projector: Projector
    items: Sequence[Item]
    at: Checkpoint
    counts: Mapping[int, int]
    queries: Sequence[Query]

    @classmethod
    def of(cls, projector: Projector, number: int, parts: Sequence[Part], whole: Sequence[Item]) -> _Share:
        news = [part.new(number) for part in parts]
        items = whole if sum(map(len, news)) == len(whole) else Whole([item for new in news for item in new])
        counts = {part.points[number].partition: len(new) for part, new in zip(parts, news, strict=True) if new}
        queries = projector.tables.queries(concerned(projector.model, items))
        return cls(projector, items, parts[0].points[number], counts, queries)


def _ask(
    connection: Connection, moves: Sequence[Move], whole: Sequence[Item], todo: Sequence[_Share], *, few: bool
) -> tuple[dict[str, _Aside], list[dict[UUID, Row]]]:
    """Move the checkpoints; return what each model has set aside, and each share's rows."""
    generations = {one.model: one.at.generation for one in moves}
    queries = [Query(*moving(moves)), _setting_aside(generations, whole), *(q for share in todo for q in share.queries)]
    if few:
        moved, rows, *found = ask(connection, queries)
        check_moved(moves, moved)
    else:
        check_moved(moves, ask_one(connection, queries[0]))
        rows, *found = [ask_one(connection, query) for query in queries[1:]]
    answers = iter(found)
    return _set_aside(rows, moves), [
        share.projector.tables.loaded([next(answers) for _ in share.queries]) for share in todo
    ]


def _write(
    connection: Connection, share: _Share, known: Mapping[UUID, Row], aside: _Aside, load: float, rest: list[Rest]
) -> Batch:
    """Fold and write a share but for the rows of tables that have few, which go to *rest*."""
    clock, projector = time.perf_counter, share.projector
    began = clock()
    folded = fold(projector.model, share.items, known, aside.stuck, aside.dropped)
    ready = clock()
    rest += projector.tables.write_many(connection, folded, known)
    written = clock()
    projector.park(connection, share.at, folded.parked)
    return Batch(projector.model.name, share.at.log, share.counts, load, ready - began, written - ready, 0.0)


def _setting_aside(generations: dict[str, int], whole: Sequence[Item]) -> Query:
    ids = aggregates(whole)
    return Query(
        b"SELECT model, aggregate_id, min(version), NULL FROM read_meta.dead_letters"
        b" WHERE (model, generation) IN (SELECT * FROM unnest(%s::text[], %s::integer[])) AND aggregate_id = ANY(%s)"
        b" GROUP BY model, aggregate_id UNION ALL"
        b" SELECT model, aggregate_id, NULL, array_agg(version) FROM read_meta.dropped"
        b" WHERE model = ANY(%s) AND aggregate_id = ANY(%s) GROUP BY model, aggregate_id",
        [list(generations), list(generations.values()), ids, list(generations), ids],
    )


def _set_aside(rows: Iterable[tuple[Any, ...]], moves: Sequence[Move]) -> dict[str, _Aside]:
    """Return what of the parts' aggregates each model has set aside."""
    found = {one.model: _Aside({}, {}) for one in moves}
    for model, id_, behind, versions in rows:
        if behind is not None:
            found[model].stuck[id_] = behind
        else:
            found[model].dropped[id_] = versions
    return found
