"""What becomes of an inbound message. Pure and total: the same input, the same decision, and never an exception.

The table of docs/intake.md has every rule, in this order; the first that fits decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.message_events import Automatic, Candidate, Evidence, Outcome, Verdict
from ticketcore.domain.types import Status
from ticketcore.intake.facts import Facts, Pointer, Relation, TicketFacts
from ticketcore.intake.message import Authentication

if TYPE_CHECKING:
    from uuid import UUID

    from ticketcore.domain.types import Channel
    from ticketcore.intake.rules import Rules

__all__ = ["Known", "decide"]

_A = Automatic
_FIELDS = set(Verdict.model_fields)


class Known(NamedTuple):
    """What a decision reads of the message itself; the rest is in the facts."""

    channel: Channel
    automatic: Automatic


def decide(message: Known, facts: Facts, rules: Rules) -> Verdict:
    """Return what becomes of *message*, by which rule, on what evidence, and which tickets it did not get to."""
    return _Case(message, facts, rules).decide()


class _Case:
    """One message being decided."""

    def __init__(self, message: Known, facts: Facts, rules: Rules) -> None:
        self.message, self.facts, self.rules = message, facts, rules
        self.rejected: list[Candidate] = []

    def decide(self) -> Verdict:
        facts = self.facts
        if facts.own:
            return self._ignored("loop", self._bound())
        if facts.duplicate_of is not None:
            return self._ignored(
                "duplicate", facts.duplicate_ticket, Evidence(what="same_id", ids=(facts.duplicate_of,))
            )
        machine = self._machine()
        if machine is not None:
            return machine
        for pointer in facts.pointers:
            ticket = facts.ticket(pointer.stands)
            why = self._refused(pointer, ticket)
            if why is None and ticket is not None:
                if len(facts.customers) > 1 and not pointer.way.is_signed:
                    return self._held("ambiguous_sender")
                return self._into(ticket, pointer)
            self.rejected.append(
                Candidate(ticket_id=pointer.named, rule=pointer.way.value, why=why or "unknown_ticket")
            )
        if len(facts.customers) > 1:
            return self._held("ambiguous_sender")
        return self._new()

    def _machine(self) -> Verdict | None:
        """Return the decision on what a machine wrote that nobody is to read as an inquiry."""
        automatic = self.message.automatic
        if automatic is _A.BOUNCE:
            return self._ignored("bounce", self._bound(), *self._about())
        if automatic is _A.RECEIPT or (automatic is _A.AUTO_REPLY and self.rules.auto_replies == "ignored"):
            return self._ignored(automatic.value, self._bound(), *self._about())
        return None

    def _bound(self) -> UUID | None:
        """Return the ticket that a machine's message is about, by our own signature only."""
        if self.facts.about is not None:
            return self.facts.about.ticket
        return next((pointer.stands for pointer in self.facts.pointers if pointer.way.is_signed), None)

    def _about(self) -> tuple[Evidence, ...]:
        about = self.facts.about
        return () if about is None else (Evidence(what="our_message", ids=(about.ticket,)),)

    def _refused(self, pointer: Pointer, ticket: TicketFacts | None) -> str | None:
        """Return why the message does not get to the ticket that it names; ``None`` where it does."""
        if ticket is None:
            return "unknown_ticket"
        if pointer.way.is_signed:
            return None if pointer.entitled else "stranger"
        if self.facts.authentication is Authentication.FAILED:
            return "authentication_failed"
        if not self.rules.takes(self.facts.assurance):
            return "not_sure_enough"
        if pointer.addressed and self.rules.addressed_belongs:
            return None
        relation = ticket.relation
        if relation is None or (relation is Relation.ORGANISATION and not self.rules.organisation_belongs):
            return "stranger"
        return None

    def _into(self, ticket: TicketFacts, pointer: Pointer) -> Verdict:
        evidence = [Evidence(what=pointer.way.value, ids=tuple(id_ for id_ in (pointer.message, pointer.named) if id_))]
        if pointer.stands != pointer.named and pointer.stands is not None:
            evidence.append(Evidence(what="merged_into", ids=(pointer.stands,)))
        if pointer.addressed:
            evidence.append(Evidence(what="was_addressed"))
        if ticket.relation is not None:
            evidence.append(Evidence(what=ticket.relation.value, ids=self.facts.customers))
        rule = pointer.way.value
        if ticket.status is not Status.CLOSED:
            return self._verdict(Outcome.COMMENT, rule, ticket_id=ticket.id, evidence=evidence)
        days = self.rules.reopen_days if self.facts.reopen_days is None else self.facts.reopen_days
        if days and ticket.closed_at is not None and self.facts.since(ticket.closed_at) <= days:
            return self._verdict(Outcome.COMMENT, rule, reason="reopens", ticket_id=ticket.id, evidence=evidence)
        evidence.append(Evidence(what="closed", ids=(ticket.id,)))
        return self._opening(Outcome.FOLLOW_UP, rule, ticket.id, evidence)

    def _new(self) -> Verdict:
        evidence = []
        if self.facts.customer is not None:
            evidence.append(Evidence(what="sender", ids=self.facts.customers))
        if self.facts.forged:
            evidence.append(Evidence(what="wrong_signature"))
        return self._opening(Outcome.NEW, "new", None, evidence)

    def _opening(self, outcome: Outcome, rule: str, ticket_id: UUID | None, evidence: list[Evidence]) -> Verdict:
        """Return the decision to make a ticket, where the sender has a place for one."""
        facts = self.facts
        if self.rules.new_tickets_per_window and facts.slot is None:
            return self._held("flood", ticket_id, Evidence(what="places_taken"))
        failed = facts.authentication is Authentication.FAILED
        acknowledge = (
            self.message.automatic is _A.ORDINARY
            and not failed
            and facts.reachable
            and self.message.channel in self.rules.acknowledge
        )
        if failed:
            evidence.append(Evidence(what="authentication_failed"))
        return self._verdict(outcome, rule, ticket_id=ticket_id, acknowledge=acknowledge, evidence=evidence)

    def _ignored(self, reason: str, ticket_id: UUID | None, *evidence: Evidence) -> Verdict:
        return self._verdict(Outcome.IGNORED, reason, reason=reason, ticket_id=ticket_id, evidence=list(evidence))

    def _held(self, reason: str, ticket_id: UUID | None = None, *evidence: Evidence) -> Verdict:
        shown = [
            *evidence,
            *([Evidence(what="candidates", ids=self.facts.customers)] if reason == "ambiguous_sender" else ()),
        ]
        return self._verdict(Outcome.HELD, reason, reason=reason, ticket_id=ticket_id, evidence=shown)

    def _verdict(
        self,
        outcome: Outcome,
        rule: str,
        *,
        reason: str | None = None,
        ticket_id: UUID | None = None,
        acknowledge: bool = False,
        evidence: list[Evidence] | None = None,
    ) -> Verdict:
        return Verdict.model_construct(
            _FIELDS,
            outcome=outcome,
            reason=reason,
            rule=rule,
            rules_version=self.rules.version,
            ticket_id=ticket_id,
            acknowledge=acknowledge,
            evidence=tuple(evidence or ()),
            rejected=tuple(self.rejected),
            facts=self.facts.model_dump(mode="json", exclude_defaults=True),
        )
