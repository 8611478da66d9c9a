"""Making the read models' tables, and knowing which generation of each is live."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version as release_of
from importlib.resources import files
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projections.base import Model
from projections.history import HISTORY
from projections.intake import INTAKE
from projections.performance import PERFORMANCE
from projections.queues import QUEUES
from ticketcore.errors import NotFound, StoreUnavailable

__all__ = ["KEEPALIVE", "KEPT_ALIVE", "MODELS", "NOT_AS_MADE", "REBUILD_LOCK", "RELEASE", "SERVER_LOST", "Connection", "Generation", "OtherVersion", "connect", "create", "digest_of", "generations", "install", "installed", "live", "model_named", "rebuilds_due"]  # fmt: skip

MODELS: tuple[Model, ...] = (QUEUES, HISTORY, PERFORMANCE, INTAKE)
META = {"models": "meta.sql", "dropped": "meta_drops.sql", "models_generation": "meta_previous.sql"}
"""A table or index of ``read_meta`` -> the file that makes it, in order; run where it is missing. Only ever add to it."""
LOCK = "ticketcore.projections"
"""Name of the advisory lock: one embedded projector at a time in a data base."""
INSTALL_LOCK = "ticketcore.projections.install"
REBUILD_LOCK = "ticketcore.rebuild.{}"
"""Of a model: one rebuild at a time. Taken before the embedded projector's, where both are needed."""
CONNECT_TIMEOUT = 5
"""Seconds, unless the DSN says another; psycopg's own is 130: a server that dies while it greets must not cost that."""

KEEPALIVE = {"keepalives_idle": 3, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5_000}
KEPT_ALIVE = "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3 -c tcp_user_timeout=5000"
"""A machine that is lost is noticed within 6 s: by the client, as connection settings; by the server, as its options."""

RELEASE = release_of("ticketcore")

Connection = psycopg.Connection[tuple[Any, ...]]

LOCK_WAIT = 2
"""Seconds that a session which may not fall silent waits for a lock."""
SERVER_LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
)
"""What a server says that goes, is away, or is not the first one any more."""
NOT_AS_MADE = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)
"""What it says of every event alike where tables or rights are not as they were made."""


class OtherVersion(StoreUnavailable):
    """A read model's tables are of another version than this code: a rebuild replaced them, or one is due."""

    code = "other_version"
    exit_code = 11


class Generation(NamedTuple):
    """A generation of a model: ``version`` is that of the code that made it."""

    model: str
    generation: int
    version: int


def model_named(name: str) -> Model:
    """Return a model by name.

    Raises:
        NotFound: there is none of that name.
    """
    for model in MODELS:
        if model.name == name:
            return model
    raise NotFound("read model", name, f"expected one of {', '.join(m.name for m in MODELS)}")


def connect(dsn: str, silent: float | None = None) -> Connection:
    """Return a connection in autocommit mode whose times are UTC.

    Args:
        dsn: of the read models.
        silent: seconds in a transaction without a statement after which the server ends the session, as where the process
            was stopped or its machine lost; a lock is then waited for ``LOCK_WAIT`` seconds. ``None``: never, and for ever.
    Raises:
        StoreUnavailable: the server does not answer.
    """
    try:
        given: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, **conninfo_to_dict(dsn)}
        options = "-c timezone=UTC -c client_min_messages=warning"
        if silent is not None:
            given = {**KEEPALIVE, **given}
            options += f" {KEPT_ALIVE} -c lock_timeout={LOCK_WAIT}s"
            options += f" -c idle_in_transaction_session_timeout={int(silent * 1000)}"
        return psycopg.connect(make_conninfo("", **given), autocommit=True, options=options)
    except psycopg.OperationalError as error:
        raise StoreUnavailable(
            f"cannot reach the read models' data base: {error} (is the server up? see TICKETCORE_READ_DSN)"
        ) from error


def install(dsn: str, models: Sequence[Model] = MODELS) -> list[str]:
    """Make the tables that are missing and return their schemas; those of another version wait for a rebuild."""
    made_now: list[str] = []
    with connect(dsn) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [INSTALL_LOCK])
        if not _has_schema(connection, "read_meta"):
            connection.execute("CREATE SCHEMA read_meta")
            made_now.append("read_meta")
        for table, file in META.items():
            if not _has_table(connection, "read_meta", table):
                _run(connection, "read_meta", (file,))
        for model in models:
            made = connection.execute("SELECT 1 FROM read_meta.models WHERE model = %s", [model.name]).fetchone()
            if made is None:
                create(connection, model, model.name)
                connection.execute(
                    "INSERT INTO read_meta.models (model, role, generation, version, release, digest)"
                    " VALUES (%s, 'live', 1, %s, %s, %s)",
                    [model.name, model.version, RELEASE, digest_of(model)],
                )
                made_now.append(f"{model.name} {model.version}")
    return made_now


def installed(connection: Connection) -> bool:
    """Return whether every model has its tables."""
    if not all(_has_table(connection, "read_meta", table) for table in META):
        return False
    names = connection.execute("SELECT model FROM read_meta.models WHERE role = 'live'").fetchall()
    return {model.name for model in MODELS} <= {name for (name,) in names}


def create(connection: Connection, model: Model, schema: str) -> None:
    """Make a model's tables, views and functions in a new schema of the given name."""
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    _run(connection, schema, model.sql)


def generations(connection: Connection, models: Sequence[Model]) -> dict[str, Generation]:
    """Return the live generation of each model, whatever version made it.

    Raises:
        StoreUnavailable: a model has no tables.
    """
    try:
        rows = connection.execute(
            "SELECT model, generation, version, ARRAY(SELECT n FROM unnest(%s::text[]) n WHERE to_regclass('read_meta.' || n)"
            " IS NULL) FROM read_meta.models WHERE role = 'live'",
            [list(META)],
        ).fetchall()
    except psycopg.errors.UndefinedTable:
        rows = []
    if rows and (lacks := rows[0][3]):
        raise StoreUnavailable(f"the read models lack read_meta.{lacks[0]}, expected it (run `ticketcore db migrate`)")
    found = {row[0]: Generation(*row[:3]) for row in rows}
    for model in models:
        if model.name not in found:
            raise StoreUnavailable(
                f"read model {model.name!r} has no tables here: expected schema {model.name!r} (run `ticketcore db migrate`)"
            )
    return found


def live(connection: Connection, models: Sequence[Model]) -> dict[str, Generation]:
    """Return the live generation of each model, for whoever folds or compares rows.

    Raises:
        StoreUnavailable: a model has no tables.
        OtherVersion: they are of another version than the code.
    """
    found = generations(connection, models)
    for model in models:
        have = found[model.name].version
        if have != model.version:
            remedy = f"run `ticketcore rebuild {model.name}`" if have < model.version else "upgrade ticketcore here"
            raise OtherVersion(
                f"read model {model.name!r} has tables of version {have}, expected {model.version} ({remedy})"
            )
    return found


def digest_of(model: Model) -> str:
    """Return the SHA-256 of a model's SQL files, as hexadecimal digits."""
    return sha256("\0".join(map(_text, model.sql)).encode()).hexdigest()


def rebuilds_due(connection: Connection, models: Sequence[Model] = MODELS) -> list[str]:
    """Return the models whose live tables or views another version of the fold or other SQL made, or which are new here.

    A new one stands empty beside others that have read the log: a projector fills it too, event by event.
    """
    rows = connection.execute(
        "SELECT m.model, m.version, m.digest, coalesce(sum(c.position), 0)::bigint FROM read_meta.models m"
        " LEFT JOIN read_meta.checkpoints c USING (model, generation) WHERE m.role = 'live' GROUP BY 1, 2, 3"
    ).fetchall()
    made = {name: (version, digest) for name, version, digest, _ in rows}
    read = {name for name, _, _, position in rows if position}
    return [
        model.name
        for model in models
        if made.get(model.name) != (model.version, digest_of(model)) or (read and model.name not in read)
    ]


def _has_schema(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name]).fetchone() is not None


def _has_table(connection: Connection, schema: str, table: str) -> bool:
    query = "SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relname = %s"
    return connection.execute(query, [schema, table]).fetchone() is not None


def _run(connection: Connection, schema: str, names: Sequence[str]) -> None:
    """Run SQL files in *schema*, inside the caller's transaction."""
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
        for name in names:
            connection.execute(_text(name).encode())
        connection.execute("SET LOCAL search_path TO DEFAULT")


def _text(name: str) -> str:
    return files("projections").joinpath("sql", name).read_text(encoding="utf-8")
