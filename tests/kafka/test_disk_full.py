"""PostgreSQL's or Kafka's disk is full while commands, relay and projectors run, and has space again some time later."""

import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

import psycopg
import pytest
from structlog.testing import capture_logs

from projections.runner import Runner
from projections.schema import MODELS, install
from projections.verify import verify
from tests.crash.proof import assert_log_is_whole, rows_of
from tests.kafka.given import Way, append_lives, eventually, in_thread, messages, opened_log, prepared
from tests.kafka.test_relay import without_duplicates
from tests.kafka.together import run_together
from tests.support import unavailable
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres
from tests.support.small_disk import SmallDisk
from ticketcore import Actor, Settings, TicketCore
from ticketcore.errors import StoreUnavailable
from ticketcore.store.codec import Codec
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.postgres import PostgresLog
from workers.kafka import relay
from workers.kafka.broker_java import JavaBroker, java_missing
from workers.kafka.projector_worker import ProjectorWorker
from workers.kafka.topic import ensure_topic

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ANA = Actor.agent("ana")
THREADS = 4
PATIENCE = 2.0


class Desk:
    """Threads that open tickets on one core, and give each command again until it is recorded."""

    def __init__(self, core: TicketCore) -> None:
        self._core, self._stop = core, threading.Event()
        self.recorded: dict[UUID, int | None] = {}
        self.refused: dict[int, str] = {}
        """Thread -> what it was told last."""
        self._threads = [threading.Thread(target=self._open_tickets, args=(n,)) for n in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def _open_tickets(self, number: int) -> None:
        command_id = uuid4()
        while not self._stop.is_set() or command_id not in self.recorded:
            if command_id in self.recorded:
                command_id = uuid4()
            try:
                done = self._core.open_ticket(
                    channel="form", subject="Hello", body="x" * 500, by=ANA, command_id=command_id
                )
            except StoreUnavailable as error:
                self.refused[number] = str(error)
            else:
                self.recorded[command_id] = done.position

    def check(self, dsn: str) -> None:
        """Every acknowledged command is in the log once, and nothing else is."""
        assert not any(thread.is_alive() for thread in self._threads)
        rows, receipts = rows_of(dsn)
        assert_log_is_whole(rows, receipts)
        assert {command_id: position for command_id, (position, _, _) in receipts.items()} == self.recorded


@contextmanager
def server_on(disk: SmallDisk, part: str) -> Iterator[tuple[Postgres, str]]:
    """A server one folder of whose data lies on *disk*, and a data base with all tables in it."""
    with Postgres() as server:
        dsn = prepared(server.create_database())
        server.stop()
        disk.take(server.data / part)
        server.start()
        yield server, dsn


@contextmanager
def desk_at(dsn: str, folder: Path) -> Iterator[Desk]:
    settings = Settings(dsn=dsn, key_file=folder / "keys.json", inline=False)
    with closing(TicketCore.open(settings, make_keys=True)) as core:
        assert isinstance(core.log, PostgresLog)
        assert isinstance(core._keys, PostgresKeyStore)
        core.log._patience = core._keys.timeout = PATIENCE
        with Desk(core) as desk:
            yield desk


def goes_on(desk: Desk) -> None:
    before = len(desk.recorded)
    eventually(lambda: len(desk.recorded) > before + 20, 120)


def fill_wal(server: Postgres) -> None:
    """Go to the end of the server's own log, file by file, until it can't make the next one."""
    with psycopg.connect(server.dsn("postgres", superuser=True), autocommit=True) as connection:
        for _ in range(20):
            connection.execute("SELECT pg_logical_emit_message(true, 'test', 'x')")
            connection.execute("SELECT pg_switch_wal()")


def test_commands_name_a_full_disk_and_all_goes_on_once_it_has_space(kafka: Kafka, tmp_path: Path) -> None:
    with SmallDisk(128) as disk, server_on(disk, "base") as (_, dsn), opened_log(dsn) as log:
        way = Way(dsn, kafka.bootstrap, kafka.topic_name(), tmp_path)
        with way.running(log), desk_at(dsn, tmp_path) as desk:
            goes_on(desk)
            disk.fill()
            eventually(lambda: len(desk.refused) == THREADS, 120)
            disk.free()
            goes_on(desk)
            desk.__exit__()
            desk.check(dsn)
            way.caught_up(log)
        assert all("No space left on device" in text for text in desk.refused.values())
        assert all("its disk is full" in text and "free or add space" in text for text in desk.refused.values())
        way.check(log)


def test_a_server_that_ended_for_want_of_space_is_started_and_no_worker_needs_to_be(
    kafka: Kafka, tmp_path: Path
) -> None:
    with SmallDisk(96) as disk, server_on(disk, "pg_wal") as (server, dsn), opened_log(dsn) as log:
        way = Way(dsn, kafka.bootstrap, kafka.topic_name(), tmp_path)
        with capture_logs() as said, way.running(log), desk_at(dsn, tmp_path) as desk:
            goes_on(desk)
            disk.fill()
            with pytest.raises(psycopg.OperationalError):
                fill_wal(server)
            eventually(lambda: not server.running, 120)
            eventually(lambda: len(desk.refused) == THREADS, 120)
            eventually(lambda: {"relay.retry", "projector.retry"} <= {line["event"] for line in said}, 120)
            disk.free()
            server.start()
            goes_on(desk)
            desk.__exit__()
            desk.check(dsn)
            way.caught_up(log)
        assert all(re.search("start the server|start it then|is the server up", told) for told in desk.refused.values())
        way.check(log)


@pytest.mark.parametrize("feed", ["log", "kafka"])
def test_read_models_without_space_wait_while_commands_go_on(
    database: str, kafka: Kafka, tmp_path: Path, feed: str
) -> None:
    way = Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path)
    with SmallDisk(128) as disk, Postgres() as server, opened_log(database) as log:
        reads = server.create_database()
        install(reads)
        server.stop()
        disk.take(server.data / "base")
        server.start()
        append_lives(log, range(1, 40))
        projector = ProjectorWorker(reads, MODELS, {way.topic: log}, Codec().decode, way.settings)
        runner = Runner(reads, log, Codec().decode)

        def project(stop: threading.Event) -> None:
            if feed == "log":
                runner.run(stop)
            else:
                run_together([relay.Relay(way.dsn, log, way.settings).run, projector.run], stop)

        def holds_all() -> bool:
            found = verify(reads, log, Codec().decode)
            return sum(found.rows.values()) > 0 and found.different == 0

        ensure_topic(way.settings, way.topic, way.settings.partitions)
        with capture_logs() as said, in_thread(project):
            eventually(holds_all, 120, pause=1)
            disk.fill()
            head = append_lives(log, range(40, 400), seed=2)
            retries = {"projection.retry", "projector.retry"}
            eventually(lambda: sum(line["event"] in retries for line in said) > 3, 120)
            assert append_lives(log, range(400, 420), seed=3) > head
            disk.free()
            eventually(holds_all, 120, pause=1)
        runner.close()
        assert any("No space left on device" in line.get("error", "") for line in said)
        assert sum(verify(reads, log, Codec().decode).parked.values()) == 0


def test_a_broker_that_ended_for_want_of_space_is_started_and_the_relay_goes_on(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (missing := java_missing()) is not None:
        unavailable(f"no broker can be put on a small disk: {missing}")
    monkeypatch.setitem(relay._PRODUCER, "delivery_timeout_ms", 6_000)
    monkeypatch.setitem(relay._PRODUCER, "request_timeout_ms", 3_000)
    with SmallDisk(64) as disk:
        broker = JavaBroker(tmp_path / "broker")
        broker.folder.mkdir()
        disk.take(broker.folder / "data")
        broker.start()
        try:
            way = Way(database, broker.bootstrap, "events", tmp_path)
            with capture_logs() as said, opened_log(database) as log, way.running(log):
                append_lives(log, range(1, 60))
                way.caught_up(log)
                disk.fill()
                append_lives(log, range(60, 200), seed=2)
                eventually(lambda: broker.process is not None and broker.process.poll() is not None, 120)
                assert "No space left on device" in (broker.folder / "broker.log").read_text()
                eventually(lambda: any(line["event"] == "relay.retry" for line in said), 120)
                append_lives(log, range(200, 240), seed=3)
                disk.free()
                broker.start()
                append_lives(log, range(240, 260), seed=4)
                way.caught_up(log, 120)
                way.check(log)
                head = log.head()
            taken = without_duplicates(messages(broker.bootstrap, way.topic))
            assert taken == list(range(1, head + 1))
        finally:
            broker.kill9()
