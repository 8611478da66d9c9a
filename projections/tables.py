"""A model's rows in PostgreSQL: loading the states of a batch and writing what it changes, set by set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import ClientCursor, RawCursor, sql

from projections.base import Model, Row, Table
from projections.copying import Encode, blocks, encoders
from projections.folding import Folded
from projections.schema import Connection

__all__ = ["Query", "Rest", "Tables", "ask", "ask_one", "write_rest"]

_FEW = 64
"""Up to so many rows of a table go as values of one statement; more go by COPY."""


class Query(NamedTuple):
    """What is asked; ``make``: makes a row of what comes."""

    statement: bytes
    values: Sequence[object]
    make: Callable[[Iterable[Any]], Any] = tuple


class Rest(NamedTuple):
    """The few rows of a table. ``insert``: up to VALUES; ``width``: columns; ``update``: from ON CONFLICT on."""

    insert: str
    width: int
    update: str
    rows: Collection[Row]


class Tables:
    """The tables of one model in one schema.

    Args:
        model: the read model.
        schema: where its tables are.
        prefix: of the tables' names (a check's temporary tables share one schema).
    """

    def __init__(self, model: Model, schema: str, prefix: str = "") -> None:
        self.model = model
        self.schema = schema
        self._names = {table.name: sql.Identifier(schema, prefix + table.name) for table in model.tables}
        self._columns = {table.name: _list(table.columns) for table in model.tables}
        self._update = {table.name: _update(table) for table in model.tables}
        self._encode: dict[str, list[Encode]] = {}
        self._insert = {
            table.name: Rest(
                sql.SQL("INSERT INTO {} ({}) VALUES ")
                .format(self._names[table.name], self._columns[table.name])
                .as_string(),
                len(table.columns),
                self._update[table.name].as_string(),
                (),
            )
            for table in model.tables
        }
        self._load = {
            kind: sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s)")
            .format(self._columns[table.name], self._names[table.name], sql.Identifier(table.columns[0]))
            .as_bytes()
            for kind, table in model.mains.items()
        }

    def name(self, table: str) -> sql.Identifier:
        """Return a table's qualified name."""
        return self._names[table]

    def load(self, connection: Connection, ids: Mapping[UUID, int]) -> dict[UUID, Row]:
        """Return the main rows of aggregates (id -> kind), one query per kind."""
        return self.loaded([ask_one(connection, query) for query in self.queries(ids)])

    def queries(self, ids: Mapping[UUID, int]) -> list[Query]:
        """Return what :meth:`load` asks."""
        found = []
        for kind, table in self.model.mains.items():
            wanted = [id_ for id_, of in ids.items() if of == kind]
            if wanted:
                found.append(Query(self._load[kind], [wanted], table.row._make))
        return found

    @staticmethod
    def loaded(answers: Iterable[Iterable[Row]]) -> dict[UUID, Row]:
        """Return what came of :meth:`queries`."""
        return {row[0]: row for rows in answers for row in rows}

    def write(self, connection: Connection, folded: Folded, known: Mapping[UUID, Row]) -> None:
        """Write a batch's rows; aggregates that had no row before (not in *known*) are inserted without looking."""
        write_rest(connection, self.write_many(connection, folded, known))

    def write_many(self, connection: Connection, folded: Folded, known: Mapping[UUID, Row]) -> list[Rest]:
        """Write the tables of which a batch has many rows; return what is left to :func:`write_rest`."""
        rest: list[Rest] = []
        for table in self.model.tables:
            rows = folded.mains.get(table.name) or folded.children.get(table.name)
            if not rows:
                continue
            if len(rows) <= _FEW:
                rest.append(self._insert[table.name]._replace(rows=rows.values()))
                continue
            new = [row for row in rows.values() if row[0] not in known]
            changed = [row for row in rows.values() if row[0] in known]
            if new:
                self._copy(connection, self._names[table.name], table, new)
            if changed:
                self._upsert(connection, table, changed)
        return rest

    def _upsert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        stage = sql.Identifier("pg_temp", f"stage_{self.model.name}_{table.name}")
        self._prepare_stage(connection, table, stage)
        self._copy(connection, stage, table, rows)
        columns = self._columns[table.name]
        connection.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} {}").format(
                self._names[table.name], columns, columns, stage, self._update[table.name]
            ),
            prepare=False,
        )

    def _prepare_stage(self, connection: Connection, table: Table, stage: sql.Identifier) -> None:
        connection.execute(
            sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} (LIKE {}) ON COMMIT DELETE ROWS").format(
                stage, self._names[table.name]
            ),
            prepare=False,
        )
        connection.execute(sql.SQL("TRUNCATE {}").format(stage), prepare=False)

    def _copy(self, connection: Connection, target: sql.Identifier, table: Table, rows: Sequence[Row]) -> None:
        columns = self._encoders(connection, table)
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(target, self._columns[table.name])
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in blocks(rows, columns):
                copy.write(block)

    def _encoders(self, connection: Connection, table: Table) -> list[Encode]:
        """Return what writes the table's columns, as their types are in the data base."""
        found = self._encode.get(table.name)
        if found is None:
            query = sql.SQL("SELECT {} FROM {} LIMIT 0").format(self._columns[table.name], self._names[table.name])
            described = connection.execute(query, prepare=False).description or ()
            found = self._encode[table.name] = encoders([column.type_code for column in described])
        return found


def ask_one(connection: Connection, query: Query) -> list[Any]:
    """Return a query's rows."""
    return [query.make(row) for row in connection.execute(query.statement, query.values, binary=True)]


def ask(connection: Connection, queries: Sequence[Query]) -> list[list[Any]]:
    """Return the rows of several queries, in one round trip, for little.

    They go as one message. In libpq's pipeline mode the server would wait for the rest of a client that was stopped amid
    sending, and no time-out for transactions in which nothing happens would end that.
    """
    with ClientCursor(connection) as cursor:
        cursor.execute(b"; ".join(query.statement for query in queries), [v for query in queries for v in query.values])
        found = []
        for number, query in enumerate(queries):
            if number:
                cursor.nextset()
            found.append([query.make(row) for row in cursor])
    return found


def write_rest(connection: Connection, rest: Sequence[Rest]) -> None:
    """Write the few rows of several tables, in one statement."""
    if not rest:
        return
    parts, numbers = list[str](), count(1)
    for insert, width, update, rows in rest:
        marks = ", ".join(f"({', '.join([f'${next(numbers)}' for _ in range(width)])})" for _ in rows)
        parts.append(f"{insert}{marks} {update}")
    others = ", ".join(f"w{number} AS ({part})" for number, part in enumerate(parts[:-1]))
    statement = f"WITH {others} {parts[-1]}" if others else parts[-1]
    with RawCursor(connection) as cursor:  # another one would look for its own kind of marks, value by value
        cursor.execute(statement.encode(), [value for one in rest for row in one.rows for value in row], prepare=False)


def _list(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _update(table: Table) -> sql.Composable:
    key, rest = table.columns[: table.key], table.columns[table.key :]
    assignments: list[Any] = [sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in rest]
    return sql.SQL("ON CONFLICT ({}) DO UPDATE SET {}").format(_list(key), sql.SQL(", ").join(assignments))
