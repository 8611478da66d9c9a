"""How calendars write days, hours and dates: ``mon-fri``, ``09:00-12:30``, ``2026-12-24``, ``12-24``."""

from __future__ import annotations

import itertools
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DAY",
    "WEEKDAYS",
    "DateText",
    "DaysText",
    "Hours",
    "HoursText",
    "hours_of",
    "overlap",
    "weekdays_of",
    "wrong",
]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 86_400
"""Seconds of a day on the wall clock."""
_NAMES = {
    name: index
    for index, day in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
    for name in (day, day[:3])
}
_HOURS = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?\s*[-\u2013]\s*(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_YEARLY = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Hours(NamedTuple):
    """Working hours on the wall clock. ``start``, ``end``: seconds after midnight; an end past 86,400 is the next day."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end if self.end <= DAY else self.end - DAY)}"


def wrong(value: object, expected: str, remedy: str) -> PydanticCustomError:
    """Return the error of a value in a document, with its facts."""
    if isinstance(value, dict):
        got = "a table of keys"
    elif isinstance(value, list | tuple):
        got = f"a list of {len(value)}"
    else:
        got = "empty" if value is None else repr(str(value)[:60])
    facts = {"problem": f"it is {got}", "expected": expected, "remedy": remedy}
    return PydanticCustomError("wrong", "{problem}, expected {expected} ({remedy})", facts)


def weekdays_of(text: str) -> tuple[int, ...]:
    """Return the weekdays that *text* names, 0 being Monday: ``mon-fri``, ``sat``, ``mon,wed``, ``fri-mon``.

    Raises:
        PydanticCustomError: a name is no weekday, or a day is named twice.
    """
    found: list[int] = []
    for part in text.lower().split(","):
        first, dash, last = (name.strip() for name in part.partition("-"))
        if first not in _NAMES or (dash and last not in _NAMES):
            raise wrong(text, "weekdays as in mon-fri, sat or mon,wed", f"the days are {', '.join(WEEKDAYS)}")
        start, end = _NAMES[first], _NAMES[last] if dash else _NAMES[first]
        found += [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]
    if len(set(found)) < len(found):
        raise wrong(text, "each weekday once", "name no day twice")
    return tuple(found)


def hours_of(text: str) -> Hours:
    """Return the hours that *text* states; an end before the start is on the next day.

    Raises:
        PydanticCustomError: it states none.
    """
    form = "hours as in 09:00-17:30, or 22:00-06:00 over midnight"
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise wrong(text, form, "write start and end as HH:MM in quotes")
    h1, m1, s1, h2, m2, s2 = (int(part or 0) for part in match.groups())
    start, end = h1 * 3600 + m1 * 60 + s1, h2 * 3600 + m2 * 60 + s2
    if max(m1, s1, m2, s2) > 59 or start >= DAY or end > DAY:  # noqa: PLR2004 minutes and seconds
        raise wrong(text, "times from 00:00 to 23:59, and 24:00 as an end", "correct the time")
    if start == end:
        raise wrong(
            text, "an end that is not the start", "write 00:00-24:00 for a whole day, and no hours for a closed one"
        )
    return Hours(start, end if end > start else end + DAY)


def overlap(hours: Iterable[Hours]) -> tuple[Hours, Hours] | None:
    """Return two of one day's *hours* that overlap; ``None`` where they only touch or stand apart."""
    ordered = sorted(hours)
    return next((pair for pair in itertools.pairwise(ordered) if pair[1].start < pair[0].end), None)


def _clock(seconds: int) -> str:
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if seconds % 60 else text


def _hours_text(value: object) -> str:
    if not isinstance(value, str):
        raise wrong(value, "hours as in 09:00-17:30", "write start and end as HH:MM in quotes")
    return str(hours_of(value))


def _days_text(value: object) -> str:
    if not isinstance(value, str):
        raise wrong(value, "weekdays as in mon-fri, sat or mon,wed", f"the days are {', '.join(WEEKDAYS)}")
    weekdays_of(value)
    return value


def _date_text(value: object) -> str:
    form = "a date as in 2026-12-24, or 12-24 for each year"
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise wrong(value, form, "write a date without a time")
    text = value.isoformat() if isinstance(value, date) else value.strip()
    yearly = _YEARLY.fullmatch(text)
    try:
        if yearly is not None:
            return date(2000, int(yearly[1]), int(yearly[2])).isoformat()[5:]  # a leap year: 02-29 is one
        if _ISO.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        raise wrong(value, form, "there is no such day; correct it") from None
    raise wrong(value, form, "write year, month and day")


HoursText = Annotated[str, BeforeValidator(_hours_text)]
"""Hours as text, checked: :func:`hours_of` reads it."""
DaysText = Annotated[str, BeforeValidator(_days_text)]
"""Weekdays as text, checked: :func:`weekdays_of` reads it."""
DateText = Annotated[str, BeforeValidator(_date_text)]
"""A date, ``YYYY-MM-DD``, or one of each year, ``MM-DD``."""
