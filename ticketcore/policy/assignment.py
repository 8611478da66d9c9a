"""Which agent of its team a ticket goes to, and back to the team whose agent is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.domain.commands import build
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.ticket_commands import Assign
from ticketcore.policy import sections
from ticketcore.policy.desk import COUNTED, WAITS_ELSEWHERE, Waiting
from ticketcore.policy.routing import GAVE_BACK
from ticketcore.policy.steps import Step

if TYPE_CHECKING:
    from datetime import datetime

    from ticketcore.policy.desk import Choice
    from ticketcore.policy.steps import View

__all__ = ["assignment_steps", "assignment_wake", "waiting"]

ABSENT = "absent"
"""In what a decision saw: the agent who is not there."""


def waiting(view: View) -> Waiting | None:
    """Return what the ticket waits for: an agent of its team; ``None`` where it waits for none.

    It does where it is worked on and has no agent, or has one who is absent, and its team hands tickets out.
    """
    ticket = view.case.ticket
    if ticket.team_id is None or _team(view).assign is sections.Assign.NONE or not _is_due(view):
        return None
    rule = _rule(view)
    language = (
        (view.facts.value("language") or view.facts.value("requester.language")) if rule and rule.language else None
    )
    return Waiting(
        ticket.id,
        ticket.team_id,
        ticket.priority,
        ticket.opened_at,
        rule.skills if rule else (),
        language,
        _team(view).assign.value,
        _avoided(view),
    )


def assignment_steps(view: View) -> list[Step]:
    """Return the decision who gets a ticket that waits for an agent.

    Where nobody can have it now it stays with its team, which is recorded once; an absent agent's goes back to it.
    """
    case, ticket = view.case, view.case.ticket
    if ticket.team_id is None or not _is_due(view):
        return []
    wish, absent = waiting(view), ticket.agent_id
    if wish is None and absent is None:
        return []
    basis = case.opened.originator_version if case.assigned is None else case.assigned.version
    choice = None if wish is None else view.desk.choose(wish, _kept(view))
    agent = None if choice is None else choice.agent_id
    if agent is None and absent is None and _is_told(view, basis):
        return []
    decision = PolicyDecision(
        section=Section.ASSIGNMENT,
        rule="team_takes" if choice is None else choice.rule,
        basis=basis,
        saw=_seen(wish, choice, absent),
        outcome={"team": ticket.team_id} | ({} if agent is None else {"agent": agent}),
    )
    if agent == absent:
        return [Step(decision)]
    return [Step(decision, (build(Assign, ticket_id=ticket.id, team_id=ticket.team_id, agent_id=agent),))]


def assignment_wake(view: View) -> datetime | None:
    """Return when an absent agent is back by themself, where the ticket waits for an agent; ``None`` otherwise."""
    return None if waiting(view) is None else view.desk.next_return()


def _team(view: View) -> sections.Team:
    """Return how the ticket's team works; one that the policy does not name takes its tickets itself."""
    found: sections.Team | None = view.policy.document.teams.get(view.case.ticket.team_id)
    return sections.Team(assign=sections.Assign.NONE) if found is None else found


def _is_due(view: View) -> bool:
    ticket = view.case.ticket
    if ticket.agent_id is None:
        return ticket.status in COUNTED
    taken = (*COUNTED, *WAITS_ELSEWHERE) if _team(view).redistribute_pending else COUNTED
    return ticket.status in taken and view.desk.is_absent(ticket.agent_id)


def _rule(view: View) -> sections.RoutingRule | None:
    """Return the rule that brought the ticket to its team; ``None`` where it came there otherwise."""
    last = view.case.last_decision(Section.ROUTING)
    if last is None:
        return None
    found = (rule for rule in view.policy.document.routing if rule.rule == last.rule)
    return next((rule for rule in found if rule.team == view.case.ticket.team_id), None)


def _avoided(view: View) -> str | None:
    """Return who gave the ticket back: it is not given to them again."""
    case = view.case
    routed, given = case.last_decision(Section.ROUTING), case.last_decision(Section.ASSIGNMENT)
    if case.ticket.agent_id is not None or (given is not None and given.saw.get(ABSENT) == case.last_agent_id):
        return None  # taken from an absent agent, not given back
    if case.assigned_by_hand:
        return case.last_agent_id
    if routed is None or (given is not None and "agent" in given.outcome and given.version > routed.version):
        return None
    return routed.saw.get(GAVE_BACK)


def _kept(view: View) -> str | None:
    """Return who had the ticket before, or the only one who had the customer's tickets where it follows one up."""
    case = view.case
    if not _team(view).keep_last_agent:
        return None
    if case.last_agent_id is None and case.opened.follow_up_of is not None:
        had: frozenset[str] = view.facts.value("history.had_agent") or frozenset()
        return next(iter(had)) if len(had) == 1 else None
    return case.last_agent_id


def _is_told(view: View, basis: int) -> bool:
    """Return whether it was decided before that the ticket stays with this team."""
    last = view.case.last_decision(Section.ASSIGNMENT)
    if last is None or "agent" in last.outcome or last.outcome.get("team") != view.case.ticket.team_id:
        return False
    return last.basis == basis or ABSENT in last.saw or not view.case.assigned_by_hand


def _seen(wish: Waiting | None, choice: Choice | None, absent: str | None) -> dict[str, str]:
    able = ", ".join(map(str, choice.able[:_MOST])) if choice else ""
    words = {
        ABSENT: absent,
        "skills": ", ".join(wish.skills) if wish else None,
        "language": wish.language if wish else None,
        "priority": wish.priority.value if wish and wish.priority else None,
        GAVE_BACK: wish.avoid if wish else None,
        "agents": able,
    }
    return {name: word for name, word in words.items() if word}


_MOST = 50
"""So many agents are named in a decision, each with load and capacity."""
