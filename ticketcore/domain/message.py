"""The state of an inbound message as a fold over its events; it holds nothing personal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain import message_events as ev
from ticketcore.domain.message_events import Automatic, Outcome
from ticketcore.domain.types import Assurance, Channel
from ticketcore.ids import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event

__all__ = ["BOUNCE", "FILED", "RECEIVED", "Message", "evolve", "project"]

FILED = (Outcome.NEW, Outcome.COMMENT, Outcome.FOLLOW_UP)
"""What is decided so ends in a ticket."""
RECEIVED = 1
"""Version of the event that holds the message's content: the first of its stream."""
BOUNCE = "bounce"
"""Reason of ignored messages that are recorded on the ticket that they are about, where it is known."""


class Message(NamedTuple):
    """What became of an inbound message.

    Attributes:
        sealed_for_itself: nobody was known when it came, so its content is sealed for the message itself.
        outcome: as last decided; ``None`` before any decision.
        ticket_id: the ticket that it went to, once filed; before that the one decided on.
        ticket_version: version of the ticket's event that holds it; ``None`` until filed.
        decisions: how often it was decided.
    """

    id: UUID
    version: int
    channel: Channel
    received_at: datetime
    last_at: datetime
    size: int
    customer_id: UUID | None = None
    sealed_for_itself: bool = False
    assurance: Assurance = Assurance.UNVERIFIED
    automatic: Automatic = Automatic.ORDINARY
    outcome: Outcome | None = None
    reason: str | None = None
    rule: str | None = None
    rules_version: str | None = None
    ticket_id: UUID | None = None
    acknowledge: bool = False
    decisions: int = 0
    ticket_version: int | None = None
    created: bool = False

    @property
    def number(self) -> str:
        """The message's number as people write it."""
        return number_of(self.id)

    @property
    def filed(self) -> bool:
        """Whether it is in its ticket."""
        return self.ticket_version is not None

    @property
    def done(self) -> bool:
        """Whether nothing more happens to it by itself."""
        if self.filed or self.outcome is Outcome.HELD:
            return True
        return self.outcome is Outcome.IGNORED and not (self.reason == BOUNCE and self.ticket_id is not None)


def project(state: Message | None, events: Iterable[Event]) -> Message | None:
    """Fold *events* into *state*; the repository's projector function."""
    for event in events:
        state = evolve(state, event)
    return state


def evolve(state: Message | None, event: Event) -> Message | None:
    """Return the state after *event*. Never raises. Events before the reception are passed over."""
    at = event.meta.occurred_at
    if state is None:
        if not isinstance(event, ev.Received):
            return None
        return Message(
            id=event.originator_id,
            version=event.originator_version,
            channel=event.channel,
            received_at=at,
            last_at=at,
            size=event.size,
            customer_id=event.customer_id,
            sealed_for_itself=event.customer_id is None,
            assurance=event.assurance,
            automatic=event.automatic,
        )
    state = state._replace(version=event.originator_version, last_at=at)
    if isinstance(event, ev.Decided):
        return state._replace(
            customer_id=event.customer_id or state.customer_id,
            outcome=event.outcome,
            reason=event.reason,
            rule=event.rule,
            rules_version=event.rules_version,
            ticket_id=event.ticket_id,
            acknowledge=event.acknowledge,
            decisions=state.decisions + 1,
        )
    if isinstance(event, ev.Filed):
        return state._replace(ticket_id=event.ticket_id, ticket_version=event.ticket_version, created=event.created)
    return state
