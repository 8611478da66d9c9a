"""Transfer encodings undone (RFC 2045), with all that goes wrong in them."""

from __future__ import annotations

import binascii
import re
from typing import Final

from ticketcore.intake.mail.structure import Part

__all__ = ["content", "split_uuencoded"]

_SEPARATORS: Final = re.compile(r"[^a-z0-9]")
_PADDED: Final = re.compile(rb"=+")
_BEGIN: Final = re.compile(r"^begin(?:-base64)? [0-7]{3,4} (\S[^\n]{0,200})$", re.MULTILINE)
_PLAIN: Final = frozenset({"", "7bit", "8bit", "binary", "8bits", "7bits", "none", "bit", "7", "8", "plain"})


def content(part: Part, defects: list[str]) -> bytes:
    """Return the part's bytes, decoded as its Content-Transfer-Encoding says; what does not decode stays as it is."""
    named = part.value("content-transfer-encoding", defects)
    key = _SEPARATORS.sub("", named.partition(";")[0].lower()) if named else ""
    if key in _PLAIN:
        return part.body
    if key.startswith("quotedprintable") or key == "qp":
        return binascii.a2b_qp(part.body)
    if key.startswith("base64"):
        return _base64(part, defects)
    if key in ("xuuencode", "uuencode", "xuue", "uue"):
        text, files = split_uuencoded(part.body.decode("latin-1").replace("\r\n", "\n"))
        if files:
            if len(files) > 1 or text.strip():
                defects.append("several uuencoded files in one part, the first taken")
            return files[0][1]
        defects.append(f"{part.type}: not uuencoded, read as it is")
        return part.body
    defects.append(f"{part.type}: unknown transfer encoding {named[:40]!r}, read as it is")
    return part.body


def _base64(part: Part, defects: list[str]) -> bytes:
    view = memoryview(part.raw)[part.start : part.end]
    head = bytes(view[:2_000])
    if part.type.startswith("text/") and head.count(b" ") * 10 > len(head):  # base64 has no spaces, words have
        defects.append(f"{part.type}: says base64 but is not, read as it is")
        return bytes(view)
    first = part.raw.find(b"=", part.start, part.end)
    if first >= 0 and part.raw[first : part.end].strip(b"=\r\n\t ") and part.end - first > 8:
        rest = bytes(view[first - part.start :])
        if re.search(rb"=[\s=]*[A-Za-z0-9+/]{2}", rest[:200]):  # pieces, each padded, one after the other
            defects.append(f"{part.type}: base64 in several pieces, joined")
            return b"".join(_lenient(piece, part, defects) for piece in _PADDED.split(bytes(view)) if piece.strip())
    try:
        return binascii.a2b_base64(view)
    except binascii.Error:
        return _lenient(bytes(view), part, defects)


def _lenient(raw: bytes, part: Part, defects: list[str]) -> bytes:
    kept = re.sub(rb"[^A-Za-z0-9+/]+", b"", raw.partition(b"=")[0] if b"=" in raw else raw)
    if len(kept) % 4 == 1:
        kept = kept[:-1]
        defects.append(f"{part.type}: base64 cut short, its last character left out")
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def split_uuencoded(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return *text* without the uuencoded files in it, and these by name. Text that only looks so stays."""
    if "begin " not in text and "begin-base64 " not in text:
        return text, []
    files: list[tuple[str, bytes]] = []
    kept: list[str] = []
    position = 0
    while (match := _BEGIN.search(text, position)) is not None:
        found = _uudecode(text, match.end() + 1, base64="base64" in match[0][:12])
        if found is None:
            kept.append(text[position : match.end()])
            position = match.end()
            continue
        data, stop = found
        kept.append(text[position : match.start()])
        files.append((match[1].strip(), data))
        position = stop
    kept.append(text[position:])
    return "".join(kept), files


def _uudecode(text: str, start: int, *, base64: bool) -> tuple[bytes, int] | None:
    out: list[bytes] = []
    position = start
    while position < len(text):
        stop = text.find("\n", position)
        stop = len(text) if stop < 0 else stop
        line = text[position:stop].rstrip("\r")
        position = min(stop + 1, len(text))
        if line in ("end", "===="):
            return b"".join(out), position
        try:
            raw = line.encode("ascii")
            if base64:
                out.append(binascii.a2b_base64(raw))
            elif raw and not raw.isspace():
                out.append(_uu_line(raw))
        except (binascii.Error, UnicodeEncodeError):
            return None
    return None


def _uu_line(raw: bytes) -> bytes:
    size = ((raw[0] - 32) & 63) * 4 // 3 + 1
    if not 32 <= raw[0] <= 96 or len(raw) > 90:
        raise binascii.Error("no uuencoded line")
    try:
        return binascii.a2b_uu(raw)
    except binascii.Error:  # some encoders pad with junk (the standard library's uu module does the same)
        return binascii.a2b_uu(raw[: (((raw[0] - 32) & 63) * 4 + 5) // 3 + 1]) if len(raw) > size else b""
