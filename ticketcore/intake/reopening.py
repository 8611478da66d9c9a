"""How long after its closing a message reopens a ticket, where a policy says so."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ticketcore.domain.policies import Adoption

__all__ = ["reopening_days"]

_DAY = timedelta(days=1)


def reopening_days(adopted: Iterable[Adoption], at: datetime) -> float | None:
    """Return the reopening window, in days, of the policy in force at *at*.

    ``None`` where none is in force, it says nothing of reopening, or this release can't read it: no message is lost for
    that, the intake's own rule counts.
    """
    standing = [one for one in adopted if one.effective_at <= at]
    if not standing:
        return None
    return _window(max(standing, key=lambda one: (one.effective_at, one.version)).document)


@lru_cache(maxsize=8)
def _window(document: str) -> float | None:
    from ticketcore.policy.errors import BadPolicy  # takes 80 ms, and most messages are to no closed ticket
    from ticketcore.policy.source import load_policy

    try:
        reopening = load_policy(document).reopening
    except BadPolicy:
        return None
    return None if reopening is None else reopening.window / _DAY
