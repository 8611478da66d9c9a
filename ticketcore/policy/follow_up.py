"""What happens later: reminders, endings after silence, escalations, surveys. Pure; the time is given."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.types import Status
from ticketcore.policy.actions import carried_out
from ticketcore.policy.bases import basis_of, due_at
from ticketcore.policy.fields import FIELDS, Kind
from ticketcore.policy.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ticketcore.policy.case import Mark
    from ticketcore.policy.conditions import Condition
    from ticketcore.policy.follow_up_rules import FollowUpRule
    from ticketcore.policy.steps import View

__all__ = ["changes_by_itself", "follow_up", "wake_follow_up"]

_TICK = timedelta(microseconds=1)


def follow_up(view: View) -> list[Step]:
    """Return what the first rule that is due and whose condition holds does; nothing where none is.

    At most one step a call: what is due at the same time must see what became of it, so the caller carries the step out
    and asks again until there is none. A rule that is late is followed once, and says when it was due.
    """
    for rule, basis, due in _waiting(view):
        if due <= view.now and rule.when.matches(view.facts):
            commands, outcome = carried_out(rule, view)
            decision = PolicyDecision(
                section=Section.FOLLOW_UP,
                rule=rule.rule,
                basis=basis.version,
                saw=rule.when.saw(view.facts),
                outcome={"due": due.isoformat(timespec="seconds"), **outcome},
            )
            return [Step(decision, commands)]
    return []


def wake_follow_up(view: View) -> datetime | None:
    """Return when a rule may have something to do though nothing happens until then; ``None`` for never."""
    times: list[datetime] = []
    for rule, _, due in _waiting(view):
        if rule.when.matches(view.facts):
            times.append(due)
        else:
            times.extend(changes_by_itself(rule.when, view))
    return min((time for time in times if time > view.now), default=None)


def _waiting(view: View) -> Iterator[tuple[FollowUpRule, Mark, datetime]]:
    """Return the rules that count for the ticket, with their basis and when they are due, in the document's order."""
    case = view.case
    if case.newest_imported or case.ticket.status is Status.MERGED:
        return
    for rule in view.policy.document.follow_up:
        basis = basis_of(rule, case)
        due = None if basis is None else due_at(rule, basis, case, view.policy, view.schedule)
        if basis is not None and due is not None:
            yield rule, basis, due


def changes_by_itself(condition: Condition, view: View) -> Iterator[datetime]:
    """Return when a condition may become true by the passing of time alone: where it asks for the ticket's age."""
    for check in condition.checks:
        if FIELDS[check.field].kind is Kind.DURATION and check.operator != "is_set":
            for limit in check.operand:
                yield view.case.ticket.opened_at + limit + _TICK
