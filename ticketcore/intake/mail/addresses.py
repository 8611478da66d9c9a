"""Address lists (RFC 5322), as people and programs really write them, in linear time."""

from __future__ import annotations

import re
from typing import Final

from ticketcore.intake.mail.model import Mailbox
from ticketcore.intake.mail.words import decode_words

__all__ = ["parse_addresses"]

_SIMPLE: Final = re.compile(
    r'(?:"([^"\\<>@=]{0,200})"|([^"\\<>@,;:()=]{0,200}?))\s*<([^\s<>@,;:()"\\]{1,100}@[A-Za-z0-9.-]{1,200}[A-Za-z0-9])>'
)
_BARE: Final = re.compile(r"[A-Za-z0-9_.+%/-]{1,100}@[A-Za-z0-9.-]{1,200}[A-Za-z0-9]")
_PIECE: Final = re.compile(r'=\?[^\s?]{1,60}\?[bBqQ]\?[^\s?]{0,1000}\?=|[^"()<>,;:\\=]+|.', re.DOTALL)
_AROUND: Final = re.compile(r"\s*([.@])\s*")
_UNDISCLOSED: Final = re.compile(r"undisclosed|unlisted|recipient.?list|verborgen|non.divulgu", re.IGNORECASE)


def parse_addresses(text: str, where: str, limit: int, defects: list[str]) -> tuple[Mailbox, ...]:
    """Return the mailboxes that *text*, an unfolded header value with its encoded words, lists.

    Read are also: groups (their members), names with unquoted commas, addresses without brackets behind a name, several
    addresses without commas between them, semicolons for commas, comments, routes, missing brackets. A name without an
    address, or an address without ``@``, is a mailbox too.
    """
    text = text.strip()
    if not text:
        return ()
    match = _SIMPLE.fullmatch(text)
    if match is not None:
        return (Mailbox((match[1] or match[2] or "").strip(), match[3]),)
    if _BARE.fullmatch(text):
        return (Mailbox("", text),)
    found: list[Mailbox] = []
    carried = ""
    for segment in _segments(text):
        if len(found) >= limit:
            defects.append(f"{where}: more than {limit} addresses, the rest left out")
            break
        if carried and "<" not in segment.plain:
            _add(found, _Segment(carried, carried, ""), where, defects)
            carried = ""
        if not segment.angle and "@" not in segment.plain and segment.plain.strip() and "=?" not in segment.plain:
            carried = f"{carried}, {segment.plain.strip()}" if carried else segment.plain.strip()
            continue
        if carried:
            segment = _Segment(f"{carried}, {segment.name.strip()}", segment.plain, segment.angle)  # noqa: PLW2901 - joined
            carried = ""
        _add(found, segment, where, defects)
    if carried:
        _add(found, _Segment(carried, carried, ""), where, defects)
    return tuple(found)


class _Segment:
    """What stands between two commas.

    Attributes:
        name: the words outside of brackets and comments, those in quotes too.
        plain: the same without what is in quotes, unless it looks like an address.
        angle: what is in angle brackets.
        note: a comment behind an address, where old programs put the name.
    """

    __slots__ = ("angle", "name", "note", "plain")

    def __init__(self, name: str, plain: str, angle: str, note: str = "") -> None:
        self.name = name
        self.plain = plain
        self.angle = angle
        self.note = note


def _segments(text: str) -> list[_Segment]:
    out: list[_Segment] = []
    name: list[str] = []
    plain: list[str] = []
    angle = note = ""
    pieces = _PIECE.findall(text)
    last = {piece: place for place, piece in enumerate(pieces) if piece in ';>")'}
    named = False  # whether an address stands before a colon, which is then no group's
    index = 0

    def close() -> None:
        nonlocal angle, named, note
        segment = _Segment("".join(name), "".join(plain) + ("<" if angle else ""), angle, note)
        if segment.name.strip() or angle:
            out.append(segment)
        name.clear()
        plain.clear()
        angle = note = ""
        named = False

    while index < len(pieces):
        piece = pieces[index]
        index += 1
        if piece == '"' and index <= last.get('"', -1):
            quoted: list[str] = []
            while index < len(pieces) and pieces[index] != '"':
                if pieces[index] == "\\" and index + 1 < len(pieces):
                    index += 1
                quoted.append(pieces[index])
                index += 1
            index += 1
            if angle:
                close()  # two mailboxes without a comma
            inner = "".join(quoted)
            name.append(inner)
            plain.append("" if "@" not in inner or " " in inner.strip() else inner)
        elif piece == "(" and index <= last.get(")", -1):
            begin, index = index, _after_comment(pieces, index)
            if named and not note:
                note = "".join(pieces[begin : index - 1]).strip()
        elif piece == "<":
            inner_parts: list[str] = []
            if index <= last.get(">", -1):
                while index < len(pieces) and pieces[index] != ">":
                    if pieces[index] == "(":
                        index = _after_comment(pieces, index + 1)
                        continue
                    if pieces[index] != "<":
                        inner_parts.append(pieces[index])
                    index += 1
                index += 1
            else:
                while index < len(pieces) and pieces[index] not in ",;":
                    inner_parts.append(pieces[index])
                    index += 1
            if angle:
                close()
            angle = "".join(inner_parts).strip() or " "
        elif piece in (",", ";"):
            close()
        elif piece == ":" and index <= last.get(";", -1) and not angle and not named:
            name.clear()  # the name of a group
            plain.clear()
        elif piece != ">":
            if angle and piece.strip():
                close()
            named = named or "@" in piece
            name.append(piece)
            plain.append(piece)
    close()
    return out


def _after_comment(pieces: list[str], index: int) -> int:
    depth = 1
    while index < len(pieces) and depth:
        piece = pieces[index]
        if piece == "\\":
            index += 1
        elif piece == "(":
            depth += 1
        elif piece == ")":
            depth -= 1
        index += 1
    return index


def _add(found: list[Mailbox], segment: _Segment, where: str, defects: list[str], *, again: bool = True) -> None:
    if segment.angle:
        address = _address(segment.angle)
        name = decode_words(segment.name.strip(), where, defects).strip().strip("'\"").strip()
        if _UNDISCLOSED.search(address):
            return
        if name or address:
            found.append(Mailbox(name, address))
        return
    text = segment.name.strip()
    if not text:
        return
    if "=?" in text and again:
        decoded = decode_words(text, where, defects)
        if "@" in decoded:  # a whole mailbox within an encoded word
            for inner in _segments(decoded):
                _add(found, inner, where, defects, again=False)
            return
        text = decoded
    if "@" not in segment.plain:
        if not _UNDISCLOSED.search(text):
            found.append(Mailbox(text, ""))
        return
    before = len(found)
    words = _AROUND.sub(r"\1", text).split()
    pending: list[str] = []
    for word in words:
        if "@" in word.strip("@"):
            found.append(Mailbox(" ".join(pending).strip("'\""), _address(word)))
            pending = []
        else:
            pending.append(word)
    if pending:
        if len(found) == before + 1 and not found[-1].name:
            found[-1] = Mailbox(" ".join(pending), found[-1].address)
        else:
            found.append(Mailbox(" ".join(pending), ""))
    if segment.note and len(found) == before + 1 and not found[-1].name:
        found[-1] = Mailbox(decode_words(segment.note, where, defects), found[-1].address)


def _address(text: str) -> str:
    text = _AROUND.sub(r"\1", text.strip())
    if text.startswith("@") and ":" in text:  # a route
        text = text.rpartition(":")[2]
    if text[:7].lower() == "mailto:":
        text = text[7:]
    return "".join(text.split()).strip("'\"<>;,").rstrip(".")
