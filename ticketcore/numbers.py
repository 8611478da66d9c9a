"""Numbers for new tickets, customers and messages, fetched in blocks: gaps are fine, duplicates are not."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from ticketcore.ids import NUMBERED, Kind, Number

if TYPE_CHECKING:
    from ticketcore.store.port import EventLog

__all__ = ["NumberPool"]


class NumberPool:
    """Gives numbers of the current year (UTC), *block* of them for one round trip. Thread-safe."""

    def __init__(self, log: EventLog, block: int = 20) -> None:
        self._log = log
        self._block = block
        self._free: dict[Kind, list[int]] = {kind: [] for kind in NUMBERED}
        self._lock = Lock()

    def take(self, kind: Kind) -> Number:
        """Return a number that nobody else has."""
        with self._lock:
            free = self._free[kind]
            if not free:
                free.extend(reversed(self._log.allocate(kind, self._block)))
            return Number(kind, datetime.now(UTC).year, free.pop())

    def drop(self) -> None:
        """Drop the block: the log was perhaps put back to before it gave it."""
        with self._lock:
            self._free = {kind: [] for kind in NUMBERED}

    def after_fork(self) -> None:
        """Drop the block in a forked child: its parent has the same one."""
        self._lock = Lock()
        self._free = {kind: [] for kind in NUMBERED}
