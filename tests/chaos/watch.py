"""Is everything going on? Looks at journals, at the relay's position and at every checkpoint, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.stage import PATIENCE, Wrong

__all__ = ["Watch"]

_SESSION: dict[str, Any] = {"connect_timeout": 3, "autocommit": True, "options": "-c statement_timeout=5s"}


class Watch:
    """Remembers since when each thing that has work to do stands still.

    Args:
        folder: of the writers' journals.
        log: DSN of the log.
        read: DSN of the read models.
        topic: of the log.
    """

    def __init__(self, folder: Path, log: str, read: str, topic: str) -> None:
        self._folder, self._log, self._read, self._topic = folder, log, read, topic
        self._seen: dict[Hashable, tuple[object, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.writing = True
        """Whether writers are expected to write."""
        self.longest = 0.0
        """Seconds that anything stood still with work to do, at most."""
        self.stuck: tuple[Hashable, float] | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:  # it was started
            self._thread.join(30)

    def check(self) -> None:
        """Raise :class:`Wrong` where something stands still for too long."""
        if self.stuck is not None:
            raise Wrong(f"{self.stuck[0]} stood still for {self.stuck[1]:.0f} s with work to do")

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            try:
                for what, now, has_work in self._look():
                    self._compare(what, now, has_work=has_work)
            except (psycopg.Error, OSError):
                continue  # a server is away

    def _compare(self, what: Hashable, now: object, *, has_work: bool) -> None:
        before, since = self._seen.get(what, (None, 0.0))
        if now != before or not has_work:
            self._seen[what] = now, time.monotonic()
            return
        still = time.monotonic() - since
        self.longest = max(self.longest, still)
        if still > PATIENCE:
            self.stuck = what, still

    def _look(self) -> Iterator[tuple[Hashable, object, bool]]:
        for path in sorted(self._folder.glob("*.journal")):
            yield path.stem, path.stat().st_size, self.writing
        with closing(psycopg.connect(self._log, **_SESSION)) as connection:
            head = connection.execute("SELECT coalesce(max(position), 0) FROM log.events").fetchall()[0][0]
            rows = connection.execute("SELECT position, previous FROM log.relays WHERE topic = %s", [self._topic])
            position, previous = rows.fetchone() or (0, [])
        yield "the relays", position, position < head
        with closing(psycopg.connect(self._read, **_SESSION)) as connection:
            points = connection.execute(
                "SELECT c.model, c.partition, c.generation, c.position FROM read_meta.checkpoints c"
                " JOIN read_meta.models USING (model, generation) WHERE role = 'live'"
            ).fetchall()
        for model, partition, generation, position in points:
            wanted = previous[partition] if 0 <= partition < len(previous) else head
            yield (model, partition), (generation, position), position < wanted
