"""A record of the log as a Kafka message and back: CloudEvents 1.0, Kafka binding, binary content mode.

Key: the aggregate's id as lower-case text. Value: the event's stored JSON. The headers are the attributes that
schemas/asyncapi.yaml lists; ``ce_id`` is ``AGGREGATE:VERSION``, the same each time the event is produced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from ticketcore.ids import kind_of, number_of
from ticketcore.store.port import Record
from workers.schemas.event_schema import urn

__all__ = ["Message", "NotOurs", "Received", "message_of", "received", "source_of"]

Header = tuple[str, bytes]
_VERSION = re.compile(rb'"class_version":\s*([1-9][0-9]*)\}$')  # the codec writes it last


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


def message_of(record: Record, source: bytes, previous: int) -> Message:
    """Return a record's message.

    Args:
        record: of the log.
        source: of the log and its epoch.
        previous: position of the record before it in the partition, 0 for none.
    """
    id_ = str(record.originator_id)
    number = number_of(record.originator_id) if kind_of(record.originator_id) is not None else id_
    found = _VERSION.search(record.state)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{id_}:{record.originator_version}".encode()),
        ("ce_type", record.topic.encode()),
        ("ce_source", source),
        ("ce_subject", number.encode()),
        ("ce_time", record.recorded_at.isoformat(timespec="microseconds").replace("+00:00", "Z").encode()),
        ("ce_dataschema", urn(record.topic, int(found[1]) if found else 1).encode()),
        ("ce_sequence", b"%d" % record.position),
        ("ce_previous", b"%d" % previous),
    ]
    return Message(id_.encode(), record.state, headers)


def received(message: Consumed) -> Received:
    """Return a consumed message as the record that it was made of.

    Raises:
        NotOurs: it lacks what a relay's message has.
    """
    headers = dict(message.headers)
    try:
        id_, _, version = headers["ce_id"].partition(b":")
        record = Record(
            int(headers["ce_sequence"]),
            datetime.fromisoformat(headers["ce_time"].decode()),
            UUID(id_.decode()),
            int(version),
            headers["ce_type"].decode(),
            message.value or b"",
        )
        return Received(headers["ce_source"], record, int(headers["ce_previous"]))
    except (KeyError, ValueError) as error:
        raise NotOurs(f"{type(error).__name__}: {error}") from error
