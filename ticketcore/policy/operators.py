"""What one condition checks: an operator with its value, fit for the field's kind."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from ticketcore.policy.checks import Check
from ticketcore.policy.duration import parse_duration
from ticketcore.policy.errors import did_you_mean, shown
from ticketcore.policy.fields import OPERATORS, Field, Kind
from ticketcore.policy.text_match import Expression, Words, folded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MANY", "Unfit", "parse_check"]

MANY = frozenset({"in", "not_in", "contains_any", "contains_all"})
"""Operators whose value is a list."""
_PAIR = 2
_MOST = 200
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,9})?", re.ASCII)


class Unfit(ValueError):
    """An operator or its value does not fit the field.

    Attributes:
        index: which item of a list it is, or ``None``.
    """

    def __init__(self, problem: str, expected: str, remedy: str, index: int | None = None) -> None:
        self.problem, self.expected, self.remedy, self.index = problem, expected, remedy, index
        super().__init__(problem)


def parse_check(field: str, known: Field, operator: str, raw: object) -> Check:
    """Return what *operator* with the value *raw* checks of a field.

    Raises:
        Unfit: the operator does not fit the field, or the value does not fit the operator.
    """
    fitting = OPERATORS[known.kind]
    if operator not in fitting:
        names = ", ".join(fitting)
        raise Unfit(f"{operator} does not fit {field}", f"one of {names}", f"{field} is {_KINDS[known.kind]}")
    written = _written(operator, raw)
    items = written if isinstance(written, tuple) else (written,)
    if operator == "is_set":
        return Check(field, known.kind, operator, written, (_flag(items[0], 0),))
    if operator in ("within", "not_within"):
        return Check(field, known.kind, operator, written, items)
    if operator == "between" and len(items) != _PAIR:
        raise Unfit(f"between has {len(items)} value(s)", "two, the first and the last", "as in [1, 5]")
    parse = _PARSERS[known.kind]
    operand: list[Any] = []
    for index, item in enumerate(items):
        try:
            operand.append(parse(operator, item, known))
        except Unfit as error:
            at = index if isinstance(written, tuple) else None
            raise Unfit(error.problem, error.expected, error.remedy, at) from None
    if operator == "between" and known.kind is not Kind.CLOCK and operand[0] > operand[1]:
        raise Unfit(f"between begins at {items[0]} and ends at {items[1]}", "the smaller first", "swap the two")
    return Check(field, known.kind, operator, written, tuple(operand))


_KINDS = {
    Kind.TEXT: "a text", Kind.CHOICE: "one of fixed values", Kind.LABEL: "a name", Kind.LABELS: "a set of names", Kind.NUMBER: "a number",
    Kind.DURATION: "a duration", Kind.INSTANT: "a point in time", Kind.CLOCK: "a time of day", Kind.FLAG: "true or false",
}  # fmt: skip


def _written(operator: str, raw: object) -> str | tuple[str, ...]:
    if operator in MANY or operator == "between":
        items = raw if isinstance(raw, list | tuple) else [raw]
        if not items:
            raise Unfit("the list is empty", "at least one value", "add one, or remove the condition")
        if len(items) > _MOST:
            raise Unfit(f"the list has {len(items)} values", f"at most {_MOST}", "use a tag or several rules")
        return tuple(_scalar(item, index) for index, item in enumerate(items))
    if isinstance(raw, list | tuple):
        remedy = {"is": "use in", "is_not": "use not_in", "contains": "use contains_any or contains_all"}
        raise Unfit(f"{operator} has a list", "one value", remedy.get(operator, "give one value"))
    return _scalar(raw, None)


def _scalar(raw: object, index: int | None) -> str:
    if isinstance(raw, bool):
        return str(raw).lower()
    if raw is None or isinstance(raw, dict | list | tuple) or not str(raw).strip():
        raise Unfit(f"the value is {shown(raw)}", "a value", "give one, in quotes if it is a word of YAML", index)
    text = str(raw)
    if len(text) > 1_000:  # noqa: PLR2004 nobody looks for more
        raise Unfit(f"the value has {len(text):,} characters", "at most 1,000", "shorten it", index)
    return text


def _words(operator: str, item: str, _known: Field) -> object:
    if operator == "matches":
        try:
            return Expression(item)
        except ValueError as error:
            raise Unfit(
                f"{shown(item)} is no expression that can be used: {error}",
                "a regular expression of RE2",
                "without look-around and back references; see docs/policies.md",
            ) from None
    if operator in ("is", "is_not", "in", "not_in", "starts_with", "ends_with"):
        text = folded(item)
        if not text:
            raise Unfit(f"{shown(item)} looks for nothing", "a text that people see", "write one")
        return text
    try:
        return Words.of(item)
    except ValueError as error:
        raise Unfit(f"{shown(item)} looks for nothing", str(error), "use matches for more") from None


def _choice(_operator: str, item: str, known: Field) -> str:
    if item in known.choices:
        return item
    near = did_you_mean(item, known.choices)
    remedy = f"did you mean {near}?" if near else "choose one of these"
    raise Unfit(f"{shown(item)} is unknown", f"one of {', '.join(known.choices)}", remedy)


def _label(operator: str, item: str, known: Field) -> object:
    if operator == "matches":
        return _words(operator, item, known)
    if len(item) > _MOST:
        raise Unfit(f"the name has {len(item):,} characters", f"at most {_MOST}", "shorten it")
    return item


def _number(_operator: str, item: str, _known: Field) -> float:
    if not _NUMBER.fullmatch(item.strip()):
        raise Unfit(f"{shown(item)} is no number", "a number like 3 or 2.5", "write it in digits")
    return float(item)


def _duration(_operator: str, item: str, _known: Field) -> timedelta:
    try:
        return parse_duration(item)
    except ValueError as error:
        raise Unfit(f"{shown(item)} is no duration", str(error), "write a number with w, d, h, m or s") from None


def _instant(_operator: str, item: str, _known: Field) -> datetime:
    """Return a time; one without offset is naive: it counts in the policy's zone."""
    try:
        found = datetime.fromisoformat(item.strip())
        return found.astimezone(UTC) if found.tzinfo else found
    except (ValueError, OverflowError):
        raise Unfit(f"{shown(item)} is no date", "a date or time like 2026-12-24", "write it as ISO 8601") from None


def _clock(_operator: str, item: str, _known: Field) -> time:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", item.strip(), re.ASCII)
    if match and int(match[1]) < 24 and int(match[2]) < 60:  # noqa: PLR2004 of a clock
        return time(int(match[1]), int(match[2]))
    raise Unfit(f"{shown(item)} is no time of day", 'a time from "00:00" to "23:59"', "write hours and minutes")


def _flag(item: str, _index: int) -> bool:
    if item.lower() in ("true", "yes"):
        return True
    if item.lower() in ("false", "no"):
        return False
    raise Unfit(f"{shown(item)} is neither true nor false", "true or false", "write one of them")


_PARSERS: dict[Kind, Callable[[str, str, Field], Any]] = {
    Kind.TEXT: _words,
    Kind.CHOICE: _choice,
    Kind.LABEL: _label,
    Kind.LABELS: _label,
    Kind.NUMBER: _number,
    Kind.DURATION: _duration,
    Kind.INSTANT: _instant,
    Kind.CLOCK: _clock,
    Kind.FLAG: lambda _operator, item, _known: _flag(item, 0),
}
