"""What is too large for an event, as sealed blobs beside the log: files, and personal content past a limit.

Whatever comes in is kept whole. An event holds at most :data:`OWN_BLOBS` files as blobs of their own, sealed so that
the same file of the same person is stored once (:mod:`ticketcore.sealing.files`), and further ones packed together with
the event's key, so that the references stay small. Where its personal content is still larger than :data:`LIMIT`
(a subject, a name or a remark of any length, thousands of files' names), all of it goes into one more blob, the
overflow, sealed with the event's key, and the event keeps the texts' beginnings.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ticketcore.domain.context import excerpt
from ticketcore.domain.invalid import Described
from ticketcore.domain.ticket_events import Attachment, BlobRef
from ticketcore.errors import InvalidCommand
from ticketcore.sealing.sealer import WHOLE, PendingKey
from ticketcore.store.blobs import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.domain.commands import AttachmentContent
    from ticketcore.files import FileSource
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.port import BlobStore

__all__ = ["LIMIT", "OWN_BLOBS", "fitting", "stored_file", "stored_files"]

LIMIT = 49_152
"""The most bytes that an event's personal content, as JSON, has inside the event."""
BEGINNING = 4_096
"""How many bytes of UTF-8 of each text an event keeps, the whole being in its overflow."""
OWN_BLOBS = 1_000
"""How many files of one event have a blob each; a reference to a blob takes about 100 bytes of the event."""
PACK_BYTES = 67_108_864
"""About how many bytes of further files share a blob; a larger file is alone in its."""
_AT_ONCE = 1_000_000
"""Bytes of a file that is sealed once and sent whole: one part, one round trip."""
_WORST = 6
"""The most bytes of JSON that one character takes."""


def stored_files(
    files: Sequence[AttachmentContent], store: Callable[[bytes], int], store_file: Callable[[AttachmentContent], int]
) -> tuple[Attachment, ...]:
    """Return what the event says of *files*, in order.

    Args:
        files: as they came; those that are withheld are told of only.
        store: keeps a blob of the event's own and returns its index.
        store_file: keeps a file that its person may share with other events and returns its index.
    """
    found: dict[int, Attachment] = {}
    later: list[int] = []
    for place, file in enumerate(files):
        if file.withheld is not None:
            found[place] = _attachment(file, None, size=len(file.content))
        elif len(found) < OWN_BLOBS:
            found[place] = _attachment(file, store_file(file), per_person=True)
        else:
            later.append(place)
    for pack in _packs(files, later):
        blob, offset = store(b"".join(_whole(files[place]) for place in pack)), 0
        for place in pack:
            size = len(files[place].content)
            found[place] = _attachment(files[place], blob, offset=offset, size=size)
            offset += size
    return tuple(found[place] for place in range(len(files)))


def stored_file(file: AttachmentContent, person: UUID, sealer: Sealer, blobs: BlobStore) -> BlobRef:
    """Store a file sealed for *person*, unless it is stored for them already, and return how it is found.

    A part at a time is in memory. It is sealed twice: first for the name, then, where it is new, to be stored.

    Raises:
        Forgotten: the person's key was destroyed.
        InvalidCommand: the file changed while it was read.
    """
    content, sha256 = file.content, file.sha256
    cipher = sealer.file_cipher(person, sha256)
    if len(content) <= _AT_ONCE:
        sealed = b"".join(cipher.seal(_unchanged(content, sha256)))
        return BlobRef(digest=blobs.put_blob(sealed), size=len(content))
    digest = hashlib.sha256()
    for part in cipher.seal(_unchanged(content, sha256)):
        digest.update(part)
    blobs.put_blob_parts(digest.hexdigest(), lambda: cipher.seal(_unchanged(content, sha256)))
    return BlobRef(digest=digest.hexdigest(), size=len(content))


def fitting(event: Event, key: UUID | PendingKey, sealer: Sealer, blobs: BlobStore) -> tuple[Event, UUID | PendingKey]:
    """Return *event*, still open, small enough to be stored, and what to seal it with; its overflow is stored here.

    Args:
        event: with its personal fields.
        key: the person it is about, or its pending key where it has blobs.
        sealer: makes the key.
        blobs: keeps the blob.
    """
    if not _may_be_large(event):
        return event, key
    plain = sealer.personal(event)
    if plain is None or len(plain) <= LIMIT:
        return event, key
    pending = key if isinstance(key, PendingKey) else sealer.new_event_key(key)
    changes: dict[str, Any] = {"overflow": blobs.put_blob(pending.seal_blob(WHOLE, plain))}
    for name in event.PERSONAL:
        value = getattr(event, name)
        changes[name] = excerpt(value, BEGINNING) if isinstance(value, str) else None
    return event.model_copy(update=changes), pending


def _may_be_large(event: Event) -> bool:
    """Return whether it is worth to look closer: almost no event is, and looking costs its JSON."""
    characters = 0
    for name in event.PERSONAL:
        value = getattr(event, name)
        if isinstance(value, str):
            characters += len(value)
        elif value:
            return True
    return characters * _WORST > LIMIT // 2


def _attachment(file: AttachmentContent, blob: int | None, **place: Any) -> Attachment:
    return Attachment(
        name=file.name, media_type=file.media_type, sha256=file.sha256, blob=blob, danger=file.danger,
        withheld=file.withheld, **place,
    )  # fmt: skip


def _unchanged(content: bytes | FileSource, sha256: str) -> Iterator[bytes]:
    """Yield a file in chunks. Raises ``InvalidCommand`` at its end where it changed: its key would not be its own."""
    hashed = hashlib.sha256()
    for chunk in parts_of(content) if isinstance(content, bytes) else content:
        hashed.update(chunk)
        yield chunk
    if hashed.hexdigest() != sha256:
        remedy = "let its writer finish, then attach it again"
        raise InvalidCommand("store a file", "content", Described("other bytes than before"), "a file at rest", remedy)


def _whole(file: AttachmentContent) -> bytes:
    return file.content if isinstance(file.content, bytes) else b"".join(file.content)


def _packs(files: Sequence[AttachmentContent], places: Sequence[int]) -> Iterator[list[int]]:
    pack: list[int] = []
    size = 0
    for place in places:
        more = len(files[place].content)
        if pack and size + more > PACK_BYTES:
            yield pack
            pack, size = [], 0
        pack.append(place)
        size += more
    if pack:
        yield pack
