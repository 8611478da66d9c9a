"""From when a follow-up rule counts for a ticket, and when it is due."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ticketcore.domain.service_events import Section
from ticketcore.domain.types import Status
from ticketcore.policy.case import Case, Mark
from ticketcore.policy.errors import UnreadablePolicy
from ticketcore.policy.follow_up_rules import Since

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ticketcore.policy.follow_up_rules import FollowUpRule
    from ticketcore.policy.schedule import Adopted, Schedule

__all__ = ["OVER", "basis_of", "counted_from", "due_at"]

_TICK = timedelta(microseconds=1)
_TO_THE_CUSTOMER = frozenset({"mail", "solve", "close"})
OVER = (Status.SOLVED, Status.CLOSED)
"""Where a ticket is done with."""


def basis_of(rule: FollowUpRule, case: Case) -> Mark | None:
    """Return the event from which a rule counts; ``None`` where there is none, and nothing is to be done.

    A rule that writes to the customer, solves or closes waits for silence: a message of the customer or an answer by
    staff begins its time anew. Since our newest reply it waits for the customer's answer, and ends with it; since what we
    did not answer it waits for nobody.
    """
    mark = _MARKS[rule.since](case)
    if mark is None or not any(action.kind in _TO_THE_CUSTOMER for action in rule.do):
        return mark
    if rule.since is Since.REPLY:
        return None if case.inbound is not None and case.inbound.version > mark.version else mark
    if rule.since is Since.UNANSWERED:
        return mark
    said = (one for one in (mark, case.inbound, case.reply) if one is not None)
    return max(said, key=lambda one: one.version)


_MARKS: dict[Since, Callable[[Case], Mark | None]] = {
    Since.OPENED: lambda case: Mark(case.ticket.opened_at, case.opened.originator_version),
    Since.STATUS: lambda case: case.status,
    Since.SOLVED: lambda case: case.solved if case.ticket.status in OVER else None,
    Since.CLOSED: lambda case: case.closed if case.ticket.status is Status.CLOSED else None,
    Since.CUSTOMER: lambda case: case.inbound,
    Since.REPLY: lambda case: case.reply,
    Since.UNANSWERED: lambda case: case.unanswered,
}


def counted_from(rule: FollowUpRule, policy: Adopted, schedule: Schedule) -> datetime:
    """Return since when a rule of that name stands in the policies in force without a break.

    No time before counts, so that adopting a policy, or adding a rule to it, acts on no old ticket at once.
    """
    start = policy.effective_at
    while (earlier := _before(schedule, start)) is not None:
        if all(other.rule != rule.rule for other in earlier.document.follow_up):
            break
        start = earlier.effective_at
    return start


def _before(schedule: Schedule, at: datetime) -> Adopted | None:
    """Return what was in force just before; ``None`` for nothing, or what this release can't read."""
    try:
        return schedule.in_force(at - _TICK)
    except UnreadablePolicy:
        return None


def due_at(rule: FollowUpRule, basis: Mark, case: Case, policy: Adopted, schedule: Schedule) -> datetime | None:
    """Return when a rule is to be followed next for *basis*; ``None`` where it was as often as it may be."""
    done = [
        one.at
        for one in case.decisions
        if (one.section, one.rule, one.basis) == (Section.FOLLOW_UP, rule.rule, basis.version)
    ]
    if len(done) >= rule.repeat:
        return None
    start = max(done[-1] if done else basis.at, counted_from(rule, policy, schedule))
    if rule.after.elapsed is not None:
        return start + rule.after.elapsed
    name = rule.after.calendar or policy.document.calendar
    if name is None or rule.after.business is None:
        raise ValueError(f"rule {rule.rule!r} counts business time of no calendar; expected one (load_policy says so)")
    return policy.calendars[name].add_business_time(start, rule.after.business)
