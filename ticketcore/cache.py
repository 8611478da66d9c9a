"""Hot states: the newest known immutable state of recently used aggregates."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from ticketcore.execution import State

__all__ = ["StateCache"]


class StateCache:
    """A least-recently-used map of aggregate id to state, bounded by *maxsize*; 0 keeps nothing. Thread-safe.

    A state may be older than the log says: who decides by it reloads before rejecting anything, and an append checks
    the version. It is never of another incarnation of the log (see :attr:`EventLog.incarnation`): versions are given
    again after a restore.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._states: OrderedDict[UUID, State] = OrderedDict()
        self._lock = Lock()
        self._incarnation = 0

    def get(self, ids: Iterable[UUID], incarnation: int = 0) -> dict[UUID, State | None]:
        """Return the states that are known of an incarnation, without those that are not. A later one than before empties it."""
        found: dict[UUID, State | None] = {}
        with self._lock:
            if incarnation > self._incarnation:
                self._incarnation = incarnation
                self._states.clear()
            if incarnation < self._incarnation:
                return found
            for id_ in ids:
                state = self._states.get(id_)
                if state is not None:
                    self._states.move_to_end(id_)
                    found[id_] = state
        return found

    def put(self, state: State, incarnation: int = 0) -> None:
        """Keep *state*, unless a newer one of the aggregate is known, or it is of another incarnation."""
        if not self._maxsize:
            return
        with self._lock:
            if incarnation != self._incarnation:
                return
            known = self._states.get(state.id)
            if known is None or known.version < state.version:
                self._states[state.id] = state
            self._states.move_to_end(state.id)
            if len(self._states) > self._maxsize:
                self._states.popitem(last=False)

    def drop(self, ids: Iterable[UUID]) -> None:
        """Forget states, so that the next use loads them."""
        with self._lock:
            for id_ in ids:
                self._states.pop(id_, None)

    def renew_lock(self) -> None:
        """Replace the lock; called in a forked child, where another thread may have held it."""
        self._lock = Lock()
