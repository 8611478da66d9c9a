"""Which hours a date has: its weekday's, unless a holiday or a day of its own says otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache

from ticketcore.policy.calendar_spec import CalendarSpec, OwnDay
from ticketcore.policy.calendar_texts import DAY, Hours, hours_of

__all__ = ["Days", "united"]

_Pieces = tuple[Hours, ...]


class Days:
    """The hours of any date.

    A holiday closes its date from midnight to midnight: of night shifts over its beginning and end, the part on that
    date falls away. Hours that a date has of its own are all that it has; breaks are taken out of its weekday's.
    """

    def __init__(self, spec: CalendarSpec) -> None:
        self._week = spec.week()
        self._plain = tuple(_one_date(self._week[day], self._week[day - 1]) for day in range(7))
        self._own = {day: _Own(own) for own in spec.holidays.days for day in _dates(own)}
        self._working = frozenset(spec.holidays.working)
        self._holidays = spec.holidays
        self._regular = not self._own and spec.holidays.country is None

    def on(self, ordinal: int) -> _Pieces:
        """Return the hours of one date on its wall clock, in order, apart, each within 0 to 86,400.

        Args:
            ordinal: the date as :meth:`datetime.date.toordinal` counts.
        """
        weekday = (ordinal - 1) % 7
        if self._regular:
            return self._plain[weekday]
        own, before = self._exception(ordinal), self._exception(ordinal - 1)
        if own is None and before is None:
            return self._plain[weekday]
        if own is not None and not own.breaks:
            return _one_date(own.hours, ())
        night = before.hours if before is not None and before.hours else self._week[weekday - 1]
        pieces = _one_date(self._week[weekday], night)
        breaks = _one_date(own.breaks if own else (), before.breaks if before else ())
        return _without(pieces, breaks)

    def _exception(self, ordinal: int) -> _Own | None:
        day = date.fromordinal(ordinal)
        text = day.isoformat()
        own = self._own.get(text) or self._own.get(text[5:])
        if own is not None:
            return own
        given = self._holidays
        if given.country is None or ordinal not in _public(
            given.country, given.subdivision, given.categories, given.observed, day.year
        ):
            return None
        return None if text in self._working or text[5:] in self._working else _CLOSED


class _Own:
    """A date's own hours, or the breaks in its weekday's; with neither it is closed."""

    __slots__ = ("breaks", "hours")

    def __init__(self, own: OwnDay | None) -> None:
        self.hours = tuple(map(hours_of, own.hours)) if own else ()
        self.breaks = tuple(map(hours_of, own.closed)) if own else ()


_CLOSED = _Own(None)


def united(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return stretches in order, those that touch or overlap as one, empty ones left out."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(pieces):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _one_date(hours: _Pieces, night: _Pieces) -> _Pieces:
    """Return what lies on one date of its own *hours* and of the *night* that began on the date before."""
    parts = [(h.start, min(h.end, DAY)) for h in hours] + [(max(0, h.start - DAY), h.end - DAY) for h in night]
    return tuple(Hours(*piece) for piece in united(parts))


def _without(pieces: _Pieces, breaks: _Pieces) -> _Pieces:
    for gap in breaks:
        pieces = tuple(
            Hours(start, end)
            for piece in pieces
            for start, end in ((piece.start, min(piece.end, gap.start)), (max(piece.start, gap.end), piece.end))
            if start < end
        )
    return pieces


def _dates(own: OwnDay) -> list[str]:
    if own.until is None:
        return [own.date]
    if len(own.date) == len("12-24"):
        first, last = _EACH_YEAR.index(own.date), _EACH_YEAR.index(own.until)
        return [_EACH_YEAR[day % 366] for day in range(first, last + 1 if last >= first else last + 367)]
    begin, end = date.fromisoformat(own.date), date.fromisoformat(own.until)
    return [(begin + timedelta(days=day)).isoformat() for day in range((end - begin).days + 1)]


_EACH_YEAR = [(date(2000, 1, 1) + timedelta(days=day)).isoformat()[5:] for day in range(366)]


@lru_cache(maxsize=4096)
def _public(
    country: str, subdivision: str | None, categories: tuple[str, ...], observed: bool, year: int
) -> frozenset[int]:
    import holidays  # as in calendar_spec

    found = holidays.country_holidays(country, subdivision, years=year, observed=observed, categories=categories)
    return frozenset(day.toordinal() for day in found)
