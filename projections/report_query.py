"""Running a report's SQL in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, cast

import psycopg
from psycopg.rows import dict_row

from projections.report_figures import FigureKind
from projections.report_types import Figure, Selection, guarded
from projections.schema import connect
from ticketcore.errors import StoreUnavailable

__all__ = ["Connection", "Rows", "figures", "number", "rows", "run", "snapshot", "text", "tickets_from"]

Rows = list[dict[str, Any]]
Connection = psycopg.Connection[dict[str, Any]]


@contextmanager
def snapshot(dsn: str, selection: Selection) -> Iterator[Connection]:
    """Give a connection in one snapshot with the table ``chosen`` (the report's tickets) and the view ``changes`` (of all)."""
    with connect(dsn) as plain:
        connection = cast("Connection", plain)
        connection.row_factory = dict_row
        plain.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        plain.execute("SET LOCAL random_page_cost = 1.1")  # a period's rows are few and near: they are found by indexes
        try:
            run(connection, "CREATE TEMP TABLE chosen ON COMMIT DROP AS " + text("tickets"), selection._asdict())
            run(connection, "CREATE TEMP VIEW changes AS " + text("changes"))
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise StoreUnavailable(
                "the read model 'performance' has no tables of this version here: expected its schema"
                " (run `ticketcore db migrate`, then `ticketcore rebuild performance`)"
            ) from error
        yield connection
        plain.execute("ROLLBACK")


@cache
def text(name: str) -> str:
    return files("projections").joinpath("sql", f"report_{name}.sql").read_text(encoding="utf-8")


def run(connection: Connection, statement: str, values: Mapping[str, Any] | None = None) -> Rows:
    # Composed of this package's constants; every value is a parameter.
    cursor = connection.execute(statement, values)
    return cursor.fetchall() if cursor.description else []


_WITH_PATHS = (
    "(SELECT * FROM chosen LEFT JOIN (SELECT * FROM performance.paths"
    " WHERE ticket_id = ANY(ARRAY(SELECT ticket_id FROM chosen))) p USING (ticket_id)) t"
)
"""The view makes the path of every ticket there is, unless it is told of which."""


def tickets_from(*kinds: FigureKind) -> str:
    if any("source_path" in kind.value for kind in kinds):
        return _WITH_PATHS
    return "chosen t"


def figures(
    connection: Connection, kinds: Sequence[FigureKind], key: str, values: Mapping[str, Any], where: str = ""
) -> list[tuple[str | None, tuple[Figure, ...]]]:
    """Return the figures by *key*, an SQL expression; keys in order, none last."""
    parts = ", ".join(f"{kind.value} AS v{n}, {kind.count} AS c{n}" for n, kind in enumerate(kinds))
    rows = run(
        connection,
        f"SELECT {key} AS key, {parts} FROM {tickets_from(*kinds)} {where} GROUP BY 1 ORDER BY 1 NULLS LAST",
        values,
    )
    return [
        (
            row["key"],
            tuple(
                guarded(Figure(kind.name, number(row[f"v{n}"]), kind.unit, row[f"c{n}"], kind.definition, kind.section))
                for n, kind in enumerate(kinds)
            ),
        )
        for row in rows
    ]


def number(value: Any) -> float | None:
    if value is None or isinstance(value, int):
        return value
    return int(value) if value == int(value) and not isinstance(value, float) else float(value)


def rows(dsn: str, statement: str, values: Mapping[str, Any] | None = None) -> Rows:
    """Return the rows of a query on the read models, as they are now."""
    with connect(dsn) as plain:
        connection = cast("Connection", plain)
        connection.row_factory = dict_row
        return run(connection, statement, values)
