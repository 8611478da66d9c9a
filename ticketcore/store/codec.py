"""Events to stored bytes and back.

A stored event is compact JSON: the event's fields without its id and version (columns of the log), without what has
its default value, with ``class_version`` where that is above 1. Personal fields are never in it: they are sealed
first (see :mod:`ticketcore.sealing`). An old version is brought to the newest by static methods ``upcast_v1_v2(state)``
of its class, and sealed content, which was written by the old version too, by ``upcast_personal_v1_v2(state)``.

What is read is checked in full, so an event whose fields do not fit is an error here and not a surprise in a read
model: by its form where it is as this library writes it (see :mod:`ticketcore.store.forms`), else by its validator.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from ticketcore.domain import (  # noqa: F401 -- they fill EVENT_CLASSES
    agent_events,
    customer_events,
    delivery_events,
    message_events,
    policy_events,
    service_events,
    ticket_events,
)
from ticketcore.domain.base import EVENT_CLASSES, Event
from ticketcore.errors import EventTooLarge, UnknownEvent
from ticketcore.store.forms import Form, Read, form
from ticketcore.store.port import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventsourcing.domain import DomainEventProtocol

    from ticketcore.store.port import Record

__all__ = ["Codec", "plain_version"]

_COLUMNS = {"originator_id", "originator_version"}


class Codec(Mapper[UUID]):
    """Maps events to stored events and back. Thread-safe, holds no state."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())  # the base class wants one; ours is pydantic

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID], version: int | None = None) -> StoredEvent:
        """Return what the log stores of an event; *version*: to be stated, the lowest possible by default.

        Raises:
            ValueError: a personal field is open: only sealed events are stored.
            EventTooLarge: the state has more than 262,144 bytes.
        """
        if not isinstance(domain_event, Event) or not domain_event.TOPIC:
            raise TypeError(f"cannot store a {type(domain_event).__name__}: expected an event of ticketcore.domain")
        event: Event = domain_event
        cls = type(event)
        if any(getattr(event, name) is not None for name in cls.PERSONAL):
            names = ", ".join(name for name in cls.PERSONAL if getattr(event, name) is not None)
            raise ValueError(
                f"cannot store event {cls.TOPIC!r} version {event.originator_version} of {event.originator_id}:"
                f" its fields {names} are open, expected none (seal it first: Sealer.seal)"
            )
        state = cls.__pydantic_serializer__.to_json(event, exclude=_COLUMNS, exclude_defaults=True)
        return _stored(event, state, version or plain_version(cls, event.__dict__))

    def sealed_event(self, event: Event, sealed: str) -> StoredEvent:
        """Return what the log stores of an event that is still open, its personal fields being *sealed* (base64).

        As :meth:`to_stored_event` of the event as :meth:`Sealer.seal` returns it, which need not be made for it; only
        that ``sealed`` comes last of its fields.

        Raises:
            EventTooLarge: the state has more than 262,144 bytes.
        """
        cls = type(event)
        state: bytes = cls.__pydantic_serializer__.to_json(event, exclude=_hidden(cls), exclude_defaults=True)
        state = b'%b,"sealed":"%b"}' % (state[:-1], sealed.encode())  # never empty: meta is required
        return _stored(event, state, plain_version(cls, event.__dict__))

    def to_domain_event(self, stored_event: StoredEvent) -> Event:
        """Return the event, personal fields ``None`` and ``sealed`` as stored.

        Raises:
            UnknownEvent: type, version or fields are not of this library.
        """
        id_ = stored_event.originator_id
        if not isinstance(id_, UUID):
            raise TypeError(f"cannot read an event of aggregate {id_!r}: expected a UUID")
        return _decode(stored_event.topic, stored_event.state, id_, stored_event.originator_version)

    def decode(self, record: Record) -> Event:
        """Return the event of a record of the log; see :meth:`to_domain_event`."""
        return _decode(record.topic, record.state, record.originator_id, record.originator_version)

    def decode_to_fold(self, record: Record) -> Event:
        """Return what stands for the event in a fold: its attributes, in a third of the time; see :class:`.forms.Form`.

        Raises:
            UnknownEvent: type, version or fields are not of this library.
        """
        _, _, id_, version, topic, state = record
        known = _PLAIN.get(EVENT_CLASSES.get(topic))
        event = None if known is None else known(state, id_, version)
        if event is not None:
            return event
        cls, _ = _form(topic, state)
        return read_by_validator(cls, state, id_, version)

    def personal(self, event: Event) -> bytes | None:
        """Return the event's personal fields as JSON, ``None`` where there are none.

        It holds ``class_version`` where that is above 1, since it is sealed once and upcast when it is opened.
        """
        cls = type(event)
        given = event.__dict__
        fields: dict[str, Any] = {name: given[name] for name in cls.PERSONAL if given[name] is not None}
        if not fields:
            return None
        version = max(cls.SINCE.get(name, 1) for name in fields) if cls.SINCE else cls.class_version
        if version > 1:
            fields["class_version"] = version
        return to_json(fields, exclude_none=True)

    def with_personal(self, event: Event, plaintext: bytes | None) -> Event:
        """Return the event with its personal fields as in *plaintext*, or all ``None`` without.

        Raises:
            UnknownEvent: the fields are not those of this library's version.
        """
        cls = type(event)
        empty: dict[str, Any] = dict.fromkeys(cls.PERSONAL)
        if plaintext is None:
            return event.model_copy(update=empty) if empty else event
        fields = from_json(plaintext)
        _upcast(cls, fields, "upcast_personal")
        if not fields.keys() <= empty.keys():
            extra = ", ".join(sorted(fields.keys() - empty.keys()))
            raise UnknownEvent(cls.TOPIC, cls.class_version, f"that version without the sealed fields {extra}")
        return _validated(cls, {**event.__dict__, **empty, **fields})


_FORMS: dict[type[Event], Form | None] = {}
_PLAIN: dict[type[Event] | None, Read] = {}


@cache
def _hidden(cls: type[Event]) -> set[str]:
    return {*_COLUMNS, *cls.PERSONAL, "sealed"}


def plain_version(cls: type[Event], given: Mapping[str, Any]) -> int:
    """Return the lowest version of *cls* that can say what *given*, its fields, says beside what is personal."""
    if not cls.SINCE:
        return cls.class_version
    plain = (v for name, v in cls.SINCE.items() if name not in cls.PERSONAL and given.get(name) is not None)
    return max(plain, default=1)


def _stored(event: Event, state: bytes, version: int) -> StoredEvent:
    """Return the stored event of its fields; the version is stated last, where a relay looks for it."""
    if version > 1:
        state = b'%b,"class_version":%d}' % (state[:-1], version)  # never empty: meta is required
    if len(state) > MAX_EVENT_BYTES:
        raise EventTooLarge(event.TOPIC, len(state), MAX_EVENT_BYTES)
    return StoredEvent(event.originator_id, event.originator_version, event.TOPIC, state)


def _decode(topic: str, state: bytes, id_: UUID, version: int) -> Event:
    cls, known = _form(topic, state)
    if known is not None and (event := known.event(state, id_, version)) is not None:
        return event
    return read_by_validator(cls, state, id_, version)


def _form(topic: str, state: bytes) -> tuple[type[Event], Form | None]:
    cls = EVENT_CLASSES.get(topic)
    if cls is None:
        raise UnknownEvent(topic, _version_of(state), f"{len(EVENT_CLASSES)} other event types")
    if cls not in _FORMS:
        made = _FORMS[cls] = form(cls)
        if made is not None:
            _PLAIN[cls] = made.plain
    return cls, _FORMS[cls]


def read_by_validator(cls: type[Event], state: bytes, id_: UUID, version: int) -> Event:
    """Return an event of any version and spelling that the class's validator accepts.

    Raises:
        UnknownEvent: version or fields are not of this library.
    """
    topic = cls.TOPIC
    fields = _parsed(state)
    if fields is None:
        raise UnknownEvent(topic, 0, "JSON objects only, and this is none")
    if "class_version" in fields or cls.class_version > 1:
        _upcast(cls, fields, "upcast")
    if not fields.keys().isdisjoint(_COLUMNS) or not fields.keys().isdisjoint(cls.PERSONAL):
        extra = ", ".join(sorted(fields.keys() & (_COLUMNS | set(cls.PERSONAL))))
        raise UnknownEvent(topic, cls.class_version, f"that version without the stored fields {extra}")
    fields["originator_id"] = id_
    fields["originator_version"] = version
    return _validated(cls, fields)


def _upcast(cls: type[Event], fields: dict[str, Any], prefix: str) -> None:
    """Bring *fields* to the class's version, in place; without a method for it a step changes nothing."""
    version = fields.pop("class_version", 1)
    known = cls.class_version
    if type(version) is not int or not 1 <= version <= known:
        got = version if type(version) is int else 0
        raise UnknownEvent(cls.TOPIC, got, "version 1" if known == 1 else f"versions 1 to {known}")
    for step in range(version, known):
        upcast = getattr(cls, f"{prefix}_v{step}_v{step + 1}", None)
        if upcast is not None:
            upcast(fields)


def _validated(cls: type[Event], fields: dict[str, Any]) -> Event:
    try:
        event: Event = cls.__pydantic_validator__.validate_python(fields)
    except ValidationError as error:
        # The values stay out of the message: they may be somebody's words.
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['type']}"
            for e in error.errors(include_url=False, include_context=False, include_input=False)[:3]
        )
        raise UnknownEvent(cls.TOPIC, cls.class_version, f"that version with other fields ({wrong})") from None
    return event


def _parsed(state: bytes) -> dict[str, Any] | None:
    try:
        fields = from_json(state)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _version_of(state: bytes) -> int:
    version = (_parsed(state) or {}).get("class_version", 1)
    return version if type(version) is int else 0
