"""One model's step: a batch of records becomes rows and a moved checkpoint, in one transaction.

The log's readers (runner, rebuild) call :meth:`Projector.apply` with what they read; of several models fed by a topic's
partitions see :func:`projections.together.apply_together`.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from projections.base import Model
from projections.checkpoints import CHECKPOINTS, EMBEDDED, Checkpoint, CheckpointMoved, Move, check_epoch, move
from projections.folding import Item, Parked, cause_of
from projections.observing import UNWATCHED, Batch, Observer
from projections.schema import NOT_AS_MADE, SERVER_LOST, Connection
from projections.tables import Tables
from projections.together import Part, step
from ticketcore.errors import StoreUnavailable, TicketCoreError

__all__ = ["FedByPartitions", "Projector"]


class FedByPartitions(TicketCoreError):
    """Workers feed these tables from a topic; nobody may feed them from the log at the same time."""

    code = "fed_by_partitions"
    exit_code = 3


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
        """Fold *items* and return the moved checkpoint.

        What the data base refuses for its content is found by halving and parked; the rest passes.

        Args:
            connection: in autocommit mode, outside a transaction.
            items: of one partition, in order; those at or below the checkpoint are passed over.
            at: the checkpoint as last read or returned.
            offset: of the last item in its partition; ``None`` where the log itself is read.
        Raises:
            CheckpointMoved: somebody else moved the checkpoint or replaced the tables.
            psycopg.Error: one of ``SERVER_LOST``: nothing was written, try again.
            StoreUnavailable: tables or rights are missing.
        """
        try:
            [(reached,)] = step(connection, [self], [Part(items, (at,), offset)])
        except (*SERVER_LOST, TicketCoreError):
            raise
        except NOT_AS_MADE as error:
            raise StoreUnavailable(
                f"read model {self.model.name!r} can't be written: {error.diag.message_primary}, expected its tables as they were"
                f" made (run `ticketcore rebuild {self.model.name}`; of rights see docs/operations.md)"
            ) from error
        except Exception as error:  # noqa: BLE001 whatever one ticket's content does must not stop the others
            if len(items) == 1:
                return self._bury(connection, items[0], at, offset, cause_of(error))
        else:
            return reached
        middle = len(items) // 2
        at = self.apply(connection, items[:middle], at, offset=at.offset)
        return self.apply(connection, items[middle:], at, offset=offset)

    def _bury(self, connection: Connection, item: Item, at: Checkpoint, offset: int | None, cause: str) -> Checkpoint:
        """Set an event aside that the data base refuses, and pass over it."""
        record = item.record
        with connection.transaction():
            move(connection, [Move(self.model.name, at, record.position, offset)])
            parked = Parked(record.position, record.originator_id, record.originator_version, record.topic, cause)
            self.park(connection, at, [parked])
        self.observer.projected(Batch(self.model.name, at.log, {at.partition: 1}, 0.0, 0.0, 0.0, 0.0))
        return at._replace(position=record.position, offset=offset)

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
