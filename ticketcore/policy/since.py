"""Since which event of a ticket rules decide as they do now: what a decision is because of, however late it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ticketcore.domain.service_events import Section
    from ticketcore.policy.facts import Facts
    from ticketcore.policy.steps import View

__all__ = ["basis_since"]


def basis_since(view: View, section: Section, topics: tuple[str, ...], decide: Callable[[Facts], object]) -> int | None:
    """Return the version of the event that a decision of *section* is because of; ``None`` where no event is the cause.

    It is the first event since which the rules say what they say now, and not before anybody's last word on the matter.
    Where that was so at the section's last decision already, another policy or the passing of time is the cause.

    Args:
        view: the ticket.
        section: that decides.
        topics: of the events that say what it decides.
        decide: gives what its rules say of what is known.
    """
    wanted, found = decide(view.facts), None
    for point in reversed(view.clocks.points):
        if decide(point.facts) != wanted:
            break
        found = point.order
        if point.topic in topics:
            break
    last = view.case.last_decision(section)
    return None if found is None or (last is not None and found <= last.version) else found
