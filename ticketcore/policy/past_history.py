"""What customers had asked before, at any instant of the past: worked out from the log alone, once it is asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain import ticket as ticket_fold
from ticketcore.domain.types import Status
from ticketcore.policy.outside import History
from ticketcore.policy.past import Past, past

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.domain.ticket import Ticket
    from ticketcore.store.port import EventLog

__all__ = ["PastHistory"]

_DONE = (Status.SOLVED, Status.CLOSED, Status.MERGED)


class _Was(NamedTuple):
    """How a ticket was: from each of ``times`` on, in order, whether it was done and whose it was."""

    ticket_id: UUID
    times: list[datetime]
    states: list[tuple[bool, str | None]]


class PastHistory:
    """Gives a customer's history as it was when a ticket was opened.

    Args:
        log: read once, when the first history is asked for.
        head: its position up to which it is read.
    """

    def __init__(self, log: EventLog, head: int) -> None:
        self._log, self._head = log, head

    def history(self, requesters: Collection[UUID], opened_at: datetime, but: UUID) -> History:
        """Return what customers had asked before *opened_at*, and how that stood then, the ticket *but* apart."""
        tickets, waiting, agents = 0, 0, set[str]()
        for was in (one for requester in requesters for one in self._tickets.get(requester, ())):
            if was.ticket_id == but or was.times[0] >= opened_at:
                continue
            done, agent = was.states[bisect_right(was.times, opened_at) - 1]
            tickets, waiting = tickets + 1, waiting + (not done)
            if agent is not None:
                agents.add(agent)
        return History(tickets, waiting, frozenset(agents))

    @cached_property
    def _tickets(self) -> Mapping[UUID, Sequence[_Was]]:
        found: dict[UUID, list[_Was]] = defaultdict(list)
        for page in past(self._log, Past(self._head)):
            for id_, events in page:
                ticket, was = _life(id_, events)
                if ticket is not None and ticket.requester_id is not None:
                    found[ticket.requester_id].append(was)
        return found


def _life(id_: UUID, events: Iterable[Event]) -> tuple[Ticket | None, _Was]:
    was, ticket = _Was(id_, [], []), None
    for event in events:
        ticket = ticket_fold.evolve(ticket, event)
        if ticket is None:
            continue
        state = ticket.status in _DONE, ticket.agent_id
        if not was.states or was.states[-1] != state:
            was.times.append(event.meta.occurred_at)
            was.states.append(state)
    return ticket, was
