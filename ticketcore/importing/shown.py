"""What a file holds, as it may be shown: a foreign file must not send control bytes to a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["shown", "shown_all"]

_LONGEST = 60
_MOST = 40


def shown(text: str) -> str:
    """Return *text* in quotes, what is not printable escaped, and cut behind 60 characters."""
    return repr(text) if len(text) <= _LONGEST else f"{text[:_LONGEST]!r}... ({len(text):,} characters)"


def shown_all(texts: Iterable[str]) -> str:
    """Return *texts* as :func:`shown`, with commas between; behind 40 only how many more there are."""
    every = list(texts)
    more = f" and {len(every) - _MOST:,} more" if len(every) > _MOST else ""
    return ", ".join(map(shown, every[:_MOST])) + more
