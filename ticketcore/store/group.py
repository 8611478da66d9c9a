"""Group commit: the commands that wait are appended in one call by one of the threads that wait."""

from __future__ import annotations

import os
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from ticketcore.errors import StoreUnavailable
from ticketcore.store.appends import check_append

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.store.port import Append, EventLog, Outcome

__all__ = ["GroupCommit"]

_ALL: WeakSet[GroupCommit] = WeakSet()


class _Waiter:
    """A command and what became of it.

    ``asleep`` is a held lock; whoever releases it wakes the command's thread, once: it costs a fifth of an ``Event``.
    ``leads``: the thread was woken to append the next batch.
    """

    __slots__ = ("append", "asleep", "error", "leads", "outcome", "size")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.size = sum([len(event.state) for event in append.events])
        self.asleep = Lock()
        self.asleep.acquire()
        self.leads = False
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None


class GroupCommit:
    """Appends commands of many threads together. There is no thread of its own; a fork starts afresh.

    The first thread that comes leads: it appends its command alone. Whoever comes meanwhile waits; then the first of
    these leads, and appends what has gathered. So a lone caller never waits for others.

    Args:
        log: where to append.
        max_commands: the most commands of one call.
        max_bytes: the most bytes of events of one call, beside its first command.
    """

    def __init__(self, log: EventLog, *, max_commands: int = 256, max_bytes: int = 4_194_304) -> None:
        self._log, self._max_commands, self._max_bytes = log, max_commands, max_bytes
        self._led = False
        self._start()
        _ALL.add(self)

    def submit(self, append: Append) -> Outcome:
        """Append one command and return its own outcome; blocks until it is recorded or refused.

        Raises:
            EventTooLarge, ValueError: the append itself is wrong; others are not touched.
            StoreUnavailable: the server is away; repeating the same command id records nothing twice.
        """
        check_append(append)
        waiter = _Waiter(append)
        with self._lock:
            self._waiting.append(waiter)
            if not self._led:
                self._led = waiter.leads = True
        if not waiter.leads:
            self._sleep(waiter)
        if waiter.leads:
            self._lead(waiter)
        if waiter.error is not None:
            raise waiter.error
        assert waiter.outcome is not None  # noqa: S101 -- every batch completes its waiters
        return waiter.outcome

    def _sleep(self, waiter: _Waiter) -> None:
        """Wait to be woken. A thread that is interrupted takes its command back, and leads nobody."""
        try:
            waiter.asleep.acquire()
        except BaseException:
            with self._lock:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
                if waiter.leads:
                    self._hand_on()
            raise

    def _hand_on(self) -> None:
        """Let the first who waits lead. Called with the lock held."""
        if self._waiting:
            heir = self._waiting[0]
            heir.leads = True
            heir.asleep.release()
        else:
            self._led = False

    def _lead(self, own: _Waiter) -> None:
        """Append one batch, which begins with the caller's *own* command, then hand on to the first who waits."""
        with self._lock:
            batch = self._next_batch()
        try:
            self._append(batch)
        except BaseException as error:
            # A thread was interrupted (KeyboardInterrupt, ...): only it gets that, the others learn what it means.
            for waiter in batch:
                if waiter.outcome is None and waiter.error is None:
                    waiter.error = StoreUnavailable(
                        "an append was interrupted in another thread, expected an answer of the log"
                        " (repeat the same command id: nothing is recorded twice)"
                    )
                    waiter.error.__cause__ = error
            raise
        finally:
            with self._lock:
                self._hand_on()
            for waiter in batch:
                if waiter is not own:
                    waiter.asleep.release()

    def _next_batch(self) -> list[_Waiter]:
        batch = [self._waiting.popleft()]
        size = 0
        while self._waiting and len(batch) < self._max_commands:
            size += self._waiting[0].size
            if size > self._max_bytes:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _append(self, batch: Sequence[_Waiter]) -> None:
        try:
            outcomes = self._log.append([waiter.append for waiter in batch])
        except StoreUnavailable as error:
            for waiter in batch:
                waiter.error = error
        except Exception as error:  # noqa: BLE001 -- every waiter must be completed, whatever went wrong
            if len(batch) == 1:
                batch[0].error = error
                return
            for waiter in batch:  # one of them is at fault: it fails alone
                self._append([waiter])
        else:
            for waiter, outcome in zip(batch, outcomes, strict=True):
                waiter.outcome = outcome

    def _start(self) -> None:
        self._lock = Lock()
        self._waiting: deque[_Waiter] = deque()
        self._led = False


def _after_fork_in_child() -> None:
    for group in list(_ALL):
        group._start()


os.register_at_fork(after_in_child=_after_fork_in_child)
