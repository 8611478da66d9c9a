"""Events for real logs, and workers as processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from projections.schema import MODELS, install
from projections.verify import verify
from tests.kafka.together import run_together
from tests.projections.given import Life, after, customer_id, cv, ev, opened
from tests.store.building import migrated
from ticketcore.domain.base import Event
from ticketcore.domain.types import Channel, Direction
from ticketcore.store.codec import Codec
from ticketcore.store.port import Append, Appended
from ticketcore.store.postgres import PostgresLog
from workers.kafka.leadership import progress
from workers.kafka.projector_worker import ProjectorWorker
from workers.kafka.relay import Relay
from workers.kafka.settings import KafkaSettings

__all__ = [
    "Way", "Worker", "append_lives", "eventually", "in_thread", "messages", "opened_log", "prepared", "settings_for",
]  # fmt: skip


def prepared(dsn: str) -> str:
    """Return *dsn* with all tables."""
    install(migrated(dsn))
    return dsn


@contextmanager
def opened_log(dsn: str, name: str = "main") -> Iterator[PostgresLog]:
    log = PostgresLog(dsn, name=name, pool_size=4, patience=10)
    try:
        yield log
    finally:
        log.close()


def settings_for(bootstrap: str, topic: str, **more: Any) -> KafkaSettings:
    known = {"bootstrap_servers": bootstrap, "topic": topic, "group": topic, "lease": 2, "session_timeout": 6}
    return KafkaSettings(**{**known, **more})


def append_lives(log: PostgresLog, tickets: range, *, seed: int = 1, steps: int = 6) -> int:
    """Append tickets' and customers' lives, mixed as they would be, and return the last position."""
    random = Random(seed)
    lives = [_life(number, random, steps) for number in tickets]
    cursors = [iter(life.events) for life in lives]
    mixed: list[Event] = []
    while cursors:
        cursor = random.choice(cursors)
        event = next(cursor, None)
        if event is None:
            cursors.remove(cursor)
        else:
            mixed.append(event)
    codec, reached = Codec(), 0
    while mixed:
        part, mixed = mixed[:40], mixed[40:]
        first: dict[Any, int] = {}
        for event in part:
            first.setdefault(event.originator_id, event.originator_version - 1)
        stored = tuple(codec.to_stored_event(event) for event in part)
        [outcome] = log.append([Append(uuid4(), b"0123456789abcdef", tuple(first.items()), stored)])
        assert isinstance(outcome, Appended), outcome
        assert outcome.position is not None
        reached = outcome.position
    return reached


def _life(number: int, random: Random, steps: int) -> Life:
    if number % 5 == 0:
        return Life(customer_id(number)).then(cv.Registered, after(hours=number))
    life = opened(number, after(hours=number), requester_id=customer_id(number // 5 * 5 + 5))
    makers: list[tuple[Any, dict[str, Any]]] = [
        (
            ev.Commented,
            {
                "direction": random.choice(list(Direction)),
                "channel": Channel.MAIL,
                "sealed": "c2VhbGVk" * random.randint(1, 40),
            },
        ),
        (ev.Assigned, {"team_id": "mail", "agent_id": random.choice(["ana", "bo"])}),
        (ev.Pended, {}),
        (ev.Resumed, {}),
        (ev.Solved, {}),
        (ev.Reopened, {}),
    ]
    for step in range(steps):
        cls, fields = random.choice(makers)
        life.then(cls, after(hours=number, minutes=step + 1), meta={"irregular": True}, **fields)
    return life


def messages(bootstrap: str, topic: str, *, quiet: float = 1.5) -> dict[int, list[Any]]:
    """Everything a topic holds, by partition, until nothing came for *quiet* seconds."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", max_poll_records=10_000)
    found: dict[int, list[Any]] = defaultdict(list)
    try:
        consumer.assign([TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic))])
        ends = consumer.end_offsets(consumer.assignment())
        last = time.monotonic()
        while time.monotonic() - last < quiet and any(consumer.position(tp) < end for tp, end in ends.items()):
            for tp, records in consumer.poll(timeout_ms=200).items():
                found[tp.partition] += records
                last = time.monotonic()
    finally:
        consumer.close()
    return found


def eventually(what: Callable[[], bool], seconds: float = 30, pause: float = 0.05) -> float:
    """Wait until *what* holds and return how long it took."""
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < seconds, f"not within {seconds:g} s"
        time.sleep(pause)
    return time.monotonic() - started


@contextmanager
def in_thread(run: Callable[[threading.Event], Any]) -> Iterator[threading.Thread]:
    """Run a worker in a thread and stop it at the end; what it raised is raised here."""
    stop, failed = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            run(stop)
        except BaseException as error:  # noqa: BLE001 told to the test
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    if failed:
        raise failed[0]


class Worker:
    """``ticketcore worker ...`` as a process; ended by its own id."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str], output: Path) -> None:
        self._output = output
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from workers.cli import main; main()", "worker", *arguments],
                env={**os.environ, **environ}, stdout=file, stderr=file,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._output.read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        return self.process.wait(30)


class Way:
    """A log, its relay's topic and the read models, as processes and threads use them."""

    def __init__(self, dsn: str, bootstrap: str, topic: str, folder: Path, partitions: int = 6) -> None:
        self.dsn, self.topic, self.folder = prepared(dsn), topic, folder
        self.settings = settings_for(bootstrap, topic, partitions=partitions)
        self.environ = {
            "TICKETCORE_DSN": dsn,
            "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "TICKETCORE_KAFKA_TOPIC": topic,
            "TICKETCORE_KAFKA_GROUP": topic,
            "TICKETCORE_KAFKA_PARTITIONS": str(partitions),
            "TICKETCORE_KAFKA_LEASE": "2",
            "TICKETCORE_KAFKA_SESSION_TIMEOUT": "6",
        }
        self._numbers = iter(range(1, 100))

    def worker(self, *arguments: str) -> Worker:
        """Start ``ticketcore worker ARGUMENTS`` as a process."""
        return Worker(arguments, self.environ, self.folder / f"{arguments[0]}-{next(self._numbers)}.log")

    def projectors(self, log: PostgresLog, **more: Any) -> list[ProjectorWorker]:
        """Return a projector of all models, to run in a thread."""
        settings = self.settings.model_copy(update=more)
        return [ProjectorWorker(self.dsn, MODELS, {self.topic: log}, Codec().decode, settings)]

    @contextmanager
    def running(self, log: PostgresLog, projectors: Sequence[ProjectorWorker] | None = None) -> Iterator[None]:
        """Run a relay and projectors in threads."""
        with in_thread(Relay(self.dsn, log, self.settings).run):
            eventually(lambda: progress(self.dsn, self.topic) is not None)
            workers = self.projectors(log) if projectors is None else projectors
            with in_thread(lambda stop: run_together([worker.run for worker in workers], stop)):
                yield

    def relayed(self, log: PostgresLog, seconds: float = 30) -> None:
        """Carry the log to the topic by a relay of its own, while no projector runs."""
        with in_thread(Relay(self.dsn, log, self.settings).run):
            eventually(
                lambda: (at := progress(self.dsn, self.topic)) is not None and at.position >= log.head(), seconds
            )

    def trimmed(self, keep: int = 0) -> None:
        """Delete each partition's messages but the last *keep* of them, as retention does."""
        partitions = [TopicPartition(self.topic, n) for n in range(self.settings.partitions)]
        with KafkaAdminClient(bootstrap_servers=self.settings.bootstrap_servers) as admin:
            ends = {at: admin.list_partition_offsets({at: -1})[at].offset for at in partitions}
            admin.delete_records({at: max(0, end - keep) for at, end in ends.items()})

    def caught_up(self, log: PostgresLog, seconds: float = 60) -> None:
        """Wait until every model holds the log's end."""
        eventually(lambda: self.holds_all(log), seconds)

    def holds_all(self, log: PostgresLog) -> bool:
        at = progress(self.dsn, self.topic)
        if at is None or at.position < log.head():
            return False
        points = self.checkpoints(log.name)
        wanted = {(model.name, n): last for model in MODELS for n, last in enumerate(at.previous)}
        return all(points.get(key, -1) >= last for key, last in wanted.items())

    def checkpoints(self, log: str = "main") -> dict[tuple[str, int], int]:
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(
                "SELECT c.model, c.partition, c.position FROM read_meta.checkpoints c"
                " JOIN read_meta.models USING (model, generation) WHERE role = 'live' AND log = %s",
                [log],
            ).fetchall()
        return {(model, partition): position for model, partition, position in rows}

    def check(self, log: PostgresLog, parked: int = 0) -> None:
        """Compare every row with a fresh fold of the log."""
        found = verify(self.dsn, log, Codec().decode)
        assert found.differences == []
        assert found.different == 0
        assert sum(found.rows.values()) > 0
        assert sum(found.parked.values()) == parked
