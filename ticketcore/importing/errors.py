"""What can go wrong in an import as a whole. A single bad row goes to the reject file and is no error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.errors import TicketCoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BadMapping", "ImportRefused", "ImportStopped", "RowRejected"]


class BadMapping(TicketCoreError):
    """A mapping file is not valid. ``line`` and ``column`` (from 1) say where, ``key`` which key."""

    code = "bad_mapping"
    exit_code = 2

    def __init__(self, name: str, line: int, column: int, key: str, problem: str, page: str = "docs/import.md") -> None:
        self.name, self.line, self.column, self.key, self.problem = name, line, column, key, problem
        at = f" at {key!r}" if key else ""
        super().__init__(f"mapping {name}, line {line}, column {column}{at}: {problem} ({page} describes every key)")


class ImportRefused(TicketCoreError):
    """A file does not fit its mapping, or can't be read; nothing was imported."""

    code = "import_refused"
    exit_code = 2

    def __init__(self, path: Path, problem: str, expected: str, remedy: str) -> None:
        self.path, self.problem, self.expected, self.remedy = path, problem, expected, remedy
        super().__init__(f"cannot import {path}: {problem}, expected {expected} ({remedy})")


class ImportStopped(TicketCoreError):
    """An import ended early. What was committed stays; the same command run again goes on behind it."""

    code = "import_stopped"
    exit_code = 10

    def __init__(self, path: Path, line: int, problem: str, remedy: str) -> None:
        self.path, self.line, self.problem, self.remedy = path, line, problem, remedy
        super().__init__(
            f"the import of {path} stopped at line {line:,}: {problem}"
            f" ({remedy}; then run the same command again: it goes on where it stopped, nothing is doubled)"
        )


class RowRejected(Exception):
    """One row can't be imported; its text is the reason. Caught for every bad row, never shown as an error."""
