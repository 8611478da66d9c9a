"""Commands to a ticket's outgoing mails, and what is due or was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack
from uuid import NAMESPACE_OID, uuid5

from ticketcore.api.base import Api, Name
from ticketcore.domain import delivery_commands as cmd
from ticketcore.domain.commands import normalise
from ticketcore.domain.deliveries import OUTGOING, UNDELIVERED, due_before, due_of, undelivered_of
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import IdentityKind
from ticketcore.execution import Options, Recorded
from ticketcore.permissions import Action, Facts, check
from ticketcore.store.port import Append

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.deliveries import Delivery, Due
    from ticketcore.domain.types import Actor, BounceKind

__all__ = ["DeliveryCommands"]


class DeliveryCommands(Api):
    """One method per command to an outgoing mail; *comment* is the version of the comment's event.

    Every method raises as those of :class:`~ticketcore.api.tickets.TicketCommands`, and ``NotFound`` where the comment is
    no outgoing mail.
    """

    def attempt_delivery(
        self,
        ticket: Name,
        *,
        by: Actor,
        comment: int,
        attempt: int,
        lease: int,
        message_id: str,
        to: str | None = None,
        recipients: Sequence[Name] = (),
        **options: Unpack[Options],
    ) -> Recorded:
        """Take a mail to send it. Only who gets a result that is not ``repeated`` sends it.

        Raises:
            WrongState: another attempt was made, or nothing is to be sent any more.
        """
        ids = tuple(filter(None, map(self._customer, recipients)))
        return self._do(
            cmd.AttemptDelivery, by, options, ticket_id=self._ticket(ticket), comment=comment, attempt=attempt, lease=lease,
            message_id=message_id, to=to, recipients=ids,
        )  # fmt: skip

    def confirm_delivery(
        self,
        ticket: Name,
        *,
        by: Actor,
        comment: int,
        attempt: int,
        refused: Sequence[Name] = (),
        **options: Unpack[Options],
    ) -> Recorded:
        """Say that the mail server took the mail; *refused*: whose addresses it refused."""
        ids = tuple(filter(None, map(self._customer, refused)))
        return self._do(
            cmd.ConfirmDelivery, by, options, ticket_id=self._ticket(ticket), comment=comment, attempt=attempt, refused=ids
        )  # fmt: skip

    def fail_delivery(
        self,
        ticket: Name,
        *,
        by: Actor,
        comment: int,
        attempt: int,
        permanent: bool,
        reason: str,
        code: int | None = None,
        text: str | None = None,
        retry_at: datetime | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Say that the mail did not go out; without *retry_at* it is a dead letter."""
        return self._do(
            cmd.FailDelivery, by, options, ticket_id=self._ticket(ticket), comment=comment, attempt=attempt,
            permanent=permanent, reason=reason, code=code, text=text, retry_at=retry_at,
        )  # fmt: skip

    def retry_delivery(self, ticket: Name, *, by: Actor, comment: int, **options: Unpack[Options]) -> Recorded:
        """Try a mail again at once that was given up, dropped or waits for its next attempt."""
        return self._do(cmd.RetryDelivery, by, options, ticket_id=self._ticket(ticket), comment=comment)

    def drop_delivery(
        self, ticket: Name, *, by: Actor, comment: int, reason: str, **options: Unpack[Options]
    ) -> Recorded:
        """Give a mail up for good."""
        return self._do(cmd.DropDelivery, by, options, ticket_id=self._ticket(ticket), comment=comment, reason=reason)

    def record_bounce(
        self,
        ticket: Name,
        *,
        by: Actor,
        kind: BounceKind | str,
        comment: int | None = None,
        status: str | None = None,
        recipient: str | None = None,
        recipient_id: Name | None = None,
        text: str | None = None,
        message: UUID | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Record that a mail came back; *message*: id of the inbound message that told it.

        What is recorded is sealed for the requester: where *recipient* is another customer's address, that customer's id
        stands in its place, and *text*, which may repeat it, is left out.
        """
        id_, other = self._ticket(ticket), self._customer(recipient_id)
        if recipient is not None and other is None:
            other = self._somebody_else(id_, recipient)
        if other is not None:
            recipient = text = None
        values: dict[str, Any] = {"status": status, "recipient": recipient, "text": text, "message_id": message}
        return self._do(
            cmd.RecordBounce, by, options, ticket_id=id_, comment=comment, kind=kind, recipient_id=other, **values
        )  # fmt: skip

    def _somebody_else(self, ticket: UUID, address: str) -> UUID | None:
        """Return the customer whose address it is, where that is not the ticket's requester."""
        try:
            value = normalise(IdentityKind.MAIL, address)
        except ValueError:
            return None
        claim = self._log.owner("identity:mail", self._sealer.identity_digest("identity:mail", value))
        state = self._executor.load((ticket,))[ticket]
        if claim is None or not isinstance(state, Ticket):
            return None
        owner = self._executor.standing_for(claim.owner)
        requester = None if state.requester_id is None else self._executor.standing_for(state.requester_id)
        return None if owner == requester else owner

    def delivery(self, ticket: Name, comment: int) -> Delivery | None:
        """Return how far the mail of a comment is now, ``None`` where it is no outgoing mail; for workers."""
        id_ = self._ticket(ticket)
        state = self._executor.load((id_,))[id_]
        deliveries = state.deliveries if isinstance(state, Ticket) else ()
        return next((one for one in deliveries if one.comment == comment), None)

    def begin_outgoing(self, since: datetime, *, by: Actor) -> int | None:
        """Say that mail is sent from now on; what was written before *since* is dropped, at the first time only.

        Returns:
            How many mails were dropped; ``None`` where it was said before, and nothing was done.
        """
        check(by, Action.ATTEMPT_DELIVERY, Facts("outgoing mail"))
        command_id = uuid5(NAMESPACE_OID, f"ticketcore outgoing {self._log.name}")
        if self._log.load((), command_id).receipt is not None:
            return None
        dropped = 0
        while due := self.due_deliveries(since):
            for _, ticket, comment in due:
                self.drop_delivery(ticket, by=by, comment=comment, reason="written before mail was sent")
            dropped += len(due)
        self._log.append([Append(command_id, bytes(16), ())])
        return dropped

    def due_deliveries(self, now: datetime, limit: int = 100) -> Sequence[Due]:
        """Return the mails to send that are due before *now*, the longest due first; for the outgoing worker."""
        return [due_of(claim.value) for claim in self._log.claims_below(OUTGOING, due_before(now), limit)]

    def undelivered(self) -> Sequence[tuple[UUID, int]]:
        """Return ticket and comment of every mail that was given up and not dropped, oldest ticket first."""
        return [undelivered_of(value) for value in sorted(self._log.owners(UNDELIVERED))]
