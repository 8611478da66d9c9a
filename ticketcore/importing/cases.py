"""What is remembered of a case while its file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketcore.domain import ticket_events as ev
from ticketcore.domain.transitions import TRANSITIONS
from ticketcore.domain.types import Direction, Status

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.domain.types import Actor, Channel

__all__ = ["Case"]

_SOURCES = {topic: transition.sources for topic, transition in TRANSITIONS.items()}
_TARGETS = {topic: transition.target for topic, transition in TRANSITIONS.items()}
_KEPT = frozenset(
    {"requester_id", "team_id", "agent_id", "category", "subcategory", "tags", "impact", "urgency", "priority"}
)
_TAKES = (ev.RequesterChanged, ev.Assigned, ev.Classified, ev.Prioritised)


class Case:
    """A case's ticket as far as importing needs it, changed in place.

    The domain's fold builds a new state for every event, which took a third of an import's time; the tests fold every
    imported ticket by it and compare.

    Attributes:
        cells: the cells of its row before, as :class:`ticketcore.importing.records.Records` groups them.
        said: stated values that were recorded.
        held: stated values that wait: name -> (from when, value).
    """

    __slots__ = (
        "agent_id", "category", "cells", "channel", "held", "id", "impact", "last_at", "priority", "requester_id", "said",
        "status", "subcategory", "tags", "team_id", "urgency", "version",
    )  # fmt: skip

    def __init__(self, id_: UUID, at: datetime, channel: Channel, fields: dict[str, Any]) -> None:
        self.id, self.version, self.last_at, self.channel = id_, 1, at, channel
        self.requester_id: UUID | None = fields.get("requester_id")
        self.team_id: str | None = fields.get("team_id")
        self.agent_id: str | None = fields.get("agent_id")
        self.category: str | None = fields.get("category")
        self.subcategory: str | None = fields.get("subcategory")
        self.tags: tuple[str, ...] = fields.get("tags", ())
        self.impact = fields.get("impact")
        self.urgency = fields.get("urgency")
        self.priority = fields.get("priority")
        self.status = Status.OPEN if self.agent_id else Status.NEW
        self.cells: Any = None
        self.said: dict[str, str] = {}
        self.held: dict[str, tuple[datetime, str]] | None = None

    def refuses(self, cls: type[Event]) -> bool:
        """Return whether the table of transitions would refuse the event.

        Reopening a closed ticket is a matter of a policy's window, and no policy stands behind an imported log.
        """
        status = self.status
        return status not in _SOURCES[cls.TOPIC] or (cls is ev.Reopened and status is Status.CLOSED)

    def follow(self, cls: type[Event], fields: dict[str, Any], at: datetime, actor: Actor) -> None:
        """Change as the event says."""
        self.version += 1
        self.last_at = at
        if cls is ev.Updated:
            self.status = fields.get("status") or self.status
            return
        target = _TARGETS[cls.TOPIC]
        if target is not None:
            self.status = target
        elif cls in _TAKES:
            for name in _KEPT & fields.keys():
                setattr(self, name, fields[name])
            if cls is ev.Assigned and self.status is Status.NEW and self.agent_id:
                self.status = Status.OPEN
        elif cls is ev.Unassigned:
            self.team_id = self.agent_id = None
        elif cls is ev.Commented:
            answered = fields["direction"] is Direction.OUTBOUND and actor.is_staff
            if answered and self.status is Status.NEW:
                self.status = Status.OPEN
