"""A ticket as it would be under a policy that always was in force: asked about what was known, and asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given as of_any
from hypothesis import settings
from hypothesis import strategies as st

from tests.domain import given as g
from tests.policy.following import NOW, POLICY
from ticketcore.domain.base import Event
from ticketcore.domain.service_events import PolicyDecided, PolicyDecision, Section
from ticketcore.domain.types import Channel, Level, Priority, SlaTarget
from ticketcore.policy.as_if import AsIf, Imagined
from ticketcore.policy.courses import course
from ticketcore.policy.desk import Desk
from ticketcore.policy.engine import SECTIONS, reconcile
from ticketcore.policy.outside import NOWHERE
from ticketcore.policy.past import always
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.policy.source import load_policy

DOCUMENT = """
name: tried
calendar: office
calendars: {office: {zone: UTC, hours: {mon-fri: ["09:00-17:00"]}}}
teams: {desk: {}, accounts: {}, parcels: {}, leads: {}}
default_team: desk
classification:
  - {rule: refund, when: {field: subject, contains: refund}, set: {category: billing, add_tags: [money], impact: medium, urgency: high}}
  - {rule: lost, when: {field: subject, contains: lost}, set: {category: parcel, subcategory: lost}}
priority:
  rules:
    - {rule: again, when: {field: reopens, above: 0}, set: {priority: critical}}
  default: low
routing:
  - {rule: urgent, when: {field: priority, is: critical}, team: leads}
  - {rule: billing, when: {field: category, is: billing}, team: accounts}
  - {rule: parcel, when: {field: category, is: parcel}, team: parcels}
sla:
  - {rule: money, when: {field: team, is: accounts}, targets: {high: {first_reply: 30m, resolution: 2h}}}
  - {rule: standard, when: {}, targets: {critical: {resolution: 1h}, low: {resolution: 8h}}}
"""
POLICY_DOCUMENT = load_policy(DOCUMENT)


def imagined(*facts: g.Fact) -> Imagined:
    events = [event for event in g.given(*facts).events if event.originator_id == g.T1]
    return of(events)


def of(events: list[Event]) -> Imagined:
    policy = always(POLICY_DOCUMENT).in_force(NOW)
    assert policy is not None
    found = AsIf(policy, NOWHERE).imagine(events)
    assert found is not None
    return found


def states(found: Imagined, now: datetime = datetime(2027, 1, 1, tzinfo=UTC)) -> dict[str, str]:
    return {clock.target.value: clock.state for clock in course(found.clocks, always(POLICY_DOCUMENT), now).clocks}


def test_a_rule_says_what_the_ticket_does_not_tell_and_the_later_sections_go_by_that() -> None:
    opening = imagined(g.opened(subject="A refund please")).opening
    now = opening.ticket
    assert opening.classification is not None
    assert (opening.classification.rule, opening.priority, opening.routing) == ("refund", "matrix", "billing")
    assert (now.category, now.tags, now.impact, now.urgency) == ("billing", ("money",), Level.MEDIUM, Level.HIGH)
    assert (now.priority, now.team_id) == (Priority.HIGH, "accounts")


def test_what_the_ticket_tells_stays_but_its_priority_and_team_are_the_policys() -> None:
    told = g.opened(
        subject="A refund please", category="returns", impact=Level.LOW, urgency=Level.LOW, priority=Priority.CRITICAL,
        team_id="anywhere",
    )  # fmt: skip
    opening = imagined(told).opening
    assert opening.classification is not None
    assert opening.classification.rule == "refund"
    now = opening.ticket
    assert (now.category, now.tags, now.impact) == ("returns", (), Level.LOW)
    assert (now.priority, opening.priority, now.team_id, opening.routing) == (
        Priority.LOW,
        "matrix",
        "desk",
        "default_team",
    )


def test_nothing_of_what_came_later_is_known_at_the_opening_and_all_of_it_in_the_end() -> None:
    found = imagined(
        g.opened(subject="Hello"),
        g.classified(category="parcel", subcategory=None, tags=()),
        g.prioritised(impact=Level.HIGH, urgency=Level.LOW, priority=Priority.NORMAL),
        g.solved(),
        g.reopened(),
    )
    assert (found.opening.ticket.category, found.opening.priority, found.opening.routing) == (
        None,
        "default",
        "default_team",
    )
    assert (found.last.ticket.category, found.last.ticket.impact) == ("parcel", Level.HIGH)
    assert (found.last.priority, found.last.routing) == ("again", "urgent")


def test_while_a_ticket_is_solved_it_is_not_routed_and_once_it_is_reopened_it_is() -> None:
    life = (g.opened(), g.solved(), g.classified(category="parcel", subcategory=None, tags=()))
    assert imagined(*life).last.ticket.team_id == "desk"
    assert imagined(*life, g.reopened()).last.routing == "urgent"


def test_what_an_earlier_policy_did_counts_for_nothing() -> None:
    decision = PolicyDecision(section=Section.SLA, rule="none", basis=1, outcome={"policy": "tried/0"})
    found = imagined(
        g.opened(subject="Is it lost?"),
        g.fact(PolicyDecided, by=POLICY, policy="tried/0", decisions=(decision,)),
        g.classified(by=POLICY, category="billing", subcategory=None, tags=("vip",)),
        g.prioritised(by=POLICY, impact=Level.HIGH, urgency=Level.HIGH, priority=Priority.CRITICAL),
        g.sla_breached(by=POLICY, target=SlaTarget.RESOLUTION),
        g.answered(),
    )
    now = found.last.ticket
    assert (now.category, now.tags, now.priority, now.team_id) == ("parcel", (), Priority.LOW, "parcels")
    assert now.sla == ()
    assert states(found) == {"resolution": "breached", "first_reply": "none"}


def test_promises_are_those_of_the_policys_own_priority_and_team() -> None:
    quick = imagined(g.opened(subject="A refund", priority=Priority.LOW), g.answered(), g.solved())
    assert states(quick) == {"resolution": "fulfilled", "first_reply": "fulfilled"}
    slow = imagined(
        g.opened(subject="A refund", priority=Priority.LOW), g.answered(after=timedelta(minutes=31)),
        g.solved(after=timedelta(hours=2)),
    )  # fmt: skip
    assert states(slow) == {"resolution": "breached", "first_reply": "breached"}
    reopened = imagined(g.opened(subject="Hello"), g.solved(), g.reopened(), g.solved(after=timedelta(hours=2)))
    assert states(reopened)["resolution"] == "breached"  # eight hours of low became one of critical


def test_a_ticket_without_its_opening_is_nobodys() -> None:
    policy = always(POLICY_DOCUMENT).in_force(NOW)
    assert policy is not None
    assert AsIf(policy, NOWHERE).imagine([]) is None


@settings(max_examples=150, deadline=None)
@of_any(
    st.sampled_from(["A refund", "Is it lost?", "Hello", None]),
    st.sampled_from(list(Channel)),
    st.sampled_from([None, "parcel", "billing", "other"]),
    st.sampled_from([(), ("web",)]),
    st.sampled_from([None, *Level]),
    st.sampled_from([None, *Level]),
)
def test_at_the_opening_it_is_what_the_engine_does_to_a_ticket_that_nobody_prioritised_or_assigned(
    subject: str | None, channel: Channel, category: str | None, tags: tuple[str, ...], impact: Level | None,
    urgency: Level | None,
) -> None:  # fmt: skip
    values: dict[str, Any] = {
        "channel": channel,
        "category": category,
        "tags": tags,
        "impact": impact,
        "urgency": urgency,
    }
    events = list(g.given(g.opened(subject=subject, **values)).events)
    schedule = Schedule((Adopted(1, g.START, POLICY_DOCUMENT),))
    parts = [part for part in SECTIONS if part.name in (Section.CLASSIFICATION, Section.PRIORITY, Section.ROUTING)]
    plan = reconcile(events, schedule, Desk(), NOW, sections=parts)
    assert plan.view is not None
    opening = of(events).opening
    names = ("category", "subcategory", "tags", "impact", "urgency", "priority", "team_id")
    assert [getattr(opening.ticket, name) for name in names] == [getattr(plan.view.case.ticket, name) for name in names]
    ruled = {one.section: one.rule for one in plan.decisions}
    assert ruled.get(Section.CLASSIFICATION) == (opening.classification and opening.classification.rule)
    assert (ruled.get(Section.PRIORITY), ruled.get(Section.ROUTING)) == (opening.priority, opening.routing)
