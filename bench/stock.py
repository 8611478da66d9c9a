"""The yardstick: the event library as its manual shows it, with the same content as our events.

A declarative aggregate, ``repository.get``, a method, ``save``; its PostgreSQL recorder in default mode (table lock and
NOTIFY); its JSON transcoder; no snapshots, no cache, no sealing.
"""

from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from ticketcore.domain import ticket_events as ev
from ticketcore.domain.ticket_events import TicketEvent
from ticketcore.ids import number_of
from ticketcore.store.codec import Codec

__all__ = ["StockDesk", "StockTicket", "environment", "record", "recorded"]


class StockTicket(Aggregate):
    @event("Opened")
    def __init__(self, number: str, channel: str, fields: dict[str, Any], meta: dict[str, Any]) -> None:
        self.number = number
        self.channel = channel
        self.requester_id = fields.get("requester_id")
        self.category = fields.get("category")
        self.priority = fields.get("priority")
        self.team_id = fields.get("team_id")
        self.agent_id = fields.get("agent_id")
        self.status = "new"
        self.reopens = 0
        self.comments = 0
        self.last_at = meta["occurred_at"]

    @event("Commented")
    def comment(self, direction: str, channel: str, body: str | None, meta: dict[str, Any]) -> None:
        self.comments += 1
        if direction == "outbound" and self.status == "new":
            self.status = "open"
        self.last_at = meta["occurred_at"]

    @event("Classified")
    def classify(self, category: str | None, subcategory: str | None, meta: dict[str, Any]) -> None:
        self.category = category
        self.last_at = meta["occurred_at"]

    @event("Prioritised")
    def prioritise(self, impact: str | None, urgency: str | None, priority: str, meta: dict[str, Any]) -> None:
        self.priority = priority
        self.last_at = meta["occurred_at"]

    @event("Assigned")
    def assign(self, team_id: str | None, agent_id: str | None, meta: dict[str, Any]) -> None:
        self.team_id, self.agent_id = team_id, agent_id
        self.last_at = meta["occurred_at"]

    @event("Moved")
    def move(self, status: str, reason: str | None, meta: dict[str, Any]) -> None:
        self.reopens += status == "open" and self.status in ("solved", "closed")
        self.status = status
        self.last_at = meta["occurred_at"]

    @event("Updated")
    def update(self, what: str, fields: dict[str, Any], meta: dict[str, Any]) -> None:
        self.last_at = meta["occurred_at"]


class StockDesk(Application[UUID]):
    """The stock application."""


def environment(dsn: str) -> dict[str, str]:
    """Return the configuration of the library for a data base; as many connections as threads, so none waits."""
    parts = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts.get("port", "5432")),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": str(parts.get("password", "")),
        "POSTGRES_POOL_SIZE": "32",
        "POSTGRES_MAX_OVERFLOW": "8",
    }


_MOVES = {
    ev.Pended.TOPIC: "pending",
    ev.Held.TOPIC: "on_hold",
    ev.Resumed.TOPIC: "open",
    ev.Solved.TOPIC: "solved",
    ev.Closed.TOPIC: "closed",
    ev.Reopened.TOPIC: "open",
}
_CODEC = Codec()


def _values(happened: TicketEvent) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return fields and meta as plain values, without defaults: the content that our codec stores."""
    fields = happened.model_dump(mode="json", exclude_defaults=True, exclude={"originator_id", "originator_version"})
    meta = fields.pop("meta")
    meta["occurred_at"] = happened.meta.occurred_at
    meta["command_id"] = happened.meta.command_id
    return fields, meta


def record(ticket: StockTicket | None, happened: TicketEvent) -> StockTicket:
    """Trigger on the stock aggregate what one of our events says, and return the aggregate.

    A sealed text stays sealed: it is a string of the same content for both sides.
    """
    fields, meta = _values(happened)
    if ticket is None:
        channel = fields.pop("channel")
        return StockTicket(number=number_of(happened.originator_id), channel=channel, fields=fields, meta=meta)
    topic = happened.TOPIC
    if topic in _MOVES:
        ticket.move(status=_MOVES[topic], reason=fields.get("reason"), meta=meta)
    elif isinstance(happened, ev.Assigned):
        ticket.assign(team_id=happened.team_id, agent_id=happened.agent_id, meta=meta)
    elif isinstance(happened, ev.Classified):
        ticket.classify(category=happened.category, subcategory=happened.subcategory, meta=meta)
    elif isinstance(happened, ev.Prioritised):
        ticket.prioritise(
            impact=fields.get("impact"), urgency=fields.get("urgency"), priority=fields["priority"], meta=meta
        )
    elif isinstance(happened, ev.Commented):
        text = fields.get("body", fields.get("sealed"))
        ticket.comment(direction=fields["direction"], channel=fields["channel"], body=text, meta=meta)
    else:
        ticket.update(what=topic, fields=fields, meta=meta)
    return ticket


def recorded(app: StockDesk, tickets: dict[UUID, list[TicketEvent]]) -> dict[UUID, UUID]:
    """Record whole tickets in the stock application; return our id -> the stock aggregate's."""
    ids = {}
    for id_, events in tickets.items():
        ticket: StockTicket | None = None
        for happened in events:
            ticket = record(ticket, happened)
        if ticket is not None:
            app.save(ticket)
            ids[id_] = ticket.id
    return ids
