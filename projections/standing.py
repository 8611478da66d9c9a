"""Where the read models stand beside a log that may have been restored, and keeping those that hold nothing it lost."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from projections.schema import Connection, installed
from ticketcore.errors import StoreUnavailable
from ticketcore.ids import Kind, number_in

__all__ = ["Standing", "check_installed", "highest_counters", "keep", "standings"]

_NUMBERED = (
    (Kind.TICKET, "queues", "tickets", "ticket_id"),
    (Kind.TICKET, "history", "tickets", "ticket_id"),
    (Kind.CUSTOMER, "history", "customers", "customer_id"),
    (Kind.MESSAGE, "intake", "messages", "message_id"),
)


class Standing(NamedTuple):
    """Up to where the live tables of a read model hold a log. ``epochs``: those of its checkpoints."""

    model: str
    position: int
    epochs: frozenset[UUID]

    def fits(self, epoch: UUID, head: int) -> bool:
        """Return whether it is of the log's epoch, and not ahead of it."""
        return self.position <= head and (self.position == 0 or self.epochs == {epoch})


def standings(connection: Connection, log: str) -> list[Standing]:
    """Return the standing of each read model that has taken anything of *log*.

    Raises:
        StoreUnavailable: the data base holds no read models.
    """
    check_installed(connection)
    rows = connection.execute(
        "SELECT c.model, max(c.position), array_agg(DISTINCT c.epoch) FROM read_meta.checkpoints c"
        " JOIN read_meta.models m USING (model, generation) WHERE m.role = 'live' AND c.log = %s GROUP BY 1 ORDER BY 1",
        [log],
    ).fetchall()
    return [Standing(model, position, frozenset(epochs)) for model, position, epochs in rows]


def check_installed(connection: Connection) -> None:
    """Raise where a data base holds no read models, as one that was lost and made anew.

    Raises:
        StoreUnavailable: it holds none.
    """
    if not installed(connection):
        raise StoreUnavailable(
            f"data base {connection.info.dbname!r} lacks read models: expected those of `ticketcore db migrate` (correct"
            " TICKETCORE_READ_DSN; where the data base was lost, run `ticketcore db migrate`, then `ticketcore rebuild --all`)"
        )


def highest_counters(connection: Connection) -> dict[Kind, int]:
    """Return the highest counter of a number that the live read models show, by kind."""
    found: dict[Kind, int] = {}
    for kind, schema, table, column in _NUMBERED:
        if connection.execute("SELECT to_regclass(%s)", [f"{schema}.{table}"]).fetchone() == (None,):
            continue
        query = sql.SQL("SELECT {0} FROM {1} ORDER BY {0} DESC LIMIT 1")  # ids sort as their numbers do
        row = connection.execute(query.format(sql.Identifier(column), sql.Identifier(schema, table))).fetchone()
        if row is not None:
            found[kind] = max(found.get(kind, 0), number_in(row[0]).counter)
    return found


def keep(connection: Connection, model: str, log: str, ended: UUID, now: UUID, position: int) -> bool:
    """Take a read model over into the log's new epoch where it holds nothing above *position*; return whether it was.

    Args:
        connection: to the read models.
        model: the read model.
        log: name of the log.
        ended: the epoch that its checkpoints must be of.
        now: the new one.
        position: up to here the log holds what was read.
    """
    moved = connection.execute(
        "WITH mine AS (SELECT c.* FROM read_meta.checkpoints c JOIN read_meta.models m USING (model, generation)"
        " WHERE m.role = 'live' AND c.model = %s AND c.log = %s FOR UPDATE OF c)"
        " UPDATE read_meta.checkpoints c SET epoch = %s FROM mine"
        " WHERE (c.model, c.generation, c.log, c.partition) = (mine.model, mine.generation, mine.log, mine.partition)"
        " AND NOT EXISTS (SELECT FROM mine WHERE position > %s OR epoch <> %s)",
        [model, log, now, position, ended],
    )
    return moved.rowcount > 0
