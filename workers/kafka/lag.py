"""How far the relay and the read models are, by partition."""

from __future__ import annotations

from typing import NamedTuple

from projections.schema import connect
from projections.standing import check_installed
from ticketcore.settings import Settings
from workers.kafka.leadership import progress

__all__ = ["Lag", "Point", "lag"]


class Point(NamedTuple):
    """A read model's checkpoint; ``partition`` -1: it is fed from the log itself."""

    model: str
    partition: int
    position: int
    caught_up: bool


class Lag(NamedTuple):
    """``relayed``: position up to which the topic holds the log; ``partitions``: 0 where it was never written."""

    topic: str
    partitions: int
    relayed: int
    points: list[Point]

    def holds(self, head: int) -> bool:
        """Return whether topic and read models hold the log up to *head*, through partitions."""
        fed = self.points and all(point.partition >= 0 and point.caught_up for point in self.points)
        return self.relayed >= head and bool(fed)


def lag(known: Settings, topic: str, head: int) -> Lag:
    """Return how far everything is. *known*: with every DSN named; *head*: the log's last position.

    Raises:
        StoreUnavailable: the data base of the read models holds none.
    """
    assert known.dsn is not None  # noqa: S101 -- as asked for
    assert known.read_dsn is not None  # noqa: S101 -- likewise
    at = progress(known.dsn, topic)
    latest = at.previous if at else ()
    with connect(known.read_dsn) as connection:
        check_installed(connection)
        rows = connection.execute(
            "SELECT c.model, c.partition, c.position FROM read_meta.checkpoints c JOIN read_meta.models m"
            " USING (model, generation) WHERE m.role = 'live' AND c.log = %s ORDER BY 1, 2",
            [known.log_name],
        ).fetchall()
    points = [
        Point(model, n, position, position >= (latest[n] if 0 <= n < len(latest) else head))
        for model, n, position in rows
    ]
    return Lag(topic, len(latest), at.position if at else 0, points)
