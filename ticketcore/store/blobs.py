"""Blobs in PostgreSQL: sealed bytes in parts of 1 MiB, each row written once and never changed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from psycopg.rows import tuple_row

from ticketcore.store.patience import patiently
from ticketcore.store.port import PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from psycopg import Connection
    from psycopg.rows import DictRow

    from ticketcore.store.datastore import Datastore

__all__ = ["PostgresBlobs", "check_digest", "parts_of"]

_INSERT = "INSERT INTO log.blobs (digest, part, data) VALUES (%b, %b, %b) ON CONFLICT DO NOTHING"


class PostgresBlobs:
    """Fulfils :class:`ticketcore.store.port.BlobStore`; subclasses have the connections.

    Parts are committed together: where the first one is, all are.
    """

    datastore: Datastore
    _patience: float

    def put_blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        if len(content) > PART_BYTES:
            self.put_blob_parts(digest, lambda: parts_of(content))
            return digest
        row = (bytes.fromhex(digest), 0, content)  # one part, one round trip
        patiently(self.datastore, self._patience, lambda lent: lent.execute(_INSERT, row, prepare=True), "store a blob")
        return digest

    def put_blob_parts(self, digest: str, parts: Callable[[], Iterable[bytes]]) -> None:
        name = bytes.fromhex(digest)

        def work(connection: Connection[DictRow]) -> None:
            if _has(connection, name):
                return
            hashed = hashlib.sha256()
            with connection.transaction(), connection.cursor() as cursor:
                for number, part in enumerate(parts()):
                    # Another writer of the same bytes is waited for here; where it committed, all is done.
                    if cursor.execute(_INSERT, (name, number, part)).rowcount == 0 and number == 0:
                        return
                    hashed.update(part)
                check_digest(digest, hashed)

        patiently(self.datastore, self._patience, work, "store a blob")

    def has_blob(self, digest: str) -> bool:
        name = bytes.fromhex(digest)
        return patiently(self.datastore, self._patience, lambda lent: _has(lent, name), "look for a blob")

    def get_blob(self, digest: str) -> bytes | None:
        parts = list(self.blob_parts(digest))
        return b"".join(parts) if parts else None

    def blob_parts(self, digest: str) -> Iterator[bytes]:
        name, number = bytes.fromhex(digest), 0
        while (part := self._part(name, number)) is not None:
            yield part
            if len(part) < PART_BYTES:
                return
            number += 1

    def _part(self, digest: bytes, number: int) -> bytes | None:
        def work(connection: Connection[DictRow]) -> bytes | None:
            with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
                query = "SELECT data FROM log.blobs WHERE (digest, part) = (%b, %b)"
                row = cursor.execute(query, (digest, number), prepare=True).fetchone()
                return None if row is None else bytes(row[0])

        return patiently(self.datastore, self._patience, work, "read a blob")


def parts_of(content: bytes) -> Iterator[bytes]:
    """Yield *content* in parts of :data:`PART_BYTES`; an empty one has one part too."""
    for start in range(0, max(1, len(content)), PART_BYTES):
        yield content[start : start + PART_BYTES]


def check_digest(expected: str, hashed: hashlib._Hash) -> None:
    """Raise where what was *hashed* is not what was announced.

    Raises:
        ValueError: it has another digest.
    """
    if hashed.hexdigest() != expected:
        raise ValueError(
            f"cannot store a blob: its parts have the digest {hashed.hexdigest()}, expected {expected}"
            " (its source changed while it was read: store it again)"
        )


def _has(connection: Connection[DictRow], digest: bytes) -> bool:
    query = "SELECT FROM log.blobs WHERE (digest, part) = (%b, 0)"
    return connection.execute(query, (digest,), prepare=True).rowcount > 0
