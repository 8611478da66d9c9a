"""What can be said about appends without a data base: their size, their stream, which of them touch each other."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from ticketcore.errors import EventTooLarge
from ticketcore.store.port import (
    MAX_EVENT_BYTES,
    Append,
    Appended,
    ClaimConflict,
    Outcome,
    Receipt,
    Repeated,
    Reused,
    VersionConflict,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

__all__ = ["check_append", "from_receipt", "independent", "learn", "main_stream", "own_clash", "ready"]

_CLAIMS = ("claims",)
_NIL = UUID(int=0)


def check_append(append: Append) -> None:
    """Refuse what no store may take.

    Raises:
        EventTooLarge: an event's state has more than 262,144 bytes.
        ValueError: a stream's versions don't follow its expected one, or a stream is expected twice.
    """
    if len(append.expected) == 1 and _follow(append):
        return
    following = {stream.int: version + 1 for stream, version in append.expected}  # a UUID's own hash is slow
    if len(following) != len(append.expected):
        raise ValueError(f"cannot append command {append.command_id}: a stream is expected twice, expected once each")
    for event in append.events:
        if len(event.state) > MAX_EVENT_BYTES:
            raise EventTooLarge(event.topic, len(event.state), MAX_EVENT_BYTES)
        stream, version = event.originator_id, event.originator_version
        if not isinstance(stream, UUID):
            raise ValueError(f"cannot append to stream {stream!r}: expected a UUID")  # noqa: TRY004
        if following.get(stream.int, version) != version:
            raise ValueError(
                f"cannot append version {version} of stream {stream}: expected {following[stream.int]}"
                " (versions of a stream follow each other)"
            )
        following[stream.int] = version + 1


def _follow(append: Append) -> bool:
    """Return whether all events are of the one expected stream, small enough, and follow its version."""
    [(expected, version)] = append.expected
    for event in append.events:
        version += 1
        stream = event.originator_id
        other = stream is not expected and stream != expected
        if other or event.originator_version != version or len(event.state) > MAX_EVENT_BYTES:
            return False
    return isinstance(expected, UUID)


def main_stream(append: Append) -> UUID:
    """Return the stream that the command is about: the first that must not exist yet, else the first expected."""
    for stream, version in append.expected:
        if version == 0:
            return stream
    if append.expected:
        return append.expected[0][0]
    first = append.events[0].originator_id if append.events else _NIL
    return first if isinstance(first, UUID) else _NIL


def own_clash(append: Append) -> ClaimConflict | None:
    """Return the conflict of an append that claims one value for two owners, ``None`` where it does not."""
    owners: dict[tuple[str, bytes], UUID] = {}
    for claim in append.claims:
        if owners.setdefault((claim.kind, claim.value), claim.owner) != claim.owner:
            return ClaimConflict(claim, owners[claim.kind, claim.value])
    return None


def from_receipt(receipt: Receipt, digest: bytes) -> Outcome:
    """Return what a receipt that was found says about a command with *digest*."""
    return Repeated(receipt) if receipt.digest == digest else Reused(receipt)


def independent(appends: Sequence[Append]) -> bool:
    """Return whether appends can share a call because nothing that they touch stands twice: stream, command id, claim.

    Others may be able to, too: :func:`ready` looks closer.
    """
    if len(appends) == 1 and not appends[0].claims:
        return True
    seen: set[UUID | str | tuple[str, bytes]] = set()
    count = 0
    for append in appends:
        if append.releases or append.destroy_events or append.destroy_persons:
            return False
        own: set[UUID | str | tuple[str, bytes]] = {stream for stream, _ in append.expected}
        own.add(append.command_id)
        for event in append.events:
            own.add(event.originator_id)
        count += len(own) + len(append.claims)
        seen |= own
        for claim in append.claims:
            seen.add((claim.kind, claim.value))
    return len(seen) == count


def ready(appends: Sequence[tuple[int, Append]], known: Mapping[UUID, int]) -> tuple[list[int], list[int]]:
    """Split numbered appends into those that can share a call and those that must come after them, both in order.

    An append waits where an earlier one writes what it depends on. One that expects less than the *known* version of
    a stream writes nothing, so others need not wait for it.
    """
    now: list[int] = []
    later: list[int] = []
    written: set[Hashable] = set()
    read: set[Hashable] = set()
    for number, append in appends:
        writes, reads = _touched(append)
        if any(version < known.get(stream, 0) for stream, version in append.expected):
            writes, reads = {("command", append.command_id)}, set()
        clear = written.isdisjoint(writes) and written.isdisjoint(reads) and read.isdisjoint(writes)
        (now if clear else later).append(number)
        written |= writes
        read |= reads
    return now, later


def learn(known: dict[UUID, int], append: Append, outcome: Outcome) -> None:
    """Note in *known* which versions an outcome proves streams to have at least."""
    if isinstance(outcome, VersionConflict):
        known[outcome.originator_id] = max(outcome.actual, known.get(outcome.originator_id, 0))
    elif isinstance(outcome, Appended):
        for event in append.events:
            if isinstance(event.originator_id, UUID):
                known[event.originator_id] = event.originator_version


def _touched(append: Append) -> tuple[set[Hashable], set[Hashable]]:
    writes: set[Hashable] = {("command", append.command_id)}
    writes.update(event.originator_id for event in append.events)
    writes.update(stream for stream, _ in append.destroy_events)
    writes.update(("person", person) for person in append.destroy_persons)
    writes.update((claim.kind, claim.value) for claim in append.claims)
    reads: set[Hashable] = {stream for stream, _ in append.expected}
    reads.update(("person", key.person_id) for key in append.keys)
    if append.claims:
        reads.add(_CLAIMS)
    if append.releases:
        writes.add(_CLAIMS)
    return writes, reads - writes
