"""Business time, each rule by one example that can be checked with a paper calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.policy.calendars import OFFICE, calendar, hours, local, utc
from ticketcore import TicketCoreError
from ticketcore.errors import BadTime, InvalidCommand, NoWorkingTime

LUNCH = {"mon-fri": ["09:00-12:30", "13:00-17:30"]}
BERLIN = "Europe/Berlin"


def test_time_outside_of_the_hours_does_not_count() -> None:
    office = calendar(OFFICE)
    assert office.business_time(utc("2026-11-27T16:00"), utc("2026-11-30T10:00")) == hours(2)  # Friday to Monday
    assert office.business_time(utc("2026-11-28T00:00"), utc("2026-11-29T23:59")) == timedelta(0)
    assert office.business_time(utc("2026-11-27T17:00"), utc("2026-11-30T09:00")) == timedelta(0)


def test_breaks_part_the_day() -> None:
    office = calendar(LUNCH)
    assert office.business_time(utc("2026-11-30T12:00"), utc("2026-11-30T13:30")) == hours(1)
    assert office.add_business_time(utc("2026-11-30T12:00"), hours(1)) == utc("2026-11-30T13:30")
    assert office.business_time(utc("2026-11-30T00:00"), utc("2026-12-01T00:00")) == hours(8)


def test_what_ends_at_closing_ends_at_closing_and_not_at_the_next_opening() -> None:
    office = calendar(OFFICE)
    assert office.add_business_time(utc("2026-11-27T09:00"), hours(8)) == utc("2026-11-27T17:00")
    assert office.add_business_time(utc("2026-11-27T09:00"), hours(8) + timedelta(seconds=1)) == utc(
        "2026-11-30T09:00:01"
    )


def test_what_begins_outside_of_the_hours_counts_from_the_next_opening() -> None:
    office = calendar(OFFICE)
    assert office.add_business_time(utc("2026-11-27T17:00"), hours(1)) == utc("2026-11-30T10:00")
    assert office.add_business_time(utc("2026-11-29T03:00"), timedelta(microseconds=1)) == datetime(
        2026, 11, 30, 9, 0, 0, 1, tzinfo=UTC
    )


def test_no_duration_ends_where_it_begins_even_outside_of_the_hours() -> None:
    office = calendar(OFFICE)
    assert office.add_business_time(utc("2026-11-28T12:00"), timedelta(0)) == utc("2026-11-28T12:00")
    assert office.next_open(utc("2026-11-28T12:00")) == utc("2026-11-30T09:00")


def test_an_opening_is_open_and_a_closing_is_not() -> None:
    office = calendar(OFFICE)
    assert office.is_open(utc("2026-11-27T09:00"))
    assert office.is_open(utc("2026-11-27T16:59:59"))
    assert not office.is_open(utc("2026-11-27T17:00"))
    assert not office.is_open(utc("2026-11-27T08:59:59"))
    assert office.next_open(utc("2026-11-27T09:30")) == utc("2026-11-27T09:30")
    assert office.next_open(utc("2026-11-27T17:00")) == utc("2026-11-30T09:00")


def test_microseconds_are_kept() -> None:
    office = calendar(OFFICE)
    start = datetime(2026, 11, 27, 16, 59, 59, 250_000, tzinfo=UTC)
    assert office.add_business_time(start, timedelta(seconds=1)) == datetime(2026, 11, 30, 9, 0, 0, 250_000, tzinfo=UTC)
    assert office.business_time(start, utc("2026-11-30T09:00:01")) == timedelta(seconds=1, microseconds=750_000)


def test_times_may_be_of_any_zone_and_results_are_in_utc() -> None:
    office = calendar(OFFICE, "America/Santiago")
    start, end = (local(f"2026-01-19T{clock}", "America/Los_Angeles") for clock in ("09:00", "18:00"))
    assert office.business_time(start, end) == hours(3)  # 14:00 to 23:00 in Santiago
    due = office.add_business_time(start, hours(1))
    assert due == utc("2026-01-19T18:00")
    assert due.tzinfo is UTC


def test_a_night_shift_belongs_to_the_evening_on_which_it_begins() -> None:
    nights = calendar({"fri": ["22:00-06:00"]})
    assert nights.business_time(utc("2026-11-27T00:00"), utc("2026-11-29T00:00")) == hours(8)
    assert nights.is_open(utc("2026-11-28T05:59"))
    assert not nights.is_open(utc("2026-11-27T05:59"))
    assert nights.add_business_time(utc("2026-11-27T12:00"), hours(3)) == utc("2026-11-28T01:00")


def test_a_sunday_night_goes_on_on_monday() -> None:
    nights = calendar({"sun": ["22:00-06:00"], "mon": ["06:00-07:00"]})
    assert nights.business_time(utc("2026-11-29T00:00"), utc("2026-12-01T00:00")) == hours(9)


def test_midnight_is_no_gap() -> None:
    for week in ("always", {"mon-sun": ["00:00-24:00"]}, {"mon-sun": ["00:00-12:00", "12:00-00:00"]}):
        always = calendar(week)
        start = utc("2026-11-27T23:59:59")
        assert always.business_time(start, start + timedelta(days=400)) == timedelta(days=400)
        assert always.add_business_time(start, timedelta(days=1000)) == start + timedelta(days=1000)


@pytest.mark.parametrize(
    ("day", "whole", "night"),
    [("2026-03-28", 24, 7), ("2026-03-29", 23, 8), ("2026-10-24", 24, 9), ("2026-10-25", 25, 8)],
)
def test_days_on_which_clocks_change_have_23_and_25_hours(day: str, whole: int, night: int) -> None:
    start, end = (local(text, BERLIN) for text in (day, (datetime.fromisoformat(day) + timedelta(days=1)).isoformat()))
    assert calendar("always", BERLIN).business_time(start, end) == hours(whole)
    shift = calendar({"mon-sun": ["22:00-06:00"]}, BERLIN)
    evening = start + hours(12)  # on the wall clock
    assert shift.business_time(evening, evening + hours(24)) == hours(night)


@pytest.mark.parametrize(
    ("hours_of_sunday", "spring", "autumn"),
    [
        ("01:00-04:00", 2, 4),
        ("02:00-03:00", 0, 2),  # the hour that is skipped, and the one that comes twice
        ("02:30-04:00", 0.5, 2.5),  # opens at 03:30 in spring, at the first 02:30 in autumn
        ("01:00-02:30", 1.5, 1.5),  # closes at 03:30 in spring, at the first 02:30 in autumn
        ("02:30-03:15", 0, 1.75),  # would close before it opens in spring
        ("00:00-02:00", 2, 2),
        ("03:00-05:00", 2, 2),
    ],
)
def test_opening_and_closing_in_the_hour_of_the_change_are_read_as_rfc_5545_does(
    hours_of_sunday: str, spring: float, autumn: float
) -> None:
    shop = calendar({"sun": [hours_of_sunday]}, BERLIN)
    assert shop.business_time(local("2026-03-29", BERLIN), local("2026-03-30", BERLIN)) == hours(spring)
    assert shop.business_time(local("2026-10-25", BERLIN), local("2026-10-26", BERLIN)) == hours(autumn)


def test_hours_that_touch_are_never_counted_twice_when_clocks_change() -> None:
    shop = calendar({"sun": ["01:00-02:45", "03:00-04:00"]}, BERLIN)
    assert shop.business_time(local("2026-03-29", BERLIN), local("2026-03-30", BERLIN)) == hours(2)


def test_a_start_in_the_hour_that_comes_twice_is_the_one_that_was_meant() -> None:
    always = calendar("always", BERLIN)
    end = local("2026-10-25T04:00", BERLIN)
    assert always.business_time(local("2026-10-25T02:30", BERLIN), end) == hours(2.5)
    assert always.business_time(local("2026-10-25T02:30", BERLIN, fold=1), end) == hours(1.5)


def test_a_zone_that_skips_midnight_opens_at_one() -> None:
    always, zone = calendar("always", "America/Sao_Paulo"), "America/Sao_Paulo"
    assert always.business_time(local("2015-10-18", zone), local("2015-10-19", zone)) == hours(23)
    early = calendar({"sun": ["00:00-02:00"]}, zone)
    assert early.business_time(local("2015-10-17", zone), local("2015-10-19", zone)) == hours(1)


def test_a_date_that_a_zone_skipped_has_no_hours() -> None:
    samoa = calendar({"fri": ["09:00-17:00"]}, "Pacific/Apia")  # there was no Friday 30 December 2011
    zone = "Pacific/Apia"
    assert samoa.business_time(local("2011-12-24", zone), local("2012-01-06", zone)) == timedelta(0)
    always = calendar("always", zone)
    assert always.business_time(local("2011-12-29", zone), local("2011-12-31", zone)) == hours(24)


def test_zones_of_half_and_quarter_hours_work() -> None:
    for zone, offset in (("Asia/Kolkata", 5.5), ("Asia/Kathmandu", 5.75), ("Australia/Lord_Howe", 11)):
        opening = utc("2026-01-05T09:00") - hours(offset)
        assert calendar(OFFICE, zone).next_open(opening - hours(1)) == opening
    lord_howe = calendar({"sun": ["01:00-04:00"]}, "Australia/Lord_Howe")  # half an hour forward at 02:00
    day = [local(text, "Australia/Lord_Howe") for text in ("2026-10-04", "2026-10-05")]
    assert lord_howe.business_time(day[0], day[1]) == hours(2.5)


def test_a_country_s_holidays_are_free_by_region() -> None:
    berlin = calendar(OFFICE, BERLIN, country="DE", subdivision="BE")
    bavaria = calendar(OFFICE, BERLIN, country="DE", subdivision="BY")
    week = local("2026-01-05", BERLIN), local("2026-01-12", BERLIN)  # Epiphany is a Tuesday
    assert berlin.business_time(*week) == hours(40)
    assert bavaria.business_time(*week) == hours(32)
    assert calendar(OFFICE, BERLIN).business_time(local("2026-12-25", BERLIN), local("2026-12-26", BERLIN)) == hours(8)


def test_an_observed_holiday_of_the_next_year_is_free_in_this_one() -> None:
    new_york = calendar(OFFICE, "America/New_York", country="US")
    moved = calendar(OFFICE, "America/New_York", country="US", observed=False)
    day = local("2021-12-31", "America/New_York"), local("2022-01-01", "America/New_York")
    assert new_york.business_time(*day) == timedelta(0)
    assert moved.business_time(*day) == hours(8)


def test_own_days_are_free_once_or_each_year_or_for_a_while() -> None:
    office = calendar(OFFICE, days=["2026-12-21", "12-24", {"date": "2026-12-28", "until": "2027-01-01"}])
    assert office.business_time(utc("2026-12-21"), utc("2027-01-04")) == hours(24)  # 22, 23 and 25 December
    assert office.business_time(utc("2027-12-20"), utc("2027-12-25")) == hours(32)
    between = calendar("always", days=[{"date": "12-24", "until": "01-01"}])
    assert between.business_time(utc("2030-01-01"), utc("2031-01-01")) == timedelta(days=365 - 9)
    assert calendar(OFFICE, days=["02-29"]).business_time(utc("2028-02-28"), utc("2028-03-02")) == hours(16)


def test_half_a_holiday_has_its_own_hours() -> None:
    office = calendar(OFFICE, BERLIN, country="DE", days=[{"date": "12-24", "hours": "09:00-12:00"}])
    assert office.business_time(local("2026-12-24", BERLIN), local("2026-12-27", BERLIN)) == hours(3)
    saturday = calendar(OFFICE, days=[{"date": "2026-11-28", "hours": ["10:00-14:00"]}])
    assert saturday.business_time(utc("2026-11-28"), utc("2026-11-30")) == hours(4)


def test_hours_can_be_taken_out_of_a_day() -> None:
    office = calendar(OFFICE, days=[{"date": "2026-11-27", "closed": ["10:00-11:30", "16:00-20:00"]}])
    assert office.business_time(utc("2026-11-27"), utc("2026-11-28")) == hours(5.5)


def test_a_working_day_goes_before_a_holiday() -> None:
    office = calendar(OFFICE, BERLIN, country="DE", working=["2026-12-25"])
    assert office.business_time(local("2026-12-25", BERLIN), local("2026-12-26", BERLIN)) == hours(8)


def test_a_holiday_closes_its_date_from_midnight_to_midnight() -> None:
    for shifts in (["22:00-06:00"], ["00:00-06:00", "22:00-24:00"]):
        nights = calendar({"mon-sun": shifts}, days=["2026-11-26"])
        assert nights.business_time(utc("2026-11-25T12:00"), utc("2026-11-26T12:00")) == hours(2)  # 22:00 to 24:00
        assert nights.business_time(utc("2026-11-26T12:00"), utc("2026-11-27T12:00")) == hours(6)  # 00:00 to 06:00


def test_own_hours_over_midnight_go_on_on_the_next_date() -> None:
    late = calendar(OFFICE, days=[{"date": "2026-11-27", "hours": "20:00-02:00"}])
    assert late.business_time(utc("2026-11-27"), utc("2026-11-29")) == hours(6)
    cut = calendar({"mon-sun": "22:00-06:00"}, days=[{"date": "2026-11-27", "closed": "23:00-01:00"}])
    assert cut.business_time(utc("2026-11-27T12:00"), utc("2026-11-28T12:00")) == hours(6)


def test_decades_are_counted_without_walking_through_their_hours() -> None:
    office = calendar(OFFICE)
    assert office.business_time(utc("2000-01-03"), utc("2028-01-03")) == hours(40) * 1461  # 28 years are 1,461 weeks
    assert office.add_business_time(utc("2000-01-03"), hours(40) * 1461) == utc("2027-12-31T17:00")
    assert office.business_time(utc("1601-01-01"), utc("2401-01-01")) == hours(40) * 2 * 20_871


def test_a_search_without_end_is_ended() -> None:
    once = calendar({"mon": []}, days=[{"date": "2026-11-30", "hours": "09:00-12:00"}])
    assert once.add_business_time(utc("2020-01-01"), hours(3)) == utc("2026-11-30T12:00")
    with pytest.raises(NoWorkingTime, match=r"has none for 20 years.*2026-11-30T12:00") as caught:
        once.add_business_time(utc("2026-11-30T12:00"), timedelta(seconds=1))
    assert (caught.value.zone, caught.value.years, caught.value.code) == ("UTC", 20, "no_working_time")
    with pytest.raises(NoWorkingTime):
        once.next_open(utc("2026-11-30T12:00"))
    with pytest.raises(NoWorkingTime):
        calendar("always").add_business_time(utc("9998-01-01"), timedelta(days=1000))
    with pytest.raises(NoWorkingTime):
        calendar(OFFICE).add_business_time(utc("2026-01-01"), timedelta.max)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda c: c.business_time(utc("2026-11-27"), utc("2026-11-26")),
            r"end is '2026-11-26 00:00:00\+00:00', expected a time not before the start 2026-11-27 00:00:00\+00:00",
        ),
        (
            lambda c: c.business_time(datetime(2026, 11, 27), utc("2026-11-28")),  # noqa: DTZ001 naive on purpose
            r"start is '2026-11-27 00:00:00', expected a time with its zone",
        ),
        (lambda c: c.business_time(utc("2026-11-27"), datetime(2026, 11, 28)), "end is .*a time with its zone"),  # noqa: DTZ001 likewise
        (lambda c: c.add_business_time(datetime(2026, 11, 27), hours(1)), "start is .*a time with its zone"),  # noqa: DTZ001 likewise
        (lambda c: c.add_business_time(utc("2026-11-27"), hours(-1)), "duration is .*not negative"),
        (lambda c: c.is_open(datetime(2026, 11, 27)), "at is .*a time with its zone"),  # noqa: DTZ001 likewise
        (lambda c: c.next_open(datetime(2026, 11, 27)), "at is .*a time with its zone"),  # noqa: DTZ001 likewise
    ],
)
def test_what_can_not_be_counted_is_refused(call: Any, told: str) -> None:
    with pytest.raises(BadTime, match=told) as caught:
        call(calendar(OFFICE))
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, InvalidCommand)
    assert isinstance(caught.value, TicketCoreError)
