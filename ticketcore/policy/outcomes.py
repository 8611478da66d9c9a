"""What became of a ticket's promises, by what is recorded and by what is derived under another policy."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ticketcore.domain.types import SlaTarget, Status
from ticketcore.policy.courses import RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ticketcore.domain.base import Event
    from ticketcore.policy.case import Case
    from ticketcore.policy.courses import Clock

__all__ = ["ENDS", "Outcome", "derived_outcome", "recorded_outcomes"]


class Outcome(StrEnum):
    """What became of the promises about one target of one ticket: ``BROKEN`` where any was, else what the last came to."""

    KEPT = "kept"
    BROKEN = "broken"
    RUNNING = "running"
    WITHDRAWN = "withdrawn"
    NOT_REPORTED = "not_reported"
    """Of an imported ticket that is over: nothing was reported, where imports report of others how they ended."""
    NONE = "none"


ENDS = (Outcome.KEPT, Outcome.BROKEN)
_PROMISES = {
    "ticket.sla_applied": Outcome.RUNNING,
    "ticket.sla_paused": Outcome.RUNNING,
    "ticket.sla_resumed": Outcome.RUNNING,
    "ticket.sla_withdrawn": Outcome.WITHDRAWN,
    "ticket.sla_fulfilled": Outcome.KEPT,
    "ticket.sla_breached": Outcome.BROKEN,
}
"""Topic of a fact about a promise -> what it makes of the promise; a warning makes nothing of it."""
_OVER = (Status.SOLVED, Status.CLOSED)
_STATES = {"fulfilled": Outcome.KEPT, "breached": Outcome.BROKEN, "withdrawn": Outcome.WITHDRAWN}


def recorded_outcomes(events: Iterable[Event], case: Case) -> dict[SlaTarget, Outcome]:
    """Return what is recorded of each target; once broken it stays so.

    *case*: the ticket of *events* after all of them.
    """
    found: dict[SlaTarget, Outcome] = {}
    for event in events:
        outcome = _PROMISES.get(event.TOPIC)
        if outcome is not None:
            told: Any = event
            if found.get(told.target) is not Outcome.BROKEN:
                found[told.target] = outcome
    silent = Outcome.NOT_REPORTED if case.is_imported and case.ticket.status in _OVER else Outcome.NONE
    return {target: found.get(target, silent) for target in SlaTarget}


def derived_outcome(clocks: Sequence[Clock], target: SlaTarget) -> tuple[Outcome, Clock | None]:
    """Return what became of the promises about *target*, and the clock that decides it; ``None`` where none was made."""
    mine = [clock for clock in clocks if clock.target is target and clock.state != "none"]
    clock = next((clock for clock in mine if clock.state == "breached"), mine[-1] if mine else None)
    if clock is None:
        return Outcome.NONE, None
    return (Outcome.RUNNING if clock.state in RUNNING else _STATES[clock.state]), clock
