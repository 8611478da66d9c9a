"""What lies around a ticket, asked of the log when a rule looks at it: words, the customer, what was asked before, letters."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from ticketcore.domain.customer import Customer
from ticketcore.domain.ticket_events import Opened
from ticketcore.domain.types import Actor, Role
from ticketcore.errors import KeyMissing, SealBroken
from ticketcore.ids import number_of
from ticketcore.policy.outside import History, Letter, Requester, Words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from ticketcore.app import TicketCore
    from ticketcore.domain.base import Event
    from ticketcore.domain.ticket import Ticket
    from ticketcore.policy.schedule import Schedule

__all__ = ["Around", "Histories"]


class Histories(Protocol):
    """Knows what customers asked before; the process manager's store does, and what is worked out of a log's past."""

    def history(self, requesters: Collection[UUID], opened_at: datetime, but: UUID) -> History:
        """Return what customers asked before *opened_at*, the ticket *but* apart."""


class Around:
    """Fulfils :class:`ticketcore.policy.outside.Outside` for one batch: what was asked once is not asked again.

    Args:
        core: opened with the keys.
        histories: of customers.
        schedule: of the policies.
        together: the openings of the batch's tickets: where a rule asks for the words of one, all are opened at once.
    """

    def __init__(
        self, core: TicketCore, histories: Histories, schedule: Schedule, together: Iterable[Opened] = ()
    ) -> None:
        self._core, self._past, self._schedule = core, histories, schedule
        self._together: list[Event] = list(together)
        self._words: dict[UUID, Words] = {}
        self._requesters: dict[UUID, Requester] = {}
        self._histories: dict[UUID, History] = {}

    def turn_to(self, together: Iterable[Event]) -> None:
        """Go on with another batch, by its tickets' first events; the words of the last one's are forgotten."""
        self._together = list(together)
        self._words.clear()

    def _read(self, openings: Sequence[Event]) -> None:
        for known in self._core._opened(openings):
            assert isinstance(known, Opened)  # noqa: S101 -- what was sealed is opened, not made another
            self._words[known.originator_id] = Words(known.subject, known.body, bool(known.attachments))

    def words(self, opened: Opened) -> Words:
        if self._together:
            together, self._together = self._together, []
            with contextlib.suppress(SealBroken, KeyMissing):  # one that can't be opened is told where it is asked for
                self._read(together)
        if opened.originator_id not in self._words:
            self._read((opened,))
        return self._words[opened.originator_id]

    def requester(self, customer: UUID) -> Requester:
        if customer not in self._requesters:
            executor = self._core._executor
            standing = executor.standing_for(customer)
            state = executor.load((standing,))[standing]
            known = isinstance(state, Customer)
            organisation = state.organisation_id if isinstance(state, Customer) else None
            language = state.language if isinstance(state, Customer) else None
            self._requesters[customer] = Requester(number_of(standing) if known else None, organisation, language)
        return self._requesters[customer]

    def history(self, ticket: Ticket) -> History:
        if ticket.requester_id is None:
            return History()
        if ticket.id not in self._histories:
            identities = self._core._executor.identities(Actor.customer(number_of(ticket.requester_id)))
            self._histories[ticket.id] = self._past.history(identities, ticket.opened_at, ticket.id)
        return self._histories[ticket.id]

    def letter(self, ticket: UUID, template: str, now: datetime) -> Letter:
        policy = self._schedule.in_force(now)
        document = None if policy is None else policy.document
        name, version = ("policy", None) if policy is None else (policy.document.name, str(policy.version))
        window = None if document is None else getattr(document.reopening, "window", None)
        by = Actor(role=Role.POLICY, id=name, version=version)
        return Letter(*self._core.notice(ticket, template, by=by, now=now, reopening=window))
