"""The read model *performance*: facts per ticket, and the stretches of its life.

Definitions as Zendesk's and RT's, so that users can compare. First reply: opening to the first public reply by an
agent. Resolution: first and last entry into solved. Requester wait: time in new, open and on_hold. Agent wait: time in
pending. Reopening: a move from solved or closed back to work. One touch: solved with exactly one public reply and
never reopened. The columns' meanings stand in sql/performance.sql.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from projections.base import (
    NOTHING,
    Change,
    Draft,
    Model,
    State,
    Table,
    Write,
    draft_of,
    draft_opened,
    row_of,
)
from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.domain.ticket import standing
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


def finish(facts: Draft) -> Facts:
    """Return the row of a state."""
    one_touch = facts.public_replies == 1 and not facts.reopens and facts.first_solved_at is not None
    row: Facts = row_of(Facts, facts, {"one_touch": one_touch})
    return row


def evolve(facts: State | None, event: Event) -> Change:
    """Return the ticket's facts after *event* and the intervals that it begins or ends."""
    if facts is None:
        return _opened(event) if isinstance(event, ev.Opened) else (None, NOTHING)
    meta = event.meta
    facts.version, facts.last_at = event.originator_version, meta.occurred_at
    rule = _RULES.get(event.TOPIC)
    if rule is not None:
        rule(facts, event)
    if meta.irregular or meta.source is not None:
        _from_meta(facts, event)
    changes = standing(facts, event)
    return facts, _moved(facts, event, changes) if changes else NOTHING


def _moved(facts: Draft, event: Event, changes: Mapping[str, object]) -> Sequence[Write]:
    """Take over what the domain changes; return the interval that ends by it and the one that begins, if so."""
    status, source_state, team, agent = facts.status, facts.source_state, facts.team_id, facts.agent_id
    facts.__dict__.update(changes)
    if (
        facts.status is status
        and facts.source_state == source_state
        and facts.team_id == team
        and facts.agent_id == agent
    ):
        return NOTHING
    if facts.status is not status:
        _status_changed(facts, event, status)
    if facts.team_id != team:
        facts.team_changes += 1
        facts.team_reassignments += 1 if facts.team_id and team else 0
    if facts.agent_id != agent:
        facts.agent_changes += 1
        facts.agent_reassignments += 1 if facts.agent_id and agent else 0
    ended = Interval(
        facts.ticket_id,
        facts.interval_seq,
        facts.interval_started_at,
        facts.last_at,
        status._value_,
        source_state,
        team,
        agent,
        facts.interval_started_version,
    )
    facts.interval_seq += 1
    facts.interval_started_at = facts.last_at
    facts.interval_started_version = facts.version
    return Write("intervals", ended), _running(facts)


def _opened(event: ev.Opened) -> Change:
    at = event.meta.occurred_at
    facts = draft_opened(
        event,
        Facts._field_defaults
        | {
            "language": event.language,
            "opening_team_id": event.team_id,
            "opening_agent_id": event.agent_id,
            "opening_category": event.category,
            "opening_subcategory": event.subcategory,
            "opening_priority": event.priority._value_ if event.priority else None,
            "follow_up_of": event.follow_up_of,
            "split_from": event.split_from,
            "status_since": at,
            "inbound_messages": 1 if event.direction is Direction.INBOUND else 0,
            "interval_started_at": at,
            "interval_started_version": event.originator_version,
        },
    )
    _from_meta(facts, event)
    return facts, (_running(facts),)


def _running(facts: Draft) -> Write:
    row = Interval(
        facts.ticket_id,
        facts.interval_seq,
        facts.interval_started_at,
        None,
        facts.status._value_,
        facts.source_state,
        facts.team_id,
        facts.agent_id,
        facts.interval_started_version,
    )
    return Write("intervals", row)


def _status_changed(facts: Draft, event: Event, before: Status) -> None:
    now, status = event.meta.occurred_at, facts.status
    seconds = (now - facts.status_since).total_seconds()
    if before in _REQUESTER_WAITS:
        facts.requester_wait_seconds += seconds
        if before is Status.ON_HOLD:
            facts.on_hold_seconds += seconds
    elif before is Status.PENDING:
        facts.agent_wait_seconds += seconds
    facts.status_since = now
    if event.TOPIC == ev.Unmerged.TOPIC:
        return  # it is what it was before the merge: not solved or closed anew
    if status is Status.SOLVED:
        facts.last_solved_at = now
        facts.first_solved_at = facts.first_solved_at or now
    elif status is Status.CLOSED:
        facts.closed_at = now
    elif before in _OVER and status in _IN_WORK:
        facts.reopens += 1  # whatever event made it: imports know several


def _from_meta(facts: Draft, event: Event) -> None:
    meta = event.meta
    if meta.irregular:
        facts.irregular_events += 1
    if meta.source is not None and meta.source.stated:
        stated = meta.source.stated
        for name, (column, read) in _STATED.items():
            if name in stated:
                setattr(facts, column, read(stated[name]))


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004 fits an integer


_STATED: dict[str, tuple[str, Callable[[str], datetime | int | None]]] = {
    "closed_at": ("stated_closed_at", _time),
    "resolved_at": ("stated_resolved_at", _time),
    "reopens": ("stated_reopens", _count),
    "reassignments": ("stated_reassignments", _count),
}
_REQUESTER_WAITS = (Status.NEW, Status.OPEN, Status.ON_HOLD)
_IN_WORK = (*_REQUESTER_WAITS, Status.PENDING)
_OVER = (Status.SOLVED, Status.CLOSED)
_SLA = {
    SlaTarget.FIRST_REPLY: "sla_first_reply",
    SlaTarget.NEXT_REPLY: "sla_next_reply",
    SlaTarget.RESOLUTION: "sla_resolution",
}


def _commented(facts: Draft, event: ev.Commented) -> None:
    if event.direction is Direction.INBOUND:
        facts.inbound_messages += 1
    elif event.direction is Direction.INTERNAL:
        facts.internal_notes += 1
    elif event.meta.actor.is_staff:
        facts.public_replies += 1
        facts.first_reply_at = facts.first_reply_at or event.meta.occurred_at


def _rated(facts: Draft, event: ev.Rated) -> None:
    facts.score = event.score


def _time_logged(facts: Draft, event: ev.TimeLogged) -> None:
    facts.seconds_logged += event.seconds


_Promise = ev.SlaApplied | ev.SlaFulfilled | ev.SlaBreached | sv.SlaPaused | sv.SlaResumed | sv.SlaWithdrawn


def _promise(facts: Draft, event: _Promise, value: str) -> None:
    column = _SLA[event.target]
    if getattr(facts, column) != "breached":
        setattr(facts, column, value)


def _applied(facts: Draft, event: ev.SlaApplied) -> None:
    if event.target is SlaTarget.RESOLUTION and facts.sla_resolution == "attained":
        facts.sla_attained -= 1  # reopened: the same promise goes on
    _promise(facts, event, "active")


def _resumed(facts: Draft, event: sv.SlaResumed) -> None:
    _promise(facts, event, "active")


def _paused(facts: Draft, event: sv.SlaPaused) -> None:
    _promise(facts, event, "paused")


def _withdrawn(facts: Draft, event: sv.SlaWithdrawn) -> None:
    _promise(facts, event, "withdrawn")


def _attained(facts: Draft, event: ev.SlaFulfilled) -> None:
    _promise(facts, event, "attained")
    facts.sla_attained += 1


def _breached(facts: Draft, event: ev.SlaBreached) -> None:
    _promise(facts, event, "breached")
    facts.sla_breached += 1
    facts.sla_breach_noticed_at = facts.sla_breach_noticed_at or event.meta.occurred_at


def _measured(facts: Draft, event: sv.Measured) -> None:
    facts.first_reply_business_seconds = event.first_reply_seconds
    facts.first_solved_business_seconds = event.first_solved_seconds
    facts.last_solved_business_seconds = event.last_solved_seconds
    facts.requester_wait_business_seconds = event.requester_wait_seconds
    facts.agent_wait_business_seconds = event.agent_wait_seconds


_RULES: dict[str, Callable[[Draft, Any], None]] = {
    "ticket.commented": _commented,
    "ticket.rated": _rated,
    "ticket.time_logged": _time_logged,
    "ticket.measured": _measured,
    "ticket.sla_applied": _applied,
    "ticket.sla_paused": _paused,
    "ticket.sla_resumed": _resumed,
    "ticket.sla_withdrawn": _withdrawn,
    "ticket.sla_fulfilled": _attained,
    "ticket.sla_breached": _breached,
}

PERFORMANCE = Model(
    name="performance",
    version=2,
    sql=("performance.sql", "performance_views.sql"),
    mains={Kind.TICKET: Table("tickets", Facts, 1)},
    children=(Table("intervals", Interval, 2),),
    evolve=evolve,
    begin=draft_of,
    row=finish,
)
