"""What every command has, and how one is built from values that may be wrong."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from ticketcore.domain.invalid import Frozen, Value, as_invalid
from ticketcore.domain.types import IdentityKind, Label, Text
from ticketcore.files import FileSource
from ticketcore.ids import Kind, kind_of
from ticketcore.permissions import Action

__all__ = [
    "AgentId",
    "AttachmentContent",
    "Command",
    "CustomerId",
    "MessageId",
    "PolicyId",
    "TicketId",
    "build",
    "is_blank",
    "mailbox_of",
    "normalise",
    "wrong",
]

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

    def actions(self) -> tuple[Action, ...]:
        """Return all the permissions that it needs."""
        return (self.ACTION,)

    def canonical(self) -> bytes:
        """Return bytes that are equal for equal commands only: what a repeat is recognised by."""
        return type(self).__name__.encode() + b"\0" + self.__pydantic_serializer__.to_json(self)


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
MessageId = Annotated[UUID, AfterValidator(_of_kind(Kind.MESSAGE))]
"""The id of an inbound message; another aggregate's is refused."""
PolicyId = Annotated[UUID, AfterValidator(_of_kind(Kind.POLICY))]
"""The id of a log's policies; another aggregate's is refused."""
AgentId = Annotated[UUID, AfterValidator(_of_kind(Kind.AGENT))]
"""The id of an agent's stream; another aggregate's is refused."""


def _no_text(value: object) -> object:
    if isinstance(value, str):
        raise wrong("bytes", "read the file in binary mode")
    return value


class AttachmentContent(Value):
    """A file as it came, before it becomes a blob.

    Attributes:
        name: the file's name as given; a path in it means nothing.
        media_type: as given, for example ``application/pdf``.
        content: its bytes, any number; or a :class:`~ticketcore.files.FileSource`, of which little is in memory at once.
        danger: what makes it risky to open, as found by :func:`ticketcore.attachments.judged`; no part of the command.
        withheld: why its content is not to be kept with the message; likewise.
    """

    WHAT: ClassVar[str] = "an attachment"
    model_config = ConfigDict(ser_json_bytes="base64")
    name: Text
    media_type: Label = "application/octet-stream"
    content: Annotated[bytes | FileSource, BeforeValidator(_no_text)]
    danger: Annotated[Label | None, Field(exclude=True)] = None
    withheld: Annotated[Label | None, Field(exclude=True)] = None

    @property
    def sha256(self) -> str:
        """SHA-256 of the content, hex."""
        content = self.content
        return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else content.sha256


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
        if not local or not domain or len(text.split()) > 1:
            raise ValueError("a mail address such as name@example.org")
    elif kind is IdentityKind.PHONE:
        text = _phone(text)
    if not text:
        raise ValueError("a value that is not blank")
    return text


def mailbox_of(address: str) -> str:
    """Return the mailbox of a normalised mail address: without the part behind ``+`` (RFC 5233)."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


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


def build(cls: type[C], **values: Any) -> C:
    """Return a valid command.

    Raises:
        InvalidCommand: the first value that is not acceptable; personal text is described, not repeated.
    """
    try:
        command: C = cls.__pydantic_validator__.validate_python(values)
    except ValidationError as error:
        raise as_invalid(f"{cls.NAME} {cls.NOUN}".strip(), cls.model_fields, error) from None
    return command
