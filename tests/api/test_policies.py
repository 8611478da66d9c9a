"""Policies, agents and checklists as services use them, in memory and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ticketcore import Actor, Role, TicketCore
from ticketcore.domain.commands import build
from ticketcore.domain.service_commands import AddChecklist, Notify
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.ticket_commands import Assign, Comment, Merge, Prioritise
from ticketcore.errors import CommandReused, Conflict, InvalidCommand, NotAllowed, NotFound, WrongState
from ticketcore.policy.errors import BadPolicy

ANA, LEA = Actor.agent("ana"), Actor(role=Role.TEAM_LEAD, id="lea")
SHOP, ROOT = Actor.system("shop"), Actor(role=Role.OPERATOR, id="root")
DESK = Actor(role=Role.POLICY, id="support", version="1")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ROUTED = PolicyDecision(
    section=Section.ROUTING, rule="billing", basis=1, saw={"category": "billing"}, outcome={"team": "accounts"}
)
DOCUMENT = "name: support\ndefault_team: desk\nteams: {desk: {}}\n"


def test_the_first_policy_of_an_empty_log_may_begin_in_the_past_and_no_later_one(core: TicketCore) -> None:
    core.adopt_policy(DOCUMENT, effective_at=LONG_AGO, note="first", by=ROOT)
    with pytest.raises(InvalidCommand, match=r"effective_at is .*2020-01-01.*expected no time before now"):
        core.adopt_policy(DOCUMENT + "# more\n", effective_at=LONG_AGO, by=LEA)
    core.adopt_policy(DOCUMENT + "# more\n", by=LEA)
    assert [(one.version, one.adopted_by, one.note) for one in core.policies(by=ANA)] == [
        (1, "operator root", "first"),
        (2, "team_lead lea", None),
    ]
    assert core.adopt_policy(DOCUMENT + "# more\n", by=LEA).position is None


def test_a_document_with_mistakes_is_not_adopted(core: TicketCore) -> None:
    with pytest.raises(BadPolicy, match=r"line 4, column 1 \(blah\): the key 'blah' is unknown"):
        core.adopt_policy(DOCUMENT + "blah: 1\n", by=LEA)
    rule = "{field: channel, is: mail}"
    routing = "".join(f"- {{rule: {name}, when: {rule}, team: desk}}\n" for name in "ab")
    with pytest.raises(BadPolicy, match=r"line 6, column 3 \(routing.1\): the rule 'b' never counts: .*'a' \(line 5\)"):
        core.adopt_policy(f"{DOCUMENT}routing:\n{routing}", by=LEA)
    remind = "follow_up:\n- {rule: remind, when: {}, after: 1d, do: [{mail: remindr}]}\n"
    with pytest.raises(BadPolicy, match=r"the template 'remindr' is not defined.*did you mean reminder?"):
        core.adopt_policy(DOCUMENT + remind, by=LEA)
    assert list(core.policies(by=ANA)) == []


def test_a_log_without_policies_and_agents_says_so(core: TicketCore) -> None:
    assert list(core.policies(by=ANA)) == []
    assert list(core.agents(by=ANA)) == []


def test_an_adoption_is_repeated_by_its_command_id(core: TicketCore) -> None:
    id_ = uuid4()
    first = core.adopt_policy(DOCUMENT, by=LEA, command_id=id_)
    again = core.adopt_policy(DOCUMENT, by=LEA, command_id=id_)
    assert (again.position, again.repeated) == (first.position, True)
    with pytest.raises(CommandReused):
        core.adopt_policy(DOCUMENT + "#\n", by=LEA, command_id=id_)


def test_agents_are_listed_as_they_are_now(core: TicketCore, twin: TicketCore) -> None:
    core.describe_agent("bob", teams=["desk"], skills=["refunds"], languages=["de"], capacity=3, by=LEA)
    core.describe_agent("ana", teams=["desk"], by=ROOT)
    back = datetime.now(UTC) + timedelta(hours=1)
    twin.set_presence("ana", present=False, until=back, reason="training", by=ANA)
    ana, bob = core.agents(by=ANA)
    assert (ana.agent_id, ana.present, ana.until, ana.teams) == ("ana", False, back, ("desk",))
    assert (bob.skills, bob.languages, bob.capacity, bob.present) == (("refunds",), ("de",), 3, True)


def test_an_agent_says_nothing_of_another_and_customers_nothing_at_all(core: TicketCore) -> None:
    with pytest.raises(NotAllowed, match="agent ana may not set the presence of agent 'bob'"):
        core.set_presence("bob", present=False, by=ANA)
    with pytest.raises(NotAllowed, match="agent ana may not describe agent 'ana'"):
        core.describe_agent("ana", by=ANA)
    with pytest.raises(NotAllowed, match=r"agent ana may not adopt a policy: .*team_lead, operator, system"):
        core.adopt_policy(DOCUMENT, by=ANA)


@pytest.mark.parametrize("agent_id", ["", "a" * 201, "a\0", "a\ud800", None, 5])
def test_what_is_no_agents_id_is_refused(core: TicketCore, agent_id: str) -> None:
    with pytest.raises(InvalidCommand, match="cannot describe an agent: agent_id"):
        core.describe_agent(agent_id, by=LEA)


def test_a_policy_is_followed_at_once_and_once(core: TicketCore) -> None:
    ticket = core.open_ticket(channel="mail", body="Where is my refund?", by=SHOP)
    commands = (
        build(Prioritise, ticket_id=ticket.id, priority="high"),
        build(Assign, ticket_id=ticket.id, team_id="accounts"),
        build(Comment, ticket_id=ticket.id, direction="outbound", channel="mail", body="x" * 300_000),
        build(Notify, ticket_id=ticket.id, to=("team:accounts",), about="a refund is asked for", rule="billing"),
        build(AddChecklist, ticket_id=ticket.id, checklist="refund", steps=("sum checked",), required=True),
    )
    id_ = uuid4()
    values: Any = {"policy": "support/1", "decisions": (ROUTED,), "commands": commands, "command_id": id_}
    done = core.follow_policy(ticket.number, by=DESK, **values)
    assert [event.TOPIC for event in done.events] == [
        "ticket.policy_decided", "ticket.prioritised", "ticket.assigned", "ticket.commented", "ticket.notified",
        "ticket.checklist_added",
    ]  # fmt: skip
    assert core.follow_policy(ticket.number, by=DESK, **values).repeated
    view = core.show_ticket(ticket.number, by=ANA)
    assert (view.priority, view.team_id, view.version) == ("high", "accounts", 7)
    assert [len(m.body or "") for m in view.messages] == [19, 300_000]
    with pytest.raises(WrongState, match="its checklist 'refund' has steps that are not ticked: 'sum checked'"):
        core.solve(ticket.number, by=ANA)
    core.tick_step(ticket.number, checklist="refund", step="sum checked", by=ANA)
    core.solve(ticket.number, by=ANA)


def test_what_was_recorded_meanwhile_is_a_conflict_for_a_policy(core: TicketCore, twin: TicketCore) -> None:
    ticket = core.open_ticket(channel="mail", body="Where is it?", by=SHOP)
    twin.add_checklist(ticket.number, checklist="refund", steps=["sum checked"], by=ANA)
    commands = (build(Prioritise, ticket_id=ticket.id, priority="high"),)
    with pytest.raises(Conflict, match=r"ticket\.checklist_added"):
        core.follow_policy(ticket.number, by=DESK, policy="support/1", commands=commands, expected_version=1)


def test_each_command_of_a_policy_needs_its_own_permission(core: TicketCore) -> None:
    ticket = core.open_ticket(channel="mail", body="Where is it?", by=SHOP)
    with pytest.raises(NotAllowed, match="agent ana may not follow a policy on ticket T-"):
        core.follow_policy(ticket.number, by=ANA, policy="support/1", decisions=(ROUTED,))
    other = build(Merge, ticket_id=ticket.id, target_id=core.open_ticket(channel="mail", by=SHOP).id)
    with pytest.raises(InvalidCommand, match="commands to this ticket alone"):
        core.follow_policy(ticket.number, by=DESK, policy="support/1", commands=(other,))


def test_steps_that_a_checklist_has_not_are_not_found(core: TicketCore) -> None:
    ticket = core.open_ticket(channel="mail", by=SHOP).number
    with pytest.raises(NotFound, match="it has no checklist: add one first"):
        core.untick_step(ticket, checklist="refund", step="sum checked", by=ANA)


def test_read_models_pass_over_policies_and_agents(core: TicketCore) -> None:
    core.adopt_policy(DOCUMENT, by=ROOT)
    core.describe_agent("ana", by=LEA)
    ticket = core.open_ticket(channel="mail", body="Where is it?", priority="high", by=SHOP)
    done = core.follow_policy(ticket.number, by=DESK, policy="support/1", decisions=(ROUTED,))
    [entry] = core.queue(by=ANA, seen=done)
    assert entry.number == ticket.number
    assert [e.topic for e in core.read_events(by=Actor(role=Role.AUDITOR, id="audit"))] == [
        "policy.adopted", "agent.described", "ticket.opened", "ticket.policy_decided",
    ]  # fmt: skip
