"""What a topic holds, read from the ends of its partitions, and what of it the log does not hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from projections.feed import Log
from projections.partitions import partition_of
from ticketcore.errors import ConfigurationError, EpochMismatch
from ticketcore.store.port import Record
from workers.kafka.epochs import Epochs
from workers.kafka.errors import told
from workers.kafka.message import NotOurs, Received, epoch_of, received
from workers.kafka.settings import KafkaSettings

__all__ = ["Held", "Tail", "check_topic", "held_by", "lacks", "previous_at"]

_CHUNKS = (1, 500, 5_000)
"""Messages that are read at once, going back; the last one repeats."""
_PAGE = 1_000
_CLOCKS_DIFFER = timedelta(minutes=1)
"""How far the clocks of Kafka, relays and PostgreSQL may be apart."""


class Held(NamedTuple):
    """A message that a partition holds. ``raw``: as the client gave it."""

    partition: int
    offset: int
    message: Received
    epoch: UUID
    raw: Any


class Tail:
    """Reads a topic without any group; a context manager, for one thread.

    Raises:
        KafkaUnavailable: the broker does not answer.
    """

    def __init__(self, settings: KafkaSettings, topic: str, partitions: int, log: str) -> None:
        self.topic, self.partitions, self._log = topic, partitions, log
        self._timeout = settings.timeout
        with told("reach Kafka", settings):
            self._consumer = KafkaConsumer(
                **settings.client(), enable_auto_commit=False, auto_offset_reset="none", allow_auto_create_topics=False,
                request_timeout_ms=10_000, max_poll_records=5_000, metrics_enabled=False,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def begins(self) -> list[int]:
        """Return the offset of each partition's first message, the end's where it holds none."""
        found = self._consumer.beginning_offsets(self._all(), timeout_ms=self._milliseconds)
        return [found[partition] for partition in self._all()]

    def ends(self, within: float | None = None) -> list[int]:
        """Return the offset that each partition's next message will have.

        Raises:
            KafkaTimeoutError: the broker or the topic is gone; after *within* seconds.
        """
        milliseconds = self._milliseconds if within is None else int(within * 1_000)
        found = self._consumer.end_offsets(self._all(), timeout_ms=milliseconds)
        return [found[partition] for partition in self._all()]

    def since(self, log: Log, position: int, slack: timedelta) -> list[int]:
        """Return an offset of each partition at or before which no event lies that was recorded after *position*.

        No message is produced before its event was recorded, and Kafka keeps the time of producing. Positions don't tell:
        a former leader that was frozen can produce old ones again at any time, also behind events that the log lost.

        Args:
            log: the log; where it does not hold *position*, the beginnings are returned.
            position: a position, 0 for before the first.
            slack: how far the clocks of Kafka, relays and PostgreSQL may be apart.
        """
        at = log.read(position - 1, 1) if position > 0 else []
        if not at:
            return self.begins()
        moment = int((at[0].recorded_at - slack).timestamp() * 1_000)
        found = self._consumer.offsets_for_times(dict.fromkeys(self._all(), moment), timeout_ms=self._milliseconds)
        ends = self.ends()
        return [
            end if (first := found.get(part)) is None else first.offset
            for part, end in zip(self._all(), ends, strict=True)
        ]

    def read(self, partition: int, begin: int, end: int) -> list[Held]:
        """Return the relay's messages in ``[begin, end)``, in order.

        Raises:
            ConfigurationError: they are of another log.
            KafkaTimeoutError: nothing came for the time that a first answer may take.
        """
        at, found = TopicPartition(self.topic, partition), list[Held]()
        self._consumer.assign([at])
        self._consumer.seek(at, begin)
        deadline = time.monotonic() + self._timeout
        while self._consumer.position(at) < end:
            raw = self._consumer.poll(timeout_ms=200, max_records=min(5_000, end - begin)).get(at, [])
            if raw:
                deadline = time.monotonic() + self._timeout
            elif time.monotonic() > deadline:
                raise KafkaTimeoutError(f"partition {partition} of {self.topic!r} gave nothing for {self._timeout:g} s")
            for one in raw:
                if one.offset < end and (held := self._held(partition, one)) is not None:
                    found.append(held)
        return found

    def backwards(self, partition: int, begin: int, end: int) -> Iterator[list[Held]]:
        """Give the messages of ``[begin, end)`` in chunks, the last chunk first; each chunk in order."""
        sizes = iter(_CHUNKS)
        while end > begin:
            start = max(begin, end - next(sizes, _CHUNKS[-1]))
            yield self.read(partition, start, end)
            end = start

    def _held(self, partition: int, raw: Any) -> Held | None:
        try:
            message = received(raw)
        except NotOurs:
            return None
        epoch = epoch_of(message.source, self._log)
        if epoch is None:
            raise ConfigurationError(
                f"topic {self.topic!r} holds messages of {message.source.decode(errors='replace')!r}, expected those of log"
                f" {self._log!r} (one log, one topic: correct TICKETCORE_KAFKA_TOPIC or TICKETCORE_LOG_NAME)"
            )
        return Held(partition, raw.offset, message, epoch, raw)

    @property
    def _milliseconds(self) -> int:
        return int(self._timeout * 1_000)

    def _all(self) -> list[TopicPartition]:
        return [TopicPartition(self.topic, number) for number in range(self.partitions)]


def held_by(log: Log, messages: Sequence[Held]) -> set[int]:
    """Return the offsets of those *messages* (of one partition) whose event the log holds, byte by byte."""
    wanted = {held.message.record.position for held in messages}
    records: dict[int, Record] = {}
    after = min(wanted, default=1) - 1
    while wanted and (page := log.read(after, min(_PAGE, max(wanted) - after))):
        records.update((record.position, record) for record in page if record.position in wanted)
        after = page[-1].position
        if after >= max(wanted):
            break
    return {held.offset for held in messages if records.get(held.message.record.position) == held.message.record}


def check_topic(tail: Tail, log: Log, epochs: Epochs, position: int, live: Callable[[], None] = lambda: None) -> None:
    """Compare what the topic was given since *position* was recorded with the log; *live* is called now and then.

    Args:
        tail: of the topic.
        log: the log.
        epochs: of the log.
        position: of the relay's row. It was restored with the log, so what the log lost was recorded after it.
        live: called for each chunk.
    Raises:
        EpochMismatch: the log does not hold an event that the topic holds: it was restored.
    """
    begins, ends = tail.since(log, position, _CLOCKS_DIFFER), tail.ends()
    for partition in range(tail.partitions):
        for chunk in tail.backwards(partition, begins[partition], ends[partition]):
            live()
            unknown = [held for held in chunk if held.epoch not in {epochs.now, *epochs.former}]
            ours = [held for held in chunk if held.epoch == epochs.now]
            there = held_by(log, ours)
            unknown += [held for held in ours if held.offset not in there]
            if unknown:
                held = unknown[-1]
                raise EpochMismatch(
                    f"topic {tail.topic!r} holds position {held.message.record.position} of epoch {held.epoch} of log"
                    f" {log.name!r} (partition {partition}, offset {held.offset}), but the log, which ends at {log.head()},"
                    " holds no such event there: it was restored from a backup (run `ticketcore recover --dry-run` to see"
                    " what it lost, then `ticketcore recover`)"
                )


def lacks(tail: Tail, epochs: Epochs, previous: Sequence[int]) -> tuple[int | None, dict[int, int]]:
    """Compare what the topic holds with what its relay was told that it holds.

    Args:
        tail: of the topic.
        epochs: of the log.
        previous: position of the last event of each partition, by the relay's row.
    Returns:
        The position after which the topic is to be filled again (``None``: it has everything that its retention left), and
        for each partition that lacks its beginning the offset before which its messages are of no use.
    """
    begins, ends = tail.begins(), tail.ends()
    back: list[int] = []
    headless: dict[int, int] = {}
    for partition, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        if previous[partition] == 0:
            continue
        if end == 0:
            back.append(0)
        elif begin == 0 and (first := tail.read(partition, 0, 1)) and first[0].message.previous != 0:
            headless[partition] = end
            back.append(0)
        elif end > begin and (last := tail.read(partition, end - 1, end)) and last[0].epoch == epochs.now:
            reached = last[0].message.record.position
            if reached < previous[partition]:
                back.append(reached)
    return min(back, default=None), headless


def previous_at(log: Log, position: int, partitions: int, live: Callable[[], None] = lambda: None) -> tuple[int, ...]:
    """Return the position of the last event of each partition at or below *position*; 0 for none. *live*: called for each page."""
    found: dict[int, int] = {}
    end = position
    while end > 0 and len(found) < partitions:
        live()
        start = max(0, end - _PAGE)
        for record in reversed(_between(log, start, end)):
            found.setdefault(partition_of(record.originator_id, partitions), record.position)
        end = start
    return tuple(found.get(partition, 0) for partition in range(partitions))


def _between(log: Log, start: int, end: int) -> list[Record]:
    found: list[Record] = []
    while start < end and (page := log.read(start, end - start)):
        found += page
        start = page[-1].position
    return found
