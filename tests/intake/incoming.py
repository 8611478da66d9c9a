"""The worker for incoming mail as a process that is killed and started again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.crash.processes import CLI, Kept
from ticketcore import Settings, TicketCore

__all__ = ["WORKER", "Service", "prepared"]

WORKER = (*CLI, "worker", "intake")


class Service:
    """A worker that is started again whenever it was killed; each life has its own output, which says its port."""

    def __init__(self, folder: Path, dsn: str, arguments: tuple[str, ...], **settings: str) -> None:
        self.folder, self.arguments, self.lives = folder, arguments, 0
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
        self.environment = {
            **kept, "TICKETCORE_DSN": dsn, "TICKETCORE_KEY_FILE": str(folder / "keys.json"),
            "TICKETCORE_MAIL_FROM": "Support <support@example.com>", "TICKETCORE_INTAKE_LISTEN": "127.0.0.1:0",
            "TICKETCORE_INTAKE_PROTOCOL": "smtp", "TICKETCORE_INTAKE_SWEEP": "1", **settings,
        }  # fmt: skip
        self.process: Kept | None = None

    def start(self, **settings: str) -> None:
        self.lives += 1
        self.process = Kept(self.folder, f"worker-{self.lives}", self.arguments, {**self.environment, **settings})
        self.process.start()

    def port(self) -> int | None:
        """Where it listens; ``None`` while it does not."""
        process = self.process
        if process is None or not process.running or not process.output.exists():
            return None
        listening = next((line for line in self.lines() if line["event"] == "intake.listening"), None)
        return None if listening is None else int(listening["address"].rpartition(":")[2])

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged since its last start."""
        process = self.process
        if process is None or not process.output.exists():
            return []
        lines = process.output.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def stop(self) -> None:
        if self.process is not None and self.process.running:
            self.process.kill()


@contextmanager
def prepared(dsn: str, folder: Path) -> Iterator[TicketCore]:
    settings = Settings(dsn=dsn, key_file=folder / "keys.json", mail_from="Support <support@example.com>")
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        yield core
