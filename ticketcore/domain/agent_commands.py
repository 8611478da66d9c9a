"""What can be done to an agent."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from ticketcore.domain.commands import AgentId, Command
from ticketcore.domain.ticket_commands import Tags
from ticketcore.domain.types import Label, UtcTime
from ticketcore.permissions import Action

__all__ = ["AgentCommand", "DescribeAgent", "SetPresence"]


class AgentCommand(Command):
    """Base of the commands to an agent. ``agent``: the stream's id, made of ``agent_id`` by which tickets name the agent."""

    NOUN: ClassVar[str] = "an agent"
    agent: AgentId
    agent_id: Label

    def streams(self) -> tuple[UUID, ...]:
        return (self.agent,)


class DescribeAgent(AgentCommand):
    """Say what an agent can do; each field is the whole new value.

    ``capacity``: how many tickets are given to the agent at once at most; ``None`` for no limit.
    """

    NAME: ClassVar[str] = "describe"
    ACTION: ClassVar[Action] = Action.DESCRIBE_AGENT
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"agent.described"})
    teams: Tags = ()
    skills: Tags = ()
    languages: Tags = ()
    capacity: Annotated[StrictInt | None, Field(ge=0, le=1_000_000)] = None


class SetPresence(AgentCommand):
    """Say that an agent is there, or is not. ``until``: when an absent one is back by itself; ``reason``: in a word."""

    NAME: ClassVar[str] = "set the presence of"
    ACTION: ClassVar[Action] = Action.SET_PRESENCE
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"agent.presence_changed"})
    present: StrictBool
    until: UtcTime | None = None
    reason: Label | None = None

    @model_validator(mode="after")
    def _only_absent(self) -> Self:
        given = "until" if self.until is not None else "reason" if self.reason is not None else None
        if self.present and given is not None:
            expected, remedy = f"no {given} with an agent who is there", "leave it out"
            context = {"field": given, "got": getattr(self, given), "expected": expected, "remedy": remedy}
            raise PydanticCustomError("wrong", "{field}: expected {expected} ({remedy})", context)
        return self
