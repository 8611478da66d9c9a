"""A reader of the topic that knows docs/kafka.md and none of our code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from kafka import KafkaConsumer, TopicPartition

__all__ = ["Heard", "Reader", "heard_of", "read"]


class Heard(NamedTuple):
    """An event as the topic, or the log, has it."""

    position: int
    id: str
    type: str
    value: bytes


class Reader:
    """One partition by the documented rules: at or below h is dropped, ``previous`` above h is filled from the log.

    Args:
        fill: (after, up to) -> the log's events of this partition in between, both ends open at the lower one.
    """

    def __init__(self, fill: Callable[[int, int], Iterable[Heard]]) -> None:
        self._fill, self._held = fill, 0
        self.events: list[Heard] = []
        self.duplicates = self.gaps = self.unexplained = 0

    def take(self, message: Heard, previous: int) -> None:
        if message.position <= self._held:
            self.duplicates += 1
            return
        if previous > self._held:
            self.gaps += 1
            self.events += self._fill(self._held, previous)
        elif previous < self._held:
            self.unexplained += 1
        self.events.append(message)
        self._held = message.position


def heard_of(position: int, stream: UUID, version: int, topic: str, state: bytes) -> Heard:
    """Return a row of the log as its message should be."""
    return Heard(position, f"{stream}:{version}", topic, state)


def partition_of(key: bytes, partitions: int) -> int:
    return crc32(key) % partitions


def read(bootstrap: str, topic: str, patience: float) -> Iterator[tuple[int, bytes, Heard, int]]:
    """Yield partition, key, event and ``previous`` of every message that the topic holds now."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", fetch_max_bytes=8_388_608)
    try:
        consumer.assign([TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic))])
        ends = consumer.end_offsets(consumer.assignment())
        deadline = time.monotonic() + patience
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            assert time.monotonic() < deadline, f"the topic can't be read to its end within {patience:g} s"
            for partition, messages in consumer.poll(timeout_ms=500).items():
                deadline = time.monotonic() + patience
                for message in messages:
                    headers = {name: value.decode() for name, value in message.headers}
                    event = Heard(int(headers["ce_sequence"]), headers["ce_id"], headers["ce_type"], message.value)
                    yield partition.partition, message.key, event, int(headers["ce_previous"])
    finally:
        consumer.close()
