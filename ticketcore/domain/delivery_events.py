"""What became of a ticket's outgoing mails. These events move neither status nor waiting times."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from ticketcore.domain.ticket_events import PersonalText, TicketEvent
from ticketcore.domain.types import BounceKind, Label, UtcTime

__all__ = ["Bounced", "Delivered", "DeliveryAttempted", "DeliveryDropped", "DeliveryFailed", "DeliveryRequested"]

_Version = Annotated[int, Field(ge=1)]


class DeliveryAttempted(TicketEvent):
    """A worker is about to hand the mail of a comment to the mail server; recorded before it does.

    ``comment``: version of the comment's event; ``attempt``: 1 for the first. ``lease_until``: when it is taken to have
    died if it said nothing more. ``message_id``: the mail's own, the same at every attempt. ``to``: the requester's
    address as used; ``recipients``: the customers that it goes to, participants included.
    """

    TOPIC: ClassVar[str] = "ticket.delivery_attempted"
    comment: _Version
    attempt: _Version
    lease_until: UtcTime
    message_id: PersonalText = None
    to: PersonalText = None
    recipients: tuple[UUID, ...] = ()


class Delivered(TicketEvent):
    """The mail server took the mail. ``refused``: customers whose address it refused while it took others'."""

    TOPIC: ClassVar[str] = "ticket.delivered"
    comment: _Version
    attempt: _Version
    refused: tuple[UUID, ...] = ()


class DeliveryFailed(TicketEvent):
    """The mail did not go out.

    ``attempt``: 0 where none was made, since no mail could be made of the comment. ``permanent``: trying again would not
    help. ``code``: the server's reply (RFC 5321, 4.2), ``None`` where it gave none. ``retry_at``: ``None`` where nobody
    tries again by itself: a dead letter.
    """

    TOPIC: ClassVar[str] = "ticket.delivery_failed"
    comment: _Version
    attempt: Annotated[int, Field(ge=0)]
    permanent: bool
    reason: Label
    code: Annotated[int, Field(ge=200, le=599)] | None = None
    text: PersonalText = None
    retry_at: UtcTime | None = None


class DeliveryRequested(TicketEvent):
    """Somebody wants a mail that was given up to be tried again, at once."""

    TOPIC: ClassVar[str] = "ticket.delivery_requested"
    comment: _Version


class DeliveryDropped(TicketEvent):
    """Somebody decided that a mail is not sent, or not tried again."""

    TOPIC: ClassVar[str] = "ticket.delivery_dropped"
    comment: _Version
    reason: Label


class Bounced(TicketEvent):
    """A mail that a server had taken came back, or was said to be late.

    ``comment``: ``None`` where the bounce names the ticket only. ``status``: enhanced status code (RFC 3463) such as
    ``5.1.1``. ``recipient_id``: whose address it is, where it is not the requester's; else ``recipient`` has it as told.
    ``message_id``: id of the inbound message that told it.
    """

    TOPIC: ClassVar[str] = "ticket.bounced"
    comment: _Version | None = None
    kind: BounceKind
    status: Annotated[str, Field(pattern=r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$")] | None = None
    recipient: PersonalText = None
    recipient_id: UUID | None = None
    text: PersonalText = None
    message_id: UUID | None = None
