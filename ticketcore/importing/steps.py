"""Which events bring a ticket from its status to a state of the source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Status
from ticketcore.importing.mapping import Step

if TYPE_CHECKING:
    from ticketcore.domain.base import Event

__all__ = ["steps"]

_OVER = (Status.SOLVED, Status.CLOSED)
_WAITING = (Status.PENDING, Status.ON_HOLD)


def steps(status: Status, step: Step, state: str) -> list[tuple[type[Event], dict[str, Any]]]:
    """Return classes and fields of the events, in order; always at least one, the last stands for *state*.

    A ticket that was solved or closed is reopened before it goes anywhere but to closed. The source's state is kept
    as the reason of a waiting.
    """
    found: list[tuple[type[Event], dict[str, Any]]] = []
    target = step.status
    if target is None:
        return [(ev.Updated, {})]
    if status in _OVER and target is not status and target is not Status.CLOSED:
        found.append((ev.Reopened, {}))
        status = Status.OPEN
        if target is Status.OPEN:
            return found
    if target is Status.PENDING:
        found.append((ev.Pended, {"reason": state}))
    elif target is Status.ON_HOLD:
        found.append((ev.Held, {"reason": state}))
    elif target is Status.OPEN and status in _WAITING:
        found.append((ev.Resumed, {}))
    elif target is Status.SOLVED and status is not target:
        found.append((ev.Solved, {}))
    elif target is Status.CLOSED and status is not target:
        found.append((ev.Closed, {}))
    elif target is status and target in _OVER:
        found.append((ev.Updated, {}))
    else:
        found.append((ev.Updated, {"status": target}))
    return found
