"""A rebuild of all read models while commands are recorded and projected: how long, and what the commands notice."""

from __future__ import annotations

import multiprocessing
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.filling import Filler
from bench.harness import PAIRS, Result, absolute, compare, quantile, say, scaled
from bench.ingest import CODEC
from bench.sides import Ours
from projections.rebuild import rebuild_all
from projections.runner import Runner
from projections.schema import MODELS, install
from ticketcore.app import TicketCore
from ticketcore.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Event
    from uuid import UUID

    from bench.place import Place

__all__ = ["rebuilding"]

EVENTS = 60_000
"""In the log, by default."""
RATE = 200
"""Commands a second, of THREADS threads."""
THREADS = 8
BEFORE = 5.0
"""Seconds for which commands are watched before each rebuild."""
_PATIENCE = 120.0


class Done(NamedTuple):
    """A command. ``seconds``: from when it was due, by the monotonic clock of all processes, until it returned."""

    due: float
    seconds: float


def _drive(given: dict[str, Any], tickets: list[list[UUID]], ready: Event, over: Event, out: Connection) -> None:
    """Comment on the tickets at the rate until *over*; send what was done."""
    with TicketCore.open(Settings(**given)) as core:
        load, done = Ours(core, THREADS, 0), list[Done]()
        load.tickets = tickets
        began = time.perf_counter() + 0.1

        def work(thread: int) -> None:
            number = thread
            while not over.is_set():
                due = began + number / RATE
                time.sleep(max(0.0, due - time.perf_counter()))
                load.comment(thread, number // THREADS)
                done.append(Done(due, time.perf_counter() - due))
                number += THREADS

        threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        ready.set()
        for thread in threads:
            thread.join()
        out.send(done)


def _project(given: dict[str, Any], ready: Event, over: Event) -> None:
    """Feed the live read models from the log until *over*."""
    with TicketCore.open(Settings(**given)) as core, Runner(given["dsn"], core.log, CODEC.decode_to_fold) as runner:
        stop = threading.Event()
        projector = threading.Thread(target=runner.run, args=(stop,))
        projector.start()
        ready.set()
        over.wait()
        stop.set()
        projector.join()


@contextmanager
def _traffic(core: TicketCore) -> Iterator[list[Done]]:
    """Let commands be recorded and projected by processes of their own; the list is filled when the block ends."""
    known = core.settings
    given = {"dsn": known.dsn, "key_file": known.key_file, "inline": False}
    tickets = Ours(core, THREADS, 25).tickets
    context = multiprocessing.get_context("spawn")
    over, mine = context.Event(), list[Done]()
    receiver, sender = context.Pipe(duplex=False)
    ready = [context.Event(), context.Event()]
    children = [
        context.Process(target=_drive, args=(given, tickets, ready[0], over, sender)),
        context.Process(target=_project, args=(given, ready[1], over)),
    ]
    for child in children:
        child.start()
    sender.close()
    try:
        for event in ready:
            if not event.wait(_PATIENCE):
                raise SystemExit(f"the traffic did not begin within {_PATIENCE:g} s")
        yield mine
        over.set()
        mine += receiver.recv()
    finally:
        over.set()
        for child in children:
            child.join(_PATIENCE)
            child.kill()


def rebuilding(place: Place) -> list[Result]:
    """Return seconds per million events, and the commands' p99 while it runs and before."""
    with ExitStack() as stack:
        core = stack.enter_context(place.core())
        dsn, filler = str(core.settings.dsn), Filler(core)
        install(dsn)
        filler.fill(scaled(EVENTS))
        with Runner(dsn, core.log, CODEC.decode_to_fold) as runner:
            runner.catch_up()
        say(f"rebuild: {core.log.head():,} events in the log and in all read models")
        seconds, windows = list[float](), list[tuple[float, float, float]]()
        with _traffic(core) as done:
            for turn in range(-1, PAIRS):
                watched = time.perf_counter()
                time.sleep(BEFORE)
                began = time.perf_counter()
                made = rebuild_all(dsn, core.log, CODEC.decode_to_fold, MODELS)
                ended = time.perf_counter()
                if turn >= 0:
                    windows.append((watched, began, ended))
                    seconds.append(1e6 * (ended - began) / min(one.position for one in made))
                    say(f"rebuild {turn + 1}/{PAIRS}: {ended - began:.1f} s, {seconds[-1]:.1f} s a million events")
    before = [_p99(done, watched, began) for watched, began, _ in windows]
    during = [_p99(done, began, ended) for _, began, ended in windows]
    return [
        absolute(f"rebuild of all read models, {RATE} commands/s meanwhile", "s/1 M events", seconds, 60.0),
        compare(f"a command, {RATE} commands/s, while read models are rebuilt, p99", "ms", during, before,
                "the same before the rebuild", 2.0, smaller=True),
    ]  # fmt: skip


def _p99(done: list[Done], begin: float, end: float) -> float:
    return 1000 * quantile(sorted(one.seconds for one in done if begin <= one.due < end), 0.99)
