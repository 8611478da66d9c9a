"""What every event has: a topic, a version, who, why and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field, WithJsonSchema

from ticketcore.domain.types import Actor, Frozen, Label, Text, UtcTime, is_personal

__all__ = ["EVENT_CLASSES", "Event", "Meta", "Source", "known_topics"]

EVENT_CLASSES: dict[str, type[Event]] = {}
"""Topic -> the class of its newest version."""


class Source(Frozen):
    """Where an imported event comes from in another system's log.

    Attributes:
        line: the line of the imported file, 1 being its first.
        state: the source's own name of the state it was in.
        stated: figures and times as the source states them, where they changed (``reopens``, ``closed_at``, ...).
    """

    line: Annotated[int, Field(ge=1)]
    state: Label | None = None
    stated: Mapping[Label, Text] | None = None


class Meta(Frozen):
    """Who, why and when.

    Attributes:
        occurred_at: when it was received or done; never before the aggregate's event before it.
        occurred_raw: the time as given, where it was before the event before it.
        claimed_at: a mail's own Date or the like: it can be forged and orders nothing.
        actor: who did it.
        command_id: the command that recorded it.
        correlation_id: the first command of the conversation it belongs to; ``None`` where that is this command.
        causation_id: the command or event that made the actor act.
        irregular: recorded by an import though the transition table would refuse it.
        source: of imported events, where they come from.
    """

    occurred_at: UtcTime
    occurred_raw: UtcTime | None = None
    claimed_at: UtcTime | None = None
    actor: Actor
    command_id: UUID
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    irregular: bool = False
    source: Source | None = None


class Event(Frozen):
    """An immutable fact. Subclasses set ``TOPIC`` (a name, not a path) and ``class_version`` (from 1).

    Stored, an event is JSON: its fields without ``originator_id`` and ``originator_version`` (columns of the log),
    ``class_version`` where above 1, personal fields replaced by ``sealed``. Loaded without its key, personal fields
    are ``None`` and ``sealed`` holds the ciphertext.

    Attributes:
        originator_id: the aggregate's id.
        originator_version: the event's place in the aggregate, 1, 2, 3, ...
        meta: who, why and when.
        sealed: the personal fields as stored: base64 of nonce and AES-GCM ciphertext; ``None`` where there are none.
        overflow: where the personal fields are too large for the event: digest (SHA-256, hex) of the sealed blob that
            holds them all as JSON; ``sealed`` then holds the texts' beginnings.
    """

    TOPIC: ClassVar[str] = ""
    class_version: ClassVar[int] = 1
    SINCE: ClassVar[Mapping[str, int]] = {}
    """Field -> the version that changed it, where all other fields are what they were in version 1 and no upcast is
    needed. Such a class's events are written at the lowest version that can say what they say, the sealed fields and the
    others each, so that a former release goes on with all that it can read."""
    PERSONAL: ClassVar[tuple[str, ...]] = ()

    originator_id: UUID
    originator_version: Annotated[int, Field(ge=1)]
    meta: Meta
    sealed: Annotated[str | None, WithJsonSchema({"type": "string", "contentEncoding": "base64"})] = None
    overflow: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.PERSONAL = tuple(name for name, field in cls.model_fields.items() if is_personal(field.metadata))
        if "TOPIC" in cls.__dict__:
            if cls.TOPIC in EVENT_CLASSES and EVENT_CLASSES[cls.TOPIC].__qualname__ != cls.__qualname__:
                raise TypeError(f"two event classes have the topic {cls.TOPIC!r}; expected one (rename one)")
            EVENT_CLASSES[cls.TOPIC] = cls


def known_topics() -> dict[str, int]:
    """Return every known topic with its newest version."""
    return {topic: cls.class_version for topic, cls in EVENT_CLASSES.items()}
