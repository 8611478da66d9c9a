"""The read model *queues*: what waits, for whom, since when, and what to take next.

The order is a view's business (``queues.waiting``); the row holds what it needs. Meanings stand in sql/queues.sql.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from projections.base import NOTHING, Change, Model, Row, State, Table, number, ticket_after, ticket_columns, ticket_of
from ticketcore.domain import ticket as domain
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Direction, SlaTarget, Status
from ticketcore.ids import Kind

__all__ = ["IN_QUEUE", "QUEUES", "QueueRow", "evolve", "order"]

IN_QUEUE = ("new", "open", "pending", "on_hold")
"""Tickets in these statuses wait: the first two for us."""
_NEVER = datetime.max.replace(tzinfo=UTC)
_RANKS = {"critical": 1, "high": 2, "normal": 3, "low": 4}


class QueueRow(NamedTuple):
    """A row of ``queues.tickets``."""

    ticket_id: UUID
    version: int
    number: str
    external: str | None
    channel: str
    requester_id: UUID | None
    status: str
    source_state: str | None
    status_before_merge: str | None
    team_id: str | None
    agent_id: str | None
    category: str | None
    subcategory: str | None
    priority: str | None
    impact: str | None
    urgency: str | None
    merged_into: UUID | None
    opened_at: datetime
    last_event_at: datetime
    status_since: datetime
    unanswered_since: datetime | None
    waiting_since: datetime
    first_reply_due_at: datetime | None = None
    next_reply_due_at: datetime | None = None
    resolution_due_at: datetime | None = None
    due_at: datetime | None = None


def order(row: QueueRow) -> tuple[Any, ...]:
    """Return the sorting key of the queue: to take, by due time, priority, then how long it waits."""
    return (
        row.status not in ("new", "open"),
        row.due_at is None,
        row.due_at or _NEVER,
        _RANKS.get(row.priority or "", 5),
        row.waiting_since,
        row.number,
    )


class Waiting(NamedTuple):
    """The fold's state: the domain's ticket, and the row, whose columns of the ticket are filled in at the end."""

    ticket: Ticket
    entry: QueueRow


def begin(row: Row) -> Waiting:
    """Take up a row."""
    return Waiting(ticket_of(row), row)


def finish(state: Waiting) -> QueueRow:
    """Return the row of a state."""
    entry = state.entry
    deadlines = [entry.first_reply_due_at, entry.next_reply_due_at, entry.resolution_due_at]
    return entry._replace(
        waiting_since=entry.unanswered_since or entry.status_since,
        due_at=min((time for time in deadlines if time is not None), default=None),
        **ticket_columns(state.ticket),
    )


def evolve(state: State | None, event: Event) -> Change:
    """Return the ticket's place in the queues after *event*."""
    if state is None:
        return _opened(event) if isinstance(event, ev.Opened) else None, NOTHING
    before, entry = state
    after = ticket_after(before, event)
    changes: dict[str, Any] = {}
    if after.status is not before.status:
        changes["status_since"] = after.last_at
        if after.status is Status.SOLVED:
            changes["resolution_due_at"] = None
    if isinstance(event, ev.Commented):
        if event.direction is Direction.INBOUND:
            changes["unanswered_since"] = entry.unanswered_since or after.last_at
        elif event.direction is Direction.OUTBOUND and event.meta.actor.is_staff:
            changes |= {"unanswered_since": None, "first_reply_due_at": None, "next_reply_due_at": None}
    elif isinstance(event, ev.SlaApplied):
        changes[_DUE[event.target]] = event.due_at
    elif isinstance(event, ev.SlaFulfilled):
        changes[_DUE[event.target]] = None
    return Waiting(after, entry._replace(**changes) if changes else entry), NOTHING


_DUE = {
    SlaTarget.FIRST_REPLY: "first_reply_due_at",
    SlaTarget.NEXT_REPLY: "next_reply_due_at",
    SlaTarget.RESOLUTION: "resolution_due_at",
}


def _opened(event: ev.Opened) -> Waiting | None:
    ticket = domain.evolve(None, event)
    if ticket is None:
        return None
    entry = QueueRow(
        ticket_id=ticket.id,
        number=number(ticket.id),
        external=ticket.external,
        channel=ticket.channel.value,
        opened_at=ticket.opened_at,
        status_since=ticket.opened_at,
        unanswered_since=ticket.opened_at if event.direction is Direction.INBOUND else None,
        waiting_since=ticket.opened_at,
        **ticket_columns(ticket),
    )
    return Waiting(ticket, entry)


QUEUES = Model(
    name="queues",
    version=1,
    sql=("queues.sql",),
    mains={Kind.TICKET: Table("tickets", QueueRow, 1)},
    children=(),
    evolve=evolve,
    begin=begin,
    row=finish,
)
