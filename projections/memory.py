"""The read models in dictionaries: the same folds, for tests of services that embed the library."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from projections.base import Model, Row
from projections.feed import Decode, Log
from projections.folding import Parked, decoded, fold
from projections.history import Message, TicketOwner
from projections.queues import IN_QUEUE, order
from projections.schema import MODELS
from ticketcore.errors import WaitTimeout
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.read_models import Correspondence, Entry, QueueEntry
from ticketcore.store.codec import Codec
from ticketcore.store.port import Record

if TYPE_CHECKING:
    from datetime import datetime


__all__ = ["MemoryReadModels", "MemoryTables", "open_memory_read_models"]


class MemoryTables:
    """One model's tables: ``rows[table][key] -> row``; the first columns are the key.

    ``left_out``: aggregate -> versions of events to pass over.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.rows: dict[str, dict[Any, Row]] = {table.name: {} for table in model.tables}
        self.parked: list[Parked] = []
        self._states: dict[UUID, Row] = {}
        self._stuck: dict[UUID, int] = {}
        self.left_out: dict[UUID, set[int]] = {}

    def apply(self, decode: Decode, records: Iterable[Record]) -> None:
        """Fold a batch."""
        items = decoded(decode, records)
        ids = {item.record.originator_id for item in items}
        states = {id_: self._states[id_] for id_ in ids if id_ in self._states}
        folded = fold(self.model, items, states, self._stuck, self.left_out)
        for table, mains in folded.mains.items():
            self._states.update(mains)
            self.rows[table].update({(id_,): row for id_, row in mains.items()})
        for table, children in folded.children.items():
            self.rows[table].update(children)
        for event in folded.parked:
            self._stuck.setdefault(event.aggregate_id, event.version)
        self.parked += folded.parked

    def state(self, id_: UUID) -> Row | None:
        """Return an aggregate's main row."""
        return self._states.get(id_)


class MemoryReadModels:
    """Fulfils :class:`ticketcore.read_models.ReadModels`. Thread-safe.

    Args:
        log: the log.
        decode: record -> event.
        batch: records at a time.
    """

    def __init__(self, log: Log, decode: Decode, *, batch: int = 1_000) -> None:
        self._log, self._decode, self._batch = log, decode, batch
        self._position = 0
        self._mutex = threading.RLock()
        self.tables = {model.name: MemoryTables(model) for model in MODELS}

    def catch_up(self) -> int:
        with self._mutex:
            while records := self._log.read(self._position, self._batch):
                for tables in self.tables.values():
                    tables.apply(self._decode, records)
                self._position = records[-1].position
            return self._position

    def position(self) -> int:
        return self._position

    def wait_for(self, aggregate_id: UUID, version: int, timeout: float) -> None:
        kind = kind_of(aggregate_id) or Kind.TICKET
        models = [model.name for model in MODELS if kind in model.mains]
        with self._mutex:
            self.catch_up()
            for name in models:
                row = self.tables[name].state(aggregate_id)
                if row is None or row.version < version:
                    raise WaitTimeout(f"{number_of(aggregate_id)} in read model {name!r}", version, timeout)

    def queue(
        self, *, team_id: str | None = None, agent_id: str | None = None, limit: int = 100
    ) -> Sequence[QueueEntry]:
        with self._mutex:
            rows = [
                row
                for row in self.tables["queues"].rows["tickets"].values()
                if row.status in IN_QUEUE and team_id in (None, row.team_id) and agent_id in (None, row.agent_id)
            ]
        rows.sort(key=order)
        return [QueueEntry(*(getattr(row, name) for name in QueueEntry._fields)) for row in rows[:limit]]

    def history(
        self, customer_id: UUID, *, limit: int = 1_000, before: datetime | None = None, after: Entry | None = None
    ) -> Sequence[Correspondence]:
        with self._mutex:
            rows = self.tables["history"].rows
            persons = self._same_person(customer_id)
            known = [
                (
                    message,
                    rows["tickets"][(message.ticket_id,)],
                    rows["correspondence"].get((message.ticket_id, message.corrects)) or message,
                )
                for message in rows["correspondence"].values()
            ]
        found = [entry for entry in known if entry[1].requester_id in persons or entry[2].author_id in persons]
        found.sort(key=lambda entry: (entry[0].occurred_at, entry[0].ticket_id, entry[0].version), reverse=True)
        entries = [_correspondence(message, owner, original) for message, owner, original in found]
        return [
            e
            for e in entries
            if e.direction != "internal"
            and (before is None or e.occurred_at < before)
            and (after is None or (e.occurred_at, e.ticket_id, e.version) < after)
        ][:limit]

    def members(self, organisations: Sequence[str]) -> Sequence[UUID]:
        with self._mutex:
            rows = list(self.tables["history"].rows["customers"].values())
        found = (row for row in rows if row.organisation_id in organisations)
        return sorted(row.customer_id for row in found if row.merged_into is None and not row.forgotten)

    def tickets_of(self, customer_id: UUID) -> Sequence[UUID]:
        with self._mutex:
            persons = self._same_person(customer_id)
            owners = [row for row in self.tables["history"].rows["tickets"].values() if row.requester_id in persons]
        return [row.ticket_id for row in sorted(owners, key=lambda row: (row.opened_at, row.ticket_id))]

    def close(self) -> None:
        """Nothing to give back."""

    def _same_person(self, customer_id: UUID) -> set[UUID]:
        links = [
            (row.customer_id, row.merged_into)
            for row in self.tables["history"].rows["customers"].values()
            if row.merged_into is not None
        ]
        known, size = {customer_id}, 0
        while size != len(known):
            size = len(known)
            for link in links:
                if not known.isdisjoint(link):
                    known.update(link)
        return known


def _correspondence(message: Message, owner: TicketOwner, original: Message) -> Correspondence:
    return Correspondence(
        requester_id=owner.requester_id,
        author_id=original.author_id,
        ticket_id=message.ticket_id,
        number=owner.number,
        version=message.version,
        occurred_at=message.occurred_at,
        kind=message.kind,
        direction=original.direction or "",
        channel=original.channel or "",
        actor=message.actor,
        sealed=message.sealed,
        overflow=message.overflow,
        blobs=tuple(message.blobs),
    )


def open_memory_read_models(log: Log) -> MemoryReadModels:
    """Return read models in memory that read *log*."""
    return MemoryReadModels(log, Codec().decode_to_fold)
