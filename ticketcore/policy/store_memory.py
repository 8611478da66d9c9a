"""What the process manager keeps, in memory: the same contract as in PostgreSQL, for tests of services; nothing lasts."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from copy import copy
from threading import RLock
from typing import TYPE_CHECKING

from ticketcore.domain.types import Status
from ticketcore.ids import Kind, kind_of
from ticketcore.policy.desk import Held
from ticketcore.policy.outside import History
from ticketcore.policy.store import OVER, Done, Fed, Letter, Seen, Waits
from ticketcore.store.port import Appended

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from ticketcore.policy.desk import Waiting
    from ticketcore.store.memory import MemoryLog
    from ticketcore.store.port import Outcome

__all__ = ["MemoryPolicyStore"]


class MemoryPolicyStore:
    """Fulfils :class:`ticketcore.policy.store.PolicyStore` beside a :class:`~ticketcore.store.memory.MemoryLog`."""

    def __init__(self, log: MemoryLog) -> None:
        self._log, self._lock = log, RLock()
        self._position, self._changed = 0, False
        self._seen: dict[UUID, Seen] = {}
        self._due: dict[UUID, datetime] = {}
        self._turns: dict[str, int] = {}
        self._letters: dict[UUID, Letter] = {}

    def feed(self, now: datetime, limit: int) -> Fed:
        with self._lock:
            found = self._log.read(self._position, limit)
            for record in found:
                kind = kind_of(record.originator_id)
                if kind is Kind.AGENT:
                    self._changed = True
                elif kind is Kind.POLICY:
                    self._let(now, [id_ for id_, one in self._seen.items() if one.status not in OVER])
                elif kind is Kind.TICKET:
                    seen = self._seen.setdefault(record.originator_id, Seen(record.originator_id))
                    if seen.version < record.originator_version:
                        self._let(now, [record.originator_id])
                self._position = record.position
            return Fed(len(found))

    def _let(self, now: datetime, tickets: Sequence[UUID]) -> None:
        for id_ in tickets:
            self._due[id_] = min(now, self._due.get(id_, now))

    @contextmanager
    def batch(self, now: datetime, limit: int) -> Iterator[_Batch]:
        with self._lock:
            due = sorted((at, id_) for id_, at in self._due.items() if at <= now)[:limit]
            names = ("_seen", "_due", "_turns", "_letters", "_changed")
            before = {name: copy(getattr(self, name)) for name in names}
            try:
                yield _Batch(self, [self._seen[id_] for _, id_ in due])
            except BaseException:
                vars(self).update(before)
                raise

    def history(self, requesters: Collection[UUID], opened_at: datetime, but: UUID) -> History:
        with self._lock:
            found = [
                one
                for one in self._seen.values()
                if one.requester_id in requesters
                and one.opened_at
                and one.opened_at < opened_at
                and one.ticket_id != but
            ]
        open_ = sum(one.status not in (Status.SOLVED, *OVER) for one in found)
        return History(len(found), open_, frozenset(one.agent_id for one in found if one.agent_id))

    def loads(self) -> Mapping[str, int]:
        with self._lock:
            return Counter(agent for one in self._seen.values() if (agent := one.counts_for) is not None)

    def waits(self, now: datetime) -> Waits:
        with self._lock:
            due = [at for at in self._due.values() if at <= now]
            later = [at for at in self._due.values() if at > now]
        return Waits(len(due), min(due, default=None), min(later, default=None))

    def position(self) -> int:
        return self._position

    def letters(self) -> list[Letter]:
        with self._lock:
            return sorted(self._letters.values(), key=lambda one: (one.failed_at, one.ticket_id))

    def retry(self, tickets: Sequence[UUID], now: datetime, by: str) -> int:
        with self._lock:
            found = [id_ for id_ in tickets if id_ in self._letters]
            self._let(now, found)
            self._letters |= {id_: self._letters[id_]._replace(retried_by=by) for id_ in found}
            return len(found)


class _Batch:
    def __init__(self, store: MemoryPolicyStore, tickets: Sequence[Seen]) -> None:
        self._store, self.tickets = store, tickets

    def desk_changed(self) -> bool:
        return self._store._changed

    def lock_desk(self) -> bool:
        return self._store._changed

    def desk(self) -> tuple[Mapping[str, int], Mapping[str, int], Sequence[Waiting]]:
        waiting = [one.wish for one in self._store._seen.values() if one.wish is not None]
        return self._store.loads(), dict(self._store._turns), waiting

    def held(self, agents: Collection[str]) -> Sequence[Held]:
        return [
            Held(one.ticket_id, one.agent_id, one.status, one.priority, one.opened_at, pending_too=True)
            for one in self._store._seen.values()
            if one.agent_id in agents and one.agent_id and one.opened_at
            if one.status is not None and one.status not in (Status.SOLVED, *OVER)
        ]

    def finish(self, done: Sequence[Done], wake: Sequence[UUID], now: datetime) -> list[Outcome | None]:
        store = self._store
        outcomes = iter(store._log.append([one.append for one in done if one.append is not None]))
        found: list[Outcome | None] = []
        for one in done:
            outcome = None if one.append is None else next(outcomes)
            found.append(outcome)
            if outcome is not None and not isinstance(outcome, Appended):
                continue
            id_, agent = one.seen.ticket_id, one.seen.agent_id
            position = one.position if outcome is None else outcome.position or 0
            if agent is not None and agent != store._seen[id_].agent_id:
                store._turns[agent] = max(position, store._turns.get(agent, 0))
            store._seen[id_] = one.seen
            store._due.pop(id_, None)
            if one.due_at is not None:
                store._due[id_] = one.due_at
            old = store._letters.pop(id_, None)
            if (letter := one.letter) is not None:
                first = letter._replace(since=letter.failed_at)
                again = old and letter._replace(since=old.since, tries=old.tries + 1, retried_by=old.retried_by)
                store._letters[id_] = again or first
        store._let(now, wake)
        return found

    def rest(self, until: datetime | None) -> None:
        if until is not None:
            self._store._let(until, [id_ for id_, one in self._store._seen.items() if one.wish is not None])
        self._store._changed = False
