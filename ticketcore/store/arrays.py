"""PostgreSQL arrays and COPY rows in binary, built directly: types are fixed, so that one prepared statement serves.

Source: PostgreSQL's array_send() and the documentation of COPY, "Binary Format".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import TYPE_CHECKING, ClassVar

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from eventsourcing.persistence import StoredEvent

    from ticketcore.store.port import EventKey, Fact

__all__ = ["COPY_HEAD", "COPY_TAIL", "EPOCH", "NULL", "event_rows", "ints", "key_rows", "raws", "texts", "uuids"]

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""From which PostgreSQL counts microseconds."""
NULL = b"\xff\xff\xff\xff"
"""The length of what is NULL."""
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TAIL = b"\xff\xff"
_BLOCK = 1 << 18
_SHAPE = Struct("!iiiii")  # dimensions, whether there may be NULL, type; then the length and the first index
_EVENT = Struct("!hiqiqi16siii")  # columns; position; recorded_at; originator_id; version; then the topic's length
_KEY = Struct("!hi16siii")


class _Array(bytes):
    """A whole array as PostgreSQL sends it."""


class _Uuids(_Array): ...


class _Ints(_Array): ...


class _Raws(_Array): ...


class _Texts(_Array): ...


class _ArrayDumper(Dumper):
    format: ClassVar[Format] = Format.BINARY  # type: ignore[misc]

    def dump(self, obj: _Array) -> Buffer:
        return bytes(obj)


class _UuidsDumper(_ArrayDumper):
    oid = 2951


class _IntsDumper(_ArrayDumper):
    oid = 1007


class _RawsDumper(_ArrayDumper):
    oid = 1001


class _TextsDumper(_ArrayDumper):
    oid = 1009


for _kind, _dumper in ((_Uuids, _UuidsDumper), (_Ints, _IntsDumper), (_Raws, _RawsDumper), (_Texts, _TextsDumper)):
    psycopg.adapters.register_dumper(_kind, _dumper)


def uuids(values: Iterable[UUID | None]) -> bytes:
    """Return a ``uuid[]``; ``None`` is NULL."""
    items = [NULL if value is None else b"\0\0\0\x10" + value.bytes for value in values]
    return _Uuids(_joined(2950, items))


def ints(values: Iterable[int | None]) -> bytes:
    """Return an ``int4[]``; ``None`` is NULL."""
    items = [NULL if value is None else b"\0\0\0\4" + value.to_bytes(4, "big", signed=True) for value in values]
    return _Ints(_joined(23, items))


def raws(values: Iterable[bytes | None]) -> bytes:
    """Return a ``bytea[]``; ``None`` is NULL."""
    items = [NULL if value is None else len(value).to_bytes(4, "big") + value for value in values]
    return _Raws(_joined(17, items))


def texts(values: Iterable[str]) -> bytes:
    """Return a ``text[]``."""
    items = [len(raw).to_bytes(4, "big") + raw for raw in (value.encode() for value in values)]
    return _Texts(_joined(25, items))


def _joined(oid: int, items: list[bytes]) -> bytes:
    """Return a one-dimensional array. That it may hold NULL is said of each: PostgreSQL finds out for itself."""
    if not items:
        return _SHAPE.pack(0, 0, oid, 0, 0)[:12]
    return b"".join((_SHAPE.pack(1, 1, oid, len(items), 1), *items))


def event_rows(events: Sequence[StoredEvent | Fact], first: int, recorded_at: datetime) -> Iterator[bytes]:
    """Yield blocks of a binary COPY into ``log.events``: positions from *first*."""
    stamp = _microseconds(recorded_at)
    topics: dict[str, bytes] = {}
    block, size = [COPY_HEAD], 0
    for position, event in enumerate(events, first):
        topic, state = event.topic, event.state
        name = topics.get(topic) or topics.setdefault(topic, topic.encode())
        stream = event.originator_id.bytes  # type: ignore[union-attr]  # check_append() has seen that it is a UUID
        block += (
            _EVENT.pack(6, 8, position, 8, stamp, 16, stream, 4, event.originator_version, len(name)),
            name,
            len(state).to_bytes(4, "big"),
            state,
        )
        size += len(state)
        if size > _BLOCK:
            yield b"".join(block)
            block, size = [], 0
    yield b"".join((*block, COPY_TAIL))


def key_rows(keys: Iterable[EventKey]) -> Iterator[bytes]:
    """Yield blocks of a binary COPY into ``keys.event_keys``."""
    block = [COPY_HEAD]
    for stream, version, nonce, person, wrapped in keys:
        block += (
            _KEY.pack(5, 16, stream.bytes, 4, version, len(nonce)),
            nonce,
            b"\0\0\0\x10",
            person.bytes,
            len(wrapped).to_bytes(4, "big"),
            wrapped,
        )
        if len(block) > 6_000:  # noqa: PLR2004 -- a thousand rows
            yield b"".join(block)
            block = []
    yield b"".join((*block, COPY_TAIL))


def _microseconds(moment: datetime) -> int:
    """Return microseconds since 2000-01-01 UTC, as PostgreSQL counts."""
    return (moment - EPOCH) // timedelta(microseconds=1)
