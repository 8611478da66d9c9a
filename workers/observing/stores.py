"""What the log and the read models know of positions and lag, read every few seconds beside the work.

A scrape takes what was read last, so it never waits and never fails; of a store that did not answer it says so and
shows no figures.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import psycopg
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projections.checkpoints import EMBEDDED
from projections.neighbours import lock_holder
from projections.observing import told
from projections.partitions import partition_of
from projections.schema import KEEPALIVE, REBUILD_LOCK
from workers.observing.health import Health
from workers.observing.watching import LogStore

__all__ = ["Stores"]

_EVERY = 5.0
_STALE = 4 * _EVERY
_SCAN = 500
"""Events of the log that are looked at for the oldest one of a partition that waits; beyond them the number of events
that wait is an estimate."""
_SESSION: dict[str, Any] = {
    "connect_timeout": 3, **KEEPALIVE, "application_name": "ticketcore-metrics",
    "options": "-c statement_timeout=3000 -c timezone=UTC -c default_transaction_read_only=on",
}  # fmt: skip
_HEAD = "SELECT coalesce(max(position), 0) FROM log.events"
_RELAY = "SELECT position, previous FROM log.relays WHERE topic = %s"
_TAIL = """
SELECT position, originator_id, extract(epoch FROM clock_timestamp() - recorded_at)::float8 FROM log.events
WHERE position > %s AND position <= %s ORDER BY position LIMIT %s
"""
_POINTS = """
SELECT m.role, c.model, c.log, c.partition, c.position FROM read_meta.checkpoints c
JOIN read_meta.models m USING (model, generation) WHERE m.model = ANY(%s)
"""
_DEAD = """
SELECT m.model, count(d.position) FROM read_meta.models m LEFT JOIN read_meta.dead_letters d USING (model, generation)
WHERE m.role = 'live' AND m.model = ANY(%s) GROUP BY m.model
"""
_POLICIES = """
SELECT (SELECT position FROM log.policy_checkpoint), count(*) FILTER (WHERE due_at <= now()),
    coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now())), 0)::float8,
    count(*) FILTER (WHERE due_at > now()), (SELECT count(*) FROM log.policy_dead_letters)
FROM log.policy_tickets WHERE due_at IS NOT NULL
"""
_RUNS_SINCE = (
    "SELECT extract(epoch FROM clock_timestamp() - backend_start)::float8 FROM pg_stat_activity WHERE pid = %s"
)
_POINT = ("model", "log", "partition")
_GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "log_up": ("1 where the log's data base answers, else 0.", ("log",)),
    "read_models_up": ("1 where the read models' data base answers, else 0.", ()),
    "kafka_up": ("1 where a broker answers, else 0.", ()),
    "log_head_position": ("Position of the log's last event.", ("log",)),
    "relay_position": ("Position of the last event that Kafka has confirmed.", ("log", "topic")),
    "relay_lag_events": ("Events of the log that are not in the topic.", ("log", "topic")),
    "relay_lag_seconds": ("Age of the oldest event that is not in the topic, 0 for none.", ("log", "topic")),
    "projector_position": ("Position of the last event projected.", _POINT),
    "projector_lag_events": ("Events of the partition that are in the topic and not projected; far back an estimate.", _POINT),
    "projector_lag_seconds": ("Age of the oldest event of the partition that is in the topic and not projected.", _POINT),
    "dead_letters": ("Events that are set aside, and those that wait behind them.", ("model",)),
    "policy_position": ("Up to which position events were read for policies.", ("log",)),
    "policy_lag_events": ("Events of the log that were not read for policies.", ("log",)),
    "policy_lag_seconds": ("Age of the oldest event that was not read for policies, 0 for none.", ("log",)),
    "policy_due": ("Tickets that policies have to look at by now.", ("log",)),
    "policy_due_seconds": ("For how long the longest due of them has been due, 0 for none.", ("log",)),
    "policy_timers": ("Tickets that policies look at later.", ("log",)),
    "policy_dead_letters": ("Tickets that policies gave up.", ("log",)),
    "rebuild_running": ("1 while a rebuild of the read model runs, in whatever process.", ("model",)),
    "rebuild_position": ("Position that the tables being built hold; absent where none are.", ("model", "log")),
    "rebuild_target_position": ("Position that they have to reach.", ("model", "log")),
    "rebuild_seconds": ("For how long the rebuild has run.", ("model",)),
}  # fmt: skip

Connection = psycopg.Connection[tuple[Any, ...]]


class Sample(NamedTuple):
    """A gauge's name without prefix, its labels' values in order, its value."""

    name: str
    labels: tuple[str, ...]
    value: float


class Stores(Collector):
    """Reads the stores in threads of its own and gives their gauges; start it once the process has forked all it will.

    Args:
        health: is told whenever a store answered.
        logs: the logs that the worker reads.
        read_dsn: of the read models, ``None`` for a relay.
        models: the read models that the worker feeds.
        kafka: raises where no broker answers; ``None`` where Kafka is not used.
        policies: whether the worker follows the logs' policies.
    """

    def __init__(
        self, health: Health, logs: Sequence[LogStore], *, read_dsn: str | None = None, models: Sequence[str] = (),
        kafka: Callable[[], None] | None = None, policies: bool = False,
    ) -> None:  # fmt: skip
        self._health, self._logs, self._read_dsn, self._models = health, logs, read_dsn, list(models)
        self._kafka, self._policies = kafka, policies
        self._connections: dict[str, Connection] = {}
        self._found: dict[str, tuple[float, Sequence[Sample]]] = {}
        self._previous: dict[str, tuple[int, Sequence[int]]] = {}

    def start(self, stop: threading.Event) -> None:
        """Read until *stop* is set."""
        every = min(_EVERY, self._health.asked_every)
        for work in (self._read_stores, *([self._ask_kafka] if self._kafka else [])):
            threading.Thread(target=_repeat, args=(work, every, stop), daemon=True, name="ticketcore-metrics").start()

    def collect(self) -> Iterable[Metric]:
        """Return the gauges as they were last read."""
        families = {
            name: GaugeMetricFamily(f"ticketcore_{name}", text, labels=labels)
            for name, (text, labels) in _GAUGES.items()
        }
        for source, name, labels in self._sources():
            when, samples = self._found.get(source, (float("-inf"), ()))
            up = time.monotonic() - when < _STALE and bool(samples)
            families[name].add_metric(labels, float(up))
            for sample in samples if up else ():
                if sample.name:
                    families[sample.name].add_metric(sample.labels, sample.value)
        return [family for family in families.values() if family.samples]

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are unique, and describing must not read."""
        return []

    def _sources(self) -> list[tuple[str, str, tuple[str, ...]]]:
        found: list[tuple[str, str, tuple[str, ...]]] = [
            (f"log {log.name}", "log_up", (log.name,)) for log in self._logs
        ]
        if self._read_dsn is not None:
            found.append(("read models", "read_models_up", ()))
        if self._kafka is not None:
            found.append(("kafka", "kafka_up", ()))
        return found

    def _read_stores(self) -> None:
        for log in self._logs:
            self._note(f"log {log.name}", log.dsn, partial(self._of_log, log))
        if self._read_dsn is not None:
            self._note("read models", self._read_dsn, self._of_read_models)

    def _ask_kafka(self) -> None:
        assert self._kafka is not None  # noqa: S101 -- else this is not called
        try:
            self._kafka()
        except OSError as error:
            self._found["kafka"] = (time.monotonic(), ())
            self._health.trouble("kafka", told(error))
        else:
            self._found["kafka"] = (time.monotonic(), [Sample("", (), 1)])
            self._health.saw("kafka")

    def _note(self, source: str, dsn: str, read: Callable[[Connection], list[Sample]]) -> None:
        try:
            self._found[source] = (time.monotonic(), read(self._connected(dsn)))
        except Exception as error:  # noqa: BLE001 told as a store that is not up: the next look comes in seconds
            self._found[source] = (time.monotonic(), ())
            self._health.trouble(source, told(error))
            self._disconnect(dsn)
        else:
            self._health.saw(source)

    def _disconnect(self, dsn: str) -> None:
        if (broken := self._connections.pop(dsn, None)) is not None:
            broken.close()

    def _connected(self, dsn: str) -> Connection:
        connection = self._connections.get(dsn)
        if connection is None or connection.closed:
            given = {**_SESSION, **conninfo_to_dict(dsn), "options": _SESSION["options"]}
            connection = self._connections[dsn] = psycopg.connect(make_conninfo("", **given), autocommit=True)
        return connection

    def _of_log(self, log: LogStore, connection: Connection) -> list[Sample]:
        row = connection.execute(_RELAY, [log.topic]).fetchone() if log.topic else None
        [(head,)] = connection.execute(_HEAD).fetchall()
        found = [Sample("log_head_position", (log.name,), head)]
        if self._policies:
            found += _of_policies(log.name, connection, head)
        if log.topic is None:
            self._previous[log.name] = (head, ())
            return found
        position, previous = row or (0, ())
        self._previous[log.name] = (position, previous)
        waits = connection.execute(_TAIL, [position, head, 1]).fetchone()
        key = (log.name, log.topic)
        return [
            *found,
            Sample("relay_position", key, position),
            Sample("relay_lag_events", key, max(0, head - position)),
            Sample("relay_lag_seconds", key, waits[2] if waits else 0),
        ]

    def _of_read_models(self, connection: Connection) -> list[Sample]:
        rows = connection.execute(_POINTS, [self._models]).fetchall()
        found = [Sample("dead_letters", (m,), n) for m, n in connection.execute(_DEAD, [self._models]).fetchall()]
        for model in self._models:
            builder = lock_holder(connection, REBUILD_LOCK.format(model))
            found.append(Sample("rebuild_running", (model,), float(builder is not None)))
            for (seconds,) in connection.execute(_RUNS_SINCE, [builder]).fetchall():
                if seconds is not None:  # it is not this role's to see
                    found.append(Sample("rebuild_seconds", (model,), seconds))
        logs = {log.name: log for log in self._logs if self._found[f"log {log.name}"][1]}
        built: dict[tuple[str, str], int] = {}
        for role, model, name, partition, position in rows:
            if name not in logs:
                continue
            if role == "next":
                built[model, name] = min(position, built.get((model, name), position))
                continue
            key = (model, name, str(partition))
            found.append(Sample("projector_position", key, position))
            events, seconds = self._lag(logs[name], partition, position)
            found += [Sample("projector_lag_events", key, events), Sample("projector_lag_seconds", key, seconds)]
        for (model, name), position in built.items():
            found.append(Sample("rebuild_position", (model, name), position))
            found.append(Sample("rebuild_target_position", (model, name), self._head(logs[name])))
        return found

    def _lag(self, log: LogStore, partition: int, held: int) -> tuple[int, float]:
        """Return how many events of a partition wait for the projector, and the seconds since the oldest was recorded."""
        relayed, previous = self._previous.get(log.name, (0, ()))
        connection = self._connected(log.dsn)
        if partition == EMBEDDED:
            until = self._head(log)
        else:
            until = previous[partition] if partition < len(previous) else relayed
        if held >= until:
            return 0, 0.0
        if partition == EMBEDDED:
            first = connection.execute(_TAIL, [held, until, 1]).fetchone()
            return until - held, first[2] if first else 0.0
        return _lag_within(connection, held, until, partition, max(1, len(previous)))

    def _head(self, log: LogStore) -> int:
        [(head,)] = self._connected(log.dsn).execute(_HEAD).fetchall()
        return int(head)


def _of_policies(log: str, connection: Connection, head: int) -> list[Sample]:
    [(position, due, seconds, timers, dead)] = connection.execute(_POLICIES).fetchall()
    first = connection.execute(_TAIL, [position, head, 1]).fetchone()
    values = {
        "position": position, "lag_events": max(0, head - position), "lag_seconds": first[2] if first else 0,
        "due": due, "due_seconds": seconds, "timers": timers, "dead_letters": dead,
    }  # fmt: skip
    return [Sample(f"policy_{name}", (log,), value) for name, value in values.items()]


def _lag_within(connection: Connection, held: int, until: int, partition: int, partitions: int) -> tuple[int, float]:
    rows = connection.execute(_TAIL, [held, until, max(_SCAN, 20 * partitions)]).fetchall()
    if not rows:
        return 0, 0.0
    ages = [age for _, id_, age in rows if partition_of(id_, partitions) == partition]
    beyond = until - rows[-1][0]
    return max(1, len(ages) + beyond // partitions), ages[0] if ages else rows[-1][2]


def _repeat(work: Callable[[], None], every: float, stop: threading.Event) -> None:
    while not stop.is_set():
        work()
        stop.wait(every)
