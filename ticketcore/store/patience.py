"""Trying again while a server is away, for a bounded time."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from ticketcore.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import DictRow

    from ticketcore.store.datastore import Datastore

__all__ = ["cause_of", "patiently", "persist"]

T = TypeVar("T")
_TRANSIENT = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction)
_NEVER = (errors.InsufficientPrivilege, errors.InvalidPassword, errors.InvalidCatalogName)


def patiently(datastore: Datastore, patience: float, work: Callable[[Connection[DictRow]], T], what: str) -> T:
    """Return ``work(connection)``; where the server was lost, again on another connection, for *patience* seconds.

    *work* must bear being repeated: its first run may have been committed.

    Raises:
        StoreUnavailable: the server did not come back in time.
    """

    def once() -> T:
        connection = datastore.take()
        try:
            return work(connection)
        finally:
            datastore.give(connection)

    def unavailable(error: Exception) -> StoreUnavailable:
        return StoreUnavailable(
            f"cannot {what}: data base {datastore.dbname!r} did not answer for {patience:g} s:"
            f" {cause_of(error, datastore.dsn)} (start the server or mend the DSN; repeating the same command id"
            " records nothing twice)"
        )

    # What broke goes; new connections are made for it.
    return persist(once, patience, unavailable, datastore.pool.check)


def persist(
    work: Callable[[], T], patience: float, unavailable: Callable[[Exception], StoreUnavailable],
    recover: Callable[[], object],
) -> T:  # fmt: skip
    """Return ``work()``; where the server was lost, again after a pause and *recover*, for *patience* seconds.

    Raises:
        StoreUnavailable: the server did not come back in time; *unavailable* makes it of the last error, or of the full
            disk that came before it: without space for its own log (WAL) the server ends.
    """
    deadline = time.monotonic() + patience
    pause = 0.01
    full: Exception | None = None
    while True:
        try:
            return work()
        except _TRANSIENT as error:
            if isinstance(error, _NEVER):
                raise
            full = error if isinstance(error, errors.DiskFull) else full
            if time.monotonic() + pause > deadline:
                raise unavailable(full or error) from error
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter
        pause = min(2 * pause, 1.0)
        with suppress(psycopg.Error):
            recover()


def cause_of(error: Exception, dsn: str) -> str:
    """Return in one line why the server of *dsn* did not answer."""
    if isinstance(error, PoolTimeout):  # says only that it waited
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
        except psycopg.Error as reason:
            error = reason
    cause = " ".join(str(error).split())
    if isinstance(error, errors.DiskFull):
        return f"its disk is full: {cause} (free or add space; where the server ended, start it then)"
    return cause
