"""The one entrance to all decisions: command and states in, events out; no input or output, nothing remembered."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from ticketcore.domain import (
    decide_customer,
    decide_delivery,
    decide_message,
    decide_policy,
    decide_relations,
    decide_service,
    decide_ticket,
)
from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain.agent_commands import AgentCommand, SetPresence
from ticketcore.domain.commands import Command
from ticketcore.domain.context import Context
from ticketcore.domain.customer_commands import CustomerCommand
from ticketcore.domain.decision import Decider, Decision, States
from ticketcore.domain.policy_commands import AdoptPolicy
from ticketcore.domain.service_commands import FollowPolicy
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Actor, Direction
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.permissions import Facts

__all__ = ["DECIDERS", "Decision", "States", "decide", "facts_of"]

DECIDERS: dict[type[Any], Decider] = {
    **decide_ticket.DECIDERS,
    **decide_relations.DECIDERS,
    **decide_delivery.DECIDERS,
    **decide_customer.DECIDERS,
    **decide_message.DECIDERS,
    **decide_service.DECIDERS,
    **decide_policy.DECIDERS,
}
DECIDERS[FollowPolicy] = decide_service.following(DECIDERS)
"""Command class -> its decider; every command has one."""


def decide(command: Command, states: States, context: Context) -> Decision:
    """Return what *command* records, given the states of its ``streams()``. Pure: the same input, the same output.

    Raises:
        NotFound: an aggregate or a comment is not recorded.
        WrongState, TicketClosed, Forgotten: the state does not allow it.
        InvalidCommand: a member of staff says nothing.
    """
    return DECIDERS[type(command)](command, states, context.restart())


def facts_of(command: Command, states: States, identities: Collection[UUID] = (), by: Actor | None = None) -> Facts:
    """Return what the permission for *command* depends on.

    *states* are those of its ``streams()``; *identities*, of an acting customer, the ids of their record and of all
    that are merged with it; *by*: who acts.
    """
    streams = command.streams()
    which = f"a new {command.CREATES[0].name.lower()}" if command.CREATES else "this"
    if isinstance(command, AgentCommand):
        which = f"agent {command.agent_id!r}"
    elif isinstance(command, AdoptPolicy):
        which = "a policy"
    elif streams:
        which = f"{(kind_of(streams[0]) or Kind.TICKET).name.lower()} {number_of(streams[0])}"
    tickets = [state for id_ in streams if isinstance(state := states.get(id_), Ticket)]
    own = all(ticket.belongs_to(identities) for ticket in tickets)
    person = getattr(command, "requester_id", None) or getattr(command, "author_id", None)
    if isinstance(command, CustomerCommand):
        own = command.customer_id in identities
    elif person is not None:
        own = own and person in identities
    if isinstance(command, SetPresence):
        own = by is not None and by.id == command.agent_id
    return Facts(
        which=which,
        own=own and (bool(tickets) or isinstance(command, cmd.OpenTicket | CustomerCommand | SetPresence)),
        inbound=getattr(command, "direction", None) is Direction.INBOUND,
        staff_fields=any(
            getattr(command, name, None) not in (None, ())
            for name in (
                "team_id",
                "agent_id",
                "priority",
                "impact",
                "urgency",
                "category",
                "subcategory",
                "tags",
                "external",
            )
        ),
    )
