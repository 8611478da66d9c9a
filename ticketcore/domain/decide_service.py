"""Decisions that carry out a policy: clocks, notices, checklists, and all of a ticket's at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ticketcore.domain import service_commands as cmd
from ticketcore.domain import service_events as ev
from ticketcore.domain.context import Context
from ticketcore.domain.decision import NOTHING, Decider, Decision, States, found_ticket, guard
from ticketcore.domain.ticket import MEASURES, Checklist, Ticket, project
from ticketcore.errors import NotFound, WrongState

__all__ = ["DECIDERS", "clock_of", "following"]


def clock_of(ticket: Ticket, command: Any, allowed: tuple[str, ...], remedy: str) -> None:
    """Return where the ticket's promise of the command's target is in one of the states *allowed*.

    Raises:
        WrongState: it is in another, or was never made.
    """
    actual = dict(ticket.sla).get(command.target)
    if actual not in allowed:
        what = f"its target {command.target.value!r} is {actual or 'not applied'!r}"
        raise WrongState(command.NAME, f"ticket {ticket.number}", what, allowed, remedy)


def _pause(command: cmd.PauseSla, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.SlaPaused.TOPIC, command.NAME)
    if (command.target, "paused") in ticket.sla:
        return NOTHING
    clock_of(ticket, command, ("active",), "apply it first")
    fields = {"target": command.target, "at": command.at, "elapsed_seconds": command.elapsed_seconds}
    return Decision((context.stamp(ev.SlaPaused, ticket, **fields),))


def _resume(command: cmd.ResumeSla, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.SlaResumed.TOPIC, command.NAME)
    due = next((due for target, due, _ in ticket.sla_terms if target is command.target), None)
    if (command.target, "active") in ticket.sla and due == command.due_at:
        return NOTHING
    clock_of(ticket, command, ("paused",), "only a paused clock can be resumed; apply it with its other terms")
    fields = {"target": command.target, "at": command.at, "due_at": command.due_at}
    return Decision((context.stamp(ev.SlaResumed, ticket, **fields),))


def _warn(command: cmd.WarnSla, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.SlaWarned.TOPIC, command.NAME)
    if (command.target, command.warned_at, command.due_at) in ticket.sla_warned:
        return NOTHING
    # a late worker records the warning after the breach or the end that it missed
    clock_of(ticket, command, ("active", "paused", "fulfilled", "breached"), "apply it first")
    fields = {"target": command.target, "warned_at": command.warned_at, "due_at": command.due_at}
    return Decision((context.stamp(ev.SlaWarned, ticket, **fields),))


def _withdraw(command: cmd.WithdrawSla, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.SlaWithdrawn.TOPIC, command.NAME)
    if (command.target, "withdrawn") in ticket.sla:
        return NOTHING
    clock_of(ticket, command, ("active", "paused"), "it is over already, or was never applied")
    fields = {"target": command.target, "at": command.at, "reason": command.reason}
    return Decision((context.stamp(ev.SlaWithdrawn, ticket, **fields),))


def _measure(command: cmd.Measure, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.Measured.TOPIC, command.NAME)
    fields = {name: getattr(command, name) for name in MEASURES}
    if tuple(fields.values()) == ticket.measured:
        return NOTHING
    return Decision((context.stamp(ev.Measured, ticket, **fields),))


def _notify(command: cmd.Notify, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.Notified.TOPIC, command.NAME)
    return Decision((context.stamp(ev.Notified, ticket, to=command.to, about=command.about, rule=command.rule),))


def _add_checklist(command: cmd.AddChecklist, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.ChecklistAdded.TOPIC, command.NAME)
    fields: Mapping[str, Any] = {"steps": command.steps, "required": command.required}
    if any((c.name, c.steps, c.required) == (command.checklist, *fields.values()) for c in ticket.checklists):
        return NOTHING
    return Decision((context.stamp(ev.ChecklistAdded, ticket, checklist=command.checklist, **fields),))


def _tick(event: type[ev.StepTicked | ev.StepUnticked]) -> Decider:
    def decide(command: cmd.TickStep | cmd.UntickStep, states: States, context: Context) -> Decision:
        ticket = found_ticket(states, command.ticket_id)
        guard(ticket, event.TOPIC, command.NAME)
        known = _checklist(ticket, command.checklist)
        if command.step not in known.steps:
            which = f"{command.step!r} of checklist {known.name!r} of ticket {ticket.number}"
            raise NotFound("step", which, f"its steps are {', '.join(map(repr, known.steps))}")
        if (command.step in known.ticked) == (event is ev.StepTicked):
            return NOTHING
        return Decision((context.stamp(event, ticket, checklist=known.name, step=command.step),))

    return decide


def _checklist(ticket: Ticket, name: str) -> Checklist:
    for known in ticket.checklists:
        if known.name == name:
            return known
    names = ", ".join(repr(known.name) for known in ticket.checklists)
    remedy = f"its checklists are {names}" if names else "it has no checklist: add one first"
    raise NotFound("checklist", f"{name!r} of ticket {ticket.number}", remedy)


def _both(one: Decision, other: Decision) -> Decision:
    return Decision(
        one.events + other.events,
        one.claims + other.claims,
        one.releases + other.releases,
        one.destroy_events + other.destroy_events,
        one.destroy_persons + other.destroy_persons,
    )


def following(deciders: Mapping[type[Any], Decider]) -> Decider:
    """Return what decides a :class:`~ticketcore.domain.service_commands.FollowPolicy` by the *deciders* of its commands."""

    def decide(command: cmd.FollowPolicy, states: States, context: Context) -> Decision:
        ticket = found_ticket(states, command.ticket_id)
        done = Decision()
        if command.decisions:
            fields = {"policy": command.policy, "decisions": command.decisions}
            done = Decision((context.stamp(ev.PolicyDecided, ticket, **fields),))
        now = project(ticket, done.events)
        for step in command.commands:
            decision = deciders[type(step)](step, {ticket.id: now}, context)
            now = project(now, decision.events)
            done = _both(done, decision)
        return done

    return decide


DECIDERS: dict[type[Any], Decider] = {
    cmd.PauseSla: _pause,
    cmd.ResumeSla: _resume,
    cmd.WarnSla: _warn,
    cmd.WithdrawSla: _withdraw,
    cmd.Measure: _measure,
    cmd.Notify: _notify,
    cmd.AddChecklist: _add_checklist,
    cmd.TickStep: _tick(ev.StepTicked),
    cmd.UntickStep: _tick(ev.StepUnticked),
}
"""Command class -> its decider."""
