"""Business time: how much working time lies between two instants, and when so much of it will have passed."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ticketcore.errors import BadTime, NoWorkingTime
from ticketcore.policy.calendar_days import Days, united
from ticketcore.policy.calendar_spec import CalendarSpec
from ticketcore.policy.calendar_texts import DAY

__all__ = ["HORIZON_YEARS", "Calendar"]

HORIZON_YEARS = 20
"""After so many years without any working time the search for it ends."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_PAGE_DAYS = 512
_MICROS = 1_000_000
_PAGE = _PAGE_DAYS * DAY * _MICROS
_HORIZON = HORIZON_YEARS * 366 // _PAGE_DAYS + 1
_FIRST, _LAST = 3 - _EPOCH_ORDINAL, date.max.toordinal() - 2 - _EPOCH_ORDINAL
_PAGES_KEPT = 256


class Calendar:
    """The working time of a team, a customer or a promise; immutable, safe to share between threads.

    Hours are those on the wall clock of the calendar's zone. Opening and closing are read as RFC 5545 3.3.5 and
    Python's ``fold=0`` read local times: one that comes twice is the first of the two, one that is skipped is as long
    after the change as it would have been; what lies between them counts as it elapses. So ``00:00-24:00`` has 23
    hours on the day on which clocks go forward, and a date that a zone skipped has none.

    Instants are kept as microseconds since 1970 in UTC; the open stretches of 512 days at a time, with what each
    adds up to, are worked out once.
    """

    def __init__(self, spec: CalendarSpec) -> None:
        self.spec = spec
        self._zone = ZoneInfo(spec.zone)
        self._days = Days(spec)
        self._pages: dict[int, _Page] = {}
        self._totals: dict[int, int] = {}

    @classmethod
    def of(cls, spec: CalendarSpec) -> Calendar:
        """Return the calendar that *spec* describes."""
        return cls(spec)

    def business_time(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time in ``[start, end)``.

        Args:
            start: aware; any zone.
            end: aware; not before *start*.
        Returns:
            A duration exact to the microsecond, never negative; zero where no working hour lies between.
        Raises:
            BadTime: *end* is before *start*, or either is naive.
        """
        command = "count business time"
        first, last = _micros(command, "start", start), _micros(command, "end", end)
        if last < first:
            raise BadTime(command, "end", str(end), f"a time not before the start {start}", "exchange the two")
        a, b = first // _PAGE, last // _PAGE
        if a == b:
            page = self._page(a)
            return timedelta(microseconds=page.until(last) - page.until(first))
        found = self._total(a) - self._page(a).until(first) + self._page(b).until(last)
        return timedelta(microseconds=found + sum(map(self._total, range(a + 1, b))))

    def add_business_time(self, start: datetime, duration: timedelta) -> datetime:
        """Return the first instant, not before *start*, until which *duration* of working time has passed.

        So it is *start* itself for no duration, also outside of the hours (:meth:`next_open` gives the next opening);
        and the closing, not the next opening, where exactly the rest of the day is added.

        Args:
            start: aware; any zone.
            duration: not negative.
        Returns:
            An instant in UTC.
        Raises:
            BadTime: *start* is naive, or *duration* is negative.
            NoWorkingTime: no working time is left for 20 years, or before the year 9999.
        """
        command = "add business time"
        first = _micros(command, "start", start)
        if duration < timedelta(0):
            raise BadTime(
                command, "duration", str(duration), "a duration that is not negative", "give the earlier time as start"
            )
        left = duration // timedelta(microseconds=1)
        if not left:
            return start.astimezone(UTC)
        if first + left > _LAST * DAY * _MICROS:
            raise NoWorkingTime(self.spec.zone, start, HORIZON_YEARS)
        number, empty = first // _PAGE, 0
        left += self._page(number).until(first)
        while left > (total := self._total(number)):
            left -= total
            number += 1
            empty = 0 if total else empty + 1
            if empty > _HORIZON or number * _PAGE > _LAST * DAY * _MICROS:
                raise NoWorkingTime(self.spec.zone, start, HORIZON_YEARS)
        return _instant(self._page(number).reached(left))

    def is_open(self, at: datetime) -> bool:
        """Return whether *at* lies in the hours. An opening does, a closing does not.

        Raises:
            BadTime: *at* is naive.
        """
        micros = _micros("look at a calendar", "at", at)
        return self._page(micros // _PAGE).next_open(micros) == micros

    def next_open(self, at: datetime) -> datetime:
        """Return *at* where it lies in the hours, else the next opening; in UTC.

        Raises:
            BadTime: *at* is naive.
            NoWorkingTime: there is no opening for 20 years, or before the year 9999.
        """
        micros = _micros("look at a calendar", "at", at)
        number = micros // _PAGE
        for page in range(number, number + _HORIZON + 1):
            if page * _PAGE > _LAST * DAY * _MICROS:
                break
            opening = self._page(page).next_open(micros)
            if opening is not None:
                return _instant(opening)
        raise NoWorkingTime(self.spec.zone, at, HORIZON_YEARS)

    def _total(self, number: int) -> int:
        total = self._totals.get(number)
        return self._page(number).total if total is None else total

    def _page(self, number: int) -> _Page:
        page = self._pages.get(number)
        if page is None:
            if len(self._pages) >= _PAGES_KEPT:
                self._pages = {}
            page = self._pages[number] = self._worked_out(number)
            self._totals[number] = page.total
        return page

    def _worked_out(self, number: int) -> _Page:
        first = number * _PAGE_DAYS
        days = range(max(first - 2, _FIRST), min(first + _PAGE_DAYS + 2, _LAST) + 1)
        midnights = (datetime.fromordinal(day + _EPOCH_ORDINAL).replace(tzinfo=self._zone) for day in days)
        offsets = [_offset(midnight) for midnight in midnights]
        low, high = first * DAY, (first + _PAGE_DAYS) * DAY
        found = united(
            (max(start, low), min(end, high))
            for day, (before, after) in zip(days, pairwise(offsets), strict=False)
            for start, end in self._stretches(day, before, after)
        )
        return _Page.of([(start * _MICROS, end * _MICROS) for start, end in found])

    def _stretches(self, day: int, before: int, after: int) -> list[tuple[int, int]]:
        """Return a date's hours as seconds since 1970 in UTC. *before*, *after*: the offsets of its two midnights."""
        begin = day * DAY
        if begin - before >= begin + DAY - after:
            return []  # the zone skipped this date
        hours, ordinal = self._days.on(day + _EPOCH_ORDINAL), day + _EPOCH_ORDINAL
        if before == after:
            return [(begin + start - before, begin + end - before) for start, end in hours]
        return [
            (begin + start - self._offset_at(ordinal, start), begin + end - self._offset_at(ordinal, end))
            for start, end in hours
        ]

    def _offset_at(self, ordinal: int, second: int) -> int:
        return _offset((datetime.fromordinal(ordinal) + timedelta(seconds=second)).replace(tzinfo=self._zone))


class _Page(NamedTuple):
    """Open stretches in order, in microseconds since 1970. ``sums``: working time before each; ``total``: of all."""

    starts: list[int]
    ends: list[int]
    sums: list[int]
    total: int

    @classmethod
    def of(cls, stretches: list[tuple[int, int]]) -> _Page:
        sums, total = [], 0
        for start, end in stretches:
            sums.append(total)
            total += end - start
        return cls([start for start, _ in stretches], [end for _, end in stretches], sums, total)

    def until(self, micros: int) -> int:
        """Return the working time from the page's beginning to *micros*."""
        index = bisect_right(self.starts, micros) - 1
        if index < 0:
            return 0
        end = self.ends[index]
        return self.sums[index] + (min(end, micros)) - self.starts[index]

    def reached(self, amount: int) -> int:
        """Return the first instant at which *amount* of working time (above 0, at most the total) has passed."""
        index = bisect_right(self.sums, amount - 1) - 1
        return self.starts[index] + amount - self.sums[index]

    def next_open(self, micros: int) -> int | None:
        """Return *micros* where it is open, else the next opening in the page; ``None`` where there is none."""
        index = bisect_right(self.ends, micros)
        return max(self.starts[index], micros) if index < len(self.starts) else None


def _micros(command: str, what: str, at: datetime) -> int:
    if at.tzinfo is None or at.utcoffset() is None:
        raise BadTime(
            command, what, str(at), "a time with its zone", "say the zone, for example 2026-11-22T09:00:00+01:00"
        )
    since = at - _EPOCH
    return (since.days * DAY + since.seconds) * _MICROS + since.microseconds


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _offset(at: datetime) -> int:
    offset = at.utcoffset()
    return offset.days * DAY + offset.seconds if offset is not None else 0
