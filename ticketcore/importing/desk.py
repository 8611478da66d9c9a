"""The desk at which a chunk's events are written: it knows who is who, gives numbers and folds every ticket."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ticketcore.domain import customer_events as cust
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event, Source
from ticketcore.domain.types import Actor, Assurance, IdentityKind
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.importing.cases import Case
from ticketcore.importing.drafts import built, meta, source
from ticketcore.importing.errors import RowRejected
from ticketcore.importing.shown import shown
from ticketcore.store.port import Claim

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.context import Digest
    from ticketcore.store.port import EventLog

__all__ = ["Chunk", "Desk", "Numbers"]

_BLOCK = 500


class Chunk:
    """The events of some rows, to be appended as one command.

    Args:
        command_id: the command's; every event's meta holds it.
        replayed: ids of the aggregates that this chunk began when it was committed by an earlier run; ``None`` for a
            chunk that is not in the log yet.
    """

    def __init__(self, command_id: UUID, replayed: frozenset[UUID] | None) -> None:
        self.command_id, self.replayed = command_id, replayed
        self.events: list[tuple[Event, UUID | None]] = []
        self.expected: dict[UUID, int] = {}
        self.claims: list[Claim] = []


class Numbers:
    """Gives aggregate ids; counters are taken from the log in blocks."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._left: dict[Kind, list[int]] = {kind: [] for kind in Kind}

    def take(self, kind: Kind, year: int) -> UUID:
        """Return a new id of *kind* with the year of *year*."""
        left = self._left[kind]
        if not left:
            left.extend(reversed(self._log.allocate(kind, _BLOCK)))
        return aggregate_id(Number(kind, year, left.pop()), self._log.name)


class Desk:
    """Writes events into the chunk at hand and counts them.

    Args:
        by: who imports; they register the customers.
        owners: of the claims that the log holds, by kind.
    """

    def __init__(
        self, system: str, by: Actor, numbers: Numbers, owners: Callable[[str], dict[bytes, UUID]], digest: Digest
    ) -> None:
        self._system, self._by, self._numbers, self._digest = system, by, numbers, digest
        self._load_owners = owners
        self._owners: dict[str, dict[bytes, UUID]] = {}
        self._customers: dict[tuple[IdentityKind, str], UUID] = {}
        self.chunk: Chunk
        self.topics: Counter[str] = Counter()
        self.irregular: Counter[str] = Counter()
        self.cases = 0

    def begin(self, chunk: Chunk) -> None:
        """Write into *chunk* from now on."""
        self.chunk = chunk

    def ticket_id(self, case: str, at: datetime) -> UUID:
        """Return the id of a new ticket for *case*, opened at *at*.

        Raises:
            RowRejected: the log has a ticket for it that this import did not bring.
        """
        value = self._digest("external", f"{self._system}:{case}")
        owner = self._known("external").get(value)
        chunk = self.chunk
        if chunk.replayed is None:
            if owner is not None:
                raise RowRejected(f"case {shown(case)} was brought by another import, expected a case that is new here")
            owner = self._numbers.take(Kind.TICKET, at.year)
            self._owners["external"][value] = owner
            chunk.claims.append(Claim("external", value, owner, 1))
            if self._system.encode() not in self._known("system"):
                self._owners["system"][self._system.encode()] = owner
                chunk.claims.append(Claim("system", self._system.encode(), owner, 1))
        elif owner is None or owner not in chunk.replayed:
            raise RowRejected(f"case {shown(case)} was brought by another import, expected a case that is new here")
        self.cases += 1
        return owner

    def customer(self, kind: IdentityKind, value: str, name: str | None, at: datetime, line: int) -> UUID | None:
        """Return who has the identity; who is not known yet is registered at *at*.

        ``None`` in a chunk that an earlier run committed, where the customer was forgotten since.
        """
        known = self._customers.get((kind, value))
        if known is not None:
            return known
        claim_kind = f"identity:{kind.value}"
        text = f"{self._system}:{value}" if kind is IdentityKind.EXTERNAL else value
        digest = self._digest(claim_kind, text)
        owner = self._known(claim_kind).get(digest)
        chunk = self.chunk
        if chunk.replayed is not None:
            if owner is None:
                return None
            new = owner in chunk.replayed
        else:
            new = owner is None
        if owner is None:
            owner = self._numbers.take(Kind.CUSTOMER, at.year)
            self._owners[claim_kind][digest] = owner
            chunk.claims.append(Claim(claim_kind, digest, owner, 2))
        self._customers[kind, value] = owner
        if new:
            self._register(owner, kind, text, name, at, line)
        return owner

    def _known(self, kind: str) -> dict[bytes, UUID]:
        owners = self._owners.get(kind)
        if owners is None:
            owners = self._owners[kind] = dict(self._load_owners(kind))
        return owners

    def _register(self, id_: UUID, kind: IdentityKind, text: str, name: str | None, at: datetime, line: int) -> None:
        chunk = self.chunk
        chunk.expected[id_] = 0
        told = meta({"occurred_at": at, "actor": self._by, "command_id": chunk.command_id, "source": source(line)})
        common = {"originator_id": id_, "meta": told}
        registered = built(cust.Registered, common | {"originator_version": 1, "name": name})
        identity = {"kind": kind, "value": text, "assurance": Assurance.UNVERIFIED}
        identified = built(cust.Identified, common | {"originator_version": 2} | identity)
        chunk.events += ((registered, id_), (identified, id_))
        self.topics.update((registered.TOPIC, identified.TOPIC))

    def open(self, name: str, id_: UUID, at: datetime, actor: Actor, told: Source, fields: dict[str, Any]) -> Case:
        """Record the opening of the case *name* and return the case."""
        chunk = self.chunk
        chunk.expected[id_] = 0
        who = meta({"occurred_at": at, "actor": actor, "command_id": chunk.command_id, "source": told})
        given = {"originator_id": id_, "originator_version": 1, "meta": who, "external": name}
        chunk.events.append((built(ev.Opened, given | fields), fields.get("requester_id") or id_))
        self.topics[ev.Opened.TOPIC] += 1
        return Case(id_, at, fields["channel"], fields)

    def record(
        self,
        case: Case,
        cls: type[Event],
        fields: dict[str, Any],
        at: datetime,
        actor: Actor,
        told: Source,
        move: str | None,
    ) -> None:
        """Record an event of a case at *at*, never before the one before it; *move* names an irregular transition."""
        chunk, last = self.chunk, case.last_at
        id_, version, topic = case.id, case.version, cls.TOPIC
        if id_ not in chunk.expected:
            chunk.expected[id_] = version
        who: dict[str, Any] = {"occurred_at": at, "actor": actor, "command_id": chunk.command_id, "source": told}
        if at < last:
            who["occurred_at"], who["occurred_raw"] = last, at
        if case.refuses(cls):
            who["irregular"] = True
            self.irregular[move or f"{case.status} + {topic}"] += 1
        given = {"originator_id": id_, "originator_version": version + 1, "meta": meta(who)}
        person = (case.requester_id or id_) if cls.PERSONAL else None
        chunk.events.append((built(cls, given | fields), person))
        self.topics[topic] += 1
        case.follow(cls, fields, who["occurred_at"], actor)
