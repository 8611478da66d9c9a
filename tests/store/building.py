"""Appends for tests, made short."""

from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

import ticketcore.store
from ticketcore.store.migrate import migrate
from ticketcore.store.port import Append, Claim, EventKey, Release

__all__ = ["SQL", "append", "claim", "events", "key", "migrated"]

SQL = Path(ticketcore.store.__file__).parent / "sql"


def migrated(dsn: str) -> str:
    """Return *dsn* with the tables of log and keys."""
    migrate(dsn, "log", SQL / "log")
    migrate(dsn, "keys", SQL / "keys")
    return dsn


def events(stream: UUID, after: int, count: int = 1, state: bytes = b'{"a":1}') -> tuple[StoredEvent, ...]:
    return tuple(StoredEvent(stream, after + n, "ticket.tested", state) for n in range(1, count + 1))


def append(
    stream: UUID | None = None,
    after: int = 0,
    count: int = 1,
    *,
    command_id: UUID | None = None,
    digest: bytes = b"0123456789abcdef",
    claims: Iterable[Claim] = (),
    releases: Iterable[Release] = (),
    keys: Iterable[EventKey] = (),
    destroy_events: Iterable[tuple[UUID, int]] = (),
    destroy_persons: Iterable[UUID] = (),
) -> Append:
    """Return an append of *count* events to one stream (a new one where not given)."""
    stream = stream or uuid4()
    return Append(
        command_id or uuid4(),
        digest,
        ((stream, after),),
        events(stream, after, count),
        tuple(keys),
        tuple(claims),
        tuple(releases),
        tuple(destroy_events),
        tuple(destroy_persons),
    )


def claim(owner: UUID, value: bytes = b"ana@example.org", ref: int = 1) -> Claim:
    return Claim("identity:mail", value, owner, ref)


def key(stream: UUID, version: int, person: UUID) -> EventKey:
    return EventKey(stream, version, uuid4().bytes[:12], person, b"wrapped")
