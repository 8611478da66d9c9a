"""The read model *queues*: what waits, for whom, since when, and what to take next.

The order is a view's business (``queues.waiting``); the row holds what it needs. Meanings stand in sql/queues.sql.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from projections.base import NOTHING, Change, Draft, Model, State, Table, draft_of, draft_opened, row_of
from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.domain.ticket import standing
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
    reopened_at: datetime | None = None


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


def finish(entry: Draft) -> QueueRow:
    """Return the row of a state."""
    deadlines = [entry.first_reply_due_at, entry.next_reply_due_at, entry.resolution_due_at]
    row: QueueRow = row_of(
        QueueRow,
        entry,
        {
            "waiting_since": entry.unanswered_since or entry.status_since,
            "due_at": min((time for time in deadlines if time is not None), default=None),
        },
    )
    return row


def evolve(entry: State | None, event: Event) -> Change:
    """Return the ticket's place in the queues after *event*."""
    if entry is None:
        return _opened(event) if isinstance(event, ev.Opened) else None, NOTHING
    entry.version, entry.last_at = event.originator_version, event.meta.occurred_at
    changes = standing(entry, event)
    if changes:
        before = entry.status
        entry.__dict__.update(changes)
        if entry.status is not before:
            entry.status_since = entry.last_at
            if entry.status in _OVER:
                entry.first_reply_due_at = entry.next_reply_due_at = entry.resolution_due_at = None
            elif before in _OVER and entry.status is not Status.MERGED:
                entry.reopened_at = entry.last_at
    rule = _RULES.get(event.TOPIC)
    if rule is not None:
        rule(entry, event)
    return entry, NOTHING


def _commented(entry: Draft, event: ev.Commented) -> None:
    if event.direction is Direction.INBOUND:
        entry.unanswered_since = entry.unanswered_since or entry.last_at
    elif event.direction is Direction.OUTBOUND and event.meta.actor.is_staff:
        entry.unanswered_since = entry.first_reply_due_at = entry.next_reply_due_at = None


def _running(entry: Draft, event: ev.SlaApplied | sv.SlaResumed) -> None:
    setattr(entry, _DUE[event.target], event.due_at)


def _not_running(entry: Draft, event: ev.SlaFulfilled | sv.SlaPaused | sv.SlaWithdrawn) -> None:
    setattr(entry, _DUE[event.target], None)


def _breached(entry: Draft, event: ev.SlaBreached) -> None:
    """Keep the deadline, past as it is, where its wait goes on; a late worker may tell of one that is over."""
    at, begun = event.breached_at, [entry.reopened_at]
    over = (entry.before_merge if entry.status is Status.MERGED else entry.status) in _OVER
    if event.target is not SlaTarget.RESOLUTION:
        over = over or entry.unanswered_since is None
        begun.append(entry.unanswered_since)
    if over or (at is not None and any(time is not None and at < time for time in begun)):
        setattr(entry, _DUE[event.target], None)


_RULES: dict[str, Callable[[Draft, Any], None]] = {
    "ticket.commented": _commented,
    "ticket.sla_breached": _breached,
    "ticket.sla_applied": _running,
    "ticket.sla_resumed": _running,
    "ticket.sla_paused": _not_running,
    "ticket.sla_withdrawn": _not_running,
    "ticket.sla_fulfilled": _not_running,
}
_OVER = (Status.SOLVED, Status.CLOSED)
_DUE = {
    SlaTarget.FIRST_REPLY: "first_reply_due_at",
    SlaTarget.NEXT_REPLY: "next_reply_due_at",
    SlaTarget.RESOLUTION: "resolution_due_at",
}


def _opened(event: ev.Opened) -> Draft:
    at = event.meta.occurred_at
    unanswered = at if event.direction is Direction.INBOUND else None
    return draft_opened(event, QueueRow._field_defaults | {"status_since": at, "unanswered_since": unanswered})


QUEUES = Model(
    name="queues",
    version=2,
    sql=("queues.sql",),
    mains={Kind.TICKET: Table("tickets", QueueRow, 1)},
    children=(),
    evolve=evolve,
    begin=draft_of,
    row=finish,
)
