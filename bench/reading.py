"""Replay, projection and storage: the same tickets of the incident log in both stores."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

from bench.harness import Result, absolute, compare, say, scaled, turns
from bench.ingest import CODEC, imported
from bench.place import BODY, SUBJECT
from bench.sides import Ours
from bench.stock import StockDesk, StockTicket, environment, recorded
from bench.stock_projection import project_queues
from projections.runner import Runner
from projections.schema import install
from ticketcore.domain.ticket_events import TicketEvent
from ticketcore.execution import project
from ticketcore.ids import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.place import Place
    from ticketcore.app import TicketCore

__all__ = ["projection", "replay", "storage"]

PAGE = 500


def _tickets(core: TicketCore, most: int | None = None) -> dict[UUID, list[TicketEvent]]:
    """Return the log's tickets with their events, the first *most* of them."""
    found: dict[UUID, list[TicketEvent]] = {}
    at, head = 0, core.log.head()
    while at < head:
        records = core.log.read(at, 5_000)
        for record in records:
            if kind_of(record.originator_id) is Kind.TICKET:
                event = CODEC.decode(record)
                assert isinstance(event, TicketEvent)
                found.setdefault(record.originator_id, []).append(event)
        at = records[-1].position
    return dict(list(found.items())[:most])


@contextmanager
def _both(place: Place, rows: int) -> Iterator[tuple[TicketCore, StockDesk, dict[UUID, UUID]]]:
    """Give our core and a stock application that hold the same tickets, and our id -> the stock one."""
    with place.core(cache_size=0) as core, place.stock() as app:
        imported(core, place.sample(rows))
        tickets = _tickets(core)
        ids = recorded(app, tickets)
        say(f"{len(tickets):,} tickets, {sum(map(len, tickets.values())):,} events in both stores")
        yield core, app, ids


def replay(place: Place) -> list[Result]:
    """Return the rate at which tickets are read, decoded and folded."""
    with _both(place, scaled(8_000)) as (core, app, ids):
        mine, theirs = list(ids), list(ids.values())

        def bulk(_: int) -> float:
            began = time.perf_counter()
            for first in range(0, len(mine), PAGE):
                page = mine[first : first + PAGE]
                streams = core.log.load(page).streams
                for id_ in page:
                    assert project(None, id_, map(CODEC.decode_to_fold, streams[id_])) is not None
            return len(mine) / (time.perf_counter() - began)

        def single(_: int) -> float:
            began = time.perf_counter()
            for id_ in mine:
                assert project(None, id_, map(CODEC.decode_to_fold, core.log.load((id_,)).streams[id_])) is not None
            return len(mine) / (time.perf_counter() - began)

        def stock(_: int) -> float:
            began = time.perf_counter()
            for id_ in theirs:
                ticket: StockTicket = app.repository.get(id_)
                assert ticket.version
            return len(theirs) / (time.perf_counter() - began)

        rates = turns("replay, tickets/s", {f"by {PAGE}": bulk, "one by one": single, "repository.get": stock})
    text = "stock repository.get, ticket by ticket"
    return [
        compare(
            f"replay, {PAGE} tickets a query", "tickets/s", rates[f"by {PAGE}"], rates["repository.get"], text, 10.0
        ),
        compare("replay, ticket by ticket", "tickets/s", rates["one by one"], rates["repository.get"], text),
    ]


def projection(place: Place) -> list[Result]:
    """Return the rate of events: all read models in bulk against the library's runner with one of them."""
    few = scaled(600)
    with place.core() as core:
        imported(core, place.sample(scaled(8_000)))
        head = core.log.head()
        sample: dict[UUID, list[TicketEvent]] = {}
        for id_, events in _tickets(core).items():
            if sum(map(len, sample.values())) >= few:
                break
            sample[id_] = events
        events_there = sum(map(len, sample.values()))

        def ours(_: int) -> float:
            with place.database() as dsn:
                install(dsn)
                with Runner(dsn, core.log, CODEC.decode_to_fold) as runner:
                    began = time.perf_counter()
                    runner.catch_up()
                    return head / (time.perf_counter() - began)

        def stock(_: int) -> float:
            with place.database() as dsn:
                app = StockDesk(environment(dsn))
                try:
                    recorded(app, sample)
                finally:
                    app.close()
                return events_there / project_queues(environment(dsn), events_there)

        rates = turns("projection, events/s", {"all read models": ours, "ProjectionRunner, one": stock})
    return [
        compare(
            "projection, all read models", "events/s", rates["all read models"], rates["ProjectionRunner, one"],
            "stock ProjectionRunner, the queues alone, a transaction an event", 20.0,
        )
    ]  # fmt: skip


def storage(place: Place) -> list[Result]:
    """Return bytes per event, indexes included, of texts and of the incident log."""
    found: list[Result] = []
    with ExitStack() as stack:
        core = stack.enter_context(place.core())
        app = stack.enter_context(place.stock())
        Ours(core, 32, scaled(30))
        tickets = _tickets(core)
        _record_open(app, tickets)
        found += _sizes("text of 300 bytes", core, app)
    with _both(place, scaled(8_000)) as (core, app, _):
        found += _sizes("incident log", core, app)
    return found


def _record_open(app: StockDesk, tickets: dict[UUID, list[TicketEvent]]) -> None:
    """Record tickets with their texts in clear, which is how the stock library stores them."""
    for id_, events in tickets.items():
        texts = [
            event.model_copy(update={"sealed": None, "body": BODY, **({"subject": SUBJECT} if n == 0 else {})})
            for n, event in enumerate(events)
        ]
        recorded(app, {id_: texts})


def _sizes(what: str, core: TicketCore, app: StockDesk) -> list[Result]:
    ours, keys = (_bytes(str(core.settings.dsn), table, "log.events") for table in ("log.events", "keys.event_keys"))
    stock_dsn = app.env
    with psycopg.connect(
        dbname=stock_dsn["POSTGRES_DBNAME"], host=stock_dsn["POSTGRES_HOST"], port=stock_dsn["POSTGRES_PORT"],
        user=stock_dsn["POSTGRES_USER"], password=stock_dsn["POSTGRES_PASSWORD"],
    ) as connection:  # fmt: skip
        theirs = _size(connection, "public.stockdesk_events", "public.stockdesk_events")
    return [
        compare(f"storage, {what}", "bytes/event", [ours], [theirs], "stock recorder's table, same content, in clear",
                1.3, smaller=True),
        absolute(f"storage of keys, {what}", "bytes/event", [keys]),
    ]  # fmt: skip


def _bytes(dsn: str, table: str, events: str) -> float:
    with psycopg.connect(dsn) as connection:
        return _size(connection, table, events)


def _size(connection: psycopg.Connection[tuple[int, ...]], table: str, events: str) -> float:
    row: Sequence[int] | None = connection.execute(
        f"SELECT pg_total_relation_size('{table}'), (SELECT count(*) FROM {events})".encode()
    ).fetchone()
    assert row
    return row[0] / row[1]
