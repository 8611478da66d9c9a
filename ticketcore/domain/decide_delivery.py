"""Decisions about a ticket's outgoing mails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ticketcore.domain import delivery_commands as cmd
from ticketcore.domain import delivery_events as dv
from ticketcore.domain.base import Event
from ticketcore.domain.context import Context
from ticketcore.domain.decision import NOTHING, Decider, Decision, States, found_ticket, guard
from ticketcore.domain.deliveries import Delivery, claims_of, evolve_deliveries, release_of
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.ticket_commands import TicketCommand
from ticketcore.domain.types import DeliveryState
from ticketcore.errors import NotFound, WrongState

__all__ = ["DECIDERS"]

_S = DeliveryState
_SENDABLE = (_S.WAITING, _S.SENDING, _S.RETRYING)


def _found(ticket: Ticket, comment: int) -> Delivery:
    for delivery in ticket.deliveries:
        if delivery.comment == comment:
            return delivery
    known = ", ".join(str(delivery.comment) for delivery in ticket.deliveries) or "none"
    raise NotFound("outgoing mail", f"{comment} of ticket {ticket.number}", f"its outgoing mails are {known}")


def _refuse(command: TicketCommand, ticket: Ticket, one: Delivery, expected: tuple[str, ...], remedy: str) -> None:
    actual = f"mail {one.comment} is {one.state.value!r} after attempt {one.attempt}"
    raise WrongState(command.NAME, f"ticket {ticket.number}", actual, expected, remedy)


def _recorded(ticket: Ticket, comment: int, event: Event) -> Decision:
    """Return the decision to record *event*, with the delivery's new place in the queue."""
    after = [one for one in evolve_deliveries(ticket.deliveries, event) if one.comment == comment]
    return Decision((event,), claims=claims_of(ticket.id, after), releases=(release_of(ticket.id, comment),))


def _attempt(command: cmd.AttemptDelivery, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, dv.DeliveryAttempted.TOPIC, command.NAME)
    one = _found(ticket, command.comment)
    if one.state not in _SENDABLE or command.attempt != one.attempt + 1:
        wanted = f"attempt {one.attempt + 1}", *(state.value for state in _SENDABLE)
        _refuse(command, ticket, one, wanted, "somebody else was first: look at it again")
    event = context.stamp(
        dv.DeliveryAttempted,
        ticket,
        comment=command.comment,
        attempt=command.attempt,
        lease_until=context.now + timedelta(seconds=command.lease),
        message_id=command.message_id,
        to=command.to,
        recipients=command.recipients,
    )
    return _recorded(ticket, command.comment, event)


def _confirm(command: cmd.ConfirmDelivery, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, dv.Delivered.TOPIC, command.NAME)
    one = _found(ticket, command.comment)
    if one.state is _S.DELIVERED:
        return NOTHING
    if command.attempt > one.attempt:
        _refuse(command, ticket, one, (), "record the attempt first")
    fields = {"comment": command.comment, "attempt": command.attempt, "refused": command.refused}
    return _recorded(ticket, command.comment, context.stamp(dv.Delivered, ticket, **fields))


def _fail(command: cmd.FailDelivery, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, dv.DeliveryFailed.TOPIC, command.NAME)
    one = _found(ticket, command.comment)
    if command.attempt > one.attempt:
        _refuse(command, ticket, one, (), "record the attempt first")
    given_up = command.retry_at is None  # what waits can be given up, what was sent can fail
    if command.attempt != one.attempt or not (one.state is _S.SENDING or (given_up and one.state in _SENDABLE)):
        return NOTHING
    fields = {
        name: getattr(command, name)
        for name in ("comment", "attempt", "permanent", "reason", "code", "text", "retry_at")
    }
    return _recorded(ticket, command.comment, context.stamp(dv.DeliveryFailed, ticket, **fields))


def _retry(command: cmd.RetryDelivery, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, dv.DeliveryRequested.TOPIC, command.NAME)
    one = _found(ticket, command.comment)
    if one.state is _S.WAITING:
        return NOTHING
    if one.state in (_S.DELIVERED, _S.SENDING):
        expected = (_S.FAILED.value, _S.DROPPED.value, _S.RETRYING.value)
        _refuse(command, ticket, one, expected, "write a new comment to send something again")
    return _recorded(ticket, command.comment, context.stamp(dv.DeliveryRequested, ticket, comment=command.comment))


def _drop(command: cmd.DropDelivery, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, dv.DeliveryDropped.TOPIC, command.NAME)
    one = _found(ticket, command.comment)
    if one.state is _S.DROPPED:
        return NOTHING
    if one.state is _S.DELIVERED:
        _refuse(command, ticket, one, (_S.FAILED.value, *(s.value for s in _SENDABLE)), "it can't be called back")
    fields = {"comment": command.comment, "reason": command.reason}
    return _recorded(ticket, command.comment, context.stamp(dv.DeliveryDropped, ticket, **fields))


def _bounce(command: cmd.RecordBounce, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, dv.Bounced.TOPIC, command.NAME)
    fields = {
        name: getattr(command, name)
        for name in ("comment", "kind", "status", "recipient", "recipient_id", "text", "message_id")
    }
    if command.comment is None:
        return Decision((context.stamp(dv.Bounced, ticket, **fields),))
    _found(ticket, command.comment)
    return _recorded(ticket, command.comment, context.stamp(dv.Bounced, ticket, **fields))


DECIDERS: dict[type[Any], Decider] = {
    cmd.AttemptDelivery: _attempt,
    cmd.ConfirmDelivery: _confirm,
    cmd.FailDelivery: _fail,
    cmd.RetryDelivery: _retry,
    cmd.DropDelivery: _drop,
    cmd.RecordBounce: _bounce,
}
"""Command class -> its decider."""
