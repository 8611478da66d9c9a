"""The events of an agent: what they can do, and whether they are there. An id stands for the agent, never a name."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from ticketcore.domain.base import Event
from ticketcore.domain.types import Label, UtcTime

__all__ = ["AgentDescribed", "AgentEvent", "PresenceChanged"]


class AgentEvent(Event):
    """Base of all events of an agent. ``agent_id``: the id by which tickets name the agent."""

    agent_id: Label


class AgentDescribed(AgentEvent):
    """What an agent can do; each field is the whole new value.

    Attributes:
        agent_id: the id by which tickets name the agent.
        teams: whose tickets the agent takes.
        skills: what the agent is good at, names of the policy's.
        languages: that the agent writes, BCP 47 tags.
        capacity: how many tickets are given to the agent at once at most; ``None`` for no limit.
    """

    TOPIC: ClassVar[str] = "agent.described"
    teams: tuple[Label, ...] = ()
    skills: tuple[Label, ...] = ()
    languages: tuple[Label, ...] = ()
    capacity: Annotated[int | None, Field(ge=0)] = None


class PresenceChanged(AgentEvent):
    """An agent came or went.

    Attributes:
        agent_id: the id by which tickets name the agent.
        present: whether the agent takes tickets.
        until: of an absence, when the agent is back by itself; ``None`` where nobody knows.
        reason: of an absence, in a word.
    """

    TOPIC: ClassVar[str] = "agent.presence_changed"
    present: bool
    until: UtcTime | None = None
    reason: Label | None = None
