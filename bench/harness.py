"""Paired runs: every side in turn, several times over, ratios of the turns, their median and its interval."""

from __future__ import annotations

import math
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

__all__ = [
    "PAIRS",
    "Bounds",
    "Driven",
    "Result",
    "absolute",
    "bounded",
    "compare",
    "drive",
    "quantile",
    "say",
    "scaled",
    "turns",
]

PAIRS = 5
"""How often each side has its turn: the fewest whose median has an interval of over 90 %."""


class Bounds(NamedTuple):
    """A median and its interval: two of the values between which the true median lies with at least 90 %."""

    median: float
    low: float
    high: float


class Result(NamedTuple):
    """A measured figure.

    Attributes:
        name: of the figure.
        unit: of ``ours`` and ``against``.
        ours: median over the turns.
        against: the yardstick's median; ``None`` where there is none.
        yardstick: what it is compared with.
        ratio: median of the turns' ratios, each above 1 where ours is the better; ``None`` without a yardstick.
            Of sizes it is ours divided by the yardstick's, so the smaller the better.
        low: lower end of the interval of the ratio, or of ``ours`` where there is no ratio.
        high: upper end.
        goal: as text, for example ``>= 2``; empty where there is none.
        met: whether the median meets it; ``None`` without a goal.
    """

    name: str
    unit: str
    ours: float
    against: float | None
    yardstick: str
    ratio: float | None
    low: float
    high: float
    goal: str
    met: bool | None


class Driven(NamedTuple):
    """A load that was driven. ``rate``: per second, over all threads; ``latencies``: seconds of each call, sorted."""

    rate: float
    latencies: list[float]


def scaled(count: int) -> int:
    """Return *count* times the environment's ``SCALE`` (a number above 0; 1 by default), at least 1."""
    text = os.environ.get("SCALE", "1")
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < math.inf:
        raise SystemExit(f"SCALE is {text!r}, expected a number above 0, for example 0.2 or 10")
    return max(1, round(count * scale))


def say(text: str) -> None:
    """Print a line of progress, at once."""
    print(f"  {text}", file=sys.stderr, flush=True)


def drive(call: Callable[[int, int], object], threads: int, each: int) -> Driven:
    """Call ``call(thread, number)`` *each* times in each of *threads* threads at once.

    Raises:
        BaseException: the first that a call raised.
    """
    start = threading.Barrier(threads + 1)
    latencies: list[list[float]] = [[] for _ in range(threads)]
    errors: list[BaseException] = []

    def work(thread: int) -> None:
        mine = latencies[thread]
        start.wait()
        try:
            for number in range(each):
                began = time.perf_counter()
                call(thread, number)
                mine.append(time.perf_counter() - began)
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            errors.append(error)

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    if errors:
        raise errors[0]
    return Driven(threads * each / seconds, sorted(value for mine in latencies for value in mine))


def turns(name: str, sides: Mapping[str, Callable[[int], float]], pairs: int = PAIRS) -> dict[str, list[float]]:
    """Give every side its turn, *pairs* times, each time beginning with another one; return what each turn gave.

    Each side is called with the number of the turn, from 0; before the first there is a turn -1 to warm up.
    """
    names = list(sides)
    found: dict[str, list[float]] = {side: [] for side in names}
    for turn in range(-1, pairs):
        shift = turn % len(names)
        for side in names[shift:] + names[:shift]:
            value = sides[side](turn)
            if turn >= 0:
                found[side].append(value)
        if turn >= 0:
            say(f"{name} {turn + 1}/{pairs}: " + ", ".join(f"{side} {found[side][-1]:,.0f}" for side in names))
    return found


def bounded(values: Sequence[float]) -> Bounds:
    """Return the median of at least one value and its interval, by order statistics."""
    ordered, count = sorted(values), len(values)
    cut, beyond = 0, 2.0 ** -(count - 1)
    while cut + 1 < count / 2 and beyond + 2 * math.comb(count, cut + 1) / 2.0**count <= 0.1:
        cut += 1
        beyond += 2 * math.comb(count, cut) / 2.0**count
    return Bounds(statistics.median(ordered), ordered[cut], ordered[count - 1 - cut])


def compare(
    name: str,
    unit: str,
    ours: Sequence[float],
    against: Sequence[float],
    yardstick: str,
    goal: float | None = None,
    *,
    smaller: bool = False,
) -> Result:
    """Return the figure of two sides' turns. *smaller*: it is a size, and the goal is the most that it may be."""
    ratio = bounded([a / b for a, b in zip(ours, against, strict=True)])
    met = None if goal is None else ratio.median <= goal if smaller else ratio.median >= goal
    text = "" if goal is None else f"{'<=' if smaller else '>='} {goal:g}"
    mine, theirs = statistics.median(ours), statistics.median(against)
    return Result(name, unit, mine, theirs, yardstick, ratio.median, ratio.low, ratio.high, text, met)


def absolute(name: str, unit: str, values: Sequence[float], goal: float | None = None) -> Result:
    """Return a figure without yardstick. *goal*: it must stay below."""
    found = bounded(values)
    text, met = ("", None) if goal is None else (f"< {goal:g}", found.median < goal)
    return Result(name, unit, found.median, None, "", None, found.low, found.high, text, met)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which *share* of the sorted values lie."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
