"""The first rule of a list whose condition holds is the one that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ticketcore.policy.conditions import saw
from ticketcore.policy.sections import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ticketcore.policy.facts import Facts

__all__ = ["first_rule", "fitting", "seen_until"]

R = TypeVar("R", bound=Rule)


def fitting(rules: Sequence[R], facts: Facts) -> R | None:
    """Return the first rule that fits, ``None`` where none does."""
    return next((rule for rule in rules if rule.when.matches(facts)), None)


def seen_until(rules: Sequence[R], rule: R | None, facts: Facts) -> Mapping[str, str]:
    """Return what was seen until *rule* was found to fit, or all do not (``None``), with nothing personal."""
    asked = rules if rule is None else rules[: rules.index(rule) + 1]
    return saw((one.when for one in asked), facts)


def first_rule(rules: Sequence[R], facts: Facts) -> tuple[R | None, Mapping[str, str]]:
    """Return the first rule that fits, and what was seen until then; see :func:`fitting` and :func:`seen_until`."""
    rule = fitting(rules, facts)
    return rule, seen_until(rules, rule, facts)
