"""A file's content that can be read again and again, of which a mebibyte at a time is in memory.

Storing a file needs several passes: its digest gives its key, its ciphertext's digest its name.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from typing import IO, TYPE_CHECKING, Any, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import core_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pydantic import GetCoreSchemaHandler

__all__ = ["CHUNK", "FileSource"]

CHUNK = 1_048_576
"""How many bytes of a file are read at once."""


class FileSource:
    """A file as it came, anywhere but in memory; made by :meth:`of_path`, :meth:`of_file` or :meth:`of_chunks`.

    In a command it counts by digest and size, so two sources of one content are equal to a repeat. It is read by one
    thread at a time, and must not change before its command is done.

    Attributes:
        size: in bytes.
        sha256: of the content, hex.
    """

    def __init__(self, read: Callable[[], Iterator[bytes]]) -> None:
        """Read it once for size and digest. *read*: gives its chunks from the beginning, each time it is called."""
        self._read = read
        digest, size = hashlib.sha256(), 0
        for chunk in read():
            digest.update(chunk)
            size += len(chunk)
        self.size, self.sha256 = size, digest.hexdigest()

    @classmethod
    def of_path(cls, path: Path) -> Self:
        """Return the content of a file by its path. Raises ``OSError`` where it can't be read."""

        def read() -> Iterator[bytes]:
            with path.open("rb") as file:
                yield from _chunks(file)

        return cls(read)

    @classmethod
    def of_file(cls, file: IO[bytes]) -> Self:
        """Return what follows in an open binary file that can seek."""
        start = file.tell()

        def read() -> Iterator[bytes]:
            file.seek(start)
            return _chunks(file)

        return cls(read)

    @classmethod
    def of_chunks(cls, chunks: Iterable[bytes]) -> Self:
        """Return what comes only once (a socket, a pipe), kept meanwhile in an unnamed temporary file.

        That file is encrypted with a key that exists only in this process' memory, since it may hold personal data.
        """
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as the source
        try:
            source = cls(_spooled(file, chunks))
        except BaseException:
            file.close()
            raise
        weakref.finalize(source, file.close)
        return source

    def __len__(self) -> int:
        """Return its size in bytes."""
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        """Return its content from the beginning, in chunks of any size but none."""
        return self._read()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Let commands hold it, and tell a repeat by its digest and size."""
        as_json = core_schema.plain_serializer_function_ser_schema(_told, when_used="json")
        return core_schema.is_instance_schema(cls, serialization=as_json)


def _told(source: FileSource) -> dict[str, Any]:
    return {"sha256": source.sha256, "size": source.size}


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _spooled(file: IO[bytes], chunks: Iterable[bytes]) -> Callable[[], Iterator[bytes]]:
    cipher, sizes = AESGCM(os.urandom(32)), list[int]()
    for chunk in chunks:
        if chunk:
            file.write(cipher.encrypt(_nonce(len(sizes)), bytes(chunk), None))
            sizes.append(len(chunk) + 16)

    def read() -> Iterator[bytes]:
        file.seek(0)
        for number, size in enumerate(sizes):
            yield cipher.decrypt(_nonce(number), file.read(size), None)

    return read


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
