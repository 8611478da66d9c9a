"""Priority from impact and urgency.

Source: ITIL 4, "Incident management" practice guide, and ITIL v3 "Service Operation" 4.2.5.4, whose 3 x 3 example
matrix gives the priorities 1 to 5 by impact and urgency; its 4 and 5 (low, planning) are one ``low`` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ticketcore.domain.types import Level, Priority

__all__ = ["ITIL", "Matrix", "priority_of"]

Matrix = Mapping[tuple[Level, Level], Priority]
"""(impact, urgency) -> priority, for all nine pairs."""

_H, _M, _L = Level.HIGH, Level.MEDIUM, Level.LOW

ITIL: Matrix = MappingProxyType({
    (_H, _H): Priority.CRITICAL, (_H, _M): Priority.HIGH,   (_H, _L): Priority.NORMAL,
    (_M, _H): Priority.HIGH,     (_M, _M): Priority.NORMAL, (_M, _L): Priority.LOW,
    (_L, _H): Priority.NORMAL,   (_L, _M): Priority.LOW,    (_L, _L): Priority.LOW,
})  # fmt: skip
"""The matrix in force where no policy gives another."""


def priority_of(impact: Level, urgency: Level, matrix: Matrix = ITIL) -> Priority:
    """Return the priority of a pair under *matrix*."""
    return matrix[impact, urgency]
