"""Rebuilds and changes of version under constant commands, through relays and projectors as processes."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from projections.projector import FedByPartitions
from projections.queues import QUEUES
from projections.rebuild import put_back, rebuild
from projections.runner import Runner
from projections.schema import MODELS, OtherVersion
from projections.verify import verify
from tests.kafka.given import Way, append_lives, eventually, in_thread, opened_log
from tests.kafka.test_commands import run
from tests.projections.next_version import NEXT_QUEUES
from tests.store.building import migrated
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres
from ticketcore import Actor, Settings, TicketCore
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog
from workers.kafka.projector_worker import ProjectorWorker

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ANA = Actor.agent("ana")
SCHEMAS = [model.name for model in MODELS]
NOW, LATER = QUEUES.version, NEXT_QUEUES.version
_JOINED = """
SELECT count(*), count(i.ticket_id) FROM performance.tickets t
LEFT JOIN performance.intervals i ON i.ticket_id = t.ticket_id AND i.seq = t.interval_seq
"""


class Scene(Way):
    """A service that gives commands and queries all the time, beside a relay and projectors as processes."""

    def __init__(self, dsn: str, kafka: Kafka, folder: Path) -> None:
        super().__init__(dsn, kafka.bootstrap, kafka.topic_name(), folder)
        self.environ |= {"TICKETCORE_KEY_FILE": str(folder / "keys.json"), "TICKETCORE_INLINE": "0"}
        known = Settings(dsn=dsn, key_file=folder / "keys.json", inline=False, wait_timeout=240)
        self.core = TicketCore.open(known, make_keys=True)
        self.problems: list[object] = []
        self.commands = self.answers = 0
        self._stop = threading.Event()

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Give commands and queries until the end; no query may fail, and none may show less than one before it did."""
        customer = self.core.register_customer(by=ANA, name="Ana Lopez")
        ticket = self.core.open_ticket(by=ANA, channel="mail", requester=customer.number, subject="Lamp", body="Dark.")
        self._lamp = self.core.assign(ticket.number, by=ANA, team_id="lamps")
        self._customer = customer.number
        work = [self._write, self._write, self._read_tables, self._ask]
        threads = [threading.Thread(target=self._guarded, args=[each]) for each in work]
        for thread in threads:
            thread.start()
        try:
            yield
            answers = self.answers
            eventually(lambda: bool(self.problems) or self.answers > answers + 3, 60)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(120)
        assert self.problems == []

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 told at the end
            self.problems.append(error)

    def _write(self) -> None:
        while not self._stop.is_set():
            opened = self.core.open_ticket(
                by=ANA, channel="mail", subject="Door", body="It is stuck.", direction="inbound"
            )
            self.core.assign(opened.number, by=ANA, team_id="mail")
            self.commands += 2
            time.sleep(0.02)

    def _read_tables(self) -> None:
        """Every table and view, in statements of their own: rows and versions of tables never grow fewer."""
        least: dict[tuple[str, str], tuple[int, ...]] = {}
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            relations = connection.execute(
                "SELECT nspname, relname, relkind = 'r' FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE nspname = ANY(%s) AND relkind IN ('r', 'v') ORDER BY 1, 2",
                [SCHEMAS],
            ).fetchall()
            while not self._stop.is_set():
                for schema, name, is_table in relations:
                    what = "count(*), sum(version)" if name == "tickets" else "count(*)"
                    query = f"SELECT {what} FROM {{}}"
                    row = connection.execute(sql.SQL(query).format(sql.Identifier(schema, name))).fetchone()
                    if is_table and row is not None:
                        if row < least.get((schema, name), (0,)):
                            self.problems.append((schema, name, row, least[schema, name]))
                        least[schema, name] = row
                    self.answers += 1
                joined = connection.execute(_JOINED).fetchone()
                if joined is None or joined[0] != joined[1]:
                    self.problems.append(("half a ticket", joined))

    def _ask(self) -> None:
        """What nobody changes is answered the same, whichever tables are live."""
        [lamp] = self.core.queue(by=ANA, team_id="lamps", seen=self._lamp)
        history = self.core.customer_history(self._customer, by=ANA, seen=self._lamp)
        assert [message.body for message in history] == ["Dark."]
        while not self._stop.is_set():
            if (now := self.core.queue(by=ANA, team_id="lamps")) != [lamp]:
                self.problems.append(("queue", now))
            if (told := self.core.customer_history(self._customer, by=ANA)) != history:
                self.problems.append(("history", told))
            self.answers += 1

    def generations(self) -> dict[str, tuple[int, int]]:
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute("SELECT model, generation, version FROM read_meta.models WHERE role = 'live'")
            return {model: (generation, version) for model, generation, version in rows}

    def goes_on(self) -> None:
        """Give a command now, and wait until every live model holds it."""
        self.core.queue(by=ANA, seen=self.core.open_ticket(by=ANA, channel="phone", body="Is somebody there?"))


@pytest.fixture
def scene(database: str, kafka: Kafka, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(database, kafka, tmp_path)
    yield made
    made.core.close()


@pytest.fixture
def log(scene: Scene) -> Iterator[PostgresLog]:
    with opened_log(scene.dsn) as opened:
        yield opened


def test_all_models_are_rebuilt_under_constant_commands_and_no_reader_notices(scene: Scene, log: PostgresLog) -> None:
    relay = scene.worker("relay")
    eventually(lambda: "relay.leads" in relay.said, 60)
    workers = [scene.worker("project"), scene.worker("project")]
    try:
        with scene.traffic():
            scene.goes_on()
            for _ in range(2):
                before = scene.commands
                done = run(scene.environ, "rebuild", "--all", "--quiet")
                assert done.returncode == 0, done.stderr
                assert done.stdout.count(" is live, made from ") == len(MODELS)
                assert scene.commands > before
                scene.goes_on()
        scene.caught_up(log, 120)
        assert scene.generations() == {model.name: (3, model.version) for model in MODELS}
        assert set(scene.checkpoints()) == {(name, n) for name in SCHEMAS for n in range(6)}
        assert [worker.process.poll() for worker in workers] == [None, None]
        checked = run(scene.environ, "verify", "--quiet")
        assert checked.returncode == 0, checked.stdout
        scene.check(log)
        with Runner(scene.dsn, log, Codec().decode) as runner, pytest.raises(FedByPartitions):
            runner.catch_up()
        assert [worker.end() for worker in workers] == [0, 0]
        assert relay.end() == 0
        print(f"{scene.commands} commands and {scene.answers} queries during two rebuilds of all models")
    finally:
        for worker in (*workers, relay):
            worker.end(signal.SIGKILL)


def test_a_next_version_beside_the_old_is_swapped_and_swapped_back_under_traffic(
    scene: Scene, log: PostgresLog
) -> None:
    relay = scene.worker("relay")
    eventually(lambda: "relay.leads" in relay.said, 60)
    others = scene.worker("project", "history", "performance", "intake")
    old = scene.worker("project", "queues")
    topics = {scene.topic: log}
    try:
        with scene.traffic():
            scene.goes_on()
            for turn, bring in enumerate((rebuild, put_back)):
                done = bring(scene.dsn, log, Codec().decode, NEXT_QUEUES)
                assert (done.generation, done.version) == (2 * turn + 2, LATER)
                assert old.process.wait(120) == 11
                assert f"tables of version {LATER}, expected {NOW} (upgrade ticketcore here" in old.said
                new = ProjectorWorker(scene.dsn, [NEXT_QUEUES], topics, Codec().decode, scene.settings)
                with (
                    pytest.raises(
                        OtherVersion, match=rf"version {NOW}, expected {LATER} \(run `ticketcore rebuild queues`\)"
                    ),
                    in_thread(new.run) as thread,
                ):
                    _go_back(scene, generation=2 * turn + 3, replaced=thread)
                again = run(scene.environ, "rebuild", "queues", "--back")
                assert again.returncode == 11
                assert f"they are of version {LATER}, made by release" in again.stderr
                old = scene.worker("project", "queues")
                scene.goes_on()
        scene.caught_up(log, 120)
        scene.check(log)
        put_back(scene.dsn, log, Codec().decode, NEXT_QUEUES)
        found = verify(scene.dsn, log, Codec().decode, models=[NEXT_QUEUES])
        assert (found.different, found.positions) == (0, {"queues": log.head()})
        assert others.process.poll() is None
        assert others.end() == 0
    finally:
        for worker in (old, others, relay):
            worker.end(signal.SIGKILL)


def _go_back(scene: Scene, *, generation: int, replaced: threading.Thread) -> None:
    scene.goes_on()
    back = run(scene.environ, "rebuild", "queues", "--back")
    assert (back.returncode, back.stderr) == (0, "")
    assert f"queues: generation {generation} is live, made from " in back.stdout
    assert back.stdout.endswith(f" events, of version {NOW} again\n")
    replaced.join(120)
    assert not replaced.is_alive()


def test_a_rebuild_that_is_killed_again_and_again_harms_nobody_and_ends_well(scene: Scene, log: PostgresLog) -> None:
    relay = scene.worker("relay")
    eventually(lambda: "relay.leads" in relay.said, 60)
    worker = scene.worker("project")
    dice = random.Random(4)
    command = [sys.executable, "-c", "from workers.cli import main; main()", "rebuild", "--all", "--quiet"]
    environ = {**os.environ, **scene.environ}
    try:
        append_lives(log, range(100_000, 100_400))
        with scene.traffic():
            scene.goes_on()
            began = time.monotonic()
            assert subprocess.run(command, env=environ, check=False, capture_output=True).returncode == 0
            whole = time.monotonic() - began
            seen = {name: {generation} for name, generation in scene.generations().items()}
            for _ in range(6):
                with subprocess.Popen(
                    command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                ) as one:
                    time.sleep(dice.uniform(0.3, 1.1) * whole)
                    one.kill()
                for name, generation in scene.generations().items():
                    seen[name].add(generation)
                scene.goes_on()
            assert subprocess.run(command, env=environ, check=False, capture_output=True).returncode == 0
            scene.goes_on()
        scene.caught_up(log, 120)
        scene.check(log)
        assert worker.end() == 0
        print(f"generations {scene.generations()}")
    finally:
        for each in (worker, relay):
            each.end(signal.SIGKILL)


def test_rebuild_and_verify_take_the_logs_that_the_environment_names(
    database: str, postgres: Postgres, tmp_path: Path
) -> None:
    south_dsn = postgres.create_database()
    way = Way(database, "127.0.0.1:1", "unused", tmp_path)
    environ = way.environ | {"TICKETCORE_KEY_FILE": str(tmp_path / "keys.json"), "TICKETCORE_INLINE": "0"}
    both = environ | {"TICKETCORE_KAFKA_LOGS": f'{{"south": "{south_dsn}"}}'}
    try:
        assert run(environ, "keys", "init").returncode == 0
        with opened_log(database) as main, opened_log(migrated(south_dsn), "south") as south:
            append_lives(main, range(1, 20))
            append_lives(south, range(500, 520))
            for each in (main, south):
                with Runner(database, each, Codec().decode) as runner:
                    runner.catch_up()
            events = main.head() + south.head()
        for command in (("rebuild", "queues"), ("rebuild", "queues", "--back"), ("verify",)):
            alone = run(environ, *command)
            assert alone.returncode == 3
            assert (
                "holds events of log 'south', expected only of 'main' (name every log: TICKETCORE_KAFKA_LOGS="
                in alone.stderr
            )
            done = run(both, *command)
            assert (done.returncode, done.stderr) == (0, ""), done
        assert f"Compared up to position {events:,} of {events:,}." in done.stdout
    finally:
        postgres.drop(south_dsn)
