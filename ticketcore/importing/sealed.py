"""A chunk's events made ready for the log: sealed for their persons, long texts as blobs, encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketcore.domain.context import EXCERPT_BYTES, excerpt
from ticketcore.domain.ticket_events import BlobRef
from ticketcore.importing.drafts import built

if TYPE_CHECKING:
    from uuid import UUID

    from eventsourcing.persistence import StoredEvent

    from ticketcore.domain.base import Event
    from ticketcore.importing.desk import Chunk
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import EventKey, EventLog

__all__ = ["ready"]


def ready(chunk: Chunk, sealer: Sealer, codec: Codec, log: EventLog) -> tuple[list[StoredEvent], list[EventKey]]:
    """Return the chunk's events as stored, and the keys of the sealed ones. Blobs are stored here."""
    events, keys = [], []
    encode = codec.to_stored_event
    for event, person in chunk.events:
        if person is not None and event.PERSONAL and any(getattr(event, name) is not None for name in event.PERSONAL):
            sealed, key = _sealed(event, person, sealer, log)
            if key is not None:
                keys.append(key)
            events.append(encode(sealed))
        else:
            events.append(encode(event))
    return events, keys


def persons(chunk: Chunk) -> list[UUID]:
    """Return the persons that something of the chunk is sealed for, each once."""
    found: dict[UUID, None] = {}
    for event, person in chunk.events:
        if person is not None and event.PERSONAL and any(getattr(event, name) is not None for name in event.PERSONAL):
            found[person] = None
    return list(found)


def _sealed(event: Event, person: UUID, sealer: Sealer, log: EventLog) -> tuple[Event, EventKey | None]:
    body: str | None = getattr(event, "body", None)
    if body is None or len(body) * 4 <= EXCERPT_BYTES or len(body.encode()) <= EXCERPT_BYTES:
        return sealer.seal(event, person)
    pending = sealer.new_event_key(person)
    content = body.encode()
    digest = log.put_blob(pending.seal_blob(event.originator_id, 0, content))
    changes: dict[str, Any] = {
        "body": excerpt(body), "body_blob": 0, "blobs": (BlobRef(digest=digest, size=len(content)),),
    }  # fmt: skip
    return sealer.seal(built(type(event), event.__dict__ | changes), person, pending)
