"""What the actions of a follow-up rule do to a ticket, one after the other; what its state refuses is told and left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from ticketcore.domain import service_commands as sc
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.commands import build
from ticketcore.domain.context import Context
from ticketcore.domain.decide import decide
from ticketcore.domain.service_events import Section
from ticketcore.domain.ticket import Ticket, project
from ticketcore.domain.transitions import is_regular
from ticketcore.domain.types import Actor, Channel, Direction, Priority, Role
from ticketcore.errors import WrongState
from ticketcore.policy.bases import OVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ticketcore.policy.case import Case
    from ticketcore.policy.follow_up_rules import Action, FollowUpRule
    from ticketcore.policy.steps import View

__all__ = ["ASKED", "SURVEY", "carried_out"]

SURVEY = "survey"
"""The template of the mail that asks for a rating."""
ASKED = "asked"
"""What a decision says of a survey that was sent."""
_NOTHING = "nothing to do"
_NO_COMMAND = UUID(int=0)
_URGENT_FIRST = tuple(Priority)


class _Turn(NamedTuple):
    """An action's turn: of which rule, for what is seen, on the ticket as the actions before it left it.

    ``asked``: one of them asked how it was, of the solution that the ticket has.
    """

    rule: FollowUpRule
    view: View
    ticket: Ticket
    asked: bool


_Wanted = tuple["tc.TicketCommand | None", str]
"""What an action does, and what the decision says of it when it is done; or nothing, and why."""


def carried_out(rule: FollowUpRule, view: View) -> tuple[tuple[tc.TicketCommand, ...], dict[str, str]]:
    """Return the commands that follow *rule*, and by action what becomes of it, for the decision."""
    document, ticket = view.policy.document, view.case.ticket
    actor = Actor(role=Role.POLICY, id=document.name, version=str(view.policy.version))
    context = Context(actor=actor, command_id=_NO_COMMAND, now=view.now)
    commands: list[tc.TicketCommand] = []
    outcome: dict[str, str] = {}
    asked = ticket.status in OVER and _asked_since(view.case)
    for action in rule.do:
        command, told = _KINDS[action.kind](action, _Turn(rule, view, ticket, asked))
        if command is not None:
            try:
                events = decide(command, {ticket.id: ticket}, context).events
            except WrongState as refused:
                told = f"not done: {refused.actual}"
            else:
                if events:
                    commands.append(command)
                    ticket = project(ticket, events) or ticket
                    asked = action.kind == SURVEY or (asked and ticket.status in OVER)
                else:
                    told = _NOTHING
        outcome[_free(action.kind, outcome)] = told
    return tuple(commands), outcome


def _free(kind: str, taken: dict[str, str]) -> str:
    """Return the action's name, with its number where one of its kind was before it."""
    before = sum(name.partition(" ")[0] == kind for name in taken)
    return f"{kind} {before + 1}" if before else kind


def _status(command: type[tc.TicketCommand], said: str) -> Callable[[Action, _Turn], _Wanted]:
    return lambda _, turn: (build(command, ticket_id=turn.ticket.id), said)


def _mail(action: Action, turn: _Turn) -> _Wanted:
    assert action.mail is not None  # noqa: S101 the table below asks by kind
    return _written(turn, action.mail, action.mail, f"{action.mail} not sent")


def _survey(_: Action, turn: _Turn) -> _Wanted:
    if turn.ticket.status not in OVER:
        return None, "not asked: it is not solved"
    if turn.asked:
        return None, "not asked: it was before"
    return _written(turn, SURVEY, ASKED, "not asked")


def _asked_since(case: Case) -> bool:
    """Return whether a survey was asked for since it was solved, by the actions that solved it too."""
    mark = case.solved or case.closed
    return mark is not None and any(
        one.at >= mark.at
        and one.section is Section.FOLLOW_UP
        and any(told == ASKED and name.partition(" ")[0] == SURVEY for name, told in one.outcome.items())
        for one in case.decisions
    )


def _written(turn: _Turn, template: str, said: str, withheld: str) -> _Wanted:
    if not is_regular("ticket.commented", turn.ticket.status):
        return None, f"{withheld}: its status is {turn.ticket.status.value!r}"
    letter = turn.view.write(template)
    if letter.text is None:
        return None, f"{withheld}: {letter.withheld or 'no text'}"
    values = {"direction": Direction.OUTBOUND, "channel": Channel.MAIL, "language": letter.language}
    return build(tc.Comment, ticket_id=turn.ticket.id, body=letter.text, **values), said


def _note(action: Action, turn: _Turn) -> _Wanted:
    return build(tc.Comment, ticket_id=turn.ticket.id, direction=Direction.INTERNAL, body=action.note), "written"


def _raise_priority(action: Action, turn: _Turn) -> _Wanted:
    before = turn.ticket.priority or turn.view.policy.document.priority.default
    index = _URGENT_FIRST.index(before) - (action.raise_priority or 0)
    return _priority(_URGENT_FIRST[max(index, 0)], turn)


def _set_priority(action: Action, turn: _Turn) -> _Wanted:
    assert action.set_priority is not None  # noqa: S101 the table below asks by kind
    return _priority(action.set_priority, turn)


def _priority(priority: Priority, turn: _Turn) -> _Wanted:
    return build(tc.Prioritise, ticket_id=turn.ticket.id, priority=priority), priority.value


def _assign(action: Action, turn: _Turn) -> _Wanted:
    """Give it to whom the action names; a team that has it already keeps its agent, an agent keeps the team."""
    assert action.assign is not None  # noqa: S101 the table below asks by kind
    ticket, team, agent = turn.ticket, action.assign.team, action.assign.agent
    named = [f"team {team}"] * (team is not None) + [f"agent {agent}"] * (agent is not None)
    if agent is None and team == ticket.team_id:
        agent = ticket.agent_id
    return build(tc.Assign, ticket_id=ticket.id, team_id=team or ticket.team_id, agent_id=agent), ", ".join(named)


def _notify(action: Action, turn: _Turn) -> _Wanted:
    ticket = turn.ticket
    about = f"{ticket.status.value}, {ticket.priority.value if ticket.priority else 'no'} priority"
    to = tuple(dict.fromkeys(action.notify or ()))
    return build(sc.Notify, ticket_id=ticket.id, to=to, about=about, rule=turn.rule.rule), ", ".join(to)


def _add_tags(action: Action, turn: _Turn) -> _Wanted:
    ticket, tags = turn.ticket, action.add_tags or ()
    values = {"category": ticket.category, "subcategory": ticket.subcategory, "tags": (*ticket.tags, *tags)}
    return build(tc.Classify, ticket_id=ticket.id, **values), ", ".join(tags)


def _checklist(action: Action, turn: _Turn) -> _Wanted:
    assert action.checklist is not None  # noqa: S101 the table below asks by kind
    if any(known.name == action.checklist for known in turn.ticket.checklists):
        return None, _NOTHING  # it keeps its steps, whatever this policy says
    known = turn.view.policy.document.checklists[action.checklist]
    values = {"checklist": action.checklist, "steps": known.steps, "required": known.required}
    return build(sc.AddChecklist, ticket_id=turn.ticket.id, **values), action.checklist


_KINDS: dict[str, Callable[[Action, _Turn], _Wanted]] = {
    "mail": _mail,
    "note": _note,
    "pend": _status(tc.Pend, "pending"),
    "hold": _status(tc.Hold, "on hold"),
    "resume": _status(tc.Resume, "open"),
    "solve": _status(tc.Solve, "solved"),
    "close": _status(tc.Close, "closed"),
    "reopen": _status(tc.Reopen, "open"),
    "survey": _survey,
    "raise_priority": _raise_priority,
    "set_priority": _set_priority,
    "assign": _assign,
    "unassign": _status(tc.Unassign, "nobody"),
    "notify": _notify,
    "add_tags": _add_tags,
    "checklist": _checklist,
}
