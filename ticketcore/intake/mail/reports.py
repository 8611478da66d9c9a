"""What mail servers and mail programs report: failures, delays, receipts, complaints; and failures in free words."""

from __future__ import annotations

import re
from typing import Final

from ticketcore.intake.mail.addresses import parse_addresses
from ticketcore.intake.mail.fields import message_ids
from ticketcore.intake.mail.model import Bounce, Disposition, Evidence, Failure, Feedback, Limits, Mailbox
from ticketcore.intake.mail.structure import Part, header_lines
from ticketcore.intake.mail.transfer import content
from ticketcore.intake.mail.words import decode_words, unfold

__all__ = [
    "REPORT_PARTS",
    "by_mail_system",
    "free_report",
    "is_mail_system",
    "read_disposition",
    "read_feedback",
    "read_status",
    "returned_headers",
]

REPORT_PARTS: Final = frozenset({
    "message/delivery-status", "message/global-delivery-status", "message/disposition-notification",
    "message/global-disposition-notification", "message/feedback-report",
})  # fmt: skip
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_GROUP: Final = re.compile(rb"\n\r*\n\s*")
_MAX_GROUPS: Final = 1_000
_MAIL_SYSTEM: Final = re.compile(
    r"mailer|daemon|post[-_.]?master|mail[-_.]?(?:delivery|system)|delivery[-_.]?(?:status|notif|fail|sub)|bounce",
    re.IGNORECASE,
)
_FAILED_SUBJECT: Final = re.compile(
    r"undeliver|unzustellbar|deliver(y|ed) (status )?(notification|fail|problem|error|has failed)|not (be )?delivered|returned mail"
    r"|mail (delivery )?(failed|failure|system error)|failure (notice|delivery)|delivery failure|non remis|échec|no se (pudo|puede) entregar"
    r"|mancata consegna|onbestelbaar|nie dostarczono|zwrot|olevererat|kan (ikke|inte) leveres|не доставлено|недоставлен|nedoručiteln"
    r"|配信不能|退信|returned to sender|user unknown|message status - undeliverable|warning: could not send",
    re.IGNORECASE,
)
_DELAY: Final = re.compile(
    r"warning message only|will keep trying|still undelivered|will continue (to )?(retry|trying|be retried)|delivery.{0,40}(has been )?delayed"
    r"|(do|need) not (need )?(to )?resend|delayed \d|wird weiter versucht|verzögert",
    re.IGNORECASE,
)
_Groups = list[dict[str, str]]


def _groups(raw: bytes, defects: list[str]) -> _Groups:
    """Return the field groups of a report part, names in lower case."""
    out: _Groups = []
    for block in _GROUP.split(raw.strip())[:_MAX_GROUPS]:
        lines, _ = header_lines(block, 0, len(block), 100, [])
        group: dict[str, str] = {}
        for lower, _, value in lines:
            group.setdefault(lower, unfold(value[:5_000], lower, defects))
        if group:
            out.append(group)
    return out


def _fields(raw: bytes, defects: list[str]) -> dict[str, str]:
    """Return the fields of all groups as one; the first of a name counts."""
    fields: dict[str, str] = {}
    for group in reversed(_groups(raw, defects)):
        fields.update(group)
    return fields


def _typed(value: str) -> str:
    """Return an address field's address, without ``rfc822;`` before it."""
    head, semicolon, tail = value.partition(";")
    text = (tail if semicolon and "@" not in head else value).strip().strip("<>").strip()
    return text[:320]


def read_status(raw: bytes, defects: list[str]) -> list[Failure]:
    """Return what a message/delivery-status part says of each recipient. Source: RFC 3464 2.3."""
    found: list[Failure] = []
    for group in _groups(raw, defects):
        recipient = group.get("final-recipient") or group.get("original-recipient") or group.get("x-actual-recipient")
        if recipient is None:
            continue
        status = _STATUS.search(group.get("status", ""))
        action = group.get("action", "").split("(")[0].strip().lower()[:40]
        if not action and status is not None:
            action = {"2": "delivered", "4": "delayed", "5": "failed"}[status[0][0]]
        diagnostic = decode_words(group.get("diagnostic-code", ""), "diagnostic-code", defects)
        found.append(Failure(_typed(recipient), action or "failed", status[0] if status else "", diagnostic[:1_000]))
    return found


def returned_headers(part: Part, limits: Limits, defects: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the headers of the mail that a report returns, from message/rfc822 or text/rfc822-headers."""
    raw = content(part, defects).lstrip(b"\r\n \t")[:200_000]
    lines, _ = header_lines(raw, 0, len(raw), limits.headers, [])
    return tuple(
        (name, decode_words(unfold(value[: limits.value], lower, []), lower, [])[: limits.value])
        for lower, name, value in lines
    )


def original_id(headers: tuple[tuple[str, str], ...], defects: list[str]) -> str | None:
    """Return the Message-ID among returned headers."""
    for name, value in headers:
        if name.lower() == "message-id":
            ids = message_ids(value, 2, "message-id", defects)
            return ids[0] if ids else None
    return None


def read_disposition(raw: bytes, defects: list[str]) -> Disposition:
    """Return what a message/disposition-notification part says. Source: RFC 8098 3.1."""
    fields = _fields(raw, defects)
    kind = fields.get("disposition", "").rpartition(";")[2].strip().split("/")[0].lower()
    ids = message_ids(fields.get("original-message-id", ""), 2, "original-message-id", defects)
    recipient = _typed(fields.get("final-recipient", fields.get("original-recipient", "")))
    return Disposition(recipient, kind[:60], ids[0] if ids else None)


def read_feedback(raw: bytes, original: str | None, defects: list[str]) -> Feedback:
    """Return what a message/feedback-report part says. Source: RFC 5965 3."""
    fields = _fields(raw, defects)
    to = parse_addresses(fields.get("original-rcpt-to", ""), "original-rcpt-to", 1, [])
    return Feedback(fields.get("feedback-type", "abuse").lower()[:60], to[0].address if to else "", original)


def is_mail_system(senders: tuple[Mailbox, ...]) -> bool:
    """Return whether one of *senders* has the name of a mail system before the ``@``; its domain says nothing."""
    return any(_MAIL_SYSTEM.search(box.address.rpartition("@")[0] or box.address) for box in senders)


def by_mail_system(senders: tuple[Mailbox, ...], signs: tuple[Evidence, ...]) -> bool:
    """Return whether a mail system may have sent the mail: by its name, or since the mail says that no person did.

    That no program shall answer it ("Precedence: bulk", "X-Loop", ...) does not say so.
    """
    return is_mail_system(senders) or any(sign.header in ("return-path", "auto-submitted", "from") for sign in signs)


def free_report(
    raw: bytes, subject: str, senders: tuple[Mailbox, ...], failed: tuple[str, ...], text: str, limits: Limits,
    signs: tuple[Evidence, ...],
) -> tuple[Bounce, Evidence] | None:  # fmt: skip
    """Return the failure, or the delay, that a mail tells in free words, with what speaks for it.

    Only mails that look so at all are searched: an empty return path, a mail system as sender, or such a subject; and
    only the first part of a large one.

    Args:
        raw: the whole mail.
        subject: decoded.
        senders: From and Sender.
        failed: values of X-Failed-Recipients (Exim).
        text: to tell a delay from a failure, and to find the returned mail's id.
        limits: how much of *raw* is searched.
        signs: what says that a program wrote it.
    """
    if failed:
        boxes = [
            box for value in failed for box in parse_addresses(value, "x-failed-recipients", 100, []) if box.address
        ]
        if boxes:
            return _free([box.address for box in boxes], text, "failed"), Evidence(
                "bounce", "x-failed-recipients", failed[0][:200]
            )
    daemon = is_mail_system(senders)
    if not by_mail_system(senders, signs):
        return None
    sure = any(sign.header in ("return-path", "from") for sign in signs)  # an empty one; a mailer daemon
    if not (_FAILED_SUBJECT.search(subject[:300]) or (daemon and (sure or _FAILED_SUBJECT.search(text[:2_000])))):
        return None
    try:
        temporary, permanent = _failures(raw[: limits.bounce], senders)
    except Exception:  # noqa: BLE001 - its patterns are written for mails that are whole
        return None
    late = not permanent or _DELAY.search(text[:20_000]) is not None
    addresses = sorted({one.decode("ascii", "replace").strip("<> ") for one in (permanent or temporary) if one})
    if not addresses:
        return None
    return _free(addresses, text, "delayed" if late else "failed"), Evidence(
        "bounce", "text", ", ".join(addresses)[:200]
    )


def _failures(raw: bytes, senders: tuple[Mailbox, ...]) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Return the addresses that flufl.bounce finds: those that failed for now, and those that failed for good."""
    import email
    import logging

    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").disabled = True  # it logs each of its twenty steps, and raises what it logs
    message = email.message_from_string(raw.decode("ascii", "replace").replace("\ufffd", "?"))
    author = senders[0].address if senders else ""
    del message["From"]
    message["From"] = author if author.isascii() and author.isprintable() and author else "<>"  # some steps need one
    temporary, permanent = all_failures(message)
    return frozenset(temporary), frozenset(permanent)


_QUOTED_ID: Final = re.compile(r"^[>\s]{0,10}Message-ID:\s{0,5}(<[^<>\s]{3,300}>)", re.IGNORECASE | re.MULTILINE)


def _free(addresses: list[str], text: str, action: str) -> Bounce:
    quoted = _QUOTED_ID.search(text)
    ids = message_ids(quoted[1], 2, "message-id", []) if quoted else ()
    return Bounce(tuple(Failure(address[:320], action, "", "") for address in addresses), ids[0] if ids else None, ())
