"""Putting it together: what a worker process does to be watched."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import psycopg
import structlog
import typer

from projections.observing import told
from ticketcore.errors import ConfigurationError, StoreUnavailable, TicketCoreError
from workers.observing import logs
from workers.observing.settings import ObservingSettings

if TYPE_CHECKING:
    from workers.observing.metrics import Metrics

__all__ = ["LogStore", "Worker", "watched", "working"]


class LogStore(NamedTuple):
    """A log that a worker reads; ``topic``: ``None`` where it is read without Kafka."""

    name: str
    dsn: str
    topic: str | None


class Worker(NamedTuple):
    """A worker process; ``name``: its command."""

    name: str
    stop: threading.Event
    settings: ObservingSettings


@contextmanager
def working(name: str, log: str) -> Iterator[Worker]:
    """Give an event that SIGTERM and SIGINT set; log as JSON lines, what ends the worker included.

    Raises:
        TicketCoreError: as the block did; a data base's error becomes :class:`StoreUnavailable`.
        typer.Exit: with code 1 for what nobody expected: it is logged, and its text, which may repeat an event, is not.
    """
    settings, stop = ObservingSettings.load(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logs.configure(settings.log_level, worker=name, log=log)
    logger = structlog.get_logger(f"ticketcore.{name}")
    try:
        yield Worker(name, stop, settings)
    except TicketCoreError as error:
        logger.error("failed", code=error.code, error=error)  # noqa: TRY400 the command line tells it, without frames
        raise
    except psycopg.Error as error:
        logger.exception("failed", code="store_unavailable")
        raise StoreUnavailable(f"the data base says: {told(error)}") from None
    except Exception:
        logger.exception("failed", code="error")
        raise typer.Exit(1) from None
    logger.info("stopped")


@contextmanager
def watched(
    worker: Worker, stores: Sequence[LogStore], loops: Sequence[str], *, read_dsn: str | None = None,
    models: Sequence[str] = (), kafka: Callable[[], None] | None = None, policies: bool = False,
) -> Iterator[Metrics | None]:  # fmt: skip
    """Serve metrics and health until the end of the block; gives the :class:`Metrics`, or ``None`` where no port is set.

    Args:
        worker: of :func:`working`.
        stores: the logs that it reads.
        loops: what has to finish rounds.
        read_dsn: of the read models, ``None`` for a relay.
        models: the read models that it feeds.
        kafka: raises ``OSError`` where no broker answers; ``None`` where Kafka is not used.
        policies: whether it follows the logs' policies.
    Raises:
        ConfigurationError: the port is taken, or the metrics' library is not installed.
    """
    settings = worker.settings
    if settings.metrics_port is None:
        yield None
        return
    try:
        from workers.observing.metrics import Metrics
        from workers.observing.server import serving
        from workers.observing.stores import Stores
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"TICKETCORE_METRICS_PORT is {settings.metrics_port}, but {error.name!r} is not installed: expected the extra"
            " 'workers' (pip install 'ticketcore[workers]')"
        ) from None
    from workers.observing.health import Health

    parts = [*loops, *(f"log {store.name}" for store in stores)]
    parts += ["read models"] * (read_dsn is not None) + ["kafka"] * (kafka is not None)
    health = Health(settings.health_timeout, *parts)
    metrics, done = Metrics(worker.name, health), threading.Event()
    if models:
        metrics.for_projectors(models)
    beside = Stores(health, stores, read_dsn=read_dsn, models=models, kafka=kafka, policies=policies)
    metrics.registry.register(beside)
    with serving(settings.metrics_host, settings.metrics_port, metrics.registry, health) as (host, port):
        structlog.get_logger("ticketcore.metrics").info("metrics.listening", host=host, port=port)
        beside.start(done)
        try:
            yield metrics
        finally:
            done.set()
