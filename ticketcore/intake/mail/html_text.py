"""Html made readable as text.

It is written here over selectolax's tree rather than by a converter: it must carry quotes as ``>``, so that they can be
told from the reply, and lose nothing of what is nested deeply (inscriptis returns nothing of html nested 2,000 deep;
html2text is licensed otherwise).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

__all__ = ["html_to_text"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPACE: Final = re.compile(r"[ \t\n\r\f\xa0]+")
_BLOCKS: Final = _names(
    "address article aside body caption center details dd div dl dt fieldset figure figcaption footer form "
    "header hr html li main nav ol p pre section table tbody tfoot thead tr ul blockquote h1 h2 h3 h4 h5 h6"
)
_SPACED: Final = _names("p h1 h2 h3 h4 h5 h6 blockquote")
_SKIPPED: Final = _names("head script style title template noembed iframe object")
_NO_BORDER: Final = re.compile(r"border(?:-left)?\s{0,5}:\s{0,5}(?:none|0)", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"display\s{0,5}:\s{0,5}none", re.IGNORECASE)


def html_to_text(html: str) -> str:
    """Return what a person would read of *html*: quotes as ``>``, lists with their marks, links with their address."""
    from selectolax.lexbor import LexborHTMLParser

    root = LexborHTMLParser(html).root
    writer = _Writer()
    node: Any = root
    links: list[tuple[str, int]] = []
    while node is not None:
        child = _enter(node, writer, links)
        if child is not None:
            node = child
            continue
        while node is not None:
            _leave(node, writer, links)
            following = node.next
            if following is not None:
                node = following
                break
            node = node.parent
            if node is None or node.tag == "-document":
                node = None
    writer.block()
    while writer.lines and not writer.lines[-1].strip("> "):
        writer.lines.pop()
    start = 0
    while start < len(writer.lines) and not writer.lines[start].strip():
        start += 1
    return "\n".join(writer.lines[start:])


class _Writer:
    """Collects lines; breaks that are asked for several times over are made once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.lists: list[int] = []  # next number of an ordered list, 0 in others
        self.pre = 0
        self.marker = ""

    def text(self, text: str) -> None:
        if self.pre:
            first, *others = text.replace("\xa0", " ").split("\n")
            self.line.append(first)
            for other in others:
                self.feed()
                self.line.append(other)
            return
        text = _SPACE.sub(" ", text)
        if text == " " and not self.line:
            return
        if text.startswith(" ") and (not self.line or self.line[-1].endswith(" ")):
            text = text[1:]
        if text:
            if self.marker:
                text = self.marker + text.lstrip()
                self.marker = ""
            self.line.append(text)

    def feed(self) -> None:
        """End the line, even an empty one."""
        line = "".join(self.line)
        self.line.clear()
        mark = ">" * self.quotes
        line = line.rstrip() if not self.pre else line
        self.lines.append(f"{mark} {line}" if mark and line else mark + line)

    def block(self, *, spaced: bool = False) -> None:
        """End the line if there is one; if *spaced*, have an empty one after it."""
        if self.line:
            self.feed()
        if spaced and self.lines and self.lines[-1].strip("> "):
            self.feed()


def _skipped(node: LexborNode) -> bool:
    if node.tag in _SKIPPED:
        return True
    style = node.attributes.get("style")
    return style is not None and len(style) < 5_000 and _HIDDEN.search(style) is not None


def _enter(node: Any, writer: _Writer, links: list[tuple[str, int]]) -> Any:
    tag = node.tag
    if tag == "-text":
        writer.text(node.text_content or "")
        return None
    if tag is None or tag.startswith(("-", "!")) or _skipped(node):
        return node.child if tag == "-document" else None
    if tag == "br":
        writer.feed()
    elif tag == "img":
        alt = (node.attributes.get("alt") or "").strip()
        if alt:
            writer.text(f"[{alt}]")
    elif tag == "a":
        links.append(((node.attributes.get("href") or "").strip(), len(writer.line)))
    elif tag in ("td", "th"):
        if writer.line:
            writer.text(" ")
    elif tag in _BLOCKS:
        writer.block(spaced=tag in _SPACED)
        if tag == "blockquote" and _quotes(node):
            writer.quotes += 1
        elif tag == "pre":
            writer.pre += 1
        elif tag in ("ul", "ol"):
            start = node.attributes.get("start") or "1"
            number = int(start) if tag == "ol" and start.isascii() and start.isdigit() and len(start) < 9 else 1
            writer.lists.append(number if tag == "ol" else 0)
        elif tag == "li":
            _item(writer)
        elif tag == "hr":
            writer.text("-" * 20)
            writer.block()
    return node.child


def _quotes(node: LexborNode) -> bool:
    """Return whether a blockquote quotes; without a border some programs only indent by it."""
    return (
        node.attributes.get("type") == "cite" or _NO_BORDER.search((node.attributes.get("style") or "")[:5_000]) is None
    )


def _item(writer: _Writer) -> None:
    indent = "  " * max(0, len(writer.lists) - 1)
    if writer.lists and writer.lists[-1]:
        writer.marker = f"{indent}{writer.lists[-1]}. "
        writer.lists[-1] += 1
    else:
        writer.marker = f"{indent}- "


def _leave(node: Any, writer: _Writer, links: list[tuple[str, int]]) -> None:
    tag = node.tag
    if tag is None or tag.startswith("-") or tag == "br" or _skipped(node):
        return
    if tag == "a" and links:
        href, at = links.pop()
        shown = "".join(writer.line[at:]).strip()
        if href[:4].lower() in ("http", "ftp:") and _bare(href) != _bare(shown):
            writer.text(f" <{href}>" if shown else f"<{href}>")
    elif tag in _BLOCKS:
        writer.block(spaced=tag in _SPACED and tag != "blockquote")
        if tag == "blockquote" and _quotes(node):
            writer.quotes = max(0, writer.quotes - 1)
            writer.block(spaced=True)
        elif tag == "pre":
            writer.pre = max(0, writer.pre - 1)
        elif tag in ("ul", "ol") and writer.lists:
            writer.lists.pop()
        elif tag == "li":
            writer.marker = ""


def _bare(link: str) -> str:
    return link.lower().removeprefix("http://").removeprefix("https://").removeprefix("www.").rstrip("/ ")
