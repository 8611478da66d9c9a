"""The demo's way through a real Kafka: a broker, two relays and two projectors as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from projections.partitions import give_to_log
from projections.schema import MODELS, connect, live
from ticketcore.errors import WaitTimeout
from workers.cli.output import say
from workers.kafka.broker import SERVERS, Broker, find
from workers.kafka.lag import lag
from workers.kafka.settings import KafkaSettings

if TYPE_CHECKING:
    from pathlib import Path

    from ticketcore.settings import Settings

__all__ = ["ThroughKafka", "through_kafka"]

_WORKERS = (("relay",), ("relay",), ("project", "--from", "kafka"), ("project", "--from", "kafka"))
_PATIENCE = 600.0
_RUN = "from workers.cli import main; main()"


class ThroughKafka:
    """What runs beside the demo."""

    def __init__(
        self, known: Settings, kafka: KafkaSettings, processes: list[subprocess.Popen[bytes]], logs: Path
    ) -> None:
        self._known, self._kafka, self._processes, self._logs = known, kafka, processes, logs

    def wait(self, head: int) -> None:
        """Wait until topic and read models hold the log up to *head*.

        Raises:
            WaitTimeout: a worker ended, or ten minutes were not enough.
        """
        topic = self._kafka.topic_of(self._known.log_name)
        deadline = time.monotonic() + _PATIENCE
        while not (found := lag(self._known, topic, head)).holds(head):
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                raise WaitTimeout(f"the way through Kafka (see the logs in {self._logs})", head, _PATIENCE)
            time.sleep(0.1)
        say(f"  {found.relayed:,} events in {found.partitions} partitions of topic {topic}")


@contextmanager
def through_kafka(known: Settings) -> Iterator[ThroughKafka]:
    """Start broker and workers; at the end stop them and give the read models back to the projector of the log."""
    folder = known.home / "kafka"
    broker: Broker = find(folder)
    say(f"  {broker.source}")
    with ExitStack() as stack:
        stack.callback(broker.stop)
        broker.start()
        changed = {SERVERS: broker.bootstrap, "TICKETCORE_INLINE": "false"}
        before = {name: os.environ.get(name) for name in changed}
        stack.callback(_restore, before)
        os.environ.update(changed)
        folder.mkdir(parents=True, exist_ok=True)
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(_hand_back, known)
        stack.callback(_end, processes)
        for number, arguments in enumerate(_WORKERS, 1):
            with (folder / f"{arguments[0]}-{number}.log").open("ab") as output:
                processes.append(
                    subprocess.Popen([sys.executable, "-c", _RUN, "worker", *arguments], stdout=output, stderr=output)
                )
            if number == 1:
                _wait_for_topic(known, processes[0])
        yield ThroughKafka(known, KafkaSettings.load(), processes, folder)


def _wait_for_topic(known: Settings, relay: subprocess.Popen[bytes]) -> None:
    """Wait until the first relay leads: the projectors look for its topic when they start."""
    topic, deadline = KafkaSettings.load().topic_of(known.log_name), time.monotonic() + 60
    while not lag(known, topic, 0).partitions:
        if relay.poll() is not None or time.monotonic() > deadline:
            raise WaitTimeout(f"the relay of topic {topic!r} (see its log in {known.home / 'kafka'})", 0, 60)
        time.sleep(0.1)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _hand_back(known: Settings) -> None:
    assert known.read_dsn is not None  # noqa: S101 -- resolve() names every store
    with connect(known.read_dsn) as connection:
        for name, generation in live(connection, MODELS).items():
            give_to_log(connection, name, generation.generation, known.log_name)


def _restore(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
