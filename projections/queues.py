"""The read model *queues*: what waits, for whom, since when, and what to take next.

The order is a view's business (``queues.waiting``); the row holds what it needs. Meanings stand in sql/queues.sql.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from projections.base import NOTHING, Change, Model, Row, Table, ticket_columns, ticket_of
from ticketcore.domain import ticket as domain
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.domain.types import Direction, SlaTarget
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


def evolve(row: Row | None, event: Event) -> Change:
    """Return the ticket's place in the queues after *event*."""
    if row is None:
        return _opened(event) if isinstance(event, ev.Opened) else None, NOTHING
    entry: QueueRow = row
    after = domain.evolve(ticket_of(entry), event)
    if after is None:
        return entry, NOTHING
    changes = ticket_columns(after)
    now = after.last_at
    if changes["status"] != entry.status:
        changes["status_since"] = now
        if changes["status"] == "solved":
            changes["resolution_due_at"] = None
    if isinstance(event, ev.Commented):
        if event.direction is Direction.INBOUND:
            changes["unanswered_since"] = entry.unanswered_since or now
        elif event.direction is Direction.OUTBOUND and event.meta.actor.is_staff:
            changes |= {"unanswered_since": None, "first_reply_due_at": None, "next_reply_due_at": None}
    elif isinstance(event, ev.SlaApplied):
        changes[_DUE[event.target]] = event.due_at
    elif isinstance(event, ev.SlaFulfilled):
        changes[_DUE[event.target]] = None
    return _settled(entry._replace(**changes)), NOTHING


_DUE = {
    SlaTarget.FIRST_REPLY: "first_reply_due_at",
    SlaTarget.NEXT_REPLY: "next_reply_due_at",
    SlaTarget.RESOLUTION: "resolution_due_at",
}


def _settled(entry: QueueRow) -> QueueRow:
    waiting_since = entry.unanswered_since or entry.status_since
    deadlines = [entry.first_reply_due_at, entry.next_reply_due_at, entry.resolution_due_at]
    due_at = min((time for time in deadlines if time is not None), default=None)
    if waiting_since == entry.waiting_since and due_at == entry.due_at:
        return entry
    return entry._replace(waiting_since=waiting_since, due_at=due_at)


def _opened(event: ev.Opened) -> QueueRow | None:
    ticket = domain.evolve(None, event)
    if ticket is None:
        return None
    return QueueRow(
        ticket_id=ticket.id,
        number=ticket.number,
        external=ticket.external,
        channel=ticket.channel.value,
        opened_at=ticket.opened_at,
        status_since=ticket.opened_at,
        unanswered_since=ticket.opened_at if event.direction is Direction.INBOUND else None,
        waiting_since=ticket.opened_at,
        **ticket_columns(ticket),
    )


QUEUES = Model(
    name="queues",
    version=1,
    sql=("queues.sql",),
    mains={Kind.TICKET: Table("tickets", QueueRow, 1)},
    children=(),
    evolve=evolve,
)
