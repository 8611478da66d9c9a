"""What can be proven of conditions without any ticket: that some can't hold together.

Conditions become formulas of literals; a tableau looks for a case in which all hold. Only what is proven is said: a
search that takes too long, or parts whose relation is not known (two patterns, a date and its weekday), prove nothing.
Source: Smullyan, First-Order Logic (1968), on analytic tableaux.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.policy.checks import NEGATIVE, Check
from ticketcore.policy.fields import ALWAYS_KNOWN, Kind
from ticketcore.policy.possible import clash, implies, may_be

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from ticketcore.policy.conditions import Condition

__all__ = ["Budget", "Formula", "Literal", "formula", "impossible"]

STEPS = 3_000
"""Things that are said of a field and looked at in one search."""
WHOLE = 5_000_000
"""Comparisons of two such things, of all searches of a document together: some seconds."""


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


def impossible(formulas: Iterable[Formula], zone: tzinfo, budget: Budget | None = None) -> bool:
    """Return whether it is proven that *formulas* never hold together.

    Args:
        formulas: what is to hold.
        zone: in which dates without offset are meant.
        budget: what this search and others may cost together; where it is spent, nothing more is proven.
    """
    try:
        return not _Search(zone, budget or Budget()).finds_case({}, list(formulas))
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


class Budget:
    """How much is still tried: comparisons of two things that are said of a field. One may serve many searches."""

    def __init__(self, left: int = WHOLE) -> None:
        self.left = left

    def spend(self, count: int) -> None:
        """Take *count* away.

        Raises:
            _TooLong: nothing is left.
        """
        self.left -= count
        if self.left < 0:
            raise _TooLong


class _Search:
    def __init__(self, zone: tzinfo, budget: Budget) -> None:
        self._zone, self._whole, self._own = zone, budget, Budget(STEPS)
        self._seen: dict[tuple[str, frozenset[tuple[Check, bool]]], bool] = {}

    def finds_case(self, given: _Case, todo: list[Formula]) -> bool:
        """Return whether there may be a case of all that is *given* in which all of *todo* hold."""
        known = {key: set(whats) for key, whats in given.items()}
        choices: list[tuple[Formula | Literal, ...]] = []
        while todo:
            one = todo.pop()
            if one.every or len(one.parts) == 1:
                for part in one.parts:
                    if isinstance(part, Formula):
                        todo.append(part)
                    elif part.what not in known.get((part.field, part.positive), ()):
                        if not self._agrees(known, part):
                            return False
                        known.setdefault((part.field, part.positive), set()).add(part.what)
            else:
                choices.append(one.parts)
        if len(choices) == 1:  # whichever fits first will do
            return any(
                self.finds_case(known, [part]) if isinstance(part, Formula) else self._agrees(known, part)
                for part in choices[0]
            )
        left: list[tuple[Formula | Literal, ...]] = []
        for parts in choices:
            if any(
                isinstance(part, Literal) and part.what in known.get((part.field, part.positive), ()) for part in parts
            ):
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
        """Return whether *more* may be beside what is known."""
        self._own.spend(1)
        field, what = more.field, more.what
        if isinstance(what, Check):
            return self._may_be(known, more)
        opposite = known.get((field, not more.positive), ())
        if what in opposite:
            return False
        if not more.positive:
            if what == "known" and field in ALWAYS_KNOWN:
                return False
            there = [*opposite, *(one for part in _PARTS.get(field, ()) for one in known.get((part, True), ()))]
            self._whole.spend(len(there) + 1)
            return not any(implies(one, what) for one in there)
        absent = [*opposite, *known.get((_WHOLE.get(field, ""), False), ())]
        beside = known.get((field, True), ()) if field in _WHOLE else ()
        self._whole.spend(len(absent) + len(beside) + 1)
        return not any(implies(what, one) for one in absent) and not any(clash(what, one) for one in beside)

    def _may_be(self, known: _Case, more: Literal) -> bool:
        checks = frozenset(
            (what, positive)
            for positive in (True, False)
            for what in known.get((more.field, positive), ())
            if isinstance(what, Check)
        ) | {(more.what, more.positive)}
        key = more.field, checks
        if key not in self._seen:
            self._whole.spend(8 * len(checks) * sum(len(check.operand) + 1 for check, _ in checks))
            self._seen[key] = may_be(list(checks), self._zone)
        return self._seen[key]


_Case = Mapping[tuple[str, bool], Collection[Any]]
"""Field, and whether it holds -> what is known."""
_PARTS = {"text": ("subject", "body")}
_WHOLE = {part: whole for whole, parts in _PARTS.items() for part in parts}
"""A text of one part -> the text that it is a part of: what is in the one is in the other."""
