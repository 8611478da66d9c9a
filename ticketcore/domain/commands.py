"""What every command has, and how one is built from values that may be wrong."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ticketcore.domain.types import Frozen, IdentityKind, Label, Text
from ticketcore.errors import InvalidCommand
from ticketcore.ids import Kind, kind_of
from ticketcore.permissions import Action

__all__ = ["AttachmentContent", "Command", "CustomerId", "TicketId", "build", "is_blank", "normalise", "wrong"]

C = TypeVar("C", bound="Command")


class Command(Frozen):
    """A wish to change something. It names aggregates by id, and knows nothing of how they are stored.

    Attributes:
        NAME: a verb phrase that a ticket's or customer's number can follow (``assign``, ``comment on``).
        NOUN: what it is done to.
        ACTION: the permission it needs.
        CREATES: kinds of the aggregates it makes; the context holds an id for each, in this order.
        conflicts_with: topics of the events that make it a ``Conflict`` when they are recorded between loading and
            appending. With all others it commutes: it is decided again on the newer state.
    """

    model_config = ConfigDict(ser_json_bytes="base64")
    NAME: ClassVar[str] = ""
    NOUN: ClassVar[str] = ""
    ACTION: ClassVar[Action]
    CREATES: ClassVar[tuple[Kind, ...]] = ()
    conflicts_with: ClassVar[frozenset[str]] = frozenset()

    def streams(self) -> tuple[UUID, ...]:
        """Return the existing aggregates that it reads and may write, the leading one first."""
        return ()

    def canonical(self) -> bytes:
        """Return bytes that are equal for equal commands only: what a repeat is recognised by."""
        return f"{type(self).__name__}\0{self.model_dump_json()}".encode()


def wrong(expected: str, remedy: str) -> PydanticCustomError:
    """Return the error that a validator of a command raises."""
    return PydanticCustomError("wrong", "expected {expected} ({remedy})", {"expected": expected, "remedy": remedy})


def _of_kind(kind: Kind) -> Callable[[UUID], UUID]:
    name = kind.name.lower()

    def check(id_: UUID) -> UUID:
        if kind_of(id_) is not kind:
            raise wrong(f"a {name}'s id", f"make it from the {name}'s number by aggregate_id")
        return id_

    return check


TicketId = Annotated[UUID, AfterValidator(_of_kind(Kind.TICKET))]
"""The id of a ticket; another aggregate's is refused."""
CustomerId = Annotated[UUID, AfterValidator(_of_kind(Kind.CUSTOMER))]
"""The id of a customer; another aggregate's is refused."""


def _no_text(value: object) -> object:
    if isinstance(value, str):
        raise wrong("bytes", "read the file in binary mode")
    return value


class AttachmentContent(Frozen):
    """A file as it came, before it becomes a blob.

    Attributes:
        name: the file's name as given; a path in it means nothing.
        media_type: as given, for example ``application/pdf``.
        content: its bytes, any number.
    """

    model_config = ConfigDict(ser_json_bytes="base64")
    name: Text
    media_type: Label = "application/octet-stream"
    content: Annotated[bytes, BeforeValidator(_no_text)]


def is_blank(text: str | None) -> bool:
    """Return whether a text says nothing: missing, empty or white space only."""
    return text is None or not text.strip()


def normalise(kind: IdentityKind, value: str) -> str:
    """Return the one spelling by which an identity is stored, compared and looked up.

    Mail addresses: NFC, lower case. Phone numbers: decimal digits, ``00`` and ``+`` in front both become ``+``, a
    ``(0)`` after a country code goes. All others: NFC, without blanks around. Normalising twice changes nothing.

    Raises:
        ValueError: nothing is left, or it is no mail address or phone number.
    """
    text = unicodedata.normalize("NFC", value).strip()
    if kind is IdentityKind.MAIL:
        text = unicodedata.normalize("NFC", text.lower())
        local, _, domain = text.rpartition("@")
        if not local or not domain or any(c.isspace() for c in text):
            raise ValueError("a mail address such as name@example.org")
    elif kind is IdentityKind.PHONE:
        text = _phone(text)
    if not text:
        raise ValueError("a value that is not blank")
    return text


def _phone(text: str) -> str:
    head = text.lstrip("( ")
    international = head.startswith("+") or _digits(head).startswith("00")
    digits = _digits(text.replace("(0)", "") if international else text)
    if international and not head.startswith("+"):
        digits = digits[2:]
    if not digits:
        raise ValueError("a phone number with digits such as +49 30 123456")
    return f"+{digits}" if international else digits


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


class _Described:
    """Stands in an error for a value that the error must not repeat: it may be personal, or very long."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def build(cls: type[C], **values: Any) -> C:
    """Return a valid command.

    Raises:
        InvalidCommand: the first value that is not acceptable; personal text is described, not repeated.
    """
    try:
        return cls(**values)
    except ValidationError as error:
        raise _invalid(cls, error.errors()[0]) from None


def _invalid(cls: type[Command], error: ErrorDetails) -> InvalidCommand:
    context: Mapping[str, Any] = error.get("ctx", {})
    field = ".".join(str(part) for part in error["loc"]) or str(context.get("field", "it"))
    expected, remedy = _expectation(cls, error["type"], context, error["msg"])
    got = _got(field, error, context)
    return InvalidCommand(f"{cls.NAME} {cls.NOUN}".strip(), field, got, expected, remedy)


def _got(field: str, error: ErrorDetails, context: Mapping[str, Any]) -> object:
    value = context.get("got", error["input"])
    if error["type"] == "missing":
        return _Described("missing")
    if error["type"] == "nul":
        return _Described(f"text of {len(value):,} characters with a NUL at index {context['index']}")
    if error["type"] == "surrogate":
        return _Described(f"text of {len(value):,} characters with a lone surrogate at index {context['index']}")
    if error["type"] == "string_unicode":
        at = next((i for i, c in enumerate(value) if "\ud800" <= c <= "\udfff"), 0)
        return _Described(f"text of {len(value):,} characters with a lone surrogate at index {at}")
    if isinstance(value, str | bytes) and value and field.rsplit(".", maxsplit=1)[-1] in _PERSONAL:
        return _Described(f"a value of {len(value):,} characters")
    return value if isinstance(value, str | int | float | bool | UUID | None) else _Described(_kind(value))


_PERSONAL = frozenset({"body", "subject", "value", "name", "author_name", "remark", "note", "message_id", "content"})


def _kind(value: object) -> str:
    text = repr(value) if type(value).__name__ in {"datetime", "tuple"} else f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"a {type(value).__name__}"  # noqa: PLR2004 a line


def _expectation(cls: type[Command], kind: str, context: Mapping[str, Any], message: str) -> tuple[str, str]:
    if kind == "wrong":
        return str(context["expected"]), str(context["remedy"])
    if kind == "enum":
        return f"one of {context['expected']}", "choose one of these"
    if kind == "extra_forbidden":
        return "no such field", f"the fields are {', '.join(cls.model_fields)}"
    known = _EXPECTED.get(kind)
    if known is None:
        return message[:1].lower() + message[1:], "correct it"
    return known[0].format(**context), known[1]


_EXPECTED: dict[str, tuple[str, str]] = {
    "missing": ("a value", "give it"),
    "nul": ("text without NUL", "remove it"),
    "surrogate": ("Unicode text", "decode it with errors='replace'"),
    "string_unicode": ("Unicode text", "decode it with errors='replace'"),
    "string_type": ("text", "give a str"),
    "string_too_short": ("at least {min_length} character(s)", "give a name, or None for none"),
    "string_too_long": ("at most {max_length} characters", "shorten it"),
    "timezone_aware": ("a time with its zone", "say the zone, for example 2026-11-22T09:00:00+01:00"),
    "datetime_type": ("a time", "give a datetime with its zone"),
    "uuid_type": ("an id", "give a UUID"),
    "uuid_parsing": ("an id", "give a UUID"),
    "int_type": ("a whole number", "give an int"),
    "int_parsing": ("a whole number", "give an int"),
    "int_from_float": ("a whole number", "give an int"),
    "greater_than_equal": ("at least {ge}", "choose a number in the range"),
    "less_than_equal": ("at most {le}", "choose a number in the range"),
}
