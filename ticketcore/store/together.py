"""What many threads ask for at the same time, asked in one call by one of the threads that wait."""

from __future__ import annotations

import os
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakSet

from ticketcore.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Together"]

AWAKE = 4
"""How many threads of a finished batch are being woken at a time."""
T = TypeVar("T")
R = TypeVar("R")
_ALL: WeakSet[Together[object, object]] = WeakSet()


class _Waiter(Generic[T, R]):
    """A request and what became of it.

    ``asleep`` is a held lock; whoever releases it wakes the request's thread, once: it costs a fifth of an ``Event``.
    ``leads``: the thread was woken to make the next call. ``after``: whom it wakes, once it is awake itself.
    ``gone``: it was interrupted, and is not woken. ``done``: ``result`` or ``error`` is set.
    """

    __slots__ = ("after", "asleep", "done", "error", "gone", "leads", "request", "result", "size")
    result: R

    def __init__(self, request: T, size: int) -> None:
        self.request, self.size = request, size
        self.asleep = Lock()
        self.asleep.acquire()
        self.done = self.leads = self.gone = False
        self.after: _Waiter[T, R] | None = None
        self.error: BaseException | None = None


class Together(Generic[T, R]):
    """Makes the requests of many threads together. There is no thread of its own; a fork starts afresh.

    The first thread that comes leads: it makes the call for its request alone. Whoever comes meanwhile waits; then the
    first of these leads, for all that have gathered. So a lone caller never waits for others.

    Args:
        call: answers requests, one answer each; where it fails for several, each is tried alone.
        what: is interrupted, for the message.
        most: requests of one call.
        max_bytes: sizes of one call's requests together, beside its first.
    """

    _lock: Lock
    _led: bool
    _waiting: deque[_Waiter[T, R]]

    def __init__(self, call: Callable[[Sequence[T]], Sequence[R]], what: str, most: int, max_bytes: int) -> None:
        self._call, self._what, self._most, self._max_bytes = call, what, most, max_bytes
        self._start()
        _ALL.add(self)  # type: ignore[arg-type]  # of any kind

    def ask(self, request: T, size: int = 0) -> R:
        """Return the answer to one request; blocks until it is there.

        Raises:
            BaseException: what the call raised for this request, or an interruption of this thread.
            StoreUnavailable: as the call raises it, or another thread was interrupted that made the call for this one.
        """
        waiter: _Waiter[T, R] = _Waiter(request, size)
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
        return waiter.result

    def _sleep(self, waiter: _Waiter[T, R]) -> None:
        """Wait to be woken, and wake the next one. A thread that is interrupted takes back what still waits."""
        try:
            waiter.asleep.acquire()
            self._pass_on(waiter)
        except BaseException:
            with self._lock:
                waiter.gone = True
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
                if waiter.leads:
                    self._hand_on()
                self._pass_on(waiter)
            raise

    def _pass_on(self, waiter: _Waiter[T, R]) -> None:
        after, waiter.after = waiter.after, None
        if after is not None:
            after.asleep.release()

    def _hand_on(self) -> None:
        """Let the first who waits lead. Called with the lock held."""
        if self._waiting:
            heir = self._waiting[0]
            heir.leads = True
            heir.asleep.release()
        else:
            self._led = False

    def _wake(self, batch: Sequence[_Waiter[T, R]]) -> None:
        """Wake the first few of a finished batch; each wakes another one, :data:`AWAKE` places behind it.

        All at once would only contend for the interpreter's lock, and keep the next leader from it: with 32 threads
        that makes 7 switches a command instead of 2. One at a time would leave that lock idle, where processors are
        busy with other things and the one that was woken is not yet running. Called with the lock held.
        """
        for waiter, after in zip(batch, batch[AWAKE:], strict=False):
            waiter.after = after
        for waiter in batch[:AWAKE]:
            waiter.asleep.release()

    def _lead(self, own: _Waiter[T, R]) -> None:
        """Make one call, which begins with the caller's *own* request, then hand on to the first who waits."""
        with self._lock:
            batch = self._next_batch()
        try:
            self._answer(batch)
        except BaseException as error:
            # A thread was interrupted (KeyboardInterrupt, ...): only it gets that, the others learn what it means.
            for waiter in batch:
                if not waiter.done:
                    waiter.error = StoreUnavailable(
                        f"{self._what} was interrupted in another thread, expected an answer of the log"
                        " (repeat the same command id: nothing is recorded twice)"
                    )
                    waiter.error.__cause__ = error
            raise
        finally:
            with self._lock:
                self._hand_on()
                self._wake([waiter for waiter in batch if waiter is not own and not waiter.gone])

    def _next_batch(self) -> list[_Waiter[T, R]]:
        batch = [self._waiting.popleft()]
        size = 0
        while self._waiting and len(batch) < self._most:
            size += self._waiting[0].size
            if size > self._max_bytes:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _answer(self, batch: Sequence[_Waiter[T, R]]) -> None:
        try:
            results = self._call([waiter.request for waiter in batch])
        except StoreUnavailable as error:
            for waiter in batch:
                waiter.error, waiter.done = error, True
        except Exception as error:  # noqa: BLE001 -- every waiter must be completed, whatever went wrong
            if len(batch) == 1:
                batch[0].error, batch[0].done = error, True
                return
            for waiter in batch:  # one of them is at fault: it fails alone
                self._answer([waiter])
        else:
            for waiter, result in zip(batch, results, strict=True):
                waiter.result, waiter.done = result, True

    def _start(self) -> None:
        self._lock = Lock()
        self._led = False
        self._waiting = deque()


def _after_fork_in_child() -> None:
    for together in list(_ALL):
        together._start()


os.register_at_fork(after_in_child=_after_fork_in_child)
