"""The three sides of a command: ours, the stock library's, a bare one-row commit. Each drives the same load."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

import psycopg

from bench.harness import Driven, drive
from bench.place import BODY, SUBJECT, now
from bench.stock import StockDesk, StockTicket
from ticketcore.domain.types import Actor

if TYPE_CHECKING:
    from ticketcore.app import TicketCore
    from ticketcore.execution import Recorded

__all__ = ["ANA", "Ours", "Raw", "Stock", "customers"]

ANA = Actor.agent("ana")
SHOP = Actor.system("web-shop")
LENGTH = 4
"""Events that a ticket has when the measuring begins."""


def customers(core: TicketCore, many: int) -> list[str]:
    """Register customers and return their numbers."""
    return [core.register_customer(name=f"Customer {n}", language="en", by=SHOP).number for n in range(many)]


class Ours:
    """Commands through the API of an open core.

    Args:
        per_thread: tickets that each thread writes to, in turn; threads share none.
    """

    def __init__(self, core: TicketCore, threads: int, per_thread: int) -> None:
        self.core, self.threads = core, threads
        self.customers = customers(core, threads)
        self.tickets: list[list[UUID]] = [[] for _ in range(threads)]
        drive(lambda thread, _: self.tickets[thread].append(self.open(thread)), threads, per_thread)
        for _ in range(LENGTH - 1):
            drive(self.comment, threads, per_thread)

    def open(self, thread: int, _: int = 0) -> UUID:
        return self.core.open_ticket(
            channel="mail", requester=self.customers[thread], subject=SUBJECT, body=BODY, language="en", by=SHOP
        ).id

    def comment(self, thread: int, number: int) -> None:
        mine = self.tickets[thread]
        self.say(mine[number % len(mine)])

    def say(self, ticket: UUID) -> Recorded:
        return self.core.comment(ticket, direction="outbound", channel="mail", body=BODY, by=ANA)

    def comments(self, each: int) -> Driven:
        return drive(self.comment, self.threads, each)

    def opens(self, each: int) -> Driven:
        return drive(self.open, self.threads, each)


def _meta(role: str, id_: str) -> dict[str, Any]:
    actor = {"role": role, "id": id_, "assurance": "logged_in"} if role == "agent" else {"role": role, "id": id_}
    return {"occurred_at": now(), "actor": actor, "command_id": uuid4()}


class Stock:
    """The same by the event library: get, call, save."""

    def __init__(self, app: StockDesk, threads: int, per_thread: int) -> None:
        self.app, self.threads = app, threads
        self.numbers = count(1)
        self.requester = uuid4()
        self.tickets = [[self._prepared() for _ in range(per_thread)] for _ in range(threads)]

    def _new(self) -> StockTicket:
        return StockTicket(
            number=f"T-2026-{next(self.numbers):06}-0", channel="mail", meta=_meta("system", "web-shop"),
            fields={"requester_id": str(self.requester), "subject": SUBJECT, "body": BODY, "language": "en"},
        )  # fmt: skip

    def _prepared(self) -> UUID:
        ticket = self._new()
        for _ in range(LENGTH - 1):
            ticket.comment(direction="outbound", channel="mail", body=BODY, meta=_meta("agent", "ana"))
        self.app.save(ticket)
        return ticket.id

    def open(self, _thread: int, _number: int) -> None:
        self.app.save(self._new())

    def comment(self, thread: int, number: int) -> None:
        mine = self.tickets[thread]
        ticket: StockTicket = self.app.repository.get(mine[number % len(mine)])
        ticket.comment(direction="outbound", channel="mail", body=BODY, meta=_meta("agent", "ana"))
        self.app.save(ticket)

    def comments(self, each: int) -> Driven:
        return drive(self.comment, self.threads, each)

    def opens(self, each: int) -> Driven:
        return drive(self.open, self.threads, each)


class Row(NamedTuple):
    """What one of our comments stores."""

    topic: str
    state: bytes


class Raw:
    """One-row INSERTs of the same stored bytes, each a commit; one connection a thread, prepared, no load, no check."""

    def __init__(self, dsn: str, threads: int, row: Row) -> None:
        self.threads, self.row = threads, row
        self.connections = [psycopg.connect(dsn, autocommit=True, prepare_threshold=0) for _ in range(threads)]
        self.connections[0].execute(
            "CREATE TABLE IF NOT EXISTS raw (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " originator_id uuid NOT NULL, originator_version integer NOT NULL, topic text NOT NULL,"
            " state bytea NOT NULL)"
        )
        self.id = uuid4()

    def insert(self, thread: int, number: int) -> None:
        self.connections[thread].execute(
            "INSERT INTO raw (originator_id, originator_version, topic, state) VALUES (%b, %b, %b, %b)",
            (self.id, number, self.row.topic, self.row.state),
        )

    def inserts(self, each: int) -> Driven:
        return drive(self.insert, self.threads, each)

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
