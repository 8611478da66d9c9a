"""Import against COPY, and the whole incident log step by step."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from bench.harness import Result, absolute, compare, say, turns
from projections.report import report
from projections.runner import Runner
from projections.schema import install
from ticketcore.domain.types import Actor
from ticketcore.importing.importer import ImportSummary, import_file
from ticketcore.store.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.place import Place
    from ticketcore.app import TicketCore

__all__ = ["copying", "imported", "importing", "whole"]

CODEC = Codec()
IMPORTER = Actor.system("bench")


def imported(core: TicketCore, path: Path) -> ImportSummary:
    """Import a file by the shipped mapping of the incident log."""
    return import_file(
        path,
        "incident_log",
        zone=ZoneInfo("UTC"),
        rejects=None,
        log=core.log,
        sealer=core.sealer,
        codec=CODEC,
        by=IMPORTER,
    )


def importing(place: Place) -> list[Result]:
    """Return the import's rate of events against a binary COPY of what it stored."""
    path = place.sample(None)
    with place.core() as core:
        assert core.settings.dsn
        before = set(_filled(core))
        imported(core, path)
        events = core.log.head()
        with (
            copying(core.settings.dsn, ("log.events",)) as alone,
            copying(core.settings.dsn, tuple(name for name in _filled(core) if name not in before)) as every,
        ):

            def ours(_: int) -> float:
                with place.core() as fresh:
                    began = time.perf_counter()
                    imported(fresh, path)
                    return events / (time.perf_counter() - began)

            sides = {
                "import": ours,
                "COPY of all rows": lambda number: events / every(number),
                "COPY of events": lambda number: events / alone(number),
            }
            rates = turns(f"import of {events:,} events, events/s", sides)
    return [
        compare("import", "events/s", rates["import"], rates["COPY of all rows"],
                "binary COPY of all rows the import stored (events, keys, claims, receipts)", 0.5),
        compare("import", "events/s", rates["import"], rates["COPY of events"], "binary COPY of the events' rows alone"),
    ]  # fmt: skip


def _filled(core: TicketCore) -> tuple[str, ...]:
    """Return the tables of log and keys that hold rows."""
    with psycopg.connect(str(core.settings.dsn)) as connection:
        names = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('log', 'keys') ORDER BY 1"
        ).fetchall()
        return tuple(
            name for (name,) in names
            if connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(_identifier(name))).fetchone()
        )  # fmt: skip


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


@contextmanager
def copying(dsn: str, tables: tuple[str, ...], *, binary: bool = True) -> Iterator[Callable[[int], float]]:
    """Give a turn that copies the rows of *tables*, as Python values, into tables of the same shape, in one commit.

    *binary*: in the binary format; psycopg can't write an empty array in it.
    A turn returns the seconds that the copying took.
    """
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        held = []
        for name in tables:
            cursor = connection.cursor(binary=True)
            cursor.execute(sql.SQL("SELECT * FROM {}").format(_identifier(name)))
            assert cursor.description
            types = [column.type_code for column in cursor.description]
            held.append((name, types, cursor.fetchall()))

        form = sql.SQL("BINARY" if binary else "TEXT")

        def turn(number: int) -> float:
            like = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)")
            made = [sql.Identifier("public", f"{name.replace('.', '_')}_{number + 1}") for name, _, _ in held]
            for target, (name, _, _) in zip(made, held, strict=True):
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(target))
                connection.execute(like.format(target, _identifier(name)))
            began = time.perf_counter()
            with connection.transaction():
                for target, (_, types, rows) in zip(made, held, strict=True):
                    statement = sql.SQL("COPY {} FROM STDIN (FORMAT {})").format(target, form)
                    with connection.cursor() as cursor, cursor.copy(statement) as copy:
                        if binary:
                            copy.set_types(types)
                        for row in rows:
                            copy.write_row(row)
            seconds = time.perf_counter() - began
            for target in made:
                connection.execute(sql.SQL("DROP TABLE {}").format(target))
            return seconds

        yield turn


def whole(place: Place) -> list[Result]:
    """Return the wall time of the whole incident log by step: import, all read models, report."""
    steps: dict[str, list[float]] = {}
    path = place.sample(None)
    with place.core() as core:
        dsn = str(core.settings.dsn)
        install(dsn)
        marks = [time.perf_counter()]
        summary = imported(core, path)
        marks.append(time.perf_counter())
        say(f"whole log: {summary.rows:,} rows, {summary.cases:,} cases, {core.log.head():,} events imported")
        with Runner(dsn, core.log, CODEC.decode_to_fold) as runner:
            runner.catch_up()
        marks.append(time.perf_counter())
        say("whole log: all read models built")
        report(dsn, by="team")
        marks.append(time.perf_counter())
    for number, step in enumerate(("import", "all read models", "report")):
        steps[step] = [marks[number + 1] - marks[number]]
    found = [absolute(f"whole incident log, {step}", "s", seconds) for step, seconds in steps.items()]
    return [*found, absolute("whole incident log, all steps", "s", [marks[-1] - marks[0]], 30.0)]
