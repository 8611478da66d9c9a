"""The read model *performance*: facts per ticket, and the stretches of its life.

Definitions as Zendesk's and RT's, so that users can compare. First reply: opening to the first public reply by an
agent. Resolution: first and last entry into solved. Requester wait: time in new, open and on_hold. Agent wait: time in
pending. Reopening: a move from solved or closed back to work. One touch: solved with exactly one public reply and
never reopened. The columns' meanings stand in sql/performance.sql.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from projections.base import (
    NOTHING,
    Change,
    Model,
    Row,
    State,
    Table,
    Write,
    number,
    ticket_after,
    ticket_columns,
    ticket_of,
)
from ticketcore.domain import ticket as domain
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Direction, SlaTarget, Status
from ticketcore.ids import Kind

__all__ = ["PERFORMANCE", "Facts", "Interval", "evolve"]


class Facts(NamedTuple):
    """A row of ``performance.tickets``."""

    ticket_id: UUID
    version: int
    number: str
    external: str | None
    channel: str
    language: str | None
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
    opening_team_id: str | None
    opening_agent_id: str | None
    opening_category: str | None
    opening_subcategory: str | None
    opening_priority: str | None
    follow_up_of: UUID | None
    split_from: UUID | None
    opened_at: datetime
    last_event_at: datetime
    status_since: datetime
    first_reply_at: datetime | None = None
    first_solved_at: datetime | None = None
    last_solved_at: datetime | None = None
    closed_at: datetime | None = None
    reopens: int = 0
    team_changes: int = 0
    team_reassignments: int = 0
    agent_changes: int = 0
    agent_reassignments: int = 0
    public_replies: int = 0
    inbound_messages: int = 0
    internal_notes: int = 0
    one_touch: bool = False
    requester_wait_seconds: float = 0.0
    on_hold_seconds: float = 0.0
    agent_wait_seconds: float = 0.0
    first_reply_business_seconds: float | None = None
    first_solved_business_seconds: float | None = None
    last_solved_business_seconds: float | None = None
    requester_wait_business_seconds: float | None = None
    agent_wait_business_seconds: float | None = None
    sla_first_reply: str | None = None
    sla_next_reply: str | None = None
    sla_resolution: str | None = None
    sla_attained: int = 0
    sla_breached: int = 0
    sla_breach_noticed_at: datetime | None = None
    score: int | None = None
    seconds_logged: int = 0
    irregular_events: int = 0
    stated_closed_at: datetime | None = None
    stated_resolved_at: datetime | None = None
    stated_reopens: int | None = None
    stated_reassignments: int | None = None
    interval_seq: int = 1
    interval_started_at: datetime = datetime.min.replace(tzinfo=UTC)
    interval_started_version: int = 1


class Interval(NamedTuple):
    """A row of ``performance.intervals``."""

    ticket_id: UUID
    seq: int
    started_at: datetime
    ended_at: datetime | None
    status: str
    source_state: str | None
    team_id: str | None
    agent_id: str | None
    started_version: int


class Course(NamedTuple):
    """The fold's state: the domain's ticket, and the facts, whose columns of the ticket are filled in at the end."""

    ticket: Ticket
    facts: Facts


def begin(row: Row) -> Course:
    """Take up a row."""
    return Course(ticket_of(row), row)


def finish(state: Course) -> Facts:
    """Return the row of a state."""
    facts = state.facts
    one_touch = facts.public_replies == 1 and not facts.reopens and facts.first_solved_at is not None
    return facts._replace(one_touch=one_touch, **ticket_columns(state.ticket))


def evolve(state: State | None, event: Event) -> Change:
    """Return the ticket's facts after *event* and the intervals that it begins or ends."""
    if state is None:
        return _opened(event) if isinstance(event, ev.Opened) else (None, NOTHING)
    before, facts = state
    after = ticket_after(before, event)
    changes: dict[str, Any] = {}
    moved = after.source_state != before.source_state
    if after.status is not before.status:
        moved = True
        _status_changed(facts, event, before.status, after.status, changes)
    if after.team_id != before.team_id:
        moved = True
        changes["team_changes"] = facts.team_changes + 1
        if after.team_id and before.team_id:
            changes["team_reassignments"] = facts.team_reassignments + 1
    if after.agent_id != before.agent_id:
        moved = True
        changes["agent_changes"] = facts.agent_changes + 1
        if after.agent_id and before.agent_id:
            changes["agent_reassignments"] = facts.agent_reassignments + 1
    change = _CHANGES.get(event.TOPIC)
    if change is not None:
        changes.update(change(facts, event))
    _from_meta(facts, event, changes)
    if not moved:
        return Course(after, facts._replace(**changes) if changes else facts), NOTHING
    changes["interval_seq"] = facts.interval_seq + 1
    changes["interval_started_at"] = after.last_at
    changes["interval_started_version"] = after.version
    ended, facts = facts, facts._replace(**changes)
    return Course(after, facts), (_interval(before, ended, after.last_at), _interval(after, facts, None))


def _opened(event: ev.Opened) -> Change:
    ticket = domain.evolve(None, event)
    if ticket is None:
        return None, NOTHING
    changes: dict[str, Any] = {}
    facts = Facts(
        ticket_id=ticket.id,
        number=number(ticket.id),
        external=ticket.external,
        channel=ticket.channel.value,
        language=event.language,
        opening_team_id=ticket.team_id,
        opening_agent_id=ticket.agent_id,
        opening_category=ticket.category,
        opening_subcategory=ticket.subcategory,
        opening_priority=ticket.priority.value if ticket.priority else None,
        follow_up_of=event.follow_up_of,
        split_from=event.split_from,
        opened_at=ticket.opened_at,
        status_since=ticket.opened_at,
        inbound_messages=1 if event.direction is Direction.INBOUND else 0,
        interval_started_at=ticket.opened_at,
        interval_started_version=ticket.version,
        **ticket_columns(ticket),
    )
    _from_meta(facts, event, changes)
    facts = facts._replace(**changes) if changes else facts
    return Course(ticket, facts), (_interval(ticket, facts, None),)


def _interval(ticket: Ticket, facts: Facts, ended_at: datetime | None) -> Write:
    row = Interval(
        ticket.id,
        facts.interval_seq,
        facts.interval_started_at,
        ended_at,
        ticket.status.value,
        ticket.source_state,
        ticket.team_id,
        ticket.agent_id,
        facts.interval_started_version,
    )
    return Write("intervals", row)


def _status_changed(facts: Facts, event: Event, before: Status, status: Status, changes: dict[str, Any]) -> None:
    now = event.meta.occurred_at
    seconds = (now - facts.status_since).total_seconds()
    if before in _REQUESTER_WAITS:
        changes["requester_wait_seconds"] = facts.requester_wait_seconds + seconds
        if before is Status.ON_HOLD:
            changes["on_hold_seconds"] = facts.on_hold_seconds + seconds
    elif before is Status.PENDING:
        changes["agent_wait_seconds"] = facts.agent_wait_seconds + seconds
    changes["status_since"] = now
    if isinstance(event, ev.Unmerged):
        return  # it is what it was before the merge: not solved or closed anew
    if status is Status.SOLVED:
        changes["last_solved_at"] = now
        changes["first_solved_at"] = facts.first_solved_at or now
    elif status is Status.CLOSED:
        changes["closed_at"] = now
    elif before in _OVER and status in _IN_WORK:
        changes["reopens"] = facts.reopens + 1  # whatever event made it: imports know several


def _from_meta(facts: Facts, event: Event, changes: dict[str, Any]) -> None:
    meta = event.meta
    if meta.irregular:
        changes["irregular_events"] = facts.irregular_events + 1
    if meta.source is not None and meta.source.stated:
        for name, read in _STATED.items():
            if name in meta.source.stated:
                changes[f"stated_{name}"] = read(meta.source.stated[name])


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004 fits an integer


_STATED: dict[str, Callable[[str], datetime | int | None]] = {
    "closed_at": _time,
    "resolved_at": _time,
    "reopens": _count,
    "reassignments": _count,
}
_REQUESTER_WAITS = (Status.NEW, Status.OPEN, Status.ON_HOLD)
_IN_WORK = (*_REQUESTER_WAITS, Status.PENDING)
_OVER = (Status.SOLVED, Status.CLOSED)
_SLA = {
    SlaTarget.FIRST_REPLY: "sla_first_reply",
    SlaTarget.NEXT_REPLY: "sla_next_reply",
    SlaTarget.RESOLUTION: "sla_resolution",
}


def _commented(facts: Facts, event: ev.Commented) -> Mapping[str, object]:
    if event.direction is Direction.INBOUND:
        return {"inbound_messages": facts.inbound_messages + 1}
    if event.direction is Direction.INTERNAL:
        return {"internal_notes": facts.internal_notes + 1}
    if not event.meta.actor.is_staff:
        return {}
    return {
        "public_replies": facts.public_replies + 1,
        "first_reply_at": facts.first_reply_at or event.meta.occurred_at,
    }


def _sla(facts: Facts, event: Any, value: str) -> Mapping[str, object]:
    column = _SLA[event.target]
    changes: dict[str, object] = {} if getattr(facts, column) == "breached" else {column: value}
    if value != "active":
        changes[f"sla_{value}"] = getattr(facts, f"sla_{value}") + 1
    if value == "breached":
        changes["sla_breach_noticed_at"] = facts.sla_breach_noticed_at or event.meta.occurred_at
    return changes


_CHANGES: dict[str, Callable[[Facts, Any], Mapping[str, object]]] = {
    "ticket.commented": _commented,
    "ticket.rated": lambda _, e: {"score": e.score},
    "ticket.time_logged": lambda f, e: {"seconds_logged": f.seconds_logged + e.seconds},
    "ticket.sla_applied": lambda f, e: _sla(f, e, "active"),
    "ticket.sla_fulfilled": lambda f, e: _sla(f, e, "attained"),
    "ticket.sla_breached": lambda f, e: _sla(f, e, "breached"),
}

PERFORMANCE = Model(
    name="performance",
    version=1,
    sql=("performance.sql", "performance_views.sql"),
    mains={Kind.TICKET: Table("tickets", Facts, 1)},
    children=(Table("intervals", Interval, 2),),
    evolve=evolve,
    begin=begin,
    row=finish,
)
