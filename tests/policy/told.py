"""What is recorded of promises, and what follows from the rest of a ticket's events: both must be the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.domain.types import Role
from ticketcore.policy.courses import course
from ticketcore.policy.desk import Desk
from ticketcore.policy.engine import reconcile
from ticketcore.policy.schedule import Schedule

__all__ = ["Told", "derived", "told"]

Told = tuple[str, str, datetime | None]
"""Target, what happened to its promise, when; of one that was applied its due time."""


def told(events: Iterable[Event]) -> list[Told]:
    """Return what is recorded of promises: which, what, and its own time, not when it was recorded."""
    found = []
    for event in events:
        at: Any
        if isinstance(event, ev.SlaApplied):
            at = event.due_at
        elif isinstance(event, sv.SlaPaused | sv.SlaResumed | sv.SlaWithdrawn):
            at = event.at
        elif isinstance(event, sv.SlaWarned):
            at = event.warned_at
        elif isinstance(event, ev.SlaFulfilled):
            at = event.fulfilled_at
        elif isinstance(event, ev.SlaBreached):
            at = event.breached_at
        else:
            continue
        found.append((event.target.value, event.TOPIC.removeprefix("ticket.sla_"), at))
    return found


def derived(events: Sequence[Event], schedule: Schedule, now: datetime) -> set[Told]:
    """Return what follows from events at *now*, without looking at what is recorded."""
    own = [event for event in events if event.meta.actor.role is not Role.POLICY]
    view = reconcile(own, schedule, Desk(), now, sections=()).view
    assert view is not None
    entries = course(view.clocks, schedule, now).entries
    return {(e.target.value, e.kind, e.due_at if e.kind == "applied" else e.at) for e in entries}
