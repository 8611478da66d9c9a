"""What stands before the first command: where the stores are, their migrations, their keys."""

from __future__ import annotations

from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import sql

from ticketcore.embedded import EmbeddedPostgres
from ticketcore.errors import ConfigurationError, KeyMissing, StoreUnavailable
from ticketcore.sealing.keyring import Keyring
from ticketcore.sealing.rotation import retire, rotate
from ticketcore.settings import Settings
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.migrate import migrate, pending
from ticketcore.store.postgres import PostgresLog

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Work", "create_keys", "grant", "key_status", "migrate_all", "pending_all", "read_models_entry", "resolve",
    "retire_key", "rotate_keys", "scrub_keys",
]  # fmt: skip

SQL = Path(__file__).parent / "store" / "sql"
Work = Literal["service", "analyst", "relay", "projector"]
"""What a PostgreSQL role is for."""


def resolve(settings: Settings, *, start: bool = True) -> Settings:
    """Return *settings* with every DSN and the key file named; the embedded server is started where it is meant.

    Raises:
        EmbeddedUnavailable: it can't start.
    """
    changes: dict[str, Any] = {}
    dsn = settings.dsn
    if dsn is None:
        server = EmbeddedPostgres(settings.home)
        dsn = server.start() if start else server.dsn()
        if settings.key_file is None:
            changes["key_file"] = settings.home / "keys.json"
    changes |= {"dsn": dsn, "keys_dsn": settings.keys_dsn or dsn, "read_dsn": settings.read_dsn or dsn}
    return settings.model_copy(update=changes)


def migrate_all(settings: Settings) -> list[str]:
    """Bring log, keys and read models up to date and name the log; return what was applied, ``component/number name``.

    Raises:
        StoreUnavailable: a data base can't be reached, or a newer library migrated it.
        ConfigurationError: the log has another name.
    """
    done = [f"log/{name}" for name in migrate(_dsn(settings.dsn), "log", SQL / "log")]
    PostgresLog(_dsn(settings.dsn), name=settings.log_name).close()  # names the log: a worker's role may not
    done += [f"keys/{name}" for name in migrate(_dsn(settings.keys_dsn), "keys", SQL / "keys")]
    done += [f"read/{name}" for name in read_models_entry("install")(settings)]
    return done


def pending_all(settings: Settings) -> list[str]:
    """Return the migrations of log and keys that are missing."""
    missing = [f"log/{name}" for name in pending(_dsn(settings.dsn), "log", SQL / "log")]
    return missing + [f"keys/{name}" for name in pending(_dsn(settings.keys_dsn), "keys", SQL / "keys")]


def read_models_entry(name: str) -> Callable[..., Any]:
    """Return what the entry point *name* of the group ``ticketcore.read_models`` gives.

    Raises:
        ConfigurationError: no such entry point is installed.
    """
    found = entry_points(group="ticketcore.read_models", name=name)
    for point in found:
        loaded: Callable[..., Any] = point.load()
        return loaded
    raise ConfigurationError(
        f"no entry point {name!r} in the group 'ticketcore.read_models' (install ticketcore with pip, not by its path)"
    )


def grant(settings: Settings, role: str, *, work: Work = "service") -> None:
    """Let a PostgreSQL *role* do its work and nothing else. Nobody's work changes the log or removes from it.

    Args:
        settings: every store named; their owner's.
        role: exists already.
        work: ``service``: append to the log, follow its policies, use the keys, read the models. ``analyst``: read the models alone; what is
            personal in them is sealed. ``relay``: read the log and say how far its topics are. ``projector``: read the
            log; the read models should be the role's own (``read_dsn`` of the migration), since a rebuild makes schemas.
    Raises:
        StoreUnavailable: there is no such role.
    """
    log, read = _dsn(settings.dsn), _dsn(settings.read_dsn)
    granted: dict[Work, list[tuple[str, tuple[str, ...]]]] = {
        "service": [(read, _GRANT_READ), (log, _GRANT_LOG), (_dsn(settings.keys_dsn), _GRANT_KEYS)],
        "analyst": [(read, _GRANT_READ)],
        "relay": [(log, (*_GRANT_TAIL, "GRANT INSERT, UPDATE ON log.relays TO {}"))],
        "projector": [(log, _GRANT_TAIL)],
    }
    for dsn, statements in granted[work]:
        try:
            with psycopg.connect(dsn) as connection:
                for statement in statements:
                    connection.execute(sql.SQL(statement).format(sql.Identifier(role)))
        except psycopg.errors.UndefinedObject as error:
            raise StoreUnavailable(f"cannot grant to {role!r}: {error} (create the role first)") from error


_GRANT_LOG = (
    "GRANT USAGE ON SCHEMA log TO {}",
    "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA log TO {}",
    "GRANT DELETE ON log.claims TO {}",
    "GRANT UPDATE ON log.policy_checkpoint, log.policy_desk, log.policy_turns TO {}",
    "GRANT UPDATE, DELETE ON log.policy_tickets, log.policy_dead_letters TO {}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA log TO {}",
)
_GRANT_TAIL = (
    "GRANT USAGE ON SCHEMA log TO {}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA log TO {}",
)
_GRANT_KEYS = (
    "GRANT USAGE ON SCHEMA keys TO {}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA keys TO {}",
)
_READ_SCHEMAS = "read_meta, queues, history, performance, intake"
_GRANT_READ = (
    f"GRANT USAGE ON SCHEMA {_READ_SCHEMAS} TO {{}}",
    f"GRANT SELECT ON ALL TABLES IN SCHEMA {_READ_SCHEMAS} TO {{}}",
    # A rebuild makes new schemas: what their owner makes later is readable too.
    "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {}",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {}",
)


def create_keys(settings: Settings) -> Path:
    """Make a key file with one active key-encryption key and return its path.

    Raises:
        KeyMissing: there is one already, or the settings name none.
    """
    path = settings.key_file or (settings.home / "keys.json" if settings.dsn is None else None)
    if path is None:
        raise KeyMissing("no key file is named: expected TICKETCORE_KEY_FILE (set it to where the file shall be)")
    path.parent.mkdir(parents=True, exist_ok=True)
    Keyring.create(path)
    return path


def key_status(settings: Settings) -> tuple[dict[str, int], str]:
    """Return how many keys are wrapped by which key-encryption key, and the active one's id."""
    with closing(_keys(settings)) as store:
        return store.key_ids(), Keyring.load(settings).active


def rotate_keys(settings: Settings, progress: Callable[[int], None] | None = None) -> tuple[str, int]:
    """Add an active key-encryption key and wrap everything by it; return its id and how many keys were wrapped."""
    with closing(_keys(settings)) as store:
        return rotate(Keyring.load(settings), store, progress=progress)


def retire_key(settings: Settings, key_id: str) -> None:
    """Remove a key-encryption key that wraps nothing any more."""
    with closing(_keys(settings)) as store:
        retire(Keyring.load(settings), store, key_id)


def scrub_keys(settings: Settings) -> bool:
    """Rewrite the key tables' files without what was destroyed; return whether the old files are gone already.

    Every reader and writer of keys waits meanwhile: about a second per million keys.

    Raises:
        StoreUnavailable: the data base can't be reached, or its role does not own the key tables.
    """
    with closing(_keys(settings)) as store:
        return store.scrub()


def _keys(settings: Settings) -> PostgresKeyStore:
    return PostgresKeyStore(_dsn(settings.keys_dsn))


def _dsn(dsn: str | None) -> str:
    if dsn is None:
        raise ConfigurationError("no data base is named: expected TICKETCORE_DSN, or settings passed through resolve()")
    return dsn
