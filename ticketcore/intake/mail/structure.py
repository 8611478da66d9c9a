"""A mail's bytes cut into headers and parts, in linear time and without copying a part's content.

The standard library's parser leaves From and Subject in the body once a single line among the headers is no header,
needs four times a large mail's size, takes the square of the time for nested multiparts and raises on some thousand.
What is well-formed is cut alike by both; a test compares them.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from functools import lru_cache
from itertools import islice
from typing import Final

from ticketcore.intake.mail.model import Limits
from ticketcore.intake.mail.words import parameters, unfold

__all__ = ["Part", "header_lines", "parse_structure"]

_BLANK: Final = re.compile(rb"\n\r*\n")
_UNFOLDED: Final = re.compile(rb"\n(?![ \t])")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]+ *\Z")
_GUESSED: Final = re.compile(rb"(?:\A|\n)--([^\s-][^\r\n]{0,200}|-[^\r\n]{1,200}?)[ \t]*\r?\nContent-", re.IGNORECASE)
_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {10, 13})
_HEAD: Final = 2_000
_KNOWN: Final = frozenset({
    "from", "to", "cc", "subject", "date", "message-id", "received", "mime-version", "content-type",
    "content-transfer-encoding", "content-disposition", "reply-to", "return-path", "in-reply-to", "references",
    "sender", "x-mailer", "user-agent", "delivered-to", "bcc",
})  # fmt: skip


class Part:
    """One part: its headers, and where its body lies in the mail's bytes.

    Attributes:
        headers: lower-case name, name as written, raw value, in order.
        start: of the body.
        end: of the body, exclusive.
        type: media type in lower case, ``text/plain`` where none is readable.
        parameters: of the media type.
        declared: whether there was a Content-Type.
        children: of a multipart.
        kept: why a multipart was not cut into its parts; empty where it was.
    """

    __slots__ = ("by_name", "children", "declared", "end", "headers", "kept", "parameters", "raw", "start", "type")

    def __init__(self, raw: bytes, start: int, end: int) -> None:
        self.raw = raw
        self.start = start
        self.end = end
        self.headers: list[tuple[str, str, str]] = []
        self.by_name: dict[str, list[str]] = {}
        self.type = "text/plain"
        self.parameters: dict[str, str] = {}
        self.declared = False
        self.children: list[Part] = []
        self.kept = ""

    @property
    def body(self) -> bytes:
        """The body's bytes, still in their transfer encoding."""
        return self.raw[self.start : self.end]

    def first(self, name: str) -> str | None:
        """Return the raw value of the first header called *name* (lower case)."""
        found = self.by_name.get(name)
        return found[0] if found else None

    def value(self, name: str, defects: list[str]) -> str:
        """Return that value unfolded; empty where there is none."""
        raw = self.first(name)
        return "" if raw is None else unfold(raw, name, defects)


def parse_structure(raw: bytes, limits: Limits, defects: list[str]) -> Part:
    """Return the tree of parts of a whole mail."""
    if b"\r" in raw[:_HEAD] and b"\n" not in raw[:_HEAD]:
        defects.append("lines end in a carriage return alone")
        raw = raw.replace(b"\r", b"\n")
    start = len(BOM_UTF8) if raw.startswith(BOM_UTF8) else 0
    if raw.startswith((b"\r", b"\n")):
        stripped = len(raw) - len(raw.lstrip(b"\r\n"))
        name, colon, _ = raw[stripped : stripped + 200].partition(b":")
        if colon and _FIELD_NAME.match(name.decode("latin-1")):
            defects.append("empty lines before the headers, skipped")
            start = stripped
    root = Part(raw, start, len(raw))
    _read_headers(root, limits, defects, "text/plain")
    budget = limits.parts
    todo = [(root, 0)]
    while todo:
        part, depth = todo.pop()
        if not part.type.startswith("multipart/"):
            continue
        if depth >= limits.depth:
            part.kept = f"multiparts nested deeper than {limits.depth}, kept as one attachment"
            defects.append(part.kept)
            continue
        _split(part, budget, defects)
        budget -= len(part.children)
        default = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
        for child in part.children:
            if not child.kept:
                _read_headers(child, limits, defects, default)
        todo += [(child, depth + 1) for child in reversed(part.children) if not child.kept]
    return root


def header_lines(
    raw: bytes, start: int, end: int, limit: int, defects: list[str]
) -> tuple[list[tuple[str, str, str]], int]:
    """Return the headers that begin at *start* (lower-case name, name, value) and where the body begins.

    A value's bytes are Latin-1 characters here, a line break within it a carriage return: see `unfold`.
    """
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return [], start + (1 if raw.startswith(b"\n", start) else 2)
    found = _BLANK.search(raw, start, end)
    stop, body = (found.start(), found.end()) if found else (end, end)
    block = raw[start:stop].replace(b"\r\n", b"\n").replace(b"\t", b" ").replace(b"\n ", b"\r ")
    headers: list[tuple[str, str, str]] = []
    lines = block.translate(None, _CONTROLS).decode("latin-1").split("\n")
    for index, line in enumerate(lines):
        name, colon, value = line.partition(":")
        lower, shown = _field_name(name) if colon else ("", "")
        if lower:
            headers.append((lower, shown, value))
            if len(headers) > limit:
                defects.append(f"more than {limit} headers, the rest left out")
                headers.pop()
                break
            continue
        if index == 0 and line.startswith(("From ", ">From ")):
            continue  # the separator line of a mailbox file
        before = headers[-1][2] if headers else ""
        if before.count("<") > before.count(">") and ">" in line:  # a fold without its white space, within an id
            headers[-1] = (*headers[-1][:2], f"{before}\r{line}")
        elif _known_follows(lines, index) and not before.rstrip(" ").endswith("\r"):
            if line.strip():
                defects.append(f"a line among the headers that is none, skipped: {line[:60]!r}")
            if headers and "\r" in line:  # its continuation lines belong to the header before it
                headers[-1] = (*headers[-1][:2], before + line[line.index("\r") :])
        else:  # the text begins here
            if line.strip() or index < len(lines) - 1:
                defects.append("no empty line between headers and text")
            return headers, _offset(raw, start, stop, index)
    return headers, body


@lru_cache(maxsize=1_000)
def _field_name(name: str) -> tuple[str, str]:
    """Return a field's name in lower case and as written; both empty where it is none."""
    if not _FIELD_NAME.match(name):
        return "", ""
    shown = name.rstrip()
    return shown.lower(), shown[:200]


def _known_follows(lines: list[str], index: int) -> bool:
    """Return whether one of the next lines is a header that every mail has (so what came was junk, not text)."""
    return any(
        line.partition(":")[0].strip().lower() in _KNOWN for line in lines[index + 1 : index + 12] if ":" in line
    )


def _offset(raw: bytes, start: int, stop: int, index: int) -> int:
    """Return where the line *index*, counted from *start* with folded lines as one, begins in *raw*."""
    if not index:
        return start
    breaks = _UNFOLDED.finditer(raw, start, stop)
    return next(islice(breaks, index - 1, None)).end()


def _read_headers(part: Part, limits: Limits, defects: list[str], default: str) -> None:
    part.headers, part.start = header_lines(part.raw, part.start, part.end, limits.headers, defects)
    by_name = part.by_name
    for lower, _, value in part.headers:
        if lower in by_name:
            by_name[lower].append(value)
        else:
            by_name[lower] = [value]
    part.type = default
    types = by_name.get("content-type")
    if not types:
        return
    part.declared = True
    kind, named, wrong = _content_type(types[0][:20_000])
    if len(types) > 1:
        others = [_content_type(value[:20_000]) for value in types[:5]]
        kind, named, wrong = next(
            (one for one in others if one[0].startswith("multipart/") and "boundary" in one[1]), others[0]
        )
        defects.append(f"several Content-Type headers, read as {kind[:60]}")
    defects += wrong
    part.parameters = named
    top, slash, sub = kind.partition("/")
    if top and slash and sub and " " not in kind:
        part.type = kind[:100]
    elif kind == "text" or not kind:
        part.type = "text/plain"
    else:
        defects.append(f"Content-Type {kind[:60]!r} is none, read as {default}")


@lru_cache(maxsize=256)
def _content_type(raw: str) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Return the media type, its parameters (not to be changed) and what was wrong."""
    defects: list[str] = []
    kind, named = parameters(unfold(raw, "content-type", defects), "content-type", defects)
    return kind.split("(", 1)[0].strip(), named, tuple(defects)  # behind a bracket a comment begins


def _split(part: Part, budget: int, defects: list[str]) -> None:
    """Cut a multipart into its children; one without delimiters becomes plain text."""
    boundary = part.parameters.get("boundary", "").rstrip().encode("utf-8", "surrogatepass")
    found = _delimiters(part, boundary, budget) if boundary else []
    if not found:
        guess = _GUESSED.search(part.raw, max(0, part.start - 1), min(part.end, part.start + 200_000))
        if guess:
            found = _delimiters(part, guess[1].rstrip(), budget)
            defects.append("the multipart's boundary does not occur, another one taken from its text")
    if not found:
        if part.raw[part.start : part.start + 1000].strip():
            defects.append(f"{part.type} without parts, read as text")
        part.type = "text/plain"
        return
    closed = False
    for index, (_, after, closing) in enumerate(found):
        if closing:
            closed = True
            continue
        stop = found[index + 1][0] if index + 1 < len(found) else part.end
        child = Part(part.raw, after, max(after, stop))
        if len(part.children) >= budget - 1:
            child.end = part.end
            child.kept = "more parts than the limit, the rest kept as one attachment"
            defects.append(child.kept)
            part.children.append(child)
            return
        part.children.append(child)
    if not closed:
        defects.append("multipart without its closing boundary")


def _delimiters(part: Part, boundary: bytes, budget: int) -> list[tuple[int, int, bool]]:
    """Return where each delimiter line begins (with the line break before it) and ends, and whether it closes."""
    raw, end, mark = part.raw, part.end, b"--" + boundary
    found: list[tuple[int, int, bool]] = []
    position = raw.find(mark, part.start, end)
    while position >= 0:
        after = position + len(mark)
        if position == part.start or raw[position - 1] in b"\n\r":
            line_end = raw.find(b"\n", after, end)
            line_end = end if line_end < 0 else line_end
            tail = raw[after : min(line_end, after + 100)].strip()
            if tail in (b"", b"--", b"-") and line_end - after < 100:
                begin = position
                if begin > part.start and raw[begin - 1] == 10:
                    begin -= 2 if begin - 1 > part.start and raw[begin - 2] == 13 else 1
                found.append((begin, min(line_end + 1, end), tail != b""))
                if len(found) > budget + 1:
                    return found
                after = line_end
        position = raw.find(mark, after, end)
    return found
