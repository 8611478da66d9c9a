"""What stands still, goes on, is warned of and is broken."""

from __future__ import annotations

from datetime import timedelta

from tests.policy.life import PLAIN, STANDARD, Life
from tests.policy.sla_cases import document, row

TARGETS = "targets: {normal: {first_reply: 1h, next_reply: 2h, resolution: 8h}}"
BOTH = document(f"when: {{}}, pause_on: [pending, on_hold], pause_first_reply_on: [pending], {TARGETS}")
NEVER = document(f"when: {{}}, pause_on: [], {TARGETS}")


@row
def pending() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("10:00").pended().look("10:00")
    assert life.story("resolution") == ["applied due 17:00", "paused 10:00 after 60 min"]
    life.at("+1 11:00").resumed().look("+1 11:00")
    assert life.story("resolution")[2:] == ["resumed +1 11:00 due +2 10:00"]
    life.look("+2 12:00")
    assert life.story("resolution")[3:] == ["breached +2 10:00"]


@row
def customer_answers() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().pended().look("10:00")
    life.at("14:00").wrote().look("14:00")
    assert life.story("resolution")[1:] == ["paused 09:30 after 30 min", "resumed 14:00 due +1 13:30"]
    assert life.story("next_reply") == ["applied due 16:00"]


@row
def first_reply_goes_on() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").pended().look("12:00")
    assert life.story("first_reply") == ["applied due 10:00", "breached 10:00"]


@row
def first_reply_by_choice() -> None:
    life = Life(BOTH).at("09:00").opened().at("09:30").pended().look("12:00").at("12:00").resumed().look("12:00")
    told = ["applied due 10:00", "paused 09:30 after 30 min", "resumed 12:00 due 12:30"]
    assert life.story("first_reply") == told


@row
def next_reply_pauses() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("10:00").wrote().at("11:00").pended()
    life.at("13:00").resumed().look("13:00")
    told = ["applied due 12:00", "paused 11:00 after 60 min", "resumed 13:00 due 14:00"]
    assert life.story("next_reply") == told


@row
def on_hold() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("10:00").held().look("16:00")
    assert life.story("resolution") == ["applied due 17:00"]


@row
def on_hold_by_choice() -> None:
    life = Life(BOTH).at("09:00").opened().at("09:30").answered().at("10:00").held().at("12:00").resumed().look()
    assert life.story("resolution")[1:] == ["paused 10:00 after 60 min", "resumed 12:00 due +1 11:00"]


@row
def message_while_on_hold() -> None:
    for rules, told in (
        (PLAIN, ["applied due 14:00"]),
        (BOTH, ["applied due none", "paused 12:00 after 0 min", "resumed 15:00 due 17:00"]),
    ):
        life = Life(rules).at("09:00").opened().answered().at("10:00").held().at("12:00").wrote().look("12:00")
        life.at("13:50").noted().at("15:00").resumed().look("15:00")
        assert life.story("next_reply")[: len(told)] == told


@row
def from_one_pause_to_another() -> None:
    life = Life(BOTH).at("09:00").opened().at("10:00").answered().pended().at("11:00").held().at("12:00").resumed()
    assert life.look("12:00").story("resolution")[1:] == ["paused 10:00 after 60 min", "resumed 12:00 due +1 11:00"]


@row
def no_pause() -> None:
    life = Life(NEVER).at("09:00").opened().at("09:30").answered().at("10:00").pended().look("16:00")
    assert life.story("resolution") == ["applied due 17:00"]


@row
def paused_overnight() -> None:
    life = Life(PLAIN).at("09:00").opened().answered().at("18:00").pended().at("+1 08:00").resumed().look("+1 08:00")
    assert life.story("resolution") == ["applied due 17:00", "breached 17:00"]
    life = Life(PLAIN).at("10:00").opened().answered().at("18:00").pended().at("+1 08:00").resumed().look("+1 08:00")
    assert life.story("resolution") == [
        "applied due +1 10:00",
        "paused 18:00 after 420 min",
        "resumed +1 08:00 due +1 10:00",
    ]


@row
def paused_over_holidays() -> None:
    closed = "office: {zone: UTC, hours: {mon-fri: ['09:00-17:00']}, holidays: {days: [2026-03-03, 2026-03-04]}}"
    rules = PLAIN.replace('office: {zone: UTC, hours: {mon-fri: ["09:00-17:00"]}}', closed)
    life = Life(rules).at("15:00").opened().answered().at("16:00").pended().at("+2 12:00").resumed().look("+2 12:00")
    assert life.story("resolution") == [
        "applied due +3 15:00",
        "paused 16:00 after 60 min",
        "resumed +2 12:00 due +3 16:00",
    ]


@row
def paused_at_the_due_time() -> None:
    life = Life(PLAIN).at("09:00").opened().answered().at("17:00").pended().look("+3 12:00")
    assert life.story("resolution")[1:] == ["paused 17:00 after 480 min"], "not broken: nothing was over"
    life.at("+3 12:00").resumed().look("+3 12:00:01")
    assert life.story("resolution")[2:] == ["resumed +3 12:00 due +3 12:00", "breached +3 12:00"]


@row
def paused_for_no_time() -> None:
    life = Life(PLAIN).at("09:00").opened().answered().at("12:00").pended().resumed().look("13:00")
    assert life.story("resolution")[1:] == ["paused 12:00 after 180 min", "resumed 12:00 due 17:00"]


@row
def kept_while_paused() -> None:
    life = Life(PLAIN).at("09:00").opened().answered().at("16:00").pended().at("+9 12:00").solved().look()
    assert life.story("resolution")[1:] == ["paused 16:00 after 420 min", "fulfilled +9 12:00"]


@row
def warning() -> None:
    life = Life(STANDARD).at("09:00").opened().look("09:29")
    assert life.story("first_reply") == ["applied due 10:00"]
    life.look("09:31").look("09:47").look("09:49")
    assert life.story("first_reply")[1:] == ["warned 09:30 due 10:00", "warned 09:48 due 10:00"]


@row
def warning_by_time_left() -> None:
    rules = document("when: {}, warn: [15m], targets: {normal: {first_reply: 1h, resolution: 8h}}")
    life = Life(rules).at("16:30").opened().look("+1 09:16")
    assert life.story("first_reply") == ["applied due +1 09:30", "warned +1 09:15 due +1 09:30"]


@row
def warning_longer_than_the_promise() -> None:
    rules = document("when: {}, warn: [2h], targets: {normal: {first_reply: 1h, resolution: 8h}}")
    life = Life(rules).at("09:00").opened().look("16:00")
    assert life.story() == [
        "first_reply applied due 10:00", "resolution applied due 17:00", "first_reply breached 10:00",
        "resolution warned 15:00 due 17:00",
    ]  # fmt: skip


@row
def kept_before_the_warning() -> None:
    life = Life(STANDARD).at("09:00").opened().at("09:30").answered().look("12:00")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:30"]


@row
def paused_before_the_warning() -> None:
    life = Life(STANDARD).at("09:00").opened().answered().at("12:00").pended().look("+1 10:00")
    assert life.story("resolution")[1:] == ["paused 12:00 after 180 min"]
    life.at("+1 10:00").resumed().look("+1 15:00")
    assert life.story("resolution")[2:] == [
        "resumed +1 10:00 due +1 15:00", "warned +1 11:00 due +1 15:00", "warned +1 13:24 due +1 15:00",
    ]  # fmt: skip


@row
def broken() -> None:
    life = Life(PLAIN).at("09:00").opened().look("10:00")
    assert life.story("first_reply") == ["applied due 10:00"], "until then it could be kept"
    life.look(life.now + timedelta(microseconds=1))
    assert life.story("first_reply") == ["applied due 10:00", "breached 10:00"]


@row
def broken_stays_broken() -> None:
    life = Life(PLAIN).at("09:00").opened().look("+1 09:00").at("+1 10:00").prioritised("normal").answered().solved()
    life.look("+1 10:00").at("+1 11:00").reopened().look("+1 12:00").at("+1 13:00").solved().look()
    assert life.story() == [
        "first_reply applied due 10:00", "resolution applied due 17:00", "first_reply breached 10:00", "resolution breached 17:00",
    ]  # fmt: skip


@row
def each_message_is_promised_anew() -> None:
    life = Life(PLAIN).at("09:00").opened().at("12:00").answered().at("13:00").wrote().look("13:00")
    assert life.story("first_reply") == ["applied due 10:00", "breached 10:00"]
    assert life.story("next_reply") == ["applied due 15:00"]
