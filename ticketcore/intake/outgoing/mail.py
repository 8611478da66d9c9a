"""The bytes of one mail. Pure: the same input, the same output, but for the boundary's name.

Headers hold what was made here or cleaned here: no value can begin a header of its own. Conversations are shown as one by
Message-ID, In-Reply-To and References (RFC 5322, 3.6.4: all programs), an unchanging subject (Gmail wants both), and
Thread-Topic and Thread-Index (Outlook; [MS-OXOMSG] 2.2.1.3).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.intake.outgoing.text import html_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from ticketcore.intake.outgoing.conversation import Conversation

__all__ = ["Mail", "Outdated", "OutgoingFile", "Unsendable", "build", "mail_address"]

_LOCAL = re.compile(r"""[^\s@<>()\[\],;:\\"\x00-\x20\x7f]{1,64}""")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")
_TYPE = re.compile(r"([a-z0-9][a-z0-9!#$&^_.+-]{0,126})/([a-z0-9][a-z0-9!#$&^_.+-]{0,126})")
_FILETIME = datetime(1601, 1, 1, tzinfo=UTC)


class Unsendable(Exception):
    """No mail can be made of a comment; ``reason``: a short name, such as ``no_address``."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class Outdated(Unsendable):
    """What a rule wrote is over: the customer wrote since. It is not to be sent any more, and nobody has to look at it."""

    def __init__(self) -> None:
        super().__init__("answered", "the customer wrote after it")


class OutgoingFile(NamedTuple):
    """An attachment."""

    name: str
    media_type: str
    content: bytes


class Mail(NamedTuple):
    """What a mail is made of.

    Attributes:
        ticket: its id; *number* as people write it.
        message_id: with brackets, as are all ids.
        sender: name and address.
        to: name and address of each; cc likewise.
        reply_to: the signed reply address, where there is one.
        subject: whole; *topic* is without prefix and number.
        text: what it says, without the marker.
        marker: the signed text at its end by which a quoted body finds the ticket.
        language: BCP 47.
        acknowledgement: it says only that a message came in: a robot wrote it, and no robot is to answer it.
        notice: a rule wrote it, not in answer to a message: no robot is to answer it, and its bounces count.
        opened_at: when the ticket was opened; begins Outlook's index of the conversation.
    """

    ticket: UUID
    number: str
    message_id: str
    sender: tuple[str, str]
    to: Sequence[tuple[str, str]]
    subject: str
    topic: str
    text: str
    marker: str
    conversation: Conversation
    date: datetime
    opened_at: datetime
    cc: Sequence[tuple[str, str]] = ()
    reply_to: str | None = None
    language: str | None = None
    acknowledgement: bool = False
    notice: bool = False
    attachments: Sequence[OutgoingFile] = ()


class _Policy(EmailPolicy):
    """The library's, but for ids: it encodes those that are longer than a line as if they were words."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in ("message-id", "in-reply-to", "references"):
            return f"{name}: " + "\r\n ".join(str(value).split()) + "\r\n"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in ("message-id", "in-reply-to", "references"):
            return self.fold(name, value).encode("ascii")
        folded: bytes = super().fold_binary(name, value)
        return folded


_POLICY = _Policy(linesep="\r\n")


def build(mail: Mail) -> bytes:
    """Return the mail as it goes to the server: lines end in CR LF, ASCII only.

    Raises:
        Unsendable: an address is none that a mail can go to.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(mail.sender)
    message["To"] = [_address(one) for one in mail.to]
    if mail.cc:
        message["Cc"] = [_address(one) for one in mail.cc]
    if mail.reply_to:
        message["Reply-To"] = _address((mail.sender[0], mail.reply_to))
    message["Subject"] = _clean(mail.subject)
    message["Date"] = format_datetime(mail.date.astimezone(UTC))
    message["Message-ID"] = mail.message_id
    if mail.conversation.in_reply_to:
        message["In-Reply-To"] = mail.conversation.in_reply_to
        message["References"] = " ".join(mail.conversation.references)
    message["Thread-Topic"] = _clean(mail.topic)
    message["Thread-Index"] = _thread_index(mail)
    message["X-Ticketcore-Ticket"] = mail.marker
    if mail.acknowledgement:
        message["Auto-Submitted"] = "auto-replied"  # RFC 3834, 5
        message["X-Auto-Response-Suppress"] = "All"  # Exchange
        message["Precedence"] = "bulk"  # vacation programs older than RFC 3834
    elif mail.notice:
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5
        message["X-Auto-Response-Suppress"] = "OOF, AutoReply"  # Exchange; what tells of failures may come
    text = f"{mail.text.rstrip()}\n\n{mail.marker}\n".lstrip("\n")
    message.set_content(text, charset="utf-8", cte="quoted-printable")
    html = html_of(mail.text, mail.marker, mail.language)
    message.add_alternative(html, subtype="html", charset="utf-8", cte="quoted-printable")
    for file in mail.attachments:
        _attach(message, file)
    if mail.language and mail.language.isascii():
        message["Content-Language"] = _clean(mail.language)  # last: the library moves earlier ones into the first part
    return message.as_bytes()


def mail_address(address: str) -> str | None:
    """Return an address as it goes to a server, its domain in ASCII (RFC 5891); ``None`` where no mail can go to it."""
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        return None
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(ascii_domain):
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    return f"{local}@{ascii_domain}"


def _address(named: tuple[str, str]) -> Address:
    address = mail_address(named[1])
    if address is None or not address.isascii():
        raise Unsendable("bad_address", "the address is none that a mail can go to, expected ASCII before the @")
    local, _, domain = address.rpartition("@")
    return Address(_clean(named[0])[:100], local, domain)


def _clean(text: str) -> str:
    return " ".join(_UNSEEN.sub(" ", text).split())


def _thread_index(mail: Mail) -> str:
    """Return Outlook's name of the conversation: 22 bytes that are the same in all of the ticket's mails, then 5 of this."""
    opened = _filetime(mail.opened_at)
    guid = hashlib.sha256(mail.ticket.bytes).digest()[:16]
    header = b"\x01" + (opened >> 16).to_bytes(6, "big")[1:] + guid
    delta = max(0, _filetime(mail.date) - opened)
    short = delta < 1 << 49  # less than 1.7 years in units of 2**18: 31 bits, else in units of 2**23
    block = (delta >> 18 if short else (delta >> 23) | 1 << 31) & 0xFFFFFFFF
    return b64encode(header + block.to_bytes(4, "big") + b"\x00").decode()


def _filetime(time: datetime) -> int:
    return max(0, (time - _FILETIME) // timedelta(microseconds=1)) * 10


def _attach(message: EmailMessage, file: OutgoingFile) -> None:
    match = _TYPE.fullmatch(file.media_type.partition(";")[0].strip().lower())
    main, sub = match.groups() if match else ("application", "octet-stream")
    if main in ("message", "multipart"):  # RFC 2046, 5.2.1: these may not be encoded
        main, sub = "application", "octet-stream"
    name = _clean(re.split(r"[/\\]", file.name)[-1])[:200].strip(". ") or "attachment"
    message.add_attachment(file.content, maintype=main, subtype=sub, filename=name)
