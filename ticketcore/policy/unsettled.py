"""Follow-ups that can't be meant so: that are never followed, never come to rest, or undo each other."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ticketcore.domain.transitions import TRANSITIONS
from ticketcore.domain.types import Status
from ticketcore.policy.conditions import Condition
from ticketcore.policy.contradictions import Dead
from ticketcore.policy.facts import Facts
from ticketcore.policy.follow_up_rules import Since
from ticketcore.policy.logic import Budget, formula, impossible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.follow_up_rules import FollowUpRule

__all__ = ["unsettled"]


def unsettled(document: PolicyDocument, budget: Budget | None = None) -> Iterator[Dead]:
    """Yield every follow-up of which it is proven that its basis never fits its condition, that with others it brings
    about what it waits for without end, or that another does the opposite at the same moment for the same tickets.

    *budget*: how much all proofs may cost together.
    """
    zone: tzinfo = UTC if document.calendar is None else ZoneInfo(document.calendars[document.calendar].zone)
    budget, rules = budget or Budget(), document.follow_up
    for index, rule in enumerate(rules):
        holds = formula(rule.when)
        basis = _BASES.get(rule.since)
        if basis and impossible([holds, formula(basis)], zone, budget) and not impossible([holds], zone, budget):
            problem = (
                f"the rule {rule.rule!r} counts since {rule.since.value}, and its condition asks for a ticket that is"
                " not: it is never followed"
            )
            yield Dead(("follow_up", index), (), problem, "a basis that the condition allows", "correct when or since")
        for before in range(index):
            if _opposed(rules[before], rule, zone, budget):
                problem = (
                    f"the rules {rules[before].rule!r} ({{lines}}) and {rule.rule!r} do the opposite at once, for the"
                    " same tickets"
                )
                others = (("follow_up", before),)
                yield Dead(("follow_up", index), others, problem, "one of them", "part their conditions, or remove one")
    yield from _circles(rules)


_BASES = {
    Since.SOLVED: Condition.model_validate({"field": "status", "in": ["solved", "closed"]}),
    Since.CLOSED: Condition.model_validate({"field": "status", "is": "closed"}),
}
"""What holds of a ticket as long as it has the basis."""
_TOPICS = {
    "pend": "ticket.pended", "hold": "ticket.held", "resume": "ticket.resumed", "solve": "ticket.solved",
    "close": "ticket.closed", "reopen": "ticket.reopened",
}  # fmt: skip


def _circles(rules: Sequence[FollowUpRule]) -> Iterator[Dead]:
    """Yield the rules that lead from a status back to it at once, and ask for nothing but the status."""
    ready = [
        (index, rule) for index, rule in enumerate(rules) if rule.after.at_once and not rule.when.fields - {"status"}
    ]
    told: set[tuple[int, ...]] = set()
    for start in Status:
        passed: list[int] = []
        status, follows = start, _next(ready, start)
        while follows is not None and follows[0] not in passed:
            passed.append(follows[0])
            status = follows[1]
            follows = _next(ready, status)
        circle = tuple(sorted(passed))
        if not passed or status is not start or circle in told:
            continue
        told.add(circle)
        *others, last = circle
        names = ", ".join(repr(rules[one].rule) for one in others)
        if others:
            problem = f"the rules {names} ({{lines}}) and {rules[last].rule!r} bring about what they wait for"
        else:
            problem = f"the rule {rules[last].rule!r} brings about what it waits for"
        yield Dead(
            ("follow_up", last), tuple(("follow_up", one) for one in others), f"{problem}, at once and without end",
            "after of more than 0s, or other actions", "say how long",
        )  # fmt: skip


def _next(ready: Sequence[tuple[int, FollowUpRule]], status: Status) -> tuple[int, Status] | None:
    """Return the first rule that leaves *status*, and where the ticket is then; ``None`` where it stays."""
    facts = Facts({"status": lambda: status.value})
    for index, rule in ready:
        basis = status.value if rule.since in _BASES else None
        if rule.since not in (Since.STATUS, *_BASES) or basis not in (None, rule.since.value):
            continue
        ends = _ends(rule, status) if rule.when.matches(facts) else []
        if ends:
            return index, ends[-1]
    return None


def _ends(rule: FollowUpRule, status: Status) -> list[Status]:
    """Return the statuses that a ticket in *status* goes through by a rule's actions, the last one where it stays."""
    found: list[Status] = []
    for action in rule.do:
        if action.kind in _TOPICS:
            sources, target, _ = TRANSITIONS[_TOPICS[action.kind]]
            now = found[-1] if found else status
            if target is not None and now in sources and now is not target:
                found.append(target)
    return found


def _opposed(one: FollowUpRule, other: FollowUpRule, zone: tzinfo, budget: Budget) -> bool:
    """Return whether both are about the same moment of the same tickets, and leave them in another status or priority."""
    if (one.after, one.since) != (other.after, other.since):
        return False
    ends = [_end(rule) for rule in (one, other)]
    if all(ends[0][what] == ends[1][what] for what in ends[0].keys() & ends[1].keys()):
        return False
    return one.when == other.when or all(
        impossible([formula(this.when), formula(that.when, positive=False)], zone, budget)
        for this, that in ((one, other), (other, one))
    )


def _end(rule: FollowUpRule) -> dict[str, str]:
    found = {}
    for action in rule.do:
        if action.kind in _TOPICS:
            found["status"] = str(TRANSITIONS[_TOPICS[action.kind]].target)
        elif action.set_priority is not None:
            found["priority"] = action.set_priority.value
        elif action.assign is not None and action.assign.team is not None:
            found["team"] = action.assign.team
    return found
