"""PostgreSQL is restored from an earlier base backup while Kafka is ahead: everybody stops, and one command puts it right."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from projections.schema import MODELS, install
from projections.verify import verify
from tests.kafka.given import Way, append_lives, in_thread, messages, opened_log
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres, find_binaries
from ticketcore.errors import EpochMismatch
from ticketcore.ids import Kind
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog
from workers.kafka.message import epoch_of, received
from workers.kafka.projector_worker import ProjectorWorker
from workers.kafka.recovery import found_in_topic, go_on
from workers.kafka.relay import Relay

pytestmark = [pytest.mark.servers, pytest.mark.slow]


class Restored(Way):
    """A log on a server of its own, which can be put back to a base backup; the read models may live elsewhere."""

    def __init__(self, server: Postgres, read_dsn: str | None, bootstrap: str, topic: str, folder: Path) -> None:
        super().__init__(server.create_database(), bootstrap, topic, folder)
        self.server, self.read_dsn = server, read_dsn or self.dsn
        self.environ["TICKETCORE_READ_DSN"] = self.read_dsn
        self.read = Way.__new__(Way)
        self.read.__dict__.update(self.__dict__, dsn=self.read_dsn)
        install(self.read_dsn)

    def projectors(self, log: PostgresLog, **more: Any) -> list[ProjectorWorker]:
        return self.read.projectors(log, **more)

    def checkpoints(self, log: str = "main") -> dict[tuple[str, int], int]:
        return self.read.checkpoints(log)

    def check(self, log: PostgresLog, parked: int = 0) -> None:
        found = verify(self.read_dsn, log, Codec().decode)
        assert (found.different, found.differences) == (0, [])
        assert sum(found.rows.values()) > 0
        assert sum(found.parked.values()) == parked

    def back_up(self) -> None:
        tool = find_binaries()[0] / "pg_basebackup"
        admin = self.server.dsn("postgres", superuser=True)
        target = str(self.server.folder / "backup")
        subprocess.run([tool, "-D", target, "-X", "stream", "-c", "fast", "-d", admin], check=True, capture_output=True)

    def restore(self) -> None:
        self.server.stop()
        data, owner = self.server.folder / "pgdata", (self.server.folder / "pgdata").stat()
        shutil.rmtree(data)
        shutil.copytree(self.server.folder / "backup", data, symlinks=True)
        for path in (data, *data.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        data.chmod(0o700)
        self.server.start()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from workers.cli import main; main()", *arguments],
            cwd=self.folder, env={**os.environ, **self.environ}, capture_output=True, text=True, check=False, timeout=280,
        )  # fmt: skip


@pytest.fixture
def server() -> Iterator[Postgres]:
    with Postgres() as own:
        yield own


def as_a_foreign_reader(way: Way, log: str = "main") -> dict[int, bytes]:
    """Read the topic by the published rules and return position -> value of what holds in the end."""
    held: dict[int, bytes] = {}
    for part in messages(way.settings.bootstrap_servers, way.topic).values():
        mine: dict[int, bytes] = {}
        high, epoch = 0, None
        for message in part:
            got = received(message)
            if epoch_of(got.source, log) != epoch:
                epoch, high = epoch_of(got.source, log), got.previous
                mine = {position: value for position, value in mine.items() if position <= high}
            if got.record.position <= high:
                continue
            assert got.previous == high, f"{got.record.position} follows {got.previous}, held {high}"
            high = got.record.position
            mine[high] = got.record.state
        held.update(mine)
    return held


def refused(way: Way, log: PostgresLog, relay: str, projector: str) -> None:
    """Both stop by themselves, and name the one command."""
    with pytest.raises(EpochMismatch, match=relay), in_thread(Relay(way.dsn, log, way.settings).run) as thread:
        thread.join(60)
    worker = way.projectors(log)[0]
    with pytest.raises(EpochMismatch, match=projector), in_thread(worker.run) as thread:
        thread.join(60)


def lives_before_and_after_a_backup(way: Restored) -> tuple[int, int, int]:
    """Return the log's end at the backup, at the restore, and the highest number that the topic shows."""
    with opened_log(way.dsn) as log, way.running(log):
        kept = append_lives(log, range(1, 30))
        way.caught_up(log)
        way.back_up()
        lost = append_lives(log, range(30, 60), seed=2)
        way.caught_up(log)
    return kept, lost, 59


@pytest.mark.parametrize("grown", [False, True], ids=["behind", "grown-past"])
@pytest.mark.parametrize("killed", [False, True], ids=["whole", "killed-in-between"])
def test_a_restored_log_stops_all_and_one_command_repairs_it(
    server: Postgres, database: str, kafka: Kafka, tmp_path: Path, grown: bool, killed: bool
) -> None:
    way = Restored(server, database, kafka.bootstrap, kafka.topic_name(), tmp_path)
    kept, lost, number = lives_before_and_after_a_backup(way)
    way.restore()
    with opened_log(way.dsn) as log:
        assert log.head() == kept
        if grown:
            assert append_lives(log, range(60, 120), seed=3) > lost
        refused(
            way, log, r"holds no such event there: it was restored from a backup \(run `ticketcore recover --dry-run`",
            "the log holds another event there: it was restored" if grown else r"ends at \d+: expected a log at least as long",
        )  # fmt: skip
        assert way.run("worker", "relay").returncode == 8
        assert "PROBLEM: topic" in way.run("kafka", "status").stdout
        planned = way.run("recover", "--dry-run", "--json", "--export", str(tmp_path / "lost.jsonl"))
        assert planned.returncode == 1, planned.stderr
        told = json.loads(planned.stdout)
        assert (told["restored"], told["lost_events"], told["common_position"]) == (True, lost - kept, kept)
        assert sum(part["events"] for part in told["lost"]) == lost - kept
        exported = [json.loads(line) for line in (tmp_path / "lost.jsonl").read_text().splitlines()]
        assert sorted(line["position"] for line in exported) == list(range(kept + 1, lost + 1))
        assert set(told["read_models"].values()) == {"rebuild"}

        if killed:  # after the log's transaction, before any read model
            go_on(way.dsn, log, found_in_topic(way.dsn, log, way.settings), log.epoch())
        writer = threading.Thread(target=append_lives, args=(log, range(200, 230)), kwargs={"seed": 5})
        writer.start()  # commands go on meanwhile
        done = way.run("recover")
        writer.join()
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("is live, made from") == len(MODELS)
        assert "Nothing is to be recovered." in way.run("recover").stdout
        with way.running(log):
            append_lives(log, range(300, 330), seed=6)
            way.caught_up(log)
        way.check(log)
        assert as_a_foreign_reader(way) == {record.position: record.state for record in log.read(0, 100_000)}
        if not killed:
            assert min(log.allocate(Kind.TICKET, 1)) > number


def test_read_models_that_were_restored_with_the_log_are_kept(server: Postgres, kafka: Kafka, tmp_path: Path) -> None:
    way = Restored(server, None, kafka.bootstrap, kafka.topic_name(), tmp_path)
    kept, lost, _ = lives_before_and_after_a_backup(way)
    way.restore()
    with opened_log(way.dsn) as log:
        with pytest.raises(EpochMismatch, match="restored"), in_thread(Relay(way.dsn, log, way.settings).run) as thread:
            thread.join(60)
        done = way.run("recover")
        assert done.returncode == 0, done.stderr
        assert f"holds {lost - kept:,} events that log main lost" in done.stdout
        assert done.stdout.count("holds nothing that was lost, and is kept") == len(MODELS)
        with way.running(log):
            append_lives(log, range(60, 90), seed=3)
            way.caught_up(log)
        way.check(log)
        assert as_a_foreign_reader(way) == {record.position: record.state for record in log.read(0, 100_000)}

        # The same backup once more: the log knows nothing of the epoch that its topic has now.
        before = log.head()
    way.restore()
    with opened_log(way.dsn) as log:
        with pytest.raises(EpochMismatch, match="restored"), in_thread(Relay(way.dsn, log, way.settings).run) as thread:
            thread.join(60)
        told = json.loads(way.run("recover", "--json").stdout)
        assert told["lost_events"] >= before - kept  # with some that the first restore lost: this log knows of neither
        with way.running(log):
            append_lives(log, range(100, 130), seed=4)
            way.caught_up(log)
        way.check(log)
        assert as_a_foreign_reader(way) == {record.position: record.state for record in log.read(0, 100_000)}


def test_a_projector_that_has_nothing_to_do_notices_that_the_log_ended(
    server: Postgres, database: str, kafka: Kafka, tmp_path: Path
) -> None:
    way = Restored(server, database, kafka.bootstrap, kafka.topic_name(), tmp_path)
    with opened_log(way.dsn) as log:
        with way.running(log):
            append_lives(log, range(1, 20))
            way.caught_up(log)
        with (  # noqa: PT012 the projector's error is raised at the end
            pytest.raises(EpochMismatch, match=r"expected epoch .*`ticketcore recover`"),
            in_thread(way.projectors(log)[0].run) as thread,
        ):
            with psycopg.connect(way.dsn) as connection:
                connection.execute("UPDATE log.meta SET epoch = gen_random_uuid()")
            thread.join(60)
