"""Decisions about inbound messages. What becomes of one is decided in ticketcore.intake; here it is recorded."""

from __future__ import annotations

from typing import Any

from ticketcore.domain import message_commands as cmd
from ticketcore.domain import message_events as ev
from ticketcore.domain.context import Context
from ticketcore.domain.decide_ticket import own_text
from ticketcore.domain.decision import NOTHING, Decider, Decision, States, found_message
from ticketcore.domain.message import FILED, Message, evolve
from ticketcore.domain.message_events import Outcome
from ticketcore.errors import WrongState
from ticketcore.ids import number_of
from ticketcore.store.port import Claim, Release

__all__ = ["DECIDERS", "FLOOD", "HELD", "MESSAGE_ID", "UNFINISHED", "flood_value"]

MESSAGE_ID = "message-id"
"""Kind of the claims by which a Message-ID leads to the inbound message that came with it."""
FLOOD = "flood"
"""Kind of the claims that are a sender's places for new tickets."""
UNFINISHED = "message-unfinished"
"""Kind of the claims on messages that were received and are on their way; ``value``: the message's id. Released at its end."""
HELD = "message-held"
"""Kind of the claims on messages that wait for a person; ``value``: the message's id."""
_WAITS = 0
"""``ref`` of both: other claims' is an event's version."""


def flood_value(sender: str, number: int) -> str:
    """Return the value that is claimed for a sender's place; *number* from 1."""
    return f"{number}\0{sender}"


def _receive(command: cmd.ReceiveMessage, _: States, context: Context) -> Decision:
    id_ = context.new_ids[0]
    received = context.stamp(
        ev.Received,
        id_,
        channel=command.channel,
        customer_id=command.customer_id,
        assurance=command.assurance,
        automatic=command.automatic,
        signs=command.signs,
        size=len(command.raw),
        media_type=command.media_type,
        blobs=context.content.blobs if context.content else (),
        identities=command.identities or None,
        name=command.name,
        recipients=command.recipients or None,
        subject=command.subject,
        message_id=command.message_id,
        in_reply_to=command.in_reply_to,
        references=command.references or None,
        peer_ip=command.peer_ip,
    )
    decided = context.stamp(ev.Decided, id_, customer_id=command.customer_id, **vars(command.verdict))
    claims: list[Claim] = []
    releases: list[Release] = []
    if command.claimed_id is not None:
        claims.append(context.claim(MESSAGE_ID, command.claimed_id, received))
    if command.slot is not None:
        claims.append(context.claim(FLOOD, flood_value(command.slot.sender, command.slot.number), decided))
        if command.slot.holder is not None:
            releases.append(Release(command.slot.holder, decided.originator_version))
    return Decision((received, decided), (*claims, *_waits(evolve(evolve(None, received), decided))), tuple(releases))


def _waits(message: Message | None) -> tuple[Claim, ...]:
    """Return the claim by which a message that is not at its end is found."""
    if message is None or (message.done and message.outcome is not Outcome.HELD):
        return ()
    kind = HELD if message.done else UNFINISHED
    return (Claim(kind, message.id.bytes, message.id, _WAITS),)


def _decide(command: cmd.DecideMessage, states: States, context: Context) -> Decision:
    message = found_message(states, command.message)
    if message.filed:
        remedy = "split its ticket or merge it instead"
        raise WrongState(command.NAME, f"message {message.number}", _where(message), (), remedy)
    verdict = command.verdict
    told = (message.outcome, message.reason, message.ticket_id, message.rule)
    customer_id = command.customer_id or message.customer_id
    if (
        told == (verdict.outcome, verdict.reason, verdict.ticket_id, verdict.rule)
        and customer_id == message.customer_id
    ):
        return NOTHING
    event = context.stamp(ev.Decided, message, customer_id=customer_id, **vars(verdict))
    own = own_text(message.id, customer_id) if message.sealed_for_itself else ()
    waits = _waits(evolve(message, event))
    return Decision((event,), claims=(*own, *waits), releases=(Release(message.id, _WAITS),))


def _file(command: cmd.FileMessage, states: States, context: Context) -> Decision:
    message = found_message(states, command.message)
    if message.filed:
        if (message.ticket_id, message.ticket_version) == (command.ticket_id, command.ticket_version):
            return NOTHING
        remedy = "a message is in one ticket only: merge the two"
        raise WrongState(command.NAME, f"message {message.number}", _where(message), (), remedy)
    if message.done:
        actual = f"it is {message.outcome.value if message.outcome else 'undecided'!r}"
        expected = [outcome.value for outcome in FILED]
        raise WrongState(command.NAME, f"message {message.number}", actual, expected, "release it first")
    fields = {"ticket_id": command.ticket_id, "ticket_version": command.ticket_version, "created": command.created}
    return Decision((context.stamp(ev.Filed, message, **fields),), releases=(Release(message.id, _WAITS),))


def _where(message: Message) -> str:
    return f"it is in ticket {number_of(message.ticket_id)}" if message.ticket_id else "it is in no ticket"


DECIDERS: dict[type[Any], Decider] = {
    cmd.ReceiveMessage: _receive,
    cmd.DecideMessage: _decide,
    cmd.FileMessage: _file,
}
"""Command class -> its decider."""
