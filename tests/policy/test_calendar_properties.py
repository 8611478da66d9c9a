"""Laws of business time on any calendar, and two others who count: one minute by minute, one a library."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any
from zoneinfo import ZoneInfo

import businesstimedelta
import holidays
import pytz
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.calendars import utc
from ticketcore import Calendar, CalendarSpec

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Tehran",
)  # fmt: skip
FIRST, LAST = date(2008, 1, 1), date(2028, 12, 31)
INSTANTS = st.datetimes(datetime(2008, 6, 1), datetime(2028, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 of UTC
CHANGES = st.sampled_from([  # instants at which clocks change in one of the zones
    "2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00", "2026-11-01T06:00",
    "2011-12-30T10:00", "2015-10-18T03:00", "2018-02-18T02:00", "2026-10-03T15:30",
]).map(utc)  # fmt: skip
NEAR_CHANGES = st.builds(lambda at, seconds: at + timedelta(seconds=seconds), CHANGES, st.integers(-200_000, 200_000))
TIMES = INSTANTS | NEAR_CHANGES
DURATIONS = st.timedeltas(timedelta(0), timedelta(days=400)) | st.timedeltas(timedelta(0), timedelta(hours=30))


@st.composite
def weeks(draw: st.DrawFn) -> dict[str, list[str]]:
    """A week whose hours never overlap: cut at drawn minutes, every other stretch worked; the last may pass midnight."""
    week = {}
    for day in draw(st.sets(st.sampled_from(DAYS), min_size=1)):
        cuts = sorted(draw(st.sets(st.integers(360, 1439), min_size=2, max_size=7)))
        pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
        texts = [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in pairs]
        if len(cuts) % 2:
            end = draw(st.integers(0, 360))
            texts.append(f"{cuts[-1] // 60:02}:{cuts[-1] % 60:02}-{end // 60:02}:{end % 60:02}")
        week[day] = texts
    return week


@st.composite
def specs(draw: st.DrawFn) -> CalendarSpec:
    days = draw(st.lists(st.dates(FIRST, LAST).map(date.isoformat), max_size=4, unique=True))
    own: list[Any] = [
        draw(st.sampled_from([day, {"date": day, "hours": ["08:15-11:45"]}, {"date": day, "closed": ["10:00-13:30"]}]))
        for day in days
    ]
    country = draw(st.sampled_from([None, None, "DE", "US"]))
    return CalendarSpec.model_validate({
        "zone": draw(st.sampled_from(ZONES)), "hours": draw(weeks()), "holidays": {"days": own, "country": country},
    })  # fmt: skip


@given(specs(), TIMES, DURATIONS)
@settings(deadline=None)
def test_what_was_added_is_what_lies_between(spec: CalendarSpec, start: datetime, duration: timedelta) -> None:
    calendar = Calendar.of(spec)
    end = calendar.add_business_time(start, duration)
    assert end >= start
    assert calendar.business_time(start, end) == duration
    if duration:
        assert calendar.business_time(start, end - timedelta(microseconds=1)) == duration - timedelta(microseconds=1)


@given(specs(), TIMES, TIMES)
@settings(deadline=None)
def test_adding_what_lies_between_leads_to_the_end_where_it_is_worked(
    spec: CalendarSpec, one: datetime, other: datetime
) -> None:
    calendar = Calendar.of(spec)
    start, end = sorted((one, other))
    reached = calendar.add_business_time(start, calendar.business_time(start, end))
    assert reached <= end
    assert calendar.business_time(reached, end) == timedelta(0)
    if calendar.is_open(end) and calendar.is_open(end - timedelta(microseconds=1)):
        assert reached == end


@given(specs(), st.lists(TIMES, min_size=3, max_size=3).map(sorted))
@settings(deadline=None)
def test_stretches_add_up_and_are_never_longer_than_the_time_itself(spec: CalendarSpec, times: list[datetime]) -> None:
    calendar = Calendar.of(spec)
    a, b, c = times
    assert calendar.business_time(a, b) + calendar.business_time(b, c) == calendar.business_time(a, c)
    assert timedelta(0) <= calendar.business_time(a, b) <= b - a


@given(specs(), TIMES, DURATIONS, DURATIONS)
@settings(deadline=None)
def test_adding_twice_is_adding_the_sum_and_more_is_later(
    spec: CalendarSpec, start: datetime, first: timedelta, second: timedelta
) -> None:
    calendar = Calendar.of(spec)
    middle = calendar.add_business_time(start, first)
    assert calendar.add_business_time(middle, second) == calendar.add_business_time(start, first + second)
    later = start + timedelta(hours=7)
    assert calendar.add_business_time(start, first) <= calendar.add_business_time(later, first)


@given(specs(), TIMES)
@settings(deadline=None)
def test_the_next_opening_is_the_first_instant_that_counts(spec: CalendarSpec, at: datetime) -> None:
    calendar = Calendar.of(spec)
    opening = calendar.next_open(at)
    assert calendar.is_open(opening)
    assert calendar.business_time(at, opening) == timedelta(0)
    assert (opening == at) == calendar.is_open(at)
    assert calendar.add_business_time(at, timedelta(microseconds=1)) == opening + timedelta(microseconds=1)


@given(specs(), TIMES.map(lambda at: at.replace(second=0, microsecond=0)), st.integers(0, 4000))
@settings(deadline=None, max_examples=60)
def test_walking_minute_by_minute_counts_the_same(spec: CalendarSpec, start: datetime, minutes: int) -> None:
    calendar, worked = Calendar.of(spec), Walker(spec)
    walked = sum(worked.at(start + timedelta(minutes=minute)) for minute in range(minutes))
    assert calendar.business_time(start, start + timedelta(minutes=minutes)) == timedelta(minutes=walked)


class Walker:
    """Says of any minute whether it is worked, by looking at the hours of the days around it; knows no tables."""

    def __init__(self, spec: CalendarSpec) -> None:
        self.zone, self.week = ZoneInfo(spec.zone), spec.hours
        self.own = {own.date: own for own in spec.holidays.days}
        country = spec.holidays.country
        self.public = holidays.country_holidays(country) if country else {}
        self.known: dict[date, list[tuple[datetime, datetime]]] = {}

    def at(self, instant: datetime) -> bool:
        today = instant.astimezone(self.zone).date()
        return any(
            start <= instant < end
            for shift in (-1, 0, 1)
            for start, end in self.stretches(today + timedelta(days=shift))
        )

    def stretches(self, day: date) -> list[tuple[datetime, datetime]]:
        if day not in self.known:
            midnights = self.instant(day, 0), self.instant(day + timedelta(days=1), 0)
            minutes = [] if midnights[0] >= midnights[1] else self.minutes(day)
            self.known[day] = [(self.instant(day, a), self.instant(day, b)) for a, b in minutes]
        return self.known[day]

    def minutes(self, day: date) -> list[tuple[int, int]]:
        own = self.own.get(day.isoformat())
        evening = self.own.get((day - timedelta(days=1)).isoformat())
        if own is not None and own.hours:
            return [(495, 705)]
        if (own is not None and not own.closed) or (own is None and day in self.public):
            return []
        usual = [(a, b if b > a else 1440) for a, b in self.usual(day)]
        if evening is None or not evening.hours:
            usual += [(0, b) for a, b in self.usual(day - timedelta(days=1)) if b <= a]
        if own is None:
            return usual
        return [piece for a, b in usual for piece in ((a, min(b, 600)), (max(a, 810), b)) if piece[0] < piece[1]]

    def usual(self, day: date) -> list[tuple[int, int]]:
        found = []
        for text in self.week.get(DAYS[day.weekday()], ()):
            h1, m1, h2, m2 = (int(part) for part in text.replace("-", ":").split(":"))
            found.append((h1 * 60 + m1, h2 * 60 + m2))
        return found

    def instant(self, day: date, minute: int) -> datetime:
        wall = datetime.combine(day, clock(0)) + timedelta(minutes=minute)
        return wall.replace(tzinfo=self.zone).astimezone(UTC)


WORKDAY = businesstimedelta.WorkDayRule(
    start_time=clock(9), end_time=clock(17, 30), working_days=[0, 1, 2, 3, 4], tz=pytz.timezone("Europe/Berlin")
)
LUNCH = businesstimedelta.LunchTimeRule(
    start_time=clock(12, 30), end_time=clock(13), working_days=[0, 1, 2, 3, 4], tz=pytz.timezone("Europe/Berlin")
)
FREE = businesstimedelta.HolidayRule(holidays.country_holidays("DE", subdiv="BE"), tz=pytz.timezone("Europe/Berlin"))


@given(INSTANTS.map(lambda at: at.replace(microsecond=0)), st.timedeltas(timedelta(0), timedelta(days=40)))
@settings(deadline=None)
def test_businesstimedelta_counts_the_same_in_an_office(start: datetime, length: timedelta) -> None:
    office = Calendar.of(CalendarSpec.model_validate({
        "zone": "Europe/Berlin", "hours": {"mon-fri": ["09:00-12:30", "13:00-17:30"]},
        "holidays": {"country": "DE", "subdivision": "BE"},
    }))  # fmt: skip
    end = (start + length).replace(microsecond=0)
    theirs = businesstimedelta.Rules([WORKDAY, LUNCH, FREE]).difference(start, end)
    assert office.business_time(start, end) == theirs.timedelta
