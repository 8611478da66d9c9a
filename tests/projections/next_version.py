"""A next version of the read model *queues*, with a column and a view more, as a later release would have it."""

from collections import namedtuple
from pathlib import Path
from typing import Any

from projections.base import Table
from projections.queues import IN_QUEUE, QUEUES, QueueRow
from ticketcore.ids import Kind

__all__ = ["NEXT_QUEUES"]

_COLUMNS: Any = (*QueueRow._fields, "is_open")
_Row: Any = namedtuple("_Row", _COLUMNS)  # type: ignore[misc]  # noqa: PYI024 the present version's columns and one more


def _row(state: Any) -> Any:
    row = QUEUES.row(state)
    made: Any = _Row
    return made(*row, row.status in IN_QUEUE)


NEXT_QUEUES = QUEUES._replace(
    version=QUEUES.version + 1,
    sql=(*QUEUES.sql, str(Path(__file__).with_name("queues_next.sql"))),
    mains={Kind.TICKET: Table("tickets", _Row, 1)},
    begin=lambda row: QUEUES.begin(QueueRow(*row[:-1])),
    row=_row,
)
