"""Whether there may be a value of one field of which several things hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from ticketcore.policy.checks import Check
from ticketcore.policy.facts import Facts
from ticketcore.policy.fields import ALWAYS_KNOWN, FIELDS, Kind
from ticketcore.policy.text_match import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

__all__ = ["clash", "implies", "may_be"]

_EXACT = ("starts_with", "ends_with")
_PATTERNS = (*_EXACT, "matches")
_TICK = timedelta(microseconds=1)
_STAND_INS = "\U00010300\U00010301"
"""Letters (Old Italic) that stand for any letter; the second where a pattern has the first."""


def implies(one: Any, other: Any) -> bool:
    """Return whether a field that has *one* has *other*: words or names in it, how it begins, that it is known or set."""
    if isinstance(one, Words) and isinstance(other, Words):
        return other.text in one.text and other.found_in(_shortest(one, other))
    if other in (one, "known"):
        return True
    if other == "set":
        return one != "known" and _kind(one) != "matches"  # an expression may fit a text of blanks
    kind = _kind(one)
    return (kind == "is" and _fits(one[1], other)) or (kind in _EXACT and kind == _kind(other) and _fits(one[1], other))


def clash(one: Any, other: Any) -> bool:
    """Return whether a text of one part can't have both."""
    for this, that in ((one, other), (other, one)):
        if _kind(this) == "is":
            return _kind(that) in ("words", "is", *_EXACT) and not _fits(this[1], that)
    return _kind(one) in _EXACT and _kind(one) == _kind(other) and not (implies(one, other) or implies(other, one))


def _kind(what: Any) -> str:
    """Return how *what* looks at a text: for words, or by which operator."""
    return "words" if isinstance(what, Words) else str(what[0] if isinstance(what, tuple) else what)


def _fits(text: str, what: Any) -> bool:
    """Return whether a text that is just this has *what*; ``False`` too where that can't be told."""
    match _kind(what):
        case "words":
            return bool(what.found_in(text))
        case "is":
            return bool(text == what[1])
        case "starts_with":
            return text.startswith(what[1])
        case "ends_with":
            return text.endswith(what[1])
    return False


def _shortest(one: Words, other: Words) -> str:
    """Return the text that has *one* and as little else as can be: where a word may go on, a letter that *other* has not."""
    letter = next(letter for letter in _STAND_INS if letter not in other.text or letter == _STAND_INS[-1])
    return f"{letter if one.open_before else ''}{one.text}{letter if one.open_after else ''}"


def may_be(checks: Sequence[tuple[Check, bool]], zone: tzinfo) -> bool:
    """Return whether a field with a single value may be so; ``False`` only where it is proven that it can't.

    Every value is tried that differs from the others in what is checked.

    Args:
        checks: each with whether it holds; all of one field.
        zone: in which dates without offset are meant.
    """
    if not checks:
        return True
    field, kind = checks[0][0].field, checks[0][0].kind
    known = [(check, positive) for check, positive in checks if check.operator != "matches"]
    unknown = [(check, positive) for check, positive in checks if check.operator == "matches"]
    unset = () if field in ALWAYS_KNOWN else (None,)
    for value in (*unset, *_values(kind, field, checks, zone)):
        facts = Facts({field: lambda value=value: value}, zone=zone)  # type: ignore[misc]
        other = isinstance(value, str) and _OTHER in value
        asked = known if other else checks  # another name may fit any expression
        if all(check.holds(facts) is positive for check, positive in asked) and (not other or not _opposed(unknown)):
            return True
    return False


_OTHER = "\x00"
"""In any name that no check names; no name has this character."""


def _opposed(patterns: Sequence[tuple[Check, bool]]) -> bool:
    return any((check, not positive) in patterns for check, positive in patterns)


def _values(kind: Kind, field: str, checks: Sequence[tuple[Check, bool]], zone: tzinfo) -> Iterable[Any]:
    limits = [one for check, _ in checks if check.operator not in (*_PATTERNS, "is_set") for one in check.operand]
    match kind:
        case Kind.CHOICE:
            return FIELDS[field].choices
        case Kind.LABEL:
            first, last = (
                max((check.operand[0] for check, positive in checks if positive and check.operator == name), key=len, default="")
                for name in _EXACT
            )  # fmt: skip
            return (*limits, f"{first}{_OTHER}{last}")
        case Kind.FLAG:
            return (True, False)
        case Kind.NUMBER:
            return _counts(field, limits)
        case Kind.DURATION:
            return [value for value in (timedelta(), *_around(limits, timedelta(days=1))) if value >= timedelta()]
        case Kind.INSTANT:
            instants = [one if one.tzinfo else one.replace(tzinfo=zone) for one in limits]
            return _around([one.astimezone(UTC) for one in instants], _TICK)
        case _:
            return _clocks(limits)


def _counts(field: str, limits: list[float]) -> Iterable[int]:
    """Return the whole numbers around the limits: all numbers are counts, but for a rating, which is 1 to 5."""
    if field == "score":
        return range(1, 6)
    near = {number for limit in limits for number in (floor(limit) - 1, floor(limit), ceil(limit), ceil(limit) + 1)}
    return sorted(number for number in near | {0} if number >= 0)


def _around(limits: list[Any], step: Any) -> Iterable[Any]:
    """Return the limits, one value between any two neighbours, and one on either side of all."""
    if not limits:
        return (datetime(2026, 1, 1, tzinfo=UTC),) if step == _TICK else (step,)
    known = sorted(set(limits))
    between = [low + (high - low) / 2 for low, high in pairwise(known)]
    return [known[0] - step, *known, *between, known[-1] + step]


def _clocks(limits: list[time]) -> Iterable[time]:
    """Return the begin of the day, the limits, and the moment before each."""
    day = datetime.combine(date(2026, 1, 1), time())
    before = [(datetime.combine(day, one) - _TICK).time() for one in limits]
    return (time(), time.max, *limits, *before)
