"""What was wrong with a value, told without repeating it where it may be personal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from ticketcore.errors import InvalidCommand

__all__ = ["Described", "Frozen", "Value", "as_invalid", "described"]


class Frozen(BaseModel):
    """Base of all immutable values; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(Frozen):
    """Base of the values that callers make: a wrong field is :class:`InvalidCommand`, as in a command.

    Attributes:
        WHAT: what is made, for messages (``an identity``).
    """

    WHAT: ClassVar[str] = "a value"

    def __init__(self, /, **values: Any) -> None:
        """Check and keep *values*.

        Raises:
            InvalidCommand: the first value that is not acceptable; personal text is described, not repeated.
        """
        try:
            self.__pydantic_validator__.validate_python(values, self_instance=self)
        except ValidationError as error:
            raise as_invalid(f"make {self.WHAT}", type(self).model_fields, error) from None

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # inside commands and events pydantic skips it


class Described:
    """Stands in an error for a value that the error must not repeat: it may be personal, or very long."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def as_invalid(command: str, fields: Sequence[str] | Mapping[str, Any], error: ValidationError) -> InvalidCommand:
    """Return the first error as ours. *command*: what can't be done; *fields*: all that there are."""
    first = error.errors()[0]
    context: Mapping[str, Any] = first.get("ctx", {})
    field = ".".join(str(part) for part in first["loc"]) or str(context.get("field", "it"))
    expected, remedy = _expectation(fields, first["type"], context, first["msg"])
    return InvalidCommand(command, field, _got(field, first, context), expected, remedy)


def described(value: object, field: str = "") -> object:
    """Return *value*, or what stands for it in a message: only what can't be somebody's words or name is repeated."""
    if value is None or isinstance(value, bool | int | float | UUID):
        return value
    if isinstance(value, str | bytes):
        plain = isinstance(value, str) and (not value or _CODE.fullmatch(value) is not None)
        if plain and field.rsplit(".", maxsplit=1)[-1] not in _PERSONAL:
            return value
        if isinstance(value, bytes):
            return Described(f"{len(value):,} bytes")
        return Described(f"a value of {len(value):,} characters")
    return Described(_kind(value))


_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,29}|\d", re.ASCII)
_PERSONAL = frozenset({
    "attachments", "author_name", "body", "by", "claimed_id", "comments", "content", "identities", "in_reply_to", "message_id", "name",
    "note", "peer_ip", "raw", "recipients", "references", "remark", "sender", "subject", "tags", "value",
})  # fmt: skip


def _got(field: str, error: ErrorDetails, context: Mapping[str, Any]) -> object:
    value, kind = context.get("got", error["input"]), error["type"]
    if kind == "missing":
        return Described("missing")
    if kind in ("nul", "surrogate", "string_unicode") and isinstance(value, str):
        at = next((i for i, c in enumerate(value) if c == "\0" or "\ud800" <= c <= "\udfff"), 0)
        what = "NUL" if kind == "nul" else "lone surrogate"
        return Described(f"text of {len(value):,} characters with a {what} at index {context.get('index', at)}")
    return described(value, field)


def _kind(value: object) -> str:
    text = repr(value) if type(value).__name__ == "datetime" else ""
    if 0 < len(text) <= 80:  # noqa: PLR2004 a line
        return text
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def _expectation(
    fields: Sequence[str] | Mapping[str, Any], kind: str, context: Mapping[str, Any], message: str
) -> tuple[str, str]:
    if kind == "wrong":
        return str(context["expected"]), str(context["remedy"])
    if kind == "enum":
        return f"one of {context['expected']}", "choose one of these"
    if kind == "extra_forbidden":
        return "no such field", f"the fields are {', '.join(fields)}"
    if kind in ("model_type", "model_attributes_type", "is_instance_of", "dataclass_type"):
        name = str(context.get("class_name") or context.get("class"))
        return f"a {name}" if name[:1] not in "AEIO" else f"an {name}", _MAKE.get(name, f"give a {name}")
    known = _EXPECTED.get(kind)
    if known is None:
        return message[:1].lower() + message[1:], "correct it"
    return known[0].format(**context), known[1]


_MAKE = {
    "AttachmentContent": "make each by AttachmentContent(name=..., content=...)",
    "Identity": "make each by Identity(kind=..., value=...)",
    "Actor": "as in Actor.agent('ana'), Actor.system('shop')",
    "Recorded": "give what a command returned",
    "UUID": "make it by uuid.UUID or uuid.uuid4",
}
_TEXT = ("text", "give a str")
_SEVERAL = ("a list or tuple", "put a single one into a list")
_WHOLE = ("a whole number", "give an int")
_EXPECTED: dict[str, tuple[str, str]] = {
    "missing": ("a value", "give it"),
    "nul": ("text without NUL", "remove it"),
    "surrogate": ("Unicode text", "decode it with errors='replace'"),
    "string_unicode": ("Unicode text", "decode it with errors='replace'"),
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "tuple_type": _SEVERAL,
    "list_type": _SEVERAL,
    "string_too_short": ("at least {min_length} character(s)", "give a name, or None for none"),
    "string_too_long": ("at most {max_length} characters", "shorten it"),
    "timezone_aware": ("a time with its zone", "say the zone, for example 2026-11-22T09:00:00+01:00"),
    "datetime_type": ("a time", "give a datetime with its zone"),
    "datetime_from_date_parsing": ("a time", "give a datetime with its zone"),
    "datetime_parsing": ("a time", "give a datetime with its zone"),
    "uuid_type": ("an id", "give a UUID"),
    "uuid_parsing": ("an id", "give a UUID"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "greater_than_equal": ("at least {ge}", "choose a number in the range"),
    "less_than_equal": ("at most {le}", "choose a number in the range"),
}
