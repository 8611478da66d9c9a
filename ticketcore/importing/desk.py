"""The desk at which a chunk's events are written: it knows who is who, gives numbers and folds every ticket."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from ticketcore.domain import customer_events as cust
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Assurance, IdentityKind
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.importing.cases import Case
from ticketcore.importing.drafts import Who, Writer
from ticketcore.importing.errors import RowRejected
from ticketcore.importing.shown import shown
from ticketcore.store.port import Claim, Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.context import Digest
    from ticketcore.domain.types import Actor
    from ticketcore.importing.drafts import Draft
    from ticketcore.store.port import EventLog

__all__ = ["Chunk", "Desk", "Numbers"]

_BLOCK, _LARGEST = 500, 4_000
_fact = partial(tuple.__new__, Fact)  # as Fact(...), in half the time


class Chunk:
    """The events of some rows, to be appended as one command.

    Args:
        command_id: the command's; every event's meta holds it.
        replayed: ids of the aggregates that this chunk began when it was committed by an earlier run; ``None`` for a
            chunk that is not in the log yet.

    Attributes:
        events: as stored, in order; without what is personal until that is sealed.
        personal: place in ``events``, fields and person of each event that has something to be sealed.
        expected: aggregates of the events, each with its version before them.
    """

    def __init__(self, command_id: UUID, replayed: frozenset[UUID] | None) -> None:
        self.command_id, self.command, self.replayed = command_id, str(command_id), replayed
        self.events: list[Fact] = []
        self.personal: list[tuple[int, Mapping[str, Any], UUID]] = []
        self.expected: list[tuple[UUID, int]] = []
        self.claims: list[Claim] = []


class Numbers:
    """Gives aggregate ids; counters are taken from the log in blocks, each twice as large as the one before."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._left: dict[Kind, list[int]] = {kind: [] for kind in Kind}
        self._block = dict.fromkeys(Kind, _BLOCK)

    def take(self, kind: Kind, year: int) -> UUID:
        """Return a new id of *kind* with the year of *year*."""
        left = self._left[kind]
        if not left:
            left.extend(reversed(self._log.allocate(kind, self._block[kind])))
            self._block[kind] = min(2 * self._block[kind], _LARGEST)
        return aggregate_id(Number(kind, year, left.pop()), self._log.name)


class Desk:
    """Writes events into the chunk at hand.

    Args:
        by: who imports; they register the customers.
        owners: of the claims that the log holds, by kind.

    Attributes:
        writer: of the drafts that are recorded here.
        irregular: transition -> how many.
    """

    def __init__(
        self, system: str, by: Actor, numbers: Numbers, owners: Callable[[str], dict[bytes, UUID]], digest: Digest
    ) -> None:
        self._system, self._numbers, self._digest = system, numbers, digest
        self._by = Who.of(by)
        self.writer = Writer()
        self._load_owners = owners
        self._owners: dict[str, dict[bytes, UUID]] = {}
        self._customers: dict[tuple[IdentityKind, str], UUID] = {}
        self.chunk: Chunk
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
        draft, source = self.writer.draft, self.writer.source(line)
        self._begin(draft(cust.Registered, {"name": name}), id_, 1, at, self._by, source, id_)
        identity = draft(cust.Identified, {"kind": kind, "value": text, "assurance": Assurance.UNVERIFIED})
        self._begin(identity, id_, 2, at, self._by, source, id_)

    def open(self, name: str, id_: UUID, at: datetime, who: Who, source: str, fields: dict[str, Any]) -> Case:
        """Record the opening of the case *name* and return the case."""
        draft = self.writer.draft(ev.Opened, fields | {"external": name})
        self._begin(draft, id_, 1, at, who, source, fields.get("requester_id") or id_)
        case = Case(id_, at, fields["channel"], fields)
        case.chunk = self.chunk
        return case

    def record(self, case: Case, draft: Draft, at: datetime, who: Who, source: str, move: str | None) -> None:
        """Record an event of a case at *at*, never before the one before it; *move* names an irregular transition."""
        chunk, id_ = self.chunk, case.id
        if case.chunk is not chunk:
            case.chunk = chunk
            chunk.expected.append((id_, case.version))
        raw = None
        if at < case.last_at:
            at, raw = case.last_at, at
        topic = draft.cls.TOPIC
        irregular = topic in case.refused
        if irregular:
            self.irregular[move or f"{case.status} + {topic}"] += 1
        state = self.writer.state(draft, at, raw, who, chunk.command, source, irregular=irregular)
        if draft.personal:
            chunk.personal.append((len(chunk.events), draft.fields, case.requester_id or id_))
        chunk.events.append(_fact((id_, case.version + 1, topic, state)))
        case.follow(draft, at, who.actor)

    def _begin(self, draft: Draft, id_: UUID, version: int, at: datetime, who: Who, source: str, person: UUID) -> None:
        """Record one of the first events of *id_*."""
        chunk = self.chunk
        if version == 1:
            chunk.expected.append((id_, 0))
        if draft.personal:
            chunk.personal.append((len(chunk.events), draft.fields, person))
        state = self.writer.state(draft, at, None, who, chunk.command, source, irregular=False)
        chunk.events.append(_fact((id_, version, draft.cls.TOPIC, state)))
