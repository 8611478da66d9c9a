"""Which partition an aggregate belongs to, and giving a model's checkpoints to the partitions of a topic and back.

A generation of a model is fed either by the log itself (one checkpoint, the "partition" -1) or by the partitions of a
topic, never by both. Each change is one transaction under the lock that the embedded projector works under.
"""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID
from zlib import crc32

from projections.checkpoints import EMBEDDED, CheckpointMoved
from projections.projector import FedByPartitions
from projections.runner import locked
from projections.schema import Connection
from ticketcore.errors import ConfigurationError

__all__ = ["FedByPartitions", "give_to_log", "give_to_partitions", "partition_of"]


def partition_of(aggregate_id: UUID, partitions: int) -> int:
    """Return the partition of an aggregate among *partitions*, from 0: CRC-32 of its id as lower-case text, modulo.

    It is what librdkafka calls the partitioner ``consistent``.
    """
    return _checksum(aggregate_id) % partitions


@lru_cache(maxsize=10_000)
def _checksum(aggregate_id: UUID) -> int:
    return crc32(str(aggregate_id).encode())


def give_to_partitions(
    connection: Connection, model: str, generation: int, log: str, epoch: UUID, partitions: int
) -> bool:
    """Make one checkpoint for each partition, at the position of the log's own, which ends; return whether it was so.

    Where the partitions have their checkpoints already, nothing changes. Afterwards the embedded projector refuses.

    Raises:
        ConfigurationError: there are checkpoints for another number of partitions; or of both feeds.
        CheckpointMoved: a rebuild replaced the generation.
    """
    wanted = set(range(partitions))
    key = [model, generation, log]
    if _partitions(connection, key) == wanted:
        return False
    with locked(connection), connection.transaction():
        have = _partitions(connection, key, lock=True)
        if have == wanted:
            return False
        _refuse_replaced(connection, model, generation)
        if of_topic := have - {EMBEDDED}:
            remedy = f"stop its projectors, run `ticketcore kafka hand-back {model}` and start them again"
            if EMBEDDED in have:
                raise ConfigurationError(
                    f"read model {model!r} has checkpoints of log {log!r} itself and of {len(of_topic)} partitions, expected one"
                    f" feed ({remedy})"
                )
            raise ConfigurationError(
                f"read model {model!r} has checkpoints for {len(of_topic)} partitions of log {log!r}, but its topic"
                f" has {partitions}: expected the same number (name the former topic in TICKETCORE_KAFKA_TOPIC; or, to"
                f" change over to this one, {remedy})"
            )
        connection.execute(
            "INSERT INTO read_meta.checkpoints (model, generation, log, partition, position, epoch)"
            " SELECT %s, %s, %s, n, coalesce(c.position, 0), coalesce(c.epoch, %s)"
            " FROM generate_series(0, %s - 1) n LEFT JOIN read_meta.checkpoints c"
            " ON c.model = %s AND c.generation = %s AND c.log = %s AND c.partition = %s",
            [*key, epoch, partitions, *key, EMBEDDED],
        )
        connection.execute(
            "DELETE FROM read_meta.checkpoints WHERE model = %s AND generation = %s AND log = %s AND partition = %s",
            [*key, EMBEDDED],
        )
    return True


def give_to_log(connection: Connection, model: str, generation: int, log: str) -> int | None:
    """Replace the partitions' checkpoints by one for the log itself, at the lowest of theirs; stop the workers first.

    What lies above it in some partitions is read again and passed over, since every row knows its version. A model that
    has both feeds, as releases before could leave it, has one afterwards.

    Returns:
        The position, or ``None`` where the log had the checkpoint already.
    """
    key = [model, generation, log]
    with locked(connection), connection.transaction():
        if not _partitions(connection, key, lock=True) - {EMBEDDED}:
            return None
        gone = connection.execute(
            "DELETE FROM read_meta.checkpoints WHERE model = %s AND generation = %s AND log = %s RETURNING position, epoch",
            key,
        ).fetchall()
        position, epoch = min(gone)
        connection.execute(
            "INSERT INTO read_meta.checkpoints (model, generation, log, partition, position, epoch)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [*key, EMBEDDED, position, epoch],
        )
    return int(position)


def _refuse_replaced(connection: Connection, model: str, generation: int) -> None:
    """Pass where the generation is live, and keep a swap waiting until the transaction ends."""
    found = connection.execute(
        "SELECT 1 FROM read_meta.models WHERE model = %s AND generation = %s AND role = 'live' FOR SHARE",
        [model, generation],
    )
    if found.fetchone() is None:
        raise CheckpointMoved(
            f"cannot give read model {model!r} to partitions: generation {generation} is not live any more, expected the live one"
            " (a rebuild replaced the tables: start this worker anew to take the new ones)"
        )


def _partitions(connection: Connection, key: list[object], *, lock: bool = False) -> set[int]:
    rows = connection.execute(
        "SELECT partition FROM read_meta.checkpoints WHERE model = %s AND generation = %s AND log = %s"
        + (" FOR UPDATE" if lock else ""),
        key,
    )
    return {partition for (partition,) in rows}
