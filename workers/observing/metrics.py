"""The metrics that a worker counts itself; what the stores know is in :mod:`workers.observing.stores`.

Names and units as Prometheus has them; labels are log, model, partition and topic, whose values are few and stay.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from projections.observing import Batch
from ticketcore.policy.manager import Counts
from workers.observing.health import Health
from workers.observing.logs import add_listener

__all__ = ["Metrics"]

_COUNTS = (1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_UNDELIVERED = 15.0
"""Seconds between looks at what was given up."""


class Metrics:
    """A registry of one worker, its counters and its health; fulfils :class:`projections.observing.Observer`.

    What is rare is counted by the lines that are logged of it, whether or not their level is written.

    Args:
        worker: ``relay``, ``project``, ``outgoing``, ``policies`` or ``intake``.
        health: is told of finished rounds and of what hinders them.
    """

    def __init__(self, worker: str, health: Health) -> None:
        self.registry = CollectorRegistry()
        self.health = health
        ProcessCollector(registry=self.registry)
        Info("ticketcore_build", "Version of the library and of Python, kind of worker.", registry=self.registry).info(
            {"version": version("ticketcore"), "python": platform.python_version(), "worker": worker}
        )
        self._rounds = self._gauge("worker_round_timestamp_seconds", "Unix time of the last finished round.", "loop")
        healthy = self._gauge("worker_healthy", "1 where /healthz answers 200, else 0.")
        healthy.set_function(lambda: float(health.report()[0]))
        self._lines = self._counter("worker_log_lines", "Lines logged, of levels that are not written too.", "level")
        for level in ("info", "warning", "error"):
            self._lines.labels(level)
        self._counted: dict[str, Callable[[dict[str, Any]], None]] = {}
        add_listener(self._heard)

    def for_relay(self, topic: str) -> dict[str, Any]:
        """Make the relay's metrics; return what it calls, as its arguments."""
        carried = self._counter("relay_events", "Events that Kafka confirmed to this relay.", "topic").labels(topic)
        pages = self._histogram("relay_page_events", "Events in a page.", _COUNTS, "topic").labels(topic)
        seconds = self._histogram(
            "relay_confirm_seconds",
            "Seconds from producing a page until the position moved past it.",
            _SECONDS,
            "topic",
        ).labels(topic)
        for event, name, text in (
            ("relay.retry", "relay_retries", "Rounds of the relay that failed and were tried again."),
            ("relay.leads", "relay_leaderships", "How often this relay took the lead."),
        ):
            self._count(event, self._counter(name, text, "topic").labels(topic))

        def on_page(events: int, took: float) -> None:
            carried.inc(events)
            pages.observe(events)
            seconds.observe(took)

        return {"on_round": lambda: self.round("relay"), "on_page": on_page}

    def for_outgoing(self, undelivered: Callable[[], Sequence[object]]) -> dict[str, Any]:
        """Make the outgoing worker's metrics; return what it calls, as its arguments."""
        for event, name, text in (
            ("outgoing.sent", "outgoing_sent", "Mails that the mail server took."),
            ("outgoing.postponed", "outgoing_postponed", "Attempts that failed and are made again later."),
            ("outgoing.failed", "outgoing_failed", "Mails that were given up."),
            ("outgoing.retry", "outgoing_retries", "Rounds that failed: the mail server or the log was away."),
        ):
            self._count(event, self._counter(name, text))
        waits = self._gauge("outgoing_oldest_seconds", "Seconds for which the longest due mail has been due.")
        given_up = self._gauge("outgoing_undelivered", "Mails that were given up and neither dropped nor tried again.")
        given_up.set(len(undelivered()))
        looked = time.monotonic()

        def on_due(due_at: datetime | None) -> None:
            nonlocal looked
            waits.set(0 if due_at is None else max(0.0, time.time() - due_at.timestamp()))
            if time.monotonic() - looked > _UNDELIVERED:
                given_up.set(len(undelivered()))
                looked = time.monotonic()

        return {"on_due": on_due, "on_round": lambda: self.round("outgoing")}

    def for_policies(self) -> Callable[[Counts], None]:
        """Make the metrics of whoever follows policies; return what is called with what each transaction did."""
        retries = self._counter("policy_retries", "Transactions that failed and were tried again.")
        self._count("policies.retry", retries)
        counters = [
            self._counter("policy_events", "Events read for policies by this worker."),
            self._counter("policy_tickets", "Tickets looked at."),
            self._counter("policy_commands", "Commands recorded: at most one for each look at a ticket."),
            self._counter("policy_given_up", "Looks that ended as a dead letter."),
            self._counter(
                "policy_conflicts", "Looks in vain: somebody else wrote meanwhile, and the ticket stays due."
            ),
        ]

        def on_step(done: Counts) -> None:
            for counter, value in zip(counters, done, strict=False):
                counter.inc(value)
            self.round("policies")

        return on_step

    def for_intake(self) -> Callable[[str, float], None]:
        """Make the metrics of incoming mail; return what is called with each message's outcome and its seconds."""
        taken = self._counter(
            "intake_messages", "Messages answered, by what was decided, deferred or failed.", "outcome"
        )
        seconds = self._histogram("intake_seconds", "Seconds from a message's last byte to the reply.", _SECONDS)

        def on_taken(outcome: str, took: float) -> None:
            taken.labels(outcome).inc()
            seconds.observe(took)

        return on_taken

    def relay_leads(self, topic: str, leads: Callable[[], bool]) -> None:
        """Show whether the relay leads."""
        gauge = self._gauge("relay_leads", "1 where this relay leads, 0 where it stands by.", "topic")
        gauge.labels(topic).set_function(lambda: float(leads()))

    def for_projectors(self, models: Sequence[str]) -> None:
        """Make the projectors' metrics."""
        point = ("model", "log", "partition")
        self._projected = self._counter("projector_events", "Events projected, filled ones included.", *point)
        self._filled = self._counter(
            "projector_filled_events", "Events read from the log as Kafka lacked them.", *point
        )
        self._dropped = self._counter("projector_duplicates", "Messages dropped that had come before.", *point)
        self._batches = self._histogram("projector_batch_events", "Events in a batch.", _COUNTS, "model")
        self._seconds = self._histogram(
            "projector_batch_seconds", "Seconds of a batch's transaction, with the commit.", _SECONDS, "model"
        )
        self._steps = self._histogram(
            "projector_step_seconds", "Seconds of a batch's step: load, fold or write.", _SECONDS, "model", "step"
        )
        gaps = self._counter("projector_gaps", "Messages before which something was missing.", *point)
        rebalances = self._counter("projector_rebalances", "How often Kafka assigned partitions.", "model")
        retries = self._counter("projector_retries", "Rounds that failed and were tried again.", "model")
        for model in models:
            rebalances.labels(model)
            retries.labels(model)
            self._batches.labels(model)
            self._seconds.labels(model)
        self._counted |= {
            "projector.gap": lambda e: _each(gaps, e, e["log"], e["partition"]),
            "projector.assigned": lambda e: _each(rebalances, e),
            "projector.retry": lambda e: _each(retries, e),
        }
        self._count("projection.retry", *(retries.labels(model) for model in models))

    # What a projector calls.

    def round(self, loop: str) -> None:
        self._rounds.labels(loop).set(time.time())
        self.health.saw(loop)

    def projected(self, batch: Batch) -> None:
        for partition, events in batch.events.items():
            self._projected.labels(batch.model, batch.log, partition).inc(events)
        self._batches.labels(batch.model).observe(sum(batch.events.values()))
        self._seconds.labels(batch.model).observe(batch.whole)
        for step in ("load", "fold", "write"):
            self._steps.labels(batch.model, step).observe(getattr(batch, step))

    def filled(self, model: str, log: str, partition: int, events: int) -> None:
        self._filled.labels(model, log, partition).inc(events)

    def dropped(self, model: str, log: str, partition: int, messages: int) -> None:
        self._dropped.labels(model, log, partition).inc(messages)

    def _heard(self, level: str, event: Any) -> None:
        """Count a line that is logged."""
        name = event.get("event", "")
        self._lines.labels(level).inc()
        if (count := self._counted.get(name)) is not None:
            count(event)
        if name.endswith(".retry"):
            loop = {
                "relay.retry": "relay", "projection.retry": "log", "outgoing.retry": "outgoing", "intake.retry": "intake",
                "policies.retry": "policies",
            }.get(name)  # fmt: skip
            for one in [loop] if loop else event["models"]:
                self.health.trouble(one, f"tried again after {event.get('error', 'an error')}")

    def _count(self, event: str, *counters: Counter) -> None:
        """Count lines of that name."""

        def count(_: dict[str, Any]) -> None:
            for counter in counters:
                counter.inc()

        self._counted[event] = count

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"ticketcore_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"ticketcore_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"ticketcore_{name}", text, labels, buckets=buckets, registry=self.registry)


def _each(counter: Counter, event: Any, *labels: Any) -> None:
    """Count once for each model that an event is about."""
    for model in event["models"]:
        counter.labels(model, *labels).inc()
