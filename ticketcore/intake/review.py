"""What staff do with messages: see those that wait, release or reject them, and see why anything was decided."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from ticketcore.domain.commands import build
from ticketcore.domain.decide_message import HELD
from ticketcore.domain.message import project
from ticketcore.domain.message_commands import DecideMessage
from ticketcore.domain.message_events import Evidence, Outcome, Received, Verdict
from ticketcore.domain.types import Status
from ticketcore.errors import NotFound, WrongState
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.intake.explain import Explained
from ticketcore.intake.gather import INTAKE, standing_ticket
from ticketcore.intake.message import Authentication
from ticketcore.permissions import Action, Facts, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.api.base import Name
    from ticketcore.app import TicketCore
    from ticketcore.domain.message import Message
    from ticketcore.domain.ticket import Ticket
    from ticketcore.domain.types import Actor
    from ticketcore.intake.rules import Rules
    from ticketcore.intake.saga import Saga, Taken
    from ticketcore.intake.tokens import Tokens

__all__ = ["HeldMessage", "Review"]


class HeldMessage(NamedTuple):
    """A message that waits for a person. Sender and subject are ``None`` where they can't be read any more."""

    number: str
    received_at: datetime
    channel: str
    reason: str | None
    customer: str | None
    sender: str | None
    subject: str | None
    size: int


class Review(Explained):
    """The part of the intake that people use."""

    def __init__(self, core: TicketCore, rules: Rules, tokens: Tokens, saga: Saga) -> None:
        super().__init__(core, rules)
        self._tokens, self._saga = tokens, saga

    def held(self, *, by: Actor) -> Sequence[HeldMessage]:
        """Return the messages that wait for a person, the longest waiting first."""
        check(by, Action.SHOW_MESSAGE, Facts("messages"))
        found = []
        for id_ in sorted(self._core.log.owners(HELD).values()):
            events = [recorded.event for recorded in self._core.message_events(id_, by=by)]
            received, state = events[0], project(None, events)
            if not isinstance(received, Received) or state is None or state.outcome is not Outcome.HELD:
                continue
            senders = ", ".join(sender.value for sender in received.identities or ())
            found.append(
                HeldMessage(
                    state.number,
                    state.received_at,
                    state.channel.value,
                    state.reason,
                    number_of(state.customer_id) if state.customer_id else None,
                    senders or None,
                    received.subject,
                    state.size,
                )
            )
        return found

    def release(
        self,
        message: Name,
        *,
        by: Actor,
        to: Name | None = None,
        customer: Name | None = None,
        reason: str | None = None,
    ) -> Taken:
        """Let a message that waits, or was ignored, become a new ticket, or a message of the ticket *to*.

        *customer*: who sent it, where that was not clear; else whom its identities lead to, registered where unknown.

        Raises:
            WrongState: it is in a ticket already.
            NotFound: no such message, ticket or customer.
        """
        state = self._core.message_state(message)
        sender = self._core.customer_id(customer) or self._from(state)
        ticket = None if to is None else self._ticket(to)
        outcome = Outcome.NEW
        if ticket is not None:
            outcome = Outcome.FOLLOW_UP if ticket.status is Status.CLOSED else Outcome.COMMENT
        verdict = Verdict(
            outcome=outcome,
            reason=reason,
            rule="by_hand",
            rules_version=self._rules.version,
            ticket_id=ticket.id if ticket else None,
            evidence=(Evidence(what="released"),),
        )
        self._decide(state, verdict, by, sender)
        return self._saga.finish(state.id)

    def reject(self, message: Name, *, by: Actor, reason: str) -> Taken:
        """Let a message that waits go to no ticket. It stays recorded; *reason* is recorded in clear.

        Raises:
            WrongState: it is in a ticket already.
        """
        state = self._core.message_state(message)
        evidence = (Evidence(what="rejected"),)
        version = self._rules.version
        verdict = Verdict(
            outcome=Outcome.IGNORED, reason=reason, rule="by_hand", rules_version=version, evidence=evidence
        )
        self._decide(state, verdict, by, None)
        return self._saga.finish(state.id)

    def _decide(self, state: Message, verdict: Verdict, by: Actor, customer: UUID | None) -> None:
        if not state.done:
            actual = "it is on its way to its ticket"
            raise WrongState("decide on", f"message {state.number}", actual, (), "run `ticketcore intake sweep` first")
        command = build(DecideMessage, message=state.id, verdict=verdict, customer_id=customer)
        self._core.record_message(command, by=by)

    def _ticket(self, name: Name) -> Ticket:
        """Return the ticket that stands for *name* after all merges."""
        id_ = self._core.ticket_id(name)
        ticket = standing_ticket(id_, load=self._core.states)
        if ticket is None:
            raise NotFound("ticket", number_of(id_) if kind_of(id_) is Kind.TICKET else id_)
        return ticket

    def _from(self, state: Message) -> UUID | None:
        """Return who sent a message: as recorded, else whom its identities lead to, registered where nobody is known."""
        if state.customer_id is not None:
            return state.customer_id
        content = self._saga.content(state.id)
        if content.authentication is Authentication.FAILED:
            return None
        return self._core.know_sender(
            content.identities,
            by=INTAKE,
            command_id=uuid5(state.id, "register"),
            name=content.name,
            language=content.language,
        ).customer
