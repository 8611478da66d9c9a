"""A ticket as policies see it: its state, and of its history what rules and timers ask for. A fold; never raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket as ticket_fold
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.priority import priority_of
from ticketcore.domain.types import Direction, Role, Status
from ticketcore.policy.chains import ECHOES, NO_CHAINS, Chains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.domain.ticket import Ticket

__all__ = ["BURST", "Case", "Decided", "Mark", "evolve_case", "project_case"]

_OVER = (Status.SOLVED, Status.CLOSED)


class Mark(NamedTuple):
    """When something last was so: the event's time and version."""

    at: datetime
    version: int


class Decided(NamedTuple):
    """A decision of a policy that is recorded.

    Attributes:
        section, rule, basis, saw, outcome: as in :class:`~ticketcore.domain.service_events.PolicyDecision`.
        at: when it was decided.
        policy: name and version of the policy (``name/3``).
        version: of the event that records it.
    """

    section: sv.Section
    rule: str
    basis: int | None
    at: datetime
    policy: str
    saw: Mapping[str, str]
    outcome: Mapping[str, str]
    version: int


class Case(NamedTuple):
    """A ticket as policies see it.

    Attributes:
        ticket: its state.
        opened: its first event.
        newest_imported: the newest event, policies' own and what came of mails apart, was imported: the ticket is another
            system's to act on.
        status: since when it has its status.
        inbound: the customer's newest message, the opening among them.
        reply: the newest public reply by staff.
        public: the newest message between customer and us, either way.
        first_reply: the first public reply by staff.
        solved: when it last became solved.
        closed: when it last became closed.
        unanswered: the first message of the customer since the last public reply by staff or solving.
        replies: how many public replies staff gave.
        category_by_hand: somebody other than a policy classified it last, or opened it with a category.
        priority_by_hand: somebody other than a policy said its priority last.
        levels_by_hand: somebody other than a policy said its impact or urgency last.
        assigned_by_hand: somebody other than a policy assigned it last.
        assigned: when it last was assigned, or opened for a team or agent.
        last_agent_id: who had it last, or has it.
        decisions: what policies decided, in order.
        chain: how many policies' commands came in a row, with no other actor's event but mails' deliveries between them, each within
            :data:`BURST` of the one before: what a policy does because of what it did.
        chains: of which rules what policies did is the end, at any distance.
        newest: the command that recorded the newest event.
    """

    ticket: Ticket
    opened: ev.Opened
    newest_imported: bool
    status: Mark
    inbound: Mark | None = None
    reply: Mark | None = None
    public: Mark | None = None
    first_reply: Mark | None = None
    solved: Mark | None = None
    closed: Mark | None = None
    unanswered: Mark | None = None
    replies: int = 0
    category_by_hand: bool = False
    priority_by_hand: bool = False
    levels_by_hand: bool = False
    assigned_by_hand: bool = False
    assigned: Mark | None = None
    last_agent_id: str | None = None
    decisions: tuple[Decided, ...] = ()
    chain: int = 0
    chains: Chains = NO_CHAINS
    newest: UUID | None = None

    @property
    def is_imported(self) -> bool:
        """Whether another system opened it."""
        return self.opened.meta.source is not None

    @property
    def status_since(self) -> datetime:
        """Since when it has its status."""
        return self.status.at

    @property
    def last_inbound_at(self) -> datetime | None:
        """When the customer last wrote."""
        return _at(self.inbound)

    @property
    def last_public_reply_at(self) -> datetime | None:
        """When staff last answered."""
        return _at(self.reply)

    @property
    def last_public_at(self) -> datetime | None:
        """When the last message went either way."""
        return _at(self.public)

    @property
    def first_reply_at(self) -> datetime | None:
        """When staff first answered."""
        return _at(self.first_reply)

    @property
    def solved_at(self) -> datetime | None:
        """When it last became solved."""
        return _at(self.solved)

    @property
    def closed_at(self) -> datetime | None:
        """When it last became closed."""
        return _at(self.closed)

    @property
    def unanswered_since(self) -> datetime | None:
        """When the customer first wrote what nobody answered; ``None`` where all is answered."""
        return _at(self.unanswered)

    def fired(self, section: sv.Section, rule: str, basis: int | None) -> int:
        """Return how often a rule decided about the event *basis*."""
        return sum((one.section, one.rule, one.basis) == (section, rule, basis) for one in self.decisions)

    def last_decision(self, section: sv.Section) -> Decided | None:
        """Return the newest decision of a section, ``None`` where it never decided."""
        return next((one for one in reversed(self.decisions) if one.section is section), None)


BURST = 60.0
"""Seconds within which a policy's command counts as done because of the one before it."""


def _at(mark: Mark | None) -> datetime | None:
    return None if mark is None else mark.at


def project_case(case: Case | None, events: Iterable[Event]) -> Case | None:
    """Fold *events* into *case*."""
    for event in events:
        case = evolve_case(case, event)
    return case


def evolve_case(case: Case | None, event: Event) -> Case | None:
    """Return the case after *event*. Events before the opening are passed over."""
    if case is None:
        return _opened(event) if isinstance(event, ev.Opened) else None
    ticket = ticket_fold.evolve(case.ticket, event) or case.ticket
    mark, by_policy = Mark(event.meta.occurred_at, event.originator_version), event.meta.actor.role is Role.POLICY
    changes: dict[str, Any] = {"ticket": ticket, "newest": event.meta.command_id}
    if by_policy:
        if event.meta.command_id != case.newest:
            burst = case.chain == 0 or (mark.at - case.ticket.last_at).total_seconds() < BURST
            changes["chain"] = case.chain + 1 if burst else 1
    elif event.TOPIC not in ECHOES:
        changes |= {"newest_imported": event.meta.source is not None, "chain": 0, "chains": NO_CHAINS}
    if ticket.status is not case.ticket.status:
        if by_policy:
            changes["chains"] = case.chains.led_to(event)
        changes["status"] = mark
        changes |= _entered(ticket.status, mark, event)
    tell = _TELLING.get(event.TOPIC)
    if tell is not None:
        changes |= tell(case, event, mark, by_policy, ticket)
    values: list[Any] = list(case)  # a fifth of what _replace() costs
    for name, value in changes.items():
        values[_INDEX[name]] = value
    return Case._make(values)


_INDEX = {name: index for index, name in enumerate(Case._fields)}


def _opened(event: ev.Opened) -> Case:
    mark = Mark(event.meta.occurred_at, event.originator_version)
    by_policy = event.meta.actor.role is Role.POLICY
    inbound = event.direction is Direction.INBOUND
    reply = event.direction is Direction.OUTBOUND and event.meta.actor.is_staff
    levels = event.impact is not None and event.urgency is not None
    derived = levels and event.priority is priority_of(event.impact, event.urgency)  # type: ignore[arg-type]
    return Case(
        ticket=ticket_fold.opened(event),
        opened=event,
        newest_imported=event.meta.source is not None,
        status=mark,
        inbound=mark if inbound else None,
        reply=mark if reply else None,
        public=mark if event.direction is not Direction.INTERNAL else None,
        first_reply=mark if reply else None,
        unanswered=mark if inbound else None,
        replies=int(reply),
        category_by_hand=not by_policy and event.category is not None,
        priority_by_hand=not by_policy and event.priority is not None and not derived,
        levels_by_hand=not by_policy and (event.impact, event.urgency) != (None, None),
        assigned_by_hand=not by_policy and (event.team_id, event.agent_id) != (None, None),
        assigned=mark if (event.team_id, event.agent_id) != (None, None) else None,
        last_agent_id=event.agent_id,
        newest=event.meta.command_id,
    )


def _entered(status: Status, mark: Mark, event: Event) -> dict[str, Any]:
    """Return what entering a status changes. An undone merge brings back what was, it solves and closes nothing."""
    changes: dict[str, Any] = {}
    if event.TOPIC != ev.Unmerged.TOPIC and status in _OVER:
        changes["solved" if status is Status.SOLVED else "closed"] = mark
        changes["unanswered"] = None
    return changes


def _message(case: Case, event: ev.Commented, mark: Mark, *_: object) -> dict[str, Any]:
    if event.direction is Direction.INTERNAL:
        return {}
    if event.direction is Direction.INBOUND:
        return {"inbound": mark, "public": mark, "unanswered": case.unanswered or mark}
    if not event.meta.actor.is_staff:
        return {"public": mark}
    return {
        "reply": mark,
        "public": mark,
        "first_reply": case.first_reply or mark,
        "unanswered": None,
        "replies": case.replies + 1,
    }


def _decided(event: sv.PolicyDecided, mark: Mark) -> Iterable[Decided]:
    for one in event.decisions:
        yield Decided(one.section, one.rule, one.basis, mark.at, event.policy, one.saw, one.outcome, mark.version)


def _classified(case: Case, event: ev.Classified, _: Mark, by_policy: bool, __: Ticket) -> dict[str, Any]:
    same = (event.category, event.subcategory) == (case.ticket.category, case.ticket.subcategory)
    return {"category_by_hand": not by_policy or (same and case.category_by_hand)}


def _prioritised(case: Case, event: ev.Prioritised, _: Mark, by_policy: bool, __: Ticket) -> dict[str, Any]:
    levels = (event.impact, event.urgency) != (case.ticket.impact, case.ticket.urgency)
    kept = event.priority is case.ticket.priority and case.priority_by_hand
    return {
        "priority_by_hand": kept if by_policy else event.by_hand or not levels,
        **({"levels_by_hand": not by_policy} if levels else {}),
    }


def _assigned(
    case: Case, event: ev.Assigned | ev.Unassigned, mark: Mark, by_policy: bool, ticket: Ticket
) -> dict[str, Any]:
    kept = ticket.team_id == case.ticket.team_id and case.assigned_by_hand  # a policy chose the agent within the team
    return {
        "assigned_by_hand": event.TOPIC == ev.Assigned.TOPIC and (not by_policy or kept),
        "assigned": mark,
        "last_agent_id": ticket.agent_id or case.last_agent_id,
    }


def _policy_decided(case: Case, event: sv.PolicyDecided, mark: Mark, *_: object) -> dict[str, Any]:
    return {"decisions": (*case.decisions, *_decided(event, mark)), "chains": case.chains.decided(event)}


_TELLING: dict[str, Callable[[Case, Any, Mark, bool, Ticket], dict[str, Any]]] = {
    ev.Commented.TOPIC: _message,
    ev.Classified.TOPIC: _classified,
    ev.Prioritised.TOPIC: _prioritised,
    ev.Assigned.TOPIC: _assigned,
    ev.Unassigned.TOPIC: _assigned,
    sv.PolicyDecided.TOPIC: _policy_decided,
}
"""What an event tells beside the ticket's state: of the case before it, its mark, whether a policy acted, the ticket after it."""
