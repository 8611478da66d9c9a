"""The life of one ticket under policies: what people do when, when a worker looks, and what is recorded of promises.

    life = Life(STANDARD)
    life.at("09:00").opened().at("09:30").answered()
    life.look("12:00")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:30"]

Times are of Monday, 2 March 2026, in UTC; ``+1 09:00`` is the day after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self
from uuid import UUID

from tests.domain.given import ANA, C1, C2, KIM, T1, T2, Fact, digest, opened
from ticketcore.domain import service_commands as sc
from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event, Meta
from ticketcore.domain.commands import Command, build
from ticketcore.domain.context import Context
from ticketcore.domain.decide import decide
from ticketcore.domain.ticket import Ticket, evolve
from ticketcore.domain.types import Actor, Direction, Priority, Role, SlaTarget
from ticketcore.ids import number_of
from ticketcore.policy.clocks import Clocks, evolve_clocks
from ticketcore.policy.courses import Course, course
from ticketcore.policy.facts import Facts
from ticketcore.policy.promises import next_wake, promise_steps
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.policy.source import load_policy

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
CALENDARS = """\
calendar: office
calendars:
  office: {zone: UTC, hours: {mon-fri: ["09:00-17:00"]}}
  late: {zone: UTC, hours: {mon-fri: ["13:00-21:00"]}}
  always: {zone: UTC, hours: always}
"""
PLAIN = f"""\
name: plain
{CALENDARS}
sla:
  - rule: standard
    when: {{}}
    targets:
      high: {{first_reply: 30m, next_reply: 1h, resolution: 4h}}
      normal: {{first_reply: 1h, next_reply: 2h, resolution: 8h}}
"""
STANDARD = f"{PLAIN}    warn: [50%, 80%]\n"


def instant(text: str) -> datetime:
    """Return the instant that ``09:30``, ``09:30:15`` or ``+2 09:30`` stands for."""
    days, _, time = text.rpartition(" ")
    hours, minutes, *seconds = map(float, time.split(":"))
    return MONDAY + timedelta(days=int(days or 0), hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def shown(at: datetime | None) -> str:
    """Return an instant as :func:`instant` reads it."""
    if at is None:
        return "none"
    days = (at - MONDAY).days
    text = f"{at:%H:%M:%S}".removesuffix(":00")
    return f"+{days} {text}" if days else text


def adopted(*texts: str, since: str = "00:00", version: int = 1) -> Adopted:
    """Return a policy that was adopted."""
    return Adopted(version, instant(since), load_policy("\n".join(texts)))


class Life:
    """One ticket. Every act takes place at the instant last named by :meth:`at`."""

    def __init__(self, *policies: str | Adopted, organisations: Mapping[UUID, str] | None = None) -> None:
        found = [adopted(one) if isinstance(one, str) else one for one in policies]
        self.schedule = Schedule(tuple(found))
        self.organisations = organisations or {}
        self.now = instant("09:00")
        self.events: list[Event] = []
        self.ticket: Ticket | None = None
        self.others: dict[UUID, Ticket] = {}
        self.clocks: Clocks | None = None
        self.commands = 0

    def at(self, time: str | datetime) -> Self:
        self.now = instant(time) if isinstance(time, str) else time
        return self

    def opened(self, *, by: Actor = KIM, priority: Priority | None = Priority.NORMAL, **payload: Any) -> Self:
        values = {"direction": Direction.INBOUND, "priority": priority, **payload}
        return self.happened(opened(by=by, **values))

    def happened(self, *facts: Fact) -> Self:
        """Record events as an import would: whatever they are, all by one command."""
        command = self._command_id()
        for fact in facts:
            meta = Meta(occurred_at=self.now, actor=fact.by, command_id=command)
            version = 1 + (self.ticket.version if self.ticket else 0)
            self._add(fact.cls(originator_id=T1, originator_version=version, meta=meta, **fact.payload))
        return self

    def do(self, cls: type[Command], by: Actor = ANA, **values: Any) -> Self:
        """Decide a command and record what it yields."""
        self._record(build(cls, **{"ticket_id": T1, **values}), by)
        return self

    def wrote(self) -> Self:
        return self.do(tc.Comment, KIM, direction=Direction.INBOUND, body="It still fails.")

    def answered(self, by: Actor = ANA) -> Self:
        return self.do(tc.Comment, by, direction=Direction.OUTBOUND, body="Try this.")

    def noted(self) -> Self:
        return self.do(tc.Comment, direction=Direction.INTERNAL, body="Hm.")

    def pended(self) -> Self:
        return self.do(tc.Pend)

    def held(self) -> Self:
        return self.do(tc.Hold)

    def resumed(self) -> Self:
        return self.do(tc.Resume)

    def solved(self) -> Self:
        return self.do(tc.Solve)

    def closed(self) -> Self:
        return self.do(tc.Close)

    def reopened(self) -> Self:
        return self.do(tc.Reopen)

    def prioritised(self, priority: str, by: Actor = ANA) -> Self:
        return self.do(tc.Prioritise, by, priority=Priority(priority))

    def assigned(self, team: str = "accounts", by: Actor = ANA) -> Self:
        return self.do(tc.Assign, by, team_id=team, agent_id=None)

    def belongs_to_other(self) -> Self:
        return self.do(tc.ChangeRequester, requester_id=C2)

    def merged(self) -> Self:
        self.others[T2] = other_ticket(self.now)
        return self.do(tc.Merge, target_id=T2)

    def unmerged(self) -> Self:
        return self.do(tc.Unmerge)

    def policy(self, section: str, command: type[Command], *, basis: int = 1, **values: Any) -> Self:
        """Let a policy decide something else, as its worker does at this instant."""
        decision = sv.PolicyDecision(section=sv.Section(section), rule="some", basis=basis)
        self._follow([decision], [build(command, ticket_id=T1, **values)])
        return self

    def look(self, time: str | datetime | None = None) -> Self:
        """Let the worker look; a second look at once finds nothing more to do."""
        if time is not None:
            self.at(time)
        self.look_once()
        assert self.look_once() == []
        return self

    def look_once(self) -> list[Event]:
        """Record what is missing, and return it."""
        assert self.clocks is not None
        steps = promise_steps(T1, self.clocks, self.schedule, self.now)
        decisions = [step.decision for step in steps if step.decision is not None]
        commands = [command for step in steps for command in step.commands]
        return self._follow(decisions, commands) if steps else []

    def wake(self) -> str:
        """Return when the worker wants to look though nothing happens."""
        assert self.clocks is not None
        return shown(next_wake(self.clocks, self.schedule, self.now))

    def course(self) -> Course:
        assert self.clocks is not None
        return course(self.clocks, self.schedule, self.now)

    def story(self, target: str | None = None) -> list[str]:
        """Return what is recorded of promises, in words."""
        found = []
        for event in self.events:
            told = _TOLD.get(event.TOPIC)
            if told is not None:
                words = told(event)
                which: SlaTarget = event.target  # type: ignore[attr-defined]
                found.append(words if target == which.value else f"{which.value} {words}")
        return found if target is None else [words for words in found if not words.startswith(_OTHERS[target])]

    def decisions(self) -> list[sv.PolicyDecision]:
        return [one for event in self.events if isinstance(event, sv.PolicyDecided) for one in event.decisions]

    def measured(self) -> list[sv.Measured]:
        return [event for event in self.events if isinstance(event, sv.Measured)]

    def _follow(self, decisions: list[sv.PolicyDecision], commands: list[Any]) -> list[Event]:
        adopted_ = self.schedule.in_force(self.now)
        name = adopted_.name if adopted_ is not None else "none/0"
        by = Actor(role=Role.POLICY, id=name.split("/")[0], version=name.split("/")[1])
        command = build(
            sc.FollowPolicy, ticket_id=T1, policy=name, decisions=tuple(decisions), commands=tuple(commands)
        )
        return self._record(command, by)

    def _record(self, command: Command, by: Actor) -> list[Event]:
        context = Context(actor=by, command_id=self._command_id(), now=self.now, digest=digest)
        states: Mapping[UUID, Any] = {T1: self.ticket, **self.others}
        decision = decide(command, {id_: states.get(id_) for id_ in command.streams()}, context)
        while decision.needs:
            streams = (*command.streams(), *decision.needs)
            decision = decide(command, {id_: states.get(id_) for id_ in streams}, context)
        for event in decision.events:
            self._add(event)
        return [event for event in decision.events if event.originator_id == T1]

    def _add(self, event: Event) -> None:
        if event.originator_id != T1:
            other = evolve(self.others[event.originator_id], event)
            assert other is not None
            self.others[event.originator_id] = other
            return
        self.events.append(event)
        self.ticket = evolve(self.ticket, event)
        assert self.ticket is not None
        self.clocks = evolve_clocks(self.clocks, event, facts_of(self.ticket, self.organisations))

    def _command_id(self) -> UUID:
        self.commands += 1
        return UUID(int=self.commands)


def facts_of(ticket: Ticket, organisations: Mapping[UUID, str] = {}) -> Facts:
    """Return what rules know of *ticket*."""
    organisation = None if ticket.requester_id is None else organisations.get(ticket.requester_id)
    values = {
        "priority": ticket.priority,
        "category": ticket.category,
        "tags": frozenset(ticket.tags),
        "team": ticket.team_id,
        "agent": ticket.agent_id,
        "channel": ticket.channel,
        "requester": None if ticket.requester_id is None else number_of(ticket.requester_id),
        "organisation": organisation,
    }
    return Facts({name: partial(values.get, name) for name in values})


def replayed(life: Life, until: int | None = None) -> Clocks:
    """Return the clocks folded afresh from the ticket's events, or its first *until*."""
    ticket, clocks = None, None
    for event in life.events[:until]:
        ticket = evolve(ticket, event)
        assert ticket is not None
        clocks = evolve_clocks(clocks, event, facts_of(ticket, life.organisations))
    assert clocks is not None
    return clocks


def other_ticket(at: datetime) -> Ticket:
    """Return another ticket that was opened at *at*."""
    meta = Meta(occurred_at=at, actor=KIM, command_id=UUID(int=0))
    fact = opened(T2, requester_id=C1)
    other = evolve(None, fact.cls(originator_id=T2, originator_version=1, meta=meta, **fact.payload))
    assert other is not None
    return other


_TOLD: dict[str, Callable[[Any], str]] = {
    ev.SlaApplied.TOPIC: lambda e: f"applied due {shown(e.due_at)}",
    ev.SlaFulfilled.TOPIC: lambda e: f"fulfilled {shown(e.fulfilled_at)}",
    ev.SlaBreached.TOPIC: lambda e: f"breached {shown(e.breached_at)}",
    sv.SlaPaused.TOPIC: lambda e: f"paused {shown(e.at)} after {e.elapsed_seconds / 60:g} min",
    sv.SlaResumed.TOPIC: lambda e: f"resumed {shown(e.at)} due {shown(e.due_at)}",
    sv.SlaWarned.TOPIC: lambda e: f"warned {shown(e.warned_at)} due {shown(e.due_at)}",
    sv.SlaWithdrawn.TOPIC: lambda e: f"withdrawn {shown(e.at)} {e.reason}",
}
_OTHERS = {target.value: tuple(f"{other.value} " for other in SlaTarget if other is not target) for target in SlaTarget}
