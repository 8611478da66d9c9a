"""The eventsourcing library's subscription, by polling: NOTIFY would take a lock that all commits share."""

from __future__ import annotations

from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PollingSubscription"]

_SHORTEST, _LONGEST = 0.02, 0.05


class PollingSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """Looks for new events every 20 to 50 ms: sooner while there are some, later while there are none."""

    def __init__(self, recorder: ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt=gt, topics=topics)
        self._poll_thread = Thread(target=self._poll, name="ticketcore-poll", daemon=True)
        self._poll_thread.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._poll_thread.join()

    def _poll(self) -> None:
        pause, seen = _SHORTEST, self._last_notification_id
        while not self._has_been_stopped:
            sleep(pause)
            self._has_been_notified.set()
            now = self._last_notification_id
            pause = _SHORTEST if now != seen else min(_LONGEST, 1.5 * pause)
            seen = now
