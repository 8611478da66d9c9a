"""Processes that are killed and started again, as a supervisor would."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.shared import REPOSITORY

__all__ = ["CLI", "Kept", "until"]

CLI = ("-c", "from workers.cli import main; main()")
UNAVAILABLE = 3
"""The exit code of a program that found no data base when it started: a supervisor starts it again."""


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until *true*; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class Kept:
    """A program that is to run. Its output goes to a file, which outlives its kills."""

    def __init__(self, folder: Path, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name, self.output = name, folder / f"{name}.out"
        self._arguments, self._environment = [sys.executable, *arguments], dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = self.restarts = self._silent_at = 0

    def start(self) -> None:
        self._silent_at = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                self._arguments, cwd=REPOSITORY, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def look_after(self) -> None:
        """Start it again where it found no data base; fail where it ended for any other reason than a kill."""
        if self._process is None or self.running or self._process.returncode == -signal.SIGKILL:
            return
        assert self._process.returncode == UNAVAILABLE, (
            f"{self.name} ended with {self._process.returncode}: {self.said}"
        )
        self.restarts += 1
        self.start()

    def kill(self) -> None:
        """SIGKILL it and count that where it was running."""
        assert self._process is not None
        self.kills += self.running
        self._process.kill()
        self._process.wait()

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, seconds: float, *, by: signal.Signals | None = None) -> int:
        """Wait for its end, asked for by a signal where one is given, and return its exit code."""
        assert self._process is not None
        if by is not None:
            self._process.send_signal(by)
        return self._process.wait(seconds)

    @property
    def heard(self) -> bool:
        """Whether it has said anything since its start; before, it may not listen to signals yet."""
        return self.output.stat().st_size > self._silent_at

    @property
    def said(self) -> str:
        """The end of its output."""
        return self.output.read_text(errors="replace")[-9_000:]
