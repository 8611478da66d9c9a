"""The projector of one read model, fed by the topics of one or more logs.

Kafka's consumer group says which partitions a worker has; the checkpoint rows say how far each is. A worker that lost a
partition and does not know it yet can fold what it still holds, but its checkpoint has moved, so nothing is written.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError, KafkaTimeoutError, NoOffsetForPartitionError, OffsetOutOfRangeError
from psycopg.errors import LockNotAvailable

from projections.base import Model
from projections.feed import Decode
from projections.observing import UNWATCHED, Observer
from projections.observing import told as text_of
from projections.partitions import give_to_partitions
from projections.projector import CheckpointMoved, Projector
from projections.runner import TRANSIENT
from projections.schema import LOCK_WAIT, SERVER_LOST, Connection, connect, live
from ticketcore.errors import StoreUnavailable
from workers.kafka.errors import KafkaUnavailable, refused, told
from workers.kafka.reading import Reader, RelayedLog
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic import check_partitions, partitions_of

__all__ = ["ProjectorWorker", "group_of"]

_BATCH = 5_000
_POLL_MS = 200
_COMMIT_EVERY = 25  # rounds
_LOOK_EVERY = 2.0  # seconds
_CLOCKS_DIFFER = timedelta(minutes=10)
"""By how much the data base's clock may be ahead of the relay's."""
_CONSUMER = {
    "auto_offset_reset": "none",
    "enable_auto_commit": False,
    "max_poll_records": _BATCH,
    "fetch_max_bytes": 8_388_608,  # by default 50 MB, and a process of 200 MB
    "max_partition_fetch_bytes": 2_097_152,
    "max_poll_interval_ms": 600_000,
    "request_timeout_ms": 10_000,
    "allow_auto_create_topics": False,
    "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
}

logger = structlog.get_logger(__name__)


def group_of(settings: KafkaSettings, model: Model) -> str:
    """Return the consumer group's name: two versions of a model, as in a rolling upgrade, are two groups."""
    return f"{settings.group}.{model.name}.v{model.version}"


class ProjectorWorker:
    """Feeds one model in the calling thread.

    Args:
        dsn: of the read models.
        model: the read model.
        logs: topic -> the log that it carries.
        decode: record -> event.
        settings: of Kafka.
        observer: is told of rounds, with the model's name as their loop, and of what they did.
    """

    def __init__(
        self, dsn: str, model: Model, logs: Mapping[str, RelayedLog], decode: Decode, settings: KafkaSettings,
        observer: Observer = UNWATCHED,
    ) -> None:  # fmt: skip
        self._observer = observer
        self._dsn, self._model, self._logs, self._decode, self._settings = dsn, model, dict(logs), decode, settings
        self._partitions: dict[str, int] = {}
        self._took = False
        self.filled = 0
        """Events that were read from the log since Kafka did not hold them."""

    def run(self, stop: threading.Event) -> None:
        """Project until *stop* is set; finishes the batch in hand and leaves the group. Passing errors are retried for ever.

        Raises:
            EpochMismatch: a log was restored or replaced.
            OtherVersion: the tables are of another version, as after the swap to a newer one.
            StoreUnavailable: the data base did not answer at the start.
            TopicMismatch: a topic is missing, or has another number of partitions than the checkpoints.
            KafkaUnavailable: the broker did not answer at the start, or refused before it gave a message.
        """
        self._partitions = {topic: partitions_of(self._settings, topic) for topic in self._logs}
        connect(self._dsn).close()
        attempt = 0
        while not stop.is_set():
            try:
                self._belong(stop)
                attempt = 0
            except CheckpointMoved as error:
                logger.info("projector.rejoins", model=self._model.name, reason=str(error))
                stop.wait(0.1)
            except (*TRANSIENT, KafkaError, KafkaUnavailable) as error:
                if _permanent(error):
                    raise
                if not self._took and (refusal := refused(f"read {', '.join(self._logs)}", error, self._settings)):
                    raise refusal from error
                attempt += 1
                pause = min(5.0, 0.05 * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 spreads retries, no secret
                logger.warning(
                    "projector.retry", model=self._model.name, attempt=attempt, pause=round(pause, 3),
                    kind=type(error).__name__, error=text_of(error),
                )  # fmt: skip
                stop.wait(pause)

    def _belong(self, stop: threading.Event) -> None:
        """Belong to the group once: until told to stop, or an error."""
        name = self._model.name
        with connect(self._dsn, self._settings.session_timeout) as connection:
            generation = live(connection, [self._model])[name].generation
            for topic, log in self._logs.items():
                given = give_to_partitions(connection, name, generation, log.name, log.epoch(), self._partitions[topic])
                if given:
                    logger.info("projector.took_over", model=name, log=log.name, partitions=self._partitions[topic])
            with told("reach Kafka", self._settings):
                session = int(self._settings.session_timeout * 1000)
                consumer = KafkaConsumer(
                    **self._settings.client(), **_CONSUMER, group_id=group_of(self._settings, self._model),
                    session_timeout_ms=session, heartbeat_interval_ms=session // 4, metrics_enabled=False,
                )  # fmt: skip
            with closing(consumer):
                membership = _Membership(self, connection, generation, consumer)
                for topic in self._logs:
                    consumer.partitions_for_topic(topic)  # a leader that lacks them assigns nothing
                consumer.subscribe(list(self._logs), listener=membership)
                while not stop.is_set():
                    membership.round()
                membership.commit()
            self.filled += membership.filled


class _Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    """What a worker holds while it belongs to the group: a reader for each of its partitions."""

    def __init__(
        self, worker: ProjectorWorker, connection: Connection, generation: int, consumer: KafkaConsumer
    ) -> None:
        self._worker, self._connection, self._generation, self._consumer = worker, connection, generation, consumer
        self._projector = Projector(worker._model, observer=worker._observer)
        self._readers: dict[TopicPartition, Reader] = {}
        self._fresh: set[TopicPartition] = set()
        self._changes: SimpleQueue[tuple[bool, Sequence[TopicPartition]]] = SimpleQueue()
        self._rounds = self._gone = 0
        self._looked = time.monotonic()
        self._joining_since: float | None = time.monotonic()

    @property
    def filled(self) -> int:
        """Events that were read from the log."""
        return self._gone + sum(reader.filled for reader in self._readers.values())

    # The client calls these three in its own thread, and no query may hold that up.

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Fetch nothing of them until :meth:`round` knows where to go on."""
        for partition in assigned:
            self._consumer.seek(partition, 0)
            self._consumer.pause(partition)
        self._joining_since = None
        self._changes.put((True, list(assigned)))

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Forget them; a batch in hand is written where its checkpoint did not move."""
        self._joining_since = time.monotonic()
        self._changes.put((False, list(revoked)))

    def on_partitions_lost(self, lost: Sequence[TopicPartition]) -> None:
        """Forget them: somebody else has them."""
        logger.info("projector.lost", model=self._worker._model.name, partitions=len(lost))
        self._joining_since = time.monotonic()
        self._changes.put((False, list(lost)))

    def round(self) -> None:
        """Take what Kafka has, and fill from the log what it does not have."""
        waits = not any(reader.filling for reader in self._readers.values())
        try:
            found = self._consumer.poll(timeout_ms=_POLL_MS if waits else 0)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            self._not_in_kafka(list(error.args[0]))
            return
        self._follow_changes()
        self._check_joining()
        self._worker._took |= bool(found)
        for partition, messages in found.items():
            if (reader := self._readers.get(partition)) is not None:
                self._take(partition, reader, messages)
        self._begin()
        for partition, reader in self._readers.items():
            try:
                if reader.filling and reader.fill_page():
                    self._go_on(partition, reader)
            except LockNotAvailable:
                self._told_held(partition)
        if self._joining_since is None:  # a member without partitions stands by
            self._worker._observer.round(self._worker._model.name)
        self._rounds += 1
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            self._check_generation()
            self._check_topics()
            self._looked = time.monotonic()
        if self._rounds % _COMMIT_EVERY == 0 and (offsets := self._offsets()):
            self._consumer.commit_async(offsets)

    def _take(self, partition: TopicPartition, reader: Reader, messages: Sequence[Any]) -> None:
        """Project messages; where another session holds the checkpoint, fetch them again: the other partitions go on."""
        try:
            missing_before = reader.take(messages)
        except LockNotAvailable:
            self._told_held(partition)
            with self._unless_revoked(partition):
                self._consumer.seek(partition, messages[0].offset)
            return
        if missing_before is not None:
            with self._unless_revoked(partition):
                self._consumer.seek(partition, missing_before)
                self._consumer.pause(partition)

    def _told_held(self, partition: TopicPartition) -> None:
        logger.warning(
            "projector.checkpoint_held", model=self._worker._model.name, topic=partition.topic,
            partition=partition.partition, waited=LOCK_WAIT,
        )  # fmt: skip

    def _check_generation(self) -> None:
        """Notice a swap that no event follows: the next batch would, by its checkpoint."""
        model = self._worker._model
        now = live(self._connection, [model])[model.name].generation
        if now != self._generation:
            raise CheckpointMoved(f"read model {model.name!r} has generation {now}, expected {self._generation}")

    def _check_topics(self) -> None:
        """Notice what no message tells: a restored log, a topic made anew, and messages that Kafka confirmed and lost."""
        for topic, log in self._worker._logs.items():
            known = self._consumer.partitions_for_topic(topic)
            if known:  # none while the topic is gone
                check_partitions(topic, len(known), self._worker._partitions[topic])
            epoch, head = log.epoch(), log.head()
            carried, behind = dict(enumerate(log.carried(topic))), {}
            for partition, reader in self._readers.items():
                if partition.topic == topic and not reader.filling:
                    reader.check_log(epoch, head)
                    if reader.at.position < carried.get(partition.partition, 0):
                        behind[partition] = reader
            ends = self._consumer.end_offsets(list(behind)) if behind else {}
            for partition, reader in behind.items():
                with self._unless_revoked(partition):
                    if (offset := self._consumer.position(partition)) >= ends[partition]:
                        self._told_missing(partition, reader)
                        self._consumer.pause(partition)
                        reader.fill_to(carried[partition.partition], min(offset, ends[partition]))

    def _check_joining(self) -> None:
        """Give up a membership that does not come about: now and then the client hangs while it joins anew."""
        since = self._joining_since
        if since is not None and time.monotonic() - since > 2 * self._worker._settings.session_timeout:
            raise KafkaTimeoutError(f"no partitions {2 * self._worker._settings.session_timeout:g} s after joining")

    def _follow_changes(self) -> None:
        while not self._changes.empty():
            assigned, partitions = self._changes.get()
            self._fresh = self._fresh.union(partitions) if assigned else self._fresh.difference(partitions)
            for partition in partitions:
                reader = self._readers.pop(partition, None)
                self._gone += reader.filled if reader else 0

    def _begin(self) -> None:
        """Go on at the checkpoints of partitions that were assigned."""
        if not self._fresh:
            return
        worker = self._worker
        oldest = self._consumer.beginning_offsets(list(self._fresh))
        for partition in sorted(self._fresh):
            reader = self._readers[partition] = Reader(
                self._projector, self._connection, self._generation, worker._logs[partition.topic], worker._decode,
                partition.partition, worker._partitions[partition.topic],
            )  # fmt: skip
            reader.begin_again_from(oldest[partition])
            if reader.at.offset is None and self._is_empty(partition):
                reader.fill_to_head()
            if not reader.filling:
                self._go_on(partition, reader)
        held = {f"{p.topic}/{p.partition}": self._readers[p].at.position for p in sorted(self._fresh)}
        logger.info("projector.assigned", model=worker._model.name, at=held)
        self._fresh.clear()

    def _is_empty(self, partition: TopicPartition) -> bool:
        """Return whether Kafka holds no message of the partition: then no gap before the first one can be noticed."""
        first = self._consumer.beginning_offsets([partition])[partition]
        return bool(first == self._consumer.end_offsets([partition])[partition])

    def _go_on(self, partition: TopicPartition, reader: Reader) -> None:
        """Take up the partition: after the checkpoint's offset, else at the first message that may be new."""
        with self._unless_revoked(partition):
            self._seek(partition, reader)
            self._consumer.resume(partition)

    def _seek(self, partition: TopicPartition, reader: Reader) -> None:
        if reader.resume_at is not None:
            self._consumer.seek(partition, reader.resume_at)
        else:
            found = None
            if (since := reader.since()) is not None:
                milliseconds = int((since - _CLOCKS_DIFFER).timestamp() * 1000)
                found = self._consumer.offsets_for_times({partition: milliseconds}).get(partition)
            if found is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, found.offset)

    @contextmanager
    def _unless_revoked(self, partition: TopicPartition) -> Iterator[None]:
        """Pass over what the client refuses of a partition that it gave up meanwhile, in its own thread."""
        try:
            yield
        except (KeyError, ValueError):
            if self._changes.empty() and partition in self._consumer.assignment():
                raise

    def commit(self) -> None:
        """Tell Kafka how far it is, for tools that show lag."""
        try:
            if offsets := self._offsets():
                self._consumer.commit(offsets, timeout_ms=2_000)
        except KafkaError as error:
            logger.info("projector.not_committed", model=self._worker._model.name, error=text_of(error))

    def _offsets(self) -> dict[TopicPartition, OffsetAndMetadata]:
        return {
            partition: OffsetAndMetadata(reader.at.offset + 1, "", -1)
            for partition, reader in self._readers.items()
            if reader.at.offset is not None
        }

    def _not_in_kafka(self, partitions: Sequence[TopicPartition]) -> None:
        """Take what Kafka has instead: what is known is dropped, what is missing before it is filled from the log."""
        for partition in partitions:
            if (reader := self._readers.get(partition)) is None:
                continue
            self._told_missing(partition, reader)
            with self._unless_revoked(partition):
                self._consumer.pause(partition)
                self._consumer.seek(partition, 0)
            reader.resume_at = None
            if self._is_empty(partition):
                reader.fill_to_head()
            if not reader.filling:
                self._go_on(partition, reader)

    def _told_missing(self, partition: TopicPartition, reader: Reader) -> None:
        logger.warning(
            "projector.not_in_kafka", model=self._worker._model.name, topic=partition.topic,
            partition=partition.partition, offset=reader.at.offset, position=reader.at.position,
        )  # fmt: skip


def _permanent(error: Exception) -> bool:
    return isinstance(error, StoreUnavailable) and not isinstance(error.__cause__, SERVER_LOST)
