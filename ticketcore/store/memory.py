"""The log in memory, for the tests of services that embed the library: the same contract, nothing lasts."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from datetime import UTC, datetime
from itertools import count as counter
from threading import RLock
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from weakref import WeakSet

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from ticketcore.errors import Forgotten
from ticketcore.ids import NUMBERED, Kind, kind_of
from ticketcore.store.appends import check_append, from_receipt, main_stream, own_clash
from ticketcore.store.blobs import check_digest, parts_of
from ticketcore.store.library import expected_of, recorded_at_positions
from ticketcore.store.port import (
    Append,
    Appended,
    Claim,
    ClaimConflict,
    Loaded,
    Outcome,
    PersonGone,
    Receipt,
    Record,
    VersionConflict,
    Wanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ticketcore.store.port import Fact, KeyStore

__all__ = ["MemoryLog"]

_ALL: WeakSet[MemoryLog] = WeakSet()


class MemoryLog(POPOApplicationRecorder):
    """Fulfils :class:`ticketcore.store.port.EventLog`, and is a recorder of the eventsourcing library. Thread-safe.

    Args:
        name: of the log.
        keys: where keys of events are put and destroyed with an append; none are where it is ``None``.
    """

    def __init__(self, name: str = "main", keys: KeyStore | None = None) -> None:
        super().__init__()
        self._name, self._keys, self._epoch = name, keys, uuid4()
        self._records: list[Record] = []
        self._streams: dict[UUID, list[Record]] = defaultdict(list)
        self._receipts: dict[UUID, Receipt] = {}
        self._claims: dict[tuple[str, bytes], Claim] = {}
        self._blobs: dict[str, bytes] = {}
        self._counters = {kind: counter(1) for kind in NUMBERED}
        _ALL.add(self)

    @property
    def name(self) -> str:
        """The log's name."""
        return self._name

    @property
    def incarnation(self) -> int:
        return 0

    def epoch(self) -> UUID:
        return self._epoch

    def append(self, batch: Sequence[Append]) -> list[Outcome]:
        for append in batch:
            check_append(append)
        with self._database_lock:
            outcomes = [self._append(append) for append in batch]
        self._notify_listeners()
        return outcomes

    def append_bulk(self, append: Append) -> Outcome:
        return self.append([append])[0]

    def load(self, originator_ids: Sequence[UUID], command_id: UUID | None = None) -> Loaded:
        with self._database_lock:
            streams = {id_: list(self._streams.get(id_, ())) for id_ in originator_ids}
            return Loaded(streams, self._receipts.get(command_id) if command_id else None)

    def load_many(self, wanted: Sequence[Wanted]) -> list[Loaded]:
        return [self.load(*one) for one in wanted]

    def read(self, after: int, limit: int, *, max_bytes: int = 16_777_216) -> list[Record]:
        with self._database_lock:
            page = self._records[max(0, after) : max(0, after) + limit]
        size = 0
        for number, record in enumerate(page):
            size += len(record.state) + 64
            if size > max_bytes and number:
                return page[:number]
        return page

    def stream_ids(self, kind: Kind, after: UUID | None, limit: int) -> list[UUID]:
        with self._database_lock:
            found = [id_ for id_, records in self._streams.items() if records and kind_of(id_) is kind]
        return sorted(id_ for id_ in found if after is None or id_ > after)[:limit]

    def head(self) -> int:
        return len(self._records)

    def allocate(self, kind: Kind, count: int) -> list[int]:
        with self._database_lock:
            return [next(self._counters[kind]) for _ in range(count)]

    def owner(self, kind: str, value: bytes) -> Claim | None:
        return self._claims.get((kind, value))

    def claims_of(self, owner: UUID) -> list[Claim]:
        with self._database_lock:
            return sorted(claim for claim in self._claims.values() if claim.owner == owner)

    def owners(self, kind: str) -> dict[bytes, UUID]:
        with self._database_lock:
            return {value: claim.owner for (found, value), claim in self._claims.items() if found == kind}

    def claims_below(self, kind: str, value: bytes, limit: int) -> list[Claim]:
        with self._database_lock:
            found = [claim for claim in self._claims.values() if claim.kind == kind and claim.value < value]
        return sorted(found)[:limit]

    def put_blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self._blobs.setdefault(digest, content)
        return digest

    def put_blob_parts(self, digest: str, parts: Callable[[], Iterable[bytes]]) -> None:
        content = b"".join(parts())
        check_digest(digest, hashlib.sha256(content))
        self._blobs.setdefault(digest, content)

    def has_blob(self, digest: str) -> bool:
        return digest in self._blobs

    def blob_parts(self, digest: str) -> Iterator[bytes]:
        content = self._blobs.get(digest)
        if content is not None:
            yield from parts_of(content)

    def get_blob(self, digest: str) -> bytes | None:
        return self._blobs.get(digest)

    def close(self) -> None:
        """Nothing to give back."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        if not stored_events:
            return None
        [outcome] = self.append([Append(uuid4(), b"", expected_of(stored_events), tuple(stored_events))])
        return recorded_at_positions(outcome, len(stored_events))

    def _append(self, append: Append) -> Outcome:
        known = self._receipts.get(append.command_id)
        if known is not None:
            return from_receipt(known, append.digest)
        refused = own_clash(append) or next(self._refusals(append), None)
        if refused is not None:
            return refused
        if self._keys is not None:
            try:
                self._keys.put_event_keys(append.keys)
            except Forgotten as error:
                return PersonGone(error.person_id or append.keys[0].person_id)
        now = datetime.now(UTC)
        if self._records:
            now = max(now, self._records[-1].recorded_at)
        events = _stored(append.events)
        self._update_table(events)
        for id_, version, topic, state in _fields(events):
            record = Record(len(self._records) + 1, now, id_, version, topic, state)
            self._records.append(record)
            self._streams[id_].append(record)
        for release in append.releases:
            for key in [key for key, held in self._claims.items() if _released(held, release.owner, release.ref)]:
                del self._claims[key]
        for claim in append.claims:
            self._claims.setdefault((claim.kind, claim.value), claim)
        if self._keys is not None:
            self._keys.destroy(append.destroy_events, append.destroy_persons)
        count = len(append.events)
        position = len(self._records) if count else None
        receipt = Receipt(append.command_id, append.digest, main_stream(append), position, count)
        self._receipts[append.command_id] = receipt
        return Appended(position, now)

    def _refusals(self, append: Append) -> Iterator[Outcome]:
        for stream, expected in append.expected:
            records = self._streams.get(stream)
            actual = records[-1].originator_version if records else 0
            if actual != expected:
                yield VersionConflict(stream, expected, actual)
        for claim in append.claims:
            held = self._claims.get((claim.kind, claim.value))
            if held is None or held.owner == claim.owner:
                continue
            if not any(_released(held, owner, ref) for owner, ref in append.releases):
                yield ClaimConflict(claim, held.owner)
        persons = list(dict.fromkeys(key.person_id for key in append.keys)) if self._keys else []
        if persons and self._keys is not None:
            alive = self._keys.persons(persons)
            for person in persons:
                if alive.get(person) is None:
                    yield PersonGone(person)
        self._assert_uniqueness(_stored(append.events))


def _released(held: Claim, owner: UUID, ref: int | None) -> bool:
    return held.owner == owner and ref in (None, held.ref)


def _stored(events: Sequence[StoredEvent | Fact]) -> list[StoredEvent]:
    return [event if isinstance(event, StoredEvent) else StoredEvent(*event) for event in events]


def _fields(events: Sequence[StoredEvent]) -> Iterator[tuple[UUID, int, str, bytes]]:
    for event in events:
        if not isinstance(event.originator_id, UUID):
            raise IntegrityError(f"cannot insert into stream {event.originator_id!r}: expected a UUID")
        yield event.originator_id, event.originator_version, event.topic, event.state


def _after_fork_in_child() -> None:
    for log in list(_ALL):
        log._database_lock = RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)
