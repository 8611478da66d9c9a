"""The process manager's tables beside the log: a timer is a row with its due time, and whoever locks the row has the ticket.

Locks are taken in one order, so nobody waits in a circle: whoever reads the log holds the checkpoint, then rows of
tickets; whoever works holds rows of tickets, none of which it ever waited for, then the desk, then the log's append lock.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.rows import tuple_row
from psycopg.types.json import Json

from ticketcore.domain.types import Priority, Status
from ticketcore.ids import Kind, kind_of
from ticketcore.policy.desk import COUNTED, Held, Waiting
from ticketcore.policy.outside import History
from ticketcore.policy.store import OVER, Done, Fed, Letter, Seen, Waits
from ticketcore.store.port import Appended

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from psycopg import Cursor

    from ticketcore.store.port import Outcome
    from ticketcore.store.postgres import PostgresLog

__all__ = ["PostgresPolicyStore"]

_STOPPED = "30s"
"""After so long without a word in a transaction the server ends the session of a worker that was stopped: its tickets, the desk
and the log are free again."""
_COLUMNS = "ticket_id, seen, status, priority, agent_id, requester_id, opened_at, wish"
_CLAIM = f"""
SELECT {_COLUMNS} FROM log.policy_tickets WHERE due_at <= %b ORDER BY due_at LIMIT %b FOR UPDATE SKIP LOCKED
"""
_MARK = """
INSERT INTO log.policy_tickets AS t (ticket_id, heard, due_at)
SELECT ticket, version, %b FROM unnest(%b::uuid[], %b::int[]) AS n (ticket, version) ORDER BY ticket
ON CONFLICT (ticket_id) DO UPDATE SET heard = greatest(t.heard, excluded.heard), due_at = least(t.due_at, excluded.due_at)
WHERE t.seen < excluded.heard
"""
_ALL_DUE = """
UPDATE log.policy_tickets SET due_at = least(due_at, %b) WHERE ticket_id IN (
    SELECT ticket_id FROM log.policy_tickets WHERE (status <> ALL (%b::text[])) IS NOT FALSE ORDER BY ticket_id FOR UPDATE)
"""
_ANEW = (
    "DELETE FROM log.policy_dead_letters",
    "DELETE FROM log.policy_tickets t WHERE NOT EXISTS (SELECT FROM log.events e WHERE e.originator_id = t.ticket_id)",
    "UPDATE log.policy_tickets SET seen = 0, heard = 0 WHERE heard > 0",
    "UPDATE log.policy_turns SET position = 0 WHERE position > (SELECT coalesce(max(position), 0) FROM log.events)",
    "UPDATE log.policy_desk SET changed = true",
)
"""After a recovery. Tickets that are there still keep their timers, and count for their agents until they are looked at."""
_KEEP = """
UPDATE log.policy_tickets SET seen = %b, due_at = %b, status = %b, priority = %b, agent_id = %b, requester_id = %b,
    opened_at = %b, wish = %b WHERE ticket_id = %b
"""
_TURN = """
INSERT INTO log.policy_turns AS t (agent_id, position) VALUES (%b, %b)
ON CONFLICT (agent_id) DO UPDATE SET position = excluded.position WHERE t.position < excluded.position
"""
_BURY = """
INSERT INTO log.policy_dead_letters AS d (ticket_id, failed_at, version, policy, rules, error, since)
VALUES (%b, %b, %b, %b, %b, %b, %b)
ON CONFLICT (ticket_id) DO UPDATE SET failed_at = excluded.failed_at, version = excluded.version,
    policy = excluded.policy, rules = excluded.rules, error = excluded.error, tries = d.tries + 1
"""
_WAKE = """
UPDATE log.policy_tickets SET due_at = least(due_at, %b) WHERE ticket_id IN (
    SELECT ticket_id FROM log.policy_tickets WHERE ticket_id = ANY (%b) FOR UPDATE SKIP LOCKED)
"""
_AT_RETURN = """
UPDATE log.policy_tickets SET due_at = least(due_at, %b) WHERE ticket_id IN (
    SELECT ticket_id FROM log.policy_tickets WHERE wish IS NOT NULL FOR UPDATE SKIP LOCKED)
"""
_RETRY = """
WITH found AS (SELECT t.ticket_id FROM log.policy_tickets t JOIN log.policy_dead_letters d USING (ticket_id)
    WHERE ticket_id = ANY (%b) ORDER BY ticket_id FOR UPDATE OF t),
due AS (UPDATE log.policy_tickets t SET due_at = %b FROM found WHERE t.ticket_id = found.ticket_id)
UPDATE log.policy_dead_letters d SET retried_by = %b FROM found WHERE d.ticket_id = found.ticket_id
"""
_LOADS = "SELECT agent_id, count(*) FROM log.policy_tickets WHERE agent_id IS NOT NULL AND status = ANY (%b) GROUP BY 1"
_HISTORY = """
SELECT count(*), count(*) FILTER (WHERE status <> ALL (%b::text[])), array_agg(DISTINCT agent_id) FILTER (WHERE agent_id IS NOT NULL)
FROM log.policy_tickets WHERE requester_id = ANY (%b) AND opened_at < %b AND ticket_id <> %b
"""
_LETTERS = """
SELECT ticket_id, failed_at, version, policy, rules, error, since, tries, retried_by FROM log.policy_dead_letters ORDER BY failed_at, ticket_id
"""


class PostgresPolicyStore:
    """Fulfils :class:`ticketcore.policy.store.PolicyStore` beside a :class:`~ticketcore.store.postgres.PostgresLog`.

    Errors are psycopg's own where the server is lost in the middle of a transaction: nothing of it was kept, or all.
    """

    def __init__(self, log: PostgresLog) -> None:
        self._log = log

    def feed(self, now: datetime, limit: int) -> Fed:
        with self._transaction() as cursor:
            row = cursor.execute(
                "SELECT c.position, c.epoch, m.epoch FROM log.policy_checkpoint c, log.meta m FOR UPDATE OF c SKIP LOCKED"
            ).fetchone()
            if row is None:
                return Fed(0, busy=True)
            position, epoch, current = row
            if epoch != current:  # a recovery: what was seen may be of events that were lost
                position = 0
                for statement in _ANEW:
                    cursor.execute(statement)
            found = cursor.execute(
                "SELECT position, originator_id, originator_version, topic FROM log.events WHERE position > %b"
                " ORDER BY position LIMIT %b",
                (position, limit),
            ).fetchall()
            if found:
                self._mark(cursor, found, now)
            if found or epoch != current:
                reached = found[-1][0] if found else position
                cursor.execute("UPDATE log.policy_checkpoint SET position = %b, epoch = %b", (reached, current))
            return Fed(len(found))

    def _mark(self, cursor: Cursor[Any], found: Sequence[tuple[int, UUID, int, str]], now: datetime) -> None:
        versions: dict[UUID, int] = {}
        kinds = set[Kind | None]()
        for _, id_, version, _ in found:
            kind = kind_of(id_)
            kinds.add(kind)
            if kind is Kind.TICKET:
                versions[id_] = version
        if versions:
            cursor.execute(_MARK, (now, list(versions), list(versions.values())))
        if Kind.POLICY in kinds:
            cursor.execute(_ALL_DUE, (now, _words(OVER)))
        if Kind.AGENT in kinds:
            cursor.execute("UPDATE log.policy_desk SET changed = true")

    @contextmanager
    def batch(self, now: datetime, limit: int) -> Iterator[_Batch]:
        with self._transaction() as cursor:
            found = cursor.execute(_CLAIM, (now, limit)).fetchall()
            yield _Batch(cursor, self._log, [_seen(row) for row in found])

    def history(self, requesters: Collection[UUID], opened_at: datetime, but: UUID) -> History:
        over = _words((Status.SOLVED, *OVER))
        [(tickets, open_, agents)] = self._log._fetch(
            _HISTORY, "read a customer's tickets", over, list(requesters), opened_at, but
        )
        return History(tickets, open_, frozenset(agents or ()))

    def loads(self) -> Mapping[str, int]:
        return dict(self._log._fetch(_LOADS, "read how many tickets agents have", _words(COUNTED)))

    def waits(self, now: datetime) -> Waits:
        [row] = self._log._fetch(
            "SELECT count(*) FILTER (WHERE due_at <= %b), min(due_at) FILTER (WHERE due_at <= %b),"
            " min(due_at) FILTER (WHERE due_at > %b) FROM log.policy_tickets WHERE due_at IS NOT NULL",
            "read what is due", now, now, now,
        )  # fmt: skip
        return Waits(*row)

    def position(self) -> int:
        [(position,)] = self._log._fetch("SELECT position FROM log.policy_checkpoint", "read how far policies are")
        return int(position)

    def letters(self) -> list[Letter]:
        rows = self._log._fetch(_LETTERS, "read what policies gave up")
        return [
            Letter(id_, at, version, policy, tuple(rules), error, *more)
            for id_, at, version, policy, rules, error, *more in rows
        ]

    def retry(self, tickets: Sequence[UUID], now: datetime, by: str) -> int:
        with self._transaction() as cursor:
            return cursor.execute(_RETRY, (list(tickets), now, by)).rowcount

    @contextmanager
    def _transaction(self) -> Iterator[Cursor[Any]]:
        with self._log.datastore.connection() as connection, connection.transaction():  # noqa: SIM117
            with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
                cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_STOPPED}'".encode())
                yield cursor


class _Batch:
    def __init__(self, cursor: Cursor[Any], log: PostgresLog, tickets: Sequence[Seen]) -> None:
        self._cursor, self._log, self.tickets = cursor, log, tickets

    def desk_changed(self) -> bool:
        row = self._cursor.execute("SELECT changed FROM log.policy_desk").fetchone()
        return bool(row and row[0])

    def lock_desk(self) -> bool:
        row = self._cursor.execute("SELECT changed FROM log.policy_desk FOR UPDATE").fetchone()
        return bool(row and row[0])

    def desk(self) -> tuple[Mapping[str, int], Mapping[str, int], Sequence[Waiting]]:
        run = self._cursor.execute
        loads = run(_LOADS, (_words(COUNTED),)).fetchall()
        turns = run("SELECT agent_id, position FROM log.policy_turns").fetchall()
        rows = run(f"SELECT {_COLUMNS} FROM log.policy_tickets WHERE wish IS NOT NULL ORDER BY opened_at").fetchall()
        return dict(loads), dict(turns), [seen.wish for row in rows if (seen := _seen(row)).wish is not None]

    def held(self, agents: Collection[str]) -> Sequence[Held]:
        rows = self._cursor.execute(
            f"SELECT {_COLUMNS} FROM log.policy_tickets WHERE agent_id = ANY (%b) AND status <> ALL (%b::text[])",
            (list(agents), _words((Status.SOLVED, *OVER))),
        ).fetchall()
        return [
            Held(one.ticket_id, one.agent_id, one.status, one.priority, one.opened_at, pending_too=True)
            for one in map(_seen, rows)
            if one.agent_id and one.status and one.opened_at
        ]

    def finish(self, done: Sequence[Done], wake: Sequence[UUID], now: datetime) -> list[Outcome | None]:
        many, run = self._cursor.executemany, self._cursor.execute
        before = {one.ticket_id: one for one in self.tickets}
        many(_KEEP, [_kept(one) for one in done])
        many(_BURY, [_buried(one.letter) for one in done if one.letter])
        healed = [one.seen.ticket_id for one in done if not one.letter]
        run("DELETE FROM log.policy_dead_letters WHERE ticket_id = ANY (%b)", (healed,))
        if wake:
            run(_WAKE, (now, list(wake)))
        found: list[Outcome | None] = [None for _ in done]
        numbers = [number for number, one in enumerate(done) if one.append is not None]
        if numbers:  # last, since it locks the log
            appends = [append for one in done if (append := one.append) is not None]
            outcomes = self._log.append_within(self._cursor.connection, appends)
            for number, result in zip(numbers, outcomes, strict=True):
                found[number] = result
        turns: list[tuple[str, int]] = []
        again: list[tuple[int, datetime, UUID]] = []
        for one, outcome in zip(done, found, strict=True):
            seen, old = one.seen, before[one.seen.ticket_id]
            if outcome is not None and not isinstance(outcome, Appended):
                again.append((old.version, now, seen.ticket_id))
            elif seen.agent_id is not None and seen.agent_id != old.agent_id:
                turns.append((seen.agent_id, one.position if outcome is None else outcome.position or one.position))
        many("UPDATE log.policy_tickets SET seen = %b, due_at = %b WHERE ticket_id = %b", again)
        many(_TURN, turns)
        return found

    def rest(self, until: datetime | None) -> None:
        if until is not None:
            self._cursor.execute(_AT_RETURN, (until,))
        self._cursor.execute("UPDATE log.policy_desk SET changed = false WHERE changed")


def _word(value: StrEnum | None) -> str | None:
    return None if value is None else value.value


def _words(values: Iterable[StrEnum]) -> list[str]:
    return [value.value for value in values]


def _kept(done: Done) -> tuple[Any, ...]:
    seen = done.seen
    wish = None if seen.wish is None else Json(_written(seen.wish))
    return (
        seen.version, done.due_at, *map(_word, (seen.status, seen.priority)), seen.agent_id, seen.requester_id, seen.opened_at, wish,
        seen.ticket_id,
    )  # fmt: skip


def _buried(letter: Letter) -> tuple[Any, ...]:
    return (*letter[:4], list(letter.rules), letter.error, letter.failed_at)


def _written(wish: Waiting) -> dict[str, Any]:
    """Return what of a wish is not in the row's other columns."""
    names = ("team", "skills", "language", "method", "avoid")
    return {name: getattr(wish, name) for name in names} | {"opened_at": wish.opened_at.isoformat()}


def _seen(row: tuple[Any, ...]) -> Seen:
    id_, version, status, priority, agent, requester, opened_at, wish = row
    rank = None if priority is None else Priority(priority)
    waits = None
    if wish is not None:
        values = {**wish, "skills": tuple(wish["skills"]), "opened_at": datetime.fromisoformat(wish["opened_at"])}
        waits = Waiting(ticket_id=id_, priority=rank, **values)
    return Seen(id_, version, None if status is None else Status(status), rank, agent, requester, opened_at, waits)
