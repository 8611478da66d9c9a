"""``make bench``: measure, print a table, write bench/result.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bench.calendars import calendars
from bench.commands import commands, commands_32
from bench.delay import delay
from bench.growth import growth
from bench.harness import PAIRS, Result, say
from bench.history import history
from bench.ingest import importing, whole
from bench.looking_back import looking_back
from bench.mail import mail
from bench.memory import memory
from bench.place import opened
from bench.policies import policies
from bench.processes import commands_processes
from bench.profile import profile
from bench.reading import projection, replay, storage
from bench.rebuilding import rebuilding
from bench.stream import stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.place import Place

PARTS: dict[str, Callable[[Place], list[Result]]] = {
    "commands": commands,
    "commands32": commands_32,
    "processes": commands_processes,
    "import": importing,
    "projection": projection,
    "stream": stream,
    "delay": delay,
    "mail": mail,
    "calendars": calendars,
    "rebuild": rebuilding,
    "growth": growth,
    "memory": memory,
    "history": history,
    "replay": replay,
    "storage": storage,
    "whole": whole,
    "looking_back": looking_back,
    "policies": policies,
    "profile": profile,
}
RESULT = Path(__file__).with_name("result.json")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", choices=PARTS, help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, default=RESULT, help="where the figures go")
    chosen = parser.parse_args()
    began = time.perf_counter()
    found: list[Result] = []
    with opened() as place:
        for name in chosen.only or PARTS:
            say(f"[{time.perf_counter() - began:.0f} s] {name}")
            found += PARTS[name](place)
    chosen.out.write_text(json.dumps([result._asdict() for result in found], indent=1) + "\n", encoding="utf-8")
    show(found)
    seconds = time.perf_counter() - began
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {seconds:.0f} s; written to {chosen.out}")
    missed = [result.name for result in found if result.met is False]
    if missed:
        print(f"{len(missed)} goals not met: {'; '.join(missed)}", file=sys.stderr)
    return 0


def show(found: list[Result]) -> None:
    """Print the table."""
    table = Table(title=f"medians of at least {PAIRS} turns; ratio with the interval of its median (over 90 %)")
    for heading in ("figure", "unit", "ours", "yardstick", "ratio", "interval", "goal", "met", "against"):
        right = heading in ("ours", "yardstick", "ratio", "interval")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading not in ("figure", "against"))
    for result in found:
        table.add_row(
            result.name, result.unit, _number(result.ours), _number(result.against), _number(result.ratio),
            f"{_number(result.low)} - {_number(result.high)}", result.goal,
            "" if result.met is None else "yes" if result.met else "no", result.yardstick,
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 180).print(table)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
