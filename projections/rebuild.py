"""Rebuilding a read model beside the live one, and swapping the two: readers see the old tables, then the new ones.

The new tables grow in the schema ``<model>_next`` with a checkpoint of their own, so a rebuild that was killed goes on
where it was. The old ones stay as ``<model>_prev`` until the next rebuild, for queries that still run on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import psycopg
import structlog
from psycopg import sql

from projections.base import Model
from projections.feed import Decode, Log
from projections.projector import Checkpoint, Projector
from projections.runner import locked, read_batch
from projections.schema import Connection, connect, create, install
from ticketcore.collector import no_collection
from ticketcore.errors import EpochMismatch, StoreUnavailable

__all__ = ["Rebuilt", "rebuild"]

_BATCH = 5_000
_SWAP_PATIENCE = 600.0
"""Seconds that the swap waits for queries on the old tables; live projection goes on meanwhile."""
_SWAP_PAUSE = 0.2
"""Seconds between two attempts, for the projectors of the live tables."""

logger = structlog.get_logger(__name__)


class Rebuilt(NamedTuple):
    """What a rebuild did. ``resumed_at``: the position at which it took up a killed one, 0 for a fresh start."""

    model: str
    generation: int
    position: int
    resumed_at: int


def rebuild(
    dsn: str,
    log: Log,
    decode: Decode,
    model: Model,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Rebuilt:
    """Build *model* anew from the log and put it in the live one's place.

    Args:
        dsn: of the read models.
        log: the log.
        decode: record -> event.
        model: the read model.
        progress: called after each batch with (position reached, position of the log's end).
    Raises:
        StoreUnavailable: a query held the old tables for more than ten minutes.
    """
    install(dsn)
    with connect(dsn) as connection, locked(connection, f"ticketcore.rebuild.{model.name}"):
        projector = Projector(model, f"{model.name}_next")
        at = _begin(connection, projector, log)
        resumed_at = at.position
        while at.position < (head := log.head()):
            with no_collection(head - at.position):
                at = projector.apply(connection, read_batch(log, decode, at.position, _BATCH), at)
            if progress is not None:
                progress(at.position, head)
        deadline = time.monotonic() + _SWAP_PATIENCE
        while True:
            with locked(connection):  # no projector of the log runs meanwhile: this is short
                while at.position < log.head():
                    at = projector.apply(connection, read_batch(log, decode, at.position, _BATCH), at)
                refused = _swap(connection, model, at)
            if refused is None:
                return Rebuilt(model.name, at.generation, at.position, resumed_at)
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"cannot swap read model {model.name!r}: queries held its tables for {_SWAP_PATIENCE:g} s"
                    " (end them, see pg_stat_activity, and run the rebuild again: it goes on where it is)"
                ) from refused
            time.sleep(_SWAP_PAUSE)


def _begin(connection: Connection, projector: Projector, log: Log) -> Checkpoint:
    """Take up a rebuild that was killed, or start one."""
    model, epoch = projector.model, log.epoch()
    roles = {
        role: (generation, version)
        for role, generation, version in connection.execute(
            "SELECT role, generation, version FROM read_meta.models WHERE model = %s", [model.name]
        )
    }
    generation = roles["live"][0] + 1
    if roles.get("next") == (generation, model.version):
        try:
            at = projector.checkpoint(connection, generation, log.name, epoch)
        except EpochMismatch:
            logger.warning("rebuild.restarted", model=model.name, reason="the log has another epoch")
        else:
            if at.position <= log.head():
                return at
    with connection.transaction():
        for suffix in ("next", "prev"):
            name = sql.Identifier(f"{model.name}_{suffix}")
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
        create(connection, model, f"{model.name}_next")
        for table in ("checkpoints", "dead_letters"):
            connection.execute(
                sql.SQL("DELETE FROM read_meta.{} WHERE model = %s AND generation = %s").format(sql.Identifier(table)),
                [model.name, generation],
            )
        connection.execute(
            "INSERT INTO read_meta.models (model, role, generation, version) VALUES (%s, 'next', %s, %s)"
            " ON CONFLICT (model, role) DO UPDATE SET generation = EXCLUDED.generation, version = EXCLUDED.version",
            [model.name, generation, model.version],
        )
    return projector.checkpoint(connection, generation, log.name, epoch)


def _swap(connection: Connection, model: Model, at: Checkpoint) -> psycopg.Error | None:
    """Rename the schemas in one transaction; return what refused it where a query is between two of the old tables.

    The lock waits less than the server's deadlock check (1 s), so a reader is delayed and never refused.
    """
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '400ms'")
            _replace(connection, model, at)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        logger.info("rebuild.swap_waits", model=model.name, reason=str(error).strip())
        return error
    return None


def _replace(connection: Connection, model: Model, at: Checkpoint) -> None:
    name = model.name
    live, following, previous = (sql.Identifier(n) for n in (name, f"{name}_next", f"{name}_prev"))
    behind = connection.execute(
        "SELECT position FROM read_meta.checkpoints WHERE model = %s AND generation < %s AND log = %s AND epoch = %s"
        " FOR UPDATE",
        [name, at.generation, at.log, at.epoch],
    ).fetchall()
    if any(position > at.position for (position,) in behind):
        raise psycopg.errors.LockNotAvailable(f"the live tables are past position {at.position}")
    tables = sql.SQL(", ").join(sql.Identifier(name, table.name) for table in model.tables)
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))
    connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(live, previous))
    connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(following, live))
    connection.execute("DELETE FROM read_meta.models WHERE model = %s AND role = 'live'", [name])
    connection.execute("UPDATE read_meta.models SET role = 'live' WHERE model = %s AND role = 'next'", [name])
    for table in ("checkpoints", "dead_letters"):
        connection.execute(
            sql.SQL("DELETE FROM read_meta.{} WHERE model = %s AND generation < %s").format(sql.Identifier(table)),
            [name, at.generation],
        )
