"""Numbered plain-SQL migrations: applied in order, each once, each in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ticketcore.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["OLDEST_SERVER", "Migration", "check_migrated", "check_server", "migrate", "migrations_in", "pending"]

OLDEST_SERVER = 14
"""The oldest major version of PostgreSQL that the stores work on."""

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK = 0x7469_636B_6574_0001  # "ticket" and 1: all components of a data base take turns
_TABLE = """
CREATE TABLE IF NOT EXISTS ticketcore_migrations (
    component text NOT NULL,
    number int NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (component, number)
)
"""


class Migration(NamedTuple):
    """One file ``NNNN_name.sql``. ``sha256``: of its bytes, in hex."""

    number: int
    name: str
    sql: bytes
    sha256: str

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"


def migrations_in(folder: Path) -> list[Migration]:
    """Return the migrations of *folder* in order; files of other shapes are not looked at.

    Raises:
        ConfigurationError: the folder has none, or their numbers are not 1, 2, 3, ...
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise ConfigurationError(f"migration file {path.name!r} is misnamed: expected NNNN_name.sql (rename it)")
        content = path.read_bytes()
        found.append(Migration(int(match[1]), match[2], content, hashlib.sha256(content).hexdigest()))
    got = [migration.number for migration in found]
    if not found or got != list(range(1, len(found) + 1)):
        raise ConfigurationError(
            f"the migrations in folder {folder.name!r} are numbered {got}, expected 1, 2, 3, ... without gap or double"
            " (install ticketcore again, or rename the newest file)"
        )
    return found


def migrate(dsn: str, component: str, folder: Path, *, lock_timeout: float = 10.0) -> list[str]:
    """Apply what is missing and return it (``0001_name``, in order); repeating it applies nothing.

    Several processes may do so at once: one works, the others wait for it.

    Args:
        dsn: of the data base; the user becomes the owner of what is made.
        component: names the schema that the files make: ``log``, ``keys``, ...
        folder: holds the files.
        lock_timeout: seconds that a statement waits for a table that others use.
    Raises:
        StoreUnavailable: the server is away or older than :data:`OLDEST_SERVER`; a lock was not given in time; the
            data base holds newer or other migrations than *folder*.
    """
    wanted = migrations_in(folder)
    done = []
    with _connect(dsn) as connection:
        check_server(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        try:
            connection.execute("SET client_min_messages = warning")
            connection.execute(_TABLE)
            connection.execute("GRANT SELECT ON ticketcore_migrations TO PUBLIC")  # services look before they open
            for migration in _missing(component, wanted, _applied(connection, component)):
                _apply(connection, component, migration, lock_timeout)
                done.append(str(migration))
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return done


def pending(dsn: str, component: str, folder: Path) -> list[str]:
    """Return what :func:`migrate` would apply; changes nothing. Raises as it does."""
    with _connect(dsn) as connection:
        check_server(connection)
        return [str(m) for m in _missing(component, migrations_in(folder), _applied(connection, component))]


def check_migrated(connection: psycopg.Connection[Any], component: str, folder: Path) -> None:
    """Raise :class:`StoreUnavailable` where the data base is not exactly at the newest migration of *folder*."""
    check_server(connection)
    missing = _missing(component, migrations_in(folder), _applied(connection, component))
    if missing:
        raise StoreUnavailable(
            f"data base {connection.info.dbname!r} lacks {len(missing)} migration(s) of {component!r}, the first"
            f" '{missing[0]}', expected none missing (run `ticketcore db migrate`)"
        )


def check_server(connection: psycopg.Connection[Any]) -> None:
    """Raise :class:`StoreUnavailable` where the server is older than :data:`OLDEST_SERVER`."""
    version = connection.info.server_version
    if version < OLDEST_SERVER * 10_000:
        raise StoreUnavailable(
            f"the server of data base {connection.info.dbname!r} is PostgreSQL {version // 10_000}.{version % 10_000},"
            f" expected PostgreSQL {OLDEST_SERVER} or newer (upgrade the server, or name another in the DSN)"
        )


def _connect(dsn: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise StoreUnavailable(
            f"cannot reach the data base to migrate it: {' '.join(str(error).split())} (is the server up, is the DSN right?)"
        ) from error


def _applied(connection: psycopg.Connection[Any], component: str) -> dict[int, tuple[str, str]]:
    """Return number -> (name, sha256) of what the data base holds."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        if cursor.execute("SELECT to_regclass('ticketcore_migrations')").fetchone() == (None,):
            return {}
        rows = cursor.execute(
            "SELECT number, name, sha256 FROM ticketcore_migrations WHERE component = %s ORDER BY number", (component,)
        ).fetchall()
    return {number: (name, digest) for number, name, digest in rows}


def _missing(component: str, wanted: list[Migration], applied: Mapping[int, tuple[str, str]]) -> list[Migration]:
    newest = max(applied, default=0)
    if newest > len(wanted):
        raise StoreUnavailable(
            f"the data base has migration {newest} ('{applied[newest][0]}') of {component!r}, this library knows"
            f" {len(wanted)}, expected no newer one (upgrade ticketcore here)"
        )
    gaps = [number for number in range(1, newest) if number not in applied]
    if gaps:
        raise StoreUnavailable(
            f"the data base has migration {newest} of {component!r} and lacks {gaps}, expected no gap"
            " (restore the table ticketcore_migrations from a backup)"
        )
    for migration in wanted[:newest]:
        name, digest = applied[migration.number]
        if digest != migration.sha256:
            raise StoreUnavailable(
                f"migration {migration} of {component!r} was changed after it was applied as '{name}': its SHA-256 is"
                f" {migration.sha256[:12]}..., expected {digest[:12]}... (put the file back; write a new one instead)"
            )
    return wanted[newest:]


def _apply(connection: psycopg.Connection[Any], component: str, migration: Migration, lock_timeout: float) -> None:
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{int(lock_timeout * 1000)}ms",))
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO ticketcore_migrations (component, number, name, sha256) VALUES (%s, %s, %s, %s)",
                (component, migration.number, migration.name, migration.sha256),
            )
    except psycopg.Error as error:
        raise StoreUnavailable(
            f"migration {migration} of {component!r} failed and was rolled back: {error}"
            " (mend what it names, then run `ticketcore db migrate` again)"
        ) from error
