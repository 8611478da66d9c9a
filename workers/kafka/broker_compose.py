"""Apache Kafka's own image by Docker Compose, where an engine answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

from workers.kafka.broker import VERSION, answers, free_ports, wait_until_listening
from workers.kafka.errors import BrokerUnavailable

__all__ = ["ComposeBroker", "compose_missing"]

_START_SECONDS = 180.0  # the image may have to be fetched
_FILE = """\
services:
  kafka:
    image: apache/kafka:{version}
    ports: ["127.0.0.1:{port}:{port}"]
    environment:
      KAFKA_NODE_ID: "1"
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@localhost:9093
      KAFKA_LISTENERS: PLAINTEXT://:{port},CONTROLLER://:9093
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://127.0.0.1:{port}
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1"
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1"
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1"
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0"
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false"
      KAFKA_HEAP_OPTS: -Xmx512m
"""


def compose_missing() -> str | None:
    """Return why Docker Compose can't be used here, ``None`` where it can."""
    return answers(["docker", "info", "--format", "{{.ServerVersion}}"]) or answers(["docker", "compose", "version"])


class ComposeBroker:
    """One node in a container of a project of its own; :meth:`stop` removes the container, the data stay in a volume."""

    def __init__(self, folder: Path) -> None:
        [self._port] = free_ports(1)
        self.folder = folder
        self.bootstrap = f"127.0.0.1:{self._port}"
        self.source = f"apache/kafka:{VERSION} in Docker Compose"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "compose.yml").write_text(_FILE.format(version=VERSION, port=self._port))
        self._compose("up", "--detach")
        wait_until_listening(self.bootstrap, _START_SECONDS, None)

    def stop(self) -> None:
        self._compose("down")

    def kill9(self) -> None:
        self._compose("kill", "--signal", "SIGKILL")

    def pause(self) -> None:
        self._compose("pause")

    def resume(self) -> None:
        self._compose("unpause")

    def _compose(self, *arguments: str) -> None:
        name = f"ticketcore-{self._port}"
        command = ["docker", "compose", "-p", name, "-f", str(self.folder / "compose.yml"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerUnavailable(f"`docker compose {arguments[0]}` failed: {done.stderr.strip()[-500:]}")
