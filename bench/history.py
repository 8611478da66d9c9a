"""One ticket's history out of a large log, against a bare SELECT of its rows by the same index."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import psycopg

from bench.filling import Filler, sizes
from bench.harness import PAIRS, Result, compare, quantile, say
from bench.ingest import CODEC
from bench.place import BODY, SUBJECT
from bench.sides import ANA, SHOP, customers

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.place import Place
    from ticketcore.app import TicketCore

__all__ = ["history"]

TICKETS, LENGTH = 40, 50
"""Of 50 events each, between which the others' events lie."""
_ROUNDS = 5
"""How often a turn asks for each ticket."""
_SELECT = (
    b"SELECT position, recorded_at, originator_id, originator_version, topic, state FROM log.events"
    b" WHERE originator_id = %b ORDER BY originator_version"
)


class _Times(NamedTuple):
    p50: float
    p99: float


def history(place: Place) -> list[Result]:
    """Return p50 of a ticket's rows, of its decoded events, and of its history with every text opened."""
    with place.core(cache_size=0) as core:
        tickets = _tickets(core, sizes()[-1])
        dsn = str(core.settings.dsn)
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=0, options="-c timezone=UTC") as connection:
            connection.execute("VACUUM ANALYZE log.events")

            def bare(id_: UUID) -> Any:
                with connection.cursor(binary=True) as cursor:
                    return cursor.execute(_SELECT, (id_,)).fetchall()

            def rows(id_: UUID) -> Any:
                return core.log.load((id_,)).streams[id_]

            def events(id_: UUID) -> Any:
                return [CODEC.decode(record) for record in core.log.load((id_,)).streams[id_]]

            def opened(id_: UUID) -> Any:
                return core.ticket_history(id_, by=ANA)

            sides: dict[str, Callable[[UUID], Any]] = {
                "rows": rows, "events": events, "history": opened, "bare": bare,
            }  # fmt: skip
            found: dict[str, list[_Times]] = {name: [] for name in sides}
            for turn in range(-1, PAIRS):
                for name, call in sides.items():
                    times = _turn(call, tickets)
                    if turn >= 0:
                        found[name].append(times)
                if turn >= 0:
                    say(
                        f"history {turn + 1}/{PAIRS}, ms: "
                        + ", ".join(f"{n} {1000 * t[-1].p50:.2f}" for n, t in found.items())
                    )
        head = core.log.head()
    text = f"bare SELECT of its rows by their index, prepared, out of {head:,} events"
    return [
        compare(f"one ticket's {LENGTH} events, {what}, p50", "ms", [1000 * one.p50 for one in found[name]],
                [1000 * one.p50 for one in found["bare"]], text, goal, smaller=True)
        for name, what, goal in (("rows", "as records", 2.0), ("events", "decoded", None), ("history", "every text opened", None))
    ]  # fmt: skip


def _tickets(core: TicketCore, size: int) -> list[UUID]:
    """Write the tickets by the API, one event each at a time, evenly among *size* others."""
    filler = Filler(core)
    numbers = customers(core, TICKETS)
    began = time.perf_counter()
    made: list[UUID] = []
    for event in range(LENGTH):
        filler.fill((event + 1) * size // LENGTH - TICKETS)
        for ticket in range(TICKETS):
            if event == 0:
                opened = core.open_ticket(
                    channel="mail", requester=numbers[ticket], subject=SUBJECT, body=BODY, language="en", by=SHOP
                )
                made.append(opened.id)
            else:
                core.comment(made[ticket], direction="outbound", channel="mail", body=BODY, by=ANA)
    say(f"history: {core.log.head():,} events after {time.perf_counter() - began:.0f} s")
    return made


def _turn(call: Callable[[UUID], Any], tickets: list[UUID]) -> _Times:
    times = []
    for _ in range(_ROUNDS):
        for id_ in tickets:
            began = time.perf_counter()
            found = call(id_)
            times.append(time.perf_counter() - began)
            assert len(found) == LENGTH
    times.sort()
    return _Times(quantile(times, 0.5), quantile(times, 0.99))
