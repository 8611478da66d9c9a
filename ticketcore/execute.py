"""From command to receipt: load, ask, decide, seal, append; again where others were faster."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING
from uuid import UUID

from ticketcore.domain import customer
from ticketcore.domain.customer_commands import CustomerCommand, Forget
from ticketcore.domain.customer_events import CustomerForgotten
from ticketcore.domain.decide import decide, facts_of
from ticketcore.domain.decide_customer import claim_keys
from ticketcore.domain.decide_ticket import OWN_TEXT
from ticketcore.domain.message import RECEIVED
from ticketcore.domain.policy_commands import AdoptPolicy
from ticketcore.domain.ticket_events import Commented, Opened
from ticketcore.domain.types import Actor, Direction, Role
from ticketcore.errors import (
    ClaimTaken,
    CommandReused,
    Forgotten,
    NotFound,
    StoreUnavailable,
    TicketCoreError,
)
from ticketcore.execution import (
    Options,
    Recorded,
    State,
    View,
    check_between,
    check_expected,
    context_of,
    project,
    which_of,
)
from ticketcore.ids import Kind, aggregate_id, kind_of, number_of, parse_number
from ticketcore.permissions import check, is_allowed
from ticketcore.prepare import Prepared, own_persons, prepare
from ticketcore.store.group import GroupLoad
from ticketcore.store.port import Append, Appended, ClaimConflict, PersonGone, Repeated, Reused, VersionConflict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ticketcore.cache import StateCache
    from ticketcore.domain.base import Event
    from ticketcore.domain.commands import Command
    from ticketcore.domain.context import Context
    from ticketcore.domain.decide import Decision
    from ticketcore.numbers import NumberPool
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.codec import Codec
    from ticketcore.store.group import GroupCommit
    from ticketcore.store.port import EventLog, KeyStore, Outcome, Receipt

__all__ = ["Executor"]

ATTEMPTS = 60
"""How often a command is decided again, while others write to the same ticket, before it is given up."""
LONGEST_PAUSE = 0.1
"""Seconds, of the random pause before another attempt."""


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
        self._loads = GroupLoad(log)
        self._known = 0

    def execute(self, command: Command, by: Actor, options: Options) -> Recorded:
        """Record *command* and return what it recorded.

        States may come from the cache; whatever would reject the command or make it a no-op is decided again on
        freshly loaded ones.
        """
        context = context_of(command, by, options, self._sealer)
        digest = self._digest(command, by)
        seen = self._incarnation()
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
        before: View | None = None
        gone: set[UUID] = set()
        for attempt in range(ATTEMPTS):
            view = self._view(streams, context.command_id, fresh=fresh)
            if view.receipt is not None:
                return self._first_result(command, view.receipt, digest)
            if before is not None:
                check_between(command, before, view, context.now)
            if view.incarnation != seen:
                seen = view.incarnation
                self._check_customers(command, by)
            loaded = view.records is not None
            try:
                check_expected(command, view, options.get("expected_version"))
                for action in command.actions():
                    if not is_allowed(by, action):  # by role alone; the facts narrow and explain
                        check(by, action, facts_of(command, view.states, self.identities(by), by))
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

    def prepared(
        self, command: Command, by: Actor, options: Options, states: dict[UUID, State | None], incarnation: int
    ) -> Append:
        """Return what *command* appends, for a caller who appends it in a transaction of their own.

        It makes no aggregates; *states* are those of its ``streams()``, all that it is decided on; *incarnation*: of the
        log, before they were read.
        """
        context = context_of(command, by, options, self._sealer)
        view = View(states, None, None, incarnation)
        for action in command.actions():
            if not is_allowed(by, action):
                check(by, action, facts_of(command, view.states, (), by))
        gone: set[UUID] = set()
        while True:
            prepared = prepare(command, view.states, (), gone, self._sealer, self._log)
            decision = self._decide(command, view, context, (), prepared)
            try:
                append = self._append(context.command_id, self._digest(command, by), view, decision, prepared, ())
            except Forgotten:
                if prepared.person in gone:
                    raise
                gone.add(prepared.person)
                continue
            if self._keys_apart and append.keys:
                self._keys.put_event_keys(append.keys)
            return append

    def load(self, ids: Iterable[UUID]) -> dict[UUID, State | None]:
        """Return states as the log has them now."""
        return self._view(tuple(ids), None, fresh=True).states

    def _decide(
        self, command: Command, view: View, context: Context, ids: tuple[UUID, ...], prepared: Prepared
    ) -> Decision:
        context.content, context.new_ids = prepared.content, ids
        context.claimed = {
            key: claim
            for key in claim_keys(command, self._sealer.identity_digest)
            if (claim := self._log.owner(*key)) is not None
        }
        context.log_is_empty = isinstance(command, AdoptPolicy) and self._log.head() == 0
        forgetting = view.states if isinstance(command, Forget) else ()
        context.tickets = {id_: self._own_text(id_) for id_ in forgetting}
        return decide(command, view.states, context)

    def _view(self, streams: Sequence[UUID], command_id: UUID | None, *, fresh: bool) -> View:
        incarnation = self._incarnation()
        if not fresh:
            hot = self._cache.get(streams, incarnation)
            if len(hot) == len(set(streams)):
                return View(hot, None, None, incarnation)
        loaded = self._loads.load(streams, command_id)
        states: dict[UUID, State | None] = {}
        for id_ in streams:
            state = project(None, id_, map(self._codec.decode_to_fold, loaded.streams.get(id_, ())))
            states[id_] = state
            if state is not None:
                self._cache.put(state, incarnation)
        return View(states, loaded.receipt, dict(loaded.streams), incarnation)

    def _incarnation(self) -> int:
        """Return the log's; where it is another than before, drop what the process remembers of the log and its keys."""
        now = self._log.incarnation
        if now != self._known:
            self._known = now
            self._sealer.evict_all()
            self._numbers.drop()
        return now

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
        view: View,
        decision: Decision,
        prepared: Prepared,
        ids: tuple[UUID, ...],
    ) -> Append:
        stored = [prepared.stored(event, self._sealer, self._codec, self._log) for event in decision.events]
        expected = [(id_, state.version if state else 0) for id_, state in view.states.items()]
        return Append(
            command_id=command_id,
            digest=digest,
            expected=(*expected, *[(id_, 0) for id_ in ids]),
            events=tuple([event for event, _ in stored]),
            keys=tuple([key for _, key in stored if key is not None]),
            claims=decision.claims,
            releases=decision.releases,
            destroy_events=(*decision.destroy_events, *self._messages_of(decision.destroy_events)),
            destroy_persons=(*decision.destroy_persons, *self._own_keys(decision.events)),
            incarnation=view.incarnation,
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

    def _messages_of(self, redacted: Iterable[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
        """Return the receptions that comments which are redacted came with: each holds the same words, and the files."""
        found = []
        for ticket, version in redacted:
            for record in self._log.load((ticket,)).streams.get(ticket, ()):
                if record.originator_version != version:
                    continue
                event = self._codec.decode(record)
                inbound = isinstance(event, Opened | Commented) and event.direction is Direction.INBOUND
                cause = event.meta.causation_id if inbound else None
                if cause is not None and kind_of(cause) is Kind.MESSAGE:
                    found.append((cause, RECEIVED))
        return found

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
        known = self._cache.get(named.values(), self._incarnation())
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
        view: View,
        digest: bytes,
        ids: tuple[UUID, ...],
    ) -> Recorded | None:
        """Return the result where *outcome* is one, ``None`` where the command is to be decided again."""
        match outcome:
            case Appended():
                main = ids[0] if ids else command.streams()[0]
                version = 0
                written = {**view.states, **dict.fromkeys(ids)}
                for id_ in written:
                    news = decision.events
                    if len(written) > 1:
                        news = tuple(event for event in decision.events if event.originator_id == id_)
                    state = project(view.states.get(id_), id_, news)
                    if state is not None:
                        self._cache.put(state, view.incarnation)
                        version = state.version if id_ == main else version
                return Recorded(main, version, outcome.position, decision.events)
            case Repeated(receipt) | Reused(receipt):
                return self._first_result(command, receipt, digest)
            case ClaimConflict(claim, owner):
                owner = self.standing_for(owner)
                raise ClaimTaken(claim.kind.removeprefix("identity:"), owner, which_of(owner))
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
            self._keys.destroy([*redacted, *self._messages_of(redacted)], [*forgotten, *self._own_keys(events)])
        main = receipt.originator_id
        version = max((e.originator_version for e in events if e.originator_id == main), default=0)
        if not version:
            state = self.load((main,))[main]
            version = state.version if state else 0
        return Recorded(main, version, receipt.position, events, repeated=True)

    def _digest(self, command: Command, by: Actor) -> bytes:
        text = f"{by.role}\0{by.id}\0".encode() + command.canonical()
        return self._sealer.command_digest(text)
