"""All that a decision knows beside the message: ids, statuses and booleans, so it can be kept and decided again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from ticketcore.domain.types import Assurance, Frozen, Status, UtcTime
from ticketcore.intake.message import Authentication

__all__ = ["Bounced", "Facts", "Pointer", "Relation", "TicketFacts", "Way"]


class Way(StrEnum):
    """How a message names a ticket; in the order in which they count."""

    SIGNED_LINK = "signed_link"
    SIGNED_REFERENCE = "signed_reference"
    REPLY_ADDRESS = "reply_address"
    BODY_MARKER = "body_marker"
    KNOWN_MESSAGE = "known_message"
    NUMBER = "number"

    @property
    def is_signed(self) -> bool:
        """Whether only who got something from us can name the ticket in this way."""
        return self in (Way.SIGNED_LINK, Way.SIGNED_REFERENCE, Way.REPLY_ADDRESS, Way.BODY_MARKER)


class Relation(StrEnum):
    """What the sender is to a ticket, the closest first."""

    REQUESTER = "requester"
    PARTICIPANT = "participant"
    ORGANISATION = "organisation"


class TicketFacts(Frozen):
    """A ticket that the message may belong to.

    Attributes:
        id: the ticket that stands, after all merges.
        status: its status; never merged.
        closed_at: since when it is closed, where it is.
        relation: what the sender is to it; ``None``: a stranger.
    """

    id: UUID
    status: Status
    closed_at: UtcTime | None = None
    relation: Relation | None = None


class Pointer(Frozen):
    """A ticket that the message names.

    Attributes:
        way: how.
        named: the ticket as named.
        stands: the ticket that stands for it, after all merges; ``None``: there is no such ticket.
        message: of a known message: which.
        addressed: of a known message: it went to the sender too, who so may answer it.
        entitled: of a signed link: whom it was made for is still the ticket's requester or a participant.
    """

    way: Way
    named: UUID
    stands: UUID | None
    message: UUID | None = None
    addressed: bool = False
    entitled: bool = True


class Bounced(Frozen):
    """Our mail that a bounce or receipt is about: its ticket, and the version of its comment where it names one."""

    ticket: UUID
    comment: Annotated[int | None, Field(ge=1)] = None


class Facts(Frozen):
    """What was known when a message was decided.

    Attributes:
        received_at: when it came.
        customers: whose identities it shows: none, one, or (ambiguous) several.
        assurance: how sure that is.
        authentication: of the sender's address.
        reachable: the sender has a mail address to which an answer can go.
        registrable: it shows an identity by which a new customer can be registered.
        own: one of our own messages has come back.
        duplicate_of: the message of the same sender that has its id already.
        duplicate_ticket: the ticket that one is in.
        forged: it shows ids or addresses in our form with wrong signatures.
        pointers: the tickets that it names, in the order in which they count.
        tickets: those that stand for them.
        reopen_days: of a message that names a closed ticket: for how long the policy in force lets it reopen one; ``None``: it
            says nothing, or there is none.
        about: of a bounce, receipt or complaint: our mail that it is about.
        slot: the sender's place for a new ticket that is free; ``None``: none is.
        slot_holder: the message whose place it was an hour ago.
        slots_taken: how many places are taken, as far as was looked.
    """

    received_at: UtcTime
    customers: tuple[UUID, ...] = ()
    assurance: Assurance = Assurance.UNVERIFIED
    authentication: Authentication = Authentication.UNKNOWN
    reachable: bool = False
    registrable: bool = False
    own: bool = False
    duplicate_of: UUID | None = None
    duplicate_ticket: UUID | None = None
    forged: bool = False
    pointers: tuple[Pointer, ...] = ()
    tickets: tuple[TicketFacts, ...] = ()
    reopen_days: Annotated[float | None, Field(ge=0)] = None
    about: Bounced | None = None
    slot: int | None = None
    slot_holder: UUID | None = None
    slots_taken: int = 0

    @property
    def customer(self) -> UUID | None:
        """The sender, where exactly one customer is known."""
        return self.customers[0] if len(self.customers) == 1 else None

    def ticket(self, id_: UUID | None) -> TicketFacts | None:
        """Return what is known of a ticket that stands."""
        return next((ticket for ticket in self.tickets if ticket.id == id_), None)

    def since(self, time: datetime) -> float:
        """Return the days from *time* to the reception."""
        return (self.received_at - time).total_seconds() / 86_400
