"""What relay and projector hold in memory while a long log goes through them."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.delay import workers
from bench.filling import Filler
from bench.harness import Result, absolute, say, scaled
from projections.schema import MODELS, connect, install
from tests.support.kafka import Kafka
from workers.kafka.leadership import progress

if TYPE_CHECKING:
    import subprocess

    from bench.place import Place

__all__ = ["memory"]

PARTITIONS = 6
_LOOK = 0.1
_PATIENCE = 120.0
"""Seconds without any progress."""


class _Look(NamedTuple):
    """Resident bytes at a moment. ``done``: events that the worker has behind it."""

    done: int
    resident: float


def memory(place: Place) -> list[Result]:
    """Return the greatest resident memory of each worker, and how much it grew after the first fifth of the log."""
    found = list[Result]()
    with ExitStack() as stack:
        kafka, core = stack.enter_context(Kafka()), stack.enter_context(place.core())
        dsn = str(core.settings.dsn)
        install(dsn)
        events = scaled(100_000)
        Filler(core).fill(events)
        topic = kafka.create_topic(PARTITIONS)
        environ = {
            "TICKETCORE_DSN": dsn, "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "TICKETCORE_KAFKA_TOPIC": topic, "TICKETCORE_KAFKA_PARTITIONS": str(PARTITIONS),
        }  # fmt: skip
        relay, projector = stack.enter_context(workers(environ, ["relay"], ["project"]))
        connection = stack.enter_context(connect(dsn))
        last, head = list[int](), core.log.head()

        def relayed() -> int:
            at = progress(dsn, topic)
            last[:] = at.previous if at else []
            return at.position if at else 0

        def projected() -> int:
            rows = connection.execute(
                "SELECT partition, min(position) FROM read_meta.checkpoints WHERE partition >= 0 GROUP BY partition"
            ).fetchall()
            if last and len(rows) == PARTITIONS and all(position >= last[partition] for partition, position in rows):
                return head
            return min((int(position) for _, position in rows), default=0)

        looks: dict[str, list[_Look]] = {"relay": [], "projector of all models": []}
        began = moved = time.monotonic()
        before = (0, 0)
        while before != (head, head):
            now = (relayed(), projected())
            moved = time.monotonic() if now != before else moved
            if time.monotonic() - moved > _PATIENCE:
                raise SystemExit(f"relay and projector stand still at {now} of {head:,} for {_PATIENCE:g} s")
            before = now
            for name, process, done in zip(looks, (relay, projector), now, strict=True):
                looks[name].append(_Look(done, _resident(process)))
            time.sleep(_LOOK)
        say(
            f"memory: {head:,} events through Kafka into {len(MODELS)} read models after {time.monotonic() - began:.0f} s"
        )
        for name, mine in looks.items():
            most = max(look.resident for look in mine)
            early = max(look.resident for look in mine if look.done <= head / 5)
            found += [
                absolute(f"memory, {name}, {head:,} events, most", "MB", [most / 1e6], 150.0),
                absolute(
                    f"memory, {name}, {head:,} events, most above that of the first fifth", "MB", [(most - early) / 1e6]
                ),
            ]
    return found


def _resident(process: subprocess.Popen[bytes]) -> float:
    """Return the resident bytes of a process, 0 once it is gone."""
    try:
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
