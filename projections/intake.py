"""The read model *intake*: every message that came in, what was decided about it, and where it is. Nothing personal.

Meanings stand in sql/intake.sql.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from projections.base import NOTHING, Change, Model, Row, Table, number
from ticketcore.domain import message_events as mv
from ticketcore.domain.base import Event
from ticketcore.ids import Kind

__all__ = ["INTAKE", "MessageRow", "evolve"]


class MessageRow(NamedTuple):
    """A row of ``intake.messages``."""

    message_id: UUID
    version: int
    number: str
    channel: str
    received_at: datetime
    customer_id: UUID | None
    assurance: str
    automatic: str
    bytes: int
    outcome: str | None = None
    reason: str | None = None
    rule: str | None = None
    rules_version: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    decisions: int = 0
    ticket_id: UUID | None = None
    acknowledged: bool = False
    created: bool = False
    filed_at: datetime | None = None


def evolve(row: Row | None, event: Event) -> Change:
    """Return what is known of the message after *event*."""
    if row is None:
        return (_received(event) if event.TOPIC == "message.received" else None), NOTHING  # type: ignore[arg-type]
    rule = _RULES.get(event.TOPIC)
    return (row if rule is None else rule(row, event)), NOTHING


def _received(event: mv.Received) -> MessageRow:
    return MessageRow(
        event.originator_id,
        event.originator_version,
        number(event.originator_id),
        event.channel._value_,
        event.meta.occurred_at,
        event.customer_id,
        event.assurance._value_,
        event.automatic._value_,
        event.size,
    )


def _decided(row: MessageRow, event: mv.Decided) -> MessageRow:
    return row._replace(
        customer_id=event.customer_id or row.customer_id,
        outcome=event.outcome._value_,
        reason=event.reason,
        rule=event.rule,
        rules_version=event.rules_version,
        decided_by=event.meta.actor.role._value_,
        decided_at=event.meta.occurred_at,
        decisions=row.decisions + 1,
        ticket_id=event.ticket_id,
        acknowledged=event.acknowledge,
    )


def _filed(row: MessageRow, event: mv.Filed) -> MessageRow:
    return row._replace(ticket_id=event.ticket_id, created=event.created, filed_at=event.meta.occurred_at)


_RULES: dict[str, Callable[[Any, Any], MessageRow]] = {"message.decided": _decided, "message.filed": _filed}


def _same(row: Row) -> Row:
    return row


INTAKE = Model(
    name="intake",
    version=1,
    sql=("intake.sql",),
    mains={Kind.MESSAGE: Table("messages", MessageRow, 1)},
    children=(),
    evolve=evolve,
    begin=_same,
    row=_same,
)
