"""Keys in PostgreSQL, with a DSN of their own, so that a backup of the log need not hold them.

**What destroying a key leaves behind.** A DELETE or UPDATE makes a key unreachable for every query at once. Its wrapped
bytes stay on the disk for a while: as a dead row in the table's file, in the server's own log (WAL, whose segments are
reused before they are overwritten), in a WAL archive, on replicas and in backups of the key store.
:meth:`PostgresKeyStore.scrub` rewrites the tables' files without dead rows; it reaches none of the others, nor blocks
that the file system has freed.

* What remains of a **forgotten person** is wrapped by a key-encryption key. Rotate, retire the old key and destroy its
  copies: then it is noise, wherever it lies.
* What remains of a **redacted event's key** is wrapped by the key of a person who still has one. It ends only with the
  WAL archives and backups of the key store, so keep these for a short time, and apart from the key file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from ticketcore.errors import Forgotten, StoreUnavailable
from ticketcore.store.patience import cause_of, persist
from ticketcore.store.port import WrappedKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from psycopg.rows import TupleRow

    from ticketcore.store.port import EventKey, Rewrap

__all__ = ["PostgresKeyStore"]

T = TypeVar("T")
_AT_ONCE = 10_000
_CONNECT_TIMEOUT = 5
_TABLES = ("keys.persons", "keys.event_keys", "keys.secrets")


class PostgresKeyStore:
    """Fulfils :class:`ticketcore.store.port.KeyStore`. Thread-safe; a forked child gets connections of its own.

    Every method is one transaction, and repeating it does no harm: it is done again while the server is away.

    Args:
        dsn: libpq connection string or URI; nothing is connected before the first use.
        pool_size: the most connections per process, from 1.
        timeout: seconds for which a server that is away is tried again.
    Raises:
        StoreUnavailable: (every method) the server can't be reached, or its schema is not migrated.
    """

    def __init__(self, dsn: str, *, pool_size: int = 4, timeout: float = 30.0) -> None:
        self._dsn = dsn
        self._size = pool_size
        self.timeout = timeout
        self._pools: dict[int, ConnectionPool[psycopg.Connection[TupleRow]]] = {}

    def put_persons(self, wrapped: Mapping[UUID, bytes], key_id: str) -> None:
        ids = sorted(wrapped)  # one order for all writers, so that none waits in a circle
        query = """
            INSERT INTO keys.persons (person_id, key_id, wrapped)
            SELECT id, %s, wrapped FROM unnest(%s::uuid[], %s::bytea[]) AS new (id, wrapped)
            ON CONFLICT DO NOTHING
        """
        self._run(lambda connection: connection.execute(query, (key_id, ids, [wrapped[id_] for id_ in ids])))

    def persons(self, ids: Sequence[UUID]) -> dict[UUID, bytes | None]:
        query = "SELECT person_id, wrapped FROM keys.persons WHERE person_id = ANY(%s)"
        return dict(self._run(lambda connection: connection.execute(query, (list(ids),)).fetchall()))

    def put_event_keys(self, keys: Sequence[EventKey]) -> None:
        persons = sorted({key.person_id for key in keys})
        # The lock keeps a person from being forgotten between the check and the commit.
        check = """
            SELECT person_id FROM keys.persons WHERE person_id = ANY(%s) AND wrapped IS NOT NULL
            ORDER BY person_id FOR SHARE
        """
        insert = """
            INSERT INTO keys.event_keys (originator_id, originator_version, nonce, person_id, wrapped)
            SELECT * FROM unnest(%s::uuid[], %s::int[], %s::bytea[], %s::uuid[], %s::bytea[])
            ON CONFLICT DO NOTHING
        """

        def put(connection: psycopg.Connection[TupleRow]) -> None:
            alive = {row[0] for row in connection.execute(check, (persons,))}
            for person_id in persons:
                if person_id not in alive:
                    raise Forgotten(f"person {person_id}", person_id)
            connection.execute(insert, [list(column) for column in zip(*keys, strict=True)])

        if keys:
            self._run(put)

    def event_keys(self, nonces: Sequence[tuple[UUID, int, bytes]]) -> dict[tuple[UUID, int, bytes], WrappedKey]:
        query = """
            SELECT k.originator_id, k.originator_version, k.nonce, k.person_id, k.wrapped, p.wrapped
            FROM unnest(%s::uuid[], %s::int[], %s::bytea[]) AS asked (id, version, nonce)
            JOIN keys.event_keys AS k
                ON (k.originator_id, k.originator_version, k.nonce) = (asked.id, asked.version, asked.nonce)
            JOIN keys.persons AS p ON p.person_id = k.person_id
            WHERE p.wrapped IS NOT NULL
        """

        def look_up(connection: psycopg.Connection[TupleRow]) -> dict[tuple[UUID, int, bytes], WrappedKey]:
            found = {}
            for start in range(0, len(nonces), _AT_ONCE):
                columns = [list(column) for column in zip(*nonces[start : start + _AT_ONCE], strict=True)]
                for id_, version, nonce, *key in connection.execute(query, columns):
                    found[id_, version, nonce] = WrappedKey(*key)
            return found

        return self._run(look_up) if nonces else {}

    def destroy(self, events: Sequence[tuple[UUID, int]], persons: Sequence[UUID]) -> None:
        delete = """
            DELETE FROM keys.event_keys AS k USING unnest(%s::uuid[], %s::int[]) AS gone (id, version)
            WHERE (k.originator_id, k.originator_version) = (gone.id, gone.version)
        """
        # Somebody unknown gets a tombstone too: a writer that is about to make a key finds it and stops.
        forget = """
            INSERT INTO keys.persons AS p (person_id, key_id, wrapped, destroyed_at)
            SELECT id, '', NULL, clock_timestamp() FROM unnest(%s::uuid[]) AS gone (id)
            ON CONFLICT (person_id) DO UPDATE SET wrapped = NULL, destroyed_at = excluded.destroyed_at
            WHERE p.wrapped IS NOT NULL
        """

        def gone(connection: psycopg.Connection[TupleRow]) -> None:
            connection.execute(delete, ([id_ for id_, _ in events], [version for _, version in events]))
            connection.execute(forget, (sorted(set(persons)),))

        self._run(gone)

    def secret(self, name: str, create: bytes | None = None, key_id: str | None = None) -> bytes | None:
        def get(connection: psycopg.Connection[TupleRow]) -> bytes | None:
            if create is not None:
                connection.execute(
                    "INSERT INTO keys.secrets (name, key_id, wrapped) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                    (name, key_id, create),
                )
            row = connection.execute("SELECT wrapped FROM keys.secrets WHERE name = %s", (name,)).fetchone()
            return None if row is None else bytes(row[0])

        return self._run(get)

    def rewrap(self, old_key_id: str, again: Rewrap, limit: int = 1_000) -> int:
        def batch(connection: psycopg.Connection[TupleRow]) -> int:
            left = limit
            for table, name, kind in (("keys.persons", "person_id", "uuid"), ("keys.secrets", "name", "text")):
                rows = connection.execute(
                    f"SELECT {name}, wrapped FROM {table} WHERE key_id = %s AND wrapped IS NOT NULL"
                    f" ORDER BY {name} LIMIT %s FOR UPDATE",
                    (old_key_id, left),
                ).fetchall()
                new = [(owner, *again(owner, wrapped)) for owner, wrapped in rows]
                if new:
                    connection.execute(
                        f"UPDATE {table} AS t SET key_id = new.key_id, wrapped = new.wrapped"
                        f" FROM unnest(%s::{kind}[], %s::text[], %s::bytea[]) AS new (owner, key_id, wrapped)"
                        f" WHERE t.{name} = new.owner",
                        [list(column) for column in zip(*new, strict=True)],
                    )
                left -= len(new)
            return limit - left

        return self._run(batch)

    def key_ids(self) -> dict[str, int]:
        query = """
            SELECT key_id, count(*) FROM (
                SELECT key_id FROM keys.persons WHERE wrapped IS NOT NULL UNION ALL SELECT key_id FROM keys.secrets
            ) AS used GROUP BY key_id
        """
        return dict(self._run(lambda connection: connection.execute(query).fetchall()))

    def scrub(self) -> bool:
        """Rewrite the key tables' files without dead rows, then ask for a checkpoint; see the module's notes.

        Every reader and writer of keys waits meanwhile: about a second per million keys. The tables' owner may do it.

        Returns:
            Whether the checkpoint was allowed (it needs a superuser or the role ``pg_checkpoint``); without it the
            old files go with the server's next one.
        Raises:
            StoreUnavailable: the role may not rewrite a table; the server only warns of that.
        """
        with self._connect() as connection:
            warned: list[str] = []
            connection.add_notice_handler(lambda notice: warned.append(str(notice.message_primary)))
            for table in _TABLES:
                connection.execute(f"VACUUM (FULL) {table}")
                if warned:
                    raise StoreUnavailable(
                        f"cannot scrub {table}: {warned[0]}, expected a rewrite (do it as the role that ran"
                        " `ticketcore db migrate`)"
                    )
            try:
                connection.execute("CHECKPOINT")
            except psycopg.errors.InsufficientPrivilege:
                return False
        return True

    def close(self) -> None:
        pool = self._pools.pop(os.getpid(), None)
        if pool is not None:
            pool.close()

    def _connect(self) -> psycopg.Connection[TupleRow]:
        try:
            return psycopg.connect(_bounded(self._dsn), autocommit=True)
        except psycopg.OperationalError as error:
            raise _unavailable(error) from error

    def _pool(self) -> ConnectionPool[psycopg.Connection[TupleRow]]:
        pid = os.getpid()
        pool = self._pools.get(pid)
        if pool is None:
            mine: ConnectionPool[psycopg.Connection[TupleRow]] = ConnectionPool(
                _bounded(self._dsn),
                min_size=0,
                max_size=self._size,
                timeout=min(self.timeout, 2.0),
                open=False,
                reconnect_timeout=1.0,  # whoever waits asks again: a long outage must not lead to a long pause after it
                name="ticketcore-keys",
            )
            # Parents' pools are kept, unused: collecting them here would end threads that this process has not.
            pool = self._pools.setdefault(pid, mine)
            if pool is mine:
                pool.open()
        return pool

    def _run(self, work: Callable[[psycopg.Connection[TupleRow]], T]) -> T:
        def once() -> T:
            with self._pool().connection() as connection:
                return work(connection)

        try:
            # What broke is dropped: the server went and may be back.
            return persist(once, self.timeout, self._away, lambda: self._pool().check())
        except psycopg.errors.UndefinedTable as error:
            raise StoreUnavailable(
                "the data base of the keys has no key tables, expected schema 'keys' (run `ticketcore db migrate`)"
            ) from error
        except psycopg.OperationalError as error:
            raise _unavailable(error) from error

    def _away(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"cannot reach the data base of the keys, {conninfo_to_dict(self._dsn).get('dbname', '')!r}: it did not answer"
            f" for {self.timeout:g} s: {cause_of(error, self._dsn)} (is the server up, is the DSN right?)"
        )


def _bounded(dsn: str) -> str:
    """Return *dsn* with a time limit for connecting; psycopg's own, 130 s, would stop a whole pool for that long."""
    given: dict[str, Any] = {"connect_timeout": _CONNECT_TIMEOUT, **conninfo_to_dict(dsn)}
    return make_conninfo("", **given)


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"cannot reach the data base of the keys: {error} (is the server up, is the DSN right?)")
