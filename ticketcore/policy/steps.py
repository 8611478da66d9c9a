"""How the engine and a policy's sections meet: what a section sees, and what it answers with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from ticketcore.domain.service_events import PolicyDecision
    from ticketcore.domain.ticket_commands import TicketCommand
    from ticketcore.policy.case import Case
    from ticketcore.policy.outside import Letter

__all__ = ["Section", "Step", "View", "Wake"]


class Step(NamedTuple):
    """What one rule wants: its decision, and the commands that carry it out.

    Attributes:
        decision: ``None`` where nothing was decided, and clocks are only brought up to date.
        commands: to the ticket alone, in order.
    """

    decision: PolicyDecision | None
    commands: tuple[TicketCommand, ...] = ()


class View(NamedTuple):
    """A ticket as a section sees it, what earlier sections decided included.

    Attributes:
        case: the ticket and what happened to it.
        clocks: its promises.
        policy: in force at ``now``.
        schedule: all policies that were adopted.
        facts: what conditions look at.
        desk: the agents.
        now: aware.
        write: gives the mail that a template makes for the ticket's requester, or says why none may be sent.
    """

    case: Case
    clocks: Any
    policy: Any
    schedule: Any
    facts: Any
    desk: Any
    now: datetime
    write: Callable[[str], Letter]


Section = Callable[[View], list[Step]]
"""What a part of a policy does: steps that are not done yet; none where all is as it should be. Pure."""
Wake = Callable[[View], "datetime | None"]
"""When a part of a policy has something to do though nothing happens until then; ``None`` for never."""
