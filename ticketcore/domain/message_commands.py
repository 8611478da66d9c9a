"""What can be done to an inbound message."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field, StrictInt

from ticketcore.domain.commands import Command, CustomerId, MessageId, TicketId
from ticketcore.domain.message_events import Automatic, Recipient, Sender, Verdict
from ticketcore.domain.types import Assurance, Channel, Frozen, Label, Text
from ticketcore.ids import Kind
from ticketcore.permissions import Action

__all__ = ["DecideMessage", "FileMessage", "FloodSlot", "MessageCommand", "ReceiveMessage"]


class FloodSlot(Frozen):
    """One of the places that a sender has for new tickets in an hour.

    Attributes:
        sender: whose, as ``kind:value``.
        number: which, from 1.
        holder: the message whose place it was until now, more than an hour ago; ``None`` where it is free.
    """

    sender: Text
    number: Annotated[StrictInt, Field(ge=1)]
    holder: MessageId | None = None


class ReceiveMessage(Command):
    """Record that a message came, and what was first decided about it, in one append.

    Two commands of one id and ``fingerprint`` are one: the first one's decision stands, whatever would be decided now.
    ``claimed_id``: the Message-ID that becomes this message's own, by which later ones find it; ``None`` where another
    message has it. ``slot``: the sender's place for a new ticket.
    """

    NAME: ClassVar[str] = "receive"
    NOUN: ClassVar[str] = "a message"
    ACTION: ClassVar[Action] = Action.RECEIVE_MESSAGE
    CREATES: ClassVar[tuple[Kind, ...]] = (Kind.MESSAGE,)
    fingerprint: Text
    channel: Channel
    customer_id: CustomerId | None = None
    assurance: Assurance = Assurance.UNVERIFIED
    automatic: Automatic = Automatic.ORDINARY
    signs: tuple[Label, ...] = ()
    raw: bytes
    media_type: Label
    identities: tuple[Sender, ...] = ()
    name: Text | None = None
    recipients: tuple[Recipient, ...] = ()
    subject: Text | None = None
    message_id: Text | None = None
    in_reply_to: Text | None = None
    references: tuple[Text, ...] = ()
    peer_ip: Text | None = None
    verdict: Verdict
    claimed_id: Text | None = None
    slot: FloodSlot | None = None

    def canonical(self) -> bytes:
        """Return bytes that are equal for the same message, whatever was decided about it."""
        return f"{type(self).__name__}\0{self.fingerprint}".encode()


class MessageCommand(Command):
    """Base of the commands to an inbound message that is recorded."""

    NOUN: ClassVar[str] = "a message"
    message: MessageId

    def streams(self) -> tuple[UUID, ...]:
        return (self.message,)


class DecideMessage(MessageCommand):
    """Decide again what becomes of a message that is in no ticket yet. ``customer_id``: who sent it, once known."""

    NAME: ClassVar[str] = "decide on"
    ACTION: ClassVar[Action] = Action.DECIDE_MESSAGE
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"message.decided", "message.filed"})
    verdict: Verdict
    customer_id: CustomerId | None = None


class FileMessage(MessageCommand):
    """Say in which ticket the message is. ``ticket_version``: of the event that holds it; ``created``: made for it."""

    NAME: ClassVar[str] = "file"
    ACTION: ClassVar[Action] = Action.FILE_MESSAGE
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"message.decided"})
    ticket_id: TicketId
    ticket_version: Annotated[StrictInt, Field(ge=1)]
    created: bool = False
