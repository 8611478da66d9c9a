"""How urgent a ticket is: the first rule that fits, else the policy's matrix of impact and urgency, else its default."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.commands import build
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.ticket_commands import Prioritise
from ticketcore.domain.ticket_events import Prioritised
from ticketcore.domain.transitions import VISIBLE
from ticketcore.policy.first_rule import fitting, seen_until
from ticketcore.policy.since import basis_since
from ticketcore.policy.steps import Step

if TYPE_CHECKING:
    from ticketcore.domain.ticket import Ticket
    from ticketcore.domain.types import Priority
    from ticketcore.policy.facts import Facts
    from ticketcore.policy.sections import PriorityRule, PrioritySection
    from ticketcore.policy.steps import View

__all__ = ["DEFAULT", "MATRIX", "Ruling", "priority_by", "priority_steps"]

MATRIX, DEFAULT = "matrix", "default"
"""What decisions name as their rule where none of the document's counted."""


class Ruling(NamedTuple):
    """A priority, what says it (a rule's name, :data:`MATRIX` or :data:`DEFAULT`), and the rule, where one does."""

    name: str
    priority: Priority
    rule: PriorityRule | None = None


def priority_by(section: PrioritySection, ticket: Ticket, facts: Facts) -> Ruling:
    """Return how urgent a policy says *ticket* is, whatever was said of it before.

    *facts*: what rules know of the ticket; the matrix goes by its own impact and urgency.
    """
    rule = fitting(section.rules, _for_rules(section, ticket, facts))
    return _without_rules(section, ticket) if rule is None else Ruling(rule.rule, rule.set.priority, rule)


def _without_rules(section: PrioritySection, ticket: Ticket) -> Ruling:
    if ticket.impact is not None and ticket.urgency is not None:
        return Ruling(MATRIX, section.matrix.pairs[ticket.impact, ticket.urgency])
    return Ruling(DEFAULT, section.default)


def _for_rules(section: PrioritySection, ticket: Ticket, facts: Facts) -> Facts:
    """Return what rules look at: as priority what it is without them, for what they set they would never come to rest."""
    if not any("priority" in rule.when.fields for rule in section.rules):
        return facts
    return facts.but({"priority": _without_rules(section, ticket).priority})


def priority_steps(view: View) -> list[Step]:
    """Return the decision, where it is another one than was decided last. A priority that somebody set stays.

    So does one that a follow-up rule raised, until the values that count here change.
    """
    case, ticket = view.case, view.case.ticket
    if ticket.status not in VISIBLE or case.priority_by_hand:
        return []
    section = view.policy.document.priority
    name, priority, rule = priority_by(section, ticket, view.facts)
    seen = dict(seen_until(section.rules, rule, _for_rules(section, ticket, view.facts)))
    if name == MATRIX:
        seen |= {"impact": str(ticket.impact), "urgency": str(ticket.urgency)}
    outcome = {"priority": priority.value}
    last = case.last_decision(Section.PRIORITY)
    if last is not None and (last.rule, dict(last.outcome)) == (name, outcome):
        unchanged = name != MATRIX or all(last.saw.get(key) == seen[key] for key in ("impact", "urgency"))
        if unchanged or ticket.priority is priority:
            return []
    basis = basis_since(view, Section.PRIORITY, (Prioritised.TOPIC,), lambda facts: _said(section, ticket, facts))
    decision = PolicyDecision(section=Section.PRIORITY, rule=name, basis=basis, saw=seen, outcome=outcome)
    if ticket.priority is priority:
        return [Step(decision)]
    return [Step(decision, (build(Prioritise, ticket_id=ticket.id, priority=priority),))]


def _said(section: PrioritySection, ticket: Ticket, facts: Facts) -> tuple[str, Priority]:
    """Return rule and priority by what was known of *ticket* at a moment of the past."""
    levels = ticket._replace(impact=facts.value("impact"), urgency=facts.value("urgency"))
    return priority_by(section, levels, facts)[:2]
