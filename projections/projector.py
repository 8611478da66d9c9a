"""One model's step: a batch of records becomes rows and a moved checkpoint, in one transaction.

Fed by the log (runner, rebuild) or by a topic's partition; both call :meth:`Projector.apply` with what they read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from projections.base import Model
from projections.folding import Folded, Item, Parked, aggregates, cause_of, concerned, fold
from projections.observing import UNWATCHED, Batch, Observer
from projections.schema import NOT_AS_MADE, SERVER_LOST, Connection
from projections.tables import Tables
from ticketcore.errors import EpochMismatch, StoreUnavailable, TicketCoreError

__all__ = ["CHECKPOINTS", "EMBEDDED", "Checkpoint", "CheckpointMoved", "FedByPartitions", "Projector", "check_epoch"]

EMBEDDED = -1
"""The "partition" of a projector that reads the log itself."""


class CheckpointMoved(TicketCoreError):
    """Another worker moved the checkpoint, or a rebuild replaced the tables: this worker must stop."""

    code = "checkpoint_moved"
    exit_code = 8


class FedByPartitions(TicketCoreError):
    """Workers feed these tables from a topic; nobody may feed them from the log at the same time."""

    code = "fed_by_partitions"
    exit_code = 3


class Checkpoint(NamedTuple):
    """Up to where a generation of a model holds a partition of a log."""

    generation: int
    log: str
    partition: int
    offset: int | None
    position: int
    epoch: UUID


CHECKPOINTS = 'SELECT generation, log, partition, "offset", position, epoch FROM read_meta.checkpoints'
"""Gives the rows that :class:`Checkpoint` is made of."""


def check_epoch(model: str, at: Checkpoint, epoch: UUID) -> None:
    """Raise :class:`EpochMismatch` where a checkpoint of *model* is of another epoch than its log's, *epoch*."""
    if at.epoch != epoch:
        raise EpochMismatch(
            f"read model {model!r} stands at position {at.position} of epoch {at.epoch} of log {at.log!r}, expected epoch {epoch}:"
            " the log was restored or replaced (run `ticketcore recover`)"
        )


class Projector:
    """Writes one model's tables in one schema; not thread-safe.

    Args:
        model: the read model.
        schema: where its tables are: the model's name for the live ones.
        observer: is told of every batch that was committed.
    """

    def __init__(self, model: Model, schema: str | None = None, observer: Observer = UNWATCHED) -> None:
        self.model, self.observer = model, observer
        self.tables = Tables(model, schema or model.name)

    def checkpoint(
        self, connection: Connection, generation: int, log: str, epoch: UUID, partition: int = EMBEDDED
    ) -> Checkpoint:
        """Return where to go on, making the checkpoint where there is none.

        Raises:
            EpochMismatch: the checkpoint belongs to another epoch of the log.
            FedByPartitions: the log itself is asked for, and workers feed the model from a topic.
            CheckpointMoved: a partition is asked for, and the model was handed back to the log; or a rebuild replaced it.
        """
        key = [self.model.name, generation, log, partition]
        row = connection.execute(
            f"{CHECKPOINTS} WHERE model = %s AND generation = %s AND log = %s AND partition = %s".encode(), key
        ).fetchone()
        if row is None and partition == EMBEDDED:
            self._refuse_two_feeds(connection, key[:3])
        if row is None or (row[4] == 0 and row[5] != epoch):
            made = self._make(connection, key, epoch) if row is None else self._renew(connection, key, epoch)
            if made != 1:
                raise CheckpointMoved(
                    f"cannot make a checkpoint of read model {self.model.name!r} (generation {generation}, log {log!r}, partition"
                    f" {partition}): expected none yet, no other feed and tables of that generation, but another worker made one,"
                    " `ticketcore kafka hand-back` gave the model back to the log, or a rebuild replaced the tables (start this"
                    " worker anew to take what is there now)"
                )
            return Checkpoint(generation, log, partition, None, 0, epoch)
        found = Checkpoint(*row)
        check_epoch(self.model.name, found, epoch)
        return found

    def _make(self, connection: Connection, key: Sequence[object], epoch: UUID) -> int:
        model, generation, log, partition = key
        return connection.execute(
            "INSERT INTO read_meta.checkpoints (model, generation, log, partition, position, epoch)"
            " SELECT model, generation, %s, %s, 0, %s FROM read_meta.models m WHERE model = %s AND generation = %s"
            " AND NOT EXISTS (SELECT 1 FROM read_meta.checkpoints c WHERE (c.model, c.generation, c.log, c.partition)"
            " = (m.model, m.generation, %s, %s) AND c.partition <> %s)"  # the log's own: handed back
            " FOR SHARE OF m"  # a swap that is under way gives the generation another number
            " ON CONFLICT (model, generation, log, partition) DO UPDATE SET epoch = EXCLUDED.epoch"
            " WHERE checkpoints.position = 0",
            [log, partition, epoch, model, generation, log, EMBEDDED, partition],
        ).rowcount

    def _renew(self, connection: Connection, key: Sequence[object], epoch: UUID) -> int:
        return connection.execute(
            "UPDATE read_meta.checkpoints SET epoch = %s"
            " WHERE model = %s AND generation = %s AND log = %s AND partition = %s AND position = 0",
            [epoch, *key],
        ).rowcount

    def _refuse_two_feeds(self, connection: Connection, key: Sequence[object]) -> None:
        others = connection.execute(
            "SELECT 1 FROM read_meta.checkpoints WHERE model = %s AND generation = %s AND log = %s LIMIT 1", key
        )
        if others.fetchone() is not None:
            raise FedByPartitions(
                f"read model {self.model.name!r} is fed from a Kafka topic here, expected no projector of the log beside it"
                " (set TICKETCORE_INLINE=false where queries project; to give the model back to the log, stop the workers"
                " and run `ticketcore kafka hand-back`)"
            )

    def apply(
        self, connection: Connection, items: Sequence[Item], at: Checkpoint, *, offset: int | None = None
    ) -> Checkpoint:
        """Fold *items* (positions above the checkpoint's, in order) and return the moved checkpoint.

        What the data base refuses for its content is found by halving and parked; the rest passes.

        Args:
            connection: in autocommit mode, outside a transaction.
            items: of one partition, in order.
            at: the checkpoint as last read or returned.
            offset: of the last item in its partition; ``None`` where the log itself is read.
        Raises:
            CheckpointMoved: somebody else moved the checkpoint or replaced the tables.
            psycopg.Error: one of ``SERVER_LOST``: nothing was written, try again.
            StoreUnavailable: tables or rights are missing.
        """
        if not items:
            return at
        try:
            return self._write(connection, items, at, offset, None)
        except (*SERVER_LOST, TicketCoreError):
            raise
        except NOT_AS_MADE as error:
            raise StoreUnavailable(
                f"read model {self.model.name!r} can't be written: {error.diag.message_primary}, expected its tables as they were"
                f" made (run `ticketcore rebuild {self.model.name}`; of rights see docs/operations.md)"
            ) from error
        except Exception as error:  # noqa: BLE001 whatever one ticket's content does must not stop the others
            if len(items) == 1:
                return self._write(connection, items, at, offset, cause_of(error))
        middle = len(items) // 2
        at = self.apply(connection, items[:middle], at, offset=at.offset)
        return self.apply(connection, items[middle:], at, offset=offset)

    def _write(
        self, connection: Connection, items: Sequence[Item], at: Checkpoint, offset: int | None, poison: str | None
    ) -> Checkpoint:
        reached, clock = items[-1].record.position, time.perf_counter
        began = loaded = ready = written = clock()
        with connection.transaction():
            self._move(connection, at, reached, offset)
            ids = concerned(self.model, items)
            stuck, left_out = self._set_aside(connection, at.generation, items)
            if poison is None:
                known = self.tables.load(connection, ids)
                loaded = clock()
                folded = fold(self.model, items, known, stuck, left_out)
                ready = clock()
                self.tables.write(connection, folded, known)
                written = clock()
            else:
                record = items[0].record
                folded = Folded(
                    {},
                    {},
                    [Parked(record.position, record.originator_id, record.originator_version, record.topic, poison)],
                )
            self.park(connection, at, folded.parked)
        self.observer.projected(
            Batch(
                self.model.name, at.log, at.partition, len(items),
                loaded - began, ready - loaded, written - ready, clock() - began,
            )
        )  # fmt: skip
        return at._replace(position=reached, offset=offset)

    def _move(self, connection: Connection, at: Checkpoint, reached: int, offset: int | None) -> None:
        moved = connection.execute(
            'UPDATE read_meta.checkpoints SET position = %s, "offset" = %s'
            " WHERE model = %s AND generation = %s AND log = %s AND partition = %s AND position = %s AND epoch = %s",
            [reached, offset, self.model.name, at.generation, at.log, at.partition, at.position, at.epoch],
        )
        if moved.rowcount != 1:
            raise CheckpointMoved(
                f"cannot move the checkpoint of read model {self.model.name!r} (generation {at.generation}, log {at.log!r},"
                f" partition {at.partition}) from {at.position} to {reached}: expected it at {at.position}, but another"
                " worker moved it or a rebuild replaced the tables (stop this worker; start it anew to take the new tables)"
            )

    def _set_aside(
        self, connection: Connection, generation: int, items: Sequence[Item]
    ) -> tuple[dict[UUID, int], dict[UUID, list[int]]]:
        """Return aggregate -> version that it waits behind, and aggregate -> versions that were dropped."""
        ids = aggregates(items)
        rows = connection.execute(
            "SELECT aggregate_id, min(version), NULL FROM read_meta.dead_letters"
            " WHERE model = %s AND generation = %s AND aggregate_id = ANY(%s) GROUP BY aggregate_id UNION ALL"
            " SELECT aggregate_id, NULL, array_agg(version) FROM read_meta.dropped"
            " WHERE model = %s AND aggregate_id = ANY(%s) GROUP BY aggregate_id",
            [self.model.name, generation, ids, self.model.name, ids],
        ).fetchall()
        stuck = {id_: behind for id_, behind, _ in rows if behind is not None}
        return stuck, {id_: versions for id_, _, versions in rows if versions is not None}

    def park(self, connection: Connection, at: Checkpoint, parked: Sequence[Parked]) -> None:
        """Set events aside, inside the caller's transaction; those that were set aside before keep their cause."""
        if not parked:
            return
        connection.execute(
            "INSERT INTO read_meta.dead_letters (position, aggregate_id, version, topic, cause, model, generation, log)"
            " SELECT p.*, %s, %s, %s"
            " FROM unnest(%s::bigint[], %s::uuid[], %s::integer[], %s::text[], %s::text[]) AS p"
            " ON CONFLICT (model, generation, log, position) DO NOTHING",  # read again: what it has says since when and why
            [self.model.name, at.generation, at.log, *(list(column) for column in zip(*parked, strict=True))],
        )
