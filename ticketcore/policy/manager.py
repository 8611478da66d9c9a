"""The process manager: events in, tickets reconciled with the policy in force, commands out; each once.

Events only let tickets be due. A ticket that is due is held by one worker, read whole, and what the policy wants done is
appended in the transaction that also moves its timer, so a crash keeps all of it or nothing. Where somebody wrote on
the ticket meanwhile nothing is kept, and it stays due.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import psycopg

from ticketcore.domain import ticket as ticket_fold
from ticketcore.domain.agent import Agent
from ticketcore.domain.commands import build
from ticketcore.domain.decide_policy import AGENT
from ticketcore.domain.policies import Policies
from ticketcore.domain.service_commands import FollowPolicy
from ticketcore.domain.service_events import Section
from ticketcore.domain.ticket_events import Opened
from ticketcore.errors import KeyMissing, StoreUnavailable, TicketCoreError
from ticketcore.ids import policy_id
from ticketcore.policy.around import Around
from ticketcore.policy.desk import Desk
from ticketcore.policy.engine import Plan, Planning
from ticketcore.policy.errors import PolicyLoop, UnreadablePolicy
from ticketcore.policy.schedule import Schedule
from ticketcore.policy.store import Done, Letter, Seen
from ticketcore.policy.store_memory import MemoryPolicyStore
from ticketcore.policy.store_postgres import PostgresPolicyStore
from ticketcore.store.appends import check_append
from ticketcore.store.codec import Codec
from ticketcore.store.memory import MemoryLog
from ticketcore.store.port import Appended
from ticketcore.store.postgres import PostgresLog

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from threading import Event as Signal
    from uuid import UUID

    from ticketcore.app import TicketCore
    from ticketcore.domain.base import Event
    from ticketcore.policy.engine import Part
    from ticketcore.policy.store import Batch, PolicyStore
    from ticketcore.store.port import Append, EventLog, Record

__all__ = ["Counts", "PolicyManager", "policy_store"]

PAGE = 5_000
"""Events that are read at a time."""
BATCH = 50
"""Tickets that are worked at a time: one transaction."""
SOONEST = timedelta(seconds=1)
"""A timer is never set nearer than this after the look that set it."""
LONGEST_ERROR = 2_000
"""Characters that are kept of an error."""
LONGEST_PAUSE = 30.0
"""Seconds between tries of a data base that is away."""
_PASSES = (
    StoreUnavailable,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
)
"""What passes by itself: connections, locks, a server that restarts; that this process was stopped for a while."""
_GOES_ON = (StoreUnavailable, UnreadablePolicy, KeyMissing, psycopg.Error)
"""What is not the fault of one ticket."""


class Counts(NamedTuple):
    """What was done: events read, tickets looked at, commands recorded, tickets given up, conflicts with other writers,

    and how often waiting tickets were woken since agents came, went or changed.
    """

    events: int = 0
    tickets: int = 0
    commands: int = 0
    dead: int = 0
    conflicts: int = 0
    woken: int = 0

    @property
    def is_some(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.events or self.tickets or self.woken)

    def plus(self, other: Counts) -> Counts:
        """Return both together."""
        return Counts(*map(sum, zip(self, other, strict=True)))


class PolicyManager:
    """Follows a log's policies. One per thread; any number of them, in any number of processes, share the work.

    Args:
        core: opened with the keys: rules look at texts.
        clock: gives the time, aware.
        store: what is kept beside the log; by default that of the core's log.
        sections: of a policy; all by default.
    """

    def __init__(
        self,
        core: TicketCore,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        store: PolicyStore | None = None,
        sections: Sequence[Part] | None = None,
    ) -> None:
        self._core, self._clock, self._sections = core, clock, sections
        self.store = policy_store(core.log) if store is None else store
        self._codec = Codec()
        self._schedule = Schedule()

    def catch_up(self, stop: Callable[[], bool] = lambda: False) -> Counts:
        """Read all events up to the log's end and work all tickets that are due by now; return what was done.

        What other workers hold is theirs. *stop*: asked before each transaction, which is finished.

        Raises:
            StoreUnavailable, psycopg.Error: the log is away; what was done so far is kept.
            UnreadablePolicy: this release can't read the policy in force.
        """
        total = Counts()
        while not stop():
            done = self.step()
            total = total.plus(done)
            if not done.is_some:
                break
        return total

    def run(
        self,
        stop: Signal,
        *,
        poll: float = 0.5,
        on_step: Callable[[Counts], None] = lambda _: None,
        on_retry: Callable[[Exception, int, float], None] = lambda *_: None,
    ) -> None:
        """Follow the policies until *stop* is set; the transaction in hand is finished first.

        Args:
            stop: set by whoever wants the end.
            poll: seconds between looks where there is nothing to do.
            on_step: told after each transaction what it did, be it nothing.
            on_retry: told of an error that passes by itself, how many there were in a row, and the seconds until the
                next try, which grow up to half a minute.
        Raises:
            UnreadablePolicy: this release can't read the policy in force.
            KeyMissing: a text can't be opened with the keys that are here.
        """
        failures = 0
        while not stop.is_set():
            try:
                done = self.step()
            except _PASSES as error:
                failures += 1
                pause = min(LONGEST_PAUSE, poll * 2 ** min(failures, 12))
                on_retry(error, failures, pause)
            else:
                failures, pause = 0, 0.0 if done.is_some else poll
                on_step(done)
            stop.wait(pause)

    def step(self) -> Counts:
        """Read a page of events, then work tickets that are due."""
        return self.feed().plus(self.work())

    def feed(self) -> Counts:
        """Read a page of events and let their tickets be due."""
        return Counts(events=self.store.feed(self._clock(), PAGE).events)

    def work(self, limit: int = BATCH) -> Counts:
        """Work tickets that are due, at most *limit*, in one transaction."""
        now = self._clock()
        with self.store.batch(now, limit) as batch:
            return _Work(self, batch, now).do()

    def schedule(self) -> Schedule:
        """Return all policies that were adopted, as the log has them now."""
        id_ = policy_id(self._core.log.name)
        state = self._core._executor.load((id_,))[id_]
        self._schedule = self._schedule.refreshed(state.adopted if isinstance(state, Policies) else ())
        return self._schedule

    def agents(self) -> list[Agent]:
        """Return all agents, as the log has them now."""
        owners = self._core.log.owners(AGENT).values()
        states = self._core._executor.load(owners).values() if owners else ()
        return [state for state in states if isinstance(state, Agent)]


class _Ticket(NamedTuple):
    """A ticket that is due: as it was seen, its records and events; ``error`` where they can't be read."""

    seen: Seen
    records: Sequence[Record]
    events: Sequence[Event]
    incarnation: int
    error: Exception | None = None

    @property
    def agent_id(self) -> str | None:
        state = ticket_fold.project(None, self.events) if self.events else None
        return None if state is None else state.agent_id


class _Work:
    """One batch. Plans that touch the desk are made under its lock, one after the other, on what the ones before left."""

    def __init__(self, manager: PolicyManager, batch: Batch, now: datetime) -> None:
        self._manager, self._batch, self._now = manager, batch, now
        self._core, self._log = manager._core, manager._core.log
        self._desk = Desk()

    def do(self) -> Counts:
        tickets = self._read()
        if not tickets and not self._batch.desk_changed():
            return Counts()
        self._schedule = self._manager.schedule()
        first = [event for ticket in tickets for event in ticket.events[:1] if isinstance(event, Opened)]
        self._around = Around(self._core, self._manager.store, self._schedule, first)
        plans: dict[int, Plan | Exception] = {}
        before: list[Agent] | None = None
        if any(ticket.agent_id is not None for ticket in tickets):
            before = self._look()
        for number, ticket in enumerate(tickets):
            if ticket.agent_id is not None or ticket.error is not None:
                plan = self._plan(ticket)
                if isinstance(plan, Exception) or not _touches_desk(plan, ticket.seen):
                    plans[number] = plan
        # All that needs no desk is done before its lock: workers wait there for each other.
        begun = {n: self._begin(one) for n, one in enumerate(tickets) if n not in plans and one.agent_id is None}
        ready = {number: self._done(tickets[number], plan) for number, plan in plans.items()}
        free = changed = self._batch.lock_desk()
        if before is not None and before != self._manager.agents():
            # Somebody came or left meanwhile, and whoever woke their tickets passed over those that are held here.
            ready.clear()
        if changed or len(ready) < len(tickets):
            self._look()
        for number in self._order(tickets, ready, begun):
            ticket = tickets[number]
            if number not in ready:
                plan = self._plan(ticket, begun.get(number))
                free |= isinstance(plan, Plan) and self._follow(ticket.seen, plan)
                ready[number] = self._done(ticket, plan)
        done = list(ready.values())
        outcomes = self._batch.finish(done, self._to_wake() if free else (), self._now)
        if changed:
            self._batch.rest(self._desk.next_return())
        recorded = sum(isinstance(outcome, Appended) for outcome in outcomes)
        return Counts(
            tickets=len(tickets),
            commands=recorded,
            dead=sum(one.letter is not None for one in done),
            conflicts=sum(outcome is not None for outcome in outcomes) - recorded,
            woken=changed,
        )

    def _order(
        self, tickets: Sequence[_Ticket], ready: Collection[int], begun: Mapping[int, Planning | Exception]
    ) -> list[int]:
        """Return in which order those that are not ready are planned and recorded.

        Those that have an agent before others are given to them; of the others the most urgent first, as its rules have it.
        """
        orders: dict[int, tuple[Any, ...]] = {}
        for number, planning in begun.items():
            wish = None if isinstance(planning, Exception) else planning.wish
            orders[number] = () if wish is None else wish.order
        return sorted(
            (number for number in range(len(tickets)) if number not in ready),
            key=lambda n: (n in begun, not orders.get(n), orders.get(n, ())),
        )

    def _follow(self, seen: Seen, plan: Plan) -> bool:
        """Bring the desk up to what *plan* does; return whether others who wait may be served now."""
        before, after = seen.counts_for, _after(seen, plan).counts_for
        self._desk = self._desk.moved(before, after).with_waiting(seen.ticket_id, plan.wish)
        return (before is not None and before != after) or (seen.wish is not None and plan.wish is None)

    def _to_wake(self) -> list[UUID]:
        """Return those who wait and for whom somebody is free now, and those whom absent agents hold."""
        absent = [agent for agent in self._desk.colleagues if self._desk.is_absent(agent)]
        return self._desk.to_look_at(self._batch.held(absent) if absent else ())

    def _read(self) -> list[_Ticket]:
        seen = self._batch.tickets
        if not seen:
            return []
        incarnation = self._log.incarnation
        streams = self._log.load([one.ticket_id for one in seen]).streams
        found = []
        for one in seen:
            records = streams.get(one.ticket_id, ())
            try:
                events: list[Event] = [self._manager._codec.decode(record) for record in records]
            except Exception as error:  # noqa: BLE001 -- a dead letter says which, and the others go on
                found.append(_Ticket(one, records, (), incarnation, error))
            else:
                found.append(_Ticket(one, records, events, incarnation))
        return found

    def _look(self) -> list[Agent]:
        """See the desk as it is; under its lock, so that it stays so. Return the agents."""
        loads, turns, waiting = self._batch.desk()
        agents = self._manager.agents()
        self._desk = Desk.of(agents, self._now, loads, turns, waiting)
        return agents

    def _begin(self, ticket: _Ticket) -> Planning | Exception:
        if ticket.error is not None:
            return ticket.error
        try:
            return Planning(ticket.events, self._schedule, self._desk, self._now, self._around, self._manager._sections)
        except _GOES_ON:
            raise
        except Exception as error:  # noqa: BLE001 -- a dead letter tells it, and the others go on
            return error

    def _plan(self, ticket: _Ticket, begun: Planning | Exception | None = None) -> Plan | Exception:
        planning = self._begin(ticket) if begun is None else begun
        if isinstance(planning, Exception):
            return planning
        try:
            return planning.finish(self._desk)
        except _GOES_ON:
            raise
        except Exception as error:  # noqa: BLE001 -- likewise
            return error

    def _done(self, ticket: _Ticket, plan: Plan | Exception) -> Done:
        if isinstance(plan, Exception):
            return self._given_up(ticket, plan)
        seen, append = _after(ticket.seen, plan), None
        version = ticket.records[-1].originator_version if ticket.records else 0
        if not plan.is_empty:
            try:
                append = self._append(ticket, plan)
                check_append(append)
            except _GOES_ON:
                raise
            except Exception as error:  # noqa: BLE001 -- likewise
                return self._given_up(ticket, error)
            version += len(append.events)
        due_at = plan.wake_at
        if due_at is not None:
            due_at = max(due_at, self._now + SOONEST)
        return Done(seen._replace(version=version), due_at, append, _position(ticket))

    def _append(self, ticket: _Ticket, plan: Plan) -> Append:
        assert plan.view is not None  # noqa: S101 -- a plan that is not empty has them
        assert plan.actor is not None  # noqa: S101 -- likewise
        id_ = ticket.seen.ticket_id
        values = {"policy": plan.policy, "decisions": plan.decisions, "commands": plan.commands}
        command = build(FollowPolicy, ticket_id=id_, **values)
        state = ticket_fold.project(None, ticket.events)
        cause = ticket.events[-1].meta.command_id
        options: Any = {"occurred_at": plan.view.now, "causation_id": cause}
        return self._core._executor.prepared(command, plan.actor, options, {id_: state}, ticket.incarnation)

    def _given_up(self, ticket: _Ticket, error: Exception) -> Done:
        policy = self._schedule.in_force(self._now)
        version = ticket.records[-1].originator_version if ticket.records else 0
        rules = error.rules if isinstance(error, PolicyLoop) else ()
        text = _told(error)[:LONGEST_ERROR]
        letter = Letter(ticket.seen.ticket_id, self._now, version, policy.name if policy else None, rules, text)
        return Done(ticket.seen._replace(version=version), None, None, _position(ticket), letter)


def policy_store(log: EventLog) -> PolicyStore:
    """Return what is kept beside *log*: in its data base, or for a log in memory in a new one."""
    if isinstance(log, PostgresLog):
        return PostgresPolicyStore(log)
    return MemoryPolicyStore(cast("MemoryLog", log))


def _told(error: Exception) -> str:
    """Return what may be kept of an error: this library's own texts hold nothing personal, any other's may."""
    if isinstance(error, TicketCoreError):
        return f"{type(error).__name__}: {error}"
    where = traceback.extract_tb(error.__traceback__)[-1:]
    return type(error).__name__ + "".join(f" in {Path(at.filename).name}:{at.lineno} ({at.name})" for at in where)


def _position(ticket: _Ticket) -> int:
    return ticket.records[-1].position if ticket.records else 0


def _after(seen: Seen, plan: Plan) -> Seen:
    """Return how a ticket is once *plan* is done; its version is filled in by the caller."""
    case = plan.case if plan.view is None else plan.view.case
    if case is None:
        return seen
    ticket = case.ticket
    return Seen(
        ticket.id, 0, ticket.status, ticket.priority, ticket.agent_id, ticket.requester_id, ticket.opened_at, plan.wish
    )


def _touches_desk(plan: Plan, seen: Seen) -> bool:
    """Return whether a plan depends on who else is given what, or changes whose load the ticket is."""
    if Section.ASSIGNMENT in plan.sections:
        return True
    return plan.wish is not None or seen.wish is not None or seen.counts_for != _after(seen, plan).counts_for
