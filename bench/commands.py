"""Commands: comments and openings, by one client and by 32 threads, against the stock library and a bare commit."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING

from bench.harness import PAIRS, Driven, Result, absolute, compare, quantile, say, scaled, turns
from bench.sides import Ours, Raw, Row, Stock

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.place import Place

__all__ = ["commands", "commands_32"]

STOCK = "stock library: repository.get, method, save"
RAW = "one-row INSERT and commit by psycopg"
WARM, COLD = "warm cache", "cache_size=0"
_GOALS = {
    (1, WARM, STOCK): 2.0, (1, WARM, RAW): 0.44, (32, WARM, STOCK): 10.0, (32, WARM, RAW): 0.7, (32, COLD, STOCK): 5.0,
}  # fmt: skip


def commands(place: Place) -> list[Result]:
    """Return the figures of one client."""
    return _measured(place, 1, scaled(100), "1 client", 11)


def commands_32(place: Place) -> list[Result]:
    """Return the figures of 32 threads."""
    return _measured(place, 32, scaled(30), "32 threads", PAIRS)


def _measured(place: Place, threads: int, each: int, who: str, pairs: int) -> list[Result]:
    say(f"commands, {who}: preparing tickets")
    with ExitStack() as stack:
        warm = Ours(stack.enter_context(place.core()), threads, each)
        cold = Ours(stack.enter_context(place.core(cache_size=0)), threads, each)
        stock = Stock(stack.enter_context(place.stock()), threads, each)
        stored = warm.core.log.read(warm.core.log.head() - 1, 1)[0]
        raw = Raw(stack.enter_context(place.database()), threads, Row(stored.topic, stored.state))
        stack.callback(raw.close)
        seen: dict[str, list[Driven]] = {}

        def side(name: str, load: Callable[[int], Driven]) -> Callable[[int], float]:
            def turn(number: int) -> float:
                driven = load(each)
                if number >= 0:
                    seen.setdefault(name, []).append(driven)
                return driven.rate

            return turn

        sides = {WARM: warm.comments, COLD: cold.comments, STOCK: stock.comments, RAW: raw.inserts}
        rates = turns(f"comment/s, {who}", {name: side(name, load) for name, load in sides.items()}, pairs)
        found = [
            compare(f"comment, {who}, {policy}", "commands/s", rates[policy], rates[yardstick], yardstick,
                    _GOALS.get((threads, policy, yardstick)))
            for policy in (WARM, COLD) for yardstick in (STOCK, RAW)
        ]  # fmt: skip
        for name, driven in seen.items():
            label = name.split(":")[0]
            found += [
                absolute(f"comment, {who}, {label}, {text}", "ms", [1000 * quantile(d.latencies, share) for d in driven],
                         50.0 if threads == 32 and share == 0.99 and name in (WARM, COLD) else None)
                for text, share in (("p50", 0.5), ("p99", 0.99))
            ]  # fmt: skip
        sides = {WARM: warm.opens, STOCK: stock.opens, RAW: raw.inserts}
        rates = turns(f"open/s, {who}", {name: side(name, load) for name, load in sides.items()}, pairs)
        yard = {STOCK: "stock library: new aggregate, save", RAW: RAW}
        found += [
            compare(f"open ticket, {who}, {WARM}", "commands/s", rates[WARM], rates[key], text)
            for key, text in yard.items()
        ]
        say(f"median of {len(rates[WARM])} turns: {median(rates[WARM]):,.0f} openings/s")
        return found
