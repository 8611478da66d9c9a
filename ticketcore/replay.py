"""A ticket as it was at an instant, text included, and its history event by event. Pure folds over opened events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ticketcore.domain import ticket
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Channel, Direction, Frozen, Level, Priority, Status
from ticketcore.ids import kind_of, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ticketcore.domain.base import Event
    from ticketcore.errors import UnknownEvent
    from ticketcore.store.port import Record

__all__ = ["Clock", "HistoryEntry", "Message", "RecordedEvent", "TicketView", "entry", "ticket_at", "unknown_entry"]


class Clock(StrEnum):
    """By which time history is read: when it was recorded here, or when it occurred."""

    RECORD = "record"
    OCCURRED = "occurred"


class RecordedEvent(Frozen):
    """An event with its place and time in the log."""

    position: int
    recorded_at: datetime
    event: Any

    def when(self, clock: Clock) -> datetime:
        """Return the event's time by *clock*."""
        occurred: datetime = self.event.meta.occurred_at
        return self.recorded_at if clock is Clock.RECORD else occurred


class Correction(Frozen):
    """A text that replaced the one before it."""

    version: int
    occurred_at: datetime
    actor: str
    body: str | None
    reason: str | None


class Message(Frozen):
    """One message, contact or note of a ticket.

    Attributes:
        id: version of the event that holds it.
        body: the text now; ``None`` where there was none or it can't be read any more.
        first_body: the text before any correction.
        readable: whether its key is there; false after redaction and forgetting.
        complete: false where ``body`` is only the beginning, the whole being in a blob that was not loaded.
        attachments: name, media type, size and SHA-256 of the content, the blob's digest, what makes it dangerous to
            open and why it was withheld, of each.
    """

    id: int
    occurred_at: datetime
    recorded_at: datetime
    claimed_at: datetime | None
    direction: Direction
    channel: Channel
    actor: str
    author: str | None
    author_name: str | None
    body: str | None
    first_body: str | None
    readable: bool
    complete: bool
    corrections: tuple[Correction, ...] = ()
    attachments: tuple[dict[str, object], ...] = ()


class ChecklistView(Frozen):
    """A checklist of a ticket: all of its steps in order, and those that are ticked. ``required``: people can't solve it before."""

    name: str
    steps: tuple[str, ...]
    ticked: tuple[str, ...] = ()
    required: bool = False


class TicketView(Frozen):
    """A ticket at an instant.

    Attributes:
        at: the instant asked for; ``None`` for now.
        position: in the log, of the last event that shows.
        stated: what the source of an import states of itself, newest values.
    """

    number: str
    id: UUID
    version: int
    position: int
    at: datetime | None
    clock: Clock
    status: Status
    reason: str | None
    source_state: str | None
    external: str | None
    channel: Channel
    subject: str | None
    requester: str | None
    participants: tuple[str, ...]
    team_id: str | None
    agent_id: str | None
    category: str | None
    subcategory: str | None
    tags: tuple[str, ...]
    impact: Level | None
    urgency: Level | None
    priority: Priority | None
    opened_at: datetime
    last_at: datetime
    merged_into: str | None
    absorbed: tuple[str, ...]
    links: tuple[str, ...]
    split_off: tuple[str, ...]
    follow_ups: tuple[str, ...]
    sla: dict[str, str]
    checklists: tuple[ChecklistView, ...]
    score: int | None
    reopens: int
    seconds_logged: int
    fields: dict[str, str | None]
    stated: dict[str, str]
    messages: tuple[Message, ...]


class HistoryEntry(Frozen):
    """One event as an auditor reads it.

    Attributes:
        readable: whether its content was opened, or there was none to open.
        fields: what it says, personal content included where it can be read.
        note: why nothing more is known: the event is of a newer library. What it says, who did it and when it occurred
            are ``None`` or empty then; its place, its type and when it was recorded are known always.
    """

    position: int
    version: int
    topic: str
    recorded_at: datetime
    occurred_at: datetime | None
    occurred_raw: datetime | None
    claimed_at: datetime | None
    actor: str | None
    command_id: UUID | None
    causation_id: UUID | None
    irregular: bool
    readable: bool
    fields: dict[str, object]
    note: str | None = None


def ticket_at(
    recorded: Iterable[RecordedEvent], at: datetime | None = None, clock: Clock = Clock.RECORD
) -> TicketView | None:
    """Return the ticket that *recorded* (one ticket's events, opened, in order) made until *at*, inclusive.

    Returns:
        ``None`` where the ticket was not there yet. Nothing later than *at* shows, whichever clock is asked.
    """
    shown = [r for r in recorded if at is None or r.when(clock) <= at]
    state = ticket.project(None, (r.event for r in shown))
    if state is None:
        return None
    stated: dict[str, str] = {}
    fields: dict[str, str | None] = {}
    for r in shown:
        if r.event.meta.source is not None:
            stated.update(r.event.meta.source.stated or {})
        if isinstance(r.event, ev.Updated):
            fields.update(r.event.changes)
    opened = shown[0].event
    return TicketView(
        number=state.number,
        id=state.id,
        version=state.version,
        position=shown[-1].position,
        at=at,
        clock=clock,
        requester=_number(state.requester_id),
        participants=_numbers(state.participants),
        merged_into=_number(state.merged_into),
        absorbed=_numbers(state.absorbed),
        links=tuple(sorted(_link(*link) for link in state.links)),
        split_off=_numbers(state.split_off),
        follow_ups=_numbers(state.follow_ups),
        sla={target.value: value for target, value in state.sla},
        checklists=tuple(_checklist(known) for known in state.checklists),
        subject=opened.subject,
        fields=fields,
        stated=stated,
        messages=_messages(shown, state),
        **{name: getattr(state, name) for name in _SAME},
    )


def without_notes(recorded: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Return one ticket's events without notes among staff and their corrections: what a customer may see of it.

    A ticket that staff opened by a note is there, without the note.
    """
    notes = {r.event.originator_version for r in recorded if _is_note(r.event) and not isinstance(r.event, ev.Opened)}
    empty = {"body": None, "body_blob": None, "attachments": None}
    return [
        r.model_copy(update={"event": r.event.model_copy(update=empty)}) if _is_note(r.event) else r
        for r in recorded
        if r.event.originator_version not in notes
        and not (isinstance(r.event, ev.CommentCorrected) and r.event.comment in notes)
    ]


def _is_note(event: Event) -> bool:
    return isinstance(event, ev.Commented | ev.Opened) and event.direction is Direction.INTERNAL


def customers_view(view: TicketView) -> TicketView:
    """Return what a customer may see of their ticket: its messages and how it stands, nothing of the staff's work."""
    messages = tuple(
        message.model_copy(
            update={
                "actor": message.actor.partition(" ")[0],
                "corrections": tuple(
                    correction.model_copy(update={"actor": correction.actor.partition(" ")[0], "reason": None})
                    for correction in message.corrections
                ),
            }
        )
        for message in view.messages
    )
    return TicketView(**{name: getattr(view, name) for name in _CUSTOMERS}, **_STAFFS, messages=messages)


_CUSTOMERS = (
    "number", "id", "version", "position", "at", "clock", "status", "external", "channel", "subject", "requester",
    "category", "subcategory", "priority", "opened_at", "last_at", "merged_into", "follow_ups", "score", "reopens",
)  # fmt: skip
"""What a customer sees of a ticket beside its messages; what is not here is the staff's."""
_STAFFS: dict[str, Any] = {
    "reason": None, "source_state": None, "participants": (), "team_id": None, "agent_id": None, "tags": (),
    "impact": None, "urgency": None, "absorbed": (), "links": (), "split_off": (), "sla": {}, "checklists": (),
    "seconds_logged": 0, "fields": {}, "stated": {},
}  # fmt: skip


_SAME = (
    "status", "reason", "source_state", "external", "channel", "team_id", "agent_id", "category", "subcategory", "tags",
    "impact", "urgency", "priority", "opened_at", "last_at", "score", "reopens", "seconds_logged",
)  # fmt: skip


def _checklist(known: ticket.Checklist) -> ChecklistView:
    ticked = tuple(step for step in known.steps if step in known.ticked)
    return ChecklistView(name=known.name, steps=known.steps, ticked=ticked, required=known.required)


def _messages(shown: Sequence[RecordedEvent], state: ticket.Ticket) -> tuple[Message, ...]:
    corrections: dict[int, list[ev.CommentCorrected]] = {}
    for r in shown:
        if isinstance(r.event, ev.CommentCorrected):
            corrections.setdefault(r.event.comment, []).append(r.event)
    return tuple(
        _message(r, corrections.get(r.event.originator_version, []), state)
        for r in shown
        if isinstance(r.event, ev.Commented | ev.Opened)
    )


def _message(recorded: RecordedEvent, corrections: Sequence[ev.CommentCorrected], state: ticket.Ticket) -> Message:
    event: ev.Commented | ev.Opened = recorded.event
    comment = event if isinstance(event, ev.Commented) else None
    last = corrections[-1] if corrections else event
    readable = is_readable(event) and event.originator_version not in state.redacted
    return Message(
        id=event.originator_version,
        occurred_at=event.meta.occurred_at,
        recorded_at=recorded.recorded_at,
        claimed_at=event.meta.claimed_at,
        direction=event.direction,
        channel=event.channel,
        actor=str(event.meta.actor),
        author=_number(event.author_id if isinstance(event, ev.Commented) else event.requester_id),
        author_name=comment.author_name if comment else None,
        body=last.body,
        first_body=event.body,
        readable=readable,
        complete=last.body_blob is None,
        corrections=tuple(
            Correction(
                version=c.originator_version,
                occurred_at=c.meta.occurred_at,
                actor=str(c.meta.actor),
                body=c.body,
                reason=c.reason,
            )
            for c in corrections
        ),
        attachments=tuple(
            {
                "name": a.name,
                "media_type": a.media_type,
                "sha256": a.sha256,
                "digest": None if a.blob is None else event.blobs[a.blob].digest,
                "size": event.blobs[a.blob].size if a.size is None and a.blob is not None else a.size,
                "danger": a.danger,
                "withheld": a.withheld,
            }
            for a in event.attachments or ()
        ),
    )


def is_readable(event: Event) -> bool:
    """Return whether the event's personal content was opened, or there was none."""
    return event.sealed is None or any(getattr(event, name) is not None for name in event.PERSONAL)


def entry(recorded: RecordedEvent) -> HistoryEntry:
    """Return one event as an auditor reads it."""
    event: Event = recorded.event
    meta = event.meta
    fields = event.model_dump(
        mode="json",
        exclude={"originator_id", "originator_version", "meta", "sealed", "overflow"},
        exclude_defaults=True,
    )
    if meta.source is not None:
        fields["source"] = meta.source.model_dump(mode="json", exclude_none=True)
    return HistoryEntry(
        position=recorded.position,
        version=event.originator_version,
        topic=event.TOPIC,
        recorded_at=recorded.recorded_at,
        occurred_at=meta.occurred_at,
        occurred_raw=meta.occurred_raw,
        claimed_at=meta.claimed_at,
        actor=str(meta.actor),
        command_id=meta.command_id,
        causation_id=meta.causation_id,
        irregular=meta.irregular,
        readable=is_readable(event),
        fields=fields,
    )


def unknown_entry(record: Record, error: UnknownEvent) -> HistoryEntry:
    """Return what can be said of an event that this version of the library can't read."""
    return HistoryEntry(
        position=record.position,
        version=record.originator_version,
        topic=record.topic,
        recorded_at=record.recorded_at,
        occurred_at=None,
        occurred_raw=None,
        claimed_at=None,
        actor=None,
        command_id=None,
        causation_id=None,
        irregular=False,
        readable=False,
        fields={},
        note=str(error),
    )


def _number(id_: UUID | None) -> str | None:
    if id_ is None:
        return None
    return number_of(id_) if kind_of(id_) is not None else str(id_)


def _numbers(ids: Iterable[UUID]) -> tuple[str, ...]:
    return tuple(sorted(number_of(id_) if kind_of(id_) is not None else str(id_) for id_ in ids))


def _link(other: UUID, kind: str, inverse: bool) -> str:
    return f"{'is ' if inverse else ''}{kind}{' of' if inverse else ''} {_number(other)}"
