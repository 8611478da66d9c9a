"""The tickets of a log as they were recorded, one after the other, for looking back under another policy. Only reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.ticket_events import Opened
from ticketcore.errors import UnknownEvent
from ticketcore.ids import Kind
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.store.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.policy.document import PolicyDocument
    from ticketcore.store.port import EventLog, Record

__all__ = ["Past", "Told", "always", "past"]

PAGE = 500
"""Tickets that are read at a time."""


class Told(NamedTuple):
    """One ticket's events, in order: the opening as it is, so that its words can be opened, the others as they are folded.

    None where this release can't read them.
    """

    ticket_id: UUID
    events: Sequence[Event]


class Past(NamedTuple):
    """What of a log is looked at.

    Attributes:
        head: its last position; what was recorded since is left out.
        since, until: only tickets that were opened in ``[since, until)``; aware; ``None``: at any time.
    """

    head: int
    since: datetime | None = None
    until: datetime | None = None

    def has(self, opened_at: datetime) -> bool:
        """Return whether a ticket opened then is looked at."""
        return (self.since is None or self.since <= opened_at) and (self.until is None or opened_at < self.until)


def always(document: PolicyDocument) -> Schedule:
    """Return *document* as if it had been in force ever since; its version is 0, which no adopted one has."""
    return Schedule((Adopted(0, datetime.min.replace(tzinfo=UTC), document),))


def past(log: EventLog, selection: Past) -> Iterator[list[Told]]:
    """Yield the tickets of *log* that are selected, in the order of their numbers, page by page; a page may be empty.

    Args:
        log: the log.
        selection: which tickets, and up to which position.
    Raises:
        StoreUnavailable: the log is away.
    """
    codec, after = Codec(), None
    while page := log.stream_ids(Kind.TICKET, after, PAGE):
        after = page[-1]
        streams = log.load(page).streams
        found = []
        for id_ in page:
            records = [record for record in streams[id_] if record.position <= selection.head]
            events = _told(records, selection, codec)
            if events is not None:
                found.append(Told(id_, events))
        yield found


def _told(records: Sequence[Record], selection: Past, codec: Codec) -> Sequence[Event] | None:
    """Return a ticket's events, none where one can't be read; ``None`` where it is not selected."""
    if not records:
        return None
    try:
        first = codec.decode(records[0])
        if not isinstance(first, Opened) or not selection.has(first.meta.occurred_at):
            return None
        return [first, *map(codec.decode_to_fold, records[1:])]
    except UnknownEvent:
        return ()
