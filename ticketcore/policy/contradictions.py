"""Rules that can never count: found before a policy is adopted, by proof from their conditions alone."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from ticketcore.policy.conditions import Condition
from ticketcore.policy.logic import Budget, formula, impossible
from ticketcore.policy.sections import Assign

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo

    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.logic import Formula
    from ticketcore.policy.sections import RoutingRule, Rule, Team

__all__ = ["Dead", "dead_rules"]


class Dead(NamedTuple):
    """A rule that can't be meant so.

    Attributes:
        path: where it stands.
        others: where the rules stand that take everything before it.
        problem, expected, remedy: as mistakes have them; ``{lines}`` stands for the others' lines.
    """

    path: tuple[str | int, ...]
    others: tuple[tuple[str | int, ...], ...]
    problem: str
    expected: str
    remedy: str


def dead_rules(document: PolicyDocument, budget: Budget | None = None) -> Iterator[Dead]:
    """Yield every rule of which it is proven that it never counts.

    *budget*: how much all proofs may cost together; enough for some hundred rules of many words.
    """
    zone: tzinfo = UTC if document.calendar is None else ZoneInfo(document.calendars[document.calendar].zone)
    firsts: Mapping[tuple[str, ...], Sequence[Rule]] = {
        ("classification",): document.classification,
        ("priority", "rules"): document.priority.rules,
        ("routing",): document.routing,
        ("sla",): document.sla,
    }
    budget = budget or Budget()
    for section, rules in firsts.items():
        yield from _first_match(section, rules, zone, budget)
    for index, route in enumerate(document.routing):
        if then := _undone(route, document.teams[route.team], zone, budget):
            problem = f"the rule {route.rule!r} does not hold once {then}, and another one counts then"
            yield Dead(
                ("routing", index), (), problem, "a condition that stays", "leave team and agent out of its condition"
            )
    for index, rule in enumerate(document.follow_up):
        if impossible([formula(rule.when)], zone, budget):
            yield _never(("follow_up", index), rule.rule)
    for name, checklist in document.checklists.items():
        if checklist.when is not None and impossible([formula(checklist.when)], zone, budget):
            yield _never(("checklists", name), name)


def _first_match(section: tuple[str, ...], rules: Sequence[Rule], zone: tzinfo, budget: Budget) -> Iterator[Dead]:
    passed: list[_Passed] = []  # those before that can count
    every: tuple[int, ...] = ()  # of these, some that take every ticket
    for index, rule in enumerate(rules):
        path: tuple[str | int, ...] = (*section, index)
        holds = formula(rule.when)
        if impossible([holds], zone, budget):
            yield _never(path, rule.rule)
            continue
        found = every or _takers(rule, holds, passed, zone, budget)
        if found:
            names = ", ".join(repr(rules[one].rule) for one in found)
            one_of = "one of " if len(found) > 1 else ""
            problem = (
                f"the rule {rule.rule!r} never counts: wherever it holds, {one_of}{names} ({{lines}}) counts before it"
            )
            others: tuple[tuple[str | int, ...], ...] = tuple((*section, one) for one in found)
            yield Dead(
                path, others, problem, "a case for every rule", "put it above, narrow what is above, or remove it"
            )
            continue
        passed.append(_Passed(index, _related(rule.when.fields), rule.when.always, formula(rule.when, positive=False)))
        every = _all_cases(passed, zone, budget)


class _Passed(NamedTuple):
    """A rule that can count: which it is, what it looks at, and when it does not hold."""

    number: int
    fields: frozenset[str]
    always: bool
    opposite: Formula


def _related(fields: frozenset[str]) -> frozenset[str]:
    """Return *fields* and those that are of the same text."""
    texts = {"text", "subject", "body"}
    return fields | texts if fields & texts else fields


def _takers(rule: Rule, holds: Formula, passed: Sequence[_Passed], zone: tzinfo, budget: Budget) -> tuple[int, ...]:
    """Return which rules before one take all its cases: a single one where one alone does."""
    fields = rule.when.fields
    related = [one for one in passed if one.fields & fields or one.always]
    for one in related:
        if impossible([holds, one.opposite], zone, budget):
            return (one.number,)
    together = 1 < len(related) <= _MOST and impossible([holds, *(one.opposite for one in related)], zone, budget)
    return tuple(one.number for one in related) if together else ()


def _all_cases(passed: Sequence[_Passed], zone: tzinfo, budget: Budget) -> tuple[int, ...]:
    """Return which of *passed*, the last among them, take every ticket together; none where they don't."""
    last = passed[-1]
    related = [one for one in passed if one.fields & last.fields]
    together = 1 < len(related) <= _MOST and impossible([one.opposite for one in related], zone, budget)
    return tuple(one.number for one in related) if together else ()


_MOST = 40
"""How many rules are looked at together: the search grows with the square."""


def _undone(rule: RoutingRule, team: Team, zone: tzinfo, budget: Budget) -> str | None:
    """Return what of it comes about by the rule itself, where its condition can hold before but not after that."""
    after: list[tuple[str, dict[str, object]]] = [
        (f"the team is {rule.team!r}", {"field": "team", "is": rule.team}),
        (f"an agent of {rule.team!r} has the ticket", {"field": "agent", "is_set": True}),
    ]
    holds = formula(rule.when)
    if impossible([holds], zone, budget):
        return None  # told already
    asked = (one for one in after[: 1 if team.assign is Assign.NONE else 2] if one[1]["field"] in rule.when.fields)
    found = (
        then for then, value in asked if impossible([holds, formula(Condition.model_validate(value))], zone, budget)
    )
    return next(found, None)


def _never(path: tuple[str | int, ...], name: str) -> Dead:
    problem = f"the condition of {name!r} contradicts itself: it holds of no ticket"
    return Dead(path, (), problem, "a condition that some ticket fulfils", "correct it, or remove the rule")
