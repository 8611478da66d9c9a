"""From command to receipt: load, ask, decide, seal, append; again where others were faster."""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypedDict
from uuid import UUID

from ticketcore.domain import customer, ticket
from ticketcore.domain.context import Context
from ticketcore.domain.customer_commands import CustomerCommand, Forget
from ticketcore.domain.customer_events import CustomerForgotten
from ticketcore.domain.decide import decide, facts_of
from ticketcore.domain.decide_customer import claim_keys
from ticketcore.domain.decide_ticket import OWN_TEXT
from ticketcore.domain.types import Actor, Role
from ticketcore.errors import (
    ClaimTaken,
    CommandReused,
    Conflict,
    Forgotten,
    InvalidCommand,
    NotFound,
    StoreUnavailable,
    TicketCoreError,
)
from ticketcore.ids import Kind, aggregate_id, kind_of, number_of, parse_number
from ticketcore.permissions import check, is_allowed
from ticketcore.prepare import Prepared, own_persons, prepare
from ticketcore.store.port import Append, Appended, ClaimConflict, PersonGone, Repeated, Reused, VersionConflict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ticketcore.cache import StateCache
    from ticketcore.domain.base import Event
    from ticketcore.domain.commands import Command
    from ticketcore.domain.decide import Decision
    from ticketcore.numbers import NumberPool
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.codec import Codec
    from ticketcore.store.group import GroupCommit
    from ticketcore.store.port import EventLog, KeyStore, Outcome, Receipt, Record

__all__ = ["Executor", "Options", "Recorded", "State", "project"]

State = ticket.Ticket | customer.Customer
ATTEMPTS = 60
"""How often a command is decided again, while others write to the same ticket, before it is given up."""
LONGEST_PAUSE = 0.1
"""Seconds, of the random pause before another attempt."""
FUTURE = timedelta(minutes=5)
"""How far ahead of this machine's clock ``occurred_at`` may be. Clocks of two machines differ by seconds; a time that is
really ahead would hold the ticket's time there, since that never goes back, and make every later event look late."""


class Options(TypedDict, total=False):
    """What every command takes beside its own content.

    Keys:
        command_id: names the command; repeating it returns the first result and records nothing.
        occurred_at: when it was received or done; now where not given. Aware, at most :data:`FUTURE` ahead of now.
        claimed_at: a mail's own Date or the like; orders nothing. Aware.
        correlation_id: the first command of the conversation.
        causation_id: the event or command that caused this one.
        expected_version: refuse with :class:`Conflict` where the aggregate has another version.
    """

    command_id: UUID | None
    occurred_at: datetime | None
    claimed_at: datetime | None
    correlation_id: UUID | None
    causation_id: UUID | None
    expected_version: int | None


class Recorded(NamedTuple):
    """What a command recorded.

    Attributes:
        id: of the aggregate that the command is about; the new one's where it made one.
        version: the aggregate's after the command.
        position: in the log, of the command's last event; ``None`` where the command changed nothing.
        events: as recorded; empty where the command changed nothing. A repeat has them without personal content.
        repeated: the command had been recorded before, and this is its first result.
    """

    id: UUID
    version: int
    position: int | None
    events: tuple[Event, ...]
    repeated: bool = False

    @property
    def number(self) -> str:
        """The aggregate's number as people write it."""
        return number_of(self.id)


class _View(NamedTuple):
    """The states that a decision is made on. ``records``: the streams as loaded; ``None`` where they were hot."""

    states: dict[UUID, State | None]
    receipt: Receipt | None
    records: dict[UUID, Sequence[Record]] | None


class Executor:
    """Executes commands against one log. Thread-safe; usable after fork."""

    def __init__(
        self,
        log: EventLog,
        group: GroupCommit,
        codec: Codec,
        sealer: Sealer,
        cache: StateCache,
        numbers: NumberPool,
        keys: KeyStore,
        *,
        keys_apart: bool,
    ) -> None:
        self._log, self._group, self._codec, self._sealer = log, group, codec, sealer
        self._cache, self._numbers, self._keys, self._keys_apart = cache, numbers, keys, keys_apart

    def execute(self, command: Command, by: Actor, options: Options) -> Recorded:
        """Record *command* and return what it recorded.

        States may come from the cache; whatever would reject the command or make it a no-op is decided again on
        freshly loaded ones.
        """
        context = _context(command, by, options, self._sealer)
        digest = self._digest(command, by)
        try:
            self._check_customers(command, by)
        except TicketCoreError:
            first = self._log.load((), context.command_id).receipt  # a repeat's customer may be gone since
            if first is None:
                raise
            return self._first_result(command, first, digest)
        ids = tuple(aggregate_id(self._numbers.take(kind), self._log.name) for kind in command.CREATES)
        streams = command.streams()
        fresh = False
        before: _View | None = None
        gone: set[UUID] = set()
        for attempt in range(ATTEMPTS):
            view = self._view(streams, context.command_id, fresh=fresh)
            if view.receipt is not None:
                return self._first_result(command, view.receipt, digest)
            if before is not None:
                _check_between(command, before, view, context.now)
            loaded = view.records is not None
            try:
                _check_expected(command, view, options.get("expected_version"))
                if not is_allowed(by, command.ACTION):  # by role alone; the facts narrow and explain
                    check(by, command.ACTION, facts_of(command, view.states, self.identities(by)))
                prepared = prepare(command, view.states, ids, gone, self._sealer, self._log)
                decision = self._decide(command, view, context, ids, prepared)
            except TicketCoreError:
                if loaded or not streams:
                    raise
                fresh = True
                continue
            if decision.needs:
                streams = (*streams, *(id_ for id_ in decision.needs if id_ not in streams))
                continue
            if not decision.events and not loaded and streams:
                fresh = True
                continue
            try:
                append = self._append(context.command_id, digest, view, decision, prepared, ids)
            except Forgotten:
                if prepared.person in gone:
                    raise
                gone.add(prepared.person)
                continue
            outcome = self._submit(append)
            done = self._finish(command, outcome, decision, view, digest, ids)
            if done is not None:
                return done
            if isinstance(outcome, PersonGone):
                gone.add(outcome.person_id)
                self._sealer.evict(outcome.person_id)
            before, fresh = view, True
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.001 * 2 ** min(attempt, 10))))  # noqa: S311 -- jitter
        raise StoreUnavailable(
            f"cannot {command.NAME} {command.NOUN}: other writers came first {ATTEMPTS} times in a row, expected a pause"
            " (repeat it with the same command_id)"
        )

    def load(self, ids: Iterable[UUID]) -> dict[UUID, State | None]:
        """Return states as the log has them now."""
        return self._view(tuple(ids), None, fresh=True).states

    def _decide(
        self, command: Command, view: _View, context: Context, ids: tuple[UUID, ...], prepared: Prepared
    ) -> Decision:
        claimed = {
            key: claim
            for key in claim_keys(command, self._sealer.identity_digest)
            if (claim := self._log.owner(*key)) is not None
        }
        forgetting = view.states if isinstance(command, Forget) else ()
        tickets = {id_: self._own_text(id_) for id_ in forgetting}
        return decide(
            command,
            view.states,
            replace(context, content=prepared.content, new_ids=ids, claimed=claimed, tickets=tickets),
        )

    def _view(self, streams: Sequence[UUID], command_id: UUID | None, *, fresh: bool) -> _View:
        if not fresh:
            hot = self._cache.get(streams)
            if len(hot) == len(set(streams)):
                return _View(hot, None, None)
        loaded = self._log.load(streams, command_id)
        states: dict[UUID, State | None] = {}
        for id_ in streams:
            state = project(None, id_, map(self._codec.decode, loaded.streams.get(id_, ())))
            states[id_] = state
            if state is not None:
                self._cache.put(state)
        return _View(states, loaded.receipt, dict(loaded.streams))

    def identities(self, by: Actor) -> Collection[UUID]:
        """Return the ids that stand for an acting customer: their record's and all that are merged with it."""
        if by.role is not Role.CUSTOMER:
            return ()
        own = aggregate_id(parse_number(by.id, Kind.CUSTOMER), self._log.name)
        todo, found = [own], set[UUID]()
        while todo:
            id_ = todo.pop()
            if id_ in found:
                continue
            found.add(id_)
            state = self.load((id_,))[id_]  # never a hot one: another process may have undone a merge
            if isinstance(state, customer.Customer):
                todo += [*state.absorbed, *([state.merged_into] if state.merged_into else [])]
        return found

    def standing_for(self, id_: UUID) -> UUID:
        """Return the record that stands for a customer after all merges; any other aggregate stands for itself."""
        while isinstance(state := self.load((id_,))[id_], customer.Customer) and state.merged_into is not None:
            id_ = state.merged_into
        return id_

    def _append(
        self,
        command_id: UUID,
        digest: bytes,
        view: _View,
        decision: Decision,
        prepared: Prepared,
        ids: tuple[UUID, ...],
    ) -> Append:
        sealed = [prepared.seal(event, self._sealer, self._log) for event in decision.events]
        return Append(
            command_id=command_id,
            digest=digest,
            expected=(*((id_, state.version if state else 0) for id_, state in view.states.items()), *((i, 0) for i in ids)),
            events=tuple(self._codec.to_stored_event(event) for event, _ in sealed),
            keys=tuple(key for _, key in sealed if key is not None),
            claims=decision.claims,
            releases=decision.releases,
            destroy_events=decision.destroy_events,
            destroy_persons=(*decision.destroy_persons, *self._own_keys(decision.events)),
        )  # fmt: skip

    def _submit(self, append: Append) -> Outcome:
        if self._keys_apart and append.keys:
            try:
                self._keys.put_event_keys(append.keys)
            except Forgotten as error:
                return PersonGone(error.person_id or append.keys[0].person_id)
        outcome = self._group.submit(append)
        if self._keys_apart and isinstance(outcome, Appended):
            self._keys.destroy(append.destroy_events, append.destroy_persons)
        return outcome

    def _own_keys(self, events: Iterable[Event]) -> list[UUID]:
        """Return whose keys exist among those of the tickets that forgotten customers take along."""
        tickets = [ticket for event in events if isinstance(event, CustomerForgotten) for ticket in event.tickets]
        candidates = [person for ticket in tickets for person in own_persons(ticket)]
        found = self._keys.persons(candidates) if candidates else {}
        return [person for person, key in found.items() if key is not None]

    def _own_text(self, customer_id: UUID) -> tuple[UUID, ...]:
        """Return the tickets that belonged to nobody known before they were this customer's."""
        claims = self._log.claims_of(customer_id)
        return tuple(sorted(UUID(bytes=claim.value[:16]) for claim in claims if claim.kind == OWN_TEXT))

    def _check_customers(self, command: Command, by: Actor) -> None:
        """Raise where the command or its actor names a customer who is not there, or was forgotten."""
        named = {name: id_ for name in ("requester_id", "author_id", "customer_id") if (id_ := vars(command).get(name))}
        if by.role is Role.CUSTOMER:
            named["by"] = aggregate_id(parse_number(by.id, Kind.CUSTOMER), self._log.name)
        if isinstance(command, CustomerCommand) or not named:
            return
        known = self._cache.get(named.values())
        if len(known) < len(set(named.values())):
            known = self.load(named.values())
        for name, id_ in named.items():
            state = known[id_]
            if not isinstance(state, customer.Customer):
                raise NotFound("customer", number_of(id_))
            if state.forgotten and name != "author_id":
                raise Forgotten(f"customer {state.number}", id_)

    def _finish(
        self,
        command: Command,
        outcome: Outcome,
        decision: Decision,
        view: _View,
        digest: bytes,
        ids: tuple[UUID, ...],
    ) -> Recorded | None:
        """Return the result where *outcome* is one, ``None`` where the command is to be decided again."""
        match outcome:
            case Appended():
                main = ids[0] if ids else command.streams()[0]
                version = 0
                for id_ in dict.fromkeys((*view.states, *ids)):
                    news = [event for event in decision.events if event.originator_id == id_]
                    state = project(view.states.get(id_), id_, news)
                    if state is not None:
                        self._cache.put(state)
                        version = state.version if id_ == main else version
                return Recorded(main, version, outcome.position, decision.events)
            case Repeated(receipt) | Reused(receipt):
                return self._first_result(command, receipt, digest)
            case ClaimConflict(claim, owner):
                owner = self.standing_for(owner)
                which = f"{(kind_of(owner) or Kind.CUSTOMER).name.lower()} {number_of(owner)}"
                raise ClaimTaken(claim.kind.removeprefix("identity:"), owner, which)
            case VersionConflict() | PersonGone():
                return None

    def _first_result(self, command: Command, receipt: Receipt, digest: bytes) -> Recorded:
        if receipt.digest != digest:
            raise CommandReused(receipt.command_id)
        records = self._log.read(receipt.position - receipt.count, receipt.count) if receipt.position else []
        events = tuple(self._codec.decode(record) for record in records)
        if self._keys_apart:  # a crash may have come between the append and the destruction
            redacted = [(e.originator_id, e.version) for e in events if e.TOPIC == "ticket.redacted"]  # type: ignore[attr-defined]
            forgotten = [e.originator_id for e in events if e.TOPIC == "customer.forgotten"]
            self._keys.destroy(redacted, [*forgotten, *self._own_keys(events)])
        main = receipt.originator_id
        version = max((e.originator_version for e in events if e.originator_id == main), default=0)
        if not version:
            state = self.load((main,))[main]
            version = state.version if state else 0
        return Recorded(main, version, receipt.position, events, repeated=True)

    def _digest(self, command: Command, by: Actor) -> bytes:
        text = f"{by.role}\0{by.id}\0".encode() + command.canonical()
        return self._sealer.command_digest(text)


def project(state: State | None, id_: UUID, events: Iterable[Event]) -> State | None:
    """Fold *events* into the state of the ticket or customer *id_*."""
    if kind_of(id_) is Kind.CUSTOMER:
        return customer.project(state, events)  # type: ignore[arg-type]
    return ticket.project(state, events)  # type: ignore[arg-type]


def _context(command: Command, by: Actor, options: Options, sealer: Sealer) -> Context:
    context = Context(
        actor=by,
        command_id=options.get("command_id") or _new_command_id(),
        now=datetime.now(UTC),
        occurred_at=options.get("occurred_at"),
        claimed_at=options.get("claimed_at"),
        correlation_id=options.get("correlation_id"),
        causation_id=options.get("causation_id"),
        digest=sealer.identity_digest,
    )
    if context.at > context.now + FUTURE:
        raise InvalidCommand(
            f"{command.NAME} {command.NOUN}",
            "occurred_at",
            context.at.isoformat(),
            f"at most {FUTURE} after now, {context.now.isoformat(timespec='seconds')}",
            "give the time of reception, or leave it out; what a mail says of itself is claimed_at",
        )
    return context


def _new_command_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, 5.7): ids made one after the other lie together in the index of the receipts."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62))


def _which(id_: UUID) -> str:
    return f"{(kind_of(id_) or Kind.TICKET).name.lower()} {number_of(id_)}"


def _check_expected(command: Command, view: _View, expected: int | None) -> None:
    if expected is None or not command.streams():
        return
    main = command.streams()[0]
    state = view.states.get(main)
    actual = state.version if state else 0
    if actual != expected:
        records = (view.records or {}).get(main, ())
        between = [r.topic for r in records if r.originator_version > expected]
        raise Conflict(command.NAME, _which(main), expected, actual, between)


def _check_between(command: Command, before: _View, view: _View, began: datetime) -> None:
    """Raise where what was recorded since *before*, and while the command ran, does not commute with it.

    A hot state may have been old before the command *began*; what was recorded before that is no conflict.
    """
    for id_, records in (view.records or {}).items():
        known = before.states.get(id_)
        expected = known.version if known else 0
        between = [
            r.topic
            for r in records
            if r.originator_version > expected and (before.records is not None or r.recorded_at >= began)
        ]
        if command.conflicts_with.intersection(between):
            raise Conflict(command.NAME, _which(id_), expected, records[-1].originator_version, between)
