"""The projector of one or several read models, fed by the topics of one or more logs.

One consumer fetches for all models, so that each message is parsed and decoded once, and what a round brings is written in
one transaction. Kafka's consumer group says which partitions a worker has; the checkpoint rows say how far each model is. A
worker that lost a partition and does not know it yet can fold what it still holds, but its checkpoints have moved, so
nothing is written.
"""

from __future__ import annotations

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
from projections.checkpoints import CheckpointMoved
from projections.feed import Decode
from projections.observing import UNWATCHED, Observer
from projections.observing import told as text_of
from projections.partitions import give_to_partitions
from projections.projector import Projector
from projections.runner import TRANSIENT, is_permanent, pause_after
from projections.schema import LOCK_WAIT, Connection, connect, live
from workers.kafka.errors import KafkaUnavailable, refused, told
from workers.kafka.reading import Reader, RelayedLog, Taken, settle_together
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic import check_partitions, partitions_of

__all__ = ["ProjectorWorker", "group_of"]

_BATCH = 3_000
"""With the fetches below it bounds the process's memory, which must stay under 150 MB."""
_POLL_MS = 200
_COMMIT_EVERY = 25  # rounds
_LOOK_EVERY = 2.0  # seconds
_HELD_WAIT_MS = 100
"""For a lock that another session holds, once it was waited for."""
_CLOCKS_DIFFER = timedelta(minutes=10)
"""By how much the data base's clock may be ahead of the relay's."""
_CONSUMER = {
    "auto_offset_reset": "none",
    "enable_auto_commit": False,
    "max_poll_records": _BATCH,
    "fetch_max_bytes": 4_194_304,  # by default 50 MB, and a process of 200 MB
    "max_partition_fetch_bytes": 1_048_576,
    "max_poll_interval_ms": 600_000,
    "request_timeout_ms": 10_000,
    "allow_auto_create_topics": False,
    "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
}

logger = structlog.get_logger(__name__)


def group_of(settings: KafkaSettings, *models: Model) -> str:
    """Return the consumer group's name: workers of the same models in the same versions share the partitions."""
    return f"{settings.group}.{'+'.join(sorted(f'{model.name}.v{model.version}' for model in models))}"


class ProjectorWorker:
    """Feeds models in the calling thread.

    Args:
        dsn: of the read models.
        models: the read models; workers that share their partitions name the same ones.
        logs: topic -> the log that it carries.
        decode: record -> event.
        settings: of Kafka.
        observer: is told of rounds, with each model's name as their loop, and of what they did.
    """

    def __init__(
        self, dsn: str, models: Sequence[Model], logs: Mapping[str, RelayedLog], decode: Decode, settings: KafkaSettings,
        observer: Observer = UNWATCHED,
    ) -> None:  # fmt: skip
        self._observer = observer
        self._dsn, self._models, self._logs, self._decode, self._settings = dsn, models, dict(logs), decode, settings
        self._names = [model.name for model in models]
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
                logger.info("projector.rejoins", models=self._names, reason=str(error))
                stop.wait(0.1)
            except (*TRANSIENT, KafkaError, KafkaUnavailable) as error:
                if is_permanent(error):
                    raise
                if not self._took and (refusal := refused(f"read {', '.join(self._logs)}", error, self._settings)):
                    raise refusal from error
                attempt += 1
                pause = pause_after(attempt)
                logger.warning(
                    "projector.retry", models=self._names, attempt=attempt, pause=round(pause, 3),
                    kind=type(error).__name__, error=text_of(error),
                )  # fmt: skip
                stop.wait(pause)

    def _belong(self, stop: threading.Event) -> None:
        """Belong to the group once: until told to stop, or an error."""
        with connect(self._dsn, self._settings.session_timeout) as connection:
            # Rows and checkpoints are lost together where the server crashes, and folded again: nobody need wait for the disk.
            connection.execute("SET synchronous_commit = off")
            generations = self.generations(connection)
            for topic, log in self._logs.items():
                epoch, partitions = log.epoch(), self._partitions[topic]
                for name, generation in generations.items():
                    if give_to_partitions(connection, name, generation, log.name, epoch, partitions):
                        logger.info("projector.took_over", model=name, log=log.name, partitions=partitions)
            with told("reach Kafka", self._settings):
                session = int(self._settings.session_timeout * 1000)
                consumer = KafkaConsumer(
                    **self._settings.client(), **_CONSUMER, group_id=group_of(self._settings, *self._models),
                    session_timeout_ms=session, heartbeat_interval_ms=session // 4, metrics_enabled=False,
                )  # fmt: skip
            with closing(consumer):
                membership = _Membership(self, connection, generations, consumer)
                for topic in self._logs:
                    consumer.partitions_for_topic(topic)  # a leader that lacks them assigns nothing
                consumer.subscribe(list(self._logs), listener=membership)
                while not stop.is_set():
                    try:
                        membership.round()
                    except CheckpointMoved as error:
                        membership.take_new_tables(error)
                membership.commit()
            self.filled += membership.filled

    def generations(self, connection: Connection) -> dict[str, int]:
        """Return model -> live generation of its tables.

        Raises:
            StoreUnavailable: a model has no tables.
            OtherVersion: they are of another version than the code.
        """
        found = live(connection, self._models)
        return {name: found[name].generation for name in self._names}


class _Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    """What a worker holds while it belongs to the group: a reader for each of its partitions."""

    def __init__(
        self, worker: ProjectorWorker, connection: Connection, generations: dict[str, int], consumer: KafkaConsumer
    ) -> None:
        self._worker, self._connection, self._generations, self._consumer = worker, connection, generations, consumer
        self._projectors = [Projector(model, observer=worker._observer) for model in worker._models]
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
        logger.info("projector.lost", models=self._worker._names, partitions=len(lost))
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
        for topic in self._worker._logs:
            mine = {at: messages for at, messages in found.items() if at.topic == topic and at in self._readers}
            if mine:
                self._take(mine)
        self._begin()
        for partition, reader in self._readers.items():
            try:
                if reader.filling and reader.fill_page():
                    self._go_on(partition, reader)
            except LockNotAvailable:
                self._told_held(partition, self._worker._names)
        if self._joining_since is None:  # a member without partitions stands by
            for name in self._worker._names:
                self._worker._observer.round(name)
        self._rounds += 1
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            self._check_generations()
            self._check_topics()
            self._looked = time.monotonic()
        if self._rounds % _COMMIT_EVERY == 0 and (offsets := self._offsets()):
            self._consumer.commit_async(offsets)

    def _take(self, found: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Project messages of one topic, all together; where another session holds a checkpoint, what it does not hold.

        The messages of such a partition are fetched again, and the other partitions and models go on.
        """
        taken = {partition: self._readers[partition].receive(messages) for partition, messages in found.items()}
        try:
            stops = settle_together([(self._readers[partition], one) for partition, one in taken.items()])
        except LockNotAvailable:
            self._take_each(taken)
            return
        for partition, missing_before in zip(taken, stops, strict=True):
            self._stop_before(partition, missing_before)

    def _take_each(self, taken: Mapping[TopicPartition, Taken]) -> None:
        """Project each partition and model alone, waiting for no lock."""
        self._connection.execute(f"SET lock_timeout = {_HELD_WAIT_MS}")
        try:
            for partition, one in taken.items():
                reader = self._readers[partition]
                if held := reader.settle_each(one):
                    self._told_held(partition, held)
                    with self._unless_revoked(partition):
                        self._consumer.seek(partition, one.first)
                else:
                    self._stop_before(partition, reader.settle(one, reader.points))
        finally:
            if not self._connection.closed:
                self._connection.execute("RESET lock_timeout")

    def _stop_before(self, partition: TopicPartition, missing_before: int | None) -> None:
        """Wait before a message until what is missing before it is filled."""
        if missing_before is not None:
            with self._unless_revoked(partition):
                self._consumer.seek(partition, missing_before)
                self._consumer.pause(partition)

    def _told_held(self, partition: TopicPartition, models: Sequence[str]) -> None:
        logger.warning(
            "projector.checkpoint_held", models=models, topic=partition.topic, partition=partition.partition,
            waited=LOCK_WAIT,
        )  # fmt: skip

    def take_new_tables(self, error: CheckpointMoved) -> None:
        """Go on with the tables that a rebuild put in the place of a model's, at their checkpoints; the group stays as it is.

        Raises:
            CheckpointMoved: *error*, where no tables were replaced: another worker has the partition.
            OtherVersion: they are of another version than the code.
        """
        now = self._worker.generations(self._connection)
        if now == self._generations:
            raise error
        logger.info("projector.new_tables", models=[name for name in now if now[name] != self._generations[name]])
        self._generations = now
        self._gone = self.filled
        for partition in self._readers:
            self._fresh.add(partition)
            with self._unless_revoked(partition):
                self._consumer.pause(partition)
        self._readers = {}

    def _check_generations(self) -> None:
        """Notice a swap that no event follows: the next batch would, by its checkpoint."""
        now = self._worker.generations(self._connection)
        if now != self._generations:
            raise CheckpointMoved(f"read models have generations {now}, expected {self._generations}")

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
                self._projectors, self._connection, list(self._generations.values()), worker._logs[partition.topic],
                worker._decode, partition.partition, worker._partitions[partition.topic],
            )  # fmt: skip
            reader.begin_again_from(oldest[partition])
            if reader.at.offset is None and self._is_empty(partition):
                reader.fill_to_head()
            if not reader.filling:
                self._go_on(partition, reader)
        held = {f"{p.topic}/{p.partition}": self._readers[p].at.position for p in sorted(self._fresh)}
        logger.info("projector.assigned", models=worker._names, at=held)
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
            logger.info("projector.not_committed", models=self._worker._names, error=text_of(error))

    def _offsets(self) -> dict[TopicPartition, OffsetAndMetadata]:
        held = {partition: reader.at.offset for partition, reader in self._readers.items()}
        return {at: OffsetAndMetadata(offset + 1, "", -1) for at, offset in held.items() if offset is not None}

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
            "projector.not_in_kafka", models=self._worker._names, topic=partition.topic,
            partition=partition.partition, offset=reader.at.offset, position=reader.at.position,
        )  # fmt: skip
