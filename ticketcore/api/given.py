"""What callers give beside a command's own content, and what queries are asked with: checked before anything is done."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, cast
from uuid import UUID

from pydantic import ConfigDict, Field, InstanceOf, ValidationError

from ticketcore.domain.commands import Command
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.invalid import Described, Frozen, as_invalid, described
from ticketcore.domain.types import Actor, IdentityKind, Label, Role, UtcTime
from ticketcore.errors import InvalidCommand, NotAllowed
from ticketcore.execution import Options, Recorded
from ticketcore.ids import Kind
from ticketcore.replay import Clock

__all__ = [
    "Asking", "Attached", "CustomerHistory", "MatchCustomer", "Queue", "ReadEvents", "ShowCustomer", "ShowTicket", "TicketHistory", "asked",
    "asked_identity", "checked", "checked_name",
]  # fmt: skip

_LARGEST = 2**63 - 1
_Position = Annotated[int, Field(ge=0, le=_LARGEST)]


class _Given(Frozen):
    """Values of exactly their types: a text is no time, no id and no number."""

    model_config = ConfigDict(strict=True)
    WHAT: ClassVar[str] = ""
    by: InstanceOf[Actor]


class _Options(_Given):
    command_id: UUID | None = None
    occurred_at: UtcTime | None = None
    claimed_at: UtcTime | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    expected_version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class ShowTicket(_Given):
    """What a ticket is shown by."""

    WHAT: ClassVar[str] = "show a ticket"
    at: UtcTime | None
    clock: Annotated[Clock, Field(strict=False)]


class TicketHistory(_Given):
    """What a ticket's history is asked with."""

    WHAT: ClassVar[str] = "show a ticket's history"


class ReadEvents(_Given):
    """A part of the log."""

    WHAT: ClassVar[str] = "read events"
    after: _Position
    limit: _Position | None


class Queue(_Given):
    """Which queue, and how much of it."""

    WHAT: ClassVar[str] = "see the queue"
    team_id: Label | None
    agent_id: Label | None
    limit: _Position
    seen: InstanceOf[Recorded] | None


class CustomerHistory(_Given):
    """How much of a customer's correspondence."""

    WHAT: ClassVar[str] = "read a customer's history"
    limit: _Position
    before: UtcTime | None
    after: tuple[Any, ...] | None
    seen: InstanceOf[Recorded] | None


class _FindCustomer(_Given):
    WHAT: ClassVar[str] = "find a customer"


class Asking(_Given):
    """Who asks about policies or agents."""

    WHAT: ClassVar[str] = "see policies or agents"


class ShowCustomer(_Given):
    """Who asks about a customer."""

    WHAT: ClassVar[str] = "show a customer"


class MatchCustomer(_Given):
    """A sender's identities."""

    WHAT: ClassVar[str] = "match a customer"
    identities: tuple[InstanceOf[Identity], ...]


class Attached(_Given):
    """Which attachment of a ticket."""

    WHAT: ClassVar[str] = "read an attachment"
    message: int
    index: int


def asked(cls: type[_Given], **values: Any) -> None:
    """Return where a query can be asked with *values*.

    Raises:
        InvalidCommand: the first value that is not acceptable; personal text is described, not repeated.
    """
    try:
        cls.__pydantic_validator__.validate_python(values)
    except ValidationError as error:
        raise as_invalid(cls.WHAT, cls.model_fields, error) from None


def asked_identity(by: Actor, kind: IdentityKind | str, value: str) -> Identity:
    """Return the identity that a customer is looked for by; raises as :func:`asked`."""
    asked(_FindCustomer, by=by)
    try:
        identity: Identity = Identity.__pydantic_validator__.validate_python({"kind": kind, "value": value})
    except ValidationError as error:
        raise as_invalid(_FindCustomer.WHAT, ("kind", "value"), error) from None
    return identity


def checked(cls: type[Command], by: Actor, options: Options) -> Options:
    """Return *options*, times in UTC.

    Raises:
        InvalidCommand: *by* or an option is not of its type, out of range, or there is no such option.
        NotAllowed: a customer says when it occurred.
    """
    if not options and isinstance(by, Actor):
        return options
    name = f"{cls.NAME} {cls.NOUN}"
    known = _Options.model_fields.keys() - {"by"}
    for option in options.keys() - known:
        remedy = f"beside its own arguments a command takes {', '.join(f for f in _Options.model_fields if f in known)}"
        raise InvalidCommand(name, option, Described("given"), "no such argument", remedy)
    try:
        given: _Options = _Options.__pydantic_validator__.validate_python({**options, "by": by})
    except ValidationError as error:
        raise as_invalid(name, sorted(known), error) from None
    if by.role is Role.CUSTOMER and given.occurred_at is not None:
        expected = "the time of reception, which is the service's to say: what the customer says is claimed_at"
        raise NotAllowed(str(by), "give", "occurred_at", expected)
    return cast("Options", {option: getattr(given, option) for option in options})


def checked_name(name: object, kind: Kind) -> str | UUID:
    """Return *name* where it can be a ticket's or customer's number or id.

    Raises:
        InvalidCommand: it is neither text nor an id, or text that nothing can be named by.
    """
    if isinstance(name, UUID):
        return name
    noun = kind.name.lower()
    example = "T-2026-000042-6" if kind is Kind.TICKET else "C-2026-000007-C"
    if not isinstance(name, str):
        got = described(name, "name")
    elif any(c == "\0" or "\ud800" <= c <= "\udfff" for c in name):
        got = Described(f"text of {len(name):,} characters with a NUL or a lone surrogate")
    else:
        return name
    raise InvalidCommand(f"find a {noun}", noun, got, f"a {noun}'s number or id", f"as in {example}, or a UUID")
