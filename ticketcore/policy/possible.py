"""Whether there may be a value of one field of which several things hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ticketcore.policy.checks import Check
from ticketcore.policy.facts import Facts
from ticketcore.policy.fields import FIELDS, Kind
from ticketcore.policy.text_match import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

__all__ = ["agree"]

_PATTERNS = ("starts_with", "ends_with", "matches")
_TICK = timedelta(microseconds=1)


def agree(literals: Sequence[tuple[Any, bool]], zone: tzinfo) -> bool:
    """Return whether a field may be so; ``False`` only where it is proven that it can't.

    Args:
        literals: each a check, or something that is in the field, and whether it holds.
        zone: in which dates without offset are meant.
    """
    checks = [(what, positive) for what, positive in literals if isinstance(what, Check)]
    return _may_have([one for one in literals if not isinstance(one[0], Check)]) and _may_be(checks, zone)


def _may_have(literals: Sequence[tuple[Any, bool]]) -> bool:
    """Of a text, a set of names, or calendars: what is in it, and whether it is there at all."""
    there = [what for what, positive in literals if positive]
    absent = [what for what, positive in literals if not positive]
    if any(_implies(one, other) for one in there for other in absent):
        return False
    return not ("known" in absent and there)


def _implies(one: Any, other: Any) -> bool:
    """Return whether a field that has *one* has *other*."""
    if other in (one, "known"):
        return True
    if other == "set":
        return bool(one != "known")
    if isinstance(one, Words) and isinstance(other, Words):
        before, after = "x" if one.open_before else "", "x" if one.open_after else ""
        return other.found_in(f"{before}{one.text}{after}")
    return False


def _may_be(checks: Sequence[tuple[Check, bool]], zone: tzinfo) -> bool:
    """Of a single value: try every value that differs from the others in what is checked."""
    if not checks:
        return True
    field, kind = checks[0][0].field, checks[0][0].kind
    plain = [(check, positive) for check, positive in checks if check.operator not in _PATTERNS]
    patterns = [(check, positive) for check, positive in checks if check.operator in _PATTERNS]
    for value in (None, *_values(kind, field, [check for check, _ in checks], zone)):
        facts = Facts({field: lambda value=value: value}, zone=zone)  # type: ignore[misc]
        asked = plain if value == _OTHER else checks  # another name may fit any pattern
        if all(check.holds(facts) is positive for check, positive in asked) and (
            value != _OTHER or not _opposed(patterns)
        ):
            return True
    return False


_OTHER = "\x00"
"""Stands for any name that no check names; no name has this character."""


def _opposed(patterns: Sequence[tuple[Check, bool]]) -> bool:
    return any((check, not positive) in patterns for check, positive in patterns)


def _values(kind: Kind, field: str, checks: Sequence[Check], zone: tzinfo) -> Iterable[Any]:
    limits = [one for check in checks if check.operator not in (*_PATTERNS, "is_set") for one in check.operand]
    match kind:
        case Kind.CHOICE:
            return FIELDS[field].choices
        case Kind.LABEL:
            return (*limits, _OTHER)
        case Kind.FLAG:
            return (True, False)
        case Kind.NUMBER:
            return _around(limits, 1.0)
        case Kind.DURATION:
            return _around(limits, timedelta(days=1))
        case Kind.INSTANT:
            instants = [one if one.tzinfo else one.replace(tzinfo=zone) for one in limits]
            return _around([one.astimezone(UTC) for one in instants], _TICK)
        case _:
            return _clocks(limits)


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
