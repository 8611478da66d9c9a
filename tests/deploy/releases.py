"""Two releases beside each other on one log, one topic and one set of read models: the former one comes out of git."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crash.processes import CLI, Kept, until
from tests.kafka.given import messages
from tests.support.shared import REPOSITORY
from ticketcore import Settings
from workers.kafka.leadership import progress

__all__ = ["BOTH", "FORMER", "Site", "former_release"]

BOTH = ("queues", "history", "performance")
"""The read models that both releases know."""
FORMER = "5ca6596"
"""The last commit before events went through Kafka with recovery, observation and swaps back."""
ENDS_FOR_THE_VERSION = {3, 11}
"""Exit codes of a projector whose tables a newer version replaced: 11, and 3 in releases that had no code for it."""
PATIENCE = 300.0
PAUSE = "0.3"
"""Seconds that a thread of a writer rests at most; the former release's writer knows no other than its own."""
_ANSWER = '"Answer"'


def former_release(folder: Path) -> Path:
    """Return a folder with the former release's files; where the checkout has no such history, the test is skipped."""
    command = ["git", "-C", str(REPOSITORY), "archive", "--format=tar", FORMER]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed, and the former release lies in the history only")
    if done.returncode:
        pytest.skip(f"the former release, commit {FORMER}, is not in this checkout: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Site:
    """What an operator runs: writers, relays and projectors, each of a release that is named by its folder."""

    def __init__(self, folder: Path, dsn: str, bootstrap: str, topic: str) -> None:
        self.folder, self.dsn, self.bootstrap, self.topic = folder, dsn, bootstrap, topic
        self.settings = Settings(
            dsn=dsn, keys_dsn=dsn, read_dsn=dsn, key_file=folder / "keys.json", inline=False, wait_timeout=60
        )
        self.kept: list[Kept] = []
        self._environment = {
            **os.environ,
            "PYTHONSAFEPATH": "1",  # neither the folder nor the program's: what PYTHONPATH says comes first
            "TICKETCORE_DSN": dsn,
            "TICKETCORE_KEY_FILE": str(self.settings.key_file),
            "TICKETCORE_POOL_SIZE": "3",
            "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "TICKETCORE_KAFKA_TOPIC": topic,
            "TICKETCORE_KAFKA_GROUP": topic,
            "TICKETCORE_KAFKA_LEASE": "3",
            "TICKETCORE_KAFKA_SESSION_TIMEOUT": "6",
        }

    def environment(self, release: Path) -> dict[str, str]:
        return {**self._environment, "PYTHONPATH": str(release)}

    def run(self, release: Path, *arguments: str) -> str:
        """Run a program of Python to its end and return what it said."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self.environment(release), capture_output=True, text=True,
            check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def cli(self, release: Path, *arguments: str) -> str:
        """Run a command of ``ticketcore`` and return what it said."""
        return self.run(release, *CLI, *arguments)

    def worker(self, release: Path, name: str, *arguments: str) -> Kept:
        """Start a worker and wait until it is up."""
        kept = self._start(release, name, *CLI, "worker", *arguments)
        self.wait(lambda: '"started"' in kept.output.read_text(), f"{name} is up")
        if arguments[0] == "project":
            self.wait(lambda: '"projector.assigned"' in kept.output.read_text(), f"{name} has its partitions")
        return kept

    def writer(self, release: Path, name: str) -> Kept:
        """Start a writer, which takes up the journal of its name, and wait until it has answers."""
        before = self._answers(name)
        kept = self._start(release, name, "-m", "tests.crash.writer", str(self.folder), name, name, PAUSE)
        self.wait(lambda: self._answers(name) > before, f"{name} writes")
        return kept

    def end(self, *workers: Kept) -> None:
        """Tell workers to stop, one after the other: each exits 0 and complained about nothing that is an error."""
        for kept in workers:
            assert kept.running, f"{kept.name} ended by itself: {kept.said}"
            assert kept.end(PATIENCE, by=signal.SIGTERM) == 0, kept.said
            self.kept.remove(kept)
            said = kept.output.read_text()
            ours = [
                line for line in said.splitlines() if '"logger": "kafka.' not in line
            ]  # the client tells what it mends
            assert not re.search(r'Traceback|"level": "(error|critical)"', "\n".join(ours)), said[-5_000:]

    def ends_for_the_version(self, projector: Kept) -> None:
        """Wait until a projector ends since its read model's tables are of a newer version now, and says so."""
        assert projector.end(PATIENCE) in ENDS_FOR_THE_VERSION, projector.said
        assert re.search(r"has tables of version \d+, expected \d+ \(upgrade ticketcore here\)", projector.said)
        self.kept.remove(projector)

    def kill(self, writer: Kept) -> None:
        """SIGKILL: its last commands may have been recorded, and nobody heard of it."""
        writer.kill()
        self.kept.remove(writer)

    def end_writers(self) -> None:
        """Let every writer hear the answer to its last command."""
        (self.folder / "stop").touch()
        for kept in [kept for kept in self.kept if kept.name.startswith("writer")]:
            assert kept.end(PATIENCE) == 0, kept.said
            self.kept.remove(kept)
        (self.folder / "stop").unlink()

    def clear_away(self) -> None:
        for kept in self.kept:
            if kept.running:
                kept.kill()

    def wait(self, true: Callable[[], bool], what: str) -> None:
        """Wait until *true*, with an eye on all that is to run."""

        def looked() -> bool:
            for kept in self.kept:
                assert kept.running, f"{kept.name} ended by itself: {kept.said}"
            return true()

        until(looked, PATIENCE, what)

    def goes_on(self) -> None:
        """Wait until what is recorded from now on is in the topic and in every read model."""
        head = self.head()
        self.wait(lambda: self.head() > head, "writers write")
        self.caught_up()

    def caught_up(self) -> None:
        """Wait until the topic, and the read models that both releases know, hold what the log holds now."""
        head = self.head()
        self.wait(
            lambda: (at := progress(self.dsn, self.topic)) is not None and at.position >= head, "the topic follows"
        )
        at = progress(self.dsn, self.topic)
        assert at is not None
        wanted = {(model, n): last for model in BOTH for n, last in enumerate(at.previous)}
        self.wait(lambda: self._holds(wanted), "the read models follow")

    def versions(self) -> dict[str, int]:
        """Return read model -> version of its live tables."""
        return dict(self._all("SELECT model, version FROM read_meta.models WHERE role = 'live'"))

    def head(self) -> int:
        [(head,)] = self._all("SELECT coalesce(max(position), 0) FROM log.events")
        return int(head)

    def topic_is_whole(self) -> None:
        """Read the topic as docs/kafka.md says: every event is there, and once where duplicates are dropped."""
        taken: list[int] = []
        for records in messages(self.bootstrap, self.topic).values():
            held = 0
            for message in records:
                headers = dict(message.headers)
                sequence, previous = int(headers["ce_sequence"]), int(headers["ce_previous"])
                if sequence > held:
                    assert previous <= held, (
                        f"partition {message.partition}: {sequence} follows {previous}, held {held}"
                    )
                    held = sequence
                    taken.append(sequence)
        assert sorted(taken) == list(range(1, self.head() + 1))

    def _holds(self, wanted: dict[tuple[str, int], int]) -> bool:
        query = """
            SELECT c.model, c.partition, c.position FROM read_meta.checkpoints c
            JOIN read_meta.models USING (model, generation) WHERE role = 'live'
        """
        points = {(model, partition): position for model, partition, position in self._all(query)}
        return all(points.get(key, -1) >= last for key, last in wanted.items())

    def _answers(self, name: str) -> int:
        journal = self.folder / f"{name}.journal"
        return journal.read_text(encoding="utf-8").count(_ANSWER) if journal.exists() else 0

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode()).fetchall()

    def _start(self, release: Path, name: str, *arguments: str) -> Kept:
        kept = Kept(self.folder, name, arguments, self.environment(release))
        kept.start()
        self.kept.append(kept)
        return kept
