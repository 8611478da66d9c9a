"""What the policy in force wants done to a ticket now, and when to look at it again. Pure; deciding again gives nothing.

A ticket is reconciled: its sections are asked in order, what each wants is decided by the domain and folded in before the
next is asked, until none wants anything more. So what comes out is the whole difference between what should be and what
is recorded. Repeats, crashes, late wake-ups and several workers do no harm: there is nothing left to do twice.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from ticketcore.domain.context import Context
from ticketcore.domain.decide import decide
from ticketcore.domain.service_events import PolicyDecided, Section
from ticketcore.domain.types import Actor, Role, Status
from ticketcore.policy.assignment import assignment_steps, assignment_wake, waiting
from ticketcore.policy.case import BURST, evolve_case, project_case
from ticketcore.policy.checklists import checklists, wake_checklists
from ticketcore.policy.classification import classification_steps
from ticketcore.policy.clocks import evolve_clocks
from ticketcore.policy.desk import Desk
from ticketcore.policy.errors import PolicyLoop
from ticketcore.policy.follow_up import follow_up, wake_follow_up
from ticketcore.policy.known import facts_of
from ticketcore.policy.outside import NOWHERE
from ticketcore.policy.priority import priority_steps
from ticketcore.policy.promises import sla_steps, sla_wake
from ticketcore.policy.routing import routing_steps
from ticketcore.policy.steps import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from ticketcore.domain.base import Event
    from ticketcore.domain.service_events import PolicyDecision
    from ticketcore.domain.ticket_commands import TicketCommand
    from ticketcore.policy import steps
    from ticketcore.policy.case import Case
    from ticketcore.policy.clocks import Clocks
    from ticketcore.policy.desk import Waiting
    from ticketcore.policy.outside import Outside
    from ticketcore.policy.schedule import Adopted, Schedule

__all__ = ["LONGEST_CHAIN", "MOST_STEPS", "SECTIONS", "Part", "Plan", "Planning", "reconcile"]

LONGEST_CHAIN = 10
"""After so many commands of policies in a row, each because of the one before, nothing more is done for a ticket: each within
:data:`~ticketcore.policy.case.BURST` of the one before, or a follow-up that counts from what the one before did."""
MOST_STEPS = 50
"""So many steps are taken at once before rules are held to go round."""


class Part(NamedTuple):
    """One section of a policy as the engine runs it.

    Attributes:
        name: which.
        steps: what it wants now; asked again until it wants nothing.
        wake: when it wants something though nothing happens until then.
        wish: for what agent the ticket waits, of the section that gives it to one.
    """

    name: Section
    steps: steps.Section
    wake: steps.Wake | None = None
    wish: Callable[[View], Waiting | None] | None = None


SECTIONS: tuple[Part, ...] = (
    # In the order in which they are asked: classification, priority, checklist, routing, assignment, sla, follow_up.
    Part(Section.CLASSIFICATION, classification_steps),
    Part(Section.PRIORITY, priority_steps),
    Part(Section.CHECKLIST, checklists, wake_checklists),
    Part(Section.ROUTING, routing_steps),
    Part(Section.ASSIGNMENT, assignment_steps, assignment_wake, waiting),
    Part(Section.SLA, sla_steps, sla_wake),
    Part(Section.FOLLOW_UP, follow_up, wake_follow_up),
)
"""All that policies do."""


class Plan(NamedTuple):
    """What is to be done to a ticket.

    Attributes:
        policy: name and version of the policy in force; ``None`` where none is, and nothing is to be done.
        actor: who does it.
        decisions: of its rules, in order.
        commands: that carry them out, in order; see :class:`~ticketcore.domain.service_commands.FollowPolicy`.
        sections: those that decided or commanded anything.
        wake_at: when to look again though nothing happens until then; ``None`` for never.
        case: the ticket before; ``None`` where it was not opened.
        view: the ticket as it is once all of it is done; ``None`` where no policy looks at it.
        wish: for what agent it waits then; ``None`` where it waits for none.
    """

    policy: str | None = None
    actor: Actor | None = None
    decisions: tuple[PolicyDecision, ...] = ()
    commands: tuple[TicketCommand, ...] = ()
    sections: frozenset[Section] = frozenset()
    wake_at: datetime | None = None
    case: Case | None = None
    view: View | None = None
    wish: Waiting | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done now."""
        return not self.decisions and not self.commands


def reconcile(
    events: Sequence[Event],
    schedule: Schedule,
    desk: Desk,
    now: datetime,
    outside: Outside = NOWHERE,
    sections: Sequence[Part] | None = None,
) -> Plan:
    """Return what the policy in force wants done to the ticket of *events* at *now*.

    Nothing for a ticket whose newest event, those of policies apart, was imported; of a merged one only promises are
    looked at.

    Args:
        events: all of the ticket, in order.
        schedule: the policies that were adopted.
        desk: the agents.
        now: aware; where the ticket's newest event is later, that counts.
        outside: answers what the events do not tell.
        sections: :data:`SECTIONS` where not given.
    Raises:
        PolicyLoop: rules want something because of what rules did, again and again.
        UnreadablePolicy: this release can't read the policy in force.
    """
    return Planning(events, schedule, desk, now, outside, sections).finish(desk)


class Planning:
    """A plan in the making, whose sections before the one that gives tickets to agents were asked: they need no desk.

    Takes and raises what :func:`reconcile` does.
    """

    def __init__(
        self, events: Sequence[Event], schedule: Schedule, desk: Desk, now: datetime, outside: Outside = NOWHERE,
        sections: Sequence[Part] | None = None,
    ) -> None:  # fmt: skip
        if events and events[-1].meta.occurred_at > now:
            now = events[-1].meta.occurred_at
        self._plan: Plan | None = None
        policy = schedule.in_force(now)
        if policy is None:
            case = project_case(None, events)
            self._plan = Plan(wake_at=schedule.next_change(now) if case else None, case=case)
            return
        self._state = state = _State(policy, schedule, desk, now, outside)
        state.fold(events)
        if state.case is None:
            self._plan = Plan()
            return
        self._case, status = state.case, state.case.ticket.status
        self._later = None if status in _OVER else schedule.next_change(now)
        if state.case.newest_imported:
            self._plan = Plan(policy.name, wake_at=self._later, case=state.case)
            return
        self._parts = SECTIONS if sections is None else sections
        if status is Status.MERGED:
            self._parts = [part for part in self._parts if part.name is Section.SLA]
        self._gives = next((n for n, part in enumerate(self._parts) if part.wish is not None), len(self._parts))
        self._had = [part for part in self._parts[: self._gives] if state.follow(part)]

    @property
    def wish(self) -> Waiting | None:
        """For what agent the ticket waits as far as it was planned; ``None`` where it waits for none."""
        if self._plan is not None or self._gives == len(self._parts):
            return None
        wish = self._parts[self._gives].wish
        return None if wish is None else wish(self._state.view())

    def finish(self, desk: Desk) -> Plan:
        """Ask the other sections, with *desk*, and return the plan."""
        if self._plan is None:
            self._state.desk = desk
            self._plan = self._finished()
        return self._plan

    def _finished(self) -> Plan:
        state, case, parts = self._state, self._case, self._parts
        self._had += [part for part in parts[self._gives :] if state.follow(part)]
        while self._had:
            self._had = [part for part in parts if state.follow(part)]
        in_a_row = case.chain if (state.now - case.ticket.last_at).total_seconds() < BURST else 0
        if state.sections and in_a_row >= LONGEST_CHAIN:
            raise PolicyLoop(case.ticket.number, _last_rules(case, state.rules), case.chain)
        if (links := case.chains.longest(state.policy.name, state.decisions)) >= LONGEST_CHAIN:
            raise PolicyLoop(case.ticket.number, _last_rules(case, state.rules), links)
        view = state.view()
        wakes = [at for part in parts if part.wake is not None and (at := part.wake(view)) is not None]
        if self._later is not None:
            wakes.append(self._later)
        return Plan(
            state.policy.name,
            state.context.actor,
            tuple(state.decisions),
            tuple(state.commands),
            frozenset(state.sections),
            min(wakes, default=None),
            case,
            view,
            next((wish for part in parts if part.wish is not None and (wish := part.wish(view)) is not None), None),
        )


class _State:
    """A ticket in the making: its events, and those that the plan so far records.

    The plan's decisions are one event that comes first, as :class:`~ticketcore.domain.service_commands.FollowPolicy`
    records them. So whenever there is another one, everything after is folded anew, and each section sees exactly
    what will be in the log.
    """

    def __init__(self, policy: Adopted, schedule: Schedule, desk: Desk, now: datetime, outside: Outside) -> None:
        self.policy, self.schedule, self.desk, self.now, self.outside = policy, schedule, desk, now, outside
        actor = Actor(role=Role.POLICY, id=policy.document.name, version=str(policy.version))
        self.context = Context(actor=actor, command_id=_NO_COMMAND, now=now)
        self.case: Case | None = None
        self.clocks: Clocks | None = None
        self._before: tuple[Case, Clocks | None] | None = None
        self._events: list[Event] = []
        self.decisions: list[PolicyDecision] = []
        self.commands: list[TicketCommand] = []
        self.sections: set[Section] = set()
        self._steps = 0

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(f"{one.section}: {one.rule}" for one in self.decisions)

    def fold(self, events: Iterable[Event]) -> None:
        for event in events:
            self.case = evolve_case(self.case, event)
            if self.case is not None:
                at = event.meta.occurred_at
                policy = self.schedule.in_force(at) or self.policy  # whose calendars and zone its rules were about then
                self.clocks = evolve_clocks(self.clocks, event, facts_of(self.case, policy, self.outside, at))

    def view(self) -> View:
        case = self.case
        assert case is not None  # noqa: S101 -- reconcile() saw to it
        facts = facts_of(case, self.policy, self.outside, self.now)
        write = partial(self.outside.letter, case.ticket.id, now=self.now)
        return View(case, self.clocks, self.policy, self.schedule, facts, self.desk, self.now, write)

    def follow(self, part: Part) -> bool:
        """Take the section's steps until it has none; return whether it had any."""
        had = False
        while taken := part.steps(self.view()):
            had = True
            for step in taken:
                self._take(part, step)
        return had

    def _take(self, part: Part, step: steps.Step) -> None:
        self._steps += 1
        case = self.case
        assert case is not None  # noqa: S101 -- reconcile() saw to it
        if self._steps > MOST_STEPS:
            raise PolicyLoop(case.ticket.number, _last(self.rules) or (part.name,), self._steps)
        if self._before is None:
            self._before = case, self.clocks
        base = self._before[0].ticket
        self.sections.add(part.name)
        if step.decision is not None:
            self.decisions.append(step.decision)
        # An empty event stands in until there is a decision, so that the versions of what follows are right.
        first = self.context.restart().stamp(
            PolicyDecided, base, policy=self.policy.name, decisions=tuple(self.decisions)
        )
        self._again(first)
        for command in step.commands:
            assert self.case is not None  # noqa: S101 -- likewise
            ticket = self.case.ticket
            found = decide(command, {ticket.id: ticket}, self.context).events
            self.commands.append(command)
            self._events += found
            self.fold(found)

    def _again(self, first: Event) -> None:
        """Fold the plan anew, with *first* as the event that holds its decisions."""
        assert self._before is not None  # noqa: S101 -- _take() saw to it
        self.case, self.clocks = self._before
        self.fold((first, *self._events))


def _last_rules(case: Case, now: tuple[str, ...]) -> tuple[str, ...]:
    before = (f"{one.section}: {one.rule}" for one in case.decisions[-LONGEST_CHAIN:])
    return _last((*before, *now))


def _last(rules: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rules[-LONGEST_CHAIN:]))


_NO_COMMAND = UUID(int=0)
_OVER = (Status.CLOSED, Status.MERGED)
