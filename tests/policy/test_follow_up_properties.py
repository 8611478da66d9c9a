"""Follow-up under any rules and any course of events: never more often than allowed, never twice, never slept through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.policy.follow_up_life import DAY, START, Life, life, rules
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.types import Status
from ticketcore.errors import WrongState
from ticketcore.policy.engine import LONGEST_CHAIN
from ticketcore.policy.errors import PolicyLoop

CONDITIONS = (
    "{}",
    "{field: status, is: pending}",
    "{field: status, in: [solved, closed]}",
    "{field: status, is: open}",
    "{field: tags, contains: late}",
    "{field: age, above: 2d}",
    "{all: [{field: age, below: 90h}, {field: priority, is: high}]}",
)
ACTIONS = (
    "{mail: reminder}", "{note: Look.}", "pend", "resume", "solve", "close", "reopen", "survey", "{raise_priority: 1}",
    "{set_priority: high}", "{assign: {team: leads}}", "unassign", "{notify: ['team:leads']}", "{add_tags: [late]}", "{checklist: return}",
)  # fmt: skip
SINCE = ("opened", "status", "solved", "closed", "customer", "reply", "unanswered")
AFTER = ("1h", "30h", "2d", "{business: 3h}", "{business: 16h}")


@st.composite
def follow_ups(draw: st.DrawFn) -> tuple[str, ...]:
    """Return rules, each of which lets time pass first."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        do = ", ".join(draw(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3)))
        when, since, after = (draw(st.sampled_from(choice)) for choice in (CONDITIONS, SINCE, AFTER))
        repeat = draw(st.integers(1, 3))
        found.append(f"{{rule: r{number}, when: {when}, after: {after}, since: {since}, repeat: {repeat}, do: [{do}]}}")
    return tuple(found)


def _try(ticket: Life, what: str) -> None:
    deeds: dict[str, Callable[[], object]] = {
        "writes": ticket.writes,
        "answers": ticket.answers,
        "imports": ticket.imports,
        "stops": ticket.stops,
        "starts": ticket.starts,
        "pends": lambda: ticket.does(tc.Pend),
        "solves": lambda: ticket.does(tc.Solve),
        "reopens": lambda: ticket.does(tc.Reopen),
        "tags": lambda: ticket.does(tc.Classify, tags=["late"]),
    }
    with suppress(WrongState, PolicyLoop):  # what the state refuses did not happen
        deeds[what]()


def _pass(ticket: Life, time: timedelta) -> bool:
    """Let time pass; return whether rules that answer each other were given up in it."""
    end = ticket.now + time
    try:
        ticket.passes(time)
    except PolicyLoop:
        ticket.now = end
        return True
    return False


DEEDS = ("writes", "answers", "imports", "stops", "starts", "pends", "solves", "reopens", "tags")
COURSES = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 60)), max_size=8)


@settings(max_examples=150, deadline=None)
@given(follow_ups(), COURSES)
def test_each_rule_is_followed_at_most_so_often_for_each_basis_and_reconciling_again_gives_nothing(
    lines: tuple[str, ...], course: list[tuple[str, int]]
) -> None:
    ticket = life(*lines)
    for what, hours in course:
        _try(ticket, what)
        _pass(ticket, timedelta(hours=hours))
    _try(ticket, "starts")
    lost = _pass(ticket, 20 * DAY)
    event(f"decisions: {min(len(ticket.decisions()), 5)}")
    most = {rule.rule: rule.repeat for rule in ticket.schedule.version(1).document.follow_up}
    for (rule, basis), times in Counter((one.rule, one.basis) for one in ticket.decisions()).items():
        assert times <= most[rule], f"{rule} for {basis}"
    if not lost:
        assert ticket.works() == 0


FIGHT = tuple(
    f"{{rule: {do}, when: {{field: status, is: {status}}}, after: 30h, since: status, repeat: 1, do: [{{mail: reminder}}, {do}]}}"
    for status, do in (("open", "pend"), ("pending", "resume"))
)


@given(follow_ups(), COURSES)
@example(FIGHT, [("answers", 1)])
def test_rules_come_to_an_end_where_nobody_acts(lines: tuple[str, ...], course: list[tuple[str, int]]) -> None:
    ticket = life(*lines)
    ticket.mails_go_out = True
    for what, hours in course:
        _try(ticket, what)
        _pass(ticket, timedelta(hours=hours))
    _try(ticket, "starts")
    before = len(ticket.decisions())
    lost = _pass(ticket, 400 * DAY)
    event(f"given up: {lost}")
    most = sum(rule.repeat for rule in ticket.schedule.version(1).document.follow_up)
    assert len(ticket.decisions()) - before <= most * (2 * LONGEST_CHAIN + len(SINCE))
    if not lost:
        assert ticket.wake() is None or ticket.status is Status.MERGED


@settings(max_examples=100, deadline=None)
@given(follow_ups(), COURSES, st.floats(0, 1))
def test_nothing_is_due_before_the_time_to_wake(
    lines: tuple[str, ...], course: list[tuple[str, int]], part: float
) -> None:
    change = START + 3 * DAY
    ticket = Life({rules(lines[0]): START - DAY, rules(*lines): change})
    with suppress(PolicyLoop):  # rules that answer each other are given up
        for what, hours in course:
            if what in ("stops", "starts"):
                continue
            _try(ticket, what)
            for step in (part, 1 - part, 0.999_999):
                now, wake = ticket.now, ticket.wake()
                end = now + 40 * DAY if wake is None else wake
                assert end > now
                if (
                    ticket.status is Status.CLOSED and now < change < end
                ):  # what is over is not looked at for a new policy
                    end = change
                ticket.now = now + (end - now) * step
                if ticket.now < end:
                    assert ticket.plan().is_empty, f"at {ticket.now}, before {end}"
                ticket.now = now
            ticket.passes(timedelta(hours=hours))
