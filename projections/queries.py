"""The read models in PostgreSQL, as the query API sees them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict

from projections.feed import Decode, Log, Relayed
from projections.runner import Runner
from projections.schema import MODELS, Connection, connect
from ticketcore.errors import StoreUnavailable, WaitTimeout
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.read_models import Correspondence, Entry, QueueEntry
from ticketcore.store.patience import cause_of, persist

if TYPE_CHECKING:
    from datetime import datetime


__all__ = ["PostgresReadModels"]

_IDLE = 4
"""Connections kept open between queries."""

_QUEUE = """
SELECT ticket_id, number, version, status, priority, channel, category, team_id, agent_id, requester_id, opened_at,
    waiting_since, due_at
FROM queues.waiting
WHERE (%(team_id)s::text IS NULL OR team_id = %(team_id)s) AND (%(agent_id)s::text IS NULL OR agent_id = %(agent_id)s)
ORDER BY to_take DESC, due_at NULLS LAST, priority_rank, waiting_since, number
LIMIT %(limit)s
"""
_HISTORY = """
SELECT requester_id, author_id, ticket_id, number, version, occurred_at, kind, direction, channel, actor, sealed, overflow,
    blobs
FROM history.history_of(%(customer_id)s)
WHERE (%(before)s::timestamptz IS NULL OR occurred_at < %(before)s)
    AND (%(at)s::timestamptz IS NULL OR (occurred_at, ticket_id, version) < (%(at)s, %(ticket)s::uuid, %(version)s::integer))
ORDER BY occurred_at DESC, ticket_id DESC, version DESC
LIMIT %(limit)s
"""
_MEMBERS = """
SELECT customer_id FROM history.customers
WHERE organisation_id = ANY(%s) AND merged_into IS NULL AND NOT forgotten ORDER BY customer_id
"""
_TICKETS = """
SELECT ticket_id FROM history.tickets WHERE requester_id IN (SELECT history.same_person(%s)) ORDER BY opened_at, ticket_id
"""
_HELD = {
    kind: " UNION ALL ".join(
        f"SELECT '{model.name}', (SELECT version FROM {model.name}.{table.name} WHERE {table.columns[0]} = %(id)s)"
        for model in MODELS
        if (table := model.mains.get(kind)) is not None
    )
    for kind in Kind
}
"""What says, by kind of aggregate, how many of its events each read model that it is in holds."""
_POINTS = """
SELECT m.model, array_agg(coalesce(c.position, 0) ORDER BY c.partition), coalesce(bool_or(c.partition >= 0), false)
FROM read_meta.models m LEFT JOIN read_meta.checkpoints c
    ON c.model = m.model AND c.generation = m.generation AND c.log = %s
WHERE m.role = 'live' GROUP BY m.model
"""
_PARKED = """
SELECT d.model, d.cause FROM read_meta.dead_letters d JOIN read_meta.models m USING (model, generation)
WHERE m.role = 'live' AND d.aggregate_id = %s AND d.version <= %s ORDER BY d.version LIMIT 1
"""
_LEFT_OUT = "SELECT model, reason FROM read_meta.dropped WHERE aggregate_id = %s AND version = 1 LIMIT 1"


class PostgresReadModels:
    """Fulfils :class:`ticketcore.read_models.ReadModels`. Thread-safe; usable after fork.

    Args:
        dsn: of the read models.
        log: the log.
        decode: record -> event.
        projects: whether :meth:`wait_for` folds the log itself; else it waits for a worker that does.
        patience: seconds for which a server that is away is tried again.
    """

    def __init__(self, dsn: str, log: Log, decode: Decode, *, projects: bool = True, patience: float = 30.0) -> None:
        self._dsn, self._patience = dsn, patience
        self._projects = projects
        self.runner = Runner(dsn, log, decode)
        self._mutex = threading.Lock()
        self._idle: list[Connection] = []
        self._abandoned: list[Connection] = []
        self._process = os.getpid()

    def catch_up(self) -> int:
        return self.runner.catch_up()

    def position(self) -> int:
        reached = [
            self._reached(points, partitions) for _, points, partitions in self._rows(_POINTS, [self.runner.log.name])
        ]
        return min(reached, default=0)

    def wait_for(self, aggregate_id: UUID, version: int, timeout: float) -> None:
        deadline, pause = time.monotonic() + timeout, 0.002
        while True:
            held = self._versions(aggregate_id)
            if min(held.values()) >= version:
                return
            if self._projects:
                self.runner.catch_up(retry_for=timeout)
                held = self._versions(aggregate_id)
                if min(held.values()) >= version:
                    return
            self._refuse_parked(aggregate_id, version, timeout)
            if time.monotonic() > deadline:
                name = min(held, key=lambda name: held[name])
                raise WaitTimeout(f"{number_of(aggregate_id)} in read model {name!r}", version, timeout)
            time.sleep(pause)
            pause = min(0.05, pause * 2)

    def queue(
        self, *, team_id: str | None = None, agent_id: str | None = None, limit: int = 100
    ) -> Sequence[QueueEntry]:
        rows = self._rows(_QUEUE, {"team_id": team_id, "agent_id": agent_id, "limit": limit})
        return [QueueEntry(*row) for row in rows]

    def history(
        self, customer_id: UUID, *, limit: int = 1_000, before: datetime | None = None, after: Entry | None = None
    ) -> Sequence[Correspondence]:
        at, ticket, version = after or (None, None, None)
        values = {"before": before, "at": at, "ticket": ticket, "version": version, "limit": limit}
        rows = self._rows(_HISTORY, {"customer_id": customer_id, **values})
        return [Correspondence._make((*row[:-1], tuple(row[-1]))) for row in rows]

    def tickets_of(self, customer_id: UUID) -> Sequence[UUID]:
        return [id_ for (id_,) in self._rows(_TICKETS, [customer_id])]

    def members(self, organisations: Sequence[str]) -> Sequence[UUID]:
        return [id_ for (id_,) in self._rows(_MEMBERS, [list(organisations)])]

    def close(self) -> None:
        self.runner.close()
        self._after_fork()
        with self._mutex:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _reached(self, points: Sequence[int], partitions: bool) -> int:
        """Return up to where a model holds the log: a partition that holds its last event is as far as the topic."""
        carried = self.runner.log.relayed(len(points)) if partitions and isinstance(self.runner.log, Relayed) else None
        if carried is None:
            return min(points)
        relayed, last = carried
        return min(
            (point for point, end in zip(points, last, strict=True) if point < end), default=max(relayed, min(points))
        )

    def _versions(self, id_: UUID) -> dict[str, int]:
        held = self._rows(_HELD[kind_of(id_) or Kind.TICKET], {"id": id_})
        return {model: version or 0 for model, version in held}

    def _refuse_parked(self, id_: UUID, version: int, timeout: float) -> None:
        for model, cause in self._rows(_PARKED, [id_, version]):
            what = f"{number_of(id_)}, parked as a dead letter in read model {model!r} ({cause}),"
            raise WaitTimeout(what, version, timeout)
        for model, reason in self._rows(_LEFT_OUT, [id_]):
            raise WaitTimeout(f"{number_of(id_)}, left out of read model {model!r} ({reason}),", version, timeout)

    def _rows(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        def once() -> list[tuple[Any, ...]]:
            try:
                with self._connected() as connection:
                    return connection.execute(statement.encode(), parameters).fetchall()
            except StoreUnavailable as error:
                raise error.__cause__ or error from None

        try:
            return persist(once, self._patience, self._away, lambda: None)
        except psycopg.errors.UndefinedTable as error:
            raise StoreUnavailable(f"a read model has no tables here: {error} (run `ticketcore db migrate`)") from error

    def _away(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"the read models' data base {conninfo_to_dict(self._dsn).get('dbname', '')!r} did not answer for"
            f" {self._patience:g} s: {cause_of(error, self._dsn)} (is the server up? see TICKETCORE_READ_DSN)"
        )

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        self._after_fork()
        with self._mutex:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = connect(self._dsn)
        try:
            yield connection
        except psycopg.OperationalError:
            connection.close()
            with self._mutex:
                idle, self._idle = self._idle, []
            for other in idle:
                other.close()
            raise
        finally:
            with self._mutex:
                keep = not connection.closed and len(self._idle) < _IDLE
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()

    def _after_fork(self) -> None:
        if self._process != os.getpid():
            self._abandoned += self._idle  # the parent's: kept, never used or closed
            self._idle, self._mutex, self._process = [], threading.Lock(), os.getpid()
