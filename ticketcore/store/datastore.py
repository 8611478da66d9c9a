"""Connections to the log: eventsourcing's datastore, opened from a libpq connection string and usable after fork."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from eventsourcing.postgres import ConnectionPool, PostgresDatastore
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

from ticketcore.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Datastore"]

_DEFAULTS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "fallback_application_name": "ticketcore",
}
# Plans are cached while the tables are small; without index scans they would be slow when these have grown.
_SESSION = """
SELECT set_config('timezone', 'UTC', false), set_config('default_transaction_isolation', 'read committed', false),
    set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false),
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('lock_timeout', %s, false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
# A restore starts the server, makes the data base anew, or its table. Where it does not, sessions would live on as well.
_INCARNATION = """
SELECT pg_postmaster_start_time() AS started, (SELECT oid FROM pg_database WHERE datname = current_database()) AS base,
    (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE (nspname, relname) = ('log', 'events')) AS log
"""
_ALL: WeakSet[Datastore] = WeakSet()
_INHERITED: list[object] = []  # closing or collecting a parent's pool here would end the parent's sessions


class Datastore(PostgresDatastore):
    """A pool of connections in autocommit, session in UTC, isolation READ COMMITTED, ``synchronous_commit`` not off.

    Args:
        dsn: libpq connection string or URI; a socket's folder may be the host.
        pool_size: connections per process, from 1, opened at the first use.
        timeout: seconds to wait for a free connection, and for a lock.
    Raises:
        ConfigurationError: *dsn* is no connection string.
    """

    def __init__(self, dsn: str, *, pool_size: int = 8, timeout: float = 30.0) -> None:
        try:
            given = conninfo_to_dict(dsn)
        except Exception as error:
            raise ConfigurationError(
                f"the DSN can't be read: {error}, expected 'host=... dbname=...' or postgresql://... (see TICKETCORE_DSN)"
            ) from error
        self.dsn = dsn
        self.dbname = str(given.get("dbname", ""))
        self._size, self._timeout, self._closed = pool_size, timeout, False
        self.incarnation = 0
        self._marks: dict[str, Any] | None = None
        self._lock = Lock()
        self._connect_with = {**_DEFAULTS, **given, "row_factory": dict_row}
        super().__init__(self.dbname, "", "", "", "", schema="log", pool_size=pool_size)
        self.pool = self._new_pool()
        _ALL.add(self)

    @contextmanager
    def connection(self) -> Iterator[Connection[DictRow]]:
        """Lend a connection; errors are psycopg's own. An open transaction is rolled back on an error."""
        connection = self.take()
        try:
            with connection:
                yield connection
        finally:
            self.give(connection)

    def take(self) -> Connection[DictRow]:
        """Return a connection that is the caller's until :meth:`give`; it must then be in no transaction."""
        if self._closed:
            raise StoreUnavailable("this log was closed: expected an open one (open it again)")
        pool = self.pool
        if pool.closed:
            pool.open()
        return pool.getconn()

    def give(self, connection: Connection[DictRow]) -> None:
        """Give a connection back."""
        self.pool.putconn(connection)

    def register_type_adapters(self) -> None:
        """Do nothing: appends pass arrays, no composite type is needed."""

    def after_connect_func(self) -> Callable[[Connection[Any]], None]:
        lock_timeout = f"{int(self._timeout * 1000)}ms"

        def after_connect(connection: Connection[Any]) -> None:
            connection.autocommit = True
            connection.execute(_SESSION, (lock_timeout,))
            self._recognise(connection.execute(_INCARNATION).fetchone())

        return after_connect

    def _recognise(self, marks: dict[str, Any] | None) -> None:
        """Count a new incarnation where a new session shows another server, data base or log than the one before it.

        Every session of before has ended then: who holds a connection and sees the number it began with is safe.
        """
        with self._lock:
            if self._marks is not None and marks != self._marks:
                self.incarnation += 1
            self._marks = marks

    def close(self) -> None:
        if getattr(self, "_closed", True):
            return
        self._closed = True
        super().close()

    def after_fork(self) -> None:
        """Give this (forked) process a pool of its own."""
        _INHERITED.append(self.pool)
        self._lock = Lock()
        self.pool = self._new_pool()

    def _new_pool(self) -> ConnectionPool[Connection[DictRow]]:
        return ConnectionPool(
            connection_class=Connection[DictRow],
            kwargs=dict(self._connect_with),
            min_size=min(2, self._size),
            max_size=self._size,
            open=False,
            configure=self.after_connect_func(),
            timeout=min(self._timeout, 2.0),
            max_idle=300.0,
            reconnect_timeout=1.0,  # whoever waits asks again, so the pool need not try on its own for minutes
            name="ticketcore-log",
        )


def _after_fork_in_child() -> None:
    for datastore in list(_ALL):
        datastore.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
