"""Whether what a condition checks holds of a ticket, and what it looked at."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.policy.duration import format_duration
from ticketcore.policy.fields import Kind
from ticketcore.policy.text_match import normalised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketcore.policy.facts import Facts

__all__ = ["NEGATIVE", "Check"]

NEGATIVE = frozenset({"is_not", "not_in", "not_contains", "not_within"})
"""Operators that hold where their opposite does not, as long as the field is known."""


class Check(NamedTuple):
    """What is checked of one field.

    Attributes:
        field, kind, operator: of what, and how.
        written: the value as the policy says it: a text, or a tuple of them.
        operand: what it means: a tuple of names, words or texts; numbers, durations, times, dates; true or false.
    """

    field: str
    kind: Kind
    operator: str
    written: str | tuple[str, ...]
    operand: tuple[Any, ...]

    def holds(self, facts: Facts) -> bool:
        """Return whether the ticket is so; never where the fact is missing, except for ``is_set: false``."""
        value = facts.value(self.field)
        if self.operator == "is_set":
            return self._is_there(value) is self.operand[0]
        if value is None:
            return False
        match self.kind:
            case Kind.TEXT:
                return self._text_holds(facts)
            case Kind.CHOICE | Kind.LABEL:
                return self._name_holds(value)
            case Kind.LABELS:
                return self._names_hold(value)
            case Kind.NUMBER | Kind.DURATION:
                return self._size_holds(value)
            case Kind.INSTANT:
                return self._instant_holds(value, facts)
            case Kind.CLOCK:
                return self._clock_holds(value)
            case Kind.FLAG:
                return value is self.operand[0]

    def saw(self, facts: Facts) -> tuple[str, ...]:
        """Return what was looked at, in words that hold nothing personal; nothing where no pattern or name was found."""
        value = facts.value(self.field)
        if value is None or value == frozenset():
            return ("none",)
        if self.operator == "is_set":
            return ("set" if self._is_there(value) else "none",)
        match self.kind:
            case Kind.TEXT:
                return self._patterns_in(facts)
            case Kind.LABELS:
                return tuple(name for name in self.operand if name in value)
            case Kind.DURATION:  # the value itself is another one at every look
                return tuple(f"{_side(value, limit)} {format_duration(limit)}" for limit in self.operand)
            case Kind.INSTANT if self.operator in ("within", "not_within"):
                return (f"{'open' if facts.is_open(self.operand[0], value) else 'closed'} by {self.operand[0]}",)
            case Kind.INSTANT | Kind.CLOCK:
                return (value.isoformat(timespec="seconds"),)
            case Kind.NUMBER:
                return (f"{value:g}",)
            case Kind.FLAG:
                return (str(value).lower(),)
            case _:
                return (str(value),)

    def _is_there(self, value: Any) -> bool:
        """Return whether there is any: of a text, more than blanks."""
        if self.kind is Kind.TEXT:
            return any(part.strip() for part in value or ())
        return value is not None and value != frozenset()

    def _text_holds(self, facts: Facts) -> bool:
        found = self._found(facts)
        return all(found) if self.operator == "contains_all" else any(found) is not (self.operator in NEGATIVE)

    def _found(self, facts: Facts) -> tuple[bool, ...]:
        """Return of each operand whether a part of the text has it; searched for once in a ticket's text."""
        return facts.once((self.field, self.operator, self.written), lambda: tuple(self._search(facts)))

    def _search(self, facts: Facts) -> Iterator[bool]:
        texts = facts.normalised(self.field) if self.operator == "matches" else facts.folded(self.field)
        for one in self.operand:
            yield any(self._fits(one, text) for text in texts)

    def _fits(self, one: Any, text: str) -> bool:
        match self.operator:
            case "is" | "is_not" | "in" | "not_in":
                return text == str(one)
            case "starts_with":
                return text.startswith(one)
            case "ends_with":
                return text.endswith(one)
            case _:
                found: bool = one.found_in(text)
                return found

    def _patterns_in(self, facts: Facts) -> tuple[str, ...]:
        written = self.written if isinstance(self.written, tuple) else (self.written,)
        return tuple(f"found {said!r}" for said, found in zip(written, self._found(facts), strict=True) if found)

    def _name_holds(self, value: str) -> bool:
        match self.operator:
            case "starts_with":
                return value.startswith(self.operand[0])
            case "ends_with":
                return value.endswith(self.operand[0])
            case "matches":
                found: bool = self.operand[0].found_in(normalised(value))
                return found
            case _:
                return (value in self.operand) is not (self.operator in NEGATIVE)

    def _names_hold(self, value: frozenset[str]) -> bool:
        if self.operator == "contains_all":
            return value.issuperset(self.operand)
        return value.isdisjoint(self.operand) is (self.operator in NEGATIVE)

    def _size_holds(self, value: Any) -> bool:
        first = self.operand[0]
        match self.operator:
            case "above":
                return bool(value > first)
            case "below":
                return bool(value < first)
            case "between":
                return bool(first <= value <= self.operand[1])
            case _:
                return (value == first) is not (self.operator in NEGATIVE)

    def _instant_holds(self, value: datetime, facts: Facts) -> bool:
        if self.operator in ("within", "not_within"):
            return facts.is_open(self.operand[0], value) is not (self.operator in NEGATIVE)
        times: list[datetime] = [one if one.tzinfo else one.replace(tzinfo=facts.zone) for one in self.operand]
        match self.operator:
            case "before":
                return value < times[0]
            case "after":
                return value >= times[0]
            case _:
                return times[0] <= value < times[1]

    def _clock_holds(self, value: time) -> bool:
        first: time = self.operand[0]
        match self.operator:
            case "before":
                return value < first
            case "after":
                return value >= first
            case _:  # over midnight where it ends before it begins
                last: time = self.operand[1]
                return first <= value < last if first <= last else value >= first or value < last


def _side(value: timedelta, limit: timedelta) -> str:
    return "above" if value > limit else "below" if value < limit else "exactly"
