"""Rules that undo each other without end: classification and priority are followed from every rule on, before adoption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketcore.policy.contradictions import Dead
from ticketcore.policy.facts import Facts
from ticketcore.policy.first_rule import fitting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.sections import ClassificationRule

__all__ = ["circles"]

_SET = frozenset({"category", "subcategory", "tags", "impact", "urgency", "priority"})
"""What these sections set. A rule that looks at nothing else is *closed*: what was set decides whether it holds."""
_State = dict[str, Any]


def circles(document: PolicyDocument) -> Iterator[Dead]:
    """Yield each set of classification rules that, beginning with a ticket of which nothing is set, never come to rest.

    Followed is a ticket for which one rule holds by something else than what is set, and of all others only closed ones.
    """
    rules = document.classification
    closed = {rule.rule for rule in rules if rule.when.fields and rule.when.fields <= _SET}
    told = set[frozenset[str]]()
    for start in rules if closed else ():
        if start.when.fields & _SET:
            continue
        circle = _circle(document, [rule for rule in rules if rule is start or rule.rule in closed], start)
        names = frozenset(rule.rule for rule in circle)
        if not circle or names in told:
            continue
        told.add(names)
        *others, last = sorted(rules.index(rule) for rule in circle)
        before = ", ".join(repr(rules[one].rule) for one in others)
        problem = f"the rules {before} ({{lines}}) and {rules[last].rule!r} undo each other without end, once {start.rule!r} counted"
        paths: list[tuple[str | int, ...]] = [("classification", one) for one in others]
        remedy = "look at what the customer wrote, or put what is sure above"
        yield Dead(("classification", last), tuple(paths), problem, "rules that come to rest", remedy)


def _circle(
    document: PolicyDocument, rules: Sequence[ClassificationRule], start: ClassificationRule
) -> list[ClassificationRule]:
    """Return the rules that count again and again, of *rules* where *start* always holds; none where all comes to rest."""
    state: _State = {**dict.fromkeys(_SET), "tags": frozenset()}
    last = ""
    seen: list[tuple[_State, str]] = []
    trail: list[ClassificationRule] = []
    while True:
        facts = Facts({name: lambda value=value: value for name, value in state.items()})  # type: ignore[misc]
        rule = next((one for one in rules if one is start or one.when.matches(facts)), None)
        if rule is None or rule.rule == last:
            priority = _priority(document, state, facts)
            if priority == state["priority"]:
                return []
            state = {**state, "priority": priority}
        else:
            state, last = _after(document, state, rule), rule.rule
            if (state, last) in seen:
                again = trail[seen.index((state, last)) + 1 :]
                return [one for one in rules if one in again or one is rule]
            seen.append((state, last))
            trail.append(rule)


def _after(document: PolicyDocument, state: _State, rule: ClassificationRule) -> _State:
    wanted, section = rule.set, document.priority
    category = wanted.category or state["category"]
    levels = {name: getattr(wanted, name) or state[name] for name in ("impact", "urgency")}
    state = {
        **state, **levels, "category": category, "tags": state["tags"] | set(wanted.add_tags),
        "subcategory": wanted.subcategory or (state["subcategory"] if category == state["category"] else None),
    }  # fmt: skip
    if wanted.impact or wanted.urgency:
        matrix = section.matrix.pairs.get((levels["impact"], levels["urgency"]))
        state["priority"] = matrix or state["priority"] or section.default
    return state


def _priority(document: PolicyDocument, state: _State, facts: Facts) -> Any:
    section = document.priority
    otherwise = section.matrix.pairs.get((state["impact"], state["urgency"])) or section.default
    closed = [rule for rule in section.rules if rule.when.fields <= _SET]
    rule = fitting(closed, facts.but({"priority": otherwise}))
    return otherwise if rule is None else rule.set.priority
