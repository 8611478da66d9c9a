"""From raw bytes to a `ParsedMail`: pure, and never an exception whatever the bytes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ticketcore.intake.mail import robots
from ticketcore.intake.mail.addresses import parse_addresses
from ticketcore.intake.mail.bodies import Bodies
from ticketcore.intake.mail.charset import detect
from ticketcore.intake.mail.fields import message_ids, parse_date, split_subject
from ticketcore.intake.mail.model import (
    Bounce,
    Disposition,
    Evidence,
    Feedback,
    Fragment,
    FragmentKind,
    Limits,
    Mailbox,
    MailKind,
    ParsedMail,
)
from ticketcore.intake.mail.reply import fragments, split_reply
from ticketcore.intake.mail.reports import (
    by_mail_system,
    free_report,
    original_id,
    read_disposition,
    read_feedback,
    read_status,
    returned_headers,
)
from ticketcore.intake.mail.structure import Part, parse_structure
from ticketcore.intake.mail.words import decode_words, unfold

__all__ = ["parse_mail"]

_DELIVERED: Final = (
    "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-rcpt-to", "x-apparently-to", "apparently-to",
    "x-forwarded-to", "x-original-delivered-to", "original-recipient",
)  # fmt: skip
_FORWARDS: Final = frozenset({
    "fwd", "fw", "wg", "tr", "rv", "vs", "vb", "doorst", "enc", "i", "ilt", "pd", "továbbítás", "továb",
    "trs", "转发", "轉寄", "转寄", "転送", "пересл", "πρθ", "הועבר",
})  # fmt: skip
_READ: Final = frozenset({
    *_DELIVERED, "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "return-path",
    "content-language", "accept-language", "x-accept-language", "x-failed-recipients",
})  # fmt: skip
_MAX_DEFECTS: Final = 100


def parse_mail(raw: bytes, *, limits: Limits = Limits(), own_domains: Collection[str] = ()) -> ParsedMail:  # noqa: B008 - immutable
    """Return what *raw*, a mail as it came (RFC 5322, or anything else), says.

    Time is linear in its size, memory a small multiple of it. What is broken is read as well as it can be and told in
    ``defects``.

    Args:
        raw: the whole message; a mailbox file's ``From `` line before it is skipped.
        limits: how much is read in detail.
        own_domains: domains, in lower case, of the Message-IDs that this system itself gives; a mail with such an id is
            a loop.
    """
    return _Reading(bytes(raw), limits, own_domains).result()


class _Reading:
    """One mail being read."""

    def __init__(self, raw: bytes, limits: Limits, own_domains: Collection[str]) -> None:
        self.raw = raw
        self.limits = limits
        self.own_domains = own_domains
        self.defects: list[str] = []
        self.root: Part = parse_structure(raw, limits, self.defects)
        self.folded: dict[str, list[str]] = {}  # values with their encoded words, by lower-case name
        self.headers: list[tuple[str, str]] = []
        self.marked: list[tuple[str, str]] = []  # those that tell who wrote
        folded, headers, longest = self.folded, self.headers, limits.value
        charset = self.root.parameters.get("charset", "")
        notable, own, own_size = robots.NOTABLE, robots.OWN_HEADERS, len(robots.OWN_HEADERS)
        for lower, name, value in self.root.headers:
            if value.isascii() and "\r" not in value:
                text = value.strip()
            else:
                if not charset and not value.isascii():
                    charset = self._guessed()
                text = unfold(value, lower, self.defects, charset)
            if lower in _READ:
                if lower in folded:
                    folded[lower].append(text)
                else:
                    folded[lower] = [text]
            if "=?" in text:
                text = decode_words(text, lower, self.defects)
            if len(text) > longest:
                self.defects.append(f"{lower[:60]}: a header of {len(value)} bytes, shown up to {longest} characters")
                text = text[:longest]
            headers.append((name, text))
            if lower in notable or lower[:own_size] == own:
                self.marked.append((lower, text))

    def result(self) -> ParsedMail:
        defects, limits = self.defects, self.limits
        from_ = self._addresses("from")
        senders = self._addresses("sender")
        marked = self.marked
        found = robots.automatic(marked, from_)
        bodies = Bodies(limits, defects, by_machine=by_mail_system(from_ + senders, tuple(found)))
        bodies.read(self.root)
        subject = self._subject()
        base, prefixes, tags = split_subject(subject)
        text = bodies.text()
        cut = self._fragments(text, prefixes)
        reply, quoted, signature = split_reply(cut)
        if not from_:
            defects.append("no From" if "from" not in self.folded else "From without an address")
        elif len(self.folded["from"]) > 1:
            defects.append("several From headers")
        message_id = next(iter(self._ids("message-id", 2)), None)
        lists = robots.list_signs(marked)
        kind, evidence, bounce, disposition, feedback = self._kind(bodies, subject, from_ + senders, text, tuple(found))
        list_id = next((value for name, value in marked if name == "list-id" and value), None)
        dates = self.folded.get("date")
        return ParsedMail(
            message_id=message_id,
            in_reply_to=self._ids("in-reply-to", limits.ids),
            references=self._ids("references", limits.ids),
            from_=from_,
            sender=senders[0] if senders else None,
            reply_to=self._addresses("reply-to"),
            to=self._addresses("to"),
            cc=self._addresses("cc"),
            delivered_to=self._delivered(),
            return_path=self._return_path(),
            subject=subject,
            subject_base=base,
            subject_prefixes=prefixes,
            subject_tags=tags,
            date=parse_date(dates[0], defects) if dates else None,
            text=text,
            html=bodies.html(),
            reply_text=reply,
            quoted_text=quoted,
            signature=signature,
            fragments=cut,
            attachments=tuple(bodies.attachments),
            language=self._language(),
            kind=kind,
            evidence=(*evidence, *found, *lists),
            hints=tuple(robots.weak_signs(subject, from_, marked)),
            mailing_list=bool(lists),
            list_id=list_id,
            bounce=bounce,
            disposition=disposition,
            feedback=feedback,
            calendar=tuple(bodies.calendar),
            encrypted=bodies.encrypted,
            signed=bodies.signed,
            loop=tuple(robots.loop_signs(marked, message_id, self.own_domains)),
            headers=tuple(self.headers),
            defects=tuple(dict.fromkeys(defects))[:_MAX_DEFECTS],
        )

    def _guessed(self) -> str:
        """Return the charset of the mail's text, for 8-bit headers of a mail that names none."""
        root = self.root
        return detect(root.raw[root.start : root.start + 16_384]) or "us-ascii"

    def _subject(self) -> str:
        values = self.folded.get("subject")
        if not values:
            return ""
        if len(values) > 1:
            self.defects.append("several Subject headers, the first taken")
        return decode_words(values[0], "subject", self.defects)

    def _addresses(self, name: str) -> tuple[Mailbox, ...]:
        values = self.folded.get(name)
        if not values:
            return ()
        found: tuple[Mailbox, ...] = ()
        for value in values[: self.limits.addresses]:
            found += parse_addresses(value, name, self.limits.addresses - len(found), self.defects)
        return found

    def _ids(self, name: str, limit: int) -> tuple[str, ...]:
        values = self.folded.get(name)
        if not values:
            return ()
        whole = values[0] if len(values) == 1 else " ".join(values)
        return message_ids(decode_words(whole, name, self.defects), limit, name, self.defects)

    def _delivered(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for name in _DELIVERED:
            for value in self.folded.get(name, ())[:50]:
                plain = value.partition(" via ")[0].removeprefix("rfc822;")
                for box in parse_addresses(plain, name, 100, self.defects):
                    if box.address:
                        found.setdefault(box.address)
        return tuple(found)

    def _return_path(self) -> str | None:
        values = self.folded.get("return-path")
        return values[0].strip().strip("<>").strip()[:320] if values else None

    def _language(self) -> str | None:
        for name in ("content-language", "accept-language", "x-accept-language"):
            for value in self.folded.get(name, ()):
                tag = value.split(",")[0].split(";")[0].strip()
                if 2 <= len(tag) <= 35 and tag.replace("-", "").isalnum() and tag.isascii():
                    return tag
        return None

    def _fragments(self, text: str, prefixes: tuple[str, ...]) -> tuple[Fragment, ...]:
        first = prefixes[0].lower() if prefixes else ""
        cut = fragments(text, forwarded=first in _FORWARDS and first != "vs")  # which in Finnish is an answer's
        if len(cut) == 1 and cut[0].kind is FragmentKind.REPLY:
            return cut
        if any(part.kind is FragmentKind.REPLY and part.text.strip() for part in cut):
            return cut
        folded = self.folded
        begins = not first and ">" not in text and "in-reply-to" not in folded and "references" not in folded
        if text and (first in _FORWARDS or (begins and any(part.kind is FragmentKind.QUOTE for part in cut))):
            return (
                Fragment(FragmentKind.REPLY, text),
            )  # passed on without a word, or a form's fields: it is what was meant
        return cut

    def _kind(
        self, bodies: Bodies, subject: str, senders: tuple[Mailbox, ...], text: str, signs: tuple[Evidence, ...]
    ) -> tuple[MailKind, tuple[Evidence, ...], Bounce | None, Disposition | None, Feedback | None]:
        reports, defects = bodies.reports, self.defects
        returned = returned_headers(bodies.returned[-1], self.limits, defects) if bodies.returned else ()
        original = original_id(returned, defects)
        if "message/feedback-report" in reports:
            feedback = read_feedback(reports["message/feedback-report"][0], original, defects)
            return (
                MailKind.FEEDBACK,
                (Evidence("feedback", "structure", "message/feedback-report"),),
                None,
                None,
                feedback,
            )
        if "message/delivery-status" in reports:
            recipients = [one for raw in reports["message/delivery-status"] for one in read_status(raw, defects)]
            bounce = Bounce(tuple(recipients), original, returned)
            kind = MailKind.BOUNCE if bounce.failed else MailKind.DELIVERY_REPORT
            if recipients:
                said = ", ".join(f"{one.recipient}: {one.action} {one.status}" for one in recipients[:5])
                return kind, (Evidence("delivery-status", "structure", said[:200]),), bounce, None, None
        if "message/disposition-notification" in reports:
            receipt = read_disposition(reports["message/disposition-notification"][0], defects)
            if receipt.original_message_id is None and original is not None:
                receipt = receipt._replace(original_message_id=original)
            return (
                MailKind.DISPOSITION,
                (Evidence("disposition", "structure", receipt.disposition),),
                None,
                receipt,
                None,
            )
        failed = tuple(self.folded.get("x-failed-recipients", ()))
        free = free_report(self.raw, subject, senders, failed, text, self.limits, signs)
        if free is not None:
            bounce, evidence = free
            if original is not None:
                bounce = bounce._replace(original_message_id=original, original_headers=returned)
            return MailKind.BOUNCE if bounce.failed else MailKind.DELIVERY_REPORT, (evidence,), bounce, None, None
        return MailKind.AUTO_REPLY if signs else MailKind.ORDINARY, (), None, None, None
