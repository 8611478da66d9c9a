"""A business calendar as a policy document writes it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator, model_validator

from ticketcore.domain.types import Frozen
from ticketcore.policy.calendar_texts import (
    DAY,
    WEEKDAYS,
    DateText,
    DaysText,
    Hours,
    HoursText,
    hours_of,
    overlap,
    weekdays_of,
    wrong,
)

__all__ = ["CalendarSpec", "HolidaysSpec", "OwnDay"]


def _several(value: object) -> object:
    """A single value stands for a list of it, nothing for an empty one."""
    return [] if value is None else [value] if isinstance(value, str) else value


def _apart(texts: tuple[str, ...]) -> tuple[str, ...]:
    clash = overlap(map(hours_of, texts))
    if clash is not None:
        raise wrong(", ".join(texts), f"hours that do not overlap, got {clash[0]} and {clash[1]}", "join or part them")
    return texts


_LONGEST_YEARS = 50

DayHours = Annotated[tuple[HoursText, ...], BeforeValidator(_several), AfterValidator(_apart)]


class OwnDay(Frozen):
    """A day that is unlike its weekday. With neither ``hours`` nor ``closed`` nobody works on it.

    Attributes:
        date: ``2026-12-24``, or ``12-24`` for each year.
        until: the last day, where it is several: not before ``date``, or of each year too.
        hours: the hours of that day, instead of its weekday's.
        closed: hours taken out of its weekday's.
        name: for people.
    """

    date: DateText
    until: DateText | None = None
    hours: DayHours = ()
    closed: DayHours = ()
    name: str | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> OwnDay:
        if self.hours and self.closed:
            raise wrong(self.date, "hours or closed, not both", "give the hours that are left")
        if self.until is not None:
            yearly = len(self.date) == len("12-24")
            if len(self.until) != len(self.date) or (self.until < self.date and not yearly):
                raise wrong(self.until, f"a day of the same form and not before {self.date}", "correct date or until")
            if not yearly and int(self.until[:4]) - int(self.date[:4]) > _LONGEST_YEARS:
                raise wrong(
                    self.until, f"a day at most {_LONGEST_YEARS} years after {self.date}", "correct date or until"
                )
        return self


def _own_day(value: object) -> object:
    return value if isinstance(value, dict | OwnDay) else {"date": value}


class HolidaysSpec(Frozen):
    """Days on which nobody works, and days that are unlike their weekday.

    Attributes:
        country: its code, as in DE: the public holidays of the ``holidays`` package.
        subdivision: the country's state or region, as in BE.
        categories: kinds of holidays that count, as the package names them.
        observed: whether a holiday that is moved to a working day counts on that day too.
        days: own days; they go before the country's.
        working: dates that are worked by their weekday's hours though a holiday falls on them.
    """

    country: str | None = None
    subdivision: str | None = None
    categories: Annotated[tuple[str, ...], BeforeValidator(_several)] = ("public",)
    observed: bool = True
    days: tuple[Annotated[OwnDay, BeforeValidator(_own_day)], ...] = ()
    working: tuple[DateText, ...] = ()

    @field_validator("country")
    @classmethod
    def _known_country(cls, country: str | None) -> str | None:
        if country is not None and country not in (known := _countries()):
            raise wrong(country, "a country's code that the holidays package knows, as in DE", _near(country, known))
        return country

    @field_validator("subdivision")
    @classmethod
    def _known_subdivision(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")
        if subdivision is None or "country" not in info.data:
            return subdivision
        if country is None:
            raise wrong(subdivision, "no subdivision without a country", "name the country too")
        if subdivision not in (known := _countries()[country]):
            raise wrong(subdivision, f"a subdivision of {country}", f"it has {', '.join(known[:60]) or 'none'}")
        return subdivision

    @field_validator("categories")
    @classmethod
    def _known_categories(cls, categories: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        country = info.data.get("country")
        offered = _categories(country) if country is not None else categories
        if not categories or not set(categories) <= set(offered):
            kinds = f"one or more kinds of holidays{f' of {country}' if country else ''}"
            raise wrong(", ".join(categories), kinds, f"it has {', '.join(offered)}" if offered else "leave it out")
        return categories

    @model_validator(mode="after")
    def _each_date_once(self) -> HolidaysSpec:
        named = [*(day.date for day in self.days), *self.working]
        for index, text in enumerate(named):
            if text in named[:index]:
                raise wrong(text, "each date once", "say in one place whether it is worked, and when")
        return self


def _countries() -> dict[str, list[str]]:
    import holidays  # 60 ms, only where a calendar names a country

    return holidays.list_supported_countries()


def _categories(country: str) -> tuple[str, ...]:
    import holidays

    return holidays.country_holidays(country).supported_categories


def _zone(value: object) -> str:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
            pass
        except KeyError:
            pass
        else:
            return value
    raise wrong(
        value, "a time zone of the IANA data base, as in Europe/Berlin", _near(str(value), available_timezones())
    )


def _near(got: str, known: Any) -> str:
    names = {name.lower(): name for name in known}
    near = get_close_matches(got[:60].lower(), names, n=1) or [
        name for name in sorted(names) if got and name.endswith("/" + got[:60].lower())
    ]
    return f"did you mean {names[near[0]]}?" if near else "correct it"


def _always(value: object) -> object:
    if isinstance(value, dict):
        return value
    if value == "always":
        return {"mon-sun": ["00:00-24:00"]}
    raise wrong(value, "weekdays with their hours, or always", 'write them as in mon-fri: ["09:00-17:00"]')


def _week(hours: dict[str, tuple[str, ...]]) -> tuple[tuple[Hours, ...], ...]:
    found: list[tuple[Hours, ...]] = [()] * 7
    for days, texts in hours.items():
        for day in weekdays_of(days):
            found[day] = tuple(sorted(map(hours_of, texts)))
    return tuple(found)


def _one_week(hours: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    named = [day for days in hours for day in weekdays_of(days)]
    for day in named:
        if named.count(day) > 1:
            raise wrong(", ".join(hours), f"each weekday once, got {WEEKDAYS[day]} twice", "name it in one line")
    week = _week(hours)
    for day, today in enumerate(week):
        late, tomorrow = [h for h in today if h.end > DAY], week[(day + 1) % 7]
        if late and tomorrow and tomorrow[0].start < late[-1].end - DAY:
            next_day = WEEKDAYS[(day + 1) % 7]
            expected = f"hours that end before the next day's begin, got {tomorrow[0]} on {next_day}"
            raise wrong(f"{WEEKDAYS[day]} {late[-1]}", expected, "join or part them")
    return hours


class CalendarSpec(Frozen):
    """When somebody works.

    Attributes:
        zone: IANA name; all hours are on this zone's wall clock.
        hours: weekdays -> the hours of each; a day that is not named is free. ``always`` stands for all day, every day.
        holidays: what differs on some days.
    """

    zone: Annotated[str, BeforeValidator(_zone)]
    hours: Annotated[dict[DaysText, DayHours], BeforeValidator(_always), AfterValidator(_one_week)]
    holidays: HolidaysSpec = HolidaysSpec()

    def week(self) -> tuple[tuple[Hours, ...], ...]:
        """Return each weekday's hours, in order, Monday first."""
        return _week(self.hours)

    @model_validator(mode="after")
    def _has_working_time(self) -> CalendarSpec:
        if not any(self.week()) and not any(day.hours for day in self.holidays.days):
            raise wrong("without working time", "working time on at least one day", "give hours, or always")
        return self
