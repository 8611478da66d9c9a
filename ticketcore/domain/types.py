"""The value types that events and commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, AwareDatetime, Strict, StringConstraints
from pydantic_core import PydanticCustomError

from ticketcore.domain.invalid import Frozen, Value

__all__ = [
    "Actor", "Assurance", "BounceKind", "Channel", "DeliveryState", "Direction", "Frozen", "IdentityKind", "Label", "Level", "LinkKind", "Personal",
    "Priority", "Role", "SlaTarget", "Status", "Text", "UtcTime", "is_personal",
]  # fmt: skip


def storable(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError(
            "nul", "has a NUL at index {index}, expected text without NUL (remove it)", {"index": text.index("\0")}
        )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PydanticCustomError(
                "surrogate",
                "has a lone surrogate at index {index}, expected Unicode text (decode it with errors='replace')",
                {"index": error.start},
            ) from None
    return text


def to_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        context = {"expected": "a time from year 1 to 9999 in UTC", "remedy": "correct the year"}
        raise PydanticCustomError("wrong", "expected {expected} ({remedy})", context) from None


Text = Annotated[str, Strict(), AfterValidator(storable)]
"""Any Unicode text without NUL (PostgreSQL can't hold one) and without lone surrogates (UTF-8 can't)."""
Label = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200), AfterValidator(storable)]
"""A name used as a key: team, agent, category, tag; 1 to 200 characters."""
UtcTime = Annotated[AwareDatetime, AfterValidator(to_utc)]
"""An aware time in any zone, kept in UTC with microseconds."""


class _PersonalMark:
    """Marks a field as personal: it is sealed before the event is stored."""


Personal = _PersonalMark()


def is_personal(metadata: list[Any]) -> bool:
    """Return whether a pydantic field's metadata marks it as personal."""
    return any(isinstance(mark, _PersonalMark) for mark in metadata)


class Channel(StrEnum):
    """Where a message came in or went out."""

    MAIL = "mail"
    FORM = "form"
    CHAT = "chat"
    PHONE = "phone"
    LETTER = "letter"
    SOCIAL = "social"
    API = "api"
    INTERNAL = "internal"


class Status(StrEnum):
    """A ticket's status, in the field's words (as Zendesk's)."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    SOLVED = "solved"
    CLOSED = "closed"
    MERGED = "merged"


class Direction(StrEnum):
    """Which way a comment went: from the customer, to the customer, or a note among staff."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class DeliveryState(StrEnum):
    """How far an outgoing mail is.

    ``waiting`` for its first attempt; ``sending``: a worker has it; ``retrying`` after a passing failure; ``delivered``
    to a mail server; ``failed``: given up, or come back; ``dropped`` by hand.
    """

    WAITING = "waiting"
    SENDING = "sending"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class BounceKind(StrEnum):
    """What a bounce says: the mail will never arrive, could not be delivered for now, or is late and still tried."""

    HARD = "hard"
    SOFT = "soft"
    DELAYED = "delayed"


class Priority(StrEnum):
    """How urgent a ticket is, most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Level(StrEnum):
    """Impact or urgency (ITIL's three levels)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class SlaTarget(StrEnum):
    """What a service level promises."""

    FIRST_REPLY = "first_reply"
    NEXT_REPLY = "next_reply"
    RESOLUTION = "resolution"


class LinkKind(StrEnum):
    """How two tickets relate, seen from the first."""

    RELATED = "related"
    DUPLICATE_OF = "duplicate_of"
    CAUSED_BY = "caused_by"
    BLOCKED_BY = "blocked_by"


class IdentityKind(StrEnum):
    """By what a customer is recognised."""

    MAIL = "mail"
    PHONE = "phone"
    CHAT = "chat"
    CONTRACT = "contract"
    LOGIN = "login"
    IP = "ip"
    EXTERNAL = "external"


class Assurance(StrEnum):
    """How sure it is that somebody is who they say, surest first."""

    LOGGED_IN = "logged_in"
    SIGNED_LINK = "signed_link"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"


class Role(StrEnum):
    """In which role somebody acts. ``policy`` and ``system`` act by themselves."""

    CUSTOMER = "customer"
    AGENT = "agent"
    TEAM_LEAD = "team_lead"
    AUDITOR = "auditor"
    ANALYST = "analyst"
    PRIVACY_OFFICER = "privacy_officer"
    OPERATOR = "operator"
    POLICY = "policy"
    SYSTEM = "system"


class Actor(Value):
    """Who acts: a role, an id that is no personal name, and how sure it is.

    Attributes:
        role: what the actor may do depends on it alone (see ticketcore/permissions.py).
        id: an agent's id, a customer's number, a policy's or system's name.
        assurance: how sure the identity is; staff and systems count as logged in where it is ``None``.
        version: of a policy, which version decided.
    """

    WHAT: ClassVar[str] = "an actor"
    role: Role
    id: Label
    assurance: Assurance | None = None
    version: Label | None = None

    def __str__(self) -> str:
        return f"{self.role.value} {self.id}"

    @property
    def is_staff(self) -> bool:
        """Whether the actor is an agent or a team lead."""
        return self.role in (Role.AGENT, Role.TEAM_LEAD)

    @classmethod
    def agent(cls, id_: str) -> Actor:
        """Return an agent who is logged in."""
        return cls(role=Role.AGENT, id=id_, assurance=Assurance.LOGGED_IN)

    @classmethod
    def customer(cls, number: str, assurance: Assurance = Assurance.UNVERIFIED) -> Actor:
        """Return a customer by number (``C-2026-000007-C``)."""
        return cls(role=Role.CUSTOMER, id=number, assurance=assurance)

    @classmethod
    def system(cls, name: str) -> Actor:
        """Return a program that acts by itself."""
        return cls(role=Role.SYSTEM, id=name)
