"""Which tickets get which standard procedures. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.domain.commands import build
from ticketcore.domain.service_commands import AddChecklist
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.transitions import is_regular
from ticketcore.policy.follow_up import changes_by_itself
from ticketcore.policy.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ticketcore.policy.conditions import Condition
    from ticketcore.policy.follow_up_rules import Checklist
    from ticketcore.policy.steps import View

__all__ = ["checklists", "wake_checklists"]


def checklists(view: View) -> list[Step]:
    """Return the checklists that a ticket gets now: each once, and none that it has.

    One that was given is not taken back, and keeps its steps, whatever a later policy says.
    """
    steps: list[Step] = []
    for name, known, when in _missing(view):
        if when.matches(view.facts):
            decision = PolicyDecision(
                section=Section.CHECKLIST, rule=name, saw=when.saw(view.facts), outcome={"checklist": name}
            )
            values = {"checklist": name, "steps": known.steps, "required": known.required}
            steps.append(Step(decision, (build(AddChecklist, ticket_id=view.case.ticket.id, **values),)))
    return steps


def wake_checklists(view: View) -> datetime | None:
    """Return when a ticket may get a checklist though nothing happens until then; ``None`` for never."""
    times = (time for _, _, when in _missing(view) for time in changes_by_itself(when, view))
    return min((time for time in times if time > view.now), default=None)


def _missing(view: View) -> Iterator[tuple[str, Checklist, Condition]]:
    case = view.case
    if case.newest_imported or not is_regular("ticket.checklist_added", case.ticket.status):
        return
    has = {known.name for known in case.ticket.checklists}
    for name, known in view.policy.document.checklists.items():
        if known.when is not None and name not in has and not case.fired(Section.CHECKLIST, name, None):
            yield name, known, known.when
