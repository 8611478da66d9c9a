"""What a calendar's document may say, and what it is told where it is wrong."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from ticketcore import CalendarSpec

DAYS = "holidays", "days"
WRONG: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"zone": "Europe/Berln"}, ("zone",), "IANA data base, as in Europe/Berlin (did you mean Europe/Berlin?)"),
    ({"zone": "berlin"}, ("zone",), "it is 'berlin', expected a time zone"),
    ({"zone": ""}, ("zone",), "it is '', expected a time zone"),
    ({"zone": "../etc/passwd"}, ("zone",), "expected a time zone"),
    ({"zone": "Europe"}, ("zone",), "expected a time zone"),
    ({"zone": None}, ("zone",), "it is empty, expected a time zone"),
    ({"zone": 3}, ("zone",), "expected a time zone"),
    ({"hours": {}}, (), "expected working time on at least one day (give hours, or always)"),
    ({"hours": {"mon": [], "tue": None}}, (), "expected working time on at least one day"),
    ({"hours": "never"}, ("hours",), "it is 'never', expected weekdays with their hours, or always"),
    ({"hours": None}, ("hours",), "it is empty, expected weekdays with their hours, or always"),
    (
        {"hours": {"moon": ["09:00-17:00"]}},
        ("hours", "moon", "[key]"),
        "the days are mon, tue, wed, thu, fri, sat, sun",
    ),
    ({"hours": {1: ["09:00-17:00"]}}, ("hours", 1, "[key]"), "expected weekdays as in mon-fri"),
    ({"hours": {"mon,mon": ["09:00-17:00"]}}, ("hours", "mon,mon", "[key]"), "each weekday once"),
    ({"hours": {"mon-fri": ["09:00-17:00"], "wed": ["09:00-12:00"]}}, ("hours",), "each weekday once, got wed twice"),
    ({"hours": {"mon": ["09:00-09:00"]}}, ("hours", "mon", 0), "write 00:00-24:00 for a whole day"),
    ({"hours": {"mon": ["25:00-26:00"]}}, ("hours", "mon", 0), "times from 00:00 to 23:59, and 24:00 as an end"),
    ({"hours": {"mon": ["24:00-06:00"]}}, ("hours", "mon", 0), "times from 00:00 to 23:59, and 24:00 as an end"),
    ({"hours": {"mon": ["09:00-24:01"]}}, ("hours", "mon", 0), "times from 00:00 to 23:59, and 24:00 as an end"),
    ({"hours": {"mon": ["09:00-12:60"]}}, ("hours", "mon", 0), "times from 00:00 to 23:59, and 24:00 as an end"),
    ({"hours": {"mon": ["9-17"]}}, ("hours", "mon", 0), "write start and end as HH:MM in quotes"),
    ({"hours": {"mon": [540]}}, ("hours", "mon", 0), "it is '540', expected hours as in 09:00-17:30"),
    ({"hours": {"mon": 540}}, ("hours", "mon"), "valid tuple"),
    (
        {"hours": {"mon": ["09:00-12:00", "11:00-13:00"]}},
        ("hours", "mon"),
        "hours that do not overlap, got 09:00-12:00 and 11:00-13:00",
    ),
    ({"hours": {"mon": ["09:00-12:00", "09:00-12:00"]}}, ("hours", "mon"), "hours that do not overlap"),
    (
        {"hours": {"mon": ["22:00-06:00"], "tue": ["05:00-09:00"]}},
        ("hours",),
        "it is 'mon 22:00-06:00', expected hours that end before the next day's begin, got 05:00-09:00 on tue",
    ),
    ({"holidays": {"country": "XX"}}, ("holidays", "country"), "it is 'XX', expected a country's code"),
    ({"holidays": {"country": "de"}}, ("holidays", "country"), "did you mean DE?"),
    ({"holidays": {"country": "DE", "subdivision": "Berlin"}}, ("holidays", "subdivision"), "it has BB, BE, BW"),
    ({"holidays": {"subdivision": "BE"}}, ("holidays", "subdivision"), "name the country too"),
    (
        {"holidays": {"country": "DE", "categories": "bank"}},
        ("holidays", "categories"),
        "it has catholic, public, school",
    ),
    (
        {"holidays": {"country": "DE", "categories": []}},
        ("holidays", "categories"),
        "one or more kinds of holidays of DE",
    ),
    ({"holidays": {"days": ["2026-02-30"]}}, (*DAYS, 0, "date"), "there is no such day"),
    ({"holidays": {"days": ["24.12."]}}, (*DAYS, 0, "date"), "it is '24.12.', expected a date as in 2026-12-24"),
    ({"holidays": {"days": [datetime(2026, 1, 1)]}}, (*DAYS, 0, "date"), "a date without a time"),  # noqa: DTZ001 as YAML gives it
    ({"holidays": {"days": ["12-24", "12-24"]}}, ("holidays",), "it is '12-24', expected each date once"),
    (
        {"holidays": {"days": ["2026-12-24"], "working": [date(2026, 12, 24)]}},
        ("holidays",),
        "say in one place whether it is worked, and when",
    ),
    ({"holidays": {"days": [{"date": "2026-12-24", "until": "2026-12-23"}]}}, (*DAYS, 0), "not before 2026-12-24"),
    ({"holidays": {"days": [{"date": "2026-12-24", "until": "12-31"}]}}, (*DAYS, 0), "a day of the same form"),
    ({"holidays": {"days": [{"date": "2020-01-01", "until": "2500-01-01"}]}}, (*DAYS, 0), "at most 50 years"),
    (
        {"holidays": {"days": [{"date": "12-24", "hours": ["09:00-12:00"], "closed": ["10:00-11:00"]}]}},
        (*DAYS, 0),
        "hours or closed, not both",
    ),
    ({"holidays": {"days": [{"hours": ["09:00-12:00"]}]}}, (*DAYS, 0, "date"), "Field required"),
    ({"holiday": {}}, ("holiday",), "not permitted"),
]


@pytest.mark.parametrize(("change", "where", "told"), WRONG)
def test_a_wrong_calendar_is_told_where_and_why(
    change: dict[str, Any], where: tuple[str | int, ...], told: str
) -> None:
    good = {"zone": "Europe/Berlin", "hours": {"mon": ["09:00-17:00"]}}
    with pytest.raises(ValidationError) as caught:
        CalendarSpec.model_validate({**good, **change})
    assert [error["loc"] for error in caught.value.errors()] == [where]
    assert told in caught.value.errors()[0]["msg"]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        CalendarSpec.model_validate(
            {"zone": "Mars/Base", "hours": {"mon": ["9"], "x": []}, "holidays": {"country": "X"}}
        )
    assert {error["loc"] for error in caught.value.errors()} == {
        ("zone",), ("hours", "mon", 0), ("hours", "x", "[key]"), ("holidays", "country"),
    }  # fmt: skip


def test_days_are_written_as_people_write_them() -> None:
    written = CalendarSpec.model_validate({
        "zone": "UTC", "hours": {"Monday - Wednesday": "9:00-17:00", "FRI, sat": ["22:00 \N{EN DASH} 06:00", "08:00-12:00:30"]},
    })  # fmt: skip
    assert [[str(hours) for hours in day] for day in written.week()] == [
        ["09:00-17:00"], ["09:00-17:00"], ["09:00-17:00"], [],
        ["08:00-12:00:30", "22:00-06:00"], ["08:00-12:00:30", "22:00-06:00"], [],
    ]  # fmt: skip
    assert [bool(day) for day in CalendarSpec.model_validate({"zone": "UTC", "hours": {"sat-mon": "09:00-17:00"}}).week()] == [
        True, False, False, False, False, True, True,
    ]  # fmt: skip


def test_a_calendar_that_was_written_is_read_as_the_same() -> None:
    spec = CalendarSpec.model_validate({
        "zone": "Europe/Berlin", "hours": "always",
        "holidays": {"country": "DE", "days": [date(2026, 12, 24), {"date": "12-31", "hours": "09:00-12:00"}]},
    })  # fmt: skip
    assert CalendarSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert CalendarSpec.model_validate_json(spec.model_dump_json()) == spec
