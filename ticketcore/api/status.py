"""A ticket's state as anybody entitled sees it, and the signed links that entitle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ticketcore.api.correspondence import Correspondence
from ticketcore.domain.invalid import Frozen
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Actor, Assurance, Channel, Direction, Role, Status
from ticketcore.errors import InvalidCommand, NotAllowed
from ticketcore.ids import number_of
from ticketcore.permissions import Action, Facts, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.api.base import Name
    from ticketcore.replay import Message

__all__ = ["PublicMessage", "StatusQueries", "TicketStatus"]

LONGEST = 366
"""Days that a link may be valid."""


class PublicMessage(Frozen):
    """A message that the customer wrote or was sent.

    Attributes:
        by: ``customer`` (also where a channel brought it), ``agent``, ``system``, ...: the role, not who it was.
        body: the text; ``None`` where there was none or its key is gone.
        attachments: names of the files.
    """

    occurred_at: datetime
    direction: Direction
    channel: Channel
    by: str
    body: str | None
    attachments: tuple[str, ...]


class TicketStatus(Frozen):
    """How a ticket stands, with nothing of the staff's work in it.

    Attributes:
        last_at: of the last event that the customer may know of.
        waits_for: ``customer`` while pending, ``us`` while new, open or on hold; ``None`` once solved or closed.
        merged_into: number of the ticket that stands for this one.
        messages: the last ones, oldest first.
    """

    number: str
    status: Status
    subject: str | None
    opened_at: datetime
    last_at: datetime
    waits_for: str | None
    merged_into: str | None
    follow_ups: tuple[str, ...]
    messages: tuple[PublicMessage, ...]


class StatusQueries(Correspondence):
    """How a ticket stands, and links to that."""

    def ticket_status(
        self, ticket: Name | None = None, *, token: str | None = None, by: Actor | None = None, messages: int = 5
    ) -> TicketStatus:
        """Return how a ticket stands: by a signed link's *token*, or for whoever is entitled by role or as requester.

        Who comes by a link acts as the customer that it was made for. Of a ticket that was merged into another, the
        other's state is shown, where that customer may see it.

        Args:
            ticket: which; may be left out with a token, and must be the token's own otherwise.
            token: as the link carries it.
            by: who asks, without a token.
            messages: the last so many are shown, from 0.
        Raises:
            LinkForged, LinkExpired: the token is not valid (any more).
            NotAllowed: *by* may not see it, or the customer is neither requester nor participant any more.
            NotFound: no such ticket.
        """
        if token is not None:
            of, customer = self.tokens.read_link(token, datetime.now(UTC))
            if ticket is not None and self._find_ticket(ticket) != of:
                given, remedy = number_of(self._find_ticket(ticket)), "open the link as it was sent"
                raise NotAllowed("this link", "show", f"ticket {given}", f"the ticket it was made for ({remedy})")
            name: Name = of
            by = Actor.customer(number_of(customer), Assurance.SIGNED_LINK)
        elif ticket is None or by is None:
            missing = "ticket" if ticket is None else "by"
            raise InvalidCommand(
                "show a ticket's status", missing, None, "a token, or a ticket and who asks", "give it"
            )
        else:
            name = ticket
        view = self.show_ticket(name, by=by)
        if view.merged_into is not None and by.role is Role.CUSTOMER:
            try:
                return self.ticket_status(view.merged_into, by=by, messages=messages)
            except NotAllowed:
                pass  # the other ticket is somebody else's: this one's own end is all there is to see
        shown = [message for message in view.messages if message.direction is not Direction.INTERNAL]
        return TicketStatus(
            number=view.number,
            status=view.status,
            subject=view.subject,
            opened_at=view.opened_at,
            last_at=view.last_at,
            waits_for=_WAITS_FOR.get(view.status),
            merged_into=view.merged_into,
            follow_ups=view.follow_ups,
            messages=_public(shown[len(shown) - messages :] if messages < len(shown) else shown),
        )

    def ticket_link(
        self, ticket: Name, *, by: Actor, customer: Name | None = None, days: int = 90
    ) -> tuple[str, str | None]:
        """Return the token of a link to a ticket's state, and the link where ``base_url`` is set.

        Args:
            ticket: which.
            by: who asks; may show the ticket.
            customer: for whom: its requester where ``None``; else a participant.
            days: for how many days from now, 1 to 366.
        Raises:
            NotAllowed: *customer* is neither requester nor participant, or *by* may not.
            InvalidCommand: nobody is the requester, or *days* is out of range.
        """
        what = "make a link"
        if not 1 <= days <= LONGEST:
            raise InvalidCommand(what, "days", days, f"1 to {LONGEST}", "choose a number in the range")
        id_ = self._find_ticket(ticket)
        state = self._executor.load((id_,))[id_]
        view = self.show_ticket(id_, by=by)
        person = self._customer(customer) or (state.requester_id if isinstance(state, Ticket) else None)
        if person is None:
            raise InvalidCommand(
                what, "customer", None, "a requester or participant", "set the ticket's requester first"
            )
        reader = Actor.customer(number_of(person), Assurance.SIGNED_LINK)
        own = isinstance(state, Ticket) and state.belongs_to(self._executor.identities(reader))
        check(reader, Action.SHOW_TICKET, Facts(f"ticket {view.number}", own=own))
        token = self.tokens.link_token(id_, person, datetime.now(UTC) + timedelta(days=days))
        base = self._settings.base_url
        return token, None if base is None else f"{base.rstrip('/')}/{token}"


_WAITS_FOR = {Status.PENDING: "customer", Status.NEW: "us", Status.OPEN: "us", Status.ON_HOLD: "us"}


def _writer(message: Message) -> str:
    """Return the role of who wrote; the intake only brings what a customer did."""
    role = message.actor.partition(" ")[0]
    return Role.CUSTOMER.value if message.direction is Direction.INBOUND and role == Role.SYSTEM.value else role


def _public(messages: Sequence[Message]) -> tuple[PublicMessage, ...]:
    return tuple(
        PublicMessage(
            occurred_at=message.occurred_at,
            direction=message.direction,
            channel=message.channel,
            by=_writer(message),
            body=message.body,
            attachments=tuple(str(file["name"]) for file in message.attachments),
        )
        for message in messages
    )
