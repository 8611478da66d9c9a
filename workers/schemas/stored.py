"""An event's stored form as the library itself writes and reads it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from ticketcore.domain.base import EVENT_CLASSES, Event

__all__ = ["decode", "encode"]

_ID = UUID("01000000-0000-8000-8000-000000000000")


def encode(event: Event) -> dict[str, Any]:
    """Return the stored form of *event*, whose personal fields are empty or sealed already."""
    hidden = {"originator_id", "originator_version", *event.PERSONAL}
    form: dict[str, Any] = json.loads(event.model_dump_json(exclude=hidden, exclude_defaults=True))
    return form


def decode(topic: str, value: dict[str, Any]) -> Event:
    """Return the event whose stored form is *value*, upcast to its newest version; personal fields stay sealed."""
    return EVENT_CLASSES[topic].model_validate({**value, "originator_id": _ID, "originator_version": 1})
