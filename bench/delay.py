"""How long after a command returned its row can be read, through Kafka, at a steady rate of commands."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from bench.harness import PAIRS, Result, absolute, quantile, say, scaled
from bench.sides import Ours
from projections.partitions import partition_of
from projections.schema import MODELS, connect, install
from tests.support.kafka import Kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from bench.place import Place
    from projections.schema import Connection

__all__ = ["delay", "workers"]

RATE = 200
"""Commands a second."""
THREADS = 8
SECONDS = 5.0
PARTITIONS = 6
_LOOK = 0.002
"""Seconds between two looks at the checkpoints, which move in the transaction that writes the rows."""
_PATIENCE = 60.0


class Written(NamedTuple):
    """A command that returned. ``at``: then, by the monotonic clock."""

    at: float
    partition: int
    position: int


def delay(place: Place) -> list[Result]:
    """Return p50 and p99 of the delay to the row in the queues, and in the slowest of the read models."""
    with ExitStack() as stack:
        kafka, core = stack.enter_context(Kafka()), stack.enter_context(place.core())
        dsn = str(core.settings.dsn)
        install(dsn)
        environ = {
            "TICKETCORE_DSN": dsn, "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "TICKETCORE_KAFKA_TOPIC": kafka.create_topic(PARTITIONS), "TICKETCORE_KAFKA_PARTITIONS": str(PARTITIONS),
        }  # fmt: skip
        stack.enter_context(workers(environ, ["relay"], ["project"]))
        load = Ours(core, THREADS, scaled(10))
        connection = stack.enter_context(connect(dsn))
        _wait(lambda: _caught_up(connection, core.log.head()))
        found: dict[str, list[list[float]]] = {"queues": [], "all read models": []}
        for turn in range(-1, PAIRS):
            queues, slowest = _turn(connection, load, scaled(int(RATE * SECONDS)))
            if turn >= 0:
                found["queues"].append(queues)
                found["all read models"].append(slowest)
                say(
                    f"delay {turn + 1}/{PAIRS}, ms: p50 {1000 * quantile(queues, 0.5):.0f}, p99 {1000 * quantile(queues, 0.99):.0f}"
                )
    goals = {("queues", 0.5): 50.0, ("queues", 0.99): 250.0}
    return [
        absolute(f"command returned to row, {RATE} commands/s, {what}, {text}", "ms",
                 [1000 * quantile(delays, share) for delays in turns], goals.get((what, share)))
        for what, turns in found.items() for text, share in (("p50", 0.5), ("p99", 0.99))
    ]  # fmt: skip


@contextmanager
def workers(environ: dict[str, str], *commands: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run ``ticketcore worker`` with each of *commands* as a process for the time of the block, and give them."""
    start = [sys.executable, "-c", "from workers.cli import main; main()", "worker"]
    running = [
        subprocess.Popen([*start, *command], env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]  # fmt: skip
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _turn(connection: Connection, load: Ours, commands: int) -> tuple[list[float], list[float]]:
    """Drive *commands* at the rate; return the sorted seconds until each was in the queues, and in every model."""
    written: list[Written] = []
    began = time.perf_counter()

    def work(thread: int) -> None:
        mine = load.tickets[thread]
        for number in range(thread, commands, load.threads):
            time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            id_: UUID = mine[number % len(mine)]
            position = load.say(id_).position
            assert position is not None
            written.append(Written(time.perf_counter(), partition_of(id_, PARTITIONS), position))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(load.threads)]
    for thread in threads:
        thread.start()
    seen: list[tuple[float, dict[tuple[str, int], int]]] = []
    while any(thread.is_alive() for thread in threads):
        seen.append(_look(connection))
        time.sleep(_LOOK)
    last: dict[int, int] = {}
    for one in written:
        last[one.partition] = max(last.get(one.partition, 0), one.position)
    _wait(lambda: _holds(seen, connection, last))
    queues = _delays(written, seen, ["queues"])
    return queues, _delays(written, seen, [model.name for model in MODELS])


def _look(connection: Connection) -> tuple[float, dict[tuple[str, int], int]]:
    rows = connection.execute("SELECT model, partition, position FROM read_meta.checkpoints").fetchall()
    return time.perf_counter(), {(model, partition): position for model, partition, position in rows}


def _holds(seen: list[tuple[float, dict[tuple[str, int], int]]], connection: Connection, last: dict[int, int]) -> bool:
    seen.append(_look(connection))
    reached = seen[-1][1]
    return all(reached[model.name, partition] >= position for model in MODELS for partition, position in last.items())


def _delays(
    written: list[Written], seen: list[tuple[float, dict[tuple[str, int], int]]], models: list[str]
) -> list[float]:
    """Return for each command the seconds until a look found all of *models* at or past it, 0 where that was before it returned."""
    found = []
    for partition in {one.partition for one in written}:
        mine = sorted((one for one in written if one.partition == partition), key=lambda one: one.position)
        looks = iter(seen)
        at, reached = next(looks)
        for one in mine:
            while min(reached.get((model, partition), 0) for model in models) < one.position:
                at, reached = next(looks)
            found.append(max(0.0, at - one.at))
    return sorted(found)


def _caught_up(connection: Connection, head: int) -> bool:
    rows = connection.execute(
        "SELECT max(position) FROM read_meta.checkpoints WHERE partition >= 0 GROUP BY model"
    ).fetchall()
    return len(rows) == len(MODELS) and all(position >= head for (position,) in rows)


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + _PATIENCE
    while not holds():
        if time.perf_counter() > deadline:
            raise SystemExit(f"the read models did not follow within {_PATIENCE:g} s")
        time.sleep(_LOOK)
