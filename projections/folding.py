"""The fold of a batch, without any I/O: the same for the log, for Kafka, for a rebuild, for memory and for tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from projections.base import Model, Row, State, Write
from projections.feed import Decode
from ticketcore.ids import Kind

if TYPE_CHECKING:
    from ticketcore.domain.base import Event
    from ticketcore.store.port import Record

__all__ = [
    "NOTHING_LEFT_OUT", "WAITS", "Batch", "Folded", "Item", "LeftOut", "Parked", "aggregates", "cause_of", "concerned",
    "decoded", "fold", "grouped",
]  # fmt: skip

_KINDS = frozenset(map(int, Kind))
LeftOut = Mapping[UUID, Collection[int]]
"""Aggregate -> versions of its events that an operator dropped."""
NOTHING_LEFT_OUT: LeftOut = {}
WAITS = "waits behind version "
"""Begins the cause of an event that waits; the version that it waits behind follows."""
_KEY = 2
"""Columns of every child table's key: the aggregate and a number."""


class Item(NamedTuple):
    """A record, decoded once for all models. ``error``: why it could not be; then ``event`` is ``None``."""

    record: Record
    kind: int
    event: Event | None
    error: str | None = None


class Parked(NamedTuple):
    """An event that was set aside: the poisonous one, or one that waits behind it."""

    position: int
    aggregate_id: UUID
    version: int
    topic: str
    cause: str


class Folded(NamedTuple):
    """What a batch changes.

    Attributes:
        mains: table -> aggregate id -> its row after the batch, of aggregates that were touched.
        children: table -> key -> row.
        parked: events that were set aside, in order.
    """

    mains: dict[str, dict[UUID, Row]]
    children: dict[str, dict[tuple[object, ...], Row]]
    parked: list[Parked]


class Batch(list[Item]):
    """Items in order; which of them belong together is worked out once for all models."""

    @cached_property
    def groups(self) -> dict[int, list[Item]]:
        """By aggregate, in order; the keys are the ids as numbers, since a UUID's own hash is a function in Python."""
        return _grouped(self)


def _grouped(items: Iterable[Item]) -> dict[int, list[Item]]:
    groups: dict[int, list[Item]] = {}
    for item in items:
        id_ = item[0][2].int
        if id_ in groups:
            groups[id_].append(item)
        else:
            groups[id_] = [item]
    return groups


def grouped(items: Iterable[Item]) -> dict[int, list[Item]]:
    """Return *items* by aggregate, in order."""
    return items.groups if isinstance(items, Batch) else _grouped(items)


def decoded(decode: Decode, records: Iterable[Record]) -> Batch:
    """Decode *records*; what can't be read keeps its cause, so that a model can park it."""
    items = Batch()
    make, add = tuple.__new__, items.append  # a NamedTuple's own way is a function in Python
    for record in records:
        kind = record[2].int >> 120
        try:
            add(make(Item, (record, kind, decode(record), None)))
        except Exception as error:  # noqa: BLE001 whatever a stored event holds must not stop the others
            add(Item(record, kind, None, cause_of(error)))
    return items


def aggregates(items: Iterable[Item]) -> list[UUID]:
    """Return the aggregates of *items*, each once."""
    return [group[0].record.originator_id for group in grouped(items).values()]


def concerned(model: Model, items: Iterable[Item]) -> dict[UUID, int]:
    """Return the aggregates of *items* that have a row in *model*, with their kind."""
    kinds = frozenset(map(int, model.mains))
    firsts = [group[0] for group in grouped(items).values()]
    return {first.record.originator_id: first.kind for first in firsts if first.kind in kinds}


def cause_of(error: BaseException) -> str:
    """Return an error as one line of at most 500 characters, fit for a data base's text."""
    return f"{type(error).__name__}: {error}".replace("\0", "\\0").replace("\n", " ")[:500]


def fold(
    model: Model,
    items: Sequence[Item],
    states: Mapping[UUID, Row],
    parked: Mapping[UUID, int],
    left_out: LeftOut = NOTHING_LEFT_OUT,
) -> Folded:
    """Fold a batch.

    Args:
        model: the read model.
        items: in the log's order; those a row holds already (by version) are passed over, also where its ticket waits.
        states: the main rows of the batch's aggregates, where they have one.
        parked: aggregates that wait behind a dead letter -> version of the event they wait behind.
        left_out: events to pass over as if they changed nothing; without its first event an aggregate has no row.
    """
    folded = Folded(
        {table.name: {} for table in model.mains.values()}, {table.name: {} for table in model.children}, []
    )
    kinds = frozenset(map(int, model.mains))
    for group in grouped(items).values():
        first = group[0]
        mine = group if first.kind in kinds else []
        if (
            first.kind not in _KINDS
        ):  # what a newer library records about a new kind of aggregate is parked, not dropped
            mine = [item for item in group if item.event is None]
        if mine:
            _fold_one(model, mine, states, parked, left_out.get(first.record.originator_id, ()), folded)
    folded.parked.sort()
    return folded


def _fold_one(
    model: Model,
    items: Sequence[Item],
    states: Mapping[UUID, Row],
    parked: Mapping[UUID, int],
    left_out: Collection[int],
    folded: Folded,
) -> None:
    """Fold one aggregate's part of a batch."""
    id_ = items[0].record.originator_id
    row = states.get(id_)
    if row is None and 1 in left_out:
        return
    held = 0 if row is None else row.version
    state = None if row is None else model.begin(row)
    stuck, touched = parked.get(id_), False
    done: list[Event] = []
    writes: list[Write] = []
    evolve = model.evolve
    for record, _, event, error in items:
        version = record[3]
        if version <= held:
            continue
        due = version == held + 1
        if due and event is not None and (stuck is None or version < stuck) and version not in left_out:
            try:
                state, written = evolve(state, event)
            except Exception as failure:  # noqa: BLE001 one ticket's poison must not stop the others
                problem = cause_of(failure)
                state = _again(model, row, done)
            else:
                touched, held = True, version
                done.append(event)
                if written:
                    writes += written
                continue
        elif stuck is not None and version >= stuck:
            problem = f"{WAITS}{stuck}"
        elif due and version in left_out:
            touched, held = True, version
            continue
        elif event is None:
            problem = error or "no event"
        else:
            problem = f"version {version} follows version {held} here, expected {held + 1} (rebuild {model.name!r})"
        stuck = version if stuck is None else min(stuck, version)
        folded.parked.append(Parked(record.position, id_, version, record.topic, problem))
    if touched and state is not None:
        table = next(table.name for kind, table in model.mains.items() if kind == items[0].kind)
        row = model.row(state)
        folded.mains[table][id_] = row if row.version == held else row._replace(version=held)
        for table, written_row in writes:
            folded.children[table][written_row[:_KEY]] = written_row


def _again(model: Model, row: Row | None, events: Iterable[Event]) -> State | None:
    """Return the state before an event that failed: it may have left a state half changed."""
    state = None if row is None else model.begin(row)
    for event in events:
        state, _ = model.evolve(state, event)
    return state
