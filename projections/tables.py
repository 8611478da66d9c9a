"""A model's rows in PostgreSQL: loading the states of a batch and writing what it changes, set by set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import sql

from projections.base import Model, Row, Table
from projections.copying import Encode, blocks, encoders
from projections.folding import Folded
from projections.schema import Connection

__all__ = ["Tables"]

_FEW = 64
"""Up to so many rows go as one multi-row statement; more go by COPY."""


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
        self._load = {
            kind: sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s)").format(
                self._columns[table.name], self._names[table.name], sql.Identifier(table.columns[0])
            )
            for kind, table in model.mains.items()
        }

    def name(self, table: str) -> sql.Identifier:
        """Return a table's qualified name."""
        return self._names[table]

    def load(self, connection: Connection, ids: Mapping[UUID, int]) -> dict[UUID, Row]:
        """Return the main rows of aggregates (id -> kind), one query per kind."""
        rows: dict[UUID, Row] = {}
        for kind, table in self.model.mains.items():
            wanted = [id_ for id_, of in ids.items() if of == kind]
            if wanted:
                found = connection.execute(self._load[kind], [wanted], binary=True)
                make = table.row._make
                for row in found:
                    rows[row[0]] = make(row)
        return rows

    def write(self, connection: Connection, folded: Folded, known: Mapping[UUID, Row]) -> None:
        """Write a batch's rows; aggregates that had no row before (not in *known*) are inserted without looking."""
        for table in self.model.tables:
            rows = folded.mains.get(table.name) or folded.children.get(table.name)
            if not rows:
                continue
            new = [row for row in rows.values() if row[0] not in known]
            changed = [row for row in rows.values() if row[0] in known]
            if len(rows) <= _FEW:
                self._few(connection, table, [*new, *changed])
                continue
            if new:
                self._copy(connection, self._names[table.name], table, new)
            if changed:
                self._upsert(connection, table, changed)

    def _few(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        one = sql.SQL("({})").format(sql.SQL(", ").join(sql.Placeholder() * len(table.columns)))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES {} {}").format(
            self._names[table.name],
            self._columns[table.name],
            sql.SQL(", ").join([one] * len(rows)),
            self._update[table.name],
        )
        connection.execute(statement, [value for row in rows for value in row], prepare=False)

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


def _list(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _update(table: Table) -> sql.Composable:
    key, rest = table.columns[: table.key], table.columns[table.key :]
    assignments: list[Any] = [sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in rest]
    return sql.SQL("ON CONFLICT ({}) DO UPDATE SET {}").format(_list(key), sql.SQL(", ").join(assignments))
