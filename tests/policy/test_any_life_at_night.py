"""Lives in nights in which clocks change, in night shifts and over holidays: still right, whenever somebody looked."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.calendars import utc
from tests.policy.minutes import Deal, walked
from tests.policy.test_any_life import HAPPENINGS, MINUTES, Happening, World, facts_of, lived
from ticketcore.domain.types import Priority
from ticketcore.policy.schedule import Adopted
from ticketcore.policy.source import load_policy

RULES = """\
name: nights
calendar: nights
calendars:
  nights: {zone: %s, hours: {mon-sun: ["20:00-02:30", "03:15-07:00"]}, holidays: {days: [%s]}}
  days: {zone: %s, hours: {mon-sun: ["01:30-09:00"]}}
sla:
  - rule: vip
    when: {field: team, is: vip}
    calendar: days
    pause_on: [pending, on_hold]
    targets: {high: {first_reply: 40m, resolution: 2h}}
  - rule: all
    when: {}
    targets: {high: {first_reply: 1h, next_reply: 50m, resolution: 4h}, normal: {next_reply: 2h, resolution: 5h}}
    warn: [70%%]
"""
NIGHTS = {
    "Berlin's clocks go forward": ("Europe/Berlin", "2026-03-28T21:00", "2026-12-31"),
    "Berlin's clocks go back": ("Europe/Berlin", "2026-10-24T20:00", "2026-12-31"),
    "Berlin's clocks go back on a holiday": ("Europe/Berlin", "2026-10-24T20:00", "2026-10-25"),
    "Lord Howe's clocks move by half an hour": ("Australia/Lord_Howe", "2026-10-03T09:00", "2026-12-31"),
    "a date is skipped": ("Pacific/Apia", "2011-12-30T04:00", "2011-12-29"),
    "a holiday begins at midnight": ("UTC", "2026-05-01T18:00", "2026-05-02"),
}


@cache
def world(name: str) -> World:
    zone, start, holiday = NIGHTS[name]
    document = load_policy(RULES % (zone, holiday, zone))
    calendars = Adopted(1, utc("2000-01-01"), document).calendars

    @cache
    def at_night(at: datetime) -> bool:
        return calendars["nights"].is_open(at)

    @cache
    def by_day(at: datetime) -> bool:
        return calendars["days"].is_open(at)

    def deal(_: int, priority: str, team: str | None) -> Deal:
        fields = frozenset({"priority", "team"})
        both, pending = ("pending", "on_hold"), ("pending",)
        if team == "vip":
            minutes = {"high": {"first_reply": 40, "resolution": 120}}.get(priority, {})
            return Deal(minutes, by_day, {"first_reply": (), "next_reply": both, "resolution": both}, fields)
        minutes = {
            "high": {"first_reply": 60, "next_reply": 50, "resolution": 240},
            "normal": {"next_reply": 120, "resolution": 300},
        }.get(priority, {})
        return Deal(minutes, at_night, {"first_reply": (), "next_reply": pending, "resolution": pending}, fields)

    return World(utc(start), document, document, deal)


@pytest.mark.parametrize("night", NIGHTS)
@settings(max_examples=40, deadline=None)
@given(
    HAPPENINGS,
    st.lists(st.integers(0, MINUTES), max_size=5),
    st.integers(1, MINUTES),
    st.sampled_from([Priority.HIGH, Priority.NORMAL]),
    st.sampled_from([None, "vip"]),
)
def test_a_night_is_counted_as_it_elapses(
    night: str, happenings: list[Happening], looks: list[int], change: int, priority: Priority, team: str | None
) -> None:
    often, acts, end = lived(happenings, looks, change, priority, team, world(night))
    once, _, _ = lived(happenings, [], change, priority, team, world(night))
    assert facts_of(often) == facts_of(once) == walked(acts, end)
    assert sorted(often.story()) == sorted(once.story())
