"""Which relay of a topic leads, and how far it is: an advisory lock, a sign of life, and one row.

The lock belongs to the leader's session and goes with it: at once where the process dies, after a few seconds where its
machine or the network does (TCP keepalives). A leader that is stopped keeps its session; so a standby that has seen the
same sign of life for a whole lease ends that session. The row's term keeps a leader that wakes up later from writing.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any, NamedTuple, Self
from uuid import UUID

import psycopg
import structlog

from projections.neighbours import lock_holder
from projections.schema import KEEPALIVE, KEPT_ALIVE
from ticketcore.errors import ConfigurationError, EpochMismatch, TicketCoreError
from workers.kafka.epochs import Epochs

__all__ = ["Leadership", "LeadershipLost", "Progress", "check_epoch", "progress"]

_SESSION: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    **KEEPALIVE,
    "application_name": "ticketcore-relay",
    # A moved position that a crash of the server forgets makes messages come twice, no more.
    "options": f"{KEPT_ALIVE} -c synchronous_commit=off -c timezone=UTC",
}
_COLUMNS = "position, previous, epoch, term"

logger = structlog.get_logger(__name__)


class LeadershipLost(TicketCoreError):
    """Another relay leads now."""

    code = "leadership_lost"


class Progress(NamedTuple):
    """How far a topic is. ``previous``: position of the last event of each partition."""

    position: int
    previous: tuple[int, ...]
    epoch: UUID
    term: int


class Leadership:
    """One relay's bid for the lead, on a session of its own; a context manager whose exit gives the lead back.

    Args:
        dsn: of the log.
        topic: whose relay leads.
        lease: seconds without a sign of life after which a leader is replaced.
    """

    def __init__(self, dsn: str, topic: str, lease: float) -> None:
        self._topic, self._lease = topic, lease
        self._lock = f"ticketcore.relay.{topic}"
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(dsn, **_SESSION)
        self._seen: tuple[Any, ...] | None = None
        self._seen_since = self._said_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def attempt(self, partitions: int) -> Progress | None:
        """Take the lead and return how far the topic is, or return ``None`` where another relay leads.

        Raises:
            psycopg.Error: the server is away, or refuses.
        """
        [(taken,)] = self._rows("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [self._lock])
        if not taken:
            self._end_silent_leader()
            return None
        self._rows(
            "INSERT INTO log.relays (topic, epoch, previous) SELECT %s, epoch, array_fill(0::bigint, ARRAY[%s::int])"
            " FROM log.meta ON CONFLICT DO NOTHING RETURNING 1",
            [self._topic, partitions],
        )
        [row] = self._rows(
            "UPDATE log.relays SET term = term + 1, leader = %s, seen_at = clock_timestamp() WHERE topic = %s"
            f" RETURNING {_COLUMNS}",
            [self._name, self._topic],
        )
        self._said_at = time.monotonic()
        return _progress(row)

    def epochs(self) -> Epochs:
        """Return the log's epochs."""
        [(now, former)] = self._rows("SELECT epoch, former FROM log.meta", [])
        return Epochs(now, frozenset(former))

    def live(self, at: Progress) -> None:
        """Give a sign of life, where one is due. Raises as :meth:`move`."""
        if time.monotonic() - self._said_at >= self._lease / 4:
            self.move(at, at.position, at.previous)

    def move(self, at: Progress, position: int, previous: tuple[int, ...]) -> Progress:
        """Move the position by compare-and-set and return the new progress.

        Raises:
            LeadershipLost: another relay has led since.
            EpochMismatch: the log was restored.
            psycopg.Error: the session is gone.
        """
        rows = self._rows(
            "UPDATE log.relays SET position = %s, previous = %s, seen_at = clock_timestamp()"
            " WHERE topic = %s AND term = %s AND position = %s RETURNING (SELECT epoch FROM log.meta)",
            [position, list(previous), self._topic, at.term, at.position],
        )
        if not rows:
            raise LeadershipLost(
                f"the relay {self._name} of topic {self._topic!r} led in term {at.term} and stands at {at.position}:"
                " expected to lead still, but another relay does (nothing is to be done: this one stands by)"
            )
        self._said_at = time.monotonic()
        check_epoch(self._topic, at, rows[0][0])
        return at._replace(position=position, previous=previous)

    def _end_silent_leader(self) -> None:
        rows = self._rows("SELECT term, seen_at::text FROM log.relays WHERE topic = %s", [self._topic])
        now = time.monotonic()
        if not rows or rows[0] != self._seen:
            self._seen, self._seen_since = rows[0] if rows else None, now
        elif now - self._seen_since > self._lease:
            self._seen_since = now
            holder = lock_holder(self._connection, self._lock)
            ended = [] if holder is None else self._rows("SELECT pg_terminate_backend(%s)", [holder])
            logger.warning("relay.ended_silent_leader", topic=self._topic, silent_for=self._lease, sessions=len(ended))

    def _rows(self, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query.encode(), parameters).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"the PostgreSQL role {self._connection.info.user!r} can't be a relay's: {error}, expected one that may write"
                " log.relays and is the same for all relays of the topic (GRANT SELECT, INSERT, UPDATE ON log.relays TO it)"
            ) from error


def check_epoch(topic: str, at: Progress, epoch: UUID) -> None:
    """Raise :class:`EpochMismatch` where the topic was written from another epoch of the log."""
    if at.epoch != epoch:
        raise EpochMismatch(
            f"topic {topic!r} holds the log up to position {at.position} of epoch {at.epoch}, but the log is of epoch"
            f" {epoch}: it was restored or replaced (run `ticketcore recover`)"
        )


def progress(dsn: str, topic: str) -> Progress | None:
    """Return how far a topic is, ``None`` where no relay ever wrote it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(f"SELECT {_COLUMNS} FROM log.relays WHERE topic = %s".encode(), [topic]).fetchone()
    return None if row is None else _progress(row)


def _progress(row: tuple[Any, ...]) -> Progress:
    return Progress(row[0], tuple(row[1]), row[2], row[3])
