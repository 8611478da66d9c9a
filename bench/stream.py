"""Relay and projection through a real Kafka, against the bare client on the same messages."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import psycopg
import structlog
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from bench.harness import Result, compare, say, scaled, turns
from bench.ingest import CODEC, copying, imported
from projections.partitions import partition_of
from projections.runner import Runner
from projections.schema import MODELS, connect, install
from tests.support.kafka import Kafka
from ticketcore.store.postgres import PostgresLog
from workers.kafka.message import message_of, source_of
from workers.kafka.projector_worker import _CONSUMER, ProjectorWorker
from workers.kafka.reading import Reader
from workers.kafka.relay import _PRODUCER, Relay
from workers.kafka.settings import KafkaSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    from bench.place import Place
    from ticketcore.app import TicketCore

__all__ = ["stream"]

PARTITIONS = 6
_PATIENCE = 120.0
_TABLES = tuple(f"{model.name}.{table.name}" for model in MODELS for table in model.tables)


class Sent(NamedTuple):
    """What is given to the client."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def stream(place: Place) -> list[Result]:
    """Return the rates of events that are relayed, and of events that are projected into all read models."""
    _quiet()
    with Kafka() as kafka, place.core() as core:
        imported(core, place.sample(scaled(20_000)))
        messages = _messages(core)
        say(f"stream: {len(messages):,} events, {kafka.source}")
        return [*_relaying(kafka, core, messages), *_projecting(place, kafka, core, messages)]


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _messages(core: TicketCore) -> list[Sent]:
    """Return the whole log as its relay writes it."""
    source, previous, found, at = source_of(core.log.name, core.log.epoch()), [0] * PARTITIONS, list[Sent](), 0
    while records := core.log.read(at, 5_000):
        for record in records:
            partition = partition_of(record.originator_id, PARTITIONS)
            found.append(Sent(partition, *message_of(record, source, previous[partition])))
            previous[partition] = record.position
        at = records[-1].position
    return found


def _settings(kafka: Kafka, topic: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap, topic=topic, group=topic, partitions=PARTITIONS)


@contextmanager
def _topic(kafka: Kafka) -> Iterator[str]:
    topic = kafka.create_topic(PARTITIONS)
    try:
        yield topic
    finally:
        with KafkaAdminClient(bootstrap_servers=kafka.bootstrap) as admin:
            admin.delete_topics([topic])


def _relaying(kafka: Kafka, core: TicketCore, messages: Sequence[Sent]) -> list[Result]:
    dsn = str(core.settings.dsn)

    def ours(_: int) -> float:
        with _topic(kafka) as topic:
            relay, stop = Relay(dsn, core.log, _settings(kafka, topic)), threading.Event()
            thread = threading.Thread(target=relay.run, args=(stop,))
            thread.start()
            try:
                began = _when(lambda: relay.leads)
                return len(messages) / (_when(lambda: relay.carried >= len(messages)) - began)
            finally:
                stop.set()
                thread.join()

    def bare(_: int) -> float:
        with _topic(kafka) as topic:
            return len(messages) / _produce(kafka, topic, messages)

    rates = turns("relay, events/s", {"relay": ours, "bare producer": bare})
    text = "bare kafka-python producer, the same messages ready in memory, acks=all, idempotent"
    return [compare("relay", "events/s", rates["relay"], rates["bare producer"], text, 0.7)]


def _produce(kafka: Kafka, topic: str, messages: Sequence[Sent]) -> float:
    """Produce *messages* and return the seconds until all are confirmed; connecting is not counted."""
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, **_PRODUCER)
    try:
        producer.partitions_for(topic)
        began = time.perf_counter()
        futures = [producer.send(topic, m.value, m.key, m.headers, m.partition) for m in messages]
        producer.flush()
        seconds = time.perf_counter() - began
        for future in futures:
            future.get(timeout=0)
        return seconds
    finally:
        producer.close()


def _projecting(place: Place, kafka: Kafka, core: TicketCore, messages: Sequence[Sent]) -> list[Result]:
    with ExitStack() as stack:
        topic = stack.enter_context(_topic(kafka))
        _produce(kafka, topic, messages)
        settings, dsn = _settings(kafka, topic), stack.enter_context(place.database())
        last = {message.partition: int(dict(message.headers)["ce_sequence"]) for message in messages}
        ends = [last[partition] for partition in range(PARTITIONS)]
        install(dsn)
        with Runner(dsn, core.log, CODEC.decode_to_fold) as runner:
            runner.catch_up()
        copy = stack.enter_context(copying(dsn, _TABLES, binary=False))

        def turn(workers: int) -> float:
            with place.database() as fresh:
                install(fresh)
                return len(messages) / _project(core, settings, fresh, workers, ends)

        def bare(number: int) -> float:
            return len(messages) / (_consume(kafka, topic, len(messages)) + copy(number))

        one, two = "one process", "two processes"
        rates = turns("projection from Kafka, events/s", {one: lambda _: turn(1), two: lambda _: turn(2), "bare": bare})
    text = "bare kafka-python consumer of the same messages, then COPY of the resulting rows"
    return [
        compare(f"projection from Kafka, all read models, {who}", "events/s", rates[who], rates["bare"], text, goal)
        for who, goal in ((one, 0.4), (two, None))
    ]


def _consume(kafka: Kafka, topic: str, count: int) -> float:
    """Read *count* messages and return the seconds from the assignment on; it takes no part in a group."""
    options = {name: value for name, value in _CONSUMER.items() if name != "auto_offset_reset"}
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", **options)
    try:
        consumer.assign([TopicPartition(topic, n) for n in range(PARTITIONS)])
        seen, began = 0, time.perf_counter()
        while seen < count:
            seen += sum(map(len, consumer.poll(timeout_ms=200).values()))
        return time.perf_counter() - began
    finally:
        consumer.close()


def _project(core: TicketCore, settings: KafkaSettings, dsn: str, workers: int, ends: Sequence[int]) -> float:
    """Let so many processes project the topic into all models; return the seconds from the first assignment on."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    firsts = [context.Value("d", 0.0) for _ in range(workers)]
    children = [
        context.Process(
            target=_worker, args=(str(core.settings.dsn), core.log.name, dsn, settings.model_dump(), stop, first)
        )
        for first in firsts
    ]
    for child in children:
        child.start()
    try:
        with connect(dsn) as connection:
            ended = _when(lambda: _reached(connection, ends), pause=0.01)
        return float(ended - min(first.value for first in firsts if first.value))
    finally:
        stop.set()
        for child in children:
            child.join()


def _reached(connection: psycopg.Connection[Any], ends: Sequence[int]) -> bool:
    """Return whether every read model holds every partition up to its last event."""
    rows = connection.execute("SELECT partition, position FROM read_meta.checkpoints WHERE partition >= 0").fetchall()
    return sorted(rows) == sorted(list(enumerate(ends)) * len(MODELS))


def _worker(
    log_dsn: str, name: str, dsn: str, given: dict[str, Any], stop: Event, first: Synchronized[float],
) -> None:  # fmt: skip
    make = Reader.__init__

    def timed(reader: Reader, *given: Any) -> None:
        first.value = first.value or time.perf_counter()
        make(reader, *given)

    _quiet()
    settings = KafkaSettings(**given)
    log = PostgresLog(log_dsn, name=name, pool_size=2)
    try:
        topic = settings.topic_of(name)
        worker = ProjectorWorker(dsn, MODELS, {topic: log}, CODEC.decode_to_fold, settings)
        with patch.object(Reader, "__init__", timed):
            worker.run(stop)  # type: ignore[arg-type]  # it waits like a thread's
    finally:
        log.close()


def _when(holds: Callable[[], bool], pause: float = 0.002) -> float:
    """Wait until *holds* and return the time."""
    deadline = time.perf_counter() + _PATIENCE
    while not holds():
        if time.perf_counter() > deadline:
            raise SystemExit(f"the stream stood still for {_PATIENCE:g} s")
        time.sleep(pause)
    return time.perf_counter()
