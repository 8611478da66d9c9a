"""Whether a worker is alive: its loops finish rounds and the servers that it needs answer. Lag is no question here."""

from __future__ import annotations

import threading
import time
from typing import Any

__all__ = ["Health"]


class Health:
    """When each part was last seen well. Thread-safe.

    Args:
        timeout: seconds after which a part that was not seen counts as stuck.
        parts: names; each counts as seen now.
    """

    def __init__(self, timeout: float, *parts: str) -> None:
        self._timeout = timeout
        self.asked_every = timeout / 3
        """Seconds after which a server is to be asked again at the latest, so that one slow answer is no false alarm."""
        self._seen = dict.fromkeys(parts, time.monotonic())
        self._troubles: dict[str, str] = {}
        self._mutex = threading.Lock()

    def saw(self, part: str) -> None:
        """Note that a part is well now."""
        with self._mutex:
            self._seen[part] = time.monotonic()
            self._troubles.pop(part, None)

    def trouble(self, part: str, text: str) -> None:
        """Note what hinders a part; it is told once the part was not seen for too long."""
        with self._mutex:
            self._troubles[part] = text

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Return whether all is well, and what to tell: ``status``, ``seconds_since`` by part, ``reasons``."""
        now = time.monotonic()
        with self._mutex:
            ages = {part: round(now - seen, 1) for part, seen in self._seen.items()}
            reasons = [
                f"{part}: nothing for {age:g} s, expected a sign of life at least every {self._timeout:g} s"
                + (f" ({self._troubles[part]})" if part in self._troubles else "")
                for part, age in ages.items()
                if age > self._timeout
            ]
        told = {"status": "stuck" if reasons else "ok", "seconds_since": ages, "reasons": reasons}
        return not reasons, told
