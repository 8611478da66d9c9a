"""What is personal in a chunk, sealed for its persons; long texts as blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventsourcing.persistence import StoredEvent

from ticketcore.blobs import fitting
from ticketcore.domain.context import EXCERPT_BYTES, excerpt
from ticketcore.domain.ticket_events import BlobRef

if TYPE_CHECKING:
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.importing.desk import Chunk
    from ticketcore.sealing.sealer import PendingKey, Sealer
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import EventKey, EventLog

__all__ = ["seal"]


def seal(chunk: Chunk, sealer: Sealer, codec: Codec, log: EventLog) -> list[EventKey]:
    """Seal what is personal in the chunk, in place; return the sealed events' keys.

    The persons' keys are looked up and made for the whole chunk at once; blobs are stored here.

    Raises:
        Forgotten: a person that something is to be sealed for was forgotten.
    """
    items = []
    for place, fields, person in chunk.personal:
        event = codec.to_domain_event(StoredEvent(*chunk.events[place]))
        event = event.model_copy(update={name: fields.get(name) for name in event.PERSONAL})
        items.append(fitting(*_with_blob(event, person, sealer, log), sealer, log))
    keys: list[EventKey] = []
    for (place, *_), (sealed, key) in zip(chunk.personal, sealer.seal_many(items), strict=True):
        chunk.events[place] = chunk.events[place]._replace(state=codec.to_stored_event(sealed).state)
        if key is not None:
            keys.append(key)
    return keys


def _with_blob(event: Event, person: UUID, sealer: Sealer, log: EventLog) -> tuple[Event, UUID | PendingKey]:
    """Return the event and what to seal it with; a long body goes to a blob and leaves its beginning."""
    body: str | None = getattr(event, "body", None)
    if body is None or len(body) * 4 <= EXCERPT_BYTES:
        return event, person
    content = body.encode()
    if len(content) <= EXCERPT_BYTES:
        return event, person
    pending = sealer.new_event_key(person)
    blob = BlobRef(digest=log.put_blob(pending.seal_blob(0, content)), size=len(content))
    changed = {"body": excerpt(body), "body_blob": 0, "blobs": (blob,)}
    return event.model_copy(update=changed), pending
