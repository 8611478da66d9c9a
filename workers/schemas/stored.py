"""An event's stored form as the library itself writes and reads it, taken out of its columns and bytes."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from ticketcore.domain.base import Event
from ticketcore.store.codec import Codec

__all__ = ["decode", "encode"]

_CODEC = Codec()
_ID = UUID("01000000-0000-8000-8000-000000000000")


def encode(event: Event) -> dict[str, Any]:
    """Return the stored form of *event*, whose personal fields are empty or sealed already."""
    form: dict[str, Any] = json.loads(_CODEC.to_stored_event(event, type(event).class_version).state)
    return form


def decode(topic: str, value: object) -> Event:
    """Return the event whose stored form is *value*, upcast to its newest version; personal fields stay sealed.

    Raises:
        UnknownEvent: type, version or fields are not of this library.
    """
    return _CODEC.to_domain_event(StoredEvent(_ID, 1, topic, json.dumps(value).encode()))
