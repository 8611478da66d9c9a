"""What is done to a ticket's outgoing mails: by the worker that sends them, and by hand."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field, StrictInt

from ticketcore.domain.commands import CustomerId
from ticketcore.domain.ticket_commands import TicketCommand, Version
from ticketcore.domain.types import BounceKind, Label, Text, UtcTime
from ticketcore.permissions import Action

__all__ = ["AttemptDelivery", "ConfirmDelivery", "DropDelivery", "FailDelivery", "RecordBounce", "RetryDelivery"]

_DECIDED = frozenset({"ticket.delivery_dropped", "ticket.delivered"})


class AttemptDelivery(TicketCommand):
    """Take the mail of a comment to send it: whoever's command is recorded sends, nobody else does.

    ``attempt``: the number of attempts so far plus one. ``lease``: seconds after which the next attempt is due if nothing
    more is heard, 10 to 86,400.
    """

    NAME: ClassVar[str] = "attempt the delivery of a comment of"
    ACTION: ClassVar[Action] = Action.ATTEMPT_DELIVERY
    conflicts_with: ClassVar[frozenset[str]] = _DECIDED
    comment: Version
    attempt: Annotated[StrictInt, Field(ge=1)]
    lease: Annotated[StrictInt, Field(ge=10, le=86_400)]
    message_id: Text
    to: Text | None = None
    recipients: tuple[CustomerId, ...] = ()


class ConfirmDelivery(TicketCommand):
    """Say that the mail server took the mail."""

    NAME: ClassVar[str] = "confirm the delivery of a comment of"
    ACTION: ClassVar[Action] = Action.CONFIRM_DELIVERY
    comment: Version
    attempt: Annotated[StrictInt, Field(ge=1)]
    refused: tuple[CustomerId, ...] = ()


class FailDelivery(TicketCommand):
    """Say that the mail did not go out; ``attempt``: 0 where none was made. It changes nothing where a later one was."""

    NAME: ClassVar[str] = "record the failed delivery of a comment of"
    ACTION: ClassVar[Action] = Action.FAIL_DELIVERY
    conflicts_with: ClassVar[frozenset[str]] = _DECIDED
    comment: Version
    attempt: Annotated[StrictInt, Field(ge=0)]
    permanent: bool
    reason: Label
    code: Annotated[StrictInt, Field(ge=200, le=599)] | None = None
    text: Text | None = None
    retry_at: UtcTime | None = None


class RetryDelivery(TicketCommand):
    """Try a mail again at once, which was given up, dropped, or waits for its next attempt."""

    NAME: ClassVar[str] = "retry the delivery of a comment of"
    ACTION: ClassVar[Action] = Action.RETRY_DELIVERY
    conflicts_with: ClassVar[frozenset[str]] = _DECIDED
    comment: Version


class DropDelivery(TicketCommand):
    """Give a mail up for good; what a worker is just sending may go out all the same."""

    NAME: ClassVar[str] = "drop the delivery of a comment of"
    ACTION: ClassVar[Action] = Action.DROP_DELIVERY
    conflicts_with: ClassVar[frozenset[str]] = _DECIDED
    comment: Version
    reason: Label


class RecordBounce(TicketCommand):
    """Record that a mail came back. A hard bounce makes its delivery a failed one."""

    NAME: ClassVar[str] = "record a bounce of"
    ACTION: ClassVar[Action] = Action.RECORD_BOUNCE
    comment: Version | None = None
    kind: BounceKind
    status: Annotated[str, Field(pattern=r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$")] | None = None
    recipient: Text | None = None
    recipient_id: CustomerId | None = None
    text: Text | None = None
    message_id: UUID | None = None
