"""Bounces of our own mails: which mail came back, and for whom. Signed names alone bind one to its ticket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid5

from ticketcore.domain.types import Actor, BounceKind
from ticketcore.intake.facts import Bounced

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from ticketcore.app import TicketCore
    from ticketcore.execution import Recorded
    from ticketcore.intake.mail import Bounce
    from ticketcore.intake.tokens import Tokens

__all__ = ["BOUNCES", "bounced_mail", "record_bounce"]

BOUNCES = Actor.system("bounces")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_KINDS = {"failed": BounceKind.HARD, "delayed": BounceKind.DELAYED}


def bounced_mail(tokens: Tokens, bounce: Bounce, recipients: Iterable[str] = ()) -> Bounced | None:
    """Return the mail of ours that a bounce is about; ``None`` where nothing in it is signed by us.

    Args:
        tokens: of the log.
        bounce: as it was read.
        recipients: the addresses that the bounce itself came to: of its envelope, then of its headers.
    """
    addresses = list(recipients)
    for address in addresses:
        if (found := tokens.bounce_of_address(address)) is not None:
            return Bounced(ticket=found[0], comment=found[1])
    headers = [(name.lower(), value) for name, value in bounce.original_headers]
    ids = [bounce.original_message_id or "", *(value for name, value in headers if name == "message-id")]
    for id_ in ids:
        if (found := tokens.ticket_of_message_id(id_)) is not None:
            return Bounced(ticket=found[0], comment=found[1])
    for address in (value for name, value in headers if name in ("return-path", "x-envelope-from")):
        if (found := tokens.bounce_of_address(address)) is not None:
            return Bounced(ticket=found[0], comment=found[1])
    for address in addresses:
        if (ticket := tokens.ticket_of_address(address)) is not None:
            return Bounced(ticket=ticket)
    for marked in (value for name, value in headers if name == "x-ticketcore-ticket"):
        for ticket in tokens.tickets_in(marked):
            return Bounced(ticket=ticket)
    return None


def record_bounce(
    core: TicketCore, mail: Bounced, bounce: Bounce, *, message: UUID | None = None
) -> Sequence[Recorded]:
    """Record what a bounce says, once for each recipient that it names; what was delivered or relayed is no bounce.

    Nothing of it changes the ticket's status. Repeating it for the same *message* records nothing more.

    Args:
        core: of the log.
        mail: as :func:`bounced_mail` found it.
        bounce: as it was read.
        message: id of the inbound message that brought it.
    """
    comment = mail.comment
    if comment is not None and core.delivery(mail.ticket, comment) is None:
        comment = None  # signed by us, and no outgoing mail of this log any more (it was restored)
    done = []
    for index, failure in enumerate(bounce.recipients):
        kind = _KINDS.get(failure.action)
        if kind is None:
            continue
        status = failure.status if _STATUS.fullmatch(failure.status) else None
        if kind is BounceKind.HARD and status is not None and status.startswith("4"):
            kind = BounceKind.SOFT
        done.append(
            core.record_bounce(
                mail.ticket,
                by=BOUNCES,
                kind=kind,
                comment=comment,
                status=status,
                recipient=failure.recipient or None,
                text=failure.diagnostic or None,
                message=message,
                command_id=None if message is None else uuid5(message, f"bounce {index}"),
            )
        )
    return done
