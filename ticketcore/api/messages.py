"""Inbound messages as they are recorded: commands, content and states. What becomes of them: :mod:`ticketcore.intake`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from ticketcore.api.base import Api, Name
from ticketcore.api.given import checked
from ticketcore.domain.message import Message
from ticketcore.domain.message_events import Received
from ticketcore.errors import NotFound
from ticketcore.execution import Options, Recorded, State
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.permissions import Action, Facts, check
from ticketcore.replay import RecordedEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.domain.message_commands import DecideMessage, FileMessage, ReceiveMessage
    from ticketcore.domain.types import Actor
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import Record

__all__ = ["MessageCommands"]


class MessageCommands(Api):
    """The ways in and out of an inbound message's stream."""

    _codec: Codec

    def record_message(
        self, command: ReceiveMessage | DecideMessage | FileMessage, *, by: Actor, **options: Unpack[Options]
    ) -> Recorded:
        """Record what came in, what was decided, or where it went.

        Raises:
            ClaimTaken: the Message-ID or the sender's place belongs to another message.
            CommandReused: another message has this command id.
            WrongState: it is in a ticket already, or not decided to be in one.
            Conflict: it was decided otherwise meanwhile.
        """
        return self._executor.execute(command, by, checked(type(command), by, options))

    def message_events(self, message: Name, *, by: Actor) -> Sequence[RecordedEvent]:
        """Return all that is recorded of a message, opened; without personal content where the sender was forgotten.

        Raises:
            NotFound: no such message.
        """
        id_ = self._id(message, Kind.MESSAGE)
        records = self._log.load((id_,)).streams.get(id_, ())
        if not records or kind_of(id_) is not Kind.MESSAGE:
            raise NotFound("message", number_of(id_) if kind_of(id_) is not None else id_)
        check(by, Action.SHOW_MESSAGE, Facts(f"message {number_of(id_)}"))
        events = self._opened([self._codec.decode(record) for record in records])
        return [
            RecordedEvent(position=record.position, recorded_at=record.recorded_at, event=event)
            for record, event in zip(records, events, strict=True)
        ]

    def raw_message(self, received: Received) -> bytes | None:
        """Return a message as it came, ``None`` where its sender was forgotten. *received*: as :meth:`message_events` gives it."""
        return self._blob(received, 0) if received.blobs else None

    def states(self, ids: Iterable[UUID]) -> dict[UUID, State | None]:
        """Return what aggregates are now, fresh from the log; ``None`` where nothing is recorded under an id."""
        return self._executor.load(ids)

    def ticket_id(self, ticket: Name) -> UUID:
        """Return a ticket's id by number or id; whether it is recorded is not asked."""
        return self._ticket(ticket)

    def customer_id(self, customer: Name | None) -> UUID | None:
        """Return a customer's id by number or id; whether it is recorded is not asked."""
        return self._customer(customer)

    def decoded(self, record: Record) -> Event:
        """Return the event of a record of the log, still sealed."""
        return self._codec.decode(record)

    def message_state(self, message: Name) -> Message:
        """Return what became of a message.

        Raises:
            NotFound: no such message.
        """
        id_ = self._id(message, Kind.MESSAGE)
        state = self._executor.load((id_,))[id_]
        if not isinstance(state, Message):
            raise NotFound("message", number_of(id_) if kind_of(id_) is not None else id_)
        return state
