"""A record of the log as a Kafka message and back: CloudEvents 1.0, Kafka binding, binary content mode.

Key: the aggregate's id as lower-case text. Value: the event's stored JSON. The headers are the attributes that
schemas/asyncapi.yaml lists; ``ce_id`` is ``AGGREGATE:VERSION``, the same each time the event is produced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol
from uuid import UUID

from ticketcore.ids import kind_of, number_of
from ticketcore.store.port import Record
from workers.schemas.event_schema import urn

__all__ = ["Message", "NotOurs", "Received", "epoch_of", "message_of", "received", "source_of"]

Header = tuple[str, bytes]
_VERSION = re.compile(rb'"class_version":\s*([1-9][0-9]*)\}$')
_VERSION_LIES_IN = -48
"""In so many bytes at the end of a stored event: the codec writes it last."""

_BIGINT, _INTEGER = 2**63 - 1, 2**31 - 1


class NotOurs(ValueError):
    """A message in the topic that no relay wrote."""


class Message(NamedTuple):
    """What is produced."""

    key: bytes
    value: bytes
    headers: list[Header]


class Consumed(Protocol):
    """What the client hands out."""

    key: bytes | None
    value: bytes | None
    headers: Iterable[Header]


class Received(NamedTuple):
    """What was consumed. ``source``: as :func:`source_of` makes it; ``previous``: 0 for a partition's first message."""

    source: bytes
    record: Record
    previous: int


def source_of(log: str, epoch: UUID) -> bytes:
    """Return ``ce_source`` of a log's messages in an epoch."""
    return f"urn:ticketcore:log:{log}:{epoch}".encode()


def epoch_of(source: bytes, log: str) -> UUID | None:
    """Return the epoch that a ``ce_source`` names, ``None`` where it is not the log's."""
    start, _, epoch = source.decode(errors="replace").rpartition(":")
    try:
        return UUID(epoch) if start == f"urn:ticketcore:log:{log}" else None
    except ValueError:
        return None


def message_of(record: Record, source: bytes, previous: int) -> Message:
    """Return a record's message.

    Args:
        record: of the log.
        source: of the log and its epoch.
        previous: position of the record before it in the partition, 0 for none.
    """
    position, recorded_at, id_, originator_version, topic, state = record
    key, subject = _names(id_)
    found = _VERSION.search(state[_VERSION_LIES_IN:])
    type_, schema = _types(topic, int(found[1]) if found else 1)
    headers = [
        _SPEC_VERSION,
        ("ce_id", b"%b:%d" % (key, originator_version)),
        type_,
        ("ce_source", source),
        subject,
        ("ce_time", recorded_at.isoformat(timespec="microseconds").replace("+00:00", "Z").encode()),
        schema,
        ("ce_sequence", b"%d" % position),
        ("ce_previous", b"%d" % previous),
        _CONTENT_TYPE,
    ]
    return Message(key, state, headers)


_SPEC_VERSION = ("ce_specversion", b"1.0")
_CONTENT_TYPE = ("content-type", b"application/json")
"""The binding asks for it; it is the attribute datacontenttype."""


@lru_cache(maxsize=10_000)
def _names(id_: UUID) -> tuple[bytes, Header]:
    """Return an aggregate's key and its subject."""
    key = str(id_)
    return key.encode(), ("ce_subject", (number_of(id_) if kind_of(id_) is not None else key).encode())


@lru_cache(maxsize=1_000)
def _types(topic: str, version: int) -> tuple[Header, Header]:
    """Return an event's type and the URN of its schema."""
    return ("ce_type", topic.encode()), ("ce_dataschema", urn(topic, version).encode())


def received(message: Consumed) -> Received:
    """Return a consumed message as the record that it was made of.

    Raises:
        NotOurs: it lacks what a relay's message has.
    """
    try:
        headers = dict(message.headers)
        id_, _, version = headers["ce_id"].partition(b":")
        record = Record(
            _number(headers["ce_sequence"], 1, _BIGINT),
            _moment(headers["ce_time"]),
            _id(id_),
            _number(version, 1, _INTEGER),
            headers["ce_type"].decode(),
            message.value or b"",
        )
        source = b"".join([headers["ce_source"]])  # refuses what is no bytes
        return Received(source, record, _number(headers["ce_previous"], 0, record.position - 1))
    except KeyError as error:
        raise NotOurs(f"it has no header {error}") from error
    except (ValueError, TypeError, AttributeError) as error:  # whose text repeats what a stranger wrote
        raise NotOurs(f"a header is not what a relay writes ({type(error).__name__})") from error


@lru_cache(maxsize=10_000)
def _id(text: bytes) -> UUID:
    return UUID(text.decode())


def _number(digits: bytes, least: int, most: int) -> int:
    if not digits.isdigit() or not least <= (number := int(digits)) <= most:
        raise ValueError(f"{digits[:30]!r}: expected a decimal number from {least} to {most}")
    return number


def _moment(text: bytes) -> datetime:
    moment = datetime.fromisoformat(text.decode())
    if moment.utcoffset() is None:
        raise ValueError(f"{text!r}: expected a time with its zone")
    return moment
