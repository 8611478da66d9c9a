"""The read model *history*: every correspondence of a customer, over all channels and merged identities.

A customer's history is the correspondence of the tickets whose requester they are now, and every message that they
wrote themselves, wherever (the author of an opening is its requester at the time). Whose a ticket is stands once, on
the ticket's row; who is whom stands on the customers' rows. So a changed requester or a merge moves what a history
shows without touching a message. Meanings stand in sql/history.sql.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from projections.base import NOTHING, Change, Model, Row, Table, Write, number
from ticketcore.domain import customer_events as cv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.ids import Kind

__all__ = ["HISTORY", "CustomerRow", "Message", "Redaction", "TicketOwner", "evolve"]


class TicketOwner(NamedTuple):
    """A row of ``history.tickets``."""

    ticket_id: UUID
    version: int
    number: str
    channel: str
    requester_id: UUID | None
    opened_at: datetime


class CustomerRow(NamedTuple):
    """A row of ``history.customers``."""

    customer_id: UUID
    version: int
    number: str
    external: str | None
    organisation_id: str | None
    language: str | None
    registered_at: datetime
    merged_into: UUID | None = None
    forgotten: bool = False


class Message(NamedTuple):
    """A row of ``history.correspondence``."""

    ticket_id: UUID
    version: int
    occurred_at: datetime
    kind: str
    direction: str | None
    channel: str | None
    author_id: UUID | None
    actor: str
    corrects: int | None
    sealed: str | None
    overflow: str | None
    blobs: list[str]


class Redaction(NamedTuple):
    """A row of ``history.redactions``."""

    ticket_id: UUID
    redacted: int
    version: int
    occurred_at: datetime
    reason: str


def evolve(row: Row | None, event: Event) -> Change:
    """Return whose the ticket is, or who the customer is, after *event*, and the messages that it adds."""
    if row is None:
        first = _FIRST.get(event.TOPIC)
        return first(event) if first is not None else (None, NOTHING)
    rule = _RULES.get(event.TOPIC)
    return rule(row, event) if rule is not None else (row, NOTHING)


def _commented(owner: TicketOwner, event: ev.Commented) -> Change:
    return owner, (_message(event, "commented", event.direction._value_, event.channel._value_, event.author_id),)


def _corrected(owner: TicketOwner, event: ev.CommentCorrected) -> Change:
    return owner, (_message(event, "comment_corrected", None, None, None, event.comment),)


def _redacted(owner: TicketOwner, event: ev.Redacted) -> Change:
    gone = Redaction(owner.ticket_id, event.version, event.originator_version, event.meta.occurred_at, event.reason)
    return owner, (Write("redactions", gone),)


def _opened(event: ev.Opened) -> Change:
    id_, version, channel = event.originator_id, event.originator_version, event.channel._value_
    owner = TicketOwner(id_, version, number(id_), channel, event.requester_id, event.meta.occurred_at)
    return owner, (_message(event, "opened", event.direction._value_, channel, event.requester_id),)


def _message(
    event: ev.Opened | ev.Commented | ev.CommentCorrected,
    kind: str,
    direction: str | None,
    channel: str | None,
    author_id: UUID | None,
    corrects: int | None = None,
) -> Write:
    message = Message(
        event.originator_id,
        event.originator_version,
        event.meta.occurred_at,
        kind,
        direction,
        channel,
        author_id,
        str(event.meta.actor),
        corrects,
        event.sealed,
        event.overflow,
        [blob.digest for blob in event.blobs],
    )
    return Write("correspondence", message)


def _registered(event: cv.Registered) -> Change:
    id_, version = event.originator_id, event.originator_version
    times = event.meta.occurred_at
    return CustomerRow(id_, version, number(id_), event.external, event.organisation_id, event.language, times), NOTHING


_FIRST: dict[str, Callable[[Any], Change]] = {"ticket.opened": _opened, "customer.registered": _registered}
_RULES: dict[str, Callable[[Any, Any], Change]] = {
    "ticket.commented": _commented,
    "ticket.comment_corrected": _corrected,
    "ticket.redacted": _redacted,
    "ticket.requester_changed": lambda row, e: (row._replace(requester_id=e.requester_id), NOTHING),
    "customer.described": lambda row, e: (row._replace(language=e.language or row.language), NOTHING),
    "customer.moved": lambda row, e: (row._replace(organisation_id=e.organisation_id), NOTHING),
    "customer.merged": lambda row, e: (row._replace(merged_into=e.target_id), NOTHING),
    "customer.unmerged": lambda row, _: (row._replace(merged_into=None), NOTHING),
    "customer.forgotten": lambda row, _: (row._replace(forgotten=True), NOTHING),
}


def _same(row: Row) -> Row:
    return row


HISTORY = Model(
    name="history",
    version=1,
    sql=("history.sql",),
    mains={Kind.TICKET: Table("tickets", TicketOwner, 1), Kind.CUSTOMER: Table("customers", CustomerRow, 1)},
    children=(Table("correspondence", Message, 2), Table("redactions", Redaction, 2)),
    evolve=evolve,
    begin=_same,
    row=_same,
)
