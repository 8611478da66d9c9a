"""Keys in memory: for tests, and for the in-memory log beside it. What ends with the process is not forgotten data."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

from ticketcore.errors import Forgotten
from ticketcore.store.port import WrappedKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from ticketcore.store.port import EventKey, Rewrap

__all__ = ["MemoryKeyStore"]


class MemoryKeyStore:
    """Fulfils :class:`ticketcore.store.port.KeyStore`. Thread-safe; a fork gets a copy."""

    def __init__(self) -> None:
        self._persons: dict[UUID, tuple[str, bytes | None]] = {}
        self._events: dict[tuple[UUID, int, bytes], tuple[UUID, bytes]] = {}
        self._secrets: dict[str, tuple[str, bytes]] = {}
        self._lock = RLock()

    def put_persons(self, wrapped: Mapping[UUID, bytes], key_id: str) -> None:
        with self._lock:
            for person_id, key in wrapped.items():
                self._persons.setdefault(person_id, (key_id, key))

    def persons(self, ids: Sequence[UUID]) -> dict[UUID, bytes | None]:
        with self._lock:
            return {id_: self._persons[id_][1] for id_ in ids if id_ in self._persons}

    def put_event_keys(self, keys: Sequence[EventKey]) -> None:
        with self._lock:
            for person_id in {key.person_id for key in keys}:
                if self._persons.get(person_id, ("", None))[1] is None:
                    raise Forgotten(f"person {person_id}", person_id)
            for id_, version, nonce, person_id, wrapped in keys:
                self._events.setdefault((id_, version, nonce), (person_id, wrapped))

    def event_keys(self, nonces: Sequence[tuple[UUID, int, bytes]]) -> dict[tuple[UUID, int, bytes], WrappedKey]:
        found = {}
        with self._lock:
            for ref in nonces:
                if ref in self._events:
                    person_id, wrapped = self._events[ref]
                    person_wrapped = self._persons[person_id][1]
                    if person_wrapped is not None:
                        found[ref] = WrappedKey(person_id, wrapped, person_wrapped)
        return found

    def destroy(self, events: Sequence[tuple[UUID, int]], persons: Sequence[UUID]) -> None:
        gone = set(events)
        with self._lock:
            for ref in [ref for ref in self._events if ref[:2] in gone] if gone else ():
                del self._events[ref]
            for person_id in persons:
                self._persons[person_id] = (self._persons.get(person_id, ("", None))[0], None)

    def secret(self, name: str, create: bytes | None = None, key_id: str | None = None) -> bytes | None:
        with self._lock:
            if create is not None and key_id is not None:
                self._secrets.setdefault(name, (key_id, create))
            return self._secrets.get(name, ("", None))[1]

    def rewrap(self, old_key_id: str, again: Rewrap, limit: int = 1_000) -> int:
        with self._lock:
            persons = {i: key for i, (used, key) in self._persons.items() if used == old_key_id and key is not None}
            secrets = {name: key for name, (used, key) in self._secrets.items() if used == old_key_id}
            new_persons = {i: again(i, key) for i, key in list(persons.items())[:limit]}
            new_secrets = {n: again(n, key) for n, key in list(secrets.items())[: limit - len(new_persons)]}
            self._persons |= new_persons
            self._secrets |= new_secrets
            return len(new_persons) + len(new_secrets)

    def key_ids(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        with self._lock:
            for key_id, key in (*self._persons.values(), *self._secrets.values()):
                if key is not None:
                    counts[key_id] = counts.get(key_id, 0) + 1
        return counts

    def close(self) -> None:
        """Nothing to give back."""
