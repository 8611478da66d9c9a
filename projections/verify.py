"""Proving the read models: fold the log afresh and compare every row of every table with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

from projections.base import Model, Table
from projections.checkpoints import EMBEDDED
from projections.feed import Decode, Log, by_name
from projections.folding import concerned, decoded, fold
from projections.partitions import partition_of
from projections.rebuild import refuse_unknown_logs
from projections.schema import MODELS, Connection, connect, live
from projections.tables import Tables
from ticketcore.collector import no_collection
from ticketcore.errors import EpochMismatch
from ticketcore.store.port import Record

__all__ = ["Difference", "Verified", "verify"]

_BATCH = 5_000


class Difference(NamedTuple):
    """A row that is not what the log says.

    Attributes:
        key: the row's primary key.
        problem: ``missing`` (only the log has it), ``extra`` (only the table has it) or ``different``.
        columns: of different rows: column -> (in the table, by the log).
    """

    model: str
    table: str
    key: tuple[Any, ...]
    problem: str
    columns: dict[str, tuple[Any, Any]]


class Verified(NamedTuple):
    """What a check found.

    Attributes:
        positions: model -> how many events were compared; of one log, the position up to which it was.
        rows: model.table -> rows that the log gives.
        different: how many rows differ in all.
        differences: the first of them, at most the asked number per table.
        parked: model -> events that wait as dead letters (they are in neither side).
        head: how many events the logs have; what a model lacks of them is not projected yet.
        dropped: model -> events that an operator dropped (both sides leave them out).
    """

    positions: dict[str, int]
    rows: dict[str, int]
    different: int
    differences: list[Difference]
    parked: dict[str, int]
    head: int
    dropped: dict[str, int]


def verify(
    dsn: str,
    logs: Log | Sequence[Log],
    decode: Decode,
    *,
    models: Sequence[Model] = MODELS,
    limit: int = 1_000,
    progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """Compare every row of *models* with a fresh fold, in one snapshot of the read models; nothing is changed.

    Args:
        dsn: of the read models.
        logs: the log, or all logs that feed the read models.
        decode: record -> event.
        models: which read models.
        limit: how many differing rows of each table are listed; all are counted.
        progress: called after each batch with (events folded, events to fold).
    Raises:
        ConfigurationError: a read model holds another log too.
        EpochMismatch: a read model was made from another epoch of the log, or from a longer log.
    """
    with connect(dsn) as connection:
        live(connection, models)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction(force_rollback=True):
            _keep_from_swaps(connection, models)
            return _Check(connection, by_name(logs), decode, models, limit).run(progress)


def _keep_from_swaps(connection: Connection, models: Sequence[Model]) -> None:
    """Hold the tables before the snapshot is taken: else it could know one generation's checkpoints, another one's rows."""
    names = [sql.Identifier(model.name, table.name) for model in models for table in model.tables]
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(names)))


class _Check:
    def __init__(
        self,
        connection: Connection,
        logs: Mapping[str, Log],
        decode: Decode,
        models: Sequence[Model],
        limit: int,
    ) -> None:
        self._connection, self._logs, self._decode, self._models, self._limit = connection, logs, decode, models, limit
        self._generations = live(connection, models)
        refuse_unknown_logs(connection, models, logs)
        self._reached = {
            (model.name, log.name): self._checkpoints(model, log) for model in models for log in logs.values()
        }
        self._last = {key: max(reached.values(), default=0) for key, reached in self._reached.items()}
        self._dead = {(model.name, name): self._dead_letters(model, name) for model in models for name in logs}
        self._left_out = {model.name: self._dropped(model) for model in models}
        self._fresh = {model.name: Tables(model, "pg_temp", f"fresh_{model.name}_") for model in models}

    def run(self, progress: Callable[[int, int], None] | None) -> Verified:
        for model in self._models:
            for table in model.tables:
                self._connection.execute(
                    sql.SQL("CREATE TEMP TABLE {} (LIKE {} INCLUDING INDEXES)").format(
                        sql.Identifier(f"fresh_{model.name}_{table.name}"), sql.Identifier(model.name, table.name)
                    )
                )
        lasts = {name: max(self._last[model.name, name] for model in self._models) for name in self._logs}
        folded, unfoldable = 0, list[Difference]()
        for name, log in self._logs.items():
            reached = 0
            while reached < lasts[name]:
                records = log.read(reached, min(_BATCH, lasts[name] - reached))
                with no_collection(len(records)):
                    unfoldable += self._fold(name, records)
                reached = records[-1].position
                folded += len(records)
                if progress is not None:
                    progress(folded, sum(lasts.values()))
        rows, different, differences = {}, len(unfoldable), unfoldable
        for model in self._models:
            for table in model.tables:
                rows[f"{model.name}.{table.name}"] = self._count(model, table)
                count, found = self._compare(model, table)
                different += count
                differences += found
        positions = {m.name: sum(self._last[m.name, name] for name in self._logs) for m in self._models}
        parked = {m.name: sum(len(self._dead[m.name, name]) for name in self._logs) for m in self._models}
        head = sum(max(lasts[name], log.head()) for name, log in self._logs.items())
        left_out = {name: sum(map(len, versions.values())) for name, versions in self._left_out.items()}
        return Verified(positions, rows, different, differences, parked, head, left_out)

    def _fold(self, log: str, records: Sequence[Record]) -> list[Difference]:
        """Fold a batch into the fresh tables; return events that the live model folded and this one can't."""
        items = decoded(self._decode, records)
        failed = []
        for model in self._models:
            dead, until = self._dead[model.name, log], self._until(model, log)
            wanted = [
                item
                for item in items
                if item.record.position <= until(item.record.originator_id) and item.record.position not in dead
            ]
            tables = self._fresh[model.name]
            known = tables.load(self._connection, concerned(model, wanted))
            folded = fold(model, wanted, known, {}, self._left_out[model.name])
            tables.write(self._connection, folded, known)
            failed += [
                Difference(model.name, "event", (event.position,), "unfoldable", {"cause": (None, event.cause)})
                for event in folded.parked
            ]
        return failed

    def _compare(self, model: Model, table: Table) -> tuple[int, list[Difference]]:
        names = {"live": sql.Identifier(model.name, table.name), "fresh": self._fresh[model.name].name(table.name)}
        key = sql.SQL(", ").join(map(sql.Identifier, table.columns[: table.key]))
        first = sql.Identifier(table.columns[0])
        join = sql.SQL(
            "FROM {live} AS l FULL JOIN {fresh} AS f USING ({key})"
            " WHERE l.{first} IS NULL OR f.{first} IS NULL OR ROW({l}) IS DISTINCT FROM ROW({f})"
        ).format(**names, key=key, first=first, l=_row("l", table), f=_row("f", table))
        count = self._connection.execute(sql.SQL("SELECT count(*) {}").format(join)).fetchone()
        if count is None or not count[0]:
            return 0, []
        order = sql.SQL(", ").join(
            sql.SQL("coalesce({}, {})").format(sql.Identifier("l", column), sql.Identifier("f", column))
            for column in table.columns[: table.key]
        )
        rows = self._connection.execute(
            sql.SQL("SELECT l.{first} IS NULL, f.{first} IS NULL, {l}, {f} {join} ORDER BY {order} LIMIT %s").format(
                first=first, l=_row("l", table), f=_row("f", table), join=join, order=order
            ),
            [self._limit],
        ).fetchall()
        return count[0], [_difference(model, table, row) for row in rows]

    def _count(self, model: Model, table: Table) -> int:
        name = self._fresh[model.name].name(table.name)
        row = self._connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
        return row[0] if row else 0

    def _until(self, model: Model, log: str) -> Callable[[UUID], int]:
        """Return the function that says up to which position the tables hold an aggregate."""
        reached = self._reached[model.name, log]
        partitions = len(reached)
        if EMBEDDED in reached or not reached:
            until = reached.get(EMBEDDED, 0)
            return lambda _: until
        return lambda id_: reached[partition_of(id_, partitions)]

    def _checkpoints(self, model: Model, log: Log) -> dict[int, int]:
        """Return partition -> position."""
        rows = self._connection.execute(
            "SELECT partition, position, epoch FROM read_meta.checkpoints"
            " WHERE model = %s AND generation = %s AND log = %s",
            [model.name, self._generations[model.name].generation, log.name],
        ).fetchall()
        head, now = log.head(), log.epoch()
        for _, position, epoch in rows:
            if position > 0 and (epoch != now or position > head):
                raise EpochMismatch(
                    f"read model {model.name!r} stands at position {position} of epoch {epoch}, the log {log.name!r} at"
                    f" {head} of epoch {now}: expected the same epoch and a log at least as long"
                    f" (run `ticketcore rebuild {model.name}`)"
                )
        return {partition: position for partition, position, _ in rows}

    def _dead_letters(self, model: Model, log: str) -> frozenset[int]:
        rows = self._connection.execute(
            "SELECT position FROM read_meta.dead_letters WHERE model = %s AND generation = %s AND log = %s",
            [model.name, self._generations[model.name].generation, log],
        )
        return frozenset(position for (position,) in rows)

    def _dropped(self, model: Model) -> dict[UUID, list[int]]:
        rows = self._connection.execute(
            "SELECT aggregate_id, array_agg(version) FROM read_meta.dropped WHERE model = %s AND log = ANY(%s)"
            " GROUP BY aggregate_id",
            [model.name, list(self._logs)],
        )
        return dict(rows.fetchall())


def _row(alias: str, table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, column) for column in table.columns)


def _difference(model: Model, table: Table, row: Sequence[Any]) -> Difference:
    width = len(table.columns)
    missing, extra, live_row, fresh_row = row[0], row[1], row[2 : 2 + width], row[2 + width :]
    key = tuple((fresh_row if missing else live_row)[: table.key])
    if missing or extra:
        return Difference(model.name, table.name, key, "missing" if missing else "extra", {})
    columns = {
        column: (got, expected)
        for column, got, expected in zip(table.columns, live_row, fresh_row, strict=True)
        if got != expected
    }
    return Difference(model.name, table.name, key, "different", columns)
