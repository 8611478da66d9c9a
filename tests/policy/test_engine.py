"""The engine: sections in order, each seeing what those before it did; and nothing left once all is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as of_any
from hypothesis import settings
from hypothesis import strategies as st

from tests.domain import given as g
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.base import Event, Source
from ticketcore.domain.commands import build
from ticketcore.domain.context import Context
from ticketcore.domain.decide import decide
from ticketcore.domain.service_commands import FollowPolicy
from ticketcore.domain.service_events import PolicyDecided, PolicyDecision, Section
from ticketcore.domain.ticket import project
from ticketcore.domain.types import Priority, Status
from ticketcore.policy.desk import Desk
from ticketcore.policy.engine import LONGEST_CHAIN, Part, Plan, reconcile
from ticketcore.policy.errors import PolicyLoop
from ticketcore.policy.fields import FIELDS
from ticketcore.policy.known import facts_of
from ticketcore.policy.outside import NOWHERE, History, Requester
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.policy.source import load_policy
from ticketcore.policy.steps import Step, View

HEAD = "name: test\ncalendar: office\ncalendars: {office: {zone: Europe/Berlin, hours: {mon-fri: ['09:00-17:00']}}}\n"
ADOPTED = Adopted(1, g.START, load_policy(HEAD + "teams: {desk: {}}\ndefault_team: desk"))
SCHEDULE = Schedule((ADOPTED,))
HOUR = timedelta(hours=1)
NOW = g.START + HOUR


def events(*facts: g.Fact) -> list[Event]:
    return [event for event in g.given(*facts).events if event.originator_id == g.T1]


def decided(section: Section, rule: str, *commands: Any, basis: int | None = None) -> Step:
    return Step(PolicyDecision(section=section, rule=rule, basis=basis), commands)


def once(section: Section, rule: str, command: Callable[[View], Any], when: Callable[[View], bool]) -> Part:
    """A section with one rule, which decides once about the newest message or assignment."""

    def steps(view: View) -> list[Step]:
        basis = (view.case.assigned or view.case.status).version
        if not when(view) or view.case.fired(section, rule, basis):
            return []
        return [decided(section, rule, command(view), basis=basis)]

    return Part(section, steps)


def routed(team: str) -> Part:
    assign = lambda _: build(tc.Assign, ticket_id=g.T1, team_id=team)  # noqa: E731
    return once(Section.ROUTING, team, assign, lambda view: view.case.ticket.team_id is None)


def given_to(agent: str) -> Part:
    assign = lambda _: build(tc.Assign, ticket_id=g.T1, team_id="desk", agent_id=agent)  # noqa: E731
    wants = lambda view: view.case.ticket.team_id is not None and view.case.ticket.agent_id is None  # noqa: E731
    return once(Section.ASSIGNMENT, agent, assign, wants)


def recorded(before: Sequence[Event], plan: Plan, now: datetime = NOW, command: int = 99) -> list[Event]:
    """Return all events after the plan was followed, as the log would have them."""
    assert plan.actor is not None
    values = {"policy": plan.policy, "decisions": plan.decisions, "commands": plan.commands}
    follow = build(FollowPolicy, ticket_id=g.T1, **values)
    context = Context(actor=plan.actor, command_id=UUID(int=command), now=now)
    return [*before, *decide(follow, {g.T1: project(None, before)}, context).events]


def test_each_section_sees_what_those_before_it_did_and_all_of_it_is_one_command() -> None:
    before = events(g.opened())
    plan = reconcile(before, SCHEDULE, Desk(), NOW, sections=(routed("desk"), given_to("ana")))
    assert [one.rule for one in plan.decisions] == ["desk", "ana"]
    assert plan.policy == "test/1"
    assert plan.view is not None
    assert (plan.view.case.ticket.team_id, plan.view.case.ticket.status) == ("desk", Status.OPEN)
    after = recorded(before, plan)
    assert [event.TOPIC for event in after[1:]] == ["ticket.policy_decided", "ticket.assigned", "ticket.assigned"]
    assert reconcile(after, SCHEDULE, Desk(), NOW, sections=(routed("desk"), given_to("ana"))).is_empty


def test_a_decision_names_the_version_that_its_event_has_in_the_log() -> None:
    before = events(g.opened())
    plan = reconcile(before, SCHEDULE, Desk(), NOW, sections=(routed("desk"), given_to("ana")))
    basis = plan.decisions[1].basis
    assert basis is not None
    after = recorded(before, plan)
    assert isinstance(after[1], PolicyDecided)
    assert after[basis - 1].TOPIC == "ticket.assigned"
    assert after[basis - 1].team_id == "desk"  # type: ignore[attr-defined]


def test_a_section_that_comes_first_is_asked_again_where_a_later_one_changed_what_it_looks_at() -> None:
    def escalate(view: View) -> list[Step]:
        urgent = view.case.ticket.priority is Priority.CRITICAL
        if not urgent or view.case.fired(Section.PRIORITY, "tell", 1):
            return []
        return [decided(Section.PRIORITY, "tell", basis=1)]

    raised = once(
        Section.FOLLOW_UP, "raise", lambda _: build(tc.Prioritise, ticket_id=g.T1, priority=Priority.CRITICAL),
        lambda _: True,
    )  # fmt: skip
    plan = reconcile(events(g.opened()), SCHEDULE, Desk(), NOW, sections=(Part(Section.PRIORITY, escalate), raised))
    assert [one.rule for one in plan.decisions] == ["raise", "tell"]
    assert plan.sections == {Section.FOLLOW_UP, Section.PRIORITY}


def test_the_earliest_wake_up_of_all_sections_and_of_the_next_policy_counts() -> None:
    parts = (
        Part(Section.SLA, lambda _: [], lambda view: view.now + 3 * HOUR),
        Part(Section.FOLLOW_UP, lambda _: [], lambda view: view.now + 2 * HOUR),
    )
    never = Part(Section.CHECKLIST, lambda _: [], lambda _: None)
    before = events(g.opened())
    assert reconcile(before, SCHEDULE, Desk(), NOW, sections=(*parts, never)).wake_at == NOW + 2 * HOUR
    assert reconcile(before, SCHEDULE, Desk(), NOW, sections=(never,)).wake_at is None
    soon = Schedule((ADOPTED, Adopted(2, NOW + HOUR, ADOPTED.document)))
    assert reconcile(before, soon, Desk(), NOW, sections=parts).wake_at == NOW + HOUR
    closed = events(g.opened(), g.solved(), g.closed())
    assert reconcile(closed, soon, Desk(), NOW, sections=(never,)).wake_at is None


def test_nothing_is_done_before_a_policy_is_in_force_and_it_is_waited_for() -> None:
    later = Schedule((Adopted(1, NOW + HOUR, ADOPTED.document),))
    plan = reconcile(events(g.opened()), later, Desk(), NOW, sections=(routed("desk"),))
    assert plan.is_empty
    assert (plan.view, plan.wake_at) == (None, NOW + HOUR)
    never = reconcile(events(g.opened()), Schedule(), Desk(), NOW, sections=(routed("desk"),))
    assert (never.is_empty, never.view, never.wake_at) == (True, None, None)
    assert reconcile([], SCHEDULE, Desk(), NOW, sections=(routed("desk"),)) == Plan()


def test_a_ticket_whose_newest_event_was_imported_is_left_alone_and_a_merged_one_but_for_its_promises() -> None:
    [opened] = events(g.opened())
    imported = opened.model_copy(update={"meta": opened.meta.model_copy(update={"source": Source(line=1)})})
    assert reconcile([imported], SCHEDULE, Desk(), NOW, sections=(routed("desk"),)).is_empty
    merged = events(g.opened(), g.opened(g.T2), *g.merged())
    sla = Part(Section.SLA, lambda view: [] if view.case.decisions else [decided(Section.SLA, "ended")])
    plan = reconcile(merged, SCHEDULE, Desk(), NOW, sections=(routed("desk"), sla))
    assert [one.rule for one in plan.decisions] == ["ended"]


def test_what_happened_later_than_the_clock_says_is_not_decided_before_it() -> None:
    before = events(g.opened())
    plan = reconcile(before, SCHEDULE, Desk(), g.START - HOUR, sections=(routed("desk"),))
    assert plan.view is not None
    assert plan.view.now == before[-1].meta.occurred_at


def test_rules_that_go_round_within_one_look_are_told_by_name() -> None:
    def flip(view: View) -> list[Step]:
        other = Priority.LOW if view.case.ticket.priority is Priority.HIGH else Priority.HIGH
        return [decided(Section.PRIORITY, f"to {other}", build(tc.Prioritise, ticket_id=g.T1, priority=other))]

    with pytest.raises(PolicyLoop, match=r"the last ones .*priority: to (low|high).*mend the rules and adopt them"):
        reconcile(events(g.opened()), SCHEDULE, Desk(), NOW, sections=(Part(Section.PRIORITY, flip),))


def test_rules_that_go_round_from_look_to_look_end_at_the_longest_chain_until_somebody_else_acts() -> None:
    def again(view: View) -> list[Step]:
        if view.case.decisions and view.case.decisions[-1].at == view.now:
            return []
        return [decided(Section.FOLLOW_UP, "again", basis=1)]

    parts = (Part(Section.FOLLOW_UP, again),)
    log, now = events(g.opened()), NOW
    for turn in range(LONGEST_CHAIN):
        now += timedelta(seconds=1)
        log = recorded(log, reconcile(log, SCHEDULE, Desk(), now, sections=parts), now, command=100 + turn)
    with pytest.raises(PolicyLoop, match="10 times in a row, the last ones follow_up: again") as refused:
        reconcile(log, SCHEDULE, Desk(), now + timedelta(seconds=1), sections=parts)
    assert refused.value.times == LONGEST_CHAIN
    assert len(refused.value.rules) == 1
    note = g.given(g.opened(), g.commented()).events[-1]
    meta = note.meta.model_copy(update={"occurred_at": now})
    log.append(note.model_copy(update={"originator_version": len(log) + 1, "meta": meta}))
    assert not reconcile(log, SCHEDULE, Desk(), now + timedelta(seconds=1), sections=parts).is_empty


class Elsewhere(type(NOWHERE)):  # type: ignore[misc]
    def requester(self, customer: UUID) -> Requester:
        return Requester("C-1", "C-2", "de")

    def history(self, ticket: Any) -> History:
        return History(3, 1, frozenset({"ana"}))


def test_every_field_that_conditions_can_ask_for_has_a_source() -> None:
    facts = [g.opened(subject="Help", body="It broke", language="en"), g.sla_applied(target="resolution", policy="p")]
    plan = reconcile(events(*facts), SCHEDULE, Desk(), NOW, sections=())
    assert plan.view is not None
    found = facts_of(plan.view.case, ADOPTED, Elsewhere(), NOW)
    assert set(found._sources) == set(FIELDS)
    values = {name: found.value(name) for name in FIELDS}
    assert values["text"] == ("Help", "It broke")
    assert values["sla.resolution"] == "active"
    assert (values["requester"], values["organisation"], values["requester.language"]) == ("C-1", "C-2", "de")
    assert (values["history.tickets"], values["history.had_agent"]) == (3, {"ana"})
    assert (values["opened.weekday"], values["opened.time"].hour) == ("mon", 10)  # 09:00 UTC in Berlin's winter
    assert values["age"] == HOUR
    assert values["category"] is None


TEAMS, AGENTS = st.sampled_from(["desk", "second"]), st.sampled_from(["ana", "bob"])


@st.composite
def toy_sections(draw: st.DrawFn) -> tuple[Part, ...]:
    """Sections of rules that decide once about each basis, in any order, with any of the commands."""
    parts = [routed(draw(TEAMS)), given_to(draw(AGENTS))]
    for number, priority in enumerate(draw(st.lists(st.sampled_from(Priority), max_size=3))):
        raised = lambda _, p=priority: build(tc.Prioritise, ticket_id=g.T1, priority=p)  # noqa: E731
        wants = lambda view, p=priority: view.case.ticket.priority is not p  # noqa: E731
        parts.append(once(Section.PRIORITY, f"rule {number}", raised, wants))
    solve = lambda _: build(tc.Solve, ticket_id=g.T1)  # noqa: E731
    if draw(st.booleans()):
        parts.append(once(Section.FOLLOW_UP, "solve", solve, lambda view: view.case.ticket.status is Status.OPEN))
    return tuple(draw(st.permutations(parts)))


LIVES = st.lists(
    st.sampled_from(
        [g.commented(), g.answered(), g.assigned(), g.unassigned(), g.classified(category="a"), g.pended()]
    ),
    max_size=6,
)


@settings(max_examples=150)
@of_any(LIVES, toy_sections())
def test_reconciling_what_was_reconciled_gives_nothing_whatever_happened_and_whatever_the_rules(
    life: list[g.Fact], parts: tuple[Part, ...]
) -> None:
    before = events(g.opened(), *life)
    plan = reconcile(before, SCHEDULE, Desk(), NOW, sections=parts)
    after = recorded(before, plan)
    assert plan.view is not None
    final = plan.view.case.ticket
    now = project(None, after)
    assert now is not None
    assert now._replace(version=0) == final._replace(version=0)
    assert bool(after[len(before) :]) is not plan.is_empty
    again = reconcile(after, SCHEDULE, Desk(), NOW, sections=parts)
    assert (again.decisions, again.commands) == ((), ())
    assert again.wake_at == plan.wake_at
