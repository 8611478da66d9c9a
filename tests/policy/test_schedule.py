"""Which policy decides when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.domain.policies import Adoption, Policies
from ticketcore.ids import policy_id
from ticketcore.policy.errors import UnreadablePolicy
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.policy.source import load_policy

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEXT = "name: desk\ncalendar: c\ncalendars: {c: {zone: Europe/Berlin, hours: {mon-fri: ['09:00-17:00']}}}\n"


def adoption(version: int, hours: int, text: str = TEXT) -> Adoption:
    return Adoption(version, START + hours * HOUR, START, "operator root", "0" * 64, None, text)


def test_nothing_decides_before_the_first_policy_comes_into_force() -> None:
    schedule = Schedule.of([adoption(1, 2), adoption(2, 5)])
    assert schedule.in_force(START + HOUR) is None
    assert schedule.begins == START + 2 * HOUR
    assert schedule.next_change(START) == START + 2 * HOUR
    assert schedule.next_change(START + 2 * HOUR) == START + 5 * HOUR
    assert schedule.next_change(START + 5 * HOUR) is None
    empty = Schedule()
    assert (empty.in_force(START), empty.begins, empty.next_change(START)) == (None, None, None)


def test_a_policy_decides_from_its_effective_time_on_by_name_and_version() -> None:
    schedule = Schedule.of([adoption(1, 0), adoption(2, 5), adoption(3, 5)])
    found = [schedule.in_force(START + hours * HOUR) for hours in (0, 4, 5, 9)]
    assert [one.name for one in found if one] == ["desk/1", "desk/1", "desk/3", "desk/3"]


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(-1, 10))
def test_it_says_what_the_log_itself_says(hours: list[int], at: int) -> None:
    adopted = tuple(adoption(version, begins) for version, begins in enumerate(hours, 1))
    meant = Policies(policy_id("log"), 1, START, adopted).in_force(START + at * HOUR)
    found = Schedule.of(adopted).in_force(START + at * HOUR)
    assert (found and found.version) == (meant and meant.version)


def test_a_document_is_read_once_however_often_the_schedule_is_refreshed() -> None:
    first = Schedule.of([adoption(1, 0)])
    read = first.in_force(START)
    assert first.refreshed([adoption(1, 0)]) is first
    later = first.refreshed([adoption(1, 0), adoption(2, 1)])
    assert later.in_force(START) is read
    assert later.in_force(START + HOUR) is not read
    assert read is not None
    assert read.calendars is read.calendars
    assert read.zone == ZoneInfo("Europe/Berlin")


def test_a_restored_log_with_other_adoptions_is_read_anew() -> None:
    first = Schedule.of([adoption(1, 0), adoption(2, 1)])
    first.in_force(START)
    other = first.refreshed([adoption(1, 0, "name: other")])
    assert [one and one.name for one in (other.in_force(START), other.in_force(START + HOUR))] == ["other/1"] * 2


def test_what_this_release_cannot_read_is_named_when_it_would_decide_and_hinders_no_other() -> None:
    schedule = Schedule.of([adoption(1, 0), adoption(2, 1, "name: desk\nblah: 1\nfoo: 2\n"), adoption(3, 2)])
    assert [one and one.version for one in (schedule.in_force(START), schedule.in_force(START + 2 * HOUR))] == [1, 3]
    with pytest.raises(
        UnreadablePolicy,
        match=r"cannot read policy version 2, adopted 2026-03-02T00:00:00\+00:00: line 2, column 1 \(blah\): the key 'blah' is "
        r"unknown, .*, and 1 more \(go on with the release that adopted it, or adopt one",
    ) as caught:
        schedule.in_force(START + HOUR)
    assert (caught.value.version, caught.value.exit_code, len(caught.value.mistakes)) == (2, 8, 2)


def test_documents_that_were_read_elsewhere_make_a_schedule_too() -> None:
    quiet = Adopted(1, START, load_policy("name: quiet"))
    assert Schedule([quiet]).in_force(START) is quiet
    assert (quiet.zone, quiet.calendars) == (UTC, {})
