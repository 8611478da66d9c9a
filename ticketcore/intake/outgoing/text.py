"""A plain text as html: every character as it was, links to click, and nothing that runs."""

from __future__ import annotations

import re
from html import escape

__all__ = ["html_of"]

_LINK = re.compile(r"https?://[^\s<>\"'\u00a0]+[^\s<>\"'\u00a0.,;:!?)\]}]", re.IGNORECASE)
_INDENT = re.compile(r"^[ \t]+|(?<= ) +", re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*?")


def html_of(text: str, marker: str, language: str | None) -> str:
    """Return an html page that shows *text*, and *marker* small at its end."""
    lang = f' lang="{escape(language)}"' if language else ""
    paragraphs = "\n".join(f"<p>{_lines(part)}</p>" for part in _PARAGRAPHS.split(text.strip("\n")) if part.strip())
    return (
        f'<!DOCTYPE html>\n<html{lang}>\n<head><meta charset="utf-8"></head>\n'
        f'<body style="font-family: sans-serif">\n{paragraphs}\n'
        f'<p style="color: #888888; font-size: small">{escape(marker)}</p>\n</body>\n</html>\n'
    )


def _lines(text: str) -> str:
    pieces, at = list[str](), 0
    for match in _LINK.finditer(text):
        link = escape(match[0])
        pieces += [_plain(text[at : match.start()]), f'<a href="{link}">{link}</a>']
        at = match.end()
    return "".join([*pieces, _plain(text[at:])])


def _plain(text: str) -> str:
    spaced = _INDENT.sub(lambda match: "\u00a0" * len(match[0].expandtabs(4)), text)
    return escape(spaced).replace("\n", "<br>\n")
