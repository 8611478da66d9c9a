"""A parsed mail as an inbound message: who it is from and how sure that is, what wrote it, what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ticketcore.domain.commands import AttachmentContent, mailbox_of, normalise
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.message_events import Automatic, Recipient, RecipientKind
from ticketcore.domain.types import Assurance, Channel, IdentityKind
from ticketcore.intake.mail import MailKind, parse_mail
from ticketcore.intake.mail.addresses import parse_addresses
from ticketcore.intake.mail.reports import is_mail_system
from ticketcore.intake.message import Authentication, InboundMessage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ticketcore.intake.mail import Evidence, Mailbox, ParsedMail
    from ticketcore.intake.rules import Rules
    from ticketcore.intake.tokens import Tokens

__all__ = ["received_mail"]

_LABEL = 200
_UNANSWERED = frozenset({
    "x-auto-response-suppress", "x-loop", "x-rt-loop-prevention", "x-otrs-loop", "x-znuny-loop",
    "x-ms-exchange-generated-message-source", "list",
})  # fmt: skip
"""Signs that nothing automatic is to answer. People's mails have them too, by a rule of their server, a mailbox that forwards, or
the ticket system that they answer from; so has "Precedence: bulk"."""
_GENERATED = _UNANSWERED | {
    "auto-submitted", "precedence", "x-precedence", "x-auto-generated", "x-cron-env", "x-facebook-notify", "x-github-reason",
    "x-gitlab-notificationreason", "x-jira-fingerprint", "x-bugzilla-reason", "x-fc-machinegenerated", "x-automail", "return-path",
}  # fmt: skip
"""Signs that a program wrote, perhaps first and not in answer: alarms, forms and newsletters have them, and absence notes too."""
_PRECEDENCE = ("precedence", "x-precedence")
_FIELDS, _IDENTITY, _RECIPIENT = (
    set(InboundMessage.model_fields),
    set(Identity.model_fields),
    set(Recipient.model_fields),
)
_REPORTS = (MailKind.DELIVERY_REPORT, MailKind.DISPOSITION, MailKind.FEEDBACK)


def received_mail(
    raw: bytes,
    rules: Rules,
    *,
    own: Collection[str] = (),
    tokens: Tokens | None = None,
    recipients: Sequence[str] = (),
    peer_ip: str | None = None,
    received_at: datetime | None = None,
) -> InboundMessage:
    """Return what *raw*, a mail as it came, is to the intake. Never raises, whatever the bytes.

    Args:
        raw: the whole message.
        rules: say whose Authentication-Results count.
        own: our own addresses, in lower case: what they send in somebody's name (a form) is that of its Reply-To, else of
            nobody known: no customer of ours, and nobody to answer.
        tokens: tell our own headers from those of another system like this one, whose mails are a customer's.
        recipients: of the envelope.
        peer_ip: who brought it.
        received_at: when; now where not given.
    """
    mail = parse_mail(raw)
    sender = _sender(mail, own)
    authentication = _authentication(mail, rules)
    if authentication is Authentication.PASSED and sender not in mail.from_:
        authentication = Authentication.UNKNOWN  # it is of our own address; whom a form names is anybody's word
    assurance = Assurance.VERIFIED if authentication is Authentication.PASSED else Assurance.UNVERIFIED
    identity = None if sender is None else _identity(sender.address, assurance)
    to = tuple(_recipients(mail, recipients))
    automatic, returned = _automatic(mail, sender), _only_returned(to, own, tokens)
    if returned and automatic in (Automatic.ORDINARY, Automatic.BULK):
        automatic = Automatic.AUTO_REPLY
    # Built without being checked: what parse_mail() gives is storable, and checking costs as much as parsing does.
    return InboundMessage.model_construct(
        _FIELDS,
        channel=Channel.MAIL,
        identities=() if identity is None else (identity,),
        name=(sender.name or None) if sender else None,
        recipients=to,
        subject=mail.subject or None,
        text=mail.text or None,
        attachments=tuple(
            AttachmentContent.model_construct(name=file.name, media_type=_label(file.media_type), content=file.content)
            for file in mail.attachments
        ),
        language=mail.language,
        message_id=mail.message_id or None,
        in_reply_to=mail.in_reply_to,
        references=mail.references,
        automatic=automatic,
        signs=tuple(
            dict.fromkeys(
                (*(_label(found.rule) for found in (*mail.evidence, *_unasked(mail, sender))), *returned),
            )
        ),
        own=any(
            found.rule == "own-header" and (tokens is None or tokens.tickets_in(found.value)) for found in mail.loop
        ),
        authentication=authentication,
        answers=_about(mail),
        bounce=mail.bounce if mail.kind is MailKind.BOUNCE else None,
        peer_ip=peer_ip,
        received_at=None if received_at is None else received_at.astimezone(UTC),
        claimed_at=_utc(mail.date),
        raw=raw,
    )


def _label(text: str) -> str:
    return text[:_LABEL] or "application/octet-stream"


def _sender(mail: ParsedMail, own: Collection[str]) -> Mailbox | None:
    boxes = [*mail.from_, *([mail.sender] if mail.sender else [])]
    named = next((box for box in boxes if box.address), None)
    if named is not None and _is_own(named, own):  # a form, a list in its members' names, or we ourselves
        return next((box for box in _in_whose_name(mail) if box.address and not _is_own(box, own)), None)
    return named or next(iter(boxes), None)


def _is_own(box: Mailbox, own: Collection[str]) -> bool:
    address = box.address.lower()
    return address in own or mailbox_of(address) in own


def _in_whose_name(mail: ParsedMail) -> Iterable[Mailbox]:
    yield from mail.reply_to
    for name, value in mail.headers:
        if name.lower() in ("x-original-from", "x-original-sender"):
            yield from parse_addresses(value, name, 1, [])


def _identity(address: str, assurance: Assurance) -> Identity | None:
    try:
        value = normalise(IdentityKind.MAIL, address)
    except ValueError:
        return None  # no address: the mail is from nobody known
    return Identity.model_construct(_IDENTITY, kind=IdentityKind.MAIL, value=value, assurance=assurance)


def _authentication(mail: ParsedMail, rules: Rules) -> Authentication:
    """Return what our own servers say of the author's address: DMARC (RFC 7489), else an aligned DKIM signature."""
    servers = {name.lower() for name in rules.trusted_servers}
    if not servers:
        return Authentication.UNKNOWN
    domain = (mail.from_[0].address if mail.from_ else "").rpartition("@")[2].lower()
    verdicts = [verdict for verdict in mail.authentication if verdict.server.lower() in servers]
    if any(verdict.method == "dmarc" and verdict.result == "fail" for verdict in verdicts):
        return Authentication.FAILED
    if domain and len(mail.from_) == 1:
        for verdict in verdicts:
            if verdict.method in ("dmarc", "dkim") and verdict.result == "pass" and _aligned(domain, verdict.domain):
                return Authentication.PASSED
    return Authentication.UNKNOWN


def _aligned(author: str, signed: str) -> bool:
    return bool(signed) and (author == signed or ("." in signed and author.endswith("." + signed)))


def _recipients(mail: ParsedMail, envelope: Iterable[str]) -> Iterable[Recipient]:
    found: dict[tuple[RecipientKind, str], None] = {}
    for kind, addresses in (
        (RecipientKind.TO, [box.address for box in mail.to]),
        (RecipientKind.CC, [box.address for box in mail.cc]),
        (RecipientKind.ENVELOPE, [*envelope, *mail.delivered_to]),
    ):
        found.update(dict.fromkeys((kind, address.lower()) for address in addresses if address))
    return (Recipient.model_construct(_RECIPIENT, kind=kind, address=address) for kind, address in found)


def _only_returned(to: Iterable[Recipient], own: Collection[str], tokens: Tokens | None) -> tuple[str, ...]:
    """Return the sign that a mail went to where our mails return to and nowhere else of ours: programs answer there (RFC 3834,
    4), and people where our mails say that they are to (Reply-To).
    """
    addresses = [one.address for one in to]
    if tokens is None or not any(map(tokens.bounce_of_address, addresses)):
        return ()
    ours = (one for one in addresses if one in own or tokens.ticket_of_address(one) is not None)
    return ("return-address",) if all(map(tokens.bounce_of_address, ours)) else ()


def _unasked(mail: ParsedMail, sender: Mailbox | None) -> list[Evidence]:
    """Return what says that nobody waits for an answer: the sender's name (``noreply``), a newsletter's header (RFC 5230, 4.6)."""
    address = sender.address if sender else None
    return [
        hint
        for hint in mail.hints
        if (hint.rule == "sender" and hint.value == address) or hint.header == "list-unsubscribe"
    ]


def _automatic(mail: ParsedMail, sender: Mailbox | None) -> Automatic:
    if mail.kind is MailKind.BOUNCE:
        return Automatic.BOUNCE
    if mail.kind in _REPORTS:
        return Automatic.RECEIPT
    if mail.kind is MailKind.AUTO_REPLY:
        if not all(found.rule in _GENERATED and not _says_reply(found) for found in mail.evidence):
            return Automatic.AUTO_REPLY
        if is_mail_system(mail.from_) and any(found.rule == "return-path" for found in mail.evidence):
            return Automatic.AUTO_REPLY  # a failure in words that nobody understands
        if not mail.mailing_list:
            answers = bool(mail.in_reply_to or mail.references) and not all(map(_unanswered, mail.evidence))
            absent = any(hint.rule == "subject" for hint in mail.hints)
            return Automatic.AUTO_REPLY if answers or absent else Automatic.BULK
    if mail.mailing_list:
        return Automatic.LIST
    return Automatic.BULK if _unasked(mail, sender) else Automatic.ORDINARY


def _says_reply(sign: Evidence) -> bool:
    said = sign.value.lower()
    return (sign.rule == "auto-submitted" and "replied" in said) or (
        sign.rule in _PRECEDENCE and "bulk" not in said and "list" not in said
    )


def _unanswered(sign: Evidence) -> bool:
    return sign.rule in _UNANSWERED or (sign.rule in _PRECEDENCE and "bulk" in sign.value.lower())


def _about(mail: ParsedMail) -> str | None:
    for report in (mail.bounce, mail.disposition, mail.feedback):  # a delivery report is told as a bounce is
        if report is not None and report.original_message_id:
            return report.original_message_id
    return None


def _utc(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        return None
