"""What other systems' own tests and manuals say of escalations and SLAs, with the same hours and instants: the same results.

Zammad's first_response_time, update_time and solution_time are our first reply, next reply and resolution; so are Znuny's,
RT's Response and Resolve, and Zendesk's reply_time, requester_wait_time and agent_work_time. Where we differ on purpose
docs/sla.md says so, and the last tests here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

import pytest

from tests.domain.given import ANA
from tests.policy.calendars import hours, utc
from tests.policy.life import Life
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.types import Direction, Priority, SlaTarget
from ticketcore.policy.courses import Clock
from ticketcore.policy.schedule import Adopted
from ticketcore.policy.source import load_policy

FIRST, NEXT, RESOLUTION = SlaTarget.FIRST_REPLY, SlaTarget.NEXT_REPLY, SlaTarget.RESOLUTION
ALWAYS = "{zone: UTC, hours: always}"
BERLIN = "{zone: Europe/Berlin, hours: {%s: ['%s']}}"
ANY = "{rule: all, when: {}, pause_first_reply_on: [pending], targets: {normal: {%s}}}"


class Desk(Life):
    """A ticket's life at any time, under one policy."""

    def __init__(self, calendar: str, *rules: str, **more: Any) -> None:
        text = f"name: desk\ncalendar: own\ncalendars: {{own: {calendar}}}\nsla:\n" + "".join(
            f"  - {r}\n" for r in rules
        )
        super().__init__(Adopted(1, utc("2000-01-01"), load_policy(text)), **more)

    def at(self, time: str | datetime) -> Self:
        super().at(utc(time) if isinstance(time, str) else time)
        return self

    def clock(self, target: SlaTarget) -> Clock:
        self.look()
        found = self.course().latest(target)
        assert found is not None
        return found

    def due(self, target: SlaTarget) -> datetime | None:
        return self.clock(target).due_at

    def ended(self, target: SlaTarget) -> tuple[str, datetime | None]:
        clock = self.clock(target)
        return clock.state, clock.ended_at


def zammad(
    hours_: str = "08:00-18:00", days: str = "mon-fri", first: str = "1h", update: str = "2h", solution: str = "3h"
) -> Desk:
    return Desk(BERLIN % (days, hours_), ANY % f"first_reply: {first}, next_reply: {update}, resolution: {solution}")


# Zammad


def test_zammad_an_incoming_mail_gets_its_escalation_times() -> None:
    ticket = zammad().at("2013-03-21T09:30").opened()
    assert ticket.look("2013-03-21T09:30") is ticket
    assert (ticket.due(FIRST), ticket.due(RESOLUTION)) == (utc("2013-03-21T10:30"), utc("2013-03-21T12:30"))


@pytest.mark.parametrize(
    ("answered", "took", "ended"),
    [
        ("2013-03-21T10:00", 30, ("fulfilled", utc("2013-03-21T10:00"))),
        ("2013-03-21T14:00", 270, ("breached", utc("2013-03-21T10:30"))),
    ],
)
def test_zammad_a_first_response_in_time_and_over_time(answered: str, took: int, ended: tuple[str, datetime]) -> None:
    ticket = zammad().at("2013-03-21T09:30").opened().at(answered).answered()
    assert ticket.ended(FIRST) == ended
    assert ticket.measured()[-1].first_reply_seconds == took * 60


@pytest.mark.parametrize(
    ("closed", "took", "ended"),
    [
        ("2013-03-21T11:30", 120, ("fulfilled", utc("2013-03-21T11:30"))),
        ("2013-03-21T13:00", 210, ("breached", utc("2013-03-21T12:30"))),
    ],
)
def test_zammad_closed_in_time_and_over_time(closed: str, took: int, ended: tuple[str, datetime]) -> None:
    ticket = zammad().at("2013-03-21T09:30").opened().at(closed).solved()
    assert ticket.ended(RESOLUTION) == ended
    assert ticket.measured()[-1].last_solved_seconds == took * 60


def test_zammad_a_customer_s_answer_is_to_be_answered_in_the_update_time_and_an_agent_s_ends_it() -> None:
    ticket = zammad()
    ticket.at("2013-03-21T09:30").opened().at("2013-03-21T12:00").answered().at("2013-03-21T12:05").wrote()
    assert ticket.due(NEXT) == utc("2013-03-21T14:05")
    ticket.at("2013-03-21T12:10").answered()
    assert ticket.ended(NEXT) == ("fulfilled", utc("2013-03-21T12:10"))
    assert ticket.ended(RESOLUTION) == ("active", None)


def test_zammad_repeated_requests_move_nothing_and_an_agent_s_follow_up_begins_nothing() -> None:
    ticket = Desk(ALWAYS, ANY % "first_reply: 1h, next_reply: 1h, resolution: 1h15m")
    ticket.at("2024-01-01T10:00").opened().at("2024-01-01T10:05").answered().answered()
    ticket.look()
    assert ticket.course().latest(NEXT) is None
    ticket.at("2024-01-01T10:10").wrote()
    assert ticket.due(NEXT) == utc("2024-01-01T11:10")
    ticket.at("2024-01-01T10:20").wrote()
    assert ticket.due(NEXT) == utc("2024-01-01T11:10")


def test_zammad_a_rule_that_fits_no_more_takes_the_escalation_away() -> None:
    ticket = zammad("09:00-17:00", solution="4h").at("2013-03-21T09:30").opened()
    assert (ticket.due(FIRST), ticket.due(RESOLUTION)) == (utc("2013-03-21T10:30"), utc("2013-03-21T13:30"))
    ticket.prioritised("low")
    assert [ticket.clock(target).state for target in (FIRST, RESOLUTION)] == ["withdrawn", "withdrawn"]


@pytest.mark.parametrize(
    ("opened", "first", "resolution"),
    [
        ("2013-03-21T09:30", "2013-03-21T11:30", "2013-03-21T13:30"),  # in winter
        ("2013-10-21T09:30", "2013-10-21T11:30", "2013-10-21T13:30"),
        ("2013-10-21T05:30", "2013-10-21T08:00", "2013-10-21T10:00"),  # before the opening in summer
        ("2015-09-21T14:30", "2015-09-23T07:30", "2015-09-23T09:30"),  # a holiday between
    ],
)
def test_zammad_time_zones_and_holidays(opened: str, first: str, resolution: str) -> None:
    calendar = "{zone: Europe/Berlin, hours: {mon-sun: ['08:00-17:00']}, holidays: {days: [2015-09-22]}}"
    ticket = Desk(calendar, ANY % "first_reply: 2h, resolution: 4h").at(opened).opened()
    assert (ticket.due(FIRST), ticket.due(RESOLUTION)) == (utc(first), utc(resolution))


def summer() -> Desk:
    """09:00 to 18:00 in Berlin's summer: 07:00 to 16:00 UTC."""
    return zammad("09:00-18:00", "mon-sun", first="2h", update="3h", solution="4h10m").at("2013-06-04T09:00")


def test_zammad_time_pending_and_closed_does_not_count() -> None:
    ticket = Desk(BERLIN % ("mon-sun", "09:00-18:00"), ANY % "resolution: 2h").at("2013-06-04T09:00").opened()
    ticket.at("2013-06-04T09:30").pended().at("2013-06-04T09:45").resumed()
    ticket.at("2013-06-04T10:00").solved().at("2013-06-04T10:30").reopened()
    assert ticket.due(RESOLUTION) == utc("2013-06-04T11:45")


def test_zammad_five_hours_pending_leave_one_until_the_closing() -> None:
    ticket = summer().opened().at("2013-06-04T10:00").pended().at("2013-06-04T15:00").resumed()
    assert ticket.due(FIRST) == utc("2013-06-04T16:00")


def test_zammad_pending_response_and_close() -> None:
    ticket = summer().opened().at("2013-06-04T10:00").pended().at("2013-06-04T10:30").resumed()
    ticket.at("2013-06-04T10:45").answered()
    first = ticket.clock(FIRST)
    assert (first.state, first.elapsed(ticket.now), first.due_at) == ("fulfilled", hours(1.25), utc("2013-06-04T11:30"))
    ticket.at("2013-06-04T12:00").solved()
    resolution = ticket.clock(RESOLUTION)
    assert (resolution.state, resolution.elapsed(ticket.now), resolution.due_at) == (
        "fulfilled", hours(2.5), utc("2013-06-04T13:40"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("moves", "took"),
    [
        ((), 0),
        ((("10:30", "resumed"), ("11:00", "pended")), 30),
        ((("10:30", "resumed"), ("11:00", "pended"), ("11:30", "resumed")), 60),
    ],
)
def test_zammad_opened_pending_and_closed(moves: tuple[tuple[str, str], ...], took: int) -> None:
    ticket = summer().opened().pended()
    for time, move in moves:
        getattr(ticket.at(f"2013-06-04T{time}"), move)()
    ticket.at("2013-06-04T12:00").solved()
    clock = ticket.clock(RESOLUTION)
    assert (clock.state, clock.elapsed(ticket.now)) == ("fulfilled", timedelta(minutes=took))


def test_zammad_a_long_talk_on_a_holiday_and_after_it() -> None:
    calendar = "{zone: Europe/Berlin, hours: {mon-fri: ['08:00-20:00']}, holidays: {days: [2016-11-01]}}"
    ticket = Desk(calendar, ANY % "first_reply: 2h, next_reply: 20h").at("2016-11-01T13:56:21").opened()
    assert ticket.due(FIRST) == utc("2016-11-02T09:00")
    ticket.at("2016-11-01T15:25:40").answered().pended()
    assert ticket.ended(FIRST) == ("fulfilled", utc("2016-11-01T15:25:40"))
    ticket.at("2016-11-01T15:59:14").wrote()
    assert ticket.due(NEXT) == utc("2016-11-03T15:00")
    ticket.at("2016-11-01T15:59:58").pended()
    assert ticket.clock(NEXT).state == "paused"
    ticket.at("2016-11-07T13:26:36").wrote()
    assert ticket.due(NEXT) == utc("2016-11-09T09:26:36")
    ticket.at("2016-11-07T14:26:36").wrote()
    assert ticket.due(NEXT) == utc("2016-11-09T09:26:36")


# Znuny


def test_znuny_a_suspended_escalation_is_as_much_later() -> None:
    ticket = Desk(ALWAYS, ANY % "resolution: 2h").at("2024-01-01T08:00").opened()
    assert ticket.due(RESOLUTION) == utc("2024-01-01T10:00")
    ticket.at("2024-01-01T09:00").pended().at("2024-01-01T10:05").wrote()
    assert ticket.due(RESOLUTION) == utc("2024-01-01T11:05")
    assert ticket.at("2024-01-01T11:05").clock(RESOLUTION).state == "active"
    assert ticket.at("2024-01-01T11:06").ended(RESOLUTION) == ("breached", utc("2024-01-01T11:05"))


# RT


def test_rt_another_level_moves_the_due_time() -> None:
    two, four = ("{rule: %s, when: %s, targets: {normal: {resolution: %s}}}" for _ in range(2))
    rules = four % ("four", "{field: category, is: four}", "4h"), two % ("two", "{}", "2h")
    ticket = Desk(ALWAYS, *rules).at("2024-01-01T10:00").opened()
    assert ticket.due(RESOLUTION) == utc("2024-01-01T12:00")
    ticket.do(tc.Classify, category="four", tags=())
    assert ticket.due(RESOLUTION) == utc("2024-01-01T14:00")


def test_rt_a_ticket_that_staff_opens_waits_for_no_response() -> None:
    ticket = Desk(ALWAYS, ANY % "first_reply: 2h").at("2024-01-01T10:00")
    ticket.opened(by=ANA, direction=Direction.OUTBOUND).look()
    assert ticket.course().latest(FIRST) is None


def test_rt_an_answer_unsets_the_due_time_and_the_requester_s_next_message_sets_it_once() -> None:
    ticket = Desk(ALWAYS, ANY % "first_reply: 2h, next_reply: 2h").at("2024-01-01T10:00").opened()
    assert ticket.due(FIRST) == utc("2024-01-01T12:00")
    ticket.at("2024-01-01T10:10").answered().at("2024-01-01T10:20").answered().look()
    assert [clock.state for clock in ticket.course().clocks if clock.target is not RESOLUTION] == ["fulfilled"]
    ticket.at("2024-01-01T10:30").wrote()
    assert ticket.due(NEXT) == utc("2024-01-01T12:30")
    ticket.at("2024-01-01T10:31").wrote()
    assert ticket.due(NEXT) == utc("2024-01-01T12:30")


def test_rt_messages_move_no_resolution() -> None:
    ticket = Desk(ALWAYS, ANY % "resolution: 2h").at("2024-01-01T10:00").opened()
    for act in ("answered", "wrote"):
        getattr(ticket.at(ticket.now + timedelta(minutes=10)), act)()
        assert ticket.due(RESOLUTION) == utc("2024-01-01T12:00")


def test_rt_business_hours_of_a_level() -> None:
    text = "name: rt\ncalendar: monday\ncalendars:\n"
    for day in ("sun", "mon"):
        text += f"  {'sunday' if day == 'sun' else 'monday'}: {{zone: UTC, hours: {{{day}: ['09:00-17:00']}}}}\n"
    text += "sla:\n  - {rule: monday, when: {field: category, is: m}, targets: {normal: {resolution: 1h}}}\n"
    text += "  - {rule: sunday, when: {}, calendar: sunday, targets: {normal: {resolution: 1h}}}\n"
    ticket = Desk(ALWAYS, ANY % "resolution: 1h")
    ticket.schedule = Life(Adopted(1, utc("2000-01-01"), load_policy(text))).schedule
    ticket.at("2007-01-01T00:00").opened()
    assert ticket.due(RESOLUTION) == utc("2007-01-07T10:00")
    ticket.do(tc.Classify, category="m", tags=())
    assert ticket.due(RESOLUTION) == utc("2007-01-01T10:00")


@pytest.mark.parametrize(
    ("zone", "due"), [("America/New_York", "2007-01-02T15:00"), ("Europe/Moscow", "2007-01-02T08:00")]
)
def test_rt_time_zones_of_queues(zone: str, due: str) -> None:
    ticket = Desk(f"{{zone: {zone}, hours: {{mon-fri: ['09:00-18:00']}}}}", ANY % "resolution: 2h")
    ticket.at("2007-01-01T22:00").opened()
    assert ticket.due(RESOLUTION) == utc(due)


# Zendesk


TIMELINE = (
    ("01T14:00", ("answered",)), ("01T15:30", ("wrote",)), ("01T16:00", ("answered", "pended")), ("02T10:00", ("wrote",)),
    ("02T11:00", ("held",)), ("03T14:00", ("resumed",)), ("03T14:30", ("answered", "solved")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("pauses", "took"),
    [("[pending]", 5 + 2 + 1 + 27 + 0.5), ("[pending, on_hold]", 5 + 2 + 1 + 0.5), ("[]", 53.5)],
    ids=["requester wait time", "agent work time", "total resolution time"],
)
def test_zendesk_waits_by_the_statuses_that_pause(pauses: str, took: float) -> None:
    rule = f"{{rule: all, when: {{}}, pause_on: {pauses}, targets: {{normal: {{first_reply: 6h, next_reply: 1h, resolution: 99h}}}}}}"
    ticket = Desk(ALWAYS, rule).at("2024-01-01T09:00").opened()
    for time, acts in TIMELINE:
        for act in acts:
            getattr(ticket.at(f"2024-01-{time}"), act)()
    ticket.look()
    clocks = ticket.course().clocks
    elapsed = {target: [c.elapsed(ticket.now) for c in clocks if c.target is target] for target in SlaTarget}
    assert elapsed[RESOLUTION] == [hours(took)]
    assert elapsed[FIRST] == [hours(5)]
    assert elapsed[NEXT][0] == hours(0.5)


def test_zendesk_a_reopened_ticket_s_clock_is_activated_again_and_goes_on() -> None:
    ticket = Desk(ALWAYS, ANY % "resolution: 8h").at("2024-01-01T09:00").opened()
    ticket.at("2024-01-01T12:00").solved().at("2024-01-03T12:00").reopened()
    assert ticket.due(RESOLUTION) == utc("2024-01-03T17:00")


# Frappe


def test_frappe_a_priority_without_target_detaches_and_the_clock_s_start_survives() -> None:
    ticket = Desk(ALWAYS, ANY % "first_reply: 4h").at("2024-01-01T12:00").opened()
    ticket.at("2024-01-01T13:00").prioritised("low")
    assert ticket.clock(FIRST).state == "withdrawn"
    ticket.at("2024-01-01T14:00").prioritised("normal")
    assert ticket.due(FIRST) == utc("2024-01-01T16:00")


# Where we differ on purpose: docs/sla.md


def test_others_let_the_next_reply_run_from_the_opening_ours_begins_once_the_first_reply_is_over() -> None:
    ticket = zammad().at("2013-03-21T09:30").opened().look()
    assert ticket.course().latest(NEXT) is None  # Zammad: update escalation 11:30


def test_zammad_s_first_response_outlives_a_close_ours_is_over_with_it() -> None:
    ticket = summer().opened().at("2013-06-04T10:00").solved().at("2013-06-04T10:30").reopened()
    assert ticket.ended(FIRST) == ("fulfilled", utc("2013-06-04T10:00"))


def test_chatwoot_forgets_a_missed_resolution_where_nobody_looked_before_the_end_ours_is_broken() -> None:
    ticket = Desk(ALWAYS, ANY % "resolution: 1h").at("2024-01-01T09:00").opened().at("2024-01-01T15:00").solved()
    assert ticket.ended(RESOLUTION) == ("breached", utc("2024-01-01T10:00"))


def test_osticket_begins_anew_when_reopened_ours_goes_on() -> None:
    ticket = Desk(ALWAYS, ANY % "resolution: 8h").at("2024-01-01T09:00").opened(priority=Priority.NORMAL)
    ticket.at("2024-01-01T16:00").solved().at("2024-01-02T09:00").reopened()
    assert ticket.due(RESOLUTION) == utc("2024-01-02T10:00")
