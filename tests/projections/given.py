"""Events to fold, a log of them, and what tables hold."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import strategies as st
from psycopg import sql

from projections.base import Model
from projections.memory import MemoryTables
from projections.schema import MODELS, connect
from ticketcore.domain import customer, customer_events, ticket, ticket_events
from ticketcore.domain.base import Event, Meta, Source
from ticketcore.domain.transitions import is_regular
from ticketcore.domain.types import (
    Actor,
    Assurance,
    Channel,
    Direction,
    IdentityKind,
    Level,
    Priority,
    SlaTarget,
    Status,
)
from ticketcore.errors import UnknownEvent
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.store.port import Loaded, Record

ev, cv = ticket_events, customer_events
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANA, SYSTEM = Actor.agent("ana"), Actor.system("import")
COMMAND = UUID(int=1)
EPOCH = UUID(int=7)


def ticket_id(counter: int) -> UUID:
    return aggregate_id(Number(Kind.TICKET, 2026, counter), "main")


def customer_id(counter: int) -> UUID:
    return aggregate_id(Number(Kind.CUSTOMER, 2026, counter), "main")


def after(**passed: float) -> datetime:
    return START + timedelta(**passed)


class Life:
    """A ticket's or customer's events, one after the other."""

    def __init__(self, id_: UUID) -> None:
        self.id = id_
        self.events: list[Event] = []

    def then(
        self, cls: Any, at: datetime, by: Actor = ANA, *, meta: dict[str, Any] | None = None, **fields: Any
    ) -> "Life":
        known = {"occurred_at": at, "actor": by, "command_id": COMMAND, **(meta or {})}
        version = len(self.events) + 1
        self.events.append(cls(originator_id=self.id, originator_version=version, meta=Meta(**known), **fields))
        return self


def opened(counter: int = 1, at: datetime = START, **fields: Any) -> Life:
    life = Life(ticket_id(counter))
    return life.then(ev.Opened, at, **{"channel": Channel.MAIL, "requester_id": customer_id(1), **fields})


def folded(model: Model, *lives: Life) -> MemoryTables:
    tables = MemoryTables(model)
    events = [event for life in lives for event in life.events]
    log = ListLog(events)
    tables.apply(log.decode, log.read(0, len(events)))
    assert tables.parked == []
    return tables


class ListLog:
    """A log of events that lie in a list: positions 1, 2, 3, ...; ``unknown`` topics are those of a newer library."""

    name = "main"

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.events = list(events)
        self.unknown: set[str] = set()
        self.current_epoch = EPOCH

    def epoch(self) -> UUID:
        return self.current_epoch

    def head(self) -> int:
        return len(self.events)

    def read(self, after: int, limit: int, *, max_bytes: int = 0) -> list[Record]:
        return [self._record(position) for position in range(after + 1, min(after + limit, self.head()) + 1)]

    def load(self, originator_ids: Sequence[UUID], command_id: UUID | None = None) -> Loaded:
        everything = self.read(0, self.head())
        return Loaded({i: [r for r in everything if r.originator_id == i] for i in originator_ids}, None)

    def decode(self, record: Record) -> Event:
        if record.topic in self.unknown:
            raise UnknownEvent(record.topic, 2, "version 1")
        return self.events[record.position - 1]

    def _record(self, position: int) -> Record:
        event = self.events[position - 1]
        return Record(position, START, event.originator_id, event.originator_version, event.TOPIC, b"")


def tables_in(dsn: str, suffix: str = "") -> dict[str, set[tuple[Any, ...]]]:
    """Every row of every table of every model."""
    with connect(dsn) as connection:
        return {
            f"{model.name}.{table.name}": {
                _plain(row)
                for row in connection.execute(
                    sql.SQL("SELECT {} FROM {}").format(
                        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
                        sql.Identifier(model.name + suffix, table.name),
                    )
                )
            }
            for model in MODELS
            for table in model.tables
        }


def tables_in_memory(log: Any, decode: Callable[[Record], Event] | None = None) -> dict[str, set[tuple[Any, ...]]]:
    """What a fold of the whole log in memory gives."""
    found = {}
    for model in MODELS:
        tables = MemoryTables(model)
        tables.apply(decode or log.decode, log.read(0, 10_000_000))
        for name, rows in tables.rows.items():
            found[f"{model.name}.{name}"] = {_plain(row) for row in rows.values()}
    return found


def _plain(row: Any) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in row)


def execute(dsn: str, statement: str) -> int:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement.encode()).rowcount


_TEAMS = ("mail", "billing", None)
_AGENTS = ("ana", "bo", None)
_DIRECTIONS = tuple(Direction)
_MAKERS: tuple[Callable[[int, datetime], tuple[Any, dict[str, Any]]], ...] = (
    lambda n, _: (ev.Commented, {"direction": _DIRECTIONS[n % 3], "channel": Channel.CHAT, "sealed": f"c2Vh{n}"}),
    lambda n, _: (ev.Assigned, {"team_id": _TEAMS[n % 3], "agent_id": _AGENTS[n // 3 % 3]}),
    lambda *_: (ev.Solved, {}),
    lambda *_: (ev.Closed, {}),
    lambda *_: (ev.Reopened, {}),
    lambda *_: (ev.Pended, {}),
    lambda *_: (ev.Held, {"reason": "vendor"}),
    lambda *_: (ev.Resumed, {}),
    lambda n, _: (ev.Merged, {"target_id": ticket_id(n % 3 + 1)}),
    lambda *_: (ev.Unmerged, {"target_id": ticket_id(1)}),
    lambda n, _: (ev.RequesterChanged, {"requester_id": customer_id(n % 3 + 1)}),
    lambda n, _: (ev.Prioritised, {"priority": tuple(Priority)[n % 4], "impact": tuple(Level)[n % 3]}),
    lambda n, _: (ev.Classified, {"category": f"k{n}", "tags": ("x",)}),
    lambda n, _: (ev.CommentCorrected, {"comment": n + 1, "sealed": "eA=="}),
    lambda n, _: (ev.Redacted, {"version": n % 4 + 1, "reason": "asked"}),
    lambda *_: (ev.Unassigned, {}),
    lambda n, at: (
        ev.SlaApplied,
        {"target": tuple(SlaTarget)[n % 3], "due_at": at + timedelta(hours=n), "policy": "p1"},
    ),
    lambda n, at: (ev.SlaFulfilled, {"target": tuple(SlaTarget)[n % 3], "fulfilled_at": at}),
    lambda n, _: (ev.SlaBreached, {"target": tuple(SlaTarget)[n % 3]}),
    lambda n, _: (ev.Rated, {"score": n % 5 + 1}),
    lambda n, _: (ev.TimeLogged, {"seconds": n + 1, "agent_id": "ana"}),
    lambda n, _: (ev.Updated, {"status": tuple(Status)[n % 6], "changes": {"a": "b"}}),
)
_CUSTOMER_MAKERS: tuple[Callable[[int], tuple[Any, dict[str, Any]]], ...] = (
    lambda _: (cv.Identified, {"kind": IdentityKind.MAIL, "assurance": Assurance.VERIFIED, "sealed": "eA=="}),
    lambda n: (cv.CustomerMerged, {"target_id": customer_id(n % 3 + 1)}),
    lambda n: (cv.CustomerUnmerged, {"target_id": customer_id(n % 3 + 1)}),
    lambda n: (cv.Moved, {"organisation_id": f"o{n}"}),
    lambda _: (cv.CustomerForgotten, {"reason": "asked"}),
)


@st.composite
def histories(draw: st.DrawFn, max_size: int = 120, min_size: int = 0) -> list[Event]:
    """Events of up to four tickets and three customers, mixed, most of them regular in their ticket's state.

    Of *min_size* to *max_size* steps, those that would be irregular are mostly left out.
    """
    steps = st.tuples(st.integers(1, 7), st.integers(0, 100), st.integers(0, 8), st.integers(0, 90_000_000))
    lives: dict[int, Life] = {}
    tickets: dict[int, ticket.Ticket | None] = {}
    history: list[Event] = []
    now = START
    for who, choice, number, passed in draw(st.lists(steps, min_size=min_size, max_size=max_size)):
        now += timedelta(milliseconds=passed)
        life = lives.get(who)
        if who > 4:
            if life is None:
                life = lives[who] = Life(customer_id(who - 4)).then(cv.Registered, now)
            else:
                cls, fields = _CUSTOMER_MAKERS[choice % len(_CUSTOMER_MAKERS)](number)
                life.then(cls, now, **fields)
            history.append(life.events[-1])
            continue
        if life is None:
            source = Source(line=1, state="New", stated={"reopens": str(number), "closed_at": now.isoformat()})
            life = lives[who] = opened(
                who, now, direction=_DIRECTIONS[number % 3], team_id=_TEAMS[number % 3], agent_id=_AGENTS[choice % 3],
                requester_id=customer_id(number % 3 + 1), meta={"source": source if number % 2 else None},
            )  # fmt: skip
        else:
            cls, fields = _MAKERS[choice % len(_MAKERS)](number, now)
            state = tickets[who]
            regular = state is not None and is_regular(cls.TOPIC, state.status)
            if not regular and number % 4:
                continue
            moved = Source(line=2, state=f"S{number % 2}") if choice % 5 == 0 else None
            life.then(cls, now, meta={"irregular": not regular, "source": moved}, **fields)
        tickets[who] = ticket.evolve(tickets.get(who), life.events[-1])
        history.append(life.events[-1])
    return history


__all__ = [
    "ANA", "COMMAND", "START", "SYSTEM", "Life", "ListLog", "after", "customer", "customer_id", "cv", "ev", "execute",
    "folded", "histories", "opened", "tables_in", "tables_in_memory", "ticket_id",
]  # fmt: skip
