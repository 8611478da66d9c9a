"""What commands and queries share: names become ids, values become commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from ticketcore.api.given import checked, checked_name
from ticketcore.attachments import Limits, judged, require_kept
from ticketcore.domain.commands import Command, build
from ticketcore.domain.types import Direction, Role
from ticketcore.errors import BadNumber, NotFound, as_name
from ticketcore.ids import Kind, agent_stream_id, aggregate_id, parse_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.domain.base import Event
    from ticketcore.domain.ticket_events import BlobRef
    from ticketcore.domain.types import Actor
    from ticketcore.execute import Executor
    from ticketcore.execution import Options, Recorded
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.settings import Settings
    from ticketcore.store.port import EventLog

__all__ = ["Api", "Name"]

C = TypeVar("C", bound=Command)
Name = str | UUID
"""A ticket or customer by number (``T-2026-000042-6``) or by id."""


class Api:
    """What the parts of the interface stand on."""

    _log: EventLog
    _executor: Executor
    _sealer: Sealer
    _settings: Settings

    def _id(self, name: Name, kind: Kind) -> UUID:
        known = checked_name(name, kind)
        if isinstance(known, UUID):
            return known
        return aggregate_id(parse_number(known, kind), self._log.name)

    def _ticket(self, name: Name) -> UUID:
        return self._id(name, Kind.TICKET)

    def _customer(self, name: Name | None) -> UUID | None:
        return None if name is None else self._id(name, Kind.CUSTOMER)

    def _agent(self, agent_id: str) -> UUID:
        """Return the id of an agent's stream; a value that is no agent's id gets one too, and is refused as such after."""
        return agent_stream_id(str(agent_id), self._log.name)

    def _writer(self, name: Name | None, by: Actor, direction: object) -> UUID | None:
        """Return who writes an inbound message: as named, else the customer who acts."""
        if name is None and getattr(by, "role", None) is Role.CUSTOMER and direction == Direction.INBOUND:
            return self._customer(by.id)
        return self._customer(name)

    def _find_ticket(self, name: Name) -> UUID:
        """Return a ticket's id by number, by id, or by its number in the system it was imported from.

        Raises:
            BadNumber: it looks like one of our numbers, and is none.
            NotFound: it is nobody's outside number.
        """
        try:
            return self._ticket(name)
        except BadNumber:
            text = str(name).strip()
            if text[:2].upper() == "T-":
                raise
            systems = sorted(system.decode() for system in self._log.owners("system"))
            names = (text, *(f"{system}:{text}" for system in systems))
            digests = (self._sealer.identity_digest("external", name) for name in names)
            claim = next((claim for digest in digests if (claim := self._log.owner("external", digest))), None)
            if claim is None:
                remedy = "give its number, or its number in the imported system"
                which = text if as_name(text) == repr(text) else f"named by {as_name(text)}"
                raise NotFound("ticket", which, remedy) from None
            return claim.owner

    def _do(self, cls: type[C], by: Actor, options: Options, **values: Any) -> Recorded:
        options = checked(cls, by, options)
        command = build(cls, **values)
        if values.get("attachments"):
            given = vars(command)["attachments"]
            files = judged(given, Limits.of(self._settings))
            require_kept(f"{cls.NAME} {cls.NOUN}", files, given)
            command = command.model_copy(update={"attachments": files})
        return self._executor.execute(command, by, options)

    def _opened(self, events: Sequence[Event]) -> list[Event]:
        """Return the events with all their personal content, from their overflow too."""
        return [event if event.overflow is None else self._in_full(event) for event in self._sealer.open_many(events)]

    def _in_full(self, event: Event) -> Event:
        stored = None if event.overflow is None else self._log.get_blob(event.overflow)
        return event if stored is None else self._sealer.open_overflow(event, stored)

    def _blob(self, event: Event, index: int) -> bytes | None:
        blobs: tuple[BlobRef, ...] = getattr(event, "blobs", ())
        stored = self._log.get_blob(blobs[index].digest)
        return None if stored is None else self._sealer.open_blobs(event, {index: stored}).get(index)
