"""What every read model is: tables whose rows belong to one aggregate each, and a pure fold that writes them.

The main row of an aggregate holds the fold's whole state: loading the states of a batch is one query. Child rows
(intervals, messages) are keyed by the aggregate and a number. What spans several aggregates is a view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from ticketcore.domain import ticket as domain
from ticketcore.domain.base import Event
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Channel, Level, Priority, Status
from ticketcore.ids import Kind, number_of

__all__ = ["NOTHING", "Change", "Model", "Row", "State", "Table", "TicketRow", "Write", "ticket_columns", "ticket_of"]

Row = Any
"""A NamedTuple whose fields are the table's columns, in order; the first one is the aggregate's id."""


class Table(NamedTuple):
    """A table of a read model.

    Attributes:
        name: without schema.
        row: the NamedTuple of its columns.
        key: how many leading columns are the primary key.
    """

    name: str
    row: Any
    key: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.row._fields)


class Write(NamedTuple):
    """A child row to insert, or to put in the place of the one with its key."""

    table: str
    row: Row


State = Any
"""What a fold carries from event to event of one aggregate; made from its main row, and back."""
Change = tuple[State | None, Sequence[Write]]
"""The aggregate's state after an event (``None``: it has no row) and the child rows that the event writes."""
NOTHING: tuple[Write, ...] = ()


class Model(NamedTuple):
    """A read model.

    Attributes:
        name: also its schema's.
        version: grows whenever the fold or a table changes; then the model must be rebuilt.
        sql: the files that make its tables and views, in order.
        mains: the main table by kind of aggregate; events of other kinds do not concern the model.
        children: the other tables.
        evolve: ``(state or None, event) -> Change``; pure. The row's ``version`` is kept by the caller.
        begin: main row -> state, once for each aggregate of a batch.
        row: state -> main row; ``row(begin(x)) == x``.
    """

    name: str
    version: int
    sql: tuple[str, ...]
    mains: Mapping[Kind, Table]
    children: tuple[Table, ...]
    evolve: Callable[[State | None, Event], Change]
    begin: Callable[[Row], State]
    row: Callable[[State], Row]

    @property
    def tables(self) -> tuple[Table, ...]:
        """Main tables, then the children's."""
        return (*self.mains.values(), *self.children)


class TicketRow(Protocol):
    """The columns from which a ticket's state is taken up again, and into which it goes."""

    @property
    def ticket_id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def channel(self) -> str: ...
    @property
    def requester_id(self) -> UUID | None: ...
    @property
    def status(self) -> str: ...
    @property
    def source_state(self) -> str | None: ...
    @property
    def status_before_merge(self) -> str | None: ...
    @property
    def team_id(self) -> str | None: ...
    @property
    def agent_id(self) -> str | None: ...
    @property
    def category(self) -> str | None: ...
    @property
    def subcategory(self) -> str | None: ...
    @property
    def priority(self) -> str | None: ...
    @property
    def impact(self) -> str | None: ...
    @property
    def urgency(self) -> str | None: ...
    @property
    def merged_into(self) -> UUID | None: ...
    @property
    def opened_at(self) -> datetime: ...
    @property
    def last_event_at(self) -> datetime: ...


_CHANNELS = {member.value: member for member in Channel}
_STATUSES: dict[str | None, Status] = {member.value: member for member in Status}
_PRIORITIES: dict[str | None, Priority] = {member.value: member for member in Priority}
_LEVELS: dict[str | None, Level] = {member.value: member for member in Level}


number = lru_cache(maxsize=16_384)(number_of)
"""``number_of``, remembered: every model asks for a batch's new tickets."""


def ticket_of(row: TicketRow) -> Ticket:
    """Return the domain's state of a row's ticket, as far as the rows keep it, to go on with the domain's ``evolve``."""
    return Ticket(
        id=row.ticket_id,
        version=row.version,
        status=_STATUSES[row.status],
        channel=_CHANNELS[row.channel],
        opened_at=row.opened_at,
        last_at=row.last_event_at,
        requester_id=row.requester_id,
        team_id=row.team_id,
        agent_id=row.agent_id,
        category=row.category,
        subcategory=row.subcategory,
        impact=_LEVELS.get(row.impact),
        urgency=_LEVELS.get(row.urgency),
        priority=_PRIORITIES.get(row.priority),
        source_state=row.source_state,
        merged_into=row.merged_into,
        before_merge=_STATUSES.get(row.status_before_merge),
    )


def ticket_after(ticket: Ticket, event: Event) -> Ticket:
    """Return the domain's state after *event*: status, team and the like follow the domain's rules and no others."""
    return domain.evolve(ticket, event) or ticket


def ticket_columns(ticket: Ticket) -> dict[str, Any]:
    """Return the columns that hold the domain's state."""
    return {
        "version": ticket.version,
        "requester_id": ticket.requester_id,
        "status": ticket.status.value,
        "source_state": ticket.source_state,
        "status_before_merge": ticket.before_merge.value if ticket.before_merge else None,
        "team_id": ticket.team_id,
        "agent_id": ticket.agent_id,
        "category": ticket.category,
        "subcategory": ticket.subcategory,
        "priority": ticket.priority.value if ticket.priority else None,
        "impact": ticket.impact.value if ticket.impact else None,
        "urgency": ticket.urgency.value if ticket.urgency else None,
        "merged_into": ticket.merged_into,
        "last_event_at": ticket.last_at,
    }
