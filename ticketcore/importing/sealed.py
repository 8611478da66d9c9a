"""A chunk's events made ready for the log: sealed for their persons, long texts as blobs, encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.blobs import fitting
from ticketcore.domain.context import EXCERPT_BYTES, excerpt
from ticketcore.domain.ticket_events import BlobRef
from ticketcore.importing.drafts import built

if TYPE_CHECKING:
    from uuid import UUID

    from eventsourcing.persistence import StoredEvent

    from ticketcore.domain.base import Event
    from ticketcore.importing.desk import Chunk
    from ticketcore.sealing.sealer import PendingKey, Sealer
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import EventKey, EventLog

__all__ = ["ready"]


def ready(chunk: Chunk, sealer: Sealer, codec: Codec, log: EventLog) -> tuple[list[StoredEvent], list[EventKey]]:
    """Return the chunk's events as stored, and the keys of the sealed ones.

    The persons' keys are looked up and made for the whole chunk at once; blobs are stored here.

    Raises:
        Forgotten: a person that something is to be sealed for was forgotten.
    """
    events = [event for event, _ in chunk.events]
    places: list[int] = []
    items: list[tuple[Event, UUID | PendingKey]] = []
    for place, (event, person) in enumerate(chunk.events):
        if person is not None and any(getattr(event, name) is not None for name in event.PERSONAL):
            places.append(place)
            items.append(fitting(*_with_blob(event, person, sealer, log), sealer, log))
    keys: list[EventKey] = []
    for place, (sealed, key) in zip(places, sealer.seal_many(items), strict=True):
        events[place] = sealed
        if key is not None:
            keys.append(key)
    encode = codec.to_stored_event
    return [encode(event) for event in events], keys


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
    return built(type(event), event.__dict__ | changed), pending
