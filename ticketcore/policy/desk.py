"""Who can take the next ticket: agents with their teams, skills, languages, presence, capacity and load; and who waits.

All of it is values: a decision reads a desk, and what it decides makes the next one, so that the tickets of one batch
see each other. Loads and turns come from the log's tables of tickets (see docs/routing.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain.types import Priority, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.agent import Agent

__all__ = ["COUNTED", "WAITS_ELSEWHERE", "Choice", "Colleague", "Desk", "Held", "Waiting", "speaks"]

COUNTED = (Status.NEW, Status.OPEN)
"""A ticket counts as load of its agent while it is worked on."""
WAITS_ELSEWHERE = (Status.PENDING, Status.ON_HOLD)
"""A ticket that waits for others is no load, and is taken from an absent agent only where the team says so."""
_RANKS = {priority: rank for rank, priority in enumerate(Priority)}


class Waiting(NamedTuple):
    """A ticket of a team that needs an agent.

    Attributes:
        priority: ``None`` comes last.
        skills: what its agent must have, all of them.
        language: that its agent must write; ``None`` where any does.
        method: ``least_loaded`` or ``round_robin``.
        avoid: who gave it back, and does not get it again.
    """

    ticket_id: UUID
    team: str
    priority: Priority | None
    opened_at: datetime
    skills: tuple[str, ...] = ()
    language: str | None = None
    method: str = "least_loaded"
    avoid: str | None = None

    @property
    def order(self) -> tuple[int, datetime, UUID]:
        """The most urgent first, of these the oldest."""
        rank = len(_RANKS) if self.priority is None else _RANKS[self.priority]
        return rank, self.opened_at, self.ticket_id

    @property
    def needs(self) -> tuple[Any, ...]:
        """By what it is decided who is able; equal for tickets that are for the same agents."""
        return self.team, self.skills, self.language, self.avoid


class Held(NamedTuple):
    """A ticket that has an agent. ``pending_too``: its team takes tickets that wait elsewhere from absent agents too."""

    ticket_id: UUID
    agent_id: str
    status: Status
    priority: Priority | None
    opened_at: datetime
    pending_too: bool = False


class Colleague(NamedTuple):
    """An agent as the desk sees them.

    Attributes:
        present: at the desk's time.
        back_at: of an absent one, when they are back by themself.
        capacity: most tickets at once; ``None`` for no limit.
        load: tickets that are worked on.
        turn: position in the log of the last event that gave them a ticket; 0 before any.
    """

    agent_id: str
    teams: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    capacity: int | None = None
    present: bool = True
    back_at: datetime | None = None
    load: int = 0
    turn: int = 0

    @property
    def has_room(self) -> bool:
        """Whether they may be given another ticket."""
        return self.present and (self.capacity is None or self.load < self.capacity)

    @property
    def room(self) -> float:
        """How many more tickets they may be given; infinite where there is no limit."""
        if not self.has_room:
            return 0
        return inf if self.capacity is None else self.capacity - self.load

    def is_able(self, wish: Waiting) -> bool:
        """Return whether the ticket is for them, present or not."""
        return (
            wish.team in self.teams
            and self.skills.issuperset(wish.skills)
            and (wish.language is None or speaks(self.languages, wish.language))
            and self.agent_id != wish.avoid
        )

    def __str__(self) -> str:
        limit = "" if self.capacity is None else f"/{self.capacity}"
        return f"{self.agent_id} {self.load}{limit}{'' if self.present else ' absent'}"


class Choice(NamedTuple):
    """Who gets a ticket, and why.

    Attributes:
        agent_id: ``None`` where it stays with the team.
        rule: ``least_loaded``, ``round_robin``, ``keep_last_agent``; ``nobody_able``, ``nobody_present``, ``at_capacity`` or
            ``more_urgent_first`` where nobody gets it.
        able: those whom it is for, present or not.
    """

    agent_id: str | None
    rule: str
    able: tuple[Colleague, ...] = ()


def speaks(languages: Iterable[str], language: str) -> bool:
    """Return whether one of *languages* serves for *language*, BCP 47 tags both: their first subtags are equal."""
    wanted = language.partition("-")[0].lower()
    return any(known.partition("-")[0].lower() == wanted for known in languages)


@dataclass(frozen=True, slots=True)
class Desk:
    """All agents and all tickets that wait for one, at one instant.

    An agent who was never described nor said to be there or not is unknown here: given tickets by people alone, and
    never absent.
    """

    colleagues: Mapping[str, Colleague] = field(default_factory=dict)
    waiting: Mapping[UUID, Waiting] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        agents: Iterable[Agent],
        now: datetime,
        loads: Mapping[str, int] | None = None,
        turns: Mapping[str, int] | None = None,
        waiting: Iterable[Waiting] = (),
    ) -> Desk:
        """Return the desk at *now*.

        Args:
            agents: as the log has them.
            now: aware; decides who is present.
            loads: agent -> tickets that are worked on (status in :data:`COUNTED`).
            turns: agent -> position of the last ``ticket.assigned`` or opening that gave them a ticket.
            waiting: tickets that need an agent, in any order.
        """
        loads, turns = loads or {}, turns or {}
        return cls(
            {
                a.agent_id: Colleague(
                    a.agent_id,
                    frozenset(a.teams),
                    frozenset(a.skills),
                    frozenset(a.languages),
                    a.capacity,
                    present := a.is_present(now),
                    None if present else a.until,
                    loads.get(a.agent_id, 0),
                    turns.get(a.agent_id, 0),
                )
                for a in agents
            },
            {one.ticket_id: one for one in waiting},
        )

    def is_absent(self, agent_id: str) -> bool:
        """Return whether the agent is known and not there."""
        known = self.colleagues.get(agent_id)
        return known is not None and not known.present

    def next_return(self) -> datetime | None:
        """Return when the next absent agent is back by themself; ``None`` where nobody is expected."""
        return min((c.back_at for c in self.colleagues.values() if c.back_at is not None), default=None)

    def choose(self, wish: Waiting, keep: str | None = None) -> Choice:
        """Return who gets a ticket now.

        Those who wait and are more urgent, or as urgent and older, are served before it: who would get them is not
        free for it. *keep*: who had it last, and has it again where able and free. Nobody absent, and nobody at
        capacity, is ever chosen.
        """
        able = tuple(c for c in self.colleagues.values() if c.is_able(wish))
        if not able:
            return Choice(None, "nobody_able")
        if not any(c.present for c in able):
            return Choice(None, "nobody_present", able)
        if not any(c.has_room for c in able):
            return Choice(None, "at_capacity", able)
        desk = self
        ahead = [one for one in self.waiting.values() if one.order < wish.order and one.ticket_id != wish.ticket_id]
        if sum(one.needs == wish.needs for one in ahead) >= sum(c.room for c in able):
            return Choice(None, "more_urgent_first", able)  # what needs the same takes all
        for _, desk in self._served(ahead):
            if desk._pick(wish) is None:
                return Choice(None, "more_urgent_first", able)
        if keep is not None and any(
            c.agent_id == keep and c.has_room and c.is_able(wish) for c in desk.colleagues.values()
        ):
            return Choice(keep, "keep_last_agent", able)
        found = desk._pick(wish)
        assert found is not None  # noqa: S101 -- there was room, and what was served before left some
        return Choice(found.agent_id, wish.method, able)

    def _served(self, waiting: Iterable[Waiting]) -> Iterator[tuple[Waiting, Desk]]:
        """Yield in order those who are served, each with the desk afterwards."""
        desk, free = self, sum(c.has_room for c in self.colleagues.values())
        hopeless = set[tuple[Any, ...]]()  # room only gets less: for whom one finds nobody, none like it does later
        for one in sorted(waiting, key=lambda one: one.order):
            if not free:
                break
            served = None if one.needs in hopeless else desk._pick(one)
            if served is None:
                hopeless.add(one.needs)
                continue
            desk = desk.given(served.agent_id)
            free -= not desk.colleagues[served.agent_id].has_room
            yield one, desk

    def _pick(self, wish: Waiting) -> Colleague | None:
        """Return who is next, by the wish's method; of equals who was given nothing for longest, then by name."""
        free = (c for c in self.colleagues.values() if c.has_room and c.is_able(wish))
        if wish.method == "round_robin":
            return min(free, key=lambda c: (c.turn, c.agent_id), default=None)
        return min(free, key=lambda c: (c.load, c.turn, c.agent_id), default=None)

    def given(self, agent_id: str) -> Desk:
        """Return the desk after *agent_id* was given one more ticket that is worked on."""
        return self.moved(None, agent_id)

    def moved(self, before: str | None, after: str | None, *, turn: bool = True) -> Desk:
        """Return the desk after a ticket that is worked on went from one agent to another, from or to nobody included.

        *turn*: the second one was given it, rather than going on with it.
        """
        known = dict(self.colleagues)
        if before in known:
            known[before] = known[before]._replace(load=max(0, known[before].load - 1))
        if after in known:
            now = max(c.turn for c in known.values()) + 1 if turn else known[after].turn
            known[after] = known[after]._replace(load=known[after].load + 1, turn=now)
        return replace(self, colleagues=known)

    def with_waiting(self, ticket_id: UUID, wish: Waiting | None) -> Desk:
        """Return the desk after a ticket began to wait, waits for another, or (``None``) waits no more."""
        if self.waiting.get(ticket_id) == wish:
            return self
        waiting = dict(self.waiting)  # a copy asks no id for its digest, where a comprehension asks all
        waiting.pop(ticket_id, None)
        if wish is not None:
            waiting[ticket_id] = wish
        return replace(self, waiting=waiting)

    def to_look_at(self, held: Iterable[Held]) -> list[UUID]:
        """Return the tickets to decide about next, the most urgent first.

        They are those that absent agents hold, and those that wait while somebody is free for them.

        Args:
            held: tickets that are not over and have an agent; others than those of absent agents do no harm.
        """
        found = [
            (rank, one.opened_at, one.ticket_id)
            for one in held
            if self.is_absent(one.agent_id)
            and (one.status in COUNTED or (one.pending_too and one.status in WAITS_ELSEWHERE))
            for rank in (len(_RANKS) if one.priority is None else _RANKS[one.priority],)
        ]
        found += (one.order for one, _ in self._served(self.waiting.values()))
        return [id_ for *_, id_ in sorted(found)]
