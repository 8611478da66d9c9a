"""Where an import of customers takes its rows from: a CSV file, or a query to a PostgreSQL data base."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from ticketcore.importing.customers import SourceRow
from ticketcore.importing.errors import ImportRefused, ImportStopped
from ticketcore.importing.reader import RowReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ticketcore.importing.customer_mapping import CustomersMapping

__all__ = ["SQL", "from_file", "from_query"]

SQL = Path("the query")
"""Stands for the source in messages about a query."""
_PAGE = 1_000


@contextmanager
def from_file(path: Path, mapping: CustomersMapping) -> Iterator[tuple[Iterator[SourceRow], RowReader]]:
    """Give the rows of a CSV file (plain, .gz or .xz), and its reader, which knows how far it is.

    Raises:
        ImportRefused: it can't be read, or lacks a column of the mapping.
    """
    with RowReader(path, mapping.file) as reader:
        _check(path, reader.columns, mapping)

        def rows() -> Iterator[SourceRow]:
            null = set(mapping.file.null)
            for row in reader:
                cells = dict(zip(reader.columns, row.cells, strict=False))
                values = {name: None if cell in null else cell for name, cell in cells.items()}
                yield SourceRow(row.line, values, row.raw, row.problem)

        yield rows(), reader


@contextmanager
def from_query(dsn: str, query: str, mapping: CustomersMapping) -> Iterator[Iterator[SourceRow]]:
    """Give the rows of a query, which can read only, by a cursor on the server: a thousand are in memory.

    Raises:
        ImportRefused: the data base or the query can't be used, or it lacks a column of the mapping.
    """
    try:
        connection = psycopg.connect(dsn, connect_timeout=10, fallback_application_name="ticketcore customer import")
    except psycopg.Error as error:
        raise _refused(error) from None
    with connection:
        connection.read_only = True
        with connection.cursor(name="customers", row_factory=dict_row) as cursor:
            cursor.itersize = _PAGE
            try:
                cursor.execute(query.encode())
            except psycopg.Error as error:
                raise _refused(error) from None
            _check(SQL, [column.name for column in cursor.description or ()], mapping)

            def rows() -> Iterator[SourceRow]:
                line = 0
                try:
                    for line, row in enumerate(cursor, 1):
                        values = {name: _text(value) for name, value in row.items()}
                        yield SourceRow(line, values, json.dumps(row, ensure_ascii=False, default=str))
                except psycopg.Error as error:
                    raise ImportStopped(SQL, line + 1, f"the data base says: {_line(error)}", "mend it") from None

            yield rows()


def _text(value: Any) -> str | Sequence[str] | None:
    if value is None or isinstance(value, str):
        return value
    return [str(one) for one in value if one is not None] if isinstance(value, list) else str(value)


def _check(path: Path, columns: Sequence[str], mapping: CustomersMapping) -> None:
    missing = [column for column in mapping.columns if column not in columns]
    if missing:
        raise ImportRefused(
            path,
            f"it has no column {missing[0]!r}",
            f"one of {', '.join(columns)}",
            "correct the mapping, or the source",
        )


def _refused(error: psycopg.Error) -> ImportRefused:
    return ImportRefused(SQL, _line(error), "a data base and a query that can be read", "see --sql and --query")


def _line(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__
