"""The state of an agent as a fold: what the agent can do, and whether the agent is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.agent_events import AgentDescribed, AgentEvent, PresenceChanged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event

__all__ = ["Agent", "evolve", "project"]


class Agent(NamedTuple):
    """What is known of an agent.

    Attributes:
        agent_id: the id by which tickets name the agent.
        capacity: how many tickets are given to the agent at once at most; ``None`` for no limit.
        present: as last said; whether it still holds at a time: :meth:`is_present`.
        until: of an absence, when the agent is back by itself.
    """

    id: UUID
    version: int
    last_at: datetime
    agent_id: str
    teams: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    capacity: int | None = None
    present: bool = True
    until: datetime | None = None
    reason: str | None = None

    def is_present(self, at: datetime) -> bool:
        """Return whether the agent is there at *at*: said so, or back from an absence that ended by then."""
        return self.present or (self.until is not None and self.until <= at)


def project(state: Agent | None, events: Iterable[Event]) -> Agent | None:
    """Fold *events* into *state*."""
    for event in events:
        state = evolve(state, event)
    return state


def evolve(state: Agent | None, event: Event) -> Agent | None:
    """Return the state after *event*. Never raises."""
    if not isinstance(event, AgentEvent):
        return state
    version, at = event.originator_version, event.meta.occurred_at
    if state is None:
        state = Agent(event.originator_id, version, at, event.agent_id)
    state = state._replace(version=version, last_at=at)
    if isinstance(event, AgentDescribed):
        return state._replace(
            teams=event.teams, skills=event.skills, languages=event.languages, capacity=event.capacity
        )
    if isinstance(event, PresenceChanged):
        return state._replace(present=event.present, until=event.until, reason=event.reason)
    return state
