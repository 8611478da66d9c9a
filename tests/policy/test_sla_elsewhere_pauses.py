"""What GLPI's, ERPNext's and Frappe Helpdesk's own tests say of service levels: hours, pauses, holidays, response times.

GLPI's time to own is a first reply, its time to resolve a resolution that stands still while pending; Frappe's Replied is
an answer and pending. Where we differ on purpose docs/sla.md says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.domain.given import C1
from tests.policy.calendars import hours, utc
from tests.policy.test_sla_elsewhere import FIRST, RESOLUTION, Desk
from ticketcore.domain.types import Priority
from ticketcore.ids import number_of

GLPI = "{zone: UTC, hours: {mon: ['10:30-19:00'], tue-fri: ['08:30-19:00']}}"
ERPNEXT = "{zone: UTC, hours: {mon-sun: ['10:00-18:00']}, holidays: {days: [2019-03-05]}}"
FRAPPE = "{zone: UTC, hours: {mon-fri: ['10:00-18:00']}, holidays: {days: [%s]}}"
LEVELS = """{rule: all, when: {}, targets: {critical: {first_reply: 30m, resolution: 2h}, high: {first_reply: 1h, resolution: 4h},
    low: {first_reply: 24h, resolution: 72h}}}"""
SHORT = (
    ("09T08:47:42", "09T10:05:54"), ("09T10:09:13", "09T10:34:38"), ("09T10:43:41", "09T11:29:17"),
)  # fmt: skip
LONG = (("05T11:00", "07T09:30"), ("07T10:00", "08T09:00"))


@pytest.mark.parametrize(
    ("begin", "level", "pauses", "owned", "resolved"),
    [
        ("09T08:46:12", "30m", (), "09T09:16:12", "09T09:16:12"),
        ("09T08:46:12", "30m", SHORT, "09T09:16:12", "09T11:45:25"),
        ("09T08:46:12", "4h", (), "09T12:46:12", "09T12:46:12"),
        ("09T08:46:12", "4h", (("09T09:15:27", "09T11:23:49"),), "09T12:46:12", "09T14:54:34"),
        ("05T10:00", "4h", LONG, "05T14:30", "08T12:00"),
    ],
)
def test_glpi_levels_with_pauses(
    begin: str, level: str, pauses: tuple[tuple[str, str], ...], owned: str, resolved: str
) -> None:
    rule = f"{{rule: all, when: {{}}, warn: [5m], targets: {{normal: {{first_reply: {level}, resolution: {level}}}}}}}"
    ticket = Desk(GLPI, rule).at(f"2034-06-{begin}").opened()
    assert ticket.due(FIRST) == utc(f"2034-06-{owned}")
    for since, until in pauses:
        ticket.at(f"2034-06-{since}").pended().at(f"2034-06-{until}").resumed()
    clock = ticket.clock(RESOLUTION)
    assert clock.due_at == utc(f"2034-06-{resolved}")
    assert clock.warns_at == clock.due_at - timedelta(minutes=5)


def test_glpi_a_level_that_is_given_later_counts_from_the_beginning() -> None:
    rule = "{rule: all, when: {}, targets: {normal: {first_reply: 4h, resolution: 12h}}}"
    ticket = Desk("{zone: UTC, hours: always}", rule).at("2034-06-09T10:00").opened(priority=None)
    ticket.at("2034-06-09T11:00").prioritised("normal")
    assert (ticket.due(FIRST), ticket.due(RESOLUTION)) == (utc("2034-06-09T14:00"), utc("2034-06-09T22:00"))


@pytest.mark.parametrize(
    ("opened", "first", "resolution"),
    [
        ("04T12:00", "04T16:00", "04T18:00"),
        ("04T07:00", "04T14:00", "04T16:00"),
        ("04T20:00", "06T14:00", "06T16:00"),
        ("04T14:00", "04T18:00", "06T12:00"),
    ],
)
def test_erpnext_response_and_resolution(opened: str, first: str, resolution: str) -> None:
    rule = "{rule: all, when: {}, targets: {normal: {first_reply: 4h, resolution: 6h}}}"
    ticket = Desk(ERPNEXT, rule).at(f"2019-03-{opened}").opened()
    assert (ticket.due(FIRST), ticket.due(RESOLUTION)) == (utc(f"2019-03-{first}"), utc(f"2019-03-{resolution}"))


def test_erpnext_a_customer_s_own_agreement_goes_before_the_default() -> None:
    own = f"{{rule: own, when: {{field: requester, is: {number_of(C1)}}}, targets: {{normal: {{first_reply: 2h, resolution: 3h}}}}}}"
    rest = "{rule: all, when: {}, targets: {normal: {first_reply: 4h, resolution: 6h}}}"
    ticket = Desk(ERPNEXT, own, rest).at("2019-03-04T12:00").opened()
    assert (ticket.due(FIRST), ticket.due(RESOLUTION)) == (utc("2019-03-04T14:00"), utc("2019-03-04T15:00"))


@pytest.mark.parametrize(
    ("opened", "answered", "seconds"),
    [
        ("28T11:00", "28T12:00", 3_600), ("28T12:00", "28T20:00", 21_600), ("28T06:00", "28T12:00", 7_200),
        ("28T19:00", "28T20:00", 0), ("27T10:00", "27T11:00", 0), ("28T06:00", "29T06:00", 28_800),
        ("28T06:00", "29T11:00", 32_400), ("28T06:00", "29T20:00", 57_600), ("25T06:00", "26T11:00", 28_800),
        ("28T12:00", "29T06:00", 21_600), ("28T12:00", "29T11:00", 25_200), ("28T12:00", "29T20:00", 50_400),
        ("25T12:00", "26T11:00", 21_600), ("28T20:00", "29T06:00", 0), ("28T20:00", "29T11:00", 3_600),
        ("28T20:00", "29T20:00", 28_800), ("25T20:00", "26T11:00", 0), ("25T12:00", "27T11:00", 21_600),
    ],
)  # fmt: skip
def test_erpnext_first_response_times(opened: str, answered: str, seconds: int) -> None:
    ticket = Desk(FRAPPE % "", LEVELS).at(f"2021-06-{opened}").opened().at(f"2021-06-{answered}").answered().look()
    assert ticket.measured()[-1].first_reply_seconds == seconds  # ERPNext says one second for none


@pytest.mark.parametrize(
    ("opened", "priority", "first", "resolution"),
    [
        ("02T08:00", Priority.HIGH, "02T11:00", "02T14:00"),
        ("02T20:00", Priority.CRITICAL, "03T10:30", "03T12:00"),
        ("07T15:00", Priority.LOW, "11T18:00", "19T18:00"),
        ("06T17:00", Priority.CRITICAL, "06T17:30", "09T11:00"),
        ("06T19:00", Priority.HIGH, "09T11:00", "09T14:00"),
    ],
)
def test_frappe_response_and_resolution(opened: str, priority: Priority, first: str, resolution: str) -> None:
    ticket = Desk(FRAPPE % "", LEVELS).at(f"2026-03-{opened}").opened(priority=priority)
    assert (ticket.due(FIRST), ticket.due(RESOLUTION)) == (utc(f"2026-03-{first}"), utc(f"2026-03-{resolution}"))


def test_frappe_two_holidays_before_a_weekend() -> None:
    ticket = Desk(FRAPPE % "2026-03-05, 2026-03-06", LEVELS).at("2026-03-05T15:00").opened(priority=Priority.CRITICAL)
    assert (ticket.due(FIRST), ticket.due(RESOLUTION)) == (utc("2026-03-09T10:30"), utc("2026-03-09T12:00"))


@pytest.mark.parametrize(
    ("days", "priority", "opened", "paused", "resumed", "due"),
    [
        ("", Priority.HIGH, "02T12:00", "02T12:30", "02T13:00", "02T16:30"),
        ("", Priority.CRITICAL, "05T15:00", "05T15:00", "05T16:00", "05T18:00"),
        ("", Priority.CRITICAL, "05T15:00", "05T15:00", "05T16:00:01", "06T10:00:01"),
        ("2026-03-06", Priority.HIGH, "05T17:30", "05T17:50", "09T12:30", "09T16:10"),
    ],
)
def test_frappe_hold_time(days: str, priority: Priority, opened: str, paused: str, resumed: str, due: str) -> None:
    ticket = Desk(FRAPPE % days, LEVELS).at(f"2026-03-{opened}").opened(priority=priority)
    ticket.at(f"2026-03-{paused}").answered().pended()
    assert ticket.clock(FIRST).state == "fulfilled"
    assert ticket.clock(RESOLUTION).state == "paused"
    ticket.at(f"2026-03-{resumed}").resumed()
    assert ticket.due(RESOLUTION) == utc(f"2026-03-{due}")


def test_frappe_hold_over_a_holiday_and_a_weekend_counts_no_time() -> None:
    ticket = Desk(FRAPPE % "2026-03-06", LEVELS).at("2026-03-05T17:30").opened(priority=Priority.HIGH)
    ticket.at("2026-03-05T17:50").answered().pended().at("2026-03-09T12:30").resumed().at("2026-03-09T13:00").solved()
    clock = ticket.clock(RESOLUTION)
    assert (clock.state, clock.elapsed(ticket.now)) == ("fulfilled", hours(3.5) - timedelta(minutes=10 + 150))


def test_frappe_closing_what_is_resolved_changes_nothing() -> None:
    ticket = Desk(FRAPPE % "", LEVELS).at("2026-03-02T12:00").opened(priority=Priority.HIGH)
    ticket.at("2026-03-02T12:30").solved().at("2026-03-03T12:00").closed()
    assert ticket.clock(RESOLUTION).elapsed(ticket.now) == timedelta(minutes=30)


def test_erpnext_adds_a_hold_outside_of_the_hours_ours_costs_no_working_time() -> None:
    rule = "{rule: all, when: {}, targets: {normal: {resolution: 6h}}}"
    ticket = Desk(ERPNEXT, rule).at("2020-03-04T04:00").opened().at("2020-03-04T04:15").answered().pended()
    ticket.at("2020-03-04T05:00").wrote()
    due: datetime | None = ticket.due(RESOLUTION)
    assert due == utc("2020-03-04T16:00")  # 16:45 there
