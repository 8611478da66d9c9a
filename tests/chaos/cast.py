"""Whoever can be struck: processes, servers with all their processes, single backends of a server, the broker."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

from tests.crash.processes import Kept, until
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres

__all__ = ["Backend", "Broker", "Program", "Server", "Victim"]


class Victim(Protocol):
    """``name``: in plan and log; ``is_server``: starting it takes a while and is done aside."""

    name: str
    is_server: bool

    def kill(self) -> None:
        """End it by SIGKILL, all of it."""

    def stop(self) -> None:
        """Freeze it by SIGSTOP, all of it."""

    def go_on(self) -> None:
        """Let it go on by SIGCONT."""

    def start(self) -> None:
        """Start it again, as a supervisor would."""


class Program(Kept):
    """A process of ours under a supervisor. ``worked``: what its output says once it did any work."""

    is_server = False

    def __init__(
        self, folder: Path, name: str, arguments: Sequence[str], environment: Mapping[str, str], worked: str
    ) -> None:
        super().__init__(folder, name, arguments, environment)
        self._worked, self._before = worked, 0

    def start(self) -> None:
        self._before = self.output.stat().st_size if self.output.exists() else 0
        super().start()

    def stop(self) -> None:
        self.tell(signal.SIGSTOP)

    def go_on(self) -> None:
        self.tell(signal.SIGCONT)

    @property
    def code(self) -> int | None:
        """The exit code, ``None`` while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def spoke(self) -> bool:
        """Whether it said anything since it was started; before that, a signal may find it without a handler."""
        return self.output.stat().st_size > self._before

    @property
    def worked(self) -> bool:
        """Whether it did any work since it was started."""
        with self.output.open("rb") as output:
            output.seek(self._before)
            return self._worked.encode() in output.read()


class Server:
    """A PostgreSQL with all its processes."""

    is_server = True

    def __init__(self, name: str, postgres: Postgres) -> None:
        self.name, self.postgres = name, postgres
        self._stopped: list[psutil.Process] = []

    def family(self) -> list[psutil.Process]:
        """The postmaster, then its children."""
        first = self.postgres.folder / "pgdata" / "postmaster.pid"
        postmaster = psutil.Process(int(first.read_text().split(maxsplit=1)[0]))
        return [postmaster, *postmaster.children(recursive=True)]

    def kill(self) -> None:
        family = self.family()
        _each(family, psutil.Process.kill)
        until(lambda: not any(map(_runs, family)), 20, f"the processes of {self.name} are gone")

    def stop(self) -> None:
        postmaster = self.family()[0]
        postmaster.suspend()  # from here on it makes no more children
        self._stopped = self.family()
        _each(self._stopped, psutil.Process.suspend)

    def go_on(self) -> None:
        _each(self._stopped, psutil.Process.resume)

    def start(self) -> None:
        self.postgres.start()


class Backend:
    """Any one session's process of a server; killing it makes the server end all others and recover."""

    is_server = False

    def __init__(self, name: str, server: Server, dice: random.Random) -> None:
        self.name, self.server, self._dice = name, server, dice
        self._stopped: list[psutil.Process] = []

    def kill(self) -> None:
        _each(self._one(), psutil.Process.kill)

    def stop(self) -> None:
        self._stopped = self._one()
        _each(self._stopped, psutil.Process.suspend)

    def go_on(self) -> None:
        _each(self._stopped, psutil.Process.resume)

    def start(self) -> None:
        """Nothing to do: the client connects anew."""

    def _one(self) -> list[psutil.Process]:
        sessions = []
        for process in self.server.family()[1:]:
            with suppress(psutil.NoSuchProcess):
                if "postgres: ticketcore " in " ".join(process.cmdline()):
                    sessions.append(process)
        return [self._dice.choice(sessions)] if sessions else []


class Broker:
    """Kafka."""

    name, is_server = "kafka", True

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.kill, self.stop, self.go_on, self.start = kafka.kill9, kafka.pause, kafka.resume, kafka.start


def _each(processes: Sequence[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            act(process)


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
