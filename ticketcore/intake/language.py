"""In which language a text is written.

By py3langid (BSD; a pure Python fork of langid.py with its model of 97 languages in the wheel; nothing is fetched): it says
how sure it is, so that a short or mixed text gives no answer instead of a wrong one. It needs NumPy and 130 MB, and takes
a second to load, so it is an extra of its own (``language``) and loaded at the first text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["detect_language"]

_LETTERS = 10
"""Fewer letters than this say nothing."""
_SURE = 0.6
"""Probability from which the answer is taken."""
_LONGEST = 5_000
"""Characters that are looked at: more change no answer."""
_NO_WORDS = re.compile(r"https?://\S+|\S+@\S+|[\d_]+|[^\w\s']")


def detect_language(text: str) -> str | None:
    """Return the language of a text as a BCP 47 tag of two letters (``de``).

    Returns:
        ``None`` where the text has fewer than ten letters, where it is not sure, or without the extra ``language``.
    """
    words = " ".join(_NO_WORDS.sub(" ", text[:_LONGEST]).split())
    if sum(c.isalpha() for c in words) < _LETTERS:
        return None
    classify = _classifier()
    if classify is None:
        return None
    language, probability = classify(words)
    return language if probability >= _SURE else None


@lru_cache(maxsize=1)
def _classifier() -> Callable[[str], tuple[str, float]] | None:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    found: Callable[[str], tuple[str, float]] = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).classify
    return found
