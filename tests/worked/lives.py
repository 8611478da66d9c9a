"""What a worked life is: its events by the clock, and every figure as worked out by hand.

    worked(
        "a simple one-touch ticket",
        at("2026-03-02 08:00", opened(A, team_id="mail")),
        at("2026-03-02 08:25", answered(A), solved(A)),
        figures={A: Figures(status="solved", first_reply=1_500, ...)},  # 08:00 -> 08:25 = 25 * 60
        backlog={"2026-03-02 08:10": {A: 600}},
    )

Times are UTC where they show no offset; ``2026-03-29 01:30+01:00`` is what a clock in Berlin shows, and its offset.
What a life's figures do not name is what a ticket has to which nothing happened, and is asserted too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from tests.domain.given import COMMAND, Fact
from ticketcore.domain import ticket as fold
from ticketcore.domain.base import Event, Meta
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.transitions import is_regular
from ticketcore.ids import Kind, Number, aggregate_id

__all__ = ["Figures", "Stretch", "Worked", "at", "moment", "ticket", "worked"]

Stretch = tuple[str, str | None, str, str | None, str | None]
"""From, to (``None``: it runs), status, team, agent."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Every figure of one ticket. Durations in seconds, from the opening where they are no waits."""

    status: str
    stretches: tuple[Stretch, ...]
    first_reply: float | None = None
    first_solved: float | None = None
    last_solved: float | None = None
    closed: float | None = None
    requester_wait: float = 0
    on_hold: float = 0
    agent_wait: float = 0
    business: tuple[float | None, ...] = (None, None, None, None, None)
    """In business time: first reply, first solved, last solved, requester wait, agent wait."""
    reopens: int = 0
    team_changes: int = 0
    team_reassignments: int = 0
    agent_changes: int = 0
    agent_reassignments: int = 0
    replies: int = 0
    inbound: int = 1
    notes: int = 0
    other_messages: int = 0
    """Openings by us and automatic messages: in the customer's history, but neither a reply nor inbound."""
    one_touch: bool = False
    sla: tuple[str | None, str | None, str | None] = (None, None, None)
    """Of the first reply, the next reply, the resolution."""
    sla_attained: int = 0
    sla_breached: int = 0
    score: int | None = None
    seconds_logged: int = 0
    irregular_events: int = 0
    merged_into: UUID | None = None
    waiting_since: str | None = None
    """Its place in the queue; ``None`` where it is in none."""
    due_at: str | None = None


class Worked(NamedTuple):
    """A life. ``backlog``: instant -> which of its tickets wait then, and how old they are (seconds)."""

    title: str
    events: tuple[Event, ...]
    figures: Mapping[UUID, Figures]
    backlog: Mapping[str, Mapping[UUID, float]]


class Step(NamedTuple):
    time: datetime
    fact: Fact
    meta: Mapping[str, Any]


def ticket(counter: int, year: int = 2026) -> UUID:
    return aggregate_id(Number(Kind.TICKET, year, counter), "main")


def moment(text: str) -> datetime:
    """Read a time; UTC where it shows no offset."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def at(time: str, *facts: Fact, **meta: Any) -> list[Step]:
    """Return what happens at *time*; *meta*: more about these events."""
    return [Step(moment(time), fact, meta) for fact in facts]


def worked(
    title: str,
    *steps: list[Step],
    figures: Mapping[UUID, Figures],
    backlog: Mapping[str, Mapping[UUID, float]],
) -> Worked:
    """Return the life; every event is checked to be one that the library itself could have recorded."""
    states: dict[UUID, Ticket] = {}
    events: list[Event] = []
    for time, fact, meta in (step for several in steps for step in several):
        state = states.get(fact.id)
        assert state is None or time >= state.last_at, f"{title}: {time} comes after {state.last_at}"
        assert state is None or is_regular(fact.cls.TOPIC, state.status) is not meta.get("irregular", False), title
        known = Meta(occurred_at=time, actor=fact.by, command_id=COMMAND, **meta)
        version = state.version + 1 if state else 1
        event = fact.cls(originator_id=fact.id, originator_version=version, meta=known, **fact.payload)
        after = fold.evolve(state, event)
        assert after is not None, f"{title}: begins with {event.TOPIC}"
        states[fact.id] = after
        events.append(event)
    assert set(states) == set(figures), f"{title}: every ticket of a life has its figures"
    return Worked(title, tuple(events), figures, backlog)
