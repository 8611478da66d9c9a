"""What every read model is: tables whose rows belong to one aggregate each, and a pure fold that writes them.

The main row of an aggregate holds the fold's whole state: loading the states of a batch is one query. Child rows
(intervals, messages) are keyed by the aggregate and a number. What spans several aggregates is a view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain.base import Event
from ticketcore.domain.ticket import opened
from ticketcore.domain.ticket_events import Opened
from ticketcore.domain.types import Level, Priority, Status
from ticketcore.ids import Kind, number_of

__all__ = [
    "NOTHING", "Change", "Draft", "Model", "Row", "State", "Table", "Write", "draft_of", "draft_opened", "row_of",
]  # fmt: skip

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
        evolve: ``(state or None, event) -> Change``. It may change the state that it is given and return it: to the fold
            of a batch, which alone holds states, rows go in and rows come out. The row's ``version`` is kept by the caller.
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


_STATUSES: dict[str | None, Status] = {member.value: member for member in Status}
_PRIORITIES: dict[str | None, Priority] = {member.value: member for member in Priority}
_LEVELS: dict[str | None, Level] = {member.value: member for member in Level}


number = lru_cache(maxsize=16_384)(number_of)
"""``number_of``, remembered: every model asks for a batch's new tickets."""


class Draft:
    """A ticket's row in the making: its columns as attributes, private to the fold of one batch.

    What the domain's rules look at is as they know it: ``status``, ``priority``, ``impact`` and ``urgency`` as enums,
    ``status_before_merge`` as ``before_merge``, ``last_event_at`` as ``last_at``.
    """

    reason: str | None = None
    reason_before_merge: str | None = None
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


def draft_of(row: Any) -> Draft:
    """Take up a row: all of ``TicketRow``'s columns, and its own."""
    draft = Draft()
    fields = draft.__dict__
    fields.update(zip(row._fields, row, strict=True))
    fields["status"] = _STATUSES[row.status]
    fields["before_merge"] = _STATUSES.get(row.status_before_merge)
    fields["priority"] = _PRIORITIES.get(row.priority)
    fields["impact"], fields["urgency"] = _LEVELS.get(row.impact), _LEVELS.get(row.urgency)
    fields["last_at"] = row.last_event_at
    return draft


def draft_opened(event: Opened, columns: Mapping[str, Any]) -> Draft:
    """Begin a row by the domain's rules. *columns*: those of the model's own."""
    ticket = opened(event)
    draft = Draft()
    draft.__dict__.update(columns)
    draft.__dict__.update(
        ticket_id=ticket.id,
        version=ticket.version,
        number=number(ticket.id),
        external=ticket.external,
        channel=ticket.channel._value_,
        requester_id=ticket.requester_id,
        status=ticket.status,
        source_state=ticket.source_state,
        before_merge=None,
        team_id=ticket.team_id,
        agent_id=ticket.agent_id,
        category=ticket.category,
        subcategory=ticket.subcategory,
        priority=ticket.priority,
        impact=ticket.impact,
        urgency=ticket.urgency,
        merged_into=None,
        opened_at=ticket.opened_at,
        last_at=ticket.last_at,
    )
    return draft


# ``_value_``, since an enum's ``value`` is looked up by a function in Python.
def row_of(cls: Any, draft: Draft, columns: Mapping[str, Any]) -> Any:
    """Return a draft as a row of *cls*. *columns*: the model's own that are worked out at the end."""
    fields = {**draft.__dict__, **columns}
    for name in ("status", "priority", "impact", "urgency", "before_merge"):
        value = fields[name]
        if value is not None:
            fields[name] = value._value_
    fields["status_before_merge"], fields["last_event_at"] = fields["before_merge"], fields["last_at"]
    return cls._make([fields[name] for name in cls._fields])
