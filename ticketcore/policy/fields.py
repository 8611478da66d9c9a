"""What conditions can ask of a ticket: every field with its kind, and the operators that fit the kind."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.types import Channel, Level, Priority, SlaTarget, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ALWAYS_KNOWN", "FIELDS", "OPERATORS", "SLA_STATES", "WEEKDAYS", "Field", "Kind"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SLA_STATES = ("active", "paused", "fulfilled", "breached", "withdrawn")


class Kind(StrEnum):
    """What a field's values are."""

    TEXT = "text"
    """Words of people; compared without regard to case and form."""
    CHOICE = "choice"
    """One of a fixed set of values."""
    LABEL = "label"
    """One name."""
    LABELS = "labels"
    """A set of names."""
    NUMBER = "number"
    DURATION = "duration"
    INSTANT = "instant"
    """A point in time."""
    CLOCK = "clock"
    """A time of day, by the policy's own calendar."""
    FLAG = "flag"
    """true or false."""


class Field(NamedTuple):
    """One field.

    Attributes:
        kind: which operators fit.
        what: for people.
        choices: of a choice: its values.
    """

    kind: Kind
    what: str
    choices: tuple[str, ...] = ()


def _choice(what: str, values: Iterable[str]) -> Field:
    return Field(Kind.CHOICE, what, tuple(values))


FIELDS: dict[str, Field] = {
    "subject": Field(Kind.TEXT, "the ticket's subject"),
    "body": Field(Kind.TEXT, "the text of the first message"),
    "text": Field(Kind.TEXT, "subject and text of the first message; either may be missing"),
    "channel": _choice("where the ticket came in", Channel),
    "language": Field(Kind.LABEL, "the language of the first message, as in en"),
    "category": Field(Kind.LABEL, "the ticket's category"),
    "subcategory": Field(Kind.LABEL, "the ticket's subcategory"),
    "tags": Field(Kind.LABELS, "the ticket's tags"),
    "priority": _choice("the ticket's priority", Priority),
    "impact": _choice("how many are concerned", Level),
    "urgency": _choice("how little it can wait", Level),
    "status": _choice("the ticket's status", (status for status in Status if status is not Status.MERGED)),
    "team": Field(Kind.LABEL, "the team responsible"),
    "agent": Field(Kind.LABEL, "the agent responsible"),
    "requester": Field(Kind.LABEL, "the customer's number, as in C-2026-000007-C"),
    "organisation": Field(Kind.LABEL, "the number of the customer's organisation"),
    "requester.language": Field(Kind.LABEL, "the customer's language"),
    "external": Field(Kind.LABEL, "the ticket's number in another system"),
    "age": Field(Kind.DURATION, "the time since the opening"),
    "opened": Field(Kind.INSTANT, "when the ticket was opened"),
    "opened.time": Field(Kind.CLOCK, "the time of day of the opening"),
    "opened.weekday": _choice("the weekday of the opening", WEEKDAYS),
    "reopens": Field(Kind.NUMBER, "how often the ticket was reopened"),
    "replies": Field(Kind.NUMBER, "how many public replies staff gave"),
    "score": Field(Kind.NUMBER, "the customer's rating"),
    "has_attachments": Field(Kind.FLAG, "the first message has files"),
    "history.tickets": Field(Kind.NUMBER, "how many tickets the customer opened before this one"),
    "history.open": Field(Kind.NUMBER, "how many of these are not solved"),
    "history.had_agent": Field(Kind.LABELS, "the agents who were responsible for these"),
    **{f"sla.{target.value}": _choice(f"how far the promise of {target.value} is", SLA_STATES) for target in SlaTarget},
}
"""Name -> field; all that there are."""

ALWAYS_KNOWN = frozenset({
    "channel", "status", "tags", "age", "opened", "opened.time", "opened.weekday", "reopens", "replies", "has_attachments",
    "history.tickets", "history.open", "history.had_agent",
})  # fmt: skip
"""The fields that every ticket has; sets of names may be empty."""

_ONE = ("is", "is_not", "in", "not_in")
_MANY = ("contains", "contains_any", "contains_all", "not_contains")
_SIZE = ("is", "above", "below", "between")
_TIME = ("before", "after", "between")

OPERATORS: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: (*_MANY, *_ONE, "starts_with", "ends_with", "matches", "is_set"),
    Kind.CHOICE: (*_ONE, "is_set"),
    Kind.LABEL: (*_ONE, "starts_with", "ends_with", "matches", "is_set"),
    Kind.LABELS: (*_MANY, "is_set"),
    Kind.NUMBER: (*_SIZE, "is_not", "is_set"),
    Kind.DURATION: ("above", "below", "between", "is_set"),
    Kind.INSTANT: (*_TIME, "within", "not_within"),
    Kind.CLOCK: _TIME,
    Kind.FLAG: ("is",),
}
"""Kind -> the operators that fit it."""
