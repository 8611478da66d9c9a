"""Decisions about one ticket: its work, its messages, its states, its promises."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.domain.context import Context
from ticketcore.domain.decide_service import clock_of
from ticketcore.domain.decision import NOTHING, Decider, Decision, States, content_of, found_ticket, guard
from ticketcore.domain.deliveries import begun, claims_of
from ticketcore.domain.priority import priority_of
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.transitions import TRANSITIONS
from ticketcore.domain.types import Channel, Direction, Role, Status
from ticketcore.errors import InvalidCommand, NotFound, WrongState
from ticketcore.ids import number_of
from ticketcore.store.port import Claim

__all__ = ["DECIDERS", "OWN_TEXT", "known_comment", "opening", "own_text", "queued"]

OWN_TEXT = "ticket"
"""Kind of the claims that tie the own text of a ticket or message to a customer; ``value``: both ids' bytes, its first."""


def opening(command: cmd.Opening, context: Context, **more: Any) -> ev.Opened:
    """Return the event that begins the new ticket of *command*."""
    priority = command.priority
    if priority is None and command.impact is not None and command.urgency is not None:
        priority = priority_of(command.impact, command.urgency, context.matrix)
    return context.stamp(
        ev.Opened,
        context.new_ids[0],
        subject=command.subject,
        language=command.language,
        category=command.category,
        subcategory=command.subcategory,
        tags=command.tags,
        impact=command.impact,
        urgency=command.urgency,
        priority=priority,
        team_id=command.team_id,
        agent_id=command.agent_id,
        **content_of(command, context),
        **more,
    )


def _open(command: cmd.OpenTicket, _: States, context: Context) -> Decision:
    event = opening(
        command,
        context,
        channel=command.channel,
        requester_id=command.requester_id,
        direction=command.direction,
        external=command.external,
    )
    claims = (context.claim("external", command.external, event),) if command.external else ()
    return Decision((event,), (*claims, *queued(event)))


def queued(event: Event) -> tuple[Claim, ...]:
    """Return the claims by which workers find a message that goes out by mail."""
    return claims_of(event.originator_id, begun(event))


def _simple(event: type[Event], changed: Any, payload: Any) -> Decider:
    """Return a decider: guarded by the table, nothing where *changed* says that nothing would."""

    def decide(command: Any, states: States, context: Context) -> Decision:
        ticket = found_ticket(states, command.ticket_id)
        guard(ticket, event.TOPIC, command.NAME)
        if not changed(ticket, command):
            return NOTHING
        return Decision((context.stamp(event, ticket, **payload(command)),))

    return decide


def _fields(*names: str) -> Any:
    return lambda command: {name: getattr(command, name) for name in names}


def _differs(*names: str) -> Any:
    return lambda ticket, command: any(getattr(ticket, name) != getattr(command, name) for name in names)


def _always(*_: object) -> bool:
    return True


def _prioritise(command: cmd.Prioritise, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.Prioritised.TOPIC, command.NAME)
    impact, urgency = command.impact or ticket.impact, command.urgency or ticket.urgency
    priority = command.priority
    if priority is None:
        assert impact is not None  # noqa: S101 the command's validator saw to both
        assert urgency is not None  # noqa: S101
        priority = priority_of(impact, urgency, context.matrix)
    if (impact, urgency, priority) == (ticket.impact, ticket.urgency, ticket.priority):
        return NOTHING
    by_hand = command.priority is not None and context.actor.role is not Role.POLICY
    fields = {"impact": impact, "urgency": urgency, "priority": priority, "by_hand": by_hand}
    return Decision((context.stamp(ev.Prioritised, ticket, **fields),))


def _comment(command: cmd.Comment, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.Commented.TOPIC, command.NAME)
    if context.actor.is_staff and command.is_empty:
        remedy = "write something, or leave the comment out"
        raise InvalidCommand(
            f"{command.NAME} ticket {ticket.number}", "body", command.body, "a text or an attachment", remedy
        )
    inbound = command.direction is Direction.INBOUND
    own = Channel.INTERNAL if command.direction is Direction.INTERNAL else ticket.channel
    events: list[Event] = [
        context.stamp(
            ev.Commented,
            ticket,
            direction=command.direction,
            channel=command.channel or own,
            author_id=command.author_id,
            author_name=command.author_name,
            language=command.language,
            message_id=command.message_id,
            **content_of(command, context),
        )
    ]
    if inbound and ticket.status is Status.PENDING:
        events.append(context.stamp(ev.Resumed, ticket))
    elif inbound and ticket.status is Status.SOLVED:
        events.append(context.stamp(ev.Reopened, ticket))
    return Decision(tuple(events), queued(events[0]))


def known_comment(ticket: Ticket, version: int) -> None:
    """Return where the ticket has a comment of that version.

    Raises:
        NotFound: it has none.
    """
    if version not in ticket.comments:
        known = ", ".join(map(str, ticket.comments))
        raise NotFound("comment", f"{version} of ticket {ticket.number}", f"its comments are {known}")


def _correct(command: cmd.CorrectComment, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.CommentCorrected.TOPIC, command.NAME)
    known_comment(ticket, command.comment)
    if command.comment in ticket.redacted:
        actual = f"comment {command.comment} was redacted"
        raise WrongState(command.NAME, f"ticket {ticket.number}", actual, (), "write a new comment")
    content = content_of(command, context)
    del content["attachments"]
    event = context.stamp(ev.CommentCorrected, ticket, comment=command.comment, reason=command.reason, **content)
    return Decision((event,))


def _redact(command: cmd.Redact, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.Redacted.TOPIC, command.NAME)
    known_comment(ticket, command.comment)
    corrections = [version for version, comment in ticket.corrections if comment == command.comment]
    versions = [v for v in (command.comment, *corrections) if v not in ticket.redacted]
    return Decision(
        tuple(context.stamp(ev.Redacted, ticket, version=v, reason=command.reason) for v in versions),
        destroy_events=tuple((ticket.id, v) for v in versions),
    )


def _move(event: type[Event], field: str | None) -> Decider:
    """Return a decider for a change of status; being there already is no change, other reasons for it are refused."""
    target = TRANSITIONS[event.TOPIC].target

    def decide(command: Any, states: States, context: Context) -> Decision:
        ticket = found_ticket(states, command.ticket_id)
        reason = getattr(command, field) if field else None
        if ticket.status is target and (field != "reason" or reason in (None, ticket.reason)):
            return NOTHING
        guard(ticket, event.TOPIC, command.NAME)
        return Decision((context.stamp(event, ticket, **({field: reason} if field else {})),))

    return decide


_solved = _move(ev.Solved, "resolution")


def _solve(command: cmd.Solve, states: States, context: Context) -> Decision:
    decision = _solved(command, states, context)
    by_itself = context.actor.role in (Role.POLICY, Role.SYSTEM)
    for checklist in () if by_itself or not decision.events else found_ticket(states, command.ticket_id).checklists:
        if checklist.required and checklist.open:
            which = f"ticket {number_of(command.ticket_id)}"
            steps = ", ".join(map(repr, checklist.open))
            actual = f"its checklist {checklist.name!r} has steps that are not ticked: {steps}"
            raise WrongState(command.NAME, which, actual, (), "do them and tick them first")
    return decision


def _apply_sla(command: cmd.ApplySla, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.SlaApplied.TOPIC, command.NAME)
    terms = (command.target, command.due_at, command.policy)
    if (command.target, "active") in ticket.sla and terms in ticket.sla_terms:
        return NOTHING
    fields = {"target": command.target, "due_at": command.due_at, "policy": command.policy}
    return Decision((context.stamp(ev.SlaApplied, ticket, **fields),))


def _end_sla(event: type[Event], field: str, end: str) -> Decider:
    def decide(command: Any, states: States, context: Context) -> Decision:
        ticket = found_ticket(states, command.ticket_id)
        guard(ticket, event.TOPIC, command.NAME)
        if (command.target, end) in ticket.sla:
            return NOTHING
        clock_of(ticket, command, ("active", "paused"), "apply it first")
        when = getattr(command, field)
        if when is None and event is ev.SlaFulfilled:
            when = context.at
        return Decision((context.stamp(event, ticket, target=command.target, **{field: when}),))

    return decide


def _change_requester(command: cmd.ChangeRequester, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.RequesterChanged.TOPIC, command.NAME)
    if ticket.requester_id == command.requester_id:
        return NOTHING
    event = context.stamp(ev.RequesterChanged, ticket, requester_id=command.requester_id)
    return Decision((event,), claims=own_text(ticket.id, command.requester_id))


def own_text(aggregate: UUID, person: UUID | None) -> tuple[Claim, ...]:
    """Return the claim by which text that was sealed for a ticket or message itself is forgotten with its later *person*."""
    if person is None:
        return ()
    return (Claim(OWN_TEXT, aggregate.bytes + person.bytes, person, 0),)


DECIDERS: dict[type[Any], Decider] = {
    cmd.OpenTicket: _open,
    cmd.Classify: _simple(
        ev.Classified, _differs("category", "subcategory", "tags"), _fields("category", "subcategory", "tags")
    ),
    cmd.Prioritise: _prioritise,
    cmd.Assign: _simple(ev.Assigned, _differs("team_id", "agent_id"), _fields("team_id", "agent_id")),
    cmd.Unassign: _simple(ev.Unassigned, lambda t, _: (t.team_id, t.agent_id) != (None, None), _fields()),
    cmd.Comment: _comment,
    cmd.CorrectComment: _correct,
    cmd.AddParticipant: _simple(
        ev.ParticipantAdded, lambda t, c: c.customer_id not in t.participants, _fields("customer_id")
    ),
    cmd.RemoveParticipant: _simple(
        ev.ParticipantRemoved, lambda t, c: c.customer_id in t.participants, _fields("customer_id")
    ),
    cmd.ChangeRequester: _change_requester,
    cmd.Pend: _move(ev.Pended, "reason"),
    cmd.Hold: _move(ev.Held, "reason"),
    cmd.Resume: _move(ev.Resumed, None),
    cmd.Solve: _solve,
    cmd.Close: _move(ev.Closed, "resolution"),
    cmd.Reopen: _move(ev.Reopened, "reason"),
    cmd.Rate: _simple(ev.Rated, lambda t, c: c.score != t.score or c.remark is not None, _fields("score", "remark")),
    cmd.ApplySla: _apply_sla,
    cmd.FulfilSla: _end_sla(ev.SlaFulfilled, "fulfilled_at", "fulfilled"),
    cmd.BreachSla: _end_sla(ev.SlaBreached, "breached_at", "breached"),
    cmd.LogTime: _simple(ev.TimeLogged, _always, _fields("seconds", "agent_id", "note")),
    cmd.Redact: _redact,
}
"""Command class -> its decider."""
