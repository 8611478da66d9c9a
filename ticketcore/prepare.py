"""A command's text and files made ready for its event: who it is sealed for, and what goes to blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from ticketcore.blobs import LIMIT, fitting, stored_file, stored_files
from ticketcore.domain.context import EXCERPT_BYTES, Content, excerpt
from ticketcore.domain.customer_commands import CustomerCommand
from ticketcore.domain.message_commands import ReceiveMessage
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.ticket_commands import CorrectComment
from ticketcore.domain.ticket_events import BlobRef
from ticketcore.errors import Forgotten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventsourcing.persistence import StoredEvent

    from ticketcore.domain.base import Event
    from ticketcore.domain.commands import Command
    from ticketcore.execution import State
    from ticketcore.sealing.sealer import PendingKey, Sealer
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import EventKey, EventLog

__all__ = ["Prepared", "own_persons", "person_of", "prepare"]

GENERATIONS = 8
"""How many requesters of one ticket can be forgotten one after the other while it is written on."""


class Prepared(NamedTuple):
    """Whom the command's events are sealed for, its content, and the key that its blobs were sealed with."""

    person: UUID
    content: Content | None = None
    pending: PendingKey | None = None

    def stored(self, event: Event, sealer: Sealer, codec: Codec, log: EventLog) -> tuple[StoredEvent, EventKey | None]:
        """Return *event* as it is stored, sealed, with its key; an event without personal content has none.

        Content that is too large for an event is stored as a blob here.
        """
        has_blobs = self.pending is not None and bool(getattr(event, "blobs", None))
        key = self.pending if has_blobs and self.pending is not None else self.person
        plain = sealer.personal(event)
        if plain is not None and len(plain) > LIMIT:
            event, key = fitting(event, key, sealer, log)
            plain = sealer.personal(event)
        content = sealer.seal_content(event, plain, key)
        if content is None:
            return codec.to_stored_event(event), None
        return codec.sealed_event(event, content[0]), content[1]


def person_of(command: Command, states: Mapping[UUID, State | None], ids: tuple[UUID, ...]) -> UUID:
    """Return the person that the command's text is about: one command, one person.

    The author of an inbound message where known, else the requester, else the ticket itself. A correction is for the
    person whose message it corrects. A customer's own events are the customer's, an inbound message its sender's.
    """
    if isinstance(command, CustomerCommand):
        return command.customer_id
    if isinstance(command, ReceiveMessage):
        return command.customer_id or ids[0]
    given = vars(command)
    author: UUID | None = given.get("author_id") or given.get("requester_id")
    if author is not None:
        return author
    for id_ in command.streams():
        state = states.get(id_)
        if isinstance(state, Ticket):
            corrected = given.get("comment") if isinstance(command, CorrectComment) else None
            person = state.requester_id if corrected is None else dict(state.persons).get(corrected)
            if person is not None:
                return person
        break
    return ids[0] if ids else command.streams()[0]


def own_persons(aggregate: UUID) -> tuple[UUID, ...]:
    """Return whom the text of a ticket or message is sealed for while no living person is known: itself.

    A forgotten requester takes the ticket's own key along, so what is written afterwards has the next one, and so on.
    """
    return (aggregate, *(uuid5(aggregate, f"after {n}") for n in range(1, GENERATIONS)))


def prepare(
    command: Command,
    states: Mapping[UUID, State | None],
    ids: tuple[UUID, ...],
    gone: set[UUID],
    sealer: Sealer,
    log: EventLog,
) -> Prepared:
    """Return the command's text and files as its event holds them; blobs are stored before the event is.

    A text of more than :data:`EXCERPT_BYTES`, every attachment and an inbound message as it came become blobs. Blobs of
    a command that is then rejected stay behind, unreadable, and harm nobody. Whoever is found to be forgotten is added
    to *gone*.
    """
    aggregate = ids[0] if ids else command.streams()[0]
    person = person_of(command, states, ids)
    if person in gone:
        own = own_persons(aggregate)
        person = next((candidate for candidate in own if candidate not in gone), own[-1])
    given = vars(command)
    body: str | None = given.get("body")
    raw: bytes | None = given.get("raw")
    files = given.get("attachments", ())
    long = body is not None and len(body) * 4 > EXCERPT_BYTES and len(body.encode()) > EXCERPT_BYTES
    if not files and not long and raw is None:
        return Prepared(person, Content(body) if body is not None else None)
    pending = sealer.new_event_key(person)
    blobs: list[BlobRef] = []

    def kept(blob: BlobRef) -> int:
        blobs.append(blob)
        return len(blobs) - 1

    def store(content: bytes) -> int:
        return kept(BlobRef(digest=log.put_blob(pending.seal_blob(len(blobs), content)), size=len(content)))

    body_blob = store(body.encode()) if long and body is not None else None
    if raw is not None:
        store(raw)
    try:
        attachments = stored_files(files, store, lambda file: kept(stored_file(file, person, sealer, log)))
    except Forgotten:
        if person in gone:
            raise
        gone.add(person)
        return prepare(command, states, ids, gone, sealer, log)
    shown = excerpt(body) if long and body is not None else body
    return Prepared(person, Content(shown, body_blob, tuple(blobs), attachments or None), pending)
