"""How far each outgoing mail of a ticket is: a fold, and the claims by which workers find what is due.

The claims are the queue: kind :data:`OUTGOING`, its value beginning with the due time, so that what is due is a range
of the claims' index; :data:`UNDELIVERED` for what nobody tries again by itself. They are written and released with the
events, in one transaction, so the queue is never ahead of the log and never behind.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from ticketcore.domain import delivery_events as dv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import BounceKind, Channel, DeliveryState, Direction
from ticketcore.store.port import Claim, Release

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketcore.domain.base import Event

__all__ = [
    "OUTGOING", "UNDELIVERED", "Delivery", "Due", "begun", "claims_of", "due_before", "due_of", "evolve_deliveries",
    "release_of", "undelivered_of",
]  # fmt: skip

OUTGOING = "outgoing"
"""Kind of the claims on mails to send: due time (8 bytes, microseconds since 1970), ticket (16), comment (4)."""
UNDELIVERED = "undelivered"
"""Kind of the claims on mails that were given up: ticket (16), comment (4)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Delivery(NamedTuple):
    """How far the mail of a comment is.

    Attributes:
        comment: version of the comment's event.
        since: when it was written, or asked for again: how long it is tried counts from there.
        attempt: how many attempts were made.
        due_at: when the next attempt is due; ``None`` where none is.
    """

    comment: int
    state: DeliveryState
    since: datetime
    attempt: int = 0
    due_at: datetime | None = None


class Due(NamedTuple):
    """A mail to send, as the queue names it."""

    due_at: datetime
    ticket: UUID
    comment: int


def _is_outgoing(event: Event) -> bool:
    """Return whether an event is a message that goes out by mail; what an import brings went out long ago."""
    if not isinstance(event, ev.Commented | ev.Opened) or event.meta.source is not None:
        return False
    return event.direction is Direction.OUTBOUND and event.channel is Channel.MAIL


def begun(event: Event) -> tuple[Delivery, ...]:
    """Return the delivery that an outgoing message begins with; none of any other event."""
    if not _is_outgoing(event):
        return ()
    at = event.meta.occurred_at
    return (Delivery(event.originator_version, DeliveryState.WAITING, at, 0, at),)


def evolve_deliveries(deliveries: tuple[Delivery, ...], event: Event) -> tuple[Delivery, ...]:
    """Return a ticket's deliveries after what *event* tells of one; comments that it does not know are passed over."""
    comment = getattr(event, "comment", None)
    return tuple(_after(one, event) if one.comment == comment else one for one in deliveries)


def _after(one: Delivery, event: Event) -> Delivery:
    state = DeliveryState
    if isinstance(event, dv.DeliveryAttempted):
        return one._replace(state=state.SENDING, attempt=event.attempt, due_at=event.lease_until)
    if isinstance(event, dv.Delivered):
        return one._replace(state=state.DELIVERED, due_at=None)
    if isinstance(event, dv.DeliveryFailed):
        return one._replace(state=state.RETRYING if event.retry_at else state.FAILED, due_at=event.retry_at)
    if isinstance(event, dv.DeliveryRequested):
        return one._replace(state=state.WAITING, since=event.meta.occurred_at, due_at=event.meta.occurred_at)
    if isinstance(event, dv.DeliveryDropped):
        return one._replace(state=state.DROPPED, due_at=None)
    if isinstance(event, dv.Bounced) and event.kind is BounceKind.HARD and one.state is not state.DROPPED:
        return one._replace(state=state.FAILED, due_at=None)
    return one


def claims_of(ticket: UUID, deliveries: Iterable[Delivery]) -> tuple[Claim, ...]:
    """Return what the queue holds of these deliveries."""
    claims = []
    for one in deliveries:
        name = ticket.bytes + one.comment.to_bytes(4, "big")
        if one.due_at is not None:
            claims.append(Claim(OUTGOING, due_before(one.due_at) + name, ticket, -one.comment))
        elif one.state is DeliveryState.FAILED:
            claims.append(Claim(UNDELIVERED, name, ticket, -one.comment))
    return tuple(claims)


def release_of(ticket: UUID, comment: int) -> Release:
    """Return what takes a delivery off the queue. The claims' ``ref`` is negative: others' are an event's version."""
    return Release(ticket, -comment)


def due_before(time: datetime) -> bytes:
    """Return what the values of claims due before *time* (aware) lie below."""
    return max(0, (time - _EPOCH) // _MICROSECOND).to_bytes(8, "big")


def due_of(value: bytes) -> Due:
    """Return the mail that a claim of kind :data:`OUTGOING` names."""
    at = _EPOCH + int.from_bytes(value[:8], "big") * _MICROSECOND
    return Due(at, UUID(bytes=value[8:24]), int.from_bytes(value[24:], "big"))


def undelivered_of(value: bytes) -> tuple[UUID, int]:
    """Return ticket and comment that a claim of kind :data:`UNDELIVERED` names."""
    return UUID(bytes=value[:16]), int.from_bytes(value[16:], "big")
