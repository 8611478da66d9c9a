"""Header values to text: folding, 8-bit bytes, encoded words (RFC 2047) and parameters (RFC 2231)."""

from __future__ import annotations

import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from ticketcore.intake.mail.charset import clean, decode

__all__ = ["decode_words", "parameters", "unfold"]

_WORD: Final = re.compile(r"=\?([^\s?*]{0,60})(?:\*[^\s?]{0,30})?\?([bBqQ])\?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+")
_FOLD: Final = re.compile(r"\r[\r ]*")
_NAME: Final = re.compile(r"[\s;]*([^\s=;\"]{1,100})\s*=\s*")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)("|$)', re.DOTALL)
_MAX_PARAMETERS: Final = 100


def unfold(raw: str, where: str, defects: list[str], charset: str = "") -> str:
    """Return a header's value, as `header_lines` gives it, on one line and decoded, still with its encoded words.

    *charset*: of 8-bit characters that are not UTF-8, as the mail's text has it.
    """
    if raw.isascii():
        return " ".join(raw.split()) if "\r" in raw else raw.strip()
    if "\r" in raw:
        raw = _FOLD.sub(" ", raw)
    octets = raw.encode("latin-1")
    try:
        text = octets.decode("utf-8")  # RFC 6532
    except UnicodeDecodeError:
        text = decode(octets, charset, where, defects)
    return (text if text.isprintable() else _CONTROL.sub("", clean(text))).strip()


def decode_words(text: str, where: str, defects: list[str]) -> str:
    """Return *text* with its encoded words decoded.

    Neighbours of one charset are decoded together, since some programs cut within a character. What is no encoded word
    stays as it is. Source: RFC 2047, read tolerantly (spaces within a word, words within quotes).
    """
    if "=?" not in text:
        return text
    out: list[str] = []
    pending: list[bytes] = []
    charset = ""
    position = 0
    while (match := _WORD.search(text, position)) is not None:
        end = text.find("?=", match.end())
        if end < 0:
            break
        between = text[position : match.start()]
        content = _word(text[match.end() : end], match[2])
        if content is None:
            defects.append(f"{where}: an encoded word that does not decode, kept as it is")
            content = text[match.start() : end + 2].encode()
        if pending and not between.strip() and match[1].lower() == charset.lower():
            pending.append(content)
        else:
            if pending:
                out.append(decode(b"".join(pending), charset, where, defects))
            if between.strip() or not out:
                out.append(between)
            pending, charset = [content], match[1]
        position = end + 2
    if pending:
        out.append(decode(b"".join(pending), charset, where, defects))
    out.append(text[position:])
    whole = "".join(out)
    return whole if whole.isprintable() else _CONTROL.sub(" ", clean(whole)).strip()


def _word(encoded: str, kind: str) -> bytes | None:
    raw = encoded.encode("utf-8", "surrogatepass")
    if kind in "qQ":
        return binascii.a2b_qp(raw, header=True)
    raw = raw.replace(b" ", b"").rstrip(b"=")
    if len(raw) % 4 == 1:
        raw = raw[:-1]
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return None


def parameters(value: str, where: str, defects: list[str]) -> tuple[str, dict[str, str]]:
    """Return the first token of *value* in lower case, and its parameters by lower-case name, decoded.

    Values may be quoted, bare (even with spaces), cut in pieces (RFC 2231) or encoded words, which no standard allows
    here but many programs write. The first of two of one name counts.
    """
    if ";" not in value:
        return value.strip().lower(), {}
    head, _, rest = value.partition(";")
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    position = 0
    for _ in range(_MAX_PARAMETERS):
        match = _NAME.match(rest, position)
        if match is None:
            following = rest.find(";", position)
            if following < 0:
                break
            position = following + 1
            continue
        text, position = _value(rest, match.end())
        name = match[1].lower()
        if "*" in name:
            base, _, tail = name.partition("*")
            number = tail.rstrip("*")
            index = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0
            pieces.setdefault(base, []).append((index, name.endswith("*"), text))
        else:
            plain.setdefault(name, text)
    found = {name: decode_words(text, where, defects) for name, text in plain.items()}
    for name, parts in pieces.items():
        found[name] = _joined(parts, where, defects)
    return head.strip().lower(), found


def _value(rest: str, start: int) -> tuple[str, int]:
    if rest.startswith('"', start):
        match = _QUOTED.match(rest, start)
        if match is not None:
            inner = re.sub(r"\\(.)", r"\1", match[1]) if "\\" in match[1] else match[1]
            after = rest.find(";", match.end())
            return inner, len(rest) if after < 0 else after + 1
    end = rest.find(";", start)
    end = len(rest) if end < 0 else end
    return rest[start:end].strip(), end + 1


def _joined(parts: list[tuple[int, bool, str]], where: str, defects: list[str]) -> str:
    parts.sort(key=lambda part: part[0])
    charset = ""
    raw = b""
    for index, (_, encoded, text) in enumerate(parts):
        if encoded and index == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)  # noqa: PLW2901 - what follows is the value
        raw += unquote_to_bytes(text) if encoded else text.encode("utf-8", "surrogatepass")
    return clean(decode_words(decode(raw, charset, where, defects), where, defects))
