"""What is remembered of a case while its file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketcore.domain import ticket_events as ev
from ticketcore.domain.transitions import TRANSITIONS
from ticketcore.domain.types import Direction, Status

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.types import Actor, Channel
    from ticketcore.importing.desk import Chunk
    from ticketcore.importing.drafts import Draft

__all__ = ["Case"]

_REFUSED = {
    status: frozenset(topic for topic, transition in TRANSITIONS.items() if status not in transition.sources)
    | ({ev.Reopened.TOPIC} if status is Status.CLOSED else frozenset())
    for status in Status
}
"""Status -> the topics that the table of transitions would refuse.

Reopening a closed ticket is a matter of a policy's window, and no policy stands behind an imported log.
"""
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
        cells: the cells of its row before, as :class:`ticketcore.importing.records.Records` picks them.
        chunk: the last in which it has events.
        refused: topics of the events that the table of transitions would refuse now.
        said: stated values that were recorded.
        held: stated values that wait: name -> (from when, value).
    """

    __slots__ = (
        "agent_id", "category", "cells", "channel", "chunk", "held", "id", "impact", "last_at", "priority", "refused",
        "requester_id", "said", "status", "subcategory", "tags", "team_id", "urgency", "version",
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
        self._become(Status.OPEN if self.agent_id else Status.NEW)
        self.cells: tuple[str, ...] = ()
        self.chunk: Chunk | None = None
        self.said: dict[str, str] = {}
        self.held: dict[str, tuple[datetime, str]] | None = None

    def _become(self, status: Status) -> None:
        self.status, self.refused = status, _REFUSED[status]

    def follow(self, draft: Draft, at: datetime, actor: Actor) -> None:
        """Change as the event says."""
        cls, fields = draft.cls, draft.fields
        self.version += 1
        self.last_at = at
        if cls is ev.Updated:
            status = fields.get("status")
            if status is not None:
                self._become(status)
            return
        target = _TARGETS[cls.TOPIC]
        if target is not None:
            self._become(target)
        elif cls in _TAKES:
            for name in _KEPT & fields.keys():
                setattr(self, name, fields[name])
            if cls is ev.Assigned and self.status is Status.NEW and self.agent_id:
                self._become(Status.OPEN)
        elif cls is ev.Unassigned:
            self.team_id = self.agent_id = None
        elif cls is ev.Commented:
            answered = fields["direction"] is Direction.OUTBOUND and actor.is_staff
            if answered and self.status is Status.NEW:
                self._become(Status.OPEN)
