"""What can go wrong, by name. A message says what, which, what was got, what was expected, and the remedy.

Every error is a :class:`TicketCoreError`; its facts are attributes; ``code`` is a stable name for programs and
``exit_code`` what the command line ends with (documented in docs/cli.md).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

__all__ = [
    "AmbiguousSender",
    "BadNumber",
    "BadTime",
    "ClaimTaken",
    "CommandReused",
    "ConfigurationError",
    "Conflict",
    "EpochMismatch",
    "EventTooLarge",
    "Forgotten",
    "InvalidCommand",
    "KeyMissing",
    "LinkExpired",
    "LinkForged",
    "NoWorkingTime",
    "NotAllowed",
    "NotFound",
    "SealBroken",
    "StoreUnavailable",
    "TicketClosed",
    "TicketCoreError",
    "UnknownEvent",
    "WaitTimeout",
    "WrongState",
]


class TicketCoreError(Exception):
    """Base of every error that this library raises on purpose."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1


class InvalidCommand(TicketCoreError):
    """A value given to a command is not acceptable (naive time, NUL in a text, empty comment, ...)."""

    code = "invalid"
    exit_code = 2

    def __init__(self, command: str, field: str, got: object, expected: str, remedy: str) -> None:
        self.command, self.field, self.got, self.expected, self.remedy = command, field, got, expected, remedy
        super().__init__(f"cannot {command}: {field} is {_short(got)}, expected {expected} ({remedy})")


class BadTime(InvalidCommand, ValueError):
    """A time or duration that a calendar can't count with: naive, negative, or an end before the start."""


class NoWorkingTime(TicketCoreError, ValueError):
    """A calendar has no working time left where some is looked for."""

    code = "no_working_time"
    exit_code = 2

    def __init__(self, zone: str, since: datetime, years: int) -> None:
        self.zone, self.since, self.years = zone, since, years
        super().__init__(
            f"cannot find working time: the calendar in {zone} has none for {years} years, or not enough before the year "
            f"9999, after {since.isoformat()} (look at its hours, holidays and the time and duration given)"
        )


class BadNumber(TicketCoreError):
    """A ticket or customer number is malformed or its check digit is wrong."""

    code = "bad_number"
    exit_code = 2

    def __init__(self, text: str, problem: str, remedy: str) -> None:
        self.text, self.problem, self.remedy = text, problem, remedy
        super().__init__(f"{as_name(text)} is no valid number: {problem} ({remedy})")


class NotFound(TicketCoreError):
    """No aggregate, event or document of that name is recorded."""

    code = "not_found"
    exit_code = 4

    def __init__(self, what: str, which: object, remedy: str = "check the number and the log's name") -> None:
        self.what, self.which, self.remedy = what, which, remedy
        super().__init__(f"no {what} {which} is recorded here ({remedy})")


class WrongState(TicketCoreError):
    """The aggregate's state does not allow the command."""

    code = "wrong_state"
    exit_code = 5

    def __init__(self, command: str, which: str, actual: str, expected: Iterable[str], remedy: str) -> None:
        self.command, self.which, self.actual, self.expected = command, which, actual, tuple(expected)
        self.remedy = remedy
        wanted = f", expected one of {', '.join(map(repr, self.expected))}" if self.expected else ""
        super().__init__(f"cannot {command} {which}: {actual}{wanted} ({remedy})")


class TicketClosed(WrongState):
    """The ticket is closed or merged; reopen or unmerge it, or open a follow-up."""

    code = "ticket_closed"


class Conflict(TicketCoreError):
    """Somebody else changed the aggregate in a way that does not commute with this command."""

    code = "conflict"
    exit_code = 6

    def __init__(self, command: str, which: str, expected: int, actual: int, between: Iterable[str] = ()) -> None:
        self.command, self.which, self.expected, self.actual = command, which, expected, actual
        self.between = tuple(between)
        what = f" by {', '.join(self.between)}" if self.between else ""
        super().__init__(
            f"cannot {command} {which}: expected version {expected}, actual version {actual}{what}"
            " (load it again and decide anew)"
        )


class CommandReused(TicketCoreError):
    """A command id was used before, for a command with other content."""

    code = "command_reused"
    exit_code = 6

    def __init__(self, command_id: UUID) -> None:
        self.command_id = command_id
        super().__init__(
            f"command id {command_id} was used before with other content; expected the same content"
            " (repeat the first command unchanged, or give the new one an id of its own)"
        )


class ClaimTaken(TicketCoreError):
    """An identity or outside number belongs to another aggregate already."""

    code = "claim_taken"
    exit_code = 6

    def __init__(self, kind: str, owner: UUID, which: str) -> None:
        self.kind, self.owner, self.which = kind, owner, which
        what = "outside number" if kind.startswith("external:") else kind
        super().__init__(f"this {what} belongs to {which} already (merge the two, or remove it there first)")


class AmbiguousSender(TicketCoreError):
    """The identities that somebody is known by belong to several customers."""

    code = "ambiguous_sender"
    exit_code = 6

    def __init__(self, numbers: Iterable[str]) -> None:
        self.numbers = tuple(numbers)
        super().__init__(
            f"cannot tell who it is: the identities belong to {', '.join(self.numbers)}, expected one customer"
            " (name one of them, merge them, or remove an identity there first)"
        )


class NotAllowed(TicketCoreError):
    """The actor's role does not permit the action."""

    code = "not_allowed"
    exit_code = 7

    def __init__(self, actor: str, action: str, which: str, expected: str) -> None:
        self.actor, self.action, self.which, self.expected = actor, action, which, expected
        super().__init__(f"{actor} may not {action} {which}: expected {expected} (ask somebody entitled)")


class LinkForged(TicketCoreError):
    """A link's token was changed, is incomplete, or another log made it."""

    code = "link_forged"
    exit_code = 7

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__(
            f"cannot follow the link: its token of {length:,} characters is not valid here, expected one of 56 as it was"
            " sent (copy the whole link from the mail, or ask for a new one)"
        )


class LinkExpired(TicketCoreError):
    """A link's token was valid once."""

    code = "link_expired"
    exit_code = 7

    def __init__(self, expired: datetime) -> None:
        self.expired = expired
        super().__init__(
            f"cannot follow the link: it was valid until {expired.isoformat()}, expected a newer one (ask for a new one)"
        )


class UnknownEvent(TicketCoreError):
    """A stored event has a type or version that this version of the library does not know."""

    code = "unknown_event"
    exit_code = 8

    def __init__(self, topic: str, version: int, known: str) -> None:
        self.topic, self.version, self.known = topic, version, known
        super().__init__(
            f"cannot read event {topic!r} version {version}: this library knows {known} (upgrade ticketcore here)"
        )


class EventTooLarge(TicketCoreError):
    """A single event would exceed the limit of 262,144 stored bytes."""

    code = "event_too_large"
    exit_code = 2

    def __init__(self, topic: str, size: int, limit: int) -> None:
        self.topic, self.size, self.limit = topic, size, limit
        super().__init__(
            f"event {topic!r} has {size:,} bytes, expected at most {limit:,}"
            " (give it fewer tags, comments or changed fields: texts and attachments of any size are kept beside it)"
        )


class Forgotten(TicketCoreError):
    """The customer was forgotten; nothing more can be sealed for them."""

    code = "forgotten"
    exit_code = 5

    def __init__(self, which: str, person_id: UUID | None = None) -> None:
        self.which, self.person_id = which, person_id
        super().__init__(f"{which} was forgotten: expected a customer with a key (register the person anew)")


class KeyMissing(TicketCoreError):
    """The key-encryption key is not there, or is not the one the stored keys were wrapped with."""

    code = "key_missing"
    exit_code = 3


class SealBroken(TicketCoreError):
    """Sealed content or a wrapped key was changed, or moved to where it does not belong."""

    code = "seal_broken"
    exit_code = 8


class ConfigurationError(TicketCoreError):
    """A setting is missing or wrong."""

    code = "configuration"
    exit_code = 3


class StoreUnavailable(TicketCoreError):
    """The data base can't be reached, is too old, or was not migrated."""

    code = "store_unavailable"
    exit_code = 3


class EpochMismatch(TicketCoreError):
    """The log is not the one (or not as far) as this reader's checkpoint says."""

    code = "epoch_mismatch"
    exit_code = 8


class WaitTimeout(TicketCoreError):
    """A read model did not reach the asked position in time."""

    code = "wait_timeout"
    exit_code = 9

    def __init__(self, what: str, position: int, seconds: float) -> None:
        self.what, self.position, self.seconds = what, position, seconds
        super().__init__(
            f"{what} did not reach position {position} within {seconds:g} s"
            " (is a projector running? see `ticketcore status`)"
        )


def as_name(text: str) -> str:
    """Return *text* quoted where it looks like some system's number, else only its length: it may be a person's name."""
    return repr(text) if _NUMBER.fullmatch(text) else f"a text of {len(text):,} characters"


_NUMBER = re.compile(r"\s*#?\s*([A-Z]{1,10}[-_ ]?\d[\d-]{0,30}|\d{1,8})\s*", re.IGNORECASE | re.ASCII)


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters)"
