"""What is too large for an event, as sealed blobs beside the log: files, and personal content past a limit.

Whatever comes in is kept whole. An event holds at most :data:`OWN_BLOBS` files as blobs of their own, and further ones
packed together, so that the references stay small. Where its personal content is still larger than :data:`LIMIT`
(a subject, a name or a remark of any length, thousands of files' names), all of it goes into one more blob, the
overflow, sealed with the event's key, and the event keeps the texts' beginnings.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ticketcore.domain.context import excerpt
from ticketcore.domain.ticket_events import Attachment
from ticketcore.sealing.sealer import WHOLE, PendingKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.domain.commands import AttachmentContent
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.port import EventLog

__all__ = ["LIMIT", "OWN_BLOBS", "fitting", "stored_files"]

LIMIT = 49_152
"""The most bytes that an event's personal content, as JSON, has inside the event."""
BEGINNING = 4_096
"""How many bytes of UTF-8 of each text an event keeps, the whole being in its overflow."""
OWN_BLOBS = 1_000
"""How many files of one event have a blob each; a reference to a blob takes about 100 bytes of the event."""
PACK_BYTES = 67_108_864
"""About how many bytes of further files share a blob; a larger file is alone in its."""
_WORST = 6
"""The most bytes of JSON that one character takes."""


def stored_files(files: Sequence[AttachmentContent], store: Callable[[bytes], int]) -> tuple[Attachment, ...]:
    """Return what the event says of *files*, in order; *store* keeps a blob and returns its index."""
    found = [_attachment(file, store(file.content)) for file in files[:OWN_BLOBS]]
    for pack in _packs(files[OWN_BLOBS:]):
        blob, offset = store(b"".join(file.content for file in pack)), 0
        for file in pack:
            found.append(_attachment(file, blob, offset=offset, size=len(file.content)))
            offset += len(file.content)
    return tuple(found)


def fitting(event: Event, key: UUID | PendingKey, sealer: Sealer, log: EventLog) -> tuple[Event, UUID | PendingKey]:
    """Return *event*, still open, small enough to be stored, and what to seal it with; its overflow is stored here.

    Args:
        event: with its personal fields.
        key: the person it is about, or its pending key where it has blobs.
        sealer: makes the key.
        log: keeps the blob.
    """
    if not _may_be_large(event):
        return event, key
    plain = sealer.personal(event)
    if plain is None or len(plain) <= LIMIT:
        return event, key
    pending = key if isinstance(key, PendingKey) else sealer.new_event_key(key)
    changes: dict[str, Any] = {"overflow": log.put_blob(pending.seal_blob(WHOLE, plain))}
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


def _attachment(file: AttachmentContent, blob: int, **place: int) -> Attachment:
    digest = hashlib.sha256(file.content).hexdigest()
    return Attachment(name=file.name, media_type=file.media_type, sha256=digest, blob=blob, **place)


def _packs(files: Sequence[AttachmentContent]) -> Iterator[list[AttachmentContent]]:
    pack: list[AttachmentContent] = []
    size = 0
    for file in files:
        if pack and size + len(file.content) > PACK_BYTES:
            yield pack
            pack, size = [], 0
        pack.append(file)
        size += len(file.content)
    if pack:
        yield pack
