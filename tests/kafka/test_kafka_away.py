"""Kafka is away for long while commands go on: what waits, what is said, and that all is there once it is back."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from projections.projector import FedByPartitions
from projections.runner import Runner
from projections.schema import MODELS
from tests.kafka.given import Way, Worker, append_lives, eventually, in_thread, messages
from tests.kafka.test_commands import run
from tests.kafka.test_relay import without_duplicates
from tests.support import unavailable
from tests.support.kafka import Kafka
from ticketcore import Actor, Settings, TicketCore
from ticketcore.errors import WaitTimeout
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog
from workers.kafka import relay
from workers.kafka.leadership import progress
from workers.kafka.relay import Relay
from workers.kafka.topic import ensure_topic

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ANA = Actor.agent("ana")
BACKLOG = 60_000
"""Events: an hour at 17 a second."""


@pytest.fixture
def way(database: str, kafka: Kafka, tmp_path: Path) -> Way:
    if os.environ.get("TICKETCORE_KAFKA_BOOTSTRAP_SERVERS"):
        unavailable("the broker is not ours to stop: unset TICKETCORE_KAFKA_BOOTSTRAP_SERVERS")
    return Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path)


@contextmanager
def stopped(kafka: Kafka) -> Iterator[None]:
    kafka.stop()
    try:
        yield
    finally:
        kafka.start()


@contextmanager
def frozen(kafka: Kafka) -> Iterator[None]:
    kafka.pause()
    try:
        yield
    finally:
        kafka.resume()


@contextmanager
def unreachable(kafka: Kafka) -> Iterator[None]:
    """Nothing answers at its address, not even with a refusal: the queue of a listener that takes no one is full."""
    host, _, port = kafka.bootstrap.rpartition(":")
    with stopped(kafka), ExitStack() as stack:
        stack.enter_context(socket.create_server((host, int(port)), backlog=0))
        for _ in range(8):
            caller = stack.enter_context(closing(socket.socket()))
            caller.setblocking(False)
            caller.connect_ex((host, int(port)))
        with pytest.raises(TimeoutError):
            socket.create_connection((host, int(port)), timeout=0.5)
        yield


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that gives a message up after seconds, so that an outage of seconds is longer than its patience."""
    monkeypatch.setitem(relay._PRODUCER, "delivery_timeout_ms", 4_000)
    monkeypatch.setitem(relay._PRODUCER, "request_timeout_ms", 2_000)
    monkeypatch.setattr(relay, "_CONFIRMED_WITHIN", 6.0)


def relayed(way: Way, log: PostgresLog) -> bool:
    at = progress(way.dsn, way.topic)
    return at is not None and at.position == log.head()


@pytest.mark.parametrize("away", [stopped, frozen, unreachable])
@pytest.mark.usefixtures("impatient")
def test_an_outage_longer_than_the_clients_patience_loses_nothing(
    way: Way, log: PostgresLog, kafka: Kafka, away: Callable[[Kafka], AbstractContextManager[None]]
) -> None:
    settings = way.settings.model_copy(update={"timeout": 3.0})
    with capture_logs() as said, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(in_thread(Relay(way.dsn, log, settings).run))
        eventually(lambda: any(line["event"] == "relay.leads" for line in said), 60)
        append_lives(log, range(1, 60))
        eventually(lambda: relayed(way, log), 60)
        with away(kafka):
            append_lives(log, range(60, 300), seed=2)
            eventually(lambda: sum(line["event"] == "relay.retry" for line in said) > 3, 120)
            before = time.monotonic()
            append_lives(log, range(300, 330), seed=3)
            print(f"30 lives appended in {time.monotonic() - before:.2f} s")
        eventually(lambda: relayed(way, log), 120)
    assert all(line["pause"] <= 5 for line in said if line["event"] == "relay.retry")
    assert all(line["error"] for line in said if line["event"] == "relay.retry")
    assert without_duplicates(messages(kafka.bootstrap, way.topic)) == list(range(1, log.head() + 1))
    with way.running(log):
        way.caught_up(log, 120)
    way.check(log)


def test_an_hours_backlog_waits_in_the_log_and_workers_stay_small(way: Way, log: PostgresLog, kafka: Kafka) -> None:
    ensure_topic(way.settings, way.topic, way.settings.partitions)
    workers = [way.worker("relay"), way.worker("project")]
    sizes: dict[int, int] = {}

    def look() -> None:
        for worker in workers:
            size = psutil.Process(worker.process.pid).memory_info().rss
            sizes[worker.process.pid] = max(size, sizes.get(worker.process.pid, 0))

    def caught_up() -> bool:
        look()
        return way.holds_all(log)

    try:
        append_lives(log, range(1, 60))
        eventually(caught_up, 120)
        small = dict(sizes)
        with stopped(kafka):
            said_before, since = [worker.said.count("\n") for worker in workers], time.monotonic()
            tickets = 60
            while log.head() < BACKLOG:
                append_lives(log, range(tickets, tickets + 600), seed=tickets)
                tickets += 600
                look()
            eventually(lambda: "relay.retry" in workers[0].said, 120)
            minutes = (time.monotonic() - since) / 60
            for worker, before in zip(workers, said_before, strict=True):
                lines = worker.said.count("\n") - before
                print(f"{lines} lines in {minutes:.1f} minutes")
                assert lines < 60 + 120 * minutes
            shown = run(way.environ, "kafka", "status", "--json")
            assert shown.returncode == 0, shown.stderr
            told = json.loads(shown.stdout)
            assert told["log_position"] - told["relayed"] > BACKLOG - 2_000
        back = time.monotonic()
        eventually(caught_up, 600, pause=0.5)
        print(f"{log.head():,} events relayed and projected {time.monotonic() - back:.0f} s after Kafka is back")
        for worker in workers:
            pid = worker.process.pid
            print(f"{small[pid] >> 20} MB, at most {sizes[pid] >> 20} MB")
            assert sizes[pid] - small[pid] < 250 << 20
            assert worker.end() == 0
    finally:
        _kill(workers)
    way.check(log)


@pytest.mark.parametrize("away", [stopped, frozen])
def test_workers_that_are_told_to_stop_end_well_without_kafka(
    way: Way, log: PostgresLog, kafka: Kafka, away: Callable[[Kafka], AbstractContextManager[None]]
) -> None:
    ensure_topic(way.settings, way.topic, way.settings.partitions)
    workers = [way.worker("relay"), way.worker("project", "queues")]
    try:
        append_lives(log, range(1, 30))
        eventually(lambda: min(way.checkpoints().get(("queues", n), 0) for n in range(6)) > 0, 120)
        with away(kafka):
            append_lives(log, range(30, 60), seed=2)
            assert [worker.end() for worker in workers] == [0, 0]
    finally:
        _kill(workers)
    with way.running(log):
        way.caught_up(log, 120)
    way.check(log)


def test_read_models_can_be_given_to_the_log_while_kafka_is_away_and_to_kafka_again(
    way: Way, log: PostgresLog, kafka: Kafka, tmp_path: Path
) -> None:
    settings = Settings(dsn=way.dsn, key_file=tmp_path / "keys.json", inline=False, wait_timeout=2)
    with closing(TicketCore.open(settings, make_keys=True)) as core:
        with way.running(log):
            first = core.open_ticket(channel="form", subject="a", body="b", by=ANA)
            way.caught_up(log, 120)
            assert first.number in {entry.number for entry in core.queue(by=ANA, seen=first)}
        with stopped(kafka):
            seen = core.open_ticket(channel="form", subject="c", body="d", by=ANA)
            with pytest.raises(WaitTimeout, match=r"within 2 s \(is a projector running"):
                core.queue(by=ANA, seen=seen)
            assert seen.number not in {entry.number for entry in core.queue(by=ANA)}
            with Runner(way.dsn, log, Codec().decode) as runner:
                with pytest.raises(FedByPartitions, match="kafka hand-back"):
                    runner.catch_up()
                shown = run(way.environ, "kafka", "hand-back")
                assert (shown.returncode, shown.stdout.count("of the log.")) == (0, len(MODELS)), shown.stderr
                runner.catch_up()
                assert seen.number in {entry.number for entry in core.queue(by=ANA, seen=seen)}
            way.check(log)
            refused = run(way.environ | {"TICKETCORE_KAFKA_TIMEOUT": "1"}, "worker", "project")
            assert refused.returncode == 3
            assert {partition for _, partition in way.checkpoints()} == {-1}
        with way.running(log):
            again = core.open_ticket(channel="form", subject="e", body="f", by=ANA)
            way.caught_up(log, 120)
            assert again.number in {entry.number for entry in core.queue(by=ANA, seen=again)}
        way.check(log)


def _kill(workers: list[Worker]) -> None:
    for worker in workers:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait(30)
