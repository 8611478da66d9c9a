"""The events of an inbound message: that it came, what was decided about it, and where it went."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field, WithJsonSchema

from ticketcore.domain.base import Event
from ticketcore.domain.ticket_events import BlobRef, PersonalText
from ticketcore.domain.types import Assurance, Channel, Frozen, IdentityKind, Label, Personal, Text

__all__ = [
    "Automatic", "Candidate", "Decided", "Evidence", "Filed", "MessageEvent", "Outcome", "Received", "Recipient",
    "RecipientKind", "Sender", "Verdict",
]  # fmt: skip


class Automatic(StrEnum):
    """Who wrote a message: a person, or a machine, and to what end. Where several fit, the last one does."""

    ORDINARY = "ordinary"
    BULK = "bulk"
    LIST = "list"
    RECEIPT = "receipt"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"


class Outcome(StrEnum):
    """What becomes of an inbound message."""

    NEW = "new"
    COMMENT = "comment"
    FOLLOW_UP = "follow_up"
    IGNORED = "ignored"
    HELD = "held"


class RecipientKind(StrEnum):
    """Where a recipient stands: in the message, or only in what the sending server said."""

    TO = "to"
    CC = "cc"
    ENVELOPE = "envelope"


class Sender(Frozen):
    """One of the values by which a message says who sent it, normalised."""

    kind: IdentityKind
    value: Text


class Recipient(Frozen):
    """An address that a message went to."""

    kind: RecipientKind
    address: Text


class Evidence(Frozen):
    """What speaks for a decision; nothing personal.

    Attributes:
        what: a name from the table of docs/intake.md.
        ids: the tickets, customers or messages that it is about.
    """

    what: Label
    ids: tuple[UUID, ...] = ()


class Candidate(Frozen):
    """A ticket that the message pointed to, and did not get to.

    Attributes:
        ticket_id: the ticket.
        rule: by which rule it came up.
        why: why not.
    """

    ticket_id: UUID
    rule: Label
    why: Label


class Verdict(Frozen):
    """What was decided about a message, and why: enough to explain it, and to decide it again.

    Attributes:
        outcome: what becomes of it.
        reason: why it is ignored or held, or what else is to be known; a name from the table of docs/intake.md.
        rule: name of the rule that decided.
        rules_version: version of the rules.
        ticket_id: the ticket that it goes to, follows up, or (ignored and held ones) is about.
        acknowledge: whether the sender is told the new ticket's number.
        evidence: what speaks for it.
        rejected: the tickets that it pointed to and did not get to.
        facts: all that was known beside the message, as JSON (``ticketcore.intake.facts.Facts``): ids, statuses, booleans.
    """

    outcome: Outcome
    reason: Label | None = None
    rule: Label
    rules_version: Label
    ticket_id: UUID | None = None
    acknowledge: bool = False
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[Candidate, ...] = ()
    facts: Annotated[Mapping[Label, Any], WithJsonSchema({"type": "object"})] = Field(default_factory=dict)


class MessageEvent(Event):
    """Base of all events of an inbound message."""


class Received(MessageEvent):
    """A message came in. It is kept as it came, whatever becomes of it.

    Attributes:
        channel: where it came in.
        customer_id: who sent it, where that is known.
        assurance: how sure that is.
        automatic: whether a machine wrote it.
        signs: names of the headers or the like that say so.
        size: of the message as it came, in bytes.
        media_type: of the message as it came: ``message/rfc822``, or ``application/json`` where the channel has no form of its own.
        blobs: the message as it came, sealed.
        identities: the values by which it says who sent it.
        name: the sender's name as the message gives it.
        recipients: the addresses that it went to.
        subject: its subject.
        message_id: its own Message-ID, or what the channel has like it.
        in_reply_to: the Message-ID that it answers, as given.
        references: the Message-IDs that it refers to, oldest first.
        peer_ip: the address of the machine that brought it.
    """

    TOPIC: ClassVar[str] = "message.received"
    channel: Channel
    customer_id: UUID | None = None
    assurance: Assurance = Assurance.UNVERIFIED
    automatic: Automatic = Automatic.ORDINARY
    signs: tuple[Label, ...] = ()
    size: Annotated[int, Field(ge=0)]
    media_type: Label
    blobs: tuple[BlobRef, ...]
    identities: Annotated[tuple[Sender, ...] | None, Personal] = None
    name: PersonalText = None
    recipients: Annotated[tuple[Recipient, ...] | None, Personal] = None
    subject: PersonalText = None
    message_id: PersonalText = None
    in_reply_to: PersonalText = None
    references: Annotated[tuple[Text, ...] | None, Personal] = None
    peer_ip: PersonalText = None


class Decided(MessageEvent, Verdict):
    """It was decided what becomes of the message; the last decision counts. Some come by hand, see the actor.

    Attributes:
        customer_id: who sent it, as far as known by then.
    """

    TOPIC: ClassVar[str] = "message.decided"
    customer_id: UUID | None = None


class Filed(MessageEvent):
    """The message is in its ticket: the end of its way.

    Attributes:
        ticket_id: the ticket.
        ticket_version: version of the ticket's event that holds it.
        created: whether the ticket was made for it.
    """

    TOPIC: ClassVar[str] = "message.filed"
    ticket_id: UUID
    ticket_version: Annotated[int, Field(ge=1)]
    created: bool = False
