"""How conditions compare people's words: without regard to case and form, by whole words, in linear time.

Texts and patterns are folded alike: without marks that nobody sees, in compatibility forms (NFKC), then full case folding;
the Turkish i with or without its dot is one letter, Greek letters lose their accent as capitals do, typographic quotes
and dashes are the plain ones, spaces of any kind and number are one.
``refund`` is found as a word of its own, not in ``prefunded``; ``refund*`` also finds ``refunds``, ``*rechnung`` also
``Stromrechnung``. Scripts that write no spaces between words (Chinese, Japanese, Thai, ...) have no such border.
Source: Unicode Standard 3.13 (default caseless matching; identifiers without default ignorable code points), UAX #15.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import re2

__all__ = ["Expression", "Words", "folded", "normalised"]

_IGNORABLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x640, 0x640), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8), (0x1D173, 0x1D17A), (0xE0000, 0xE01EF),
)  # fmt: skip
"""Soft hyphens, joiners, marks of direction, variation selectors and their like; and the stroke that lengthens Arabic words."""
_INVISIBLE = {code: None for first, last in _IGNORABLE for code in range(first, last + 1)}
_ALIKE = str.maketrans(
    {"ı": "i", **dict.fromkeys("‘’‚‛′ʼ`´", "'"), **dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("‐‑‒–—―−", "-")}
    | dict(zip("άέήίόύώΐΰ", "αεηιουωϊϋ", strict=True))
)
_SPACELESS = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)  # fmt: skip
_BORDER = re.compile(r"\W|[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _SPACELESS) + "]")
"""Where a word may begin after; elsewhere none does."""
_MAX_MEMORY = 1 << 20  # bytes of a compiled expression: some thousand states


def normalised(text: str) -> str:
    """Return *text* in compatibility form, without invisible marks; its case stays."""
    return unicodedata.normalize("NFKC", text.translate(_INVISIBLE))


def folded(text: str) -> str:
    """Return *text* as it is compared."""
    plain = normalised(normalised(text).casefold()).translate(_ALIKE).replace("i\u0307", "i")
    return " ".join(plain.split())


class Words(NamedTuple):
    """A word or phrase to be found.

    Attributes:
        written: as the policy says it.
        text: what is looked for, folded.
        open_before, open_after: a word may go on there.
    """

    written: str
    text: str
    open_before: bool
    open_after: bool

    @classmethod
    def of(cls, written: str) -> Words:
        """Return what *written* looks for.

        Raises:
            ValueError: it looks for nothing, or has a ``*`` in the middle.
        """
        bare = folded(written)
        open_before, open_after = bare.startswith("*"), bare.endswith("*")
        text = bare.removeprefix("*").removesuffix("*").strip()
        if not text or "*" in text:
            raise ValueError("a word or phrase, with * at most at its beginning or end")
        return cls(written, text, open_before, open_after)

    def found_in(self, text: str) -> bool:
        """Return whether the folded *text* has it."""
        wanted, at = self.text, text.find(self.text)
        while at >= 0:
            end = at + len(wanted)
            begins = self.open_before or at == 0 or not _joined(text[at - 1], wanted[0])
            if begins and (self.open_after or end == len(text) or not _joined(wanted[-1], text[end])):
                return True
            if not begins:  # nor does it anywhere before the word ends
                border = _BORDER.search(text, at + 1)
                at = -1 if border is None else text.find(wanted, border.start())
            else:
                at = text.find(wanted, at + 1)
        return False


class Expression:
    """A regular expression of RE2, which takes time linear in the text; searched for anywhere, without regard to case."""

    def __init__(self, written: str) -> None:
        """Compile *written*.

        Raises:
            ValueError: it is none of RE2's (look-around and back references are not), or too large.
        """
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        options.max_mem = _MAX_MEMORY
        self.written = written
        try:
            self._compiled = re2.compile(_as_texts_are(written).encode(), options)
        except re2.error as error:
            said = error.args[0] if error.args else ""
            said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise ValueError(said or "it is too large") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.written == other.written

    def __hash__(self) -> int:
        return hash(self.written)

    def found_in(self, text: str) -> bool:
        """Return whether the normalised *text* has it."""
        return self._compiled.search(text.encode("utf-8", "replace")) is not None


def _as_texts_are(written: str) -> str:
    """Return an expression normalised as texts are. Of a character that means itself none becomes one of the syntax."""

    def one(match: re.Match[str]) -> str:
        char = match[0].removeprefix("\\")
        plain = unicodedata.normalize("NFKC", char)
        return match[0] if char.isascii() or not _SYNTAX.search(plain) else re2.escape(plain)

    return normalised(re.sub(r"\\?[^\\]|\\\\", one, written))


_SYNTAX = re.compile(r"[\\.+*?()|\[\]{}^$-]")


def _joined(left: str, right: str) -> bool:
    """Return whether two neighbours are within one word."""
    return _in_word(left) and _in_word(right)


def _in_word(char: str) -> bool:
    code = ord(char)
    if code < 0x80:  # noqa: PLR2004 ASCII
        return char.isalnum() or char == "_"
    if any(first <= code <= last for first, last in _SPACELESS):
        return False
    return char.isalnum() or unicodedata.category(char)[0] == "M"
