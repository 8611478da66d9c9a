"""Texts that go out: plain files by language, with placeholders and no code.

A template is a UTF-8 text file ``LANGUAGE/NAME.txt``; a company's own folder goes before the built-in one. ``{number}`` is a
placeholder, ``{{`` a brace. A paragraph (lines between blank ones) that has a placeholder without a value is left out, so a
link that is not known takes its sentence along.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ticketcore.errors import ConfigurationError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PLACEHOLDERS", "Templates", "languages_for"]

BUILT_IN = Path(__file__).parent / "templates"
PLACEHOLDERS = {
    "number": "the ticket's number",
    "subject": "the ticket's subject",
    "customer_name": "the customer's name",
    "company": "the name in TICKETCORE_MAIL_FROM",
    "agent": "the id of the agent who writes",
    "status_link": "a signed link to the ticket's state, where TICKETCORE_BASE_URL is set",
    "text": "what the agent wrote (reply.txt)",
    "rating_link": "a signed link by which the customer rates the solution, where TICKETCORE_BASE_URL is set",
    "expires": "the date until which that link is valid, as in 2026-12-24",
    "reopen_days": "for how many days after its closing an answer opens the ticket again, where the policy says so",
    "greeting": "the text of greeting.txt, or of greeting_unnamed.txt where no name is known",
    "signature": "the text of signature.txt",
}
"""Placeholder -> what stands in its place."""
_LAST = "en"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}\n]{0,60})\}|[{}]")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


def languages_for(language: str | None, default: str = _LAST) -> tuple[str, ...]:
    """Return the languages to look in, first to last: ``de-AT`` gives ``de-AT``, ``de``, the default, ``en``."""
    found: list[str] = []
    for tag in (language, default, _LAST):
        parts = (tag or "").replace("_", "-").split("-")
        found += ["-".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return tuple(dict.fromkeys(tag for tag in found if _NAME.fullmatch(tag)))


class Templates:
    """The templates of a company.

    Args:
        own: a folder whose files go before the built-in ones; ``None`` for none.
        default: the language where the asked one has no template.
    """

    def __init__(self, own: Path | None = None, default: str = _LAST) -> None:
        self._folders = (*([own] if own else []), BUILT_IN)
        self._default = default

    def render(self, name: str, language: str | None, values: Mapping[str, str | None]) -> str:
        """Return a template's text with *values* in place; greeting and signature are rendered from their own.

        Args:
            name: ``acknowledgement``, ``reply``, ``replies/NAME`` (agents') or ``notices/NAME`` (rules').
            language: BCP 47, ``None`` for the default.
            values: by placeholder; missing or ``None``: not known.
        Raises:
            NotFound: there is no such template in any of the languages.
            ConfigurationError: a file holds a placeholder that there is none of, or can't be read.
        """
        known = dict(values)
        if name not in _PARTS:
            greeting = "greeting" if known.get("customer_name") else "greeting_unnamed"
            for part, file in (("greeting", greeting), ("signature", "signature")):
                if part not in known:
                    known[part] = self.render(file, language, values)
        path = self._find(name, language)
        return _filled(_parsed(path, path.stat().st_mtime_ns), known)

    def names(self, folder: str = "replies") -> tuple[str, ...]:
        """Return the names of the templates in a folder, in any language: agents' replies, rules' ``notices``."""
        return tuple(sorted({path.stem for root in self._folders for path in root.glob(f"*/{folder}/*.txt")}))

    def check(self) -> int:
        """Read every template and return how many there are.

        Raises:
            ConfigurationError: the own folder is missing, or a file can't be taken.
        """
        for folder in self._folders:
            if not folder.is_dir():
                raise ConfigurationError(
                    f"mail_templates (TICKETCORE_MAIL_TEMPLATES) is {str(folder)!r}: there is no such folder, expected one"
                    " with LANGUAGE/NAME.txt (make it, or unset the variable)"
                )
        paths = [path for root in self._folders for path in root.glob("*/**/*.txt")]
        for path in paths:
            _parsed(path, path.stat().st_mtime_ns)
        return len(paths)

    def _find(self, name: str, language: str | None) -> Path:
        parts = name.split("/")
        if all(map(_NAME.fullmatch, parts)):
            for tag in languages_for(language, self._default):
                for folder in self._folders:
                    path = folder.joinpath(tag, *parts).with_suffix(".txt")
                    if path.is_file():
                        return path
        notice = parts[0] == "notices"
        known = ", ".join(self.names("notices" if notice else "replies"))
        raise NotFound("template", repr(name[:60]), f"the {'notices' if notice else 'reply templates'} are {known}")


_PARTS = ("greeting", "greeting_unnamed", "signature")
_Piece = tuple[bool, str]
"""A placeholder's name (true), or text (false)."""


@lru_cache(maxsize=256)
def _parsed(path: Path, _changed: int) -> tuple[tuple[_Piece, ...], ...]:
    """Return a file's paragraphs in pieces."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read the template {path}: {error} (expected a text in UTF-8)") from None
    return tuple(tuple(_pieces(path, paragraph)) for paragraph in _PARAGRAPHS.split(text))


def _pieces(path: Path, text: str) -> list[_Piece]:
    pieces, at = list[_Piece](), 0
    for match in _BRACES.finditer(text):
        pieces.append((False, text[at : match.start()]))
        at = match.end()
        if match[0] in ("{{", "}}"):
            pieces.append((False, match[0][0]))
        elif match[1] in PLACEHOLDERS:
            pieces.append((True, match[1]))
        else:
            raise ConfigurationError(
                f"cannot use the template {path}: {match[0]} is no placeholder, expected one of"
                f" {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)} (correct it; a brace itself is written twice)"
            )
    return [*pieces, (False, text[at:])]


def _filled(paragraphs: tuple[tuple[_Piece, ...], ...], values: Mapping[str, str | None]) -> str:
    kept = (
        "".join(values.get(text) or "" if is_name else text for is_name, text in pieces)
        for pieces in paragraphs
        if all(values.get(text) for is_name, text in pieces if is_name)
    )
    return "\n\n".join(paragraph.rstrip() for paragraph in kept)
