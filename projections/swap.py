"""The swap: in one transaction a read model's tables give way to those that were built beside them.

A worker moves its checkpoint before it writes any row, so whoever holds the live checkpoints' rows holds the live tables
still. A swap gives the replaced generation's checkpoints another number: no worker of it finds its own any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from projections.checkpoints import CHECKPOINTS, EMBEDDED, Checkpoint
from projections.neighbours import copy_rights
from projections.schema import Connection

__all__ = ["Candidate", "Held", "hold", "swap"]

_HOLD_PATIENCE = "30s"
"""For workers to finish the batch in hand."""
_STOPPED = "60s"
"""After so long without a sign of life the server ends the session of a holder that was stopped: the workers go on."""
_READERS_WAIT = "400ms"
"""Less than the server's deadlock check (1 s), so a reader between two of the tables is delayed and never refused."""


class Candidate(NamedTuple):
    """Tables that can take the live ones' place. ``role``: ``next`` or ``prev``, also the suffix of their schema."""

    model: str
    role: str
    generation: int


class Held(NamedTuple):
    """The live generation, held still. ``points``: (log, partition) -> checkpoint."""

    generation: int
    points: Mapping[tuple[str, int], Checkpoint]

    def reached(self, log: str, epoch: UUID) -> int:
        """Return the highest position of *log* that any partition holds."""
        of_log = (point for (name, _), point in self.points.items() if name == log)
        return max((point.position for point in of_log if point.epoch == epoch), default=0)


def hold(connection: Connection, model: str) -> Held:
    """Hold the live tables still until the transaction ends; readers notice nothing, workers wait.

    Raises:
        psycopg.errors.LockNotAvailable: a worker did not finish its batch in time.
    """
    connection.execute(f"SET LOCAL lock_timeout = '{_HOLD_PATIENCE}'")
    connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_STOPPED}'")
    [(generation,)] = connection.execute(
        "SELECT generation FROM read_meta.models WHERE model = %s AND role = 'live' FOR UPDATE", [model]
    ).fetchall()
    rows = connection.execute(
        f"{CHECKPOINTS} WHERE model = %s AND generation = %s ORDER BY log, partition FOR UPDATE".encode(),
        [model, generation],
    ).fetchall()
    return Held(generation, {(at.log, at.partition): at for at in map(Checkpoint._make, rows)})


def swap(connection: Connection, candidate: Candidate, held: Held, built: Mapping[str, Checkpoint]) -> int:
    """Put a candidate in the live tables' place, inside the caller's transaction, and return its new generation.

    It is fed from now on as the live ones were: by the log, or by the same partitions of the same topics. Whoever may read
    or write those may do so to it.

    Args:
        connection: that called :func:`hold` in this transaction.
        candidate: at or past every live checkpoint.
        held: what it returned.
        built: log -> how far the candidate is.
    Raises:
        psycopg.errors.LockNotAvailable: a transaction reads the live tables; try again.
    """
    name = candidate.model
    copy_rights(connection, name, f"{name}_{candidate.role}")
    _lock_readers_out(connection, name)
    away = f"{name}_swap"
    for old, new in ((name, away), (f"{name}_{candidate.role}", name), (away, f"{name}_prev")):
        connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new)))
    generation = held.generation + 1
    _keep_checkpoints(connection, name, held.generation)
    _feed(connection, candidate, generation, held, built)
    for old_number, new_number in ((held.generation, -held.generation), (candidate.generation, generation)):
        connection.execute(
            "UPDATE read_meta.dead_letters SET generation = %s WHERE model = %s AND generation = %s",
            [new_number, name, old_number],
        )
    [made] = connection.execute(
        "DELETE FROM read_meta.models WHERE model = %s AND role = %s RETURNING version, release, digest",
        [name, candidate.role],
    ).fetchall()
    connection.execute(
        "UPDATE read_meta.models SET role = 'prev', generation = -generation WHERE model = %s AND role = 'live'", [name]
    )
    connection.execute(
        "INSERT INTO read_meta.models (model, role, generation, version, release, digest)"
        " VALUES (%s, 'live', %s, %s, %s, %s)",
        [name, generation, *made],
    )
    return generation


def _lock_readers_out(connection: Connection, schema: str) -> None:
    """Lock tables and views alike: a statement that names two of them finds both in the old schema, or both in the new."""
    connection.execute(f"SET LOCAL lock_timeout = '{_READERS_WAIT}'")
    names = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'v') ORDER BY 1",
        [sql.Identifier(schema).as_string(connection)],
    ).fetchall()
    relations = sql.SQL(", ").join(sql.Identifier(schema, relation) for (relation,) in names)
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(relations))


def _keep_checkpoints(connection: Connection, model: str, generation: int) -> None:
    """Keep the replaced tables' place, one for each log: at its lowest, since a row passes over what it holds already."""
    connection.execute(
        "WITH gone AS (DELETE FROM read_meta.checkpoints WHERE model = %s AND generation = %s RETURNING *)"
        " INSERT INTO read_meta.checkpoints (model, generation, log, partition, position, epoch)"
        " SELECT model, -generation, log, %s, min(position), min(epoch::text)::uuid FROM gone"
        " GROUP BY model, generation, log",
        [model, generation, EMBEDDED],
    )


def _feed(
    connection: Connection, candidate: Candidate, generation: int, held: Held, built: Mapping[str, Checkpoint]
) -> None:
    """Give the candidate the checkpoints that the live tables had, at its own positions.

    The live offset may lie below the position: a worker passes over what it holds, and notices what is missing.
    """
    connection.execute(
        "DELETE FROM read_meta.checkpoints WHERE model = %s AND generation = %s",
        [candidate.model, candidate.generation],
    )
    rows = []
    for log, at in built.items():
        points = [point for point in held.points.values() if point.log == log] or [at]
        for point in points:
            offset = point.offset if point.epoch == at.epoch else None
            rows.append([candidate.model, generation, log, point.partition, offset, at.position, at.epoch])
    with connection.cursor() as cursor:
        cursor.executemany(
            'INSERT INTO read_meta.checkpoints (model, generation, log, partition, "offset", position, epoch)'
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            rows,
        )
