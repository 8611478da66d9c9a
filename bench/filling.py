"""A log of many events, quickly: tickets' lives as the API stores them, written by the store's bulk append."""

from __future__ import annotations

import os
import random
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from bench.harness import scaled
from bench.ingest import CODEC
from bench.sides import ANA, SHOP, customers
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Meta
from ticketcore.domain.types import Channel, Direction, Priority
from ticketcore.ids import Kind, Number, aggregate_id, parse_number
from ticketcore.store.port import Append, Appended, EventKey

if TYPE_CHECKING:
    from ticketcore.app import TicketCore
    from ticketcore.domain.base import Event

__all__ = ["PER_DAY", "Filler", "sizes"]

PER_DAY = 2_000
"""Events a day: a log grows longer and not denser, so that a day costs what a day costs."""
_BEGINS = datetime(2010, 1, 1, tzinfo=UTC)
_BLOCK = 20_000
_OPEN = 500
"""Tickets that are being worked on at a time."""
_REQUESTERS = 200
_ANY = UUID("00000000-0000-8000-8000-00000000feed")
_COMMAND = UUID("01a00000-0000-7000-8000-00000000beef")
_AGENTS = [f"agent{n:02}" for n in range(40)]
_TEAMS = [f"team{n}" for n in range(8)]


def sizes() -> list[int]:
    """Return the numbers of events to grow to: up to 300 thousand; with ``SCALE=10`` up to ten million."""
    return [scaled(10_000), scaled(100_000), scaled(1_000_000 if scaled(10) >= 100 else 300_000)]


class _Step(NamedTuple):
    """A stored event in pieces: between them go time, command, and what *fields* names. ``sealed``: bytes of ciphertext."""

    topic: str
    pieces: tuple[bytes, ...]
    sealed: int


class Filler:
    """Appends tickets of eight events each, 500 of them at work at a time, 2,000 events a day from 2010 on.

    The content is sealed with as many random bytes as the API's content of 300 bytes has, so nobody can open it; the
    keys' rows are there. Requesters are customers whom the API registered: commands on the tickets work as on any other.

    Args:
        core: open, on a data base of its own.
        seed: the same gives the same lives.
    """

    def __init__(self, core: TicketCore, seed: int = 5) -> None:
        self.core, self._chance = core, random.Random(seed)
        self._requesters = [
            aggregate_id(parse_number(number), core.log.name) for number in customers(core, _REQUESTERS)
        ]
        self._steps = _steps()
        self._counter = self.events = 0
        self._open: list[tuple[UUID, int, UUID]] = [self._ticket() for _ in range(_OPEN)]
        self.done: list[UUID] = []
        """A sample of the tickets that are solved, at most 20,000 of them, of any age."""

    def moment(self, events: int) -> datetime:
        """Return when the event of that number occurs."""
        return _BEGINS + timedelta(days=events / PER_DAY)

    def fill(self, upto: int) -> None:
        """Append until the log has at least *upto* events."""
        while (head := self.core.log.head()) < upto:
            self.block(min(_BLOCK, upto - head))

    def block(self, count: int) -> None:
        """Append *count* events in one transaction."""
        before: dict[UUID, int] = {}
        events, keys = list[StoredEvent](), list[EventKey]()
        noise = os.urandom(4_096)
        chance = self._chance.random
        tail = f"-0000-7000-8000-{self._chance.getrandbits(48):012x}".encode()
        for _ in range(count):
            slot = int(chance() * _OPEN)
            id_, version, requester = self._open[slot]
            before.setdefault(id_, version)
            step = self._steps[version]
            at = self.moment(self.events).isoformat(timespec="microseconds").replace("+00:00", "Z").encode()
            values = [at, b"%08x%b" % (self.events, tail)]
            if step.sealed:
                start = int(chance() * 3_000)
                sealed = noise[start : start + step.sealed]
                values.append(b64encode(sealed))
                keys.append(EventKey(id_, version + 1, sealed[:12], requester, noise[start : start + 60]))
            values += self._fields(step.topic, requester)
            state = b"".join([piece for pair in zip(step.pieces, values, strict=False) for piece in pair])
            events.append(StoredEvent(id_, version + 1, step.topic, state + step.pieces[-1]))
            self.events += 1
            if version + 1 == len(self._steps):
                self._open[slot] = self._ticket()
                self._remember(id_)
            else:
                self._open[slot] = (id_, version + 1, requester)
        outcome = self.core.log.append_bulk(
            Append(uuid4(), os.urandom(16), tuple(before.items()), tuple(events), keys=tuple(keys))
        )
        assert isinstance(outcome, Appended), outcome

    def _fields(self, topic: str, requester: UUID) -> list[bytes]:
        if topic == "ticket.opened":
            return [str(requester).encode()]
        if topic == "ticket.assigned":
            agent = self._chance.randrange(len(_AGENTS))
            return [_TEAMS[agent % len(_TEAMS)].encode(), _AGENTS[agent].encode()]
        return []

    def _ticket(self) -> tuple[UUID, int, UUID]:
        self._counter += 1
        id_ = aggregate_id(Number(Kind.TICKET, 2010, self._counter), self.core.log.name)
        return id_, 0, self._chance.choice(self._requesters)

    def _remember(self, id_: UUID) -> None:
        if len(self.done) < 20_000:
            self.done.append(id_)
        elif (place := self._chance.randrange(self._counter)) < len(self.done):
            self.done[place] = id_


def _steps() -> list[_Step]:
    """Return a life's events as the codec stores them, cut where each event has values of its own."""
    known: dict[str, Any] = {"originator_id": _ANY, "originator_version": 1}
    shop = Meta(occurred_at=_BEGINS, actor=SHOP, command_id=_COMMAND)
    ana = Meta(occurred_at=_BEGINS, actor=ANA, command_id=_COMMAND)
    mail: dict[str, Any] = {"channel": Channel.MAIL}
    sealed: list[tuple[Event, int]] = [
        (ev.Opened(**known, meta=shop, sealed="SEALED", requester_id=_ANY, language="en", **mail), 330),
        (ev.Assigned(**known, meta=ana, team_id="TEAM", agent_id="AGENT"), 0),
        (ev.Prioritised(**known, meta=ana, priority=Priority.HIGH, by_hand=True), 0),
        (ev.Commented(**known, meta=shop, sealed="SEALED", direction=Direction.INBOUND, **mail), 245),
        (ev.Commented(**known, meta=ana, sealed="SEALED", direction=Direction.OUTBOUND, **mail), 245),
        (ev.Pended(**known, meta=ana), 0),
        (ev.Resumed(**known, meta=ana), 0),
        (ev.Solved(**known, meta=ana), 0),
    ]
    return [_cut(event, size) for event, size in sealed]


def _cut(event: Event, size: int) -> _Step:
    stored = CODEC.to_stored_event(event)
    rest, pieces = stored.state, list[bytes]()
    for mark in (_BEGINS.isoformat().replace("+00:00", "Z"), str(_COMMAND), "SEALED", str(_ANY), "TEAM", "AGENT"):
        before, found, after = rest.partition(mark.encode())
        if found:
            pieces.append(before)
            rest = after
    return _Step(stored.topic, (*pieces, rest), size)
