"""Where the read models stand beside a log that may have been restored, and keeping those that hold nothing it lost."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from projections.schema import Connection

__all__ = ["Standing", "keep", "standings"]


class Standing(NamedTuple):
    """Up to where the live tables of a read model hold a log. ``epochs``: those of its checkpoints."""

    model: str
    position: int
    epochs: frozenset[UUID]

    def fits(self, epoch: UUID, head: int) -> bool:
        """Return whether it is of the log's epoch, and not ahead of it."""
        return self.position <= head and (self.position == 0 or self.epochs == {epoch})


def standings(connection: Connection, log: str) -> list[Standing]:
    """Return the standing of each read model that has taken anything of *log*."""
    rows = connection.execute(
        "SELECT c.model, max(c.position), array_agg(DISTINCT c.epoch) FROM read_meta.checkpoints c"
        " JOIN read_meta.models m USING (model, generation) WHERE m.role = 'live' AND c.log = %s GROUP BY 1 ORDER BY 1",
        [log],
    ).fetchall()
    return [Standing(model, position, frozenset(epochs)) for model, position, epochs in rows]


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
