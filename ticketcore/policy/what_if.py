"""What a policy's promises would have been worth: attainment over history under other rules, beside as it was. Only reads."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.types import Priority, SlaTarget
from ticketcore.ids import number_of
from ticketcore.policy.case import evolve_case
from ticketcore.policy.clocks import evolve_clocks
from ticketcore.policy.courses import course
from ticketcore.policy.known import facts_of
from ticketcore.policy.look_back import LookBack
from ticketcore.policy.outcomes import ENDS, Outcome, derived_outcome, recorded_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from uuid import UUID

    from ticketcore.app import TicketCore
    from ticketcore.domain.base import Event
    from ticketcore.policy.case import Case
    from ticketcore.policy.clocks import Clocks
    from ticketcore.policy.courses import Clock
    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.outside import Outside
    from ticketcore.policy.schedule import Schedule

__all__ = ["Change", "Compared", "Ends", "Group", "WhatIf", "compared", "what_if"]


class Group(NamedTuple):
    """The tickets of one target and priority.

    Attributes:
        target: what was, or would have been, promised.
        priority: that the tickets have now; ``None``: never set. Of all together ``all``.
        was, would: outcome -> number of tickets.
    """

    target: SlaTarget
    priority: str | None
    was: Mapping[Outcome, int]
    would: Mapping[Outcome, int]

    @property
    def was_attained(self) -> float | None:
        """Share of kept among kept and broken, 0 to 1; those never reported broken count as kept; ``None`` for none."""
        return _attained(self.was)

    @property
    def would_attain(self) -> float | None:
        """Likewise, under the policy."""
        return _attained(self.would)


class Change(NamedTuple):
    """A ticket whose promise would have come to another end.

    Attributes:
        number: the ticket's.
        rule: of the policy, that promises.
        due_at, ended_at: of the promise that decides the outcome under the policy.
    """

    number: str
    target: SlaTarget
    priority: str | None
    was: Outcome
    would: Outcome
    rule: str | None
    due_at: datetime | None
    ended_at: datetime | None


class Ends(NamedTuple):
    """What became of the promises about a target, and would have; ``clock``: of the promise that decides the latter."""

    was: Outcome
    would: Outcome
    clock: Clock | None


class Compared(NamedTuple):
    """One ticket, with the ends of its promises by target."""

    case: Case
    ends: Mapping[SlaTarget, Ends]


class WhatIf(NamedTuple):
    """Attainment as it was, and as it would have been.

    Attributes:
        policy: the document's name.
        since, until: tickets opened in ``[since, until)``; ``None``: at any time.
        position: the log's, up to which it was read.
        now: when promises that run were looked at.
        tickets: how many were looked at.
        unreadable: numbers of tickets with events that this release can't read; they are left out.
        groups: by target; first all priorities together, then each.
        changes: tickets that would have become ``broken`` or ``kept``, having been the other, in the order of their numbers.
    """

    policy: str
    since: datetime | None
    until: datetime | None
    position: int
    now: datetime
    tickets: int
    unreadable: tuple[str, ...]
    groups: tuple[Group, ...]
    changes: tuple[Change, ...]


def what_if(
    core: TicketCore,
    document: PolicyDocument,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    now: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> WhatIf:
    """Return what the promises of *document* would have come to, had it always been in force, beside what is recorded.

    Tickets are taken as they went: what people and policies did, with the priorities, teams and statuses that they
    had. Promises alone are made anew. Nothing is written.

    Args:
        core: opened with the keys where rules look at texts.
        document: as :func:`~ticketcore.policy.source.check_policy` returns it.
        since: aware; only tickets opened at or after.
        until: aware; only tickets opened before.
        now: aware; when promises that still run are looked at; the present where it is not given.
        progress: told how many tickets more were looked at.
    Raises:
        StoreUnavailable: the log is away.
        KeyMissing: a text can't be opened with the keys that are here, and a rule looks at it.
    """
    look, tally, now = LookBack(core, document, since, until), _Tally(), now or datetime.now(UTC)
    for id_, events in look.tickets(progress):
        tally.add(id_, compared(events, look.schedule, look.outside, now))
    return WhatIf(
        document.name, since, until, look.position, now, tally.tickets, tuple(tally.unreadable), tally.groups(), tally.changes()
    )  # fmt: skip


def _hindsight(events: Sequence[Event], schedule: Schedule, outside: Outside) -> tuple[Case, Clocks] | None:
    """Return a ticket and what its clocks derive from, as if no promise had been recorded yet; ``None`` for no event."""
    case, clocks, policy = None, None, schedule.version(0)
    for event in events:
        case = evolve_case(case, event)
        if case is not None:
            clocks = evolve_clocks(clocks, event, facts_of(case, policy, outside, event.meta.occurred_at))
    if case is None or clocks is None:
        return None
    return case, clocks._replace(recorded=(), decided=(), foreign=frozenset(), looked=0)


def compared(events: Sequence[Event], schedule: Schedule, outside: Outside, now: datetime) -> Compared | None:
    """Return what became of one ticket's promises, and would have; ``None`` for no event.

    Args:
        events: of the ticket, in order.
        schedule: of the policy that is tried, see :func:`~ticketcore.policy.past.always`.
        outside: answers what the events do not tell.
        now: when promises that still run are looked at; the ticket's newest event counts where that is later.
    """
    found = _hindsight(events, schedule, outside)
    if found is None:
        return None
    case, clocks = found
    recorded = recorded_outcomes(events, case)
    made = course(clocks, schedule, max(now, events[-1].meta.occurred_at)).clocks
    ends = {target: Ends(recorded[target], *derived_outcome(made, target)) for target in SlaTarget}
    return Compared(case, ends)


class _Tally:
    """Counts tickets, one after the other."""

    def __init__(self) -> None:
        self.tickets = 0
        self.unreadable: list[str] = []
        self._counts: Counter[tuple[SlaTarget, str | None, Outcome, Outcome]] = Counter()
        self._reported: set[SlaTarget] = set()
        self._changes: list[Change] = []

    def add(self, id_: UUID, found: Compared | None) -> None:
        """Count one ticket."""
        if found is None:
            self.unreadable.append(number_of(id_))
            return
        self.tickets += 1
        priority = found.case.ticket.priority and found.case.ticket.priority.value
        for target, (was, would, clock) in found.ends.items():
            self._counts[target, priority, was, would] += 1
            if was in ENDS and found.case.is_imported:
                self._reported.add(target)
            if would in ENDS and was is not would and was in (*ENDS, Outcome.NOT_REPORTED):
                rule = None if clock is None or clock.terms is None else clock.terms.rule
                due, ended = (None, None) if clock is None else (clock.due_at, clock.ended_at)
                self._changes.append(Change(number_of(id_), target, priority, was, would, rule, due, ended))

    def changes(self) -> tuple[Change, ...]:
        """Return the changes; not those of tickets of which nothing was reported, where that is as good as kept or unknown."""
        known = (one for one in self._changes if one.was is not Outcome.NOT_REPORTED or one.target in self._reported)
        return tuple(one for one in known if (one.was, one.would) != (Outcome.NOT_REPORTED, Outcome.KEPT))

    def groups(self) -> tuple[Group, ...]:
        """Return the counts."""
        return tuple(group for target in SlaTarget for group in self._groups(target))

    def _groups(self, target: SlaTarget) -> Iterator[Group]:
        was: dict[str | None, Counter[Outcome]] = {}
        would: dict[str | None, Counter[Outcome]] = {}
        mine = [(key, count) for key, count in self._counts.items() if key[0] is target]
        for (_, priority, before, after), count in sorted(mine, key=lambda one: _order(one[0][1])):
            if before is Outcome.NOT_REPORTED and target not in self._reported:
                before = Outcome.NONE  # noqa: PLW2901 -- its import never tells of this target
            for name in ("all", priority):
                was.setdefault(name, Counter())[before] += count
                would.setdefault(name, Counter())[after] += count
        for name, counts in was.items():
            yield Group(target, name, dict(counts), dict(would[name]))


def _attained(counts: Mapping[Outcome, int]) -> float | None:
    kept = counts.get(Outcome.KEPT, 0) + counts.get(Outcome.NOT_REPORTED, 0)
    known = kept + counts.get(Outcome.BROKEN, 0)
    return kept / known if known else None


def _order(priority: str | None) -> int:
    return _PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES)


_PRIORITIES = tuple(Priority)  # most urgent first
