"""Whose a ticket is: the team of the first routing rule that fits, else the default team; never nobody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.commands import build
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.ticket_commands import Assign
from ticketcore.domain.ticket_events import Assigned, Unassigned
from ticketcore.domain.types import Status
from ticketcore.policy.first_rule import fitting, seen_until
from ticketcore.policy.since import basis_since
from ticketcore.policy.steps import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.facts import Facts
    from ticketcore.policy.sections import RoutingRule
    from ticketcore.policy.steps import View

__all__ = ["DEFAULT_TEAM", "GAVE_BACK", "WORKED_ON", "Route", "routing_steps", "team_by"]

DEFAULT_TEAM = "default_team"
"""What a decision names as its rule where none of the document's fits."""
GAVE_BACK = "gave back"
"""In what a decision saw: the agent from whom the ticket was taken by hand."""
WORKED_ON = (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD)


class Route(NamedTuple):
    """A team, what names it (a rule's name or :data:`DEFAULT_TEAM`), and the rule, where one does."""

    name: str
    team: str
    rule: RoutingRule | None = None


def team_by(rules: Sequence[RoutingRule], default: str, facts: Facts) -> Route:
    """Return whose a policy says a ticket is, whatever was said of it before."""
    rule = fitting(rules, facts)
    return Route(DEFAULT_TEAM, default) if rule is None else Route(rule.rule, rule.team, rule)


def routing_steps(view: View) -> list[Step]:
    """Return the decision where the ticket has no team, or another rule or team counts than was decided last.

    A team or agent that somebody chose stays; a ticket that somebody left to nobody is routed again.
    """
    case, ticket, document = view.case, view.case.ticket, view.policy.document
    if ticket.status not in WORKED_ON or document.default_team is None:
        return []
    nobody = ticket.team_id is None and (ticket.agent_id is None or view.desk.is_absent(ticket.agent_id))
    if case.assigned_by_hand and not nobody:
        return []
    name, team, rule = team_by(document.routing, document.default_team, view.facts)
    last = case.last_decision(Section.ROUTING)
    if not nobody and last is not None and (last.rule, last.outcome.get("team")) == (name, team):
        return []
    seen = seen_until(document.routing, rule, view.facts)
    if nobody and ticket.agent_id is None and case.last_agent_id is not None:
        seen = {**seen, GAVE_BACK: case.last_agent_id}
    basis = basis_since(view, Section.ROUTING, _GIVEN, lambda facts: _said(document, facts))
    outcome = {"team": team}
    decision = PolicyDecision(section=Section.ROUTING, rule=name, basis=basis, saw=seen, outcome=outcome)
    if ticket.team_id == team:
        return [Step(decision)]
    agent = ticket.agent_id if nobody else None  # an absent agent's is given to another by the next section
    return [Step(decision, (build(Assign, ticket_id=ticket.id, team_id=team, agent_id=agent),))]


def _said(document: PolicyDocument, facts: Facts) -> tuple[str, str]:
    """Return rule and team by what was known at a moment of the past."""
    return team_by(document.routing, document.default_team or "", facts)[:2]


_GIVEN = (Assigned.TOPIC, Unassigned.TOPIC)
