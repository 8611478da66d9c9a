"""The first rule of a list whose condition holds is the one that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ticketcore.policy.conditions import saw
from ticketcore.policy.sections import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ticketcore.policy.facts import Facts

__all__ = ["first_rule"]

R = TypeVar("R", bound=Rule)


def first_rule(rules: Sequence[R], facts: Facts) -> tuple[R | None, Mapping[str, str]]:
    """Return the first rule that fits, ``None`` where none does, and what was seen until then, with nothing personal."""
    for index, rule in enumerate(rules):
        if rule.when.matches(facts):
            return rule, saw((one.when for one in rules[: index + 1]), facts)
    return None, saw((one.when for one in rules), facts)
