"""What a ticket is about, by rules: category, subcategory, tags, impact and urgency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketcore.domain.commands import build
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.ticket_commands import Classify, Prioritise
from ticketcore.domain.ticket_events import Classified
from ticketcore.domain.transitions import VISIBLE
from ticketcore.policy.first_rule import first_rule, fitting
from ticketcore.policy.since import basis_since
from ticketcore.policy.steps import Step

if TYPE_CHECKING:
    from ticketcore.domain.ticket import Ticket
    from ticketcore.domain.ticket_commands import TicketCommand
    from ticketcore.domain.types import Level
    from ticketcore.policy import sections
    from ticketcore.policy.steps import View

__all__ = ["classification_steps", "classified", "levelled"]


def classification_steps(view: View) -> list[Step]:
    """Return the decision of the first rule that fits, where it is another one than was decided last.

    What people set stays: category and tags of a ticket that somebody classified, impact and urgency of one whose
    levels or priority somebody set. Where no rule fits, or none any more, everything stays as it is.
    """
    case = view.case
    if case.ticket.status not in VISIBLE:
        return []
    rule, seen = first_rule(view.policy.document.classification, view.facts)
    if rule is None:
        return []
    outcome = _words(rule.set)
    last = case.last_decision(Section.CLASSIFICATION)
    if last is not None and (last.rule, dict(last.outcome)) == (rule.rule, outcome):
        return []
    rules = view.policy.document.classification
    basis = basis_since(view, Section.CLASSIFICATION, (Classified.TOPIC,), lambda facts: fitting(rules, facts))
    decision = PolicyDecision(section=Section.CLASSIFICATION, rule=rule.rule, basis=basis, saw=seen, outcome=outcome)
    return [Step(decision, tuple(_commands(view, rule.set)))]


def _words(wanted: sections.Classify) -> dict[str, str]:
    """Return what a rule sets, by name."""
    plain = {name: getattr(wanted, name) for name in ("category", "subcategory", "impact", "urgency")}
    words = {name: str(value) for name, value in plain.items() if value is not None}
    return words | ({"add_tags": ", ".join(wanted.add_tags)} if wanted.add_tags else {})


def _commands(view: View, wanted: sections.Classify) -> list[TicketCommand]:
    case, ticket = view.case, view.case.ticket
    commands: list[TicketCommand] = []
    if not case.category_by_hand and (wanted.category is not None or wanted.add_tags):
        values = classified(wanted, ticket)
        if values != {name: getattr(ticket, name) for name in values}:
            commands.append(build(Classify, ticket_id=ticket.id, **values))
    impact, urgency = levelled(wanted, ticket)
    changed = (impact, urgency) != (ticket.impact, ticket.urgency)
    if changed and not case.levels_by_hand and not case.priority_by_hand:
        section = view.policy.document.priority
        both = impact is not None and urgency is not None
        priority = section.matrix.pairs[impact, urgency] if both else ticket.priority or section.default
        commands.append(build(Prioritise, ticket_id=ticket.id, impact=impact, urgency=urgency, priority=priority))
    return commands


def classified(wanted: sections.Classify, ticket: Ticket) -> dict[str, Any]:
    """Return category, subcategory and tags of *ticket* as a rule sets them; another category takes no subcategory along."""
    category = wanted.category or ticket.category
    kept = ticket.subcategory if category == ticket.category else None
    return {
        "category": category,
        "subcategory": wanted.subcategory or kept,
        "tags": tuple(dict.fromkeys((*ticket.tags, *wanted.add_tags))),
    }


def levelled(wanted: sections.Classify, ticket: Ticket) -> tuple[Level | None, Level | None]:
    """Return impact and urgency of *ticket* as a rule sets them."""
    return wanted.impact or ticket.impact, wanted.urgency or ticket.urgency
