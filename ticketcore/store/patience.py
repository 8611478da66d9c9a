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

__all__ = ["patiently"]

T = TypeVar("T")
_TRANSIENT = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction)
_NEVER = (errors.InsufficientPrivilege, errors.InvalidPassword, errors.InvalidCatalogName)


def patiently(datastore: Datastore, patience: float, work: Callable[[Connection[DictRow]], T], what: str) -> T:
    """Return ``work(connection)``; where the server was lost, again on another connection, for *patience* seconds.

    *work* must bear being repeated: its first run may have been committed.

    Raises:
        StoreUnavailable: the server did not come back in time.
    """
    deadline = time.monotonic() + patience
    pause = 0.01
    while True:
        try:
            with datastore.connection() as connection:
                return work(connection)
        except _TRANSIENT as error:
            if isinstance(error, _NEVER):
                raise
            if time.monotonic() + pause > deadline:
                raise StoreUnavailable(
                    f"cannot {what}: data base {datastore.dbname!r} did not answer for {patience:g} s:"
                    f" {_cause(datastore, error)} (start the server or mend the DSN; repeating the same command id"
                    " records nothing twice)"
                ) from error
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter
        pause = min(2 * pause, 1.0)
        with suppress(psycopg.Error):
            datastore.pool.check()  # what broke goes; new connections are made for it


def _cause(datastore: Datastore, error: Exception) -> str:
    if isinstance(error, PoolTimeout):  # says only that it waited
        try:
            psycopg.connect(datastore.dsn, connect_timeout=2).close()
        except psycopg.Error as reason:
            error = reason
    return " ".join(str(error).split())
