"""All sections together, to the microsecond: a worker that comes when it is to be woken, and one that comes at the end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.life import MONDAY, Life
from tests.policy.test_any_life import IN
from tests.policy.told import told
from ticketcore.domain.types import Channel
from ticketcore.policy.desk import Desk
from ticketcore.policy.engine import reconcile
from ticketcore.policy.schedule import Adopted
from ticketcore.policy.source import load_policy

POLICY = """\
name: whole
calendar: office
calendars:
  office: {zone: UTC, hours: {mon-fri: ["09:00-12:00", "13:00-17:00"]}}
  always: {zone: UTC, hours: always}
teams: {desk: {assign: none}, second: {assign: none}}
default_team: desk
classification:
  - {rule: chat, when: {field: channel, is: chat}, set: {category: quick, impact: high, urgency: high}}
routing:
  - {rule: quick, when: {field: category, is: quick}, team: second}
sla:
  - rule: quick
    when: {field: category, is: quick}
    calendar: always
    pause_on: [pending, on_hold]
    warn: [50%, 5m]
    targets: {critical: {first_reply: 20m, next_reply: 20m, resolution: 2h}}
  - rule: all
    when: {}
    warn: [75%]
    targets:
      normal: {first_reply: 1h, next_reply: 2h, resolution: 8h}
      high: {first_reply: 40m, next_reply: 90m, resolution: 6h}
"""
FOLLOWED = f"""{POLICY}\
follow_up:
  - {{rule: up, when: {{field: sla.first_reply, is: breached}}, after: 0s, since: opened, do: [{{raise_priority: 1}}, {{assign: {{team: second}}}}]}}
  - {{rule: close, when: {{field: status, is: solved}}, after: 2h, since: solved, do: [close]}}
  - {{rule: remind, when: {{field: status, is: pending}}, after: 1h, since: status, repeat: 2, do: [{{note: Still there.}}, resume]}}
"""
DOCUMENTS = {text: load_policy(text) for text in (POLICY, FOLLOWED)}
END = timedelta(hours=40)
PLAIN = ("wrote", "answered", "noted", "pended", "held", "resumed", "solved", "reopened")
ALL = (*PLAIN, "closed", "merged", "unmerged", "high", "vip")
GAPS = st.one_of(
    st.just(timedelta(0)),
    st.integers(1, 20 * 60_000_000).map(lambda micros: timedelta(microseconds=micros)),
    st.integers(1, 300).map(lambda minutes: timedelta(minutes=minutes)),
)


class Whole(Life):
    """A life in which the worker runs every section."""

    wakes: Any = None

    def works(self) -> None:
        """Let the worker look; a second look at once finds nothing more to do."""
        for again in (False, True):
            plan = reconcile(self.events, self.schedule, Desk(), self.now)
            assert plan.is_empty or not again, (plan.decisions, plan.commands)
            if not plan.is_empty:
                self._follow(list(plan.decisions), list(plan.commands))
        self.wakes = plan.wake_at

    def woken_until(self, end: Any) -> None:
        while self.wakes is not None and self.wakes <= end:
            woken = self.wakes
            self.at(woken).works()
            assert self.wakes is None or self.wakes > woken, "it sleeps no more"


def lived(policy: str, steps: list[tuple[timedelta, str]], channel: Channel, prompt: bool) -> Whole:
    life = Whole(Adopted(1, MONDAY, DOCUMENTS[policy]))
    life.at("09:00").opened(channel=channel, priority=None)
    if prompt:
        life.works()
    for gap, what in steps:
        at = life.now + gap
        if prompt:
            life.woken_until(at)
        life.at(at)
        assert life.ticket is not None
        if life.ticket.status in IN[what]:
            if what in ("high", "vip"):
                life.prioritised("high") if what == "high" else life.assigned("second")
            else:
                getattr(life, what)()
        if prompt:
            life.works()
    end = life.now + END
    if prompt:
        life.woken_until(end)
    life.at(end).works()
    return life


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.tuples(st.just(Channel.CHAT), st.lists(st.tuples(GAPS, st.sampled_from(PLAIN)), max_size=10)),
        st.tuples(st.just(Channel.MAIL), st.lists(st.tuples(GAPS, st.sampled_from(ALL)), max_size=10)),
    )
)
def test_a_worker_that_is_woken_and_one_that_comes_at_the_end_record_the_same_of_promises(
    life: tuple[Channel, list[tuple[timedelta, str]]],
) -> None:
    channel, steps = life
    prompt, late = (lived(POLICY, steps, channel, prompt) for prompt in (True, False))
    assert Counter(told(prompt.events)) == Counter(told(late.events))


@pytest.mark.parametrize("prompt", [True, False])
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(GAPS, st.sampled_from(ALL)), max_size=12),
    st.sampled_from([Channel.MAIL, Channel.CHAT]),
)
def test_whatever_follows_from_promises_nothing_is_broken_twice_and_the_worker_comes_to_rest(
    prompt: bool, steps: list[tuple[timedelta, str]], channel: Channel
) -> None:
    broken = Counter(
        target for target, kind, _ in told(lived(FOLLOWED, steps, channel, prompt).events) if kind == "breached"
    )
    assert max(broken["first_reply"], broken["resolution"]) <= 1
