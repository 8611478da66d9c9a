"""Classified, prioritised, routed and assigned by rules; people first."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as of_any
from hypothesis import strategies as st

from tests.domain import given as g
from tests.policy.following import NOW, POLICY, Following, colleague
from ticketcore.domain.types import Channel, Level, Priority
from ticketcore.policy.assignment import assignment_wake, waiting
from ticketcore.policy.desk import Colleague, Desk

DOCUMENT = """
name: default
teams:
  desk: {assign: least_loaded}
  accounts: {assign: round_robin}
  parcels: {assign: least_loaded, redistribute_pending: true, keep_last_agent: false}
  complaints: {assign: none}
default_team: desk
classification:
  - {rule: refunds, when: {field: subject, contains: refund}, set: {category: billing, add_tags: [refund], impact: medium, urgency: high}}
  - {rule: lost, when: {field: subject, contains: lost}, set: {category: parcel, subcategory: lost}}
priority:
  matrix:
    high: {high: critical, medium: high, low: normal}
    medium: {high: critical, medium: normal, low: low}
    low: {high: normal, medium: low, low: low}
  default: low
  rules:
    - {rule: phone, when: {field: channel, is: phone}, set: {priority: high}}
routing:
  - {rule: billing, when: {field: category, is: billing}, team: accounts, skills: [refunds], language: true}
  - {rule: parcel, when: {field: category, is: parcel}, team: parcels}
  - {rule: angry, when: {field: tags, contains: angry}, team: complaints}
"""


def desk(*agents: Colleague) -> Desk:
    return Desk({one.agent_id: one for one in agents})


def ticket(subject: str = "Hello", *agents: Colleague, **opening: Any) -> Following:
    return Following(DOCUMENT, desk(*agents), (g.opened(subject=subject, **opening),))


def test_a_rule_classifies_and_the_decision_says_what_it_saw_without_the_text() -> None:
    found = ticket("A REFUND please, Kim", tags=("web",))
    found.turn()
    now, decision = found.case.ticket, found.case.decisions[0]
    assert (now.category, now.tags, now.impact, now.urgency) == ("billing", ("web", "refund"), Level.MEDIUM, Level.HIGH)
    assert (decision.section.value, decision.rule, decision.basis, decision.policy) == (
        "classification",
        "refunds",
        1,
        "default/1",
    )
    assert decision.outcome == {"category": "billing", "add_tags": "refund", "impact": "medium", "urgency": "high"}
    assert "refund" in decision.saw["subject"]
    assert "Kim" not in str(decision.saw)


def test_priority_is_the_policys_matrix_then_its_default_and_rules_go_first() -> None:
    by_matrix, by_default, by_rule = ticket("refund"), ticket(), ticket("refund", channel=Channel.PHONE)
    for found in (by_matrix, by_default, by_rule):
        found.turn()
    assert by_matrix.case.ticket.priority is Priority.CRITICAL  # ITIL's says high
    assert by_default.case.ticket.priority is Priority.LOW
    assert by_rule.case.ticket.priority is Priority.HIGH
    assert [
        found.rules()[-2 - ("billing" in str(found.rules()))][1] for found in (by_matrix, by_default, by_rule)
    ] != []
    assert ("priority", "matrix") in by_matrix.rules()
    assert ("priority", "default") in by_default.rules()
    assert ("priority", "phone") in by_rule.rules()


def test_what_nothing_fits_goes_to_the_default_team() -> None:
    found = ticket()
    found.turn()
    assert found.case.ticket.team_id == "desk"
    assert ("routing", "default_team") in found.rules()


def test_a_second_turn_decides_nothing() -> None:
    for subject in ("refund", "lost", "Hello"):
        found = ticket(subject, colleague("ana"), colleague("bob", "accounts", skills=["refunds"]))
        assert found.turn()
        assert found.turn() == []


def test_what_people_set_stays() -> None:
    found = ticket("refund", category="other", priority=Priority.LOW, team_id="complaints", agent_id="zoe")
    found.turn()
    now = found.case.ticket
    assert (now.category, now.priority, now.team_id, now.agent_id) == ("other", Priority.LOW, "complaints", "zoe")
    later = ticket("lost")
    later.turn()
    later.then(g.classified(category="billing"), g.prioritised(priority=Priority.CRITICAL, by_hand=True))
    later.turn()
    assert (later.case.ticket.category, later.case.ticket.priority) == ("billing", Priority.CRITICAL)
    assert later.case.ticket.team_id == "accounts"  # its team was chosen by rule, and another rule fits now


def test_a_team_chosen_by_hand_stays_and_its_agent_is_found() -> None:
    found = ticket("lost", colleague("ana"), colleague("cem", "parcels"))
    found.then(g.assigned(team_id="desk", agent_id=None)).turn()
    assert (found.case.ticket.team_id, found.case.ticket.agent_id) == ("desk", "ana")
    assert found.turn() == []


def test_levels_changed_by_people_are_weighed_by_the_policys_matrix() -> None:
    found = ticket()
    found.turn()
    found.then(g.prioritised(impact=Level.MEDIUM, urgency=Level.HIGH, priority=Priority.HIGH)).turn()
    assert found.case.ticket.priority is Priority.CRITICAL
    assert found.turn() == []


def test_an_agent_needs_the_rules_skills_and_the_tickets_language() -> None:
    able = colleague("zed", "accounts", skills=["refunds"], languages=["de"], load=5)
    others = (
        colleague("ana", "accounts", skills=["refunds"], languages=["en"]),
        colleague("bob", "accounts", languages=["de"]),
    )
    found = ticket("refund", able, *others, language="de-AT")
    found.turn()
    assert found.case.ticket.agent_id == "zed"
    last = found.case.decisions[-1]
    assert (last.rule, last.outcome) == ("round_robin", {"team": "accounts", "agent": "zed"})
    assert last.saw == {"skills": "refunds", "language": "de-AT", "priority": "critical", "agents": "zed 5"}


def test_where_all_are_at_capacity_it_stays_with_the_team_until_somebody_is_free() -> None:
    found = ticket("Hello", colleague("ana", capacity=1, load=1))
    found.turn()
    assert (found.case.ticket.team_id, found.case.ticket.agent_id) == ("desk", None)
    assert found.rules()[-1] == ("assignment", "at_capacity")
    assert found.turn() == []  # said once
    found.desk = desk(colleague("ana", capacity=1))
    found.turn()
    assert found.case.ticket.agent_id == "ana"


def test_an_absent_agents_ticket_goes_to_another_even_where_people_gave_it() -> None:
    found = ticket("Hello", colleague("ana", present=False), colleague("bob"))
    found.then(g.assigned(team_id="desk", agent_id="ana")).turn()
    assert found.case.ticket.agent_id == "bob"
    assert found.case.decisions[-1].saw["absent"] == "ana"


def test_an_absent_agents_ticket_goes_back_to_the_team_and_to_them_when_they_are_back() -> None:
    found = ticket("Hello", colleague("ana", present=False, back_at=NOW + timedelta(hours=2)))
    found.then(g.assigned(team_id="desk", agent_id="ana")).turn()
    assert (found.case.ticket.team_id, found.case.ticket.agent_id) == ("desk", None)
    assert found.turn() == []
    assert assignment_wake(found.view()) == NOW + timedelta(hours=2)
    found.desk = desk(colleague("ana"), colleague("bob"))
    found.turn()
    assert (found.case.ticket.agent_id, found.rules()[-1]) == ("ana", ("assignment", "keep_last_agent"))
    assert assignment_wake(found.view()) is None


@pytest.mark.parametrize(("team", "agent"), [("desk", "ana"), ("parcels", "bob")])
def test_waiting_tickets_of_absent_agents_are_moved_where_the_team_says_so(team: str, agent: str) -> None:
    found = ticket("Hello", colleague("ana", team, present=False), colleague("bob", team))
    found.then(g.assigned(team_id=team, agent_id="ana"), g.pended()).turn()
    assert found.case.ticket.agent_id == agent


def test_who_gives_a_ticket_back_does_not_get_it_again() -> None:
    found = ticket("Hello", colleague("ana"), colleague("bob", load=9))
    found.turn()
    assert found.case.ticket.agent_id == "ana"
    found.then(g.unassigned()).turn()
    assert (found.case.ticket.team_id, found.case.ticket.agent_id) == ("desk", "bob")
    alone = ticket("Hello", colleague("ana"))
    alone.then(g.assigned(team_id="desk", agent_id="ana"), g.assigned(team_id="desk", agent_id=None)).turn()
    assert (alone.case.ticket.agent_id, alone.rules()[-1]) == (None, ("assignment", "nobody_able"))


def test_a_follow_up_goes_to_the_one_who_had_the_customers_ticket() -> None:
    found = ticket("Hello", colleague("ana"), colleague("bob", load=3), follow_up_of=g.T2)
    found.had = frozenset({"bob"})
    found.turn()
    assert (found.case.ticket.agent_id, found.rules()[-1][1]) == ("bob", "keep_last_agent")


def test_a_team_that_takes_its_tickets_itself_is_given_none() -> None:
    found = ticket("Hello", colleague("ana", "complaints"), tags=("angry",))
    found.turn()
    assert (found.case.ticket.team_id, found.case.ticket.agent_id) == ("complaints", None)
    assert waiting(found.view()) is None


def test_what_is_over_is_left_alone() -> None:
    for over in ((g.solved(), g.closed()), (g.opened(g.T2), *g.merged())):
        assert Following(DOCUMENT, desk(colleague("ana")), (g.opened(subject="refund"), *over)).turn() == []


def test_a_priority_that_a_rule_raised_later_stays() -> None:
    found = ticket()
    found.turn()
    found.then(g.prioritised(priority=Priority.CRITICAL, by=POLICY))
    assert found.turn() == []


agents = st.lists(
    st.builds(
        colleague,
        st.sampled_from(["ana", "bob", "cem", "dee"]),
        st.sampled_from(["desk", "accounts", "parcels"]),
        skills=st.lists(st.just("refunds"), max_size=1),
        languages=st.lists(st.sampled_from(["de", "en"]), max_size=2),
        capacity=st.none() | st.integers(0, 3),
        load=st.integers(0, 4),
        present=st.booleans(),
    ),
    max_size=4,
)
subjects = st.sampled_from(["refund", "lost", "Hello"])
hands = st.lists(
    st.sampled_from([
        g.unassigned(), g.assigned(team_id="desk", agent_id=None), g.assigned(team_id=None, agent_id="ana"), g.pended(),
        g.classified(category="parcel"), g.classified(category=None), g.prioritised(priority=Priority.LOW, by_hand=True),
    ]),
    max_size=3,
)  # fmt: skip


@of_any(subjects, agents, agents, hands)
def test_there_is_always_a_team_never_an_agent_absent_or_full_and_an_end(
    subject: str, before: list[Colleague], after: list[Colleague], by_hand: list[g.Fact]
) -> None:
    found, again = ticket(subject, *before, language="de"), ticket(subject, *before, language="de")
    for each in (found, again):
        for people in ([], by_hand):
            if people:
                each.then(*people)
                each.desk = desk(*after)
            for step in each.turn():
                given = step.decision.outcome.get("agent") if step.decision else None
                assert given is None or each.desk.colleagues[given].has_room
            for _ in range(3):
                if not each.turn():
                    break
            assert each.turn() == []
            case = each.case
            assert case.ticket.team_id or (
                case.assigned_by_hand and not each.desk.is_absent(case.ticket.agent_id or "")
            )
    assert [(o.rule, o.saw, o.outcome) for o in found.case.decisions] == [
        (o.rule, o.saw, o.outcome) for o in again.case.decisions
    ]


@of_any(st.integers(1, 4), st.integers(1, 12))
def test_round_robin_gives_each_the_same_to_one(how_many: int, tickets: int) -> None:
    known, counts = (
        desk(*(colleague(f"a{n}", "accounts", skills=["refunds"], load=n) for n in range(how_many))),
        Counter[str](),
    )
    for _ in range(tickets):
        found = Following(DOCUMENT, known, (g.opened(subject="refund"),))
        found.turn()
        agent = found.case.ticket.agent_id
        assert agent is not None
        counts[agent] += 1
        known = known.given(agent)
    spread = [counts[f"a{n}"] for n in range(how_many)]
    assert max(spread) - min(spread) <= 1
