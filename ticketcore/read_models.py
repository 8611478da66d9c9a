"""What the query API asks of the read models. The package ``projections`` answers it, for PostgreSQL and in memory.

It is found through the entry point group ``ticketcore.read_models``, so that this package needs no import of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

__all__ = ["Correspondence", "Entry", "QueueEntry", "ReadModels"]


Entry = tuple["datetime", "UUID", int]
"""Where an entry of a customer's history stands: when it occurred, its ticket, its version; the next page is after it."""


class QueueEntry(NamedTuple):
    """A ticket that waits in a queue, next to take first.

    Attributes:
        waiting_since: since when nobody on our side has answered: the first inbound message that no public reply
            followed (asking again does not lose one's place), else the latest change of status or the opening.
        due_at: the nearest SLA deadline; ``None`` until policies exist.
    """

    ticket_id: UUID
    number: str
    version: int
    status: str
    priority: str | None
    channel: str
    category: str | None
    team_id: str | None
    agent_id: str | None
    requester_id: UUID | None
    opened_at: datetime
    waiting_since: datetime
    due_at: datetime | None


class Correspondence(NamedTuple):
    """One message or contact of a customer, in any ticket and on any channel.

    Attributes:
        requester_id: whose the ticket is now; ``None`` for nobody's.
        author_id: the customer who wrote the message, where known; of an opening the requester of that time, of a
            correction the author of what it corrects.
        kind: ``opened``, ``commented`` or ``comment_corrected`` (a later wording of an earlier message, as an entry
            of its own): the event's type without ``ticket.``.
        direction: ``inbound`` or ``outbound``; notes among staff are no correspondence.
        sealed: the personal content as stored (base64); the query API opens it for those who may.
        overflow: digest of the sealed blob with the whole personal content, where that is too large for the event.
        blobs: digests of the other blobs it refers to.
    """

    requester_id: UUID | None
    author_id: UUID | None
    ticket_id: UUID
    number: str
    version: int
    occurred_at: datetime
    kind: str
    direction: str
    channel: str
    actor: str
    sealed: str | None
    overflow: str | None
    blobs: Sequence[str]


class ReadModels(Protocol):
    """The read models as the query API sees them. Thread-safe; usable after fork."""

    def catch_up(self) -> int:
        """Project what the log has (where no worker does it) and return the position reached."""

    def position(self) -> int:
        """Return the position that every read model has reached, without moving them."""

    def wait_for(self, aggregate_id: UUID, version: int, timeout: float) -> None:
        """Return once every read model that the ticket or customer is in holds *version* of it.

        Raises:
            WaitTimeout: not within *timeout* seconds.
        """

    def queue(
        self, *, team_id: str | None = None, agent_id: str | None = None, limit: int = 100
    ) -> Sequence[QueueEntry]:
        """Return what waits, next to take first: by due time, priority, then how long it waits.

        Tickets that wait for the customer or somebody else (pending, on hold) come after those that wait for us.
        """

    def history(
        self, customer_id: UUID, *, limit: int = 1_000, before: datetime | None = None, after: Entry | None = None
    ) -> Sequence[Correspondence]:
        """Return a customer's correspondence over all channels and merged identities, newest first.

        That is all of the tickets whose requester they are now, and every message that they wrote themselves in any
        other ticket, with its corrections.
        """

    def tickets_of(self, customer_id: UUID) -> Sequence[UUID]:
        """Return the customer's tickets (merged identities included), oldest first."""

    def members(self, organisations: Sequence[str]) -> Sequence[UUID]:
        """Return the customers with one of these ``organisation_id``, oldest first; no merged or forgotten records."""

    def close(self) -> None:
        """Give back connections."""
