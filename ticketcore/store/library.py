"""The eventsourcing library's way of inserting events, in terms of appends."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from ticketcore.store.port import Appended, Repeated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventsourcing.persistence import StoredEvent

    from ticketcore.store.port import Outcome

__all__ = ["expected_of", "recorded_at_positions"]


def expected_of(events: Sequence[StoredEvent]) -> tuple[tuple[UUID, int], ...]:
    """Return the versions that *events* follow. A stream may begin with version 0: then the primary key checks it.

    Raises:
        IntegrityError: an event's version does not follow the one before it.
    """
    first: dict[UUID, int] = {}
    last: dict[UUID, int] = {}
    for event in events:
        stream, version = event.originator_id, event.originator_version
        if not isinstance(stream, UUID):
            raise TypeError(f"cannot insert into stream {stream!r}: expected a UUID")
        if last.get(stream, version - 1) != version - 1:
            raise IntegrityError(f"version {version} of {stream} does not follow version {last[stream]}")
        first.setdefault(stream, version)
        last[stream] = version
    return tuple((stream, version - 1) for stream, version in first.items() if version > 0)


def recorded_at_positions(outcome: Outcome, count: int) -> list[int]:
    """Return the positions of *count* events that were inserted.

    Raises:
        IntegrityError: they were not.
    """
    last = outcome.receipt.position if isinstance(outcome, Repeated) else None
    if isinstance(outcome, Appended):
        last = outcome.position
    if last is None:
        raise IntegrityError(str(outcome))
    return list(range(last - count + 1, last + 1))
