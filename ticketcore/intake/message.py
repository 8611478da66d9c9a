"""An inbound message as every channel hands it over: who, to whom, what, and how it names what it belongs to."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4, uuid5

from pydantic import Field, InstanceOf
from pydantic_core import from_json, to_json

from ticketcore.domain.commands import AttachmentContent
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.invalid import Value
from ticketcore.domain.message_events import Automatic, Recipient
from ticketcore.domain.types import Channel, Label, Text, UtcTime
from ticketcore.intake.mail import Bounce

__all__ = ["JSON_TYPE", "MAIL_TYPE", "Authentication", "InboundMessage"]

MAIL_TYPE = "message/rfc822"
JSON_TYPE = "application/json"
_NAMESPACE = UUID("6f4a7f6e-0d0c-5b7e-9d39-3a51c4f6b1aa")


class Authentication(StrEnum):
    """What our own mail server found out about the sender's address; ``unknown`` where none of ours said anything."""

    UNKNOWN = "unknown"
    PASSED = "passed"
    FAILED = "failed"


class InboundMessage(Value):
    """What came in. Only ``channel`` is needed; a channel gives what it knows.

    Attributes:
        identities: by what the sender may be recognised, with how sure that is; the surest and most personal first.
        name: the sender's name, as given.
        recipients: where it went to.
        text: what it says, with what it quotes: signed markers in it are looked for.
        attachments: its files.
        language: BCP 47, where known.
        message_id: its own id: a mail's Message-ID, a chat message's id; the same one never means two messages.
        in_reply_to: ids of the messages that it answers.
        references: ids of the messages before it, oldest first.
        ticket_number: where the channel asks for it: what the sender says the ticket's number is. Proves nothing.
        link: the token of the signed link that the sender came by.
        automatic: whether a machine wrote it; ``signs``: names of what says so.
        own: it carries our own header or signed id: one of our own messages has come back.
        authentication: of the sender's address.
        answers: of a receipt or complaint: id of our message that it is about.
        bounce: what a bounce says.
        peer_ip: of the machine that brought it.
        received_at: when it came; now where not given.
        claimed_at: what the message itself says about when it was written.
        raw: as it came; made from the rest where the channel has no form of its own.
        command_id: names the message where the channel knows it for certain (a form's own id); else made from its content.
    """

    WHAT: ClassVar[str] = "an inbound message"
    channel: Channel
    identities: tuple[Identity, ...] = ()
    name: Text | None = None
    recipients: tuple[Recipient, ...] = ()
    subject: Text | None = None
    text: Text | None = None
    attachments: tuple[AttachmentContent, ...] = ()
    language: Label | None = None
    message_id: Text | None = None
    in_reply_to: tuple[Text, ...] = ()
    references: tuple[Text, ...] = ()
    ticket_number: Text | None = None
    link: Text | None = None
    automatic: Automatic = Automatic.ORDINARY
    signs: tuple[Label, ...] = ()
    own: bool = False
    authentication: Authentication = Authentication.UNKNOWN
    answers: Text | None = None
    bounce: Annotated[InstanceOf[Bounce] | None, Field(exclude=True)] = None
    peer_ip: Text | None = None
    received_at: UtcTime | None = None
    claimed_at: UtcTime | None = None
    raw: bytes | None = Field(default=None, repr=False)
    command_id: UUID | None = None

    @property
    def fingerprint(self) -> str:
        """What is the same whenever the same message comes, by whichever way: id, sender, subject, time and content."""
        digest = hashlib.sha256()
        parts: list[str | None] = [
            self.channel.value, self.message_id, self.subject, _iso(self.claimed_at), self.text,
            *(f"{identity.kind.value}:{identity.value}" for identity in self.identities),
        ]  # fmt: skip
        if self.message_id is None:  # nothing else tells two of them apart
            parts += [hashlib.sha256(self.raw).hexdigest()] if self.raw else [_iso(self.received_at), self.peer_ip]
        for part in parts:
            known = None if part is None else part.encode()
            digest.update(b"-" if known is None else b"+%d:" % len(known) + known)
        for file in self.attachments:
            digest.update(file.sha256.encode())
        return digest.hexdigest()

    def key(self, log: str) -> UUID:
        """Return what the command ids are made from: the same message has the same in a log, always.

        Where nothing tells two messages of the same words apart (no id, no time, not as it came) it is another each time:
        rather twice than not at all.
        """
        if self.command_id is not None:
            return self.command_id
        if self.message_id is None and self.raw is None and self.received_at is None:
            return uuid4()
        return uuid5(_NAMESPACE, f"{log}\0{self.fingerprint}")

    def as_it_came(self) -> tuple[bytes, str]:
        """Return the raw message and its media type."""
        if self.raw is not None:
            return self.raw, MAIL_TYPE
        fields = self.model_dump(mode="python", exclude_defaults=True, exclude={"attachments", "raw"})
        fields["attachments"] = [
            {"name": file.name, "media_type": file.media_type, "content": b64encode(_whole(file)).decode()}
            for file in self.attachments
        ]
        return to_json(fields), JSON_TYPE

    @classmethod
    def restored(cls, raw: bytes) -> InboundMessage:
        """Return the message that :meth:`as_it_came` gave as JSON."""
        fields: dict[str, Any] = from_json(raw)
        files = [{**file, "content": b64decode(file["content"])} for file in fields.pop("attachments", ())]
        return cls(**fields, attachments=tuple(AttachmentContent(**file) for file in files))


def _whole(file: AttachmentContent) -> bytes:
    return file.content if isinstance(file.content, bytes) else b"".join(file.content)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
