"""The text of a mail cut into the author's own words, quotes, and signature; every character stays in one of them.

Written here, not taken from a library: mail-parser-reply strips each line's indentation, and takes the square of the
time on "On ... wrote" (20 KB of it five seconds); the other ports of GitHub's parser know English only. What their users expect
(bullets stay, quotes between answers stay, only what trails is cut off) holds here too.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

from ticketcore.intake.mail.model import Fragment, FragmentKind
from ticketcore.intake.mail.reply_words import AUTHORS, FORWARDED, LABELS, MOBILE, STRONG, SUBJECTS, TITLES, WEAK, WROTE

__all__ = ["fragments", "split_reply"]

_REPLY, _QUOTE, _SIGNATURE = FragmentKind.REPLY, FragmentKind.QUOTE, FragmentKind.SIGNATURE
_OPENING: Final = frozenset("-_=~#*—–‐ \t")
_ENDINGS: Final = (":", "：", ":*", ":_", " ----")
_DELIMITER: Final = re.compile(r"(?:-- ?|—|__|--\xa0)[ \t]*\n?\Z")
_RULE: Final = re.compile(r"[ \t*]{0,10}[_-]{10,}[ \t*]*\n?\Z")
_NAME_DASH: Final = re.compile(r"[-–—]{1,2} ?[A-Z][\w.'-]{0,30}(?: [A-Z][\w.'-]{0,30}){0,3}[ \t]*\n?\Z")
_AUTHOR: Final = re.compile(r"\b(?:19|20)\d\d(?!\d).{1,100}<[^@<>\s]{1,100}@[^@<>\s]{1,200}>:?\s*\Z", re.DOTALL)
_EXACT: Final = re.compile(r"\d[:.h]\d\d|(?:19|20)\d\d|\d[./-]\d|@")  # a time, a year, a date or an address
_DIGIT: Final = re.compile(r"\d")
_TIME: Final = re.compile(r"\d[:.]\d\d(?!\d)")
_ADDRESS: Final = re.compile(r"[\w-]@[\w-]")
_UNSEEN: Final = " \t\n\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MARKS: Final = " \t\n-_=~#*>|:—–‐"
_LONG: Final = 1_000  # characters; a longer line introduces nothing
_BLOCK: Final = 12  # lines in which the headers of a quoted mail stand
_BACK: Final = 4  # lines over which an introduction may be broken
_FOOTER: Final = 12  # lines of a footer under a rule


def fragments(text: str, *, forwarded: bool = False) -> tuple[Fragment, ...]:
    """Return *text* (lines ending in a line feed) cut into fragments; joined they are *text* again.

    *forwarded*: its subject says that a mail is passed on: what begins with that mail's headers is news to the reader.
    """
    if not text:
        return ()
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    if not lines[-1]:
        lines.pop()
    kinds = _classify(lines, forwarded=forwarded)
    found = []
    position = 0
    for kind, group in groupby(kinds):
        count = sum(1 for _ in group)
        found.append(Fragment(kind, "".join(lines[position : position + count])))
        position += count
    return tuple(found)


def split_reply(parts: tuple[Fragment, ...]) -> tuple[str, str, str]:
    """Return the reply, the quoted text and the signature, each without empty lines around it.

    A quote that own words follow stays in the reply, since these answer it; what trails is the quoted text.
    """
    if len(parts) == 1 and parts[0].kind is _REPLY:
        return parts[0].text.strip("\n").rstrip(), "", ""
    last = max((index for index, part in enumerate(parts) if part.kind is _REPLY and part.text.strip()), default=-1)
    reply = "".join(part.text for part in parts[: last + 1] if part.kind is not _SIGNATURE)
    quoted = "".join(part.text for part in parts[last + 1 :] if part.kind is _QUOTE)
    signature = "".join(part.text for part in parts if part.kind is _SIGNATURE)
    return reply.strip("\n").rstrip(), quoted.strip("\n").rstrip(), signature.strip("\n").rstrip()


def _classify(lines: list[str], *, forwarded: bool) -> list[FragmentKind]:
    kinds = [_REPLY] * len(lines)
    number = 0
    while number < len(lines):
        line = lines[number]
        first = line[0]
        if first == ">":
            if number and kinds[number - 1] is _REPLY:
                _introduced(lines, kinds, number)
            kinds[number] = _QUOTE
            number += 1
            continue
        colon = ":" in line or "：" in line or line.endswith("----\n")
        if (not colon and first not in _OPENING) or len(line) > _LONG:
            number += 1
            continue
        begin = _introduction(lines, kinds, number) if colon else None
        if begin is not None:
            kinds[begin : number + 1] = [_QUOTE] * (number + 1 - begin)
            number = _quoted_to(lines, kinds, number + 1)
            continue
        if not line.isspace():
            if _forwards(line, first):
                break  # what is forwarded is news to the reader: it belongs to the mail
            block = _header_block(lines, number)
            if block is not None:
                if forwarded:
                    break
                kinds[number:block] = [_QUOTE] * (block - number)
                number = _quoted_to(lines, kinds, block)
                continue
            if number and _DELIMITER.match(line):
                number = _signature(lines, kinds, number)
                continue
        number += 1
    _trailing(lines, kinds)
    return kinds


def _label(line: str) -> str:
    """Return the word before a line's first colon, in lower case; empty where it is none that heads a mail."""
    head, colon, _ = line[:60].partition(":")
    if not colon or "：" in head:
        head, colon, _ = line[:60].partition("：")
    word = head.strip("> \t*_|\xa0").lower() if colon else ""
    return word if word in LABELS else ""


def _forwards(line: str, first: str) -> bool:
    if first not in "-_=~#* " and not line.rstrip().endswith(":"):
        return False
    return line.strip(_MARKS).lower().startswith(FORWARDED)


def _introduced(lines: list[str], kinds: list[FragmentKind], number: int) -> None:
    """Mark the introduction, one without a colon at its end, of the quote that begins on this line."""
    for at in range(number - 1, max(-1, number - 3), -1):
        if kinds[at] is not _REPLY or len(lines[at]) > _LONG:
            return
        if not lines[at].isspace():
            begin = _introduction(lines, kinds, at, quoted=True)
            if begin is not None:
                kinds[begin:number] = [_QUOTE] * (number - begin)
            return


def _introduction(lines: list[str], kinds: list[FragmentKind], number: int, *, quoted: bool = False) -> int | None:
    """Return where the introduction of a quote begins that ends on this line ("On ..., ... wrote:").

    *quoted*: a line with ``>`` follows.
    """
    line = lines[number]
    if not quoted and not line.rstrip().endswith(_ENDINGS):
        return None
    lower = line.lower()
    if not any(word in lower for word in WROTE):  # some name the date and the author, and no more
        if quoted and line.rstrip(_UNSEEN).endswith((":", "：")) and _TIME.search(line) and _ADDRESS.search(line):
            return number  # in a language that nobody told us
        return number if STRONG.match(line) and _AUTHOR.search(line) else None
    following = _next_line(lines, number + 1)
    quoted = quoted or (following < len(lines) and lines[following].lstrip().startswith(">"))
    if STRONG.match(line) and (_EXACT.search(line) or (quoted and _DIGIT.search(line))):
        return number
    for at in range(number - 1, max(-1, number - 1 - _BACK), -1):  # broken over several lines
        if kinds[at] is _QUOTE or len(lines[at]) > _LONG or lines[at].isspace():
            break
        if (
            STRONG.match(lines[at])
            and _DIGIT.search(lines[at])
            and (quoted or _EXACT.search("".join(lines[at : number + 1])))
        ):
            return at
    if "@" in line and ("<" in line or WEAK.match(line) or _DIGIT.search(line)):
        return number
    return number if quoted else None


def _header_block(lines: list[str], number: int) -> int | None:
    """Return where the headers of a quoted mail end that begin here, with a rule or a title before them or not."""
    at = number
    line = lines[at]
    titled = line[0] in _OPENING and line.strip(_MARKS).lower() in TITLES
    if titled or _RULE.match(line):
        at = _next_line(lines, at + 1)
        if at - number > 4:
            return number + 1 if titled else None
    elif not _label(line):
        return None
    seen: set[str] = set()
    end = at
    for index in range(at, min(len(lines), at + _BLOCK)):
        line = lines[index]
        word = _label(line)
        if word:
            seen.add(word)
            end = index + 1
        elif (index > end and not line.isspace()) or len(line) > 5 * _LONG or not seen:
            break
    if titled:
        return end if len(seen) >= 2 and seen & AUTHORS else number + 1
    mailed = seen & SUBJECTS or any(
        "@" in line for line in lines[at:end]
    )  # journeys and invoices have dates and places only
    return end if len(seen) >= 3 and seen & AUTHORS and mailed else None


def _next_line(lines: list[str], at: int) -> int:
    """Return the next line that is not empty; one looks ten lines far."""
    limit = min(len(lines), at + 10)
    while at < limit and lines[at].isspace():
        at += 1
    return at if at < limit else len(lines)


def _quoted_to(lines: list[str], kinds: list[FragmentKind], start: int) -> int:
    """Mark the quote that was introduced before *start*; return where it ends.

    With ``>`` before its lines it ends where they end; without, it takes the rest of the text.
    """
    at = _next_line(lines, start)
    if at < len(lines) and lines[at].lstrip(" ").startswith(">"):
        while at < len(lines) and lines[at].lstrip(" ").startswith(">"):
            at += 1
    else:
        at = len(lines)
    kinds[start:at] = [_QUOTE] * (at - start)
    return at


def _signature(lines: list[str], kinds: list[FragmentKind], start: int) -> int:
    """Mark the signature whose delimiter stands on this line, up to a quote or the end; return where it ends."""
    at = start
    while at < len(lines):
        line = lines[at]
        if at > start and not line.isspace() and len(line) <= _LONG:
            if line[0] == ">" or _introduction(lines, kinds, at) is not None:
                break
            if (line[0] in _OPENING or ":" in line) and _header_block(lines, at) is not None:
                break
        kinds[at] = _SIGNATURE
        at += 1
    return at


def _trailing(lines: list[str], kinds: list[FragmentKind]) -> None:
    """Mark what stands at the end of the own words: a list's footer under a rule, "Sent from my ...", "-Name"."""
    last = _last_own(lines, kinds, len(lines) - 1)
    first = last
    while first > 0 and kinds[first - 1] is _REPLY and not lines[first - 1].isspace() and last - first < _FOOTER:
        first -= 1
    if 0 < first < last and _RULE.match(lines[first]):
        kinds[first : last + 1] = [_SIGNATURE] * (last + 1 - first)
        last = _last_own(lines, kinds, first - 1)
    if last > 0 and _NAME_DASH.match(lines[last]) and not _is_bullet(lines, last):
        kinds[last] = _SIGNATURE
        return
    begin = None
    for index in range(last, max(0, last - _FOOTER), -1):
        line = lines[index]
        if kinds[index] is not _REPLY:
            break
        if len(line) < 200 and MOBILE.match(line):
            begin = index
        elif not line.isspace() and index < last:
            break
    if begin is not None:
        kinds[begin : last + 1] = [_SIGNATURE] * (last + 1 - begin)


def _last_own(lines: list[str], kinds: list[FragmentKind], last: int) -> int:
    while last >= 0 and (kinds[last] is not _REPLY or lines[last].isspace()):
        last -= 1
    return last


def _is_bullet(lines: list[str], index: int) -> bool:
    before = lines[max(0, index - 3) : index]
    return any(line.startswith(("- ", "– ", "— ")) or line.rstrip().endswith(":") for line in before)
