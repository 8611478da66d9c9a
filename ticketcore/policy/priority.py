"""How urgent a ticket is: the first rule that fits, else the policy's matrix of impact and urgency, else its default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.domain.commands import build
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.ticket_commands import Prioritise
from ticketcore.domain.transitions import VISIBLE
from ticketcore.policy.first_rule import first_rule
from ticketcore.policy.steps import Step

if TYPE_CHECKING:
    from ticketcore.policy.steps import View

__all__ = ["DEFAULT", "MATRIX", "priority_steps"]

MATRIX, DEFAULT = "matrix", "default"
"""What decisions name as their rule where none of the document's counted."""


def priority_steps(view: View) -> list[Step]:
    """Return the decision, where it is another one than was decided last. A priority that somebody set stays.

    So does one that a follow-up rule raised, until the values that count here change.
    """
    case, ticket = view.case, view.case.ticket
    if ticket.status not in VISIBLE or case.priority_by_hand:
        return []
    section = view.policy.document.priority
    rule, seen = first_rule(section.rules, view.facts)
    if rule is not None:
        name, priority = rule.rule, rule.set.priority
    elif ticket.impact is not None and ticket.urgency is not None:
        name, priority = MATRIX, section.matrix.pairs[ticket.impact, ticket.urgency]
        seen = {**seen, "impact": ticket.impact.value, "urgency": ticket.urgency.value}
    else:
        name, priority = DEFAULT, section.default
    outcome = {"priority": priority.value}
    last = case.last_decision(Section.PRIORITY)
    if last is not None and (last.rule, dict(last.outcome)) == (name, outcome):
        unchanged = name != MATRIX or all(last.saw.get(key) == seen[key] for key in ("impact", "urgency"))
        if unchanged or ticket.priority is priority:
            return []
    decision = PolicyDecision(
        section=Section.PRIORITY, rule=name, basis=case.opened.originator_version, saw=seen, outcome=outcome
    )
    if ticket.priority is priority:
        return [Step(decision)]
    return [Step(decision, (build(Prioritise, ticket_id=ticket.id, priority=priority),))]
