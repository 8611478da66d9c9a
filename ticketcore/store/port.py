"""What the rest of the library asks of an event store; PostgreSQL and memory both answer it.

The log is one ordered sequence with contiguous positions 1, 2, 3, ... in commit order. An append is all or nothing
for its command, and fails for its own reason only, however many commands share a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from eventsourcing.persistence import StoredEvent

    from ticketcore.ids import Kind

__all__ = [
    "Append",
    "Appended",
    "BlobStore",
    "Claim",
    "ClaimConflict",
    "EventKey",
    "EventLog",
    "Fact",
    "KeyStore",
    "Loaded",
    "Outcome",
    "PersonGone",
    "Receipt",
    "Record",
    "Release",
    "Repeated",
    "Reused",
    "Rewrap",
    "VersionConflict",
    "Wanted",
    "WrappedKey",
]

PART_BYTES = 1_048_576
"""Bytes of every part of a blob but its last."""
MAX_EVENT_BYTES = 262_144
"""The most bytes that one event's stored state may have."""


class Record(NamedTuple):
    """An event as it lies in the log.

    Attributes:
        position: from 1, contiguous, in commit order.
        recorded_at: set under the append lock, UTC, never before that of the position before it.
        state: the stored bytes (JSON for this library's events).
    """

    position: int
    recorded_at: datetime
    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes


class Receipt(NamedTuple):
    """What a command recorded: ``count`` events that end at ``position`` (``None`` where it changed nothing).

    ``digest``: 16 bytes, a keyed digest of the command's content.
    """

    command_id: UUID
    digest: bytes
    originator_id: UUID
    position: int | None
    count: int  # type: ignore[assignment]  # tuple's method of that name is of no use here


class Claim(NamedTuple):
    """A value that belongs to one aggregate only: an identity (a keyed digest) or an outside number.

    ``ref``: version of the event that claimed it.
    """

    kind: str
    value: bytes
    owner: UUID
    ref: int


class Release(NamedTuple):
    """Gives claims back: those of ``owner`` with ``ref``, or all of them where it is ``None``."""

    owner: UUID
    ref: int | None = None


class EventKey(NamedTuple):
    """An event's own key, wrapped by its person's. ``nonce``: the 12 bytes that the sealed content begins with."""

    originator_id: UUID
    originator_version: int
    nonce: bytes
    person_id: UUID
    wrapped: bytes


class WrappedKey(NamedTuple):
    """An event's key as stored, with its person's: both still wrapped."""

    person_id: UUID
    wrapped: bytes
    person_wrapped: bytes


class Fact(NamedTuple):
    """An event as stored, like the event library's ``StoredEvent``, in a quarter of the time that making that takes."""

    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """One command's wish to append.

    Attributes:
        expected: ``(stream, version)`` for every stream the decision depended on; 0 for one that must not exist.
        events: of one or more streams; each stream's versions follow its expected one.
        keys: the keys of the sealed ones among the events.
        destroy_events: ``(stream, version)`` whose keys are destroyed with this append (redaction).
        destroy_persons: persons whose keys are destroyed with this append (forgetting).
        incarnation: of the log when the decision's states were read; ``None`` where it depends on none.
    """

    command_id: UUID
    digest: bytes
    expected: tuple[tuple[UUID, int], ...]
    events: Sequence[StoredEvent | Fact] = ()
    keys: tuple[EventKey, ...] = ()
    claims: tuple[Claim, ...] = ()
    releases: tuple[Release, ...] = ()
    destroy_events: tuple[tuple[UUID, int], ...] = ()
    destroy_persons: tuple[UUID, ...] = ()
    incarnation: int | None = None


class Appended(NamedTuple):
    """It is in the log. ``position``: of its last event, ``None`` where it had none."""

    position: int | None
    recorded_at: datetime


class Repeated(NamedTuple):
    """The same command was appended before; nothing was added."""

    receipt: Receipt


class Reused(NamedTuple):
    """The command id was used before for other content; nothing was added."""

    receipt: Receipt


class VersionConflict(NamedTuple):
    """A stream has another version than expected, or the log another incarnation; nothing was added."""

    originator_id: UUID
    expected: int
    actual: int


class ClaimConflict(NamedTuple):
    """A claimed value belongs to another aggregate; nothing was added."""

    claim: Claim
    owner: UUID


class PersonGone(NamedTuple):
    """A person for whom an event was sealed was forgotten meanwhile; nothing was added."""

    person_id: UUID


Outcome = Appended | Repeated | Reused | VersionConflict | ClaimConflict | PersonGone


class Loaded(NamedTuple):
    """Whole streams, in version order, and the receipt of the command that is about to be decided."""

    streams: Mapping[UUID, Sequence[Record]]
    receipt: Receipt | None


Wanted = tuple["Sequence[UUID]", "UUID | None"]
"""What a command needs: its streams, and its id."""
Rewrap = Callable[["UUID | str", bytes], tuple[str, bytes]]


class BlobStore(Protocol):
    """Sealed bytes by their SHA-256 (hex), kept for ever. Thread-safe; usable after fork."""

    def put_blob(self, content: bytes) -> str:
        """Store sealed bytes durably; return their SHA-256 in hex. Storing the same bytes again is a no-op."""

    def put_blob_parts(self, digest: str, parts: Callable[[], Iterable[bytes]]) -> None:
        """Store the bytes of *digest* durably, one part in memory at a time; all of them or none.

        Storing the same bytes again is a no-op.

        Args:
            digest: SHA-256 (hex) of all parts together.
            parts: gives them from the first, of :data:`PART_BYTES` each and the last one less; called again where the
                store was away.
        Raises:
            ValueError: the parts together have another digest; nothing is stored.
        """

    def has_blob(self, digest: str) -> bool:
        """Return whether the bytes of *digest* are stored."""

    def get_blob(self, digest: str) -> bytes | None:
        """Return sealed bytes, ``None`` where they were never stored."""

    def blob_parts(self, digest: str) -> Iterator[bytes]:
        """Yield sealed bytes, one part in memory at a time; nothing where they were never stored."""


class EventLog(BlobStore, Protocol):
    """The log with its receipts, claims, numbers and blobs. Thread-safe; usable after fork."""

    @property
    def name(self) -> str:
        """The log's name; part of every aggregate id."""

    @property
    def incarnation(self) -> int:
        """How often this process saw the log's server started anew or the log replaced, from 0.

        Only then may events be gone that this process knows of. What it remembered of an earlier incarnation proves
        nothing: a stream can have the same version again with other content.
        """

    def epoch(self) -> UUID:
        """Return the log's epoch: a random id, renewed by a restore."""

    def append(self, batch: Sequence[Append]) -> list[Outcome]:
        """Append every command of *batch* that can be, in order, in one transaction; one outcome for each.

        Two commands of a batch that touch the same stream, claim or command id: the later one gets the conflict it
        would have got in a transaction after the first's.
        """

    def append_bulk(self, append: Append) -> Outcome:
        """As :meth:`append` with one command, made for tens of thousands of events (binary COPY)."""

    def load(self, originator_ids: Sequence[UUID], command_id: UUID | None = None) -> Loaded:
        """Return whole streams and the command's receipt, in one round trip."""

    def load_many(self, wanted: Sequence[Wanted]) -> list[Loaded]:
        """Return what :meth:`load` would for each, in one round trip."""

    def read(self, after: int, limit: int, *, max_bytes: int = 16_777_216) -> list[Record]:
        """Return records with positions above *after*, in order, at most *limit* and about *max_bytes* of them."""

    def stream_ids(self, kind: Kind, after: UUID | None, limit: int) -> list[UUID]:
        """Return the ids of at most *limit* streams of a kind, in the ids' order, above *after*; ``None``: from the first.

        Ids of numbered kinds grow with their numbers, so that going on from the last one meets every stream that there
        was at the beginning.
        """

    def head(self) -> int:
        """Return the last position, 0 for an empty log."""

    def allocate(self, kind: Kind, count: int) -> list[int]:
        """Return *count* counters that were never returned before."""

    def owner(self, kind: str, value: bytes) -> Claim | None:
        """Return the claim on a value, if any."""

    def claims_of(self, owner: UUID) -> list[Claim]:
        """Return what an aggregate holds, by kind and value."""

    def owners(self, kind: str) -> dict[bytes, UUID]:
        """Return all claims of a kind: value -> owner."""

    def claims_below(self, kind: str, value: bytes, limit: int) -> list[Claim]:
        """Return at most *limit* claims of a kind whose values lie below *value*, in the values' order."""

    def close(self) -> None:
        """Give back connections; the log can't be used afterwards."""


class KeyStore(Protocol):
    """Wrapped keys, outside the log: by person, by event. Thread-safe; usable after fork."""

    def put_persons(self, wrapped: Mapping[UUID, bytes], key_id: str) -> None:
        """Store wrapped person keys for those who have none; persons who have one keep it."""

    def persons(self, ids: Sequence[UUID]) -> dict[UUID, bytes | None]:
        """Return wrapped person keys; ``None`` for destroyed ones; unknown ids are absent."""

    def put_event_keys(self, keys: Sequence[EventKey]) -> None:
        """Store event keys. (A log in the same data base stores them itself, in the events' transaction.)"""

    def event_keys(self, nonces: Sequence[tuple[UUID, int, bytes]]) -> dict[tuple[UUID, int, bytes], WrappedKey]:
        """Return the keys of events by ``(stream, version, nonce)``; redacted and forgotten ones are absent."""

    def destroy(self, events: Sequence[tuple[UUID, int]], persons: Sequence[UUID]) -> None:
        """Destroy keys for good; repeating is a no-op. Persons leave a tombstone without key."""

    def secret(self, name: str, create: bytes | None = None, key_id: str | None = None) -> bytes | None:
        """Return a wrapped secret by name; store *create* under it first where there is none."""

    def rewrap(self, old_key_id: str, again: Rewrap, limit: int = 1_000) -> int:
        """Replace up to *limit* wrapped person keys and secrets of one key-encryption key, in one transaction.

        *again* takes the person's id, or the secret's name, and the wrapped key; it returns the new key-encryption
        key's id and the key as wrapped by that. Returns how many were replaced; 0 when none is left.
        """

    def key_ids(self) -> dict[str, int]:
        """Return how many keys are wrapped by which key-encryption key."""

    def close(self) -> None:
        """Give back connections."""
