"""Given events, when a command, then events: the words that tests of the domain are written in.

    world = given(opened(), solved(), closed())
    with pytest.raises(TicketClosed, match="reopen or unmerge it first"):
        world.when(Assign, ticket_id=T1, agent_id="ana")

Facts get their versions and times from :func:`given`: the first at ``START``, each a minute after the one before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ticketcore.domain import agent as agent_fold
from ticketcore.domain import customer as customer_fold
from ticketcore.domain import customer_events as cev
from ticketcore.domain import message as message_fold
from ticketcore.domain import policies as policies_fold
from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket as ticket_fold
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.agent import Agent
from ticketcore.domain.agent_events import AgentEvent
from ticketcore.domain.base import Event, Meta
from ticketcore.domain.commands import Command, build
from ticketcore.domain.context import Context
from ticketcore.domain.customer import Customer
from ticketcore.domain.decide import Decision, decide
from ticketcore.domain.message import Message
from ticketcore.domain.message_events import MessageEvent
from ticketcore.domain.policies import Policies
from ticketcore.domain.policy_events import PolicyEvent
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Actor, Assurance, Channel, Direction, IdentityKind, Label, Status, Text
from ticketcore.ids import Kind, Number, aggregate_id, kind_of, number_of

LOG = "main"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)


Known = Ticket | Customer | Message | Policies | Agent | None


def ticket_id(counter: int) -> UUID:
    return aggregate_id(Number(Kind.TICKET, 2026, counter), LOG)


def customer_id(counter: int) -> UUID:
    return aggregate_id(Number(Kind.CUSTOMER, 2026, counter), LOG)


T1, T2, T3 = ticket_id(1), ticket_id(2), ticket_id(3)
C1, C2, C3 = customer_id(1), customer_id(2), customer_id(3)
ANA, BOB = Actor.agent("ana"), Actor.agent("bob")
KIM = Actor.customer(number_of(C1), Assurance.LOGGED_IN)
COMMAND = UUID(int=1)


def digest(kind: str, value: str) -> bytes:
    """Stand for the keyed digest: the same value, the same bytes."""
    return hashlib.sha256(f"{kind}\0{value}".encode()).digest()


@dataclass(frozen=True)
class Fact:
    """An event without its version; ``after``: since the fact before it, of whichever aggregate."""

    cls: type[Event]
    id: UUID
    payload: Mapping[str, Any] = field(default_factory=dict)
    by: Actor = ANA
    after: timedelta = MINUTE


def fact(cls: type[Event], id_: UUID = T1, *, by: Actor = ANA, after: timedelta = MINUTE, **payload: Any) -> Fact:
    return Fact(cls, id_, payload, by, after)


def opened(id_: UUID = T1, *, by: Actor = KIM, **payload: Any) -> Fact:
    return fact(ev.Opened, id_, by=by, **{"channel": Channel.MAIL, "requester_id": C1, **payload})


def assigned(id_: UUID = T1, *, agent_id: Label | None = "ana", team_id: Label | None = None, **more: Any) -> Fact:
    return fact(ev.Assigned, id_, agent_id=agent_id, team_id=team_id, **more)


def commented(
    id_: UUID = T1, *, direction: Direction = Direction.INBOUND, body: Text = "It still fails.", **more: Any
) -> Fact:
    by = more.pop("by", KIM if direction is Direction.INBOUND else ANA)
    return fact(ev.Commented, id_, **{"by": by, "direction": direction, "channel": Channel.MAIL, "body": body, **more})


def answered(id_: UUID = T1, **more: Any) -> Fact:
    return commented(id_, direction=Direction.OUTBOUND, **more)


def corrected(id_: UUID = T1, *, comment: int, body: Text = "It still fails, since Monday.", **more: Any) -> Fact:
    return fact(ev.CommentCorrected, id_, comment=comment, body=body, **more)


def _builder(cls: type[Event]) -> Callable[..., Fact]:
    def make(id_: UUID = T1, **more: Any) -> Fact:
        return fact(cls, id_, **more)

    return make


pended, held, resumed = _builder(ev.Pended), _builder(ev.Held), _builder(ev.Resumed)
solved, closed, reopened = _builder(ev.Solved), _builder(ev.Closed), _builder(ev.Reopened)
unassigned, redacted, rated = _builder(ev.Unassigned), _builder(ev.Redacted), _builder(ev.Rated)
participant_added, linked = _builder(ev.ParticipantAdded), _builder(ev.Linked)
sla_applied, sla_fulfilled = _builder(ev.SlaApplied), _builder(ev.SlaFulfilled)
sla_paused, sla_resumed, sla_withdrawn = _builder(sv.SlaPaused), _builder(sv.SlaResumed), _builder(sv.SlaWithdrawn)
measured = _builder(sv.Measured)
sla_breached, time_logged = _builder(ev.SlaBreached), _builder(ev.TimeLogged)
classified, prioritised = _builder(ev.Classified), _builder(ev.Prioritised)


def acknowledged(id_: UUID = T1, **more: Any) -> Fact:
    return answered(id_, by=Actor.system("acknowledgement"), **more)


def merged(source: UUID = T1, target: UUID = T2) -> tuple[Fact, Fact]:
    return fact(ev.Merged, source, target_id=target), fact(ev.Absorbed, target, source_id=source)


def registered(id_: UUID = C1, **payload: Any) -> Fact:
    return fact(cev.Registered, id_, **payload)


def identified(id_: UUID = C1, **payload: Any) -> Fact:
    given_ = {"kind": IdentityKind.MAIL, "value": "kim@example.org", "assurance": Assurance.VERIFIED}
    return fact(cev.Identified, id_, **{**given_, **payload})


def customers_merged(source: UUID = C1, target: UUID = C2) -> tuple[Fact, Fact]:
    return fact(cev.CustomerMerged, source, target_id=target), fact(cev.CustomerAbsorbed, target, source_id=source)


def in_status(status: Status, id_: UUID = T1, target: UUID = T2) -> tuple[Fact, ...]:
    """Return a life that ends in *status*; for ``merged`` the target must have been opened before."""
    return {
        Status.NEW: (opened(id_),),
        Status.OPEN: (opened(id_), assigned(id_)),
        Status.PENDING: (opened(id_), pended(id_)),
        Status.ON_HOLD: (opened(id_), held(id_)),
        Status.SOLVED: (opened(id_), solved(id_)),
        Status.CLOSED: (opened(id_), solved(id_), closed(id_)),
        Status.MERGED: (opened(id_), *merged(id_, target)),
    }[status]


@dataclass(frozen=True)
class World:
    """What has happened. ``now``: a minute after the last event."""

    events: tuple[Event, ...] = ()
    now: datetime = START
    states: Mapping[UUID, Known] = field(default_factory=dict)

    def ticket(self, id_: UUID = T1) -> Ticket:
        state = self.states[id_]
        assert isinstance(state, Ticket)
        return state

    def customer(self, id_: UUID = C1) -> Customer:
        state = self.states[id_]
        assert isinstance(state, Customer)
        return state

    def context(self, command: Command, by: Actor = ANA, **more: Any) -> Context:
        fresh = [self._unused(kind, n) for n, kind in enumerate(command.CREATES)]
        given_ = {"now": self.now, "new_ids": tuple(fresh), "digest": digest, "command_id": COMMAND}
        return Context(actor=by, **{**given_, **more})

    def when(
        self, cls: type[Command], *, by: Actor = ANA, context: Mapping[str, Any] | None = None, **values: Any
    ) -> Decision:
        """Build the command and decide it, with the states it asks for and no others."""
        command = build(cls, **values)
        states = {id_: self.states.get(id_) for id_ in command.streams()}
        decision = decide(command, states, self.context(command, by, **(context or {})))
        while decision.needs:
            assert decision.events == ()
            states |= {id_: self.states.get(id_) for id_ in decision.needs}
            decision = decide(command, states, self.context(command, by, **(context or {})))
        return decision

    def after(self, *events: Event) -> World:
        """Return the world in which *events* have happened too."""
        states = dict(self.states)
        for event in events:
            states[event.originator_id] = _evolve(states.get(event.originator_id), event)
        now = max((self.now, *(event.meta.occurred_at + MINUTE for event in events)))
        return replace(self, events=(*self.events, *events), now=now, states=states)

    def _unused(self, kind: Kind, n: int) -> UUID:
        known = sum(kind_of(id_) is kind for id_ in self.states)
        return aggregate_id(Number(kind, 2026, 100 + known + n), LOG)


def given(*facts: Fact) -> World:
    """Return the world in which *facts* happened, a minute apart."""
    world = World()
    for number, this in enumerate(facts):
        state = world.states.get(this.id)
        at = START if number == 0 else world.events[-1].meta.occurred_at + this.after
        meta = Meta(occurred_at=at, actor=this.by, command_id=COMMAND)
        version = state.version + 1 if state else 1
        world = world.after(this.cls(originator_id=this.id, originator_version=version, meta=meta, **this.payload))
    return world


def fold(events: tuple[Event, ...] | list[Event], id_: UUID) -> Ticket | Customer | None:
    """Return the state that the events of one aggregate lead to."""
    own = [event for event in events if event.originator_id == id_]
    return ticket_fold.project(None, own) if kind_of(id_) is Kind.TICKET else customer_fold.project(None, own)


def _evolve(state: Known, event: Event) -> Known:
    if isinstance(event, PolicyEvent):
        assert state is None or isinstance(state, Policies)
        return policies_fold.project(state, (event,))
    if isinstance(event, AgentEvent):
        assert state is None or isinstance(state, Agent)
        return agent_fold.evolve(state, event)
    if isinstance(event, MessageEvent):
        assert state is None or isinstance(state, Message)
        return message_fold.evolve(state, event)
    if isinstance(event, ev.TicketEvent):
        assert state is None or isinstance(state, Ticket)
        return ticket_fold.evolve(state, event)
    assert state is None or isinstance(state, Customer)
    return customer_fold.evolve(state, event)


def told(decision: Decision) -> list[str]:
    """Return ``number topic`` of every event that was decided."""
    return [f"{number_of(event.originator_id)} {event.TOPIC}" for event in decision.events]


def topics(decision: Decision) -> list[str]:
    """Return the topics that were decided."""
    return [event.TOPIC for event in decision.events]
