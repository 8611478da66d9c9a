"""Commands from four processes of eight threads each, ours against the stock library."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench.commands import STOCK, WARM
from bench.harness import Result, compare, say, scaled, turns
from bench.sides import Ours, Stock
from bench.stock import StockDesk
from ticketcore.app import TicketCore
from ticketcore.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.synchronize import Barrier, Event
    from uuid import UUID

    from bench.place import Place

__all__ = ["at_a_gate", "commands_processes"]

PROCESSES, THREADS = 4, 8
_PATIENCE = 120.0


def _load(kind: str, given: dict[str, Any], tickets: list[list[UUID]], each: int, gate: Barrier, over: Event) -> None:
    side = Ours(TicketCore.open(Settings(**given)), THREADS, 0) if kind == WARM else Stock(StockDesk(given), THREADS, 0)
    side.tickets = tickets
    while True:
        gate.wait(_PATIENCE)
        if over.is_set():
            return
        side.comments(each)
        gate.wait(_PATIENCE)


@contextmanager
def _children(
    kind: str, given: dict[str, Any], tickets: list[list[UUID]], each: int
) -> Iterator[Callable[[int], float]]:
    """Give a turn that lets the processes write at once; it returns commands per second."""
    shares = [(kind, given, tickets[n * THREADS : (n + 1) * THREADS], each) for n in range(PROCESSES)]
    with at_a_gate(_load, shares, _PATIENCE) as work:
        yield lambda _: PROCESSES * THREADS * each / work()


@contextmanager
def at_a_gate(
    target: Callable[..., None], shares: Sequence[tuple[Any, ...]], patience: float
) -> Iterator[Callable[[], float]]:
    """Give a function that lets processes do their work at once; it returns the seconds that took.

    Args:
        target: what a process does: it waits at the gate before each work and after it, until the event is set.
        shares: arguments of *target* for each process; gate and event are added.
        patience: seconds that this process waits for the others.
    """
    context = multiprocessing.get_context("spawn")
    gate, over = context.Barrier(len(shares) + 1), context.Event()
    children = [context.Process(target=target, args=(*share, gate, over)) for share in shares]
    for child in children:
        child.start()

    def work() -> float:
        gate.wait(patience)
        began = time.perf_counter()
        gate.wait(patience)
        return time.perf_counter() - began

    try:
        yield work
        over.set()
        gate.wait(patience)
    except BaseException:
        for child in children:
            child.terminate()
        raise
    finally:
        for child in children:
            child.join()


def commands_processes(place: Place) -> list[Result]:
    """Return the figure of comments."""
    each, who = scaled(30), f"{PROCESSES} processes x {THREADS} threads"
    say(f"commands, {who}: preparing tickets")
    with place.core() as core, place.stock() as app:
        known = core.settings
        ours = {"dsn": known.dsn, "key_file": known.key_file, "inline": False}
        mine = Ours(core, PROCESSES * THREADS, each).tickets
        stock = Stock(app, PROCESSES * THREADS, each).tickets
        # The table is there; several processes that create it at once fail with "tuple concurrently updated".
        theirs = {**app.env, "POSTGRES_POOL_SIZE": str(THREADS), "CREATE_TABLE": "no"}
        with (
            _children(WARM, ours, mine, each) as our_turn,
            _children(STOCK, theirs, stock, each) as stock_turn,
        ):
            rates = turns(f"comment/s, {who}", {WARM: our_turn, STOCK: stock_turn})
    return [compare(f"comment, {who}, {WARM}", "commands/s", rates[WARM], rates[STOCK], STOCK, 6.0)]
