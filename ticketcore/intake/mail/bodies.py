"""Which parts are the text, which are attachments, which are reports."""

from __future__ import annotations

import html as entities
import re
from typing import Final, NamedTuple

from ticketcore.intake.mail.calendar import read_calendar
from ticketcore.intake.mail.charset import clean, decode
from ticketcore.intake.mail.flowed import line_feeds, unflow
from ticketcore.intake.mail.html_safe import is_tame, sanitise, strip_tags
from ticketcore.intake.mail.html_text import html_to_text
from ticketcore.intake.mail.model import Attachment, CalendarItem, Limits
from ticketcore.intake.mail.reports import REPORT_PARTS
from ticketcore.intake.mail.structure import Part
from ticketcore.intake.mail.tnef import unpack
from ticketcore.intake.mail.transfer import content, split_uuencoded
from ticketcore.intake.mail.words import decode_words, parameters, unfold

__all__ = ["Bodies"]

_EXTENSIONS: Final = {
    "text/plain": "txt", "text/html": "html", "text/calendar": "ics", "text/csv": "csv", "message/rfc822": "eml",
    "message/delivery-status": "txt", "message/disposition-notification": "txt", "application/pdf": "pdf", "image/jpeg": "jpg", "image/jpg": "jpg", "image/png": "png", "image/gif": "gif",
    "application/zip": "zip", "application/pgp-signature": "asc", "application/pgp-encrypted": "asc", "text/vcard": "vcf",
    "application/pkcs7-mime": "p7m", "application/pkcs7-signature": "p7s", "application/x-pkcs7-mime": "p7m",
    "application/x-pkcs7-signature": "p7s", "application/ms-tnef": "dat", "audio/mpeg": "mp3", "video/mp4": "mp4",
}  # fmt: skip
_RETURNED: Final = frozenset({
    "message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "message/rfc822-headers",
})  # fmt: skip
_FILE_TEXTS: Final = frozenset({"text/csv", "text/vcard", "text/x-vcard", "text/directory", "text/rfc822-headers"})
_BAD_NAME: Final = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_PGP_BLOCK: Final = re.compile(r"^-----BEGIN PGP (MESSAGE|SIGNED MESSAGE)-----\s*$", re.MULTILINE)


class _Block(NamedTuple):
    """A stretch of the mail's text in both of its forms, where it has them."""

    plain: str | None
    html: str | None


def _paragraphs(texts: list[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    return "\n\n".join(text.strip("\n") for text in texts if text.strip())


class Bodies:
    """Walks a mail's parts once and collects what they hold.

    *by_machine*: something says that a program wrote the mail. Else only a mail that is a report as a whole is one: in others
    somebody forwards a report, and it is theirs to be read.

    Attributes:
        attachments: in order.
        calendar: invitations found.
        reports: parts of reports, by media type, first of each.
        returned: mails or headers of mails that a report returns.
        encrypted: ``smime`` or ``pgp``; likewise ``signed``.
    """

    def __init__(self, limits: Limits, defects: list[str], *, by_machine: bool = True) -> None:
        self.limits = limits
        self.defects = defects
        self._by_machine = by_machine
        self.attachments: list[Attachment] = []
        self.calendar: list[CalendarItem] = []
        self.reports: dict[str, list[bytes]] = {}
        self.returned: list[Part] = []
        self.encrypted: str | None = None
        self.signed: str | None = None
        self._blocks: list[_Block] = []

    def read(self, root: Part) -> None:
        """Collect everything below *root*."""
        self._walk(root, root=True)

    def text(self) -> str:
        """Return the text for people to read; empty where the mail has none."""
        shown = [
            block.plain
            if block.plain is not None and (block.plain.strip() or block.html is None)
            else self._plain(block.html or "")
            for block in self._blocks
        ]
        return clean(_paragraphs(shown))

    def html(self) -> str | None:
        """Return the whole as sanitised html; ``None`` where no part is html."""
        if not any(block.html is not None for block in self._blocks):
            return None
        whole = "\n".join(
            block.html if block.html is not None else f"<pre>{entities.escape(block.plain or '')}</pre>"
            for block in self._blocks
        )
        if not is_tame(whole, self.limits):
            return None
        return clean(sanitise(clean(whole)))

    def _plain(self, html: str) -> str:
        if not is_tame(html, self.limits):
            self.defects.append("html too large or nested too deeply to be rendered, its tags stripped")
            return strip_tags(html)
        return html_to_text(clean(html))

    def _walk(self, part: Part, *, root: bool = False, in_report: bool = False, related: bool = False) -> None:
        kind = part.type
        if part.kept:
            self._attach(part, "")
        elif not part.children:
            self._leaf(part, root=root, in_report=in_report, related=related)
        elif kind == "multipart/alternative":
            self._alternative(part)
        else:
            if kind == "multipart/signed":
                self.signed = self.signed or (
                    "pgp" if "pgp" in part.parameters.get("protocol", "pgp").lower() else "smime"
                )
            elif kind == "multipart/encrypted":
                self.encrypted = "pgp" if "pgp" in part.parameters.get("protocol", "pgp").lower() else "smime"
            report = kind == "multipart/report" and (root or self._by_machine)
            for child in part.children:
                self._walk(child, in_report=report, related=kind == "multipart/related")

    def _alternative(self, part: Part) -> None:
        """Take the plain and the html form as one block; what is neither is attached if it has a name or is no text."""
        before, self._blocks = self._blocks, []
        others: list[Part] = []
        for child in part.children:
            if child.children or child.type in ("text/plain", "text/html", "text/calendar") or child.kept:
                self._walk(child, related=True)
            else:
                others.append(child)
        plains = [block.plain for block in self._blocks if block.plain is not None]
        htmls = [block.html for block in self._blocks if block.html is not None]
        for child in others:
            if child.type.startswith("text/") and (plains or htmls) and not self._named(child):
                continue
            self._leaf(child, related=True)
        if any(block.plain is not None and block.html is not None for block in self._blocks):
            before += self._blocks
        elif plains or htmls:
            before.append(_Block(_paragraphs(plains) if plains else None, "\n".join(htmls) if htmls else None))
        self._blocks = before

    def _leaf(self, part: Part, *, root: bool = False, in_report: bool = False, related: bool = False) -> None:
        kind, defects = part.type, self.defects
        if kind in REPORT_PARTS and (in_report or root or (self._by_machine and kind != "message/feedback-report")):
            self.reports.setdefault(kind.replace("global-", ""), []).append(content(part, defects))
            return
        if in_report and kind in _RETURNED:
            self.returned.append(part)
            if kind in ("message/rfc822", "message/global"):
                self._attach(part, "")
            return
        disposition, named = parameters(part.value("content-disposition", defects), "content-disposition", defects)
        filename = named.get("filename", "")
        attached = disposition == "attachment" and not (root and not filename)
        first = not self._blocks  # some programs give even the text of the mail a file name
        is_file = attached or (bool(filename) and not root and not (first and disposition == "inline"))
        is_file = is_file or ("name" in part.parameters and not first)
        if kind in ("text/plain", "text/html") and not is_file:
            self._text(part)
            return
        if kind == "text/calendar":
            item = read_calendar(self._decoded(part), part.parameters.get("method", ""))
            if item is not None and item not in self.calendar:
                self.calendar.append(item)
        elif kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
            if part.parameters.get("smime-type", "").lower() in ("signed-data", "certs-only"):
                self.signed = self.signed or "smime"
            else:
                self.encrypted = self.encrypted or "smime"
        elif kind in ("application/ms-tnef", "application/vnd.ms-tnef"):
            found = unpack(content(part, defects), self.limits.name, defects)
            if found:
                self.attachments += found
                return
        elif kind.startswith("text/") and kind not in _FILE_TEXTS and not is_file and not self._named(part):
            self._text(part)  # text/enriched, text/markdown: readable as they are
            return
        has_cid = part.first("content-id") is not None
        self._attach(
            part,
            filename,
            inline=(has_cid and related) or (not attached and (has_cid or related or disposition == "inline")),
        )

    def _named(self, part: Part) -> bool:
        if "name" in part.parameters:
            return True
        _, named = parameters(part.value("content-disposition", []), "content-disposition", [])
        return "filename" in named

    def _decoded(self, part: Part) -> str:
        raw = content(part, self.defects)
        charset = part.parameters.get("charset") or part.parameters.get("charest") or ""
        if not charset and part.type == "text/html":
            found = re.search(
                rb"<meta[^>]{0,200}charset\s{0,5}=\s{0,5}[\"']?([\w.:-]{1,40})", raw[:4_000], re.IGNORECASE
            )
            charset = found[1].decode("ascii", "replace") if found and not raw.isascii() else ""
        return line_feeds(decode(raw, charset, part.type, self.defects))

    def _text(self, part: Part) -> None:
        text = self._decoded(part)
        if part.type == "text/html":
            self._blocks.append(_Block(None, text))
            return
        if "\n-----BEGIN PGP" in text or text.startswith("-----BEGIN PGP"):
            block = _PGP_BLOCK.search(text)
            if block is not None and block[1] == "MESSAGE":
                self.encrypted = self.encrypted or "pgp"
            elif block is not None:
                self.signed = self.signed or "pgp"
        if part.parameters.get("format", "").lower() == "flowed":
            text = unflow(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
        if "begin" in text:
            text, files = split_uuencoded(text)
            for name, data in files:
                self.attachments.append(
                    Attachment(
                        self._name(name, "application/octet-stream"), "application/octet-stream", data, False, None
                    )
                )
        if text.strip() or not self._blocks:
            self._blocks.append(_Block(text, None))

    def _attach(self, part: Part, filename: str, *, inline: bool = False) -> None:
        defects = self.defects
        data = part.body if part.kept else content(part, defects)
        name = filename or part.parameters.get("name", "")
        if not name and (location := part.value("content-location", defects)):
            name = decode_words(location, "content-location", defects).partition("?")[0]
        if not name and part.type == "message/rfc822":
            found = re.search(rb"^Subject:[ \t]*([^\r\n]{1,200})", data[:20_000], re.IGNORECASE | re.MULTILINE)
            name = (
                decode_words(unfold(found[1].decode("latin-1"), "subject", []), "subject", []) + ".eml" if found else ""
            )
            name = name.replace("/", "-").replace("\\", "-")
        cid = part.value("content-id", defects).strip("<> ")[:998] or None
        if not data.strip() and not name and cid is None:
            return
        media_type = part.type if part.type.isascii() and part.type.isprintable() else "application/octet-stream"
        self.attachments.append(
            Attachment(self._name(name, media_type), media_type, data, inline, clean(cid) if cid else None)
        )

    def _name(self, name: str, media_type: str) -> str:
        """Return a file name that is safe to show and to save: without folders and controls, not too long."""
        bare = _BAD_NAME.sub("", clean(name)).replace("\\", "/").rstrip("/ ").rpartition("/")[2].strip().strip(".")
        if not bare:
            return f"attachment-{len(self.attachments) + 1}.{_EXTENSIONS.get(media_type, 'bin')}"
        if len(bare) > self.limits.name:
            stem, dot, end = bare.rpartition(".")
            end = f"{dot}{end}" if dot and stem and len(end) < 12 else ""
            self.defects.append(f"attachment's name of {len(bare)} characters, cut to {self.limits.name}")
            bare = bare[: self.limits.name - len(end)] + end
        return bare
