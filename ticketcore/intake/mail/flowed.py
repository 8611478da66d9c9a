"""Plain text as mail programs send it: line ends, and paragraphs wrapped to be joined again (RFC 3676)."""

from __future__ import annotations

__all__ = ["line_feeds", "unflow"]


def line_feeds(text: str) -> str:
    """Return *text* with every line end, of whatever kind, as one line feed."""
    if "\r" not in text:
        return text
    text = text.replace("\r\n", "\n")
    if "\r" not in text:
        return text
    *lines, last = text.split("\n")
    return "\n".join([*(line.rstrip("\r") for line in lines), last]).replace("\r", "\n")


def unflow(text: str, *, delete_space: bool) -> str:
    """Return *text*, sent as ``format=flowed``, with its paragraphs joined.

    Args:
        text: lines end in a line feed.
        delete_space: whether the space before a soft break is no part of the text (``DelSp=yes``).
    """
    if " \n" not in text and "\n " not in text and text[:1] != " " and text[-1:] != " ":
        return text  # nothing to join, nothing stuffed
    out: list[str] = []
    held: list[str] = []
    depth = 0
    for line in text.split("\n"):
        content = line.lstrip(">")
        quotes = len(line) - len(content)
        content = content.removeprefix(" ")
        if held and quotes != depth:  # the depth changed within a paragraph: the paragraph was ended wrongly
            out.append(_line(depth, held))
            held = []
        depth = quotes
        if content.endswith(" ") and content != "-- ":
            held.append(content[:-1] if delete_space else content)
            continue
        if content == "-- " and held:
            out.append(_line(depth, held))
            held = []
        held.append(content)
        out.append(_line(depth, held))
        held = []
    if held:
        out.append(_line(depth, held))
    return "\n".join(out)


def _line(depth: int, held: list[str]) -> str:
    text = "".join(held)
    return f"{'>' * depth} {text}" if depth and text else ">" * depth + text
