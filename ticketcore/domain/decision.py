"""What a decision is, and the guards that all decisions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from ticketcore.domain.agent import Agent
from ticketcore.domain.base import Event
from ticketcore.domain.commands import Command
from ticketcore.domain.context import Content, Context
from ticketcore.domain.customer import Customer
from ticketcore.domain.message import Message
from ticketcore.domain.policies import Policies
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.transitions import TRANSITIONS
from ticketcore.domain.types import Status
from ticketcore.errors import NotFound, TicketClosed, WrongState
from ticketcore.ids import number_of
from ticketcore.store.port import Claim, Release

__all__ = [
    "NOTHING",
    "Decider",
    "Decision",
    "States",
    "content_of",
    "found_customer",
    "found_message",
    "found_ticket",
    "guard",
]

States = Mapping[UUID, Ticket | Customer | Message | Policies | Agent | None]
"""Aggregate id -> its state; ``None`` where nothing is recorded."""


class Decision(NamedTuple):
    """What a command records; nothing at all where it changes nothing.

    Attributes:
        events: of each stream in order, following its state's version.
        destroy_events: ``(stream, version)`` whose keys are destroyed with it.
        destroy_persons: persons whose keys are destroyed with it.
        needs: aggregates whose states are needed too. Where it is not empty nothing was decided: load them, add
            them to the states and decide again.
    """

    events: tuple[Event, ...] = ()
    claims: tuple[Claim, ...] = ()
    releases: tuple[Release, ...] = ()
    destroy_events: tuple[tuple[UUID, int], ...] = ()
    destroy_persons: tuple[UUID, ...] = ()
    needs: tuple[UUID, ...] = ()


NOTHING = Decision()
"""The decision to record nothing."""

Decider = Callable[[Any, States, Context], Decision]
"""Decides one class of commands."""


def found_ticket(states: States, id_: UUID) -> Ticket:
    """Return a ticket's state.

    Raises:
        NotFound: nothing is recorded under the id.
    """
    state = states.get(id_)
    if not isinstance(state, Ticket):
        raise NotFound("ticket", number_of(id_))
    return state


def found_customer(states: States, id_: UUID) -> Customer:
    """Return a customer's state.

    Raises:
        NotFound: nothing is recorded under the id.
    """
    state = states.get(id_)
    if not isinstance(state, Customer):
        raise NotFound("customer", number_of(id_))
    return state


def found_message(states: States, id_: UUID) -> Message:
    """Return an inbound message's state.

    Raises:
        NotFound: nothing is recorded under the id.
    """
    state = states.get(id_)
    if not isinstance(state, Message):
        raise NotFound("message", number_of(id_))
    return state


def guard(ticket: Ticket, topic: str, name: str) -> None:
    """Return where the transition table lets an event of *topic* happen to the ticket; *name*: the command's.

    Raises:
        TicketClosed: it is closed or merged, and the event needs another status.
        WrongState: it has any other wrong status.
    """
    sources, _, remedy = TRANSITIONS[topic]
    if ticket.status in sources:
        return
    if ticket.merged_into is not None:
        remedy = f"{remedy}; it ended in ticket {number_of(ticket.merged_into)}"
    over = ticket.status in (Status.CLOSED, Status.MERGED)
    error = TicketClosed if over else WrongState
    actual = f"its status is {ticket.status.value!r}"
    raise error(name, f"ticket {ticket.number}", actual, [source.value for source in sources], remedy)


def content_of(command: Command, context: Context) -> dict[str, object]:
    """Return the fields of an event that hold a command's text and files."""
    content = context.content
    if content is None:
        if getattr(command, "attachments", ()):
            raise ValueError("cannot decide a command with attachments: expected a context with prepared content")
        content = Content(getattr(command, "body", None))
    body, body_blob, blobs, attachments = content
    return {"body": body, "body_blob": body_blob, "blobs": blobs, "attachments": attachments}
