"""What policies record of a ticket: their decisions, clocks, notices and checklists."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.domain.given import (
    ANA,
    START,
    T1,
    T2,
    World,
    fact,
    given,
    opened,
    sla_applied,
    sla_breached,
    solved,
    topics,
)
from ticketcore.domain import service_commands as cmd
from ticketcore.domain import service_events as ev
from ticketcore.domain import ticket_commands as tcmd
from ticketcore.domain.commands import build
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.types import Actor, Priority, Role, SlaTarget
from ticketcore.errors import InvalidCommand, NotFound, WrongState

HOUR = timedelta(hours=1)
REPLY = SlaTarget.FIRST_REPLY
DESK = Actor(role=Role.POLICY, id="default", version="3")
ROUTED = PolicyDecision(
    section=Section.ROUTING, rule="billing", basis=1, saw={"category": "billing"}, outcome={"team": "accounts"}
)
RETURN: dict[str, Any] = {"checklist": "hardware-return", "steps": ("label printed", "device wiped")}


def promised(**more: Any) -> World:
    return given(opened(), sla_applied(target=REPLY, policy="default/3", due_at=START + HOUR, **more))


def pause(world: World) -> World:
    decision = world.when(cmd.PauseSla, ticket_id=T1, target=REPLY, at=START, elapsed_seconds=600.0)
    return world.after(*decision.events)


def test_a_clock_is_paused_and_goes_on_with_another_end() -> None:
    world = pause(promised())
    assert dict(world.ticket().sla)[REPLY] == "paused"
    resumed = world.when(cmd.ResumeSla, ticket_id=T1, target=REPLY, at=START + HOUR, due_at=START + 2 * HOUR)
    world = world.after(*resumed.events)
    assert dict(world.ticket().sla)[REPLY] == "active"
    assert world.ticket().sla_terms == ((REPLY, START + 2 * HOUR, "default/3"),)


def test_a_paused_promise_can_still_be_kept_broken_or_withdrawn() -> None:
    world = pause(promised())
    for cls, values, state in (
        (tcmd.FulfilSla, {"fulfilled_at": START}, "fulfilled"),
        (tcmd.BreachSla, {"breached_at": START}, "breached"),
        (cmd.WithdrawSla, {"at": START, "reason": "merged"}, "withdrawn"),
    ):
        after = world.after(*world.when(cls, ticket_id=T1, target=REPLY, **values).events)
        assert dict(after.ticket().sla)[REPLY] == state


@pytest.mark.parametrize(
    ("cls", "values", "expected"),
    [
        (cmd.PauseSla, {"at": START, "elapsed_seconds": 1.0}, "'active'"),
        (cmd.ResumeSla, {"at": START, "due_at": START}, "'paused'"),
        (cmd.WithdrawSla, {"at": START, "reason": "merged"}, "'active', 'paused'"),
    ],
)
def test_a_broken_promise_is_neither_paused_nor_resumed_nor_withdrawn(cls: Any, values: Any, expected: str) -> None:
    world = given(opened(), sla_applied(target=REPLY, policy="p"), sla_breached(target=REPLY))
    message = f"its target 'first_reply' is 'breached', expected one of {expected}"
    with pytest.raises(WrongState, match=re.escape(message)):
        world.when(cls, ticket_id=T1, target=REPLY, **values)


def test_a_warning_is_recorded_once_and_again_after_other_terms() -> None:
    world = promised()
    values: Any = {"ticket_id": T1, "target": REPLY, "warned_at": START, "due_at": START + HOUR}
    world = world.after(*world.when(cmd.WarnSla, **values).events)
    assert world.when(cmd.WarnSla, **values).events == ()
    again = world.when(tcmd.ApplySla, ticket_id=T1, target=REPLY, policy="default/4", due_at=START + 2 * HOUR)
    assert world.after(*again.events).ticket().sla_warned == ()


def test_what_was_measured_already_is_not_recorded_again() -> None:
    values: Any = {
        "policy": "default/3",
        "calendar": "office",
        "requester_wait_seconds": 60.5,
        "agent_wait_seconds": 0.0,
    }
    world = given(opened())
    first = world.when(cmd.Measure, ticket_id=T1, **values)
    world = world.after(*first.events)
    assert topics(first) == ["ticket.measured"]
    assert world.when(cmd.Measure, ticket_id=T1, **values).events == ()
    assert world.when(cmd.Measure, ticket_id=T1, **values | {"first_reply_seconds": 30.0}).events


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_duration_is_a_number_that_is_not_negative(value: float) -> None:
    with pytest.raises(InvalidCommand, match="elapsed_seconds"):
        build(cmd.PauseSla, ticket_id=T1, target=REPLY, at=START, elapsed_seconds=value)


@pytest.mark.parametrize("to", [(), ("ana",), ("team:",), ("team:a", "team:a")])
def test_a_notice_goes_to_teams_and_agents_each_once(to: tuple[str, ...]) -> None:
    with pytest.raises(InvalidCommand, match="cannot notify staff about a ticket: to"):
        build(cmd.Notify, ticket_id=T1, to=to, about="due soon", rule="escalate")


def test_a_required_checklist_keeps_people_from_solving_until_all_steps_are_ticked() -> None:
    world = given(opened(), fact(ev.ChecklistAdded, by=DESK, required=True, **RETURN))
    world = world.after(
        *world.when(cmd.TickStep, ticket_id=T1, checklist="hardware-return", step="label printed").events
    )
    with pytest.raises(WrongState) as refusal:
        world.when(tcmd.Solve, ticket_id=T1, by=ANA)
    assert str(refusal.value) == (
        "cannot solve ticket T-2026-000001-5: its checklist 'hardware-return' has steps that are not ticked:"
        " 'device wiped' (do them and tick them first)"
    )
    assert topics(world.when(tcmd.Solve, ticket_id=T1, by=DESK)) == ["ticket.solved"]
    world = world.after(
        *world.when(cmd.TickStep, ticket_id=T1, checklist="hardware-return", step="device wiped").events
    )
    assert topics(world.when(tcmd.Solve, ticket_id=T1, by=ANA)) == ["ticket.solved"]


def test_a_checklist_that_is_not_required_hinders_nobody() -> None:
    world = given(opened(), fact(ev.ChecklistAdded, **RETURN))
    assert topics(world.when(tcmd.Solve, ticket_id=T1, by=ANA)) == ["ticket.solved"]


def test_other_steps_keep_the_ticks_of_those_that_stay() -> None:
    world = given(opened(), fact(ev.ChecklistAdded, **RETURN))
    world = world.after(
        *world.when(cmd.TickStep, ticket_id=T1, checklist="hardware-return", step="device wiped").events
    )
    values: Any = {"checklist": "hardware-return", "steps": ("device wiped", "receipt sent")}
    world = world.after(*world.when(cmd.AddChecklist, ticket_id=T1, **values).events)
    [known] = world.ticket().checklists
    assert known.open == ("receipt sent",)
    assert world.when(cmd.AddChecklist, ticket_id=T1, **values).events == ()


def test_a_step_is_unticked_and_ticking_twice_is_nothing() -> None:
    world = given(opened(), fact(ev.ChecklistAdded, **RETURN))
    values: Any = {"ticket_id": T1, "checklist": "hardware-return", "step": "device wiped"}
    assert world.when(cmd.UntickStep, **values).events == ()
    world = world.after(*world.when(cmd.TickStep, **values).events)
    assert world.when(cmd.TickStep, **values).events == ()
    assert topics(world.when(cmd.UntickStep, **values)) == ["ticket.step_unticked"]


def test_an_unknown_checklist_or_step_is_named_with_those_that_there_are() -> None:
    world = given(opened(), fact(ev.ChecklistAdded, **RETURN))
    with pytest.raises(NotFound, match=r"no checklist 'x' of ticket .*its checklists are 'hardware-return'"):
        world.when(cmd.TickStep, ticket_id=T1, checklist="x", step="device wiped")
    with pytest.raises(NotFound, match=r"no step 'x' of checklist .*its steps are 'label printed', 'device wiped'"):
        world.when(cmd.TickStep, ticket_id=T1, checklist="hardware-return", step="x")


def test_following_a_policy_records_its_decisions_first_and_each_command_on_what_the_one_before_left() -> None:
    commands = (
        build(tcmd.Prioritise, ticket_id=T1, priority="high"),
        build(tcmd.Assign, ticket_id=T1, team_id="accounts", agent_id="ana"),
        build(tcmd.ApplySla, ticket_id=T1, target=REPLY, policy="default/3", due_at=START + HOUR),
        build(cmd.PauseSla, ticket_id=T1, target=REPLY, at=START, elapsed_seconds=0.0),
        build(tcmd.Comment, ticket_id=T1, direction="outbound", channel="mail", body="We are on it."),
        build(tcmd.Assign, ticket_id=T1, team_id="accounts", agent_id="ana"),
    )
    world = given(opened())
    decision = world.when(
        cmd.FollowPolicy, ticket_id=T1, policy="default/3", decisions=(ROUTED,), commands=commands, by=DESK
    )
    assert topics(decision) == [
        "ticket.policy_decided", "ticket.prioritised", "ticket.assigned", "ticket.sla_applied", "ticket.sla_paused", "ticket.commented",
    ]  # fmt: skip
    assert [event.originator_version for event in decision.events] == [2, 3, 4, 5, 6, 7]
    assert len({event.meta.command_id for event in decision.events}) == 1
    assert len(decision.claims) == 1, "the mail is found by its worker"
    ticket = world.after(*decision.events).ticket()
    assert (ticket.priority, ticket.team_id, ticket.agent_id) == (Priority.HIGH, "accounts", "ana")
    [decided, *_] = decision.events
    assert isinstance(decided, ev.PolicyDecided)
    assert decided.decisions == (ROUTED,)


def test_a_policy_that_decides_nothing_and_changes_nothing_records_nothing() -> None:
    world = given(opened(), solved())
    commands = (build(tcmd.Solve, ticket_id=T1),)
    assert world.when(cmd.FollowPolicy, ticket_id=T1, policy="default/3", commands=commands, by=DESK).events == ()


def test_one_refused_command_refuses_all() -> None:
    commands = (build(tcmd.Prioritise, ticket_id=T1, priority="high"), build(tcmd.Close, ticket_id=T1))
    with pytest.raises(WrongState, match="cannot close ticket"):
        given(opened()).when(cmd.FollowPolicy, ticket_id=T1, policy="default/3", commands=commands, by=DESK)


def test_a_policy_is_followed_on_one_ticket_alone_and_not_within_another() -> None:
    for stranger in (
        build(tcmd.Pend, ticket_id=T2),
        build(tcmd.Merge, ticket_id=T1, target_id=T2),
        build(cmd.FollowPolicy, ticket_id=T1, policy="default/3"),
        build(
            tcmd.Comment,
            ticket_id=T1,
            direction="outbound",
            attachments=({"name": "a.txt", "media_type": "text/plain", "content": b"x"},),
        ),
    ):
        with pytest.raises(InvalidCommand, match="expected commands to this ticket alone, without files"):
            build(cmd.FollowPolicy, ticket_id=T1, policy="default/3", commands=(stranger,))


def test_commands_that_look_alike_are_told_apart() -> None:
    solve, close = (
        build(cmd.FollowPolicy, ticket_id=T1, policy="default/3", commands=(build(cls, ticket_id=T1),))
        for cls in (tcmd.Solve, tcmd.Close)
    )
    assert solve.canonical() != close.canonical()
