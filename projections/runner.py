"""The embedded runner: reads the log and feeds every model, one runner at a time in a data base."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import structlog

from projections.base import Model
from projections.checkpoints import Checkpoint
from projections.feed import Decode, Log
from projections.folding import Batch, decoded
from projections.observing import UNWATCHED, Observer, told
from projections.projector import Projector
from projections.schema import LOCK, MODELS, SERVER_LOST, Connection, connect, live
from ticketcore.collector import no_collection
from ticketcore.errors import EpochMismatch, StoreUnavailable

__all__ = ["TRANSIENT", "Runner", "is_permanent", "locked", "pause_after", "read_batch"]

TRANSIENT = (*SERVER_LOST, StoreUnavailable)
"""What passes by itself: connections, locks, a server that restarts."""
_FOREIGN: list[Connection] = []
"""Connections inherited over a fork: kept, never used or closed."""

logger = structlog.get_logger(__name__)


@contextmanager
def locked(connection: Connection, name: str = LOCK) -> Iterator[None]:
    """Hold an advisory lock of the data base, waiting for it; a killed process loses it."""
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


def read_batch(log: Log, decode: Decode, after: int, limit: int) -> Batch:
    """Read and decode the next records after a position.

    Raises:
        EpochMismatch: the log has a hole, so it is not the one that was written.
    """
    records = log.read(after, limit)
    for number, record in enumerate(records, after + 1):
        if record.position != number:
            raise EpochMismatch(
                f"log {log.name!r} has no position {number}: got {record.position}, expected contiguous positions"
                " (records were removed: restore the log, then run `ticketcore rebuild`)"
            )
    return decoded(decode, records)


class Runner:
    """Projects the log into PostgreSQL in the calling thread. Thread-safe; usable after fork; a context manager.

    Args:
        dsn: of the read models.
        log: the log.
        decode: record -> event; raises for what it does not know.
        models: which models.
        batch: records at a time.
        observer: is told of batches, and of every round as one of the loop ``log``.
    """

    def __init__(
        self,
        dsn: str,
        log: Log,
        decode: Decode,
        *,
        models: Sequence[Model] = MODELS,
        batch: int = 5_000,
        observer: Observer = UNWATCHED,
    ) -> None:
        self.log = log
        self._observer = observer
        self._dsn = dsn
        self._decode = decode
        self._batch = batch
        self._models = tuple(models)
        self._projectors = [Projector(model, observer=observer) for model in models]
        self._mutex = threading.Lock()
        self._connection: Connection | None = None
        self._process = os.getpid()

    def catch_up(self, *, progress: Callable[[int, int], None] | None = None, retry_for: float = 30.0) -> int:
        """Project what the log has now and return the position reached.

        Args:
            progress: called after each batch with (position reached, position to reach).
            retry_for: seconds during which transient errors are retried.
        Raises:
            EpochMismatch: the log is another one, or ends before a checkpoint.
            StoreUnavailable: tables are missing or of another version, or the server stayed away.
        """
        self._after_fork()
        with self._mutex:
            return self._retrying(lambda: self._catch_up(progress), time.monotonic() + retry_for)

    def run(self, stop: threading.Event, *, poll: float = 0.05) -> None:
        """Project until *stop* is set, looking every *poll* seconds at least; transient errors are retried for ever."""
        while not stop.is_set():
            self._after_fork()
            with self._mutex:
                self._retrying(lambda: self._catch_up(None), None, stop)
            stop.wait(poll)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connection."""
        self._after_fork()
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _after_fork(self) -> None:
        if self._process != os.getpid():
            if self._connection is not None:
                _FOREIGN.append(self._connection)
            self._connection, self._process, self._mutex = None, os.getpid(), threading.Lock()

    def _retrying(self, work: Callable[[], int], deadline: float | None, stop: threading.Event | None = None) -> int:
        attempt = 0
        while True:
            try:
                return work()
            except TRANSIENT as error:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                attempt += 1
                pause = pause_after(attempt)
                if is_permanent(error) or (deadline is not None and time.monotonic() + pause > deadline):
                    raise _unavailable(error) from error
                logger.warning("projection.retry", attempt=attempt, pause=round(pause, 3), error=told(error))
                if stop is None:
                    time.sleep(pause)
                elif stop.wait(pause):
                    return 0

    def _catch_up(self, progress: Callable[[int, int], None] | None) -> int:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._dsn)
        connection = self._connection
        with locked(connection):
            head = self.log.head()  # what comes later is the next call's: under constant writing there is no end
            at = self._checkpoints(connection, head)
            while (reached := min(point.position for point in at)) < head:
                with no_collection(head - reached):
                    items = read_batch(self.log, self._decode, reached, self._batch)
                    for index, projector in enumerate(self._projectors):
                        at[index] = projector.apply(connection, items, at[index])
                self._observer.round("log")
                if progress is not None:
                    progress(items[-1].record.position, head)
            self._observer.round("log")
            return reached

    def _checkpoints(self, connection: Connection, head: int) -> list[Checkpoint]:
        generations = live(connection, self._models)
        epoch = self.log.epoch()
        found = []
        for projector in self._projectors:
            name = projector.model.name
            point = projector.checkpoint(connection, generations[name].generation, self.log.name, epoch)
            if point.position > max(head, self.log.head()):
                raise EpochMismatch(
                    f"read model {name!r} stands at position {point.position} of log {self.log.name!r}, which ends at {head}:"
                    f" expected a log at least as long (it was restored from a backup; run `ticketcore recover`)"
                )
            found.append(point)
        return found


def pause_after(attempt: int) -> float:
    """Return the seconds to wait after an attempt (from 1) that failed: longer each time, 5 at most, at random."""
    return min(5.0, 0.05 * 2.0 ** min(attempt, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 spreads retries, no secret


def is_permanent(error: Exception) -> bool:
    """Return whether trying again is in vain: what a store says of itself, unless its server was lost."""
    return isinstance(error, StoreUnavailable) and not isinstance(error.__cause__, SERVER_LOST)


def _unavailable(error: Exception) -> Exception:
    if isinstance(error, StoreUnavailable):
        return error
    return StoreUnavailable(f"the read models' data base does not answer: {error} (is the server up?)")
