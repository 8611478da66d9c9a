"""Queries: a ticket at any instant, its history, the log, queues and customers' correspondence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.api.base import Api, Name
from ticketcore.api.given import (
    Attached,
    CustomerHistory,
    Queue,
    ReadEvents,
    ShowTicket,
    TicketHistory,
    asked,
    asked_identity,
)
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import EVENT_CLASSES, Meta
from ticketcore.domain.customer import Customer
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Actor, IdentityKind, Role
from ticketcore.errors import NotFound, UnknownEvent
from ticketcore.execution import project
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.permissions import Action, Facts, check
from ticketcore.replay import (
    Clock,
    HistoryEntry,
    RecordedEvent,
    TicketView,
    customers_view,
    entry,
    ticket_at,
    unknown_entry,
    without_notes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.execution import Recorded
    from ticketcore.read_models import Correspondence, QueueEntry, ReadModels
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import Record

__all__ = ["CustomerMessage", "LogEntry", "Queries"]

PAGE = 1_000


class LogEntry(HistoryEntry):
    """One event of the log, with the number of the ticket or customer that it belongs to."""

    number: str


class CustomerMessage(NamedTuple):
    """One message or contact of a customer, opened.

    Attributes:
        subject: of the ticket, on the message that opened it.
        body: the whole text; ``None`` where there was none or its key is gone.
    """

    number: str
    version: int
    occurred_at: datetime
    kind: str
    direction: str
    channel: str
    actor: str
    subject: str | None
    body: str | None


class Queries(Api):
    """One method per query; each asks the permission of *by* first."""

    _codec: Codec
    _read: ReadModels

    def show_ticket(
        self, ticket: Name, *, by: Actor, at: datetime | None = None, clock: Clock | str = Clock.RECORD
    ) -> TicketView:
        """Return the whole ticket, text included, as it is or as it was at *at* (aware), by either time.

        It is read from the log, so it is never stale. Whole texts are fetched from blobs.

        Raises:
            NotFound: no such ticket, or it was not there yet.
        """
        asked(ShowTicket, by=by, at=at, clock=clock)
        id_ = self._find_ticket(ticket)
        recorded = self._recorded(id_, by, Action.SHOW_TICKET)
        view = ticket_at(self._with_whole_texts(recorded), at, Clock(clock))
        if view is None:
            raise NotFound("ticket", f"{number_of(id_)} at {at}", "it was opened later: ask for a later instant")
        if by.role is Role.CUSTOMER:
            return customers_view(view)
        return view

    def ticket_history(self, ticket: Name, *, by: Actor) -> Sequence[HistoryEntry]:
        """Return every event of the ticket in order; those of a newer library unread, with a note."""
        id_ = self._find_ticket(ticket)
        asked(TicketHistory, by=by)
        records = self._log.load((id_,)).streams.get(id_, ())
        if not records or kind_of(id_) is not Kind.TICKET:
            raise NotFound("ticket", number_of(id_) if kind_of(id_) is not None else id_)
        check(by, Action.TICKET_HISTORY, Facts(f"ticket {number_of(id_)}"))
        return self._entries(records)

    def read_events(self, *, by: Actor, after: int = 0, limit: int | None = None) -> Iterator[LogEntry]:
        """Yield the log's events with positions above *after*, in order, at most *limit*; personal content opened.

        An event of a newer library comes unread, with a note (see :class:`~ticketcore.replay.HistoryEntry`).
        """
        asked(ReadEvents, by=by, after=after, limit=limit)
        check(by, Action.READ_EVENTS, Facts("the log"))
        return self._events(after, limit)

    def queue(
        self,
        *,
        by: Actor,
        team_id: str | None = None,
        agent_id: str | None = None,
        limit: int = 100,
        seen: Recorded | None = None,
    ) -> Sequence[QueueEntry]:
        """Return what waits, next to take first. *seen*: a command's result that must show.

        Raises:
            WaitTimeout: the read models did not get as far as *seen* within ``Settings.wait_timeout``.
        """
        asked(Queue, by=by, team_id=team_id, agent_id=agent_id, limit=limit, seen=seen)
        check(by, Action.QUEUE, Facts("the queue"))
        self._wait(seen)
        return self._read.queue(team_id=team_id, agent_id=agent_id, limit=limit)

    def customer_history(
        self,
        customer: Name,
        *,
        by: Actor,
        limit: int = 1_000,
        before: datetime | None = None,
        after: CustomerMessage | None = None,
        seen: Recorded | None = None,
    ) -> Sequence[CustomerMessage]:
        """Return a customer's correspondence over all channels and merged identities, newest first, opened.

        That is: of the tickets whose requester they are now, all of it; of other tickets, every message that they
        wrote themselves, with its corrections (they took part, or the ticket was theirs when it was opened). Notes
        among staff are no correspondence.

        Args:
            customer: whose.
            by: who asks.
            limit: at most so many, from 0.
            before: only what occurred before this time (aware).
            after: the last message of the page before: the next page follows it, also within one instant.
            seen: a command's result that must show.
        Raises:
            NotFound: no such customer.
            WaitTimeout: the read models did not get as far as *seen* within ``Settings.wait_timeout``.
        """
        asked(CustomerHistory, by=by, limit=limit, before=before, after=after, seen=seen)
        id_ = self._id(customer, Kind.CUSTOMER)
        if not isinstance(self._executor.load((id_,))[id_], Customer):
            raise NotFound("customer", number_of(id_) if kind_of(id_) is not None else id_)
        check(
            by, Action.CUSTOMER_HISTORY, Facts(f"customer {number_of(id_)}", own=id_ in self._executor.identities(by))
        )
        self._wait(seen)
        entry_before = None if after is None else (after.occurred_at, self._ticket(after.number), after.version)
        rows = self._read.history(id_, limit=limit, before=before, after=entry_before)
        opened = self._opened(self._events_of(rows))
        return [
            CustomerMessage(
                row.number, row.version, row.occurred_at, row.kind, row.direction, row.channel, row.actor,
                getattr(event, "subject", None), getattr(event, "body", None),
            )
            for row, event in zip(rows, map(self._whole, opened), strict=True)
        ]  # fmt: skip

    def find_customer(self, kind: IdentityKind | str, value: str, *, by: Actor) -> str | None:
        """Return the number of the customer whose identity this is, ``None`` where it is nobody's.

        Of merged records it is the one that stands for all of them.
        """
        identity = asked_identity(by, kind, value)
        check(by, Action.FIND_CUSTOMER, Facts("customers"))
        name = f"identity:{identity.kind.value}"
        claim = self._log.owner(name, self._sealer.identity_digest(name, identity.value))
        return None if claim is None else number_of(self._executor.standing_for(claim.owner))

    def attachment(self, ticket: Name, *, by: Actor, message: int, index: int) -> bytes:
        """Return the content of a message's attachment; *index* from 0, as in :class:`~ticketcore.replay.Message`.

        Raises:
            NotFound: there is none, it was withheld, or its key is gone.
        """
        return b"".join(self.attachment_stream(ticket, by=by, message=message, index=index))

    def attachment_stream(self, ticket: Name, *, by: Actor, message: int, index: int) -> Iterator[bytes]:
        """Return the same as an iterator over parts of at most 1 MiB, of which one or two are in memory.

        A part is checked before it is given out. Files of version 1 events, and those past a message's thousandth, come
        in one part.

        Raises:
            NotFound: as :meth:`attachment`, at once.
            SealBroken: the stored content was changed; while it is read.
        """
        asked(Attached, by=by, message=message, index=index)
        id_ = self._find_ticket(ticket)
        for recorded in self._recorded(id_, by, Action.SHOW_TICKET):
            event = recorded.event
            if event.originator_version == message and isinstance(event, ev.Opened | ev.Commented):
                return self._attached(event, index)
        raise _no_attachment(id_, message, index)

    def _attached(self, event: ev.Opened | ev.Commented, index: int) -> Iterator[bytes]:
        """Return the content of an opened message's attachment. Raises as :meth:`attachment_stream`."""
        files = event.attachments or ()
        file = files[index] if 0 <= index < len(files) else None
        found = None if file is None else self._file(event, file)
        if found is None:
            withheld = None if file is None else file.withheld
            raise _no_attachment(event.originator_id, event.originator_version, index, withheld)
        return found

    def _file(self, event: ev.Opened | ev.Commented, file: ev.Attachment) -> Iterator[bytes] | None:
        if file.blob is None:
            return None
        if file.per_person:
            digest = event.blobs[file.blob].digest
            parts = self._log.blob_parts(digest) if self._log.has_blob(digest) else None
            return None if parts is None else self._sealer.open_file(event, file.sha256, parts)
        content = self._blob(event, file.blob)
        start = file.offset or 0
        return (
            None if content is None else iter((content if file.size is None else content[start : start + file.size],))
        )

    def catch_up(self) -> int:
        """Bring the read models up to the log's end, where no worker does it, and return the position reached."""
        return self._read.catch_up()

    def read_position(self) -> int:
        """Return the position that every read model has reached, without moving them."""
        return self._read.position()

    def _wait(self, seen: Recorded | None) -> None:
        if self._settings.projects_inline:
            self._read.catch_up()
        if seen is not None:
            self._read.wait_for(seen.id, seen.version, self._settings.wait_timeout)

    def _events(self, after: int, limit: int | None) -> Iterator[LogEntry]:
        while limit is None or limit > 0:
            records = self._log.read(after, PAGE if limit is None else min(PAGE, limit))
            if not records:
                return
            for record, plain in zip(records, self._entries(records), strict=True):
                id_ = record.originator_id
                number = number_of(id_) if kind_of(id_) is not None else str(id_)
                yield LogEntry(number=number, **{name: getattr(plain, name) for name in HistoryEntry.model_fields})
            after = records[-1].position
            limit = None if limit is None else limit - len(records)

    def _recorded(self, id_: UUID, by: Actor, action: Action) -> list[RecordedEvent]:
        records = self._log.load((id_,)).streams.get(id_, ())
        events = [self._codec.decode(record) for record in records]
        state = project(None, id_, events)
        if not isinstance(state, Ticket):
            raise NotFound("ticket", number_of(id_) if kind_of(id_) is not None else id_)
        own = state.belongs_to(self._executor.identities(by))
        check(by, action, Facts(f"ticket {state.number}", own=own))
        recorded = self._with(records, self._opened(events))
        return without_notes(recorded) if by.role is Role.CUSTOMER else recorded

    def _entries(self, records: Sequence[Record]) -> list[HistoryEntry]:
        try:
            opened = self._opened([self._codec.decode(record) for record in records])
        except UnknownEvent as error:
            if len(records) == 1:
                return [unknown_entry(records[0], error)]
            half = len(records) // 2  # few are unknown: the others are still opened many at a time
            return self._entries(records[:half]) + self._entries(records[half:])
        return [entry(recorded) for recorded in self._with(records, opened)]

    def _with(self, records: Sequence[Record], events: Sequence[Event]) -> list[RecordedEvent]:
        return [
            RecordedEvent(position=record.position, recorded_at=record.recorded_at, event=event)
            for record, event in zip(records, events, strict=True)
        ]

    def _with_whole_texts(self, recorded: Sequence[RecordedEvent]) -> list[RecordedEvent]:
        return [r.model_copy(update={"event": self._whole(r.event)}) for r in recorded]

    def _events_of(self, rows: Sequence[Correspondence]) -> list[Event]:
        """Return the events of rows; those with blobs, which the read model does not hold in full, from the log."""
        tickets = tuple({row.ticket_id for row in rows if row.blobs})
        streams = self._log.load(tickets).streams if tickets else {}
        stored = {(r.originator_id, r.originator_version): r for records in streams.values() for r in records}
        return [self._codec.decode(stored[row.ticket_id, row.version]) if row.blobs else _event_of(row) for row in rows]

    def _whole(self, event: Event) -> Event:
        index: int | None = getattr(event, "body_blob", None)
        content = None if index is None else self._blob(event, index)
        if content is None:
            return event
        return event.model_copy(update={"body": content.decode(), "body_blob": None})


def _no_attachment(ticket: UUID, message: int, index: int, withheld: str | None = None) -> NotFound:
    remedy = f"it was withheld: {withheld}" if withheld else "see `ticket show`"
    return NotFound("attachment", f"{index} of message {message} of {number_of(ticket)}", remedy)


def _event_of(row: Correspondence) -> Event:
    """Return the event whose sealed content a row of the read model holds, as far as opening it needs."""
    meta = Meta(occurred_at=row.occurred_at, actor=Actor.system("history"), command_id=row.ticket_id)
    cls = EVENT_CLASSES[f"ticket.{row.kind}"]
    fields: dict[str, Any] = {
        "direction": row.direction,
        "channel": row.channel,
        "comment": row.version,
        "sealed": row.sealed,
        "overflow": row.overflow,
    }
    return cls(
        originator_id=row.ticket_id,
        originator_version=row.version,
        meta=meta,
        **{name: value for name, value in fields.items() if name in cls.model_fields},
    )
