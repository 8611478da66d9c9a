"""Files sealed so that one person's same file is the same ciphertext, and anybody else's another.

A file's key is made from its person's key and the digest of its content (HKDF-Expand, RFC 5869, with HMAC-SHA256), so a
key encrypts one content only and its nonces can be counted. Parts have 1 MiB of ciphertext, the last one less; each
one's nonce holds its number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
Vizár, 2015), so none can be left out, moved or cut off. Nothing is deflated: two versions of zlib would make two
contents under one key and nonce.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["PART", "FileCipher"]

PART = 1_048_576
"""Bytes of ciphertext in every part but the last, which has 16 to so many."""
_TAG = 16
_PLAIN = PART - _TAG
_AAD = b"file"


class FileCipher:
    """Seals and opens one content of one person.

    Args:
        person_key: the person's key, 32 bytes.
        sha256: of the plain content, 32 bytes.
    """

    def __init__(self, person_key: bytes, sha256: bytes) -> None:
        info = b"ticketcore file\0" + sha256
        self._cipher = AESGCM(HKDFExpand(algorithm=SHA256(), length=32, info=info).derive(person_key))

    def seal(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the sealed parts of a content that comes in chunks of any size; an empty one has one part too."""
        waiting, number = bytearray(), 0
        for chunk in chunks:
            waiting += chunk
            while len(waiting) > _PLAIN:  # what may be the last part is kept back
                yield self._cipher.encrypt(_nonce(number, last=False), bytes(waiting[:_PLAIN]), _AAD)
                del waiting[:_PLAIN]
                number += 1
        yield self._cipher.encrypt(_nonce(number, last=True), bytes(waiting), _AAD)

    def open(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the plain content of sealed *parts*, each checked before it is given out.

        Raises:
            InvalidTag: a part was changed, is missing or is another content's.
        """
        before: bytes | None = None
        number = 0
        for part in parts:
            if before is not None:
                yield self._cipher.decrypt(_nonce(number, last=False), before, _AAD)
                number += 1
            before = part
        if before is None:
            raise InvalidTag
        yield self._cipher.decrypt(_nonce(number, last=True), before, _AAD)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))
