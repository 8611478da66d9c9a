"""A Kafka for tests and the demo: one that is named, one in Docker Compose, or one on the machine's Java.

:func:`find` says which of them this machine gives, in that order. A broker of our own is one KRaft node (broker and
controller in one) that listens on the loopback only and keeps its data in a folder of its own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from workers.kafka.errors import BrokerUnavailable

__all__ = ["VERSION", "Broker", "NamedBroker", "find", "free_ports"]

VERSION = "4.3.0"
"""Version of Apache Kafka that is brought up."""
SERVERS = "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS"


class Broker(Protocol):
    """A broker. ``source``: where it comes from, in words; ``bootstrap``: ``host:port``, several split by commas."""

    source: str
    bootstrap: str

    def start(self) -> None:
        """Start it, also after :meth:`stop` or :meth:`kill9`, and wait until it answers."""

    def stop(self) -> None:
        """Stop it in order; its data stay."""

    def kill9(self) -> None:
        """Kill it with SIGKILL."""

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its connections stay open and nothing answers."""

    def resume(self) -> None:
        """Let a frozen one go on."""


class NamedBroker:
    """A broker that somebody else runs: it is used and never touched."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap, self.source = bootstrap, f"{SERVERS}={bootstrap}"

    def start(self) -> None:
        wait_until_listening(self.bootstrap.split(",")[0], 5.0, None)

    def stop(self) -> None:
        """Do nothing: it is not ours."""

    def kill9(self) -> None:
        raise self._not_ours("kill")

    def pause(self) -> None:
        raise self._not_ours("pause")

    def resume(self) -> None:
        raise self._not_ours("resume")

    def _not_ours(self, what: str) -> BrokerUnavailable:
        return BrokerUnavailable(
            f"cannot {what} the broker at {self.bootstrap}: it is named by {SERVERS}, expected one of our own (unset it)"
        )


def find(folder: Path, environ: Mapping[str, str] = os.environ) -> Broker:
    """Return a broker that is not started yet; its data lie in *folder*.

    Raises:
        BrokerUnavailable: none is named, no Docker engine answers, and Maven or Java is missing.
    """
    from workers.kafka.broker_compose import ComposeBroker, compose_missing
    from workers.kafka.broker_java import JavaBroker, java_missing

    if servers := environ.get(SERVERS):
        return NamedBroker(servers)
    no_compose = compose_missing()
    if no_compose is None:
        return ComposeBroker(folder)
    no_java = java_missing()
    if no_java is None:
        return JavaBroker(folder)
    raise BrokerUnavailable(
        f"no Kafka: {SERVERS} is not set; {no_compose}; {no_java}"
        " (name a broker, start Docker, or install Maven and Java 17 or newer)"
    )


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_until_listening(address: str, seconds: float, check: Callable[[], None] | None) -> None:
    """Wait until *address* takes connections; *check* raises where waiting is in vain.

    Raises:
        BrokerUnavailable: nobody listened in time.
    """
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError as error:
            if check is not None:
                check()
            if time.monotonic() > deadline:
                raise BrokerUnavailable(
                    f"no broker listens at {address} after {seconds:g} s: {error} (see its log, or name another)"
                ) from error
            time.sleep(0.05)
        else:
            return


def answers(command: list[str], seconds: float = 10.0) -> str | None:
    """Return ``None`` where *command* succeeds, else why not, in a few words."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`{' '.join(command)}` failed: {error}"
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        return f"`{' '.join(command)}` says: {lines[0][:120]}"
    return None
