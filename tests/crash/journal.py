"""What a writer meant to do and what it was told: a line each, flushed before it goes on, read again after a kill."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

__all__ = ["Answer", "Journal", "Wish", "read_journal"]


class Wish(NamedTuple):
    """A command that a thread is about to give: a method of ``TicketCore`` and its arguments."""

    command_id: UUID
    thread: int
    method: str
    arguments: dict[str, Any]


class Answer(NamedTuple):
    """What the writer was told. ``refused``: the error's code; then the rest is empty."""

    command_id: UUID
    number: str = ""
    position: int | None = None
    version: int = 0
    repeated: bool = False
    refused: str = ""


class Journal:
    """A file of wishes and answers; thread-safe. A kill loses at most the line that is being written."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8")
        self._file.write("\n")  # ends a line that a kill cut off

    def write(self, entry: Wish | Answer) -> None:
        line = json.dumps({"what": type(entry).__name__, **entry._asdict()}, default=str)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()


def read_journal(path: Path) -> tuple[dict[UUID, Wish], dict[UUID, Answer]]:
    """Return wishes and answers by command id, in their order; a line that was cut off counts as not written."""
    wishes: dict[UUID, Wish] = {}
    answers: dict[UUID, Answer] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        what, command_id = entry.pop("what"), UUID(entry.pop("command_id"))
        if what == "Wish":
            wishes[command_id] = Wish(command_id, **entry)
        else:
            assert command_id not in answers, f"{command_id} was answered twice"
            answers[command_id] = Answer(command_id, **entry)
    return wishes, answers
