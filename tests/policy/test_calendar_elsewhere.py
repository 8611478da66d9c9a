"""What other systems' calendars count, counted by ours: the same hours, the same instants, the same result.

Zammad and Zendesk count by the biz gem, OTRS and Znuny by Time.pm and DateTime.pm, RT by Business::Hours, Chatwoot and GLPI
by code of their own; working_hours, moment-business-time and businesstimedelta are
libraries. Where ours differs from one of them on purpose, docs/calendars.md says so, and a test below.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.policy.calendars import OFFICE, calendar, hours, local, utc
from ticketcore import Calendar
from ticketcore.errors import BadTime

BERLIN, LOS_ANGELES = "Europe/Berlin", "America/Los_Angeles"
BIZ = {
    "mon": "09:00-17:00", "tue": "10:00-16:00", "wed": "09:00-17:00", "thu": "10:00-16:00", "fri": "09:00-17:00",
    "sat": "11:00-14:30",
}  # fmt: skip


OTRS_OFF = ["01-01", "05-01", "12-24", "12-25", "12-26", "12-31"]


@pytest.mark.parametrize(
    ("start", "end", "counted"),
    [
        ("2005-10-20T10:00", "2005-10-21T10:00", 13),  # Thursday to Friday
        ("2005-10-20T10:00", "2005-10-24T10:00", 26),
        ("2005-10-20T10:00", "2005-10-27T10:00", 65),
        ("2005-10-20T10:00", "2005-11-03T10:00", 130),
        ("2005-12-21T10:00", "2005-12-31T10:00", 89),  # over Christmas
        ("2003-12-21T10:00", "2003-12-31T10:00", 52),
        ("2005-10-23T10:00", "2005-10-24T10:00", 2),  # from a Sunday
        ("2005-10-23T10:00", "2005-10-25T13:00", 18),
        ("2005-10-23T10:00", "2005-10-30T13:00", 65),
        ("2006-12-05T22:57:34", "2006-12-06T10:25:34", 2 + 25 / 60 + 34 / 3600),
        ("2006-12-06T07:50:00", "2006-12-07T08:54:00", 13.9),
        ("2007-03-12T11:56:01", "2007-03-12T13:56:01", 2),
    ],
)
def test_otrs_working_time(start: str, end: str, counted: float) -> None:
    assert _otrs("UTC").business_time(utc(start), utc(end)) == hours(counted)


@pytest.mark.parametrize(
    ("start", "added", "end"),
    [
        ("2006-11-12T10:15", 4, "2006-11-13T12:00"),
        ("2006-11-13T10:15", 4, "2006-11-13T14:15"),
        ("2006-11-13T10:15", 11, "2006-11-14T08:15"),
        ("2006-12-31T10:15", 11, "2007-01-02T19:00"),
        ("2006-12-29T10:15", 11, "2007-01-02T08:15"),
        ("2006-12-30T10:45", 11, "2007-01-02T19:00"),
        ("2006-12-06T07:50", 13.9, "2006-12-07T08:54"),
        ("2007-01-16T20:15", 1.25, "2007-01-17T08:30"),
        ("2007-03-14T21:21:02", 1, "2007-03-15T09:00"),
        ("2007-03-15T17:21:27", 3, "2007-03-15T20:21:27"),
        ("2007-10-19T18:12:23", 5.5, "2007-10-22T10:42:23"),
        ("2007-10-26T18:12:23", 5.5, "2007-10-29T10:42:23"),  # clocks go back between the two
        ("2007-10-26T18:12:23", 18.5, "2007-10-30T10:42:23"),
        ("2007-03-23T18:12:23", 5.5, "2007-03-26T10:42:23"),  # clocks go forward between the two
        ("2007-03-23T18:12:23", 18.5, "2007-03-27T10:42:23"),
    ],
)
def test_otrs_destination_time(start: str, added: float, end: str) -> None:
    assert _otrs(BERLIN).add_business_time(local(start, BERLIN), hours(added)) == local(end, BERLIN)


def _otrs(zone: str) -> Calendar:
    """OTRS as installed: 08:00 to 21:00 on weekdays, and six days of each year off."""
    return calendar({"mon-fri": "08:00-21:00"}, zone, days=OTRS_OFF)


TWO_SHIFTS, DAYTIME = ["08:00-13:00", "14:00-18:00"], ["08:00-18:00"]
ROUND = ["00:00-24:00"]
SAO_PAULO, TEHRAN, SYDNEY = "America/Sao_Paulo", "Asia/Tehran", "Australia/Sydney"


@pytest.mark.parametrize(
    ("zone", "days", "shifts", "start", "added", "end"),
    [
        ("UTC", "mon-sun", ROUND, "2015-02-17T12:00", 730 * 24, "2017-02-28T12:00"),
        ("UTC", "mon-sun", ROUND, "2015-02-17T12:00", 90 * 24, "2015-05-19T12:00"),
        (BERLIN, "mon-sun", ROUND, "2015-02-17T12:00", 90 * 24 + 1, "2015-05-19T14:00"),
        (SAO_PAULO, "mon-sun", ROUND, "2015-02-21T22:00", 5, "2015-02-22T02:00"),
        (SAO_PAULO, "mon-sun", ROUND, "2015-02-21T22:10:05", 101 + 1215 / 3600, "2015-02-26T02:30:20"),
        (SAO_PAULO, "mon-sun", ROUND, "2015-10-17T22:00", 7, "2015-10-18T06:00"),
        (TEHRAN, "mon-sun", ROUND, "2015-09-21T12:00", 15, "2015-09-22T02:00"),
        (TEHRAN, "mon-sun", ROUND, "2015-09-20T12:00", 48, "2015-09-22T11:00"),
        (TEHRAN, "mon-sun", ROUND, "2015-09-19T12:00", 96, "2015-09-23T11:00"),
        (TEHRAN, "mon-sun", ROUND, "2015-03-21T12:00", 17, "2015-03-22T06:00"),
        (TEHRAN, "mon-sun", ROUND, "2015-01-21T12:00", 90 * 24 + 17, "2015-04-22T06:00"),
        (SYDNEY, "mon-sun", ROUND, "2016-04-02T12:00", 24 + 17, "2016-04-04T04:00"),
        (BERLIN, "mon-fri", DAYTIME, "2016-01-31T12:25:30", 5, "2016-02-01T13:00"),
        (BERLIN, "mon-fri", DAYTIME, "2016-02-01T16:59:30", 3.5, "2016-02-02T10:29:30"),
        (BERLIN, "mon-fri", DAYTIME, "2013-03-16T10:00", 1 / 60, "2013-03-18T08:01"),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2016-02-01T12:25:30", 5, "2016-02-02T08:25:30"),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2016-01-31T12:25:30", 45 + 1530 / 3600, "2016-02-08T08:25:30"),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2015-12-22T16:24:49", 20, "2015-12-29T08:24:49"),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2015-03-27T12:00", 15, "2015-03-31T09:00"),
        (TEHRAN, "mon-fri", DAYTIME, "2016-03-20T00:00", 5, "2016-03-21T13:00"),
        (TEHRAN, "mon-fri", DAYTIME, "2016-03-20T00:00", 13, "2016-03-22T11:00"),
        (TEHRAN, "mon-sun", ROUND, "2016-03-20T00:00", 29, "2016-03-21T06:00"),
        (TEHRAN, "mon-fri", ROUND, "2016-03-20T00:00", 29, "2016-03-22T06:00"),
        (TEHRAN, "mon-fri", DAYTIME, "2016-09-20T22:00", 5, "2016-09-21T13:00"),
        (TEHRAN, "mon-fri", ROUND, "2016-09-20T22:00", 5, "2016-09-21T02:00"),
    ],
)
def test_znuny_adds_working_time(zone: str, days: str, shifts: list[str], start: str, added: float, end: str) -> None:
    znuny = calendar({days: shifts}, zone, days=OTRS_OFF)
    assert znuny.add_business_time(local(start, zone), hours(added)) == local(end, zone)


@pytest.mark.parametrize(
    ("zone", "days", "shifts", "start", "end", "counted"),
    [
        (BERLIN, "mon-sun", ROUND, "2015-12-23T08:10:15", "2015-12-28T17:10:14", 57 - 1 / 3600),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2015-03-27T12:00", "2015-03-31T09:00", 15),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2015-03-26T17:00", "2015-03-27T09:00", 2),
        (BERLIN, "mon-sun", ROUND, "2015-02-17T22:35:49", "2015-02-18T03:35:49", 5),
        (BERLIN, "mon-sun", ROUND, "2015-02-17T22:35:49", "2015-02-19T23:05:49", 48.5),
        (BERLIN, "mon-sun", ROUND, "2016-03-26T22:24:39", "2016-03-28T23:24:39", 48),
        (BERLIN, "mon-sun", ROUND, "2016-02-01T12:15:41", "2016-02-06T10:15:41", 118),
        (BERLIN, "mon-sun", TWO_SHIFTS, "2016-02-01T12:15:41", "2016-02-06T12:15:41", 45),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2016-03-25T12:15:41", "2016-03-29T10:15:41", 16),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2016-03-24T12:15:41", "2016-03-30T10:15:41", 34),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2016-03-25T08:15:41", "2016-03-25T14:15:41", 5),
        (BERLIN, "mon-fri", TWO_SHIFTS, "2016-03-25T08:00", "2016-03-25T15:00", 6),
        (SAO_PAULO, "mon-sun", ROUND, "2015-02-21T22:00", "2015-02-22T02:00", 5),
        (SAO_PAULO, "mon-sun", ROUND, "2015-02-20T22:10:05", "2015-02-25T04:30:20", 103 + 1215 / 3600),
        (SAO_PAULO, "mon-sun", ROUND, "2015-10-17T22:00", "2015-10-18T04:00", 5),
        (TEHRAN, "mon-sun", ROUND, "2015-09-21T12:00", "2015-09-22T04:00", 17),
        (TEHRAN, "mon-sun", ROUND, "2015-03-21T12:00", "2015-03-22T04:00", 15),
        (SYDNEY, "mon-sun", ROUND, "2015-01-21T12:00", "2015-04-22T04:00", 90 * 24 + 17),
    ],
)
def test_znuny_counts_working_time(
    zone: str, days: str, shifts: list[str], start: str, end: str, counted: float
) -> None:
    znuny = calendar({days: shifts}, zone, days=OTRS_OFF)
    assert znuny.business_time(local(start, zone), local(end, zone)) == hours(counted)


@pytest.mark.parametrize(
    ("start", "added", "end"),
    [
        ("2024-01-17T10:00", 2, "2024-01-17T12:00"),
        ("2024-01-19T16:00", 2, "2024-01-22T10:00"),
        ("2024-01-17T07:00", 2, "2024-01-17T11:00"),
        ("2024-01-17T18:00", 2, "2024-01-18T11:00"),
        ("2024-01-20T10:00", 2, "2024-01-22T11:00"),
        ("2024-01-15T16:00", 10, "2024-01-17T10:00"),
    ],
)
def test_chatwoot_deadlines(start: str, added: float, end: str) -> None:
    for zone in ("UTC", "America/New_York"):
        assert calendar(OFFICE, zone).add_business_time(local(start, zone), hours(added)) == local(end, zone)


def test_chatwoot_days_of_different_length_and_a_whole_day() -> None:
    late = calendar({"mon": "09:00-17:00", "tue": "09:00-20:00", "wed-fri": "09:00-17:00"})
    assert late.add_business_time(utc("2024-01-15T18:00"), hours(10)) == utc("2024-01-16T19:00")
    assert late.add_business_time(utc("2024-01-15T16:00"), hours(12)) == utc("2024-01-16T20:00")
    saturday = calendar({"mon-fri": "09:00-17:00", "sat": "00:00-24:00"})
    assert saturday.add_business_time(utc("2024-01-20T00:00"), hours(24)) == utc("2024-01-21T00:00")


def test_rt_starts_at_the_next_opening() -> None:
    rt = calendar({"mon": "09:00-17:00", "tue": "09:00-17:00"})
    for at, start in (("01T13:15", "01T13:15"), ("01T19:15", "02T09:00"), ("06T13:15", "08T09:00")):
        assert rt.next_open(utc(f"2007-01-{at}")) == utc(f"2007-01-{start}")


@pytest.mark.parametrize(
    ("start", "end", "counted"),
    [("01T07:00", "01T09:00", 1), ("01T06:00", "01T07:00", 0), ("01T00:00", "08T00:00", 60)],
)
def test_glpi_counts_active_time(start: str, end: str, counted: float) -> None:
    glpi = calendar({"mon-fri": "08:00-20:00"})
    assert glpi.business_time(utc(f"2019-01-{start}"), utc(f"2019-01-{end}")) == hours(counted)


def test_biz_counts_a_week_and_goes_over_it() -> None:
    biz = calendar(BIZ)
    assert biz.business_time(utc("2006-01-01"), utc("2006-01-08")) == hours(39.5)
    assert biz.business_time(utc("2006-01-01"), utc("2006-01-01")) == timedelta(0)
    assert biz.add_business_time(utc("2006-01-02T11:00"), hours(19)) == utc("2006-01-04T16:00")
    assert biz.next_open(utc("2006-01-01")) == utc("2006-01-02T09:00")
    assert biz.next_open(utc("2006-01-02T12:00")) == utc("2006-01-02T12:00")


def test_biz_leaves_holidays_out() -> None:
    biz = calendar(BIZ, days=["2006-01-16", "2006-01-18"])
    assert biz.next_open(utc("2006-01-14T14:30")) == utc("2006-01-17T10:00")
    assert biz.next_open(utc("2006-01-17T16:00")) == utc("2006-01-19T10:00")


def test_biz_takes_breaks_out() -> None:
    biz = calendar(
        BIZ,
        days=[
            {"date": "2006-01-02", "closed": "10:00-11:30"},
            {"date": "2006-01-03", "closed": ["14:15-14:30", "15:40-15:50"]},
        ],
    )
    assert biz.business_time(utc("2006-01-02"), utc("2006-01-03")) == hours(6.5)
    assert biz.business_time(utc("2006-01-03"), utc("2006-01-04")) == hours(6) - timedelta(minutes=25)


def test_biz_leaves_out_hours_that_would_end_before_they_begin_when_clocks_go_forward() -> None:
    biz = calendar({"sun": "02:30-03:15", "mon": "09:00-17:00"}, LOS_ANGELES)
    assert biz.next_open(local("2006-04-02", LOS_ANGELES)) == local("2006-04-03T09:00", LOS_ANGELES)


def test_biz_opens_an_hour_later_in_the_gap_and_at_the_first_of_two() -> None:
    biz = calendar({"sun": "02:30-05:00"}, LOS_ANGELES)
    assert biz.next_open(local("2014-03-09", LOS_ANGELES)) == local("2014-03-09T03:30", LOS_ANGELES)
    twice = calendar({"sun": "01:30-05:00"}, LOS_ANGELES)
    assert twice.next_open(local("2014-11-02", LOS_ANGELES)) == utc("2014-11-02T08:30")
    midnight = calendar({"sat": "22:00-24:00"}, "America/Sao_Paulo")  # the next day begins at 01:00
    assert midnight.business_time(utc("2015-10-17T12:00"), utc("2015-10-19T12:00")) == hours(2)


@pytest.mark.parametrize(
    ("minutes", "due"),
    [(60, "2013-03-21T10:30"), (120, "2013-03-21T11:30"), (240, "2013-03-21T13:30"), (450, "2013-03-22T09:00")],
)
def test_zammad_escalation_times(minutes: int, due: str) -> None:
    berlin = calendar(OFFICE, BERLIN)
    opened = utc("2013-03-21T09:30")  # 10:30 in Berlin
    assert berlin.add_business_time(opened, timedelta(minutes=minutes)) == utc(due)


WEEK: Any = {"mon-fri": "09:00-17:00"}


@pytest.mark.parametrize(
    ("week", "start", "added", "end"),
    [
        (WEEK, "1991-11-15T14:00:42", 7200, "1991-11-15T16:00:42"),
        (WEEK, "1991-11-15T16:30:42", 2700, "1991-11-18T09:15:42"),
        (WEEK, "1991-11-15T16:59:42", 120, "1991-11-18T09:01:42"),
        ({"mon": ["07:00-12:00", "13:00-18:00"]}, "1991-11-11T05:00:00", 21_600, "1991-11-11T14:00:00"),
        ({"mon": "00:00-24:00"}, "2014-04-07T23:59:30", 60, "2014-04-14T00:00:30"),
        (WEEK, "2015-02-27T16:00:00", 7200, "2015-03-02T10:00:00"),  # moment-business-time
        (WEEK, "2015-02-28T10:13:00", 28_800, "2015-03-02T17:00:00"),
    ],
)
def test_working_hours_and_moment_business_time(week: Any, start: str, added: int, end: str) -> None:
    assert calendar(week).add_business_time(utc(start), timedelta(seconds=added)) == utc(end)


@pytest.mark.parametrize(
    ("week", "start", "end", "seconds"),
    [
        (WEEK, "2014-04-11T20:00", "2014-04-14T05:00", 0),
        (WEEK, "2014-04-07T10:00", "2014-04-07T15:00", 18_000),
        (WEEK, "2014-04-07T07:00", "2014-04-07T20:00", 28_800),
        (WEEK, "2014-08-03T08:32", "2014-08-04T10:32", 5520),
        ({"mon": "00:00-24:00"}, "2014-04-06T12:00", "2016-04-06T12:00", 105 * 86_400),
        ({"mon": ["07:00-12:00", "13:00-18:00"]}, "2014-04-07T11:59", "2014-04-07T13:01", 120),
        ({"mon": ["07:00-12:00", "13:00-18:00"]}, "2014-04-07T11:00", "2014-04-14T13:00", 39_600),
        ({"mon-fri": "09:00-18:00"}, "2016-01-18T09:00", "2016-01-25T09:00", 45 * 3600),  # businesstimedelta
        ({"mon-fri": ["09:00-12:00", "13:00-18:00"]}, "2016-01-18T09:00", "2016-01-25T09:00", 40 * 3600),
    ],
)
def test_working_hours_and_businesstimedelta(week: Any, start: str, end: str, seconds: int) -> None:
    assert calendar(week).business_time(utc(start), utc(end)) == timedelta(seconds=seconds)


def test_businesstimedelta_over_zones_and_with_holidays() -> None:
    lunch = {"mon-fri": ["09:00-12:00", "13:00-18:00"]}
    santiago = calendar(lunch, "America/Santiago")
    assert santiago.business_time(*(local(f"2016-01-18T{at}", LOS_ANGELES) for at in ("09:00", "18:00"))) == hours(4)
    california = calendar(lunch, country="US", subdivision="CA")
    assert california.business_time(utc("2015-12-21T09:00"), utc("2015-12-28T09:00")) == hours(32)


def test_where_others_give_nothing_or_less_than_nothing_ours_refuses() -> None:
    with pytest.raises(BadTime, match="not before the start"):  # biz gives 0, working_hours -5 hours
        calendar(OFFICE).business_time(utc("2014-04-07T15:00"), utc("2014-04-07T10:00"))
