"""Decisions about a log's policies and its agents."""

from __future__ import annotations

from typing import Any

from ticketcore.domain import agent_commands, policy_commands
from ticketcore.domain.agent import Agent
from ticketcore.domain.agent_events import AgentDescribed, PresenceChanged
from ticketcore.domain.context import Context
from ticketcore.domain.decision import NOTHING, Decider, Decision, States
from ticketcore.domain.policies import Policies
from ticketcore.domain.policy_events import PolicyAdopted
from ticketcore.errors import InvalidCommand, WrongState
from ticketcore.store.port import Claim

__all__ = ["AGENT", "DECIDERS"]

AGENT = "agent"
"""Kind of the claims by which all agents are found; ``value``: the agent's id in UTF-8."""


def _adopt(command: policy_commands.AdoptPolicy, states: States, context: Context) -> Decision:
    known = states.get(command.policies)
    adopted = known.adopted if isinstance(known, Policies) else ()
    effective_at = command.effective_at or context.now
    if effective_at < context.now and not context.log_is_empty:
        raise InvalidCommand(
            "adopt a policy",
            "effective_at",
            effective_at.isoformat(),
            f"no time before now, {context.now.isoformat(timespec='seconds')}",
            "what was decided stands: leave it out, or give a later time",
        )
    before = known.in_force(effective_at) if isinstance(known, Policies) else None
    if before is not None and before.sha256 == command.sha256:
        return NOTHING
    event = context.stamp(
        PolicyAdopted,
        known if isinstance(known, Policies) else command.policies,
        version=len(adopted) + 1,
        effective_at=effective_at,
        document=command.document,
        sha256=command.sha256,
        note=command.note,
    )
    return Decision((event,))


def _agent(command: agent_commands.AgentCommand, states: States) -> Agent | None:
    """Return the agent's state, ``None`` before the first event.

    Raises:
        WrongState: the stream is another agent's, since both names have one digest of 40 bits.
    """
    state = states.get(command.agent)
    if not isinstance(state, Agent):
        return None
    if state.agent_id != command.agent_id:
        actual = f"its stream belongs to agent {state.agent_id!r}"
        raise WrongState(command.NAME, f"agent {command.agent_id!r}", actual, (), "give one of them another id")
    return state


def _claimed(command: agent_commands.AgentCommand, state: Agent | None) -> tuple[Claim, ...]:
    return () if state is not None else (Claim(AGENT, command.agent_id.encode(), command.agent, 1),)


def _describe(command: agent_commands.DescribeAgent, states: States, context: Context) -> Decision:
    state = _agent(command, states)
    names = ("teams", "skills", "languages", "capacity")
    fields = {name: getattr(command, name) for name in names}
    if state is not None and all(getattr(state, name) == value for name, value in fields.items()):
        return NOTHING
    event = context.stamp(AgentDescribed, state or command.agent, agent_id=command.agent_id, **fields)
    return Decision((event,), _claimed(command, state))


def _set_presence(command: agent_commands.SetPresence, states: States, context: Context) -> Decision:
    state = _agent(command, states)
    fields = {"present": command.present, "until": command.until, "reason": command.reason}
    if command.until is not None and command.until <= context.at:
        raise InvalidCommand(
            "set the presence of an agent",
            "until",
            command.until.isoformat(),
            f"a time after {context.at.isoformat(timespec='seconds')}",
            "say that the agent is there, or when they are back",
        )
    if state is not None and all(getattr(state, name) == value for name, value in fields.items()):
        return NOTHING
    event = context.stamp(PresenceChanged, state or command.agent, agent_id=command.agent_id, **fields)
    return Decision((event,), _claimed(command, state))


DECIDERS: dict[type[Any], Decider] = {
    policy_commands.AdoptPolicy: _adopt,
    agent_commands.DescribeAgent: _describe,
    agent_commands.SetPresence: _set_presence,
}
"""Command class -> its decider."""
