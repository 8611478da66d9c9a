"""A ticket as policies see it, as a fold over its events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as of_any
from hypothesis import strategies as st

from tests.domain import given as g
from ticketcore.domain import delivery_events as dv
from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket as ticket_fold
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event, Source
from ticketcore.domain.types import Actor, BounceKind, Channel, Direction, Level, Priority, Role, Status
from ticketcore.policy.case import Case, evolve_case, project_case

POLICY = Actor(role=Role.POLICY, id="default", version="1")
HOUR = timedelta(hours=1)


def case(*facts: g.Fact) -> Case:
    found = project_case(None, [e for e in g.given(*facts).events if e.originator_id == g.T1])
    assert found is not None
    return found


def at(minutes: int) -> Any:
    return g.START + (minutes - 1) * g.MINUTE


def decided(*rules: str, basis: int | None = 1, after: timedelta = g.MINUTE) -> g.Fact:
    decisions = [sv.PolicyDecision(section=sv.Section.ROUTING, rule=rule, basis=basis) for rule in rules]
    return g.fact(sv.PolicyDecided, by=POLICY, after=after, policy="default/1", decisions=decisions)


def test_messages_leave_their_marks() -> None:
    found = case(g.opened(), g.commented(), g.answered(), g.acknowledged(), g.commented())
    assert found.inbound is not None
    assert found.inbound.version == 5
    assert found.last_inbound_at == at(5)
    assert (found.first_reply_at, found.last_public_reply_at, found.last_public_at) == (at(3), at(3), at(5))
    assert (found.unanswered_since, found.replies) == (at(5), 1)


def test_what_the_customer_wrote_first_is_unanswered_until_staff_answer_in_public() -> None:
    note = g.commented(direction=Direction.INTERNAL, by=g.ANA)
    assert case(g.opened(), g.commented(), note, g.acknowledged()).unanswered_since == at(1)
    assert case(g.opened(), g.answered()).unanswered_since is None
    assert case(g.opened(), g.solved()).unanswered_since is None


def test_solving_and_closing_are_dated_and_an_undone_merge_is_neither() -> None:
    found = case(g.opened(), g.solved(), g.closed())
    assert (found.solved_at, found.closed_at, found.status_since) == (at(2), at(3), at(3))
    unmerged = g.fact(ev.Unmerged, target_id=g.T2)
    again = case(g.opened(), g.opened(g.T2), g.solved(), *g.merged(), unmerged)
    assert again.ticket.status is Status.SOLVED
    assert (again.solved_at, again.status_since) == (at(3), at(6))


def test_what_people_set_is_by_hand_until_a_policy_sets_it() -> None:
    by_people = case(
        g.opened(), g.classified(category="billing"), g.prioritised(priority=Priority.HIGH, by_hand=True), g.assigned()
    )
    assert (by_people.category_by_hand, by_people.priority_by_hand, by_people.assigned_by_hand) == (True, True, True)
    by_rules = case(
        g.opened(category="other", priority=Priority.LOW, team_id="desk"),
        g.classified(category="billing", by=POLICY), g.prioritised(priority=Priority.HIGH, by=POLICY), g.assigned(by=POLICY),
    )  # fmt: skip
    assert (by_rules.category_by_hand, by_rules.priority_by_hand, by_rules.assigned_by_hand) == (False, False, False)
    assert by_rules.last_agent_id == "ana"


def test_what_a_ticket_is_opened_with_is_by_hand() -> None:
    found = case(g.opened(category="billing", priority=Priority.HIGH, team_id="desk"))
    assert (found.category_by_hand, found.priority_by_hand, found.assigned_by_hand) == (True, True, True)
    plain = case(g.opened())
    assert (plain.category_by_hand, plain.priority_by_hand, plain.assigned_by_hand) == (False, False, False)


def test_a_priority_that_follows_from_impact_and_urgency_is_not_by_hand() -> None:
    levels: dict[str, Any] = {"impact": Level.HIGH, "urgency": Level.HIGH, "priority": Priority.CRITICAL}
    for found in (case(g.opened(**levels)), case(g.opened(), g.prioritised(**levels))):
        assert (found.levels_by_hand, found.priority_by_hand) == (True, False)


def test_a_ticket_that_nobody_is_responsible_for_any_more_is_not_assigned_by_hand() -> None:
    found = case(g.opened(), g.assigned(agent_id="ben"), g.unassigned())
    assert (found.assigned_by_hand, found.last_agent_id) == (False, "ben")


def test_decisions_are_kept_and_counted_by_section_rule_and_basis() -> None:
    found = case(g.opened(), decided("billing"), decided("billing", "skills"), decided("billing", basis=2))
    routing = sv.Section.ROUTING
    assert (found.fired(routing, "billing", 1), found.fired(routing, "billing", 2)) == (2, 1)
    assert found.fired(routing, "other", 1) == 0
    newest = found.last_decision(routing)
    assert newest is not None
    assert (newest.rule, newest.basis, newest.policy, newest.version) == (
        "billing",
        2,
        "default/1",
        4,
    )
    assert found.last_decision(sv.Section.SLA) is None


def by_command(number: int, event: Event) -> Event:
    return event.model_copy(update={"meta": event.meta.model_copy(update={"command_id": UUID(int=number)})})


def test_policy_commands_in_a_row_are_counted_until_anybody_else_acts() -> None:
    facts = (g.opened(), decided("a", after=g.MINUTE / 2), decided("b", after=g.MINUTE / 2), decided("c", after=HOUR))
    events = [by_command(number, event) for number, event in enumerate(g.given(*facts).events)]
    found = [project_case(None, events[: n + 1]) for n in range(4)]
    assert [one and one.chain for one in found] == [0, 1, 2, 1]
    of_one = project_case(None, [events[0], *(by_command(9, event) for event in events[1:])])
    assert of_one is not None
    assert of_one.chain == 1
    answered = case(g.opened(), decided("a"), g.answered())
    assert answered.chain == 0


OUTGOING = Actor.system("outgoing")
ECHOES = (
    g.fact(dv.DeliveryAttempted, by=OUTGOING, comment=1, attempt=1, lease_until=g.START),
    g.fact(dv.Delivered, by=OUTGOING, comment=1, attempt=1),
    g.fact(dv.DeliveryFailed, by=OUTGOING, comment=1, attempt=1, permanent=True, reason="refused"),
    g.fact(dv.DeliveryDropped, by=OUTGOING, comment=1, reason="answered"),
    g.fact(dv.Bounced, by=OUTGOING, kind=BounceKind.HARD),
)


@pytest.mark.parametrize("echo", ECHOES, ids=lambda one: one.cls.TOPIC)
def test_what_comes_of_a_mail_by_itself_is_nobodys_act(echo: g.Fact) -> None:
    events = g.given(g.opened(), decided("a"), echo).events
    found = project_case(None, [by_command(number, event) for number, event in enumerate(events)])
    assert found is not None
    assert found.chain == 1
    first, *others = g.given(g.opened(), echo).events
    imported = first.model_copy(update={"meta": first.meta.model_copy(update={"source": Source(line=1)})})
    found = project_case(None, [imported, *others])
    assert found is not None
    assert found.newest_imported


def test_a_ticket_is_imported_while_its_newest_event_but_policies_is() -> None:
    [first, second] = g.given(g.opened(), decided("a")).events
    imported = first.model_copy(update={"meta": first.meta.model_copy(update={"source": Source(line=1)})})
    found = project_case(None, [imported, second])
    assert found is not None
    assert found.newest_imported
    answer = g.given(g.opened(), decided("a"), g.answered()).events[-1]
    after = evolve_case(found, answer)
    assert after is not None
    assert not after.newest_imported


FACTS = st.lists(
    st.sampled_from([
        g.commented(), g.answered(), g.acknowledged(), g.solved(), g.closed(), g.reopened(), g.pended(), g.assigned(),
        g.unassigned(), g.classified(category="a"), g.prioritised(priority=Priority.HIGH), decided("a"),
    ]),
    max_size=12,
)  # fmt: skip


@of_any(FACTS, st.integers(0, 13))
def test_a_case_is_the_same_in_whatever_parts_its_events_come(facts: list[g.Fact], cut: int) -> None:
    events = g.given(g.opened(channel=Channel.FORM), *facts).events
    whole = project_case(None, events)
    assert project_case(project_case(None, events[:cut]), events[cut:]) == whole
    assert whole is not None
    assert whole.ticket == ticket_fold.project(None, events)


@pytest.mark.parametrize("events", [[], g.given(g.opened(), g.answered()).events[1:]])
def test_what_was_never_opened_is_no_case(events: list[Event]) -> None:
    assert project_case(None, events) is None
