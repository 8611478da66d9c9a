"""Does anything cost more as the log grows? A growing data base against a small one, turn about, at each size."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import timedelta
from math import log10
from pathlib import Path
from statistics import linear_regression, median
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from bench.filling import PER_DAY, Filler, sizes
from bench.harness import PAIRS, Result, bounded, say
from bench.ingest import CODEC
from bench.place import BODY
from bench.sides import ANA
from projections.report import Selection, report
from projections.report_plots import lines
from projections.runner import Runner
from projections.schema import connect, install

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.place import Place

__all__ = ["growth"]

COMMANDS = 60
"""In a turn: one client, ``cache_size=0``, each on another ticket, of any age."""
EVENTS = 1_000
"""In a turn: projected into all read models in one batch; an eighth are new tickets."""
PLOTS = Path(__file__).with_name("growth.html")


class Point(NamedTuple):
    """A turn at a size: seconds each in the grown data base, and in the small one; ``times``: how many times larger it is.

    Measuring itself adds events to both.
    """

    size: int
    grown: float
    small: float
    times: float


class Side:
    """A data base with log and read models, and what is measured on it."""

    def __init__(self, place: Place, stack: ExitStack) -> None:
        core = stack.enter_context(place.core(cache_size=0))
        self.core, self.dsn = core, str(core.settings.dsn)
        self._admin = place.server.dsn("postgres", superuser=True)
        install(self.dsn)
        self.filler = Filler(core)
        self.runner = stack.enter_context(Runner(self.dsn, core.log, CODEC.decode_to_fold))
        self._used = 0

    def grow(self, upto: int) -> None:
        """Fill log and read models, and let the server do what it does with time: statistics, visibility."""
        self.filler.fill(upto)
        self.runner.catch_up()
        with connect(self.dsn) as connection:
            connection.execute("VACUUM ANALYZE")
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def command(self) -> float:
        """Return the seconds of a comment: load, decide, append."""
        tickets = self.filler.done
        began = time.perf_counter()
        for _ in range(COMMANDS):
            self._used += 1
            ticket = tickets[self._used * 7_919 % len(tickets)]
            self.core.comment(ticket, direction="outbound", channel="mail", body=BODY, by=ANA)
        return (time.perf_counter() - began) / COMMANDS

    def projected(self) -> float:
        """Return the seconds of an event that all read models project."""
        self.runner.catch_up()
        self.filler.block(EVENTS)
        began = time.perf_counter()
        self.runner.catch_up()
        return (time.perf_counter() - began) / EVENTS

    def day(self) -> float:
        """Return the seconds of a report of the day in the middle of the history."""
        since = self.filler.moment(self.filler.events // 2 // PER_DAY * PER_DAY)
        began = time.perf_counter()
        found = report(self.dsn, Selection(since=since, until=since + timedelta(days=1)), by="team")
        assert found.figures[0].value, found.figures[0]
        return time.perf_counter() - began


def growth(place: Place) -> list[Result]:
    """Return how much a command, a projected event and a one-day report cost more for each tenfold growth."""
    wanted = sizes()
    with ExitStack() as stack:
        small, grown = Side(place, stack), Side(place, stack)
        small.grow(wanted[0])
        measures: dict[str, Callable[[Side], float]] = {
            "command": Side.command, "projected event": Side.projected, "one-day report": Side.day,
        }  # fmt: skip
        points: dict[str, list[Point]] = {name: [] for name in measures}
        for size in wanted:
            began = time.perf_counter()
            grown.grow(size)
            say(f"growth: {size:,} events after {time.perf_counter() - began:.0f} s")
            for name, measure in measures.items():
                points[name] += _turns(measure, size, grown, small)
                ratio = median(p.grown / p.small for p in points[name] if p.size == size)
                mine = median(p.grown for p in points[name] if p.size == size)
                say(f"growth: {size:,} events, {name}: {1_000_000 * mine:,.0f} us, {ratio:.2f} of the small one's")
    _plot(points)
    text = (
        f"sizes {', '.join(f'{size:,}' for size in wanted)}; each against one of {wanted[0]:,} and what measuring adds"
    )
    return [_trend(name, found, text) for name, found in points.items()]


def _turns(measure: Callable[[Side], float], size: int, grown: Side, small: Side) -> list[Point]:
    found = list[Point]()
    for turn in range(-1, PAIRS):
        if turn % 2:
            mine, theirs = measure(grown), measure(small)
        else:
            theirs, mine = measure(small), measure(grown)
        if turn >= 0:
            found.append(Point(size, mine, theirs, grown.core.log.head() / small.core.log.head()))
    return found


def _trend(name: str, points: Sequence[Point], text: str) -> Result:
    """Return the slope of the ratio by the logarithm of the size, in percent for each tenfold; one slope for each turn."""
    slopes = []
    for turn in range(PAIRS):
        mine = points[turn::PAIRS]  # one of each size
        times, ratios = [log10(point.times) for point in mine], [point.grown / point.small for point in mine]
        slopes.append(100 * linear_regression(times, ratios).slope)
    found = bounded(slopes)
    last = [point for point in points if point.size == points[-1].size]
    return Result(
        f"growth, {name}: trend", "% for tenfold", found.median, None, f"{text}; at the last size"
        f" {1_000_000 * median(p.grown for p in last):,.0f} us, {median(p.grown / p.small for p in last):.2f} of the small one's",
        None, found.low, found.high, "interval holds 0, or less", found.low <= 0,
    )  # fmt: skip


def _plot(points: dict[str, list[Point]]) -> None:
    """Write a page with a plot for each measure."""
    figures = []
    for name, found in points.items():
        groups = {size: [p for p in found if p.size == size] for size in {p.size: None for p in found}}
        grown = [1_000 * median(p.grown for p in group) for group in groups.values()]
        small = [1_000 * median(p.small for p in group) for group in groups.values()]
        keys = [f"{size:,}" for size in groups]
        figures.append(
            lines(f"{name}, ms", keys, [("grown to so many events", grown), ("small, at the same time", small)])
        )
    PLOTS.write_text(_PAGE.format("".join(figures)), encoding="utf-8")
    say(f"growth: plots in {PLOTS}")


_PAGE = """<!doctype html><meta charset="utf-8"><title>Growth</title><style>
body {{ font: 15px system-ui; max-width: 760px; margin: 2em auto }}
.line {{ fill: none; stroke-width: 2 }} .grid {{ stroke: #ddd }} .tick {{ font-size: 12px; fill: #666 }}
.c1 {{ stroke: #1f6feb; fill: #1f6feb; background: #1f6feb }} .c2 {{ stroke: #d1242f; fill: #d1242f; background: #d1242f }}
.line.c1, .line.c2 {{ fill: none }} .legend {{ list-style: none; padding: 0 }} .legend i {{ display: inline-block; width: 1em; height: .6em }}
</style>{}
"""
