"""What reopening, merging and a worker that was down do to promises."""

from __future__ import annotations

from tests.domain.given import T1, T2
from tests.policy.life import PLAIN, STANDARD, Life, other_ticket
from tests.policy.sla_cases import row
from ticketcore.domain import ticket_commands as tc


@row
def reopened() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("12:00").solved().look("12:00")
    life.at("15:00").reopened().look("15:00")
    assert life.story("resolution") == ["applied due 17:00", "fulfilled 12:00", "applied due +1 12:00"]
    life.at("16:00").solved().look()
    assert life.story("resolution")[3:] == ["fulfilled 16:00"]


@row
def reopened_by_the_customer() -> None:
    life = (
        Life(PLAIN).at("09:00").opened().at("09:30").answered().at("12:00").solved().at("15:00").wrote().look("15:00")
    )
    assert life.story("resolution")[2:] == ["applied due +1 12:00"]
    assert life.story("next_reply") == ["applied due 17:00"]
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:30"]


@row
def reopened_without_reply() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").solved().at("10:00").wrote().look("10:00")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:30"], "solving answered it"
    assert life.story("next_reply") == ["applied due 12:00"]


@row
def reopened_after_closing() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("12:00").solved().at("+1 12:00").closed()
    life.at("+9 12:00").reopened().look("+9 12:00")
    assert life.story("resolution") == ["applied due 17:00", "fulfilled 12:00", "applied due +9 17:00"]


@row
def reopened_with_no_time_left() -> None:
    life = Life(PLAIN).at("09:00").opened().answered().at("17:00").solved().at("+1 12:00").reopened().look("+1 12:01")
    told = ["applied due 17:00", "fulfilled 17:00", "applied due +1 12:00", "breached +1 12:00"]
    assert life.story("resolution") == told


@row
def merged() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").merged().look("+2 12:00")
    assert life.story() == [
        "first_reply applied due 10:00", "resolution applied due 17:00",
        "first_reply withdrawn 09:30 merged", "resolution withdrawn 09:30 merged",
    ]  # fmt: skip
    assert life.wake() == "none"


@row
def merged_too_late() -> None:
    life = Life(PLAIN).at("09:00").opened().at("10:30").merged().look("+2 12:00")
    assert life.story("first_reply") == ["applied due 10:00", "breached 10:00"]


@row
def merged_after_solving() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").solved().at("10:00").merged().look("+2 12:00")
    assert life.story("resolution") == ["applied due 17:00", "fulfilled 09:30"]


@row
def another_is_merged_into_it() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:40")
    life.others[T2] = other_ticket(life.now)
    life.do(tc.Merge, ticket_id=T2, target_id=T1).look("09:50")
    assert life.story() == ["first_reply applied due 10:00", "resolution applied due 17:00"]


@row
def unmerged() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").merged().at("15:00").unmerged().look("15:00")
    assert life.story("first_reply") == ["applied due 10:00", "withdrawn 09:30 merged", "applied due 15:30"]
    assert life.story("resolution") == ["applied due 17:00", "withdrawn 09:30 merged", "applied due +1 14:30"]


@row
def unmerged_after_solving() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").solved().at("10:00").merged().at("15:00").unmerged().look()
    assert life.story("resolution") == ["applied due 17:00", "fulfilled 09:30"]
    assert len(life.measured()) == 1


@row
def late_worker() -> None:
    late = Life(STANDARD).at("09:00").opened().at("09:35").pended().at("09:45").resumed().at("11:00").answered()
    late.look("+3 12:00")
    timely = Life(STANDARD).at("09:00").opened().look("09:31").at("09:35").pended().look().at("09:45").resumed()
    timely.look("09:49").look("10:01").at("11:00").answered().look("+1 12:00").look("+3 12:00")
    assert late.story("first_reply") == timely.story("first_reply") == [
        "applied due 10:00", "warned 09:30 due 10:00", "warned 09:48 due 10:00", "breached 10:00",
    ]  # fmt: skip
    assert sorted(late.story()) == sorted(timely.story())
    assert {event.meta.occurred_at for event in late.events if event.TOPIC == "ticket.sla_breached"} == {late.now}


@row
def over_before_any_worker_came() -> None:
    closed = Life(PLAIN).at("09:00").opened(priority=None).at("11:00").answered().at("12:00").solved().closed()
    assert closed.look("+3 12:00").story() == [
        "first_reply applied due 10:00", "resolution applied due 17:00", "first_reply breached 10:00", "resolution fulfilled 12:00",
    ]  # fmt: skip
    merged_ = Life(PLAIN).at("09:00").opened(priority=None).at("11:00").merged().look("+3 12:00")
    assert merged_.story("first_reply") == ["applied due 10:00", "breached 10:00"]


@row
def business_times() -> None:
    life = Life(PLAIN).at("16:00").opened().at("+1 09:30").answered().pended().look("+1 09:30")
    [first] = life.measured()
    assert (first.calendar, first.first_reply_seconds, first.first_solved_seconds) == ("office", 5_400, None)
    life.at("+1 10:30").solved().at("+1 11:30").reopened().at("+1 12:00").solved().look()
    last = life.measured()[-1]
    assert (last.first_solved_seconds, last.last_solved_seconds) == (9_000, 14_400)
    assert (last.requester_wait_seconds, last.agent_wait_seconds) == (7_200, 3_600)
