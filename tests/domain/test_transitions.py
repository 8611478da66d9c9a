"""The transition table and the decisions agree, for every command in every status."""

from typing import Any

import pytest

from tests.domain.given import (
    ANA,
    C1,
    C2,
    START,
    T1,
    T2,
    T3,
    World,
    acknowledged,
    fact,
    given,
    in_status,
    linked,
    opened,
    sla_applied,
)
from ticketcore.domain import delivery_commands as dcmd
from ticketcore.domain import service_commands as scmd
from ticketcore.domain import service_events as sev
from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain.commands import Command
from ticketcore.domain.decide import DECIDERS, decide
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.transitions import TRANSITIONS, VISIBLE, is_regular, mermaid
from ticketcore.domain.types import Direction, LinkKind, SlaTarget, Status
from ticketcore.errors import NotFound, TicketClosed, WrongState

SLA = SlaTarget.RESOLUTION
ONE_TICKET: dict[str, tuple[type[Command], dict[str, Any]]] = {
    "ticket.classified": (cmd.Classify, {"category": "printer"}),
    "ticket.prioritised": (cmd.Prioritise, {"priority": "high"}),
    "ticket.assigned": (cmd.Assign, {"agent_id": "bob"}),
    "ticket.unassigned": (cmd.Unassign, {}),
    "ticket.commented": (cmd.Comment, {"direction": Direction.OUTBOUND, "body": "Try again."}),
    "ticket.comment_corrected": (cmd.CorrectComment, {"comment": 1, "body": "Corrected."}),
    "ticket.participant_added": (cmd.AddParticipant, {"customer_id": C2}),
    "ticket.participant_removed": (cmd.RemoveParticipant, {"customer_id": C2}),
    "ticket.requester_changed": (cmd.ChangeRequester, {"requester_id": C2}),
    "ticket.pended": (cmd.Pend, {}),
    "ticket.held": (cmd.Hold, {}),
    "ticket.resumed": (cmd.Resume, {}),
    "ticket.solved": (cmd.Solve, {}),
    "ticket.closed": (cmd.Close, {}),
    "ticket.reopened": (cmd.Reopen, {}),
    "ticket.merged": (cmd.Merge, {"target_id": T3}),
    "ticket.unmerged": (cmd.Unmerge, {}),
    "ticket.split_off": (cmd.SplitOff, {"comments": (1,)}),
    "ticket.linked": (cmd.Link, {"other_id": T3, "kind": LinkKind.CAUSED_BY}),
    "ticket.unlinked": (cmd.Unlink, {"other_id": T3}),
    "ticket.follow_up_opened": (cmd.OpenFollowUp, {"channel": "mail"}),
    "ticket.rated": (cmd.Rate, {"score": 4}),
    "ticket.sla_applied": (cmd.ApplySla, {"target": SLA, "policy": "gold 2"}),
    "ticket.sla_fulfilled": (cmd.FulfilSla, {"target": SLA}),
    "ticket.sla_breached": (cmd.BreachSla, {"target": SLA}),
    "ticket.sla_paused": (scmd.PauseSla, {"target": SLA, "at": START, "elapsed_seconds": 60.0}),
    "ticket.sla_resumed": (scmd.ResumeSla, {"target": SlaTarget.NEXT_REPLY, "at": START, "due_at": START}),
    "ticket.sla_warned": (scmd.WarnSla, {"target": SLA, "warned_at": START, "due_at": START}),
    "ticket.sla_withdrawn": (scmd.WithdrawSla, {"target": SLA, "at": START, "reason": "merged"}),
    "ticket.measured": (
        scmd.Measure,
        {"policy": "gold/2", "calendar": "office", "requester_wait_seconds": 60.0, "agent_wait_seconds": 0.0},
    ),
    "ticket.notified": (scmd.Notify, {"to": ("team:leads",), "about": "resolution broken", "rule": "escalate"}),
    "ticket.checklist_added": (scmd.AddChecklist, {"checklist": "offboarding", "steps": ("badge returned",)}),
    "ticket.step_ticked": (scmd.TickStep, {"checklist": "return", "step": "label printed"}),
    "ticket.step_unticked": (scmd.UntickStep, {"checklist": "return", "step": "device wiped"}),
    "ticket.policy_decided": (
        scmd.FollowPolicy,
        {"policy": "gold/2", "decisions": (PolicyDecision(section=Section.ROUTING, rule="billing"),)},
    ),
    "ticket.time_logged": (cmd.LogTime, {"seconds": 60, "agent_id": "ana"}),
    "ticket.redacted": (cmd.Redact, {"comment": 1, "reason": "card number"}),
    "ticket.delivery_attempted": (
        dcmd.AttemptDelivery,
        {"comment": 2, "attempt": 1, "lease": 600, "message_id": "<a@b>"},
    ),
    "ticket.delivered": (dcmd.ConfirmDelivery, {"comment": 2, "attempt": 1}),
    "ticket.delivery_failed": (
        dcmd.FailDelivery,
        {"comment": 2, "attempt": 0, "permanent": True, "reason": "no address"},
    ),
    "ticket.delivery_requested": (dcmd.RetryDelivery, {"comment": 2}),
    "ticket.delivery_dropped": (dcmd.DropDelivery, {"comment": 2, "reason": "answered by phone"}),
    "ticket.bounced": (dcmd.RecordBounce, {"comment": 2, "kind": "hard"}),
}
FIRST = {"ticket.delivered": "ticket.delivery_attempted", "ticket.delivery_requested": "ticket.delivery_failed"}
"""What has to be recorded before there is something to do."""
BY_ANOTHER_TICKET = {"ticket.absorbed", "ticket.released"}
BY_IMPORTS_ONLY = {"ticket.updated"}


def a_ticket_in(status: Status) -> World:
    """T1 in *status*, with a link, promises, a checklist and a mail to send, so that a command about them has something to do."""
    first, *rest = in_status(status)
    related = (
        linked(T1, other_id=T3, kind=LinkKind.RELATED),
        linked(T3, other_id=T1, kind=LinkKind.RELATED, inverse=True),
    )
    promises = (
        sla_applied(target=SLA, policy="gold 1"),
        sla_applied(target=SlaTarget.NEXT_REPLY, policy="gold 1"),
        fact(sev.SlaPaused, target=SlaTarget.NEXT_REPLY, at=START, elapsed_seconds=60.0),
    )
    checklist = (
        fact(sev.ChecklistAdded, checklist="return", steps=("label printed", "device wiped")),
        fact(sev.StepTicked, checklist="return", step="device wiped"),
    )
    before = (opened(T2), opened(T3), first, acknowledged(), *related, *promises, *checklist)
    world = given(*before, *rest)
    assert world.ticket().status is status
    return world


def changed_already(topic: str, status: Status) -> bool:
    return TRANSITIONS[topic].target is status


def test_every_row_of_the_table_is_tried() -> None:
    assert set(TRANSITIONS) == {*ONE_TICKET, *BY_ANOTHER_TICKET, *BY_IMPORTS_ONLY}
    assert {command for command, _ in ONE_TICKET.values()} == {
        c for c in DECIDERS if issubclass(c, cmd.TicketCommand | cmd.SplitOff | cmd.OpenFollowUp)
    }


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("topic", ONE_TICKET)
def test_a_decision_agrees_with_the_table(topic: str, status: Status) -> None:
    world = a_ticket_in(status)
    cls, values = ONE_TICKET[topic]
    if topic == "ticket.unassigned" and status in VISIBLE and world.ticket().agent_id is None:
        return  # nobody to take away: nothing changes
    if topic == "ticket.participant_removed" and status in VISIBLE:
        world = world.after(*world.when(cmd.AddParticipant, ticket_id=T1, customer_id=C2).events)
    if topic in FIRST:
        before, given_ = ONE_TICKET[FIRST[topic]]
        world = world.after(*world.when(before, ticket_id=T1, **given_).events)
    if changed_already(topic, status) and topic != "ticket.merged":
        assert world.when(cls, ticket_id=T1, **values).events == ()
    elif is_regular(topic, status):
        own = [e for e in world.when(cls, ticket_id=T1, **values).events if e.originator_id == T1]
        assert [e.TOPIC for e in own] == [topic]
        target = TRANSITIONS[topic].target
        after = world.after(*own).ticket().status
        assert target is None or after is target
    else:
        with pytest.raises(WrongState) as refusal:
            world.when(cls, ticket_id=T1, **values)
        assert f"cannot {cls.NAME} ticket T-2026-000001-5: its status is {status.value!r}" in str(refusal.value)
        assert TRANSITIONS[topic].remedy in refusal.value.remedy
        assert refusal.value.expected == tuple(source.value for source in TRANSITIONS[topic].sources)
        over = status in (Status.CLOSED, Status.MERGED)
        assert isinstance(refusal.value, TicketClosed) == over


@pytest.mark.parametrize("status", Status)
def test_a_ticket_takes_another_in_as_the_table_says(status: Status) -> None:
    world = given(opened(T2), *in_status(status), opened(T3))
    if is_regular("ticket.absorbed", status):
        assert world.when(cmd.Merge, ticket_id=T3, target_id=T1).events
    else:
        with pytest.raises(
            TicketClosed, match=f"cannot merge into ticket T-2026-000001-5: its status is '{status.value}'"
        ):
            world.when(cmd.Merge, ticket_id=T3, target_id=T1)


@pytest.mark.parametrize("topic", ONE_TICKET)
def test_an_unknown_ticket_is_not_found(topic: str) -> None:
    cls, values = ONE_TICKET[topic]
    with pytest.raises(NotFound, match="no ticket T-2026-000001-5 is recorded here"):
        given(opened(T3)).when(cls, ticket_id=T1, **values)


def test_the_message_of_a_closed_ticket_says_what_to_do() -> None:
    world = given(*in_status(Status.CLOSED))
    with pytest.raises(TicketClosed) as refusal:
        world.when(cmd.Assign, ticket_id=T1, agent_id="ana", by=ANA)
    assert str(refusal.value) == (
        "cannot assign ticket T-2026-000001-5: its status is 'closed', expected one of 'new', 'open', 'pending', "
        "'on_hold', 'solved' (reopen or unmerge it first, or open a follow-up)"
    )


def test_the_message_of_a_merged_ticket_names_the_one_that_goes_on() -> None:
    world = given(opened(T2), *in_status(Status.MERGED))
    with pytest.raises(TicketClosed, match=r"it ended in ticket T-2026-000002-\d\)$"):
        world.when(cmd.Comment, ticket_id=T1, direction=Direction.INBOUND, body="Hello?")


def test_the_diagram_has_an_arrow_for_every_change_of_status() -> None:
    arrows = mermaid().splitlines()
    assert "    solved --> open: reopened" in arrows
    assert "    closed --> open: reopened" in arrows
    assert not any("closed --> pending" in arrow for arrow in arrows)
    assert sum(len(t.sources) for t in TRANSITIONS.values() if t.target) == sum(": " in a for a in arrows) - 2 - len(
        VISIBLE
    )


def test_a_decision_remembers_nothing() -> None:
    world = given(opened())
    command = cmd.Comment(ticket_id=T1, direction=Direction.INBOUND, author_id=C1, body="Hello")
    context = world.context(command)
    assert decide(command, world.states, context) == decide(command, world.states, context)
