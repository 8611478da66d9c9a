"""Mail domains: their one spelling, and those that public providers give to anybody."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from ticketcore.domain.commands import wrong

__all__ = ["domain_of", "is_public", "normal_domain", "own_domain"]

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def normal_domain(text: str) -> str | None:
    """Return a mail domain in lower case and IDNA (``b\u00fccher.example`` is ``xn--bcher-kva.example``); ``None`` for none."""
    try:
        name = text.strip().removeprefix("@").rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = name.split(".")
    return name if len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels) else None


def domain_of(address: str) -> str | None:
    """Return the domain of a normalised mail address, ``None`` where it is no name (an IP address, a broken one)."""
    return normal_domain(address.rpartition("@")[2])


@cache
def _public() -> frozenset[str]:
    text = (resources.files("ticketcore.domain") / "public_domains.txt").read_text(encoding="ascii")
    return frozenset(line for line in text.split() if line)


def is_public(domain: str) -> bool:
    """Return whether anybody may have an address under a (normalised) domain: it tells nothing of who they belong to."""
    return domain in _public()


def own_domain(text: str) -> str:
    """Return *text* normalised where it can be one organisation's; for pydantic."""
    name = normal_domain(text)
    if name is None:
        raise wrong("a mail domain such as example.org", "give what stands behind the @")
    if is_public(name):
        raise wrong(
            "an organisation's own mail domain", "a public provider's addresses are anybody's: add their owners"
        )
    return name
