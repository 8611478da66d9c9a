"""Why a message went where it is, and what would become of it under other rules. Nothing here changes anything."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from ticketcore.domain.message import project
from ticketcore.domain.message_events import Decided, Outcome, Received
from ticketcore.errors import NotFound
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.intake.engine import Known, decide
from ticketcore.intake.facts import Facts
from ticketcore.intake.gather import INTAKE
from ticketcore.permissions import Action, check
from ticketcore.permissions import Facts as Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from ticketcore.api.base import Name
    from ticketcore.app import TicketCore
    from ticketcore.domain.types import Actor
    from ticketcore.intake.rules import Rules

__all__ = ["Decision", "Difference", "Explained", "Explanation"]

PAGE = 1_000
_TOPICS = (Received.TOPIC, Decided.TOPIC)


class Decision(NamedTuple):
    """One decision about a message, as people read it.

    Attributes:
        by: who decided: the intake, or somebody by hand.
        evidence: ``what: numbers`` of each.
        rejected: ``ticket, rule, why`` of each.
    """

    at: datetime
    by: str
    outcome: str
    reason: str | None
    rule: str
    rules_version: str
    ticket: str | None
    acknowledge: bool
    evidence: tuple[str, ...]
    rejected: tuple[tuple[str, str, str], ...]


class Explanation(NamedTuple):
    """What is recorded of a message's way, without what it says.

    Attributes:
        decisions: in order; the last one counts.
        ticket: the ticket that it is in, once it is.
        ticket_version: version of the ticket's event that holds it.
    """

    number: str
    received_at: datetime
    channel: str
    customer: str | None
    assurance: str
    automatic: str
    signs: tuple[str, ...]
    size: int
    decisions: tuple[Decision, ...]
    ticket: str | None
    ticket_version: int | None
    created: bool


class Difference(NamedTuple):
    """A message that other rules would decide otherwise: outcome, reason, ticket and rule of then and now."""

    number: str
    received_at: datetime
    recorded: tuple[str, str | None, str | None, str]
    now: tuple[str, str | None, str | None, str]


class Explained:
    """The part of the intake that only looks."""

    def __init__(self, core: TicketCore, rules: Rules) -> None:
        self._core, self._rules = core, rules

    def explain(self, name: Name, *, by: Actor) -> Sequence[Explanation]:
        """Return why a message, or every message of a ticket, went where it is.

        Args:
            name: of a message (``M-...``) or ticket (``T-...``), or its id.
            by: who asks.
        Raises:
            NotFound: no such message or ticket.
        """
        if isinstance(name, str) and not name.strip(" #").upper().startswith("T-"):
            return (self._explained(name, by),)
        if not isinstance(name, str) and kind_of(name) is Kind.MESSAGE:
            return (self._explained(name, by),)
        id_ = self._core.ticket_id(name)
        records = self._core.log.load((id_,)).streams.get(id_, ())
        if not records:
            raise NotFound("ticket", number_of(id_))
        causes = (self._core.decoded(record).meta.causation_id for record in records)
        messages = dict.fromkeys(id_ for id_ in causes if id_ is not None and kind_of(id_) is Kind.MESSAGE)
        return tuple(self._explained(id_, by) for id_ in messages)

    def replay(self, since: datetime, rules: Rules, *, by: Actor) -> Iterator[Difference]:
        """Yield the messages received at or after *since* that *rules* would decide otherwise, by the facts of then.

        Only what the intake itself decided is compared, its first decision on each message. Nothing is recorded. Of the
        places for new tickets it is known how many were taken, so that a higher limit lets more pass; what a lower one would
        have held back also depends on what it held back before, and is not told.
        """
        check(by, Action.SHOW_MESSAGE, Asked("messages"))
        came: dict[UUID, Received] = {}
        for event in self._events(since):
            if isinstance(event, Received):
                came[event.originator_id] = event
            elif isinstance(event, Decided) and event.originator_id in came:
                difference = _compared(came.pop(event.originator_id), event, rules)
                if difference is not None:
                    yield difference

    def _events(self, since: datetime) -> Iterator[object]:
        after = 0
        while records := self._core.log.read(after, PAGE):
            after = records[-1].position
            for record in records:
                if record.topic in _TOPICS and record.recorded_at >= since:
                    yield self._core.decoded(record)

    def _explained(self, name: Name, by: Actor) -> Explanation:
        events = [recorded.event for recorded in self._core.message_events(name, by=by)]
        received = events[0]
        assert isinstance(received, Received)  # noqa: S101 -- a stream begins so
        state = project(None, events)
        assert state is not None  # noqa: S101 -- likewise
        return Explanation(
            number=state.number,
            received_at=state.received_at,
            channel=state.channel.value,
            customer=_number(state.customer_id),
            assurance=state.assurance.value,
            automatic=state.automatic.value,
            signs=received.signs,
            size=state.size,
            decisions=tuple(_decision(event) for event in events if isinstance(event, Decided)),
            ticket=_number(state.ticket_id) if state.filed else None,
            ticket_version=state.ticket_version,
            created=state.created,
        )


def _compared(received: Received, decided: Decided, rules: Rules) -> Difference | None:
    """Return the difference between what was decided and what *rules* decide, ``None`` where there is none."""
    if decided.meta.actor != INTAKE:
        return None
    number, at = number_of(received.originator_id), received.meta.occurred_at
    then = (decided.outcome.value, decided.reason, _number(decided.ticket_id), decided.rule)
    try:
        facts = Facts.model_validate(decided.facts)
    except ValidationError:
        return Difference(number, at, then, ("unknown", "facts of another version", None, "none"))
    known = Known(received.channel, received.automatic)
    held = decided.outcome is Outcome.HELD and decided.reason == "flood"
    if facts.slot is None and (not held or facts.slots_taken < rules.new_tickets_per_window):
        facts = facts.model_copy(update={"slot": 1})
    verdict = decide(known, facts, rules)
    now = (verdict.outcome.value, verdict.reason, _number(verdict.ticket_id), verdict.rule)
    return None if now == then else Difference(number, at, then, now)


def _decision(event: Decided) -> Decision:
    return Decision(
        at=event.meta.occurred_at,
        by=str(event.meta.actor),
        outcome=event.outcome.value,
        reason=event.reason,
        rule=event.rule,
        rules_version=event.rules_version,
        ticket=_number(event.ticket_id),
        acknowledge=event.acknowledge,
        evidence=tuple(
            f"{found.what}: {', '.join(map(str, map(_number, found.ids)))}" if found.ids else found.what
            for found in event.evidence
        ),
        rejected=tuple((str(_number(one.ticket_id)), one.rule, one.why) for one in event.rejected),
    )


def _number(id_: UUID | None) -> str | None:
    if id_ is None:
        return None
    return number_of(id_) if kind_of(id_) is not None else str(id_)
