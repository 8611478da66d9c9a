"""What can be proven of conditions without any ticket: that some can't hold together.

Conditions become formulas of literals; a tableau looks for a case in which all hold. Only what is proven is said: a
search that takes too long, or parts whose relation is not known (two patterns, a date and its weekday), prove nothing.
Source: Smullyan, First-Order Logic (1968), on analytic tableaux.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.policy.checks import NEGATIVE, Check
from ticketcore.policy.fields import Kind
from ticketcore.policy.possible import agree

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from ticketcore.policy.conditions import Condition

__all__ = ["Formula", "Literal", "formula", "impossible"]

STEPS = 3_000
"""Steps of one search."""


class Literal(NamedTuple):
    """Something that holds or does not.

    Attributes:
        field: of which field.
        what: a check of it; or a word, name or calendar that is in it; ``"known"`` and ``"set"`` that it is there.
        positive: whether it holds.
    """

    field: str
    what: Any
    positive: bool


class Formula(NamedTuple):
    """Several of which all hold (``every``), or at least one."""

    every: bool
    parts: tuple[Formula | Literal, ...]


def formula(condition: Condition, *, positive: bool = True) -> Formula:
    """Return when *condition* holds, or with ``positive=False`` when it does not."""
    if condition.check is not None:
        return _checked(condition.check, positive=positive)
    parts: list[Formula | Literal] = [formula(part, positive=positive) for part in condition.all_ or ()]
    if condition.any_ is not None:
        parts.append(Formula(not positive, tuple(formula(part, positive=positive) for part in condition.any_)))
    parts += [formula(part, positive=not positive) for part in condition.none_ or ()]
    return Formula(positive, tuple(parts))


def impossible(formulas: Iterable[Formula], zone: tzinfo, steps: int = STEPS) -> bool:
    """Return whether it is proven that *formulas* never hold together.

    Args:
        formulas: what is to hold.
        zone: in which dates without offset are meant.
        steps: after how many the search gives up.
    """
    try:
        return not _Search(zone, steps).finds_case({}, list(formulas))
    except _TooLong:
        return False


def _checked(check: Check, *, positive: bool) -> Formula:
    field, within = check.field, check.operator in ("within", "not_within")
    if not within and check.kind not in (Kind.TEXT, Kind.LABELS):
        return Formula(True, (Literal(field, check, positive),))
    if check.operator == "is_set":
        return Formula(True, (Literal(field, "set", check.operand[0] is positive),))
    if within:
        inside: list[Any] = [("within", check.operand[0])]
    elif check.operator == "matches":
        inside = [("matches", check.written)]
    elif check.kind is Kind.LABELS:
        inside = [("name", name) for name in check.operand]
    elif check.operator in ("is", "is_not", "in", "not_in"):
        inside = [("is", text) for text in check.operand]
    elif check.operator in ("starts_with", "ends_with"):
        inside = [(check.operator, text) for text in check.operand]
    else:
        inside = list(check.operand)
    negative = check.operator in NEGATIVE
    found = positive is not negative
    every = (check.operator == "contains_all") is found
    parts: tuple[Formula | Literal, ...] = tuple(Literal(field, one, found) for one in inside)
    if not negative:
        return Formula(every, parts)
    return Formula(positive, (Literal(field, "known", positive), Formula(every, parts)))


class _TooLong(Exception):
    """Nothing is proven."""


class _Search:
    def __init__(self, zone: tzinfo, steps: int) -> None:
        self._zone, self._left = zone, steps
        self._seen: dict[frozenset[Literal], bool] = {}

    def finds_case(self, known: _Case, todo: list[Formula]) -> bool:
        """Return whether there may be a case of all that is *known* in which all of *todo* hold."""
        choices: list[tuple[Formula | Literal, ...]] = []
        while todo:
            one = todo.pop()
            if one.every or len(one.parts) == 1:
                for part in one.parts:
                    if isinstance(part, Formula):
                        todo.append(part)
                    elif part not in known.get(part.field, ()):
                        if not self._agrees(known, part):
                            return False
                        known = {**known, part.field: known.get(part.field, frozenset()) | {part}}
            else:
                choices.append(one.parts)
        left: list[tuple[Formula | Literal, ...]] = []
        for parts in choices:
            if any(isinstance(part, Literal) and part in known.get(part.field, ()) for part in parts):
                continue
            fitting = tuple(part for part in parts if isinstance(part, Formula) or self._agrees(known, part))
            if not fitting:
                return False
            left.append(fitting)
        if not left:
            return True
        left.sort(key=len)
        others = [Formula(False, parts) for parts in left[1:]]
        return any(
            self.finds_case(known, [*others, part if isinstance(part, Formula) else Formula(True, (part,))])
            for part in left[0]
        )

    def _agrees(self, known: _Case, more: Literal) -> bool:
        self._left -= 1
        if self._left < 0:
            raise _TooLong
        literals = known.get(more.field, frozenset()) | {more}
        if literals not in self._seen:
            self._seen[literals] = agree([(one.what, one.positive) for one in literals], self._zone)
        return self._seen[literals]


_Case = Mapping[str, frozenset[Literal]]
