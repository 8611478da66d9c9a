"""``ticketcore worker``: programs that run until SIGTERM or SIGINT, finish what is in hand and exit 0."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from projections.runner import Runner
from projections.schema import MODELS, model_named
from ticketcore.errors import ConfigurationError
from ticketcore.setup import resolve
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog
from workers.cli.common import settings

if TYPE_CHECKING:
    from projections.base import Model
    from ticketcore.settings import Settings
    from workers.kafka.settings import KafkaSettings

app = typer.Typer(help="Programs that run until they are stopped.", no_args_is_help=True, add_completion=False)


class Feed(StrEnum):
    """Where a projector reads events."""

    KAFKA = "kafka"
    LOG = "log"


@app.command()
def project(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="queues, history, performance; all without a name.")
    ] = None,
    source: Annotated[
        Feed | None,
        typer.Option("--from", help="By default kafka where TICKETCORE_KAFKA_BOOTSTRAP_SERVERS is set, else log."),
    ] = None,
) -> None:
    """Keep read models up to date; run as many with --from kafka as the topic has partitions."""
    models = [model_named(name) for name in names] if names else list(MODELS)
    known = resolve(settings())
    feed = source or (Feed.KAFKA if os.environ.get("TICKETCORE_KAFKA_BOOTSTRAP_SERVERS") else Feed.LOG)
    with stopped_by_signal() as stop, opened_log(known) as log:
        logger = structlog.get_logger("ticketcore.project")
        logger.info("started", log=log.name, models=[model.name for model in models], feed=feed.value)
        if feed is Feed.LOG:
            with Runner(_read_dsn(known), log, Codec().decode, models=models) as runner:
                runner.run(stop)
        else:
            _project_from_kafka(known, log, models, stop)
        logger.info("stopped")


@app.command()
def relay() -> None:
    """Carry the log to its Kafka topic; of several, one leads and the others stand by."""
    known, kafka = resolve(settings()), kafka_settings()
    from workers.kafka.relay import Relay

    with stopped_by_signal() as stop, opened_log(known) as log:
        logger = structlog.get_logger("ticketcore.relay")
        logger.info("started", log=log.name, topic=kafka.topic_of(log.name))
        Relay(_dsn(known), log, kafka).run(stop)
        logger.info("stopped")


def kafka_settings() -> KafkaSettings:
    """Return the Kafka settings of the environment.

    Raises:
        ConfigurationError: they are missing or wrong, or the client is not installed.
    """
    try:
        import kafka  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "the Kafka client is not installed: expected the extra 'kafka' (pip install 'ticketcore[kafka]')"
        ) from None
    from workers.kafka.settings import KafkaSettings

    return KafkaSettings.load()


@contextmanager
def opened_log(known: Settings) -> Iterator[PostgresLog]:
    """Open the log without any keys: workers read nothing that is sealed."""
    log = PostgresLog(_dsn(known), name=known.log_name, pool_size=min(4, known.pool_size))
    try:
        yield log
    finally:
        log.close()


@contextmanager
def stopped_by_signal() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set; log as JSON lines."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ]
    )
    yield stop


def _project_from_kafka(known: Settings, log: PostgresLog, models: list[Model], stop: threading.Event) -> None:
    kafka = kafka_settings()
    from workers.kafka.projector_worker import ProjectorWorker
    from workers.kafka.together import run_together

    with ExitStack() as stack:
        logs = {kafka.topic_of(log.name): log}
        for name, dsn in kafka.logs.items():
            other = known.model_copy(update={"dsn": dsn.get_secret_value(), "log_name": name})
            logs[f"ticketcore.{name}"] = stack.enter_context(opened_log(other))
        workers = [ProjectorWorker(_read_dsn(known), model, logs, Codec().decode, kafka) for model in models]
        run_together([worker.run for worker in workers], stop)


def _dsn(known: Settings) -> str:
    assert known.dsn is not None  # noqa: S101 -- resolve() names every store
    return known.dsn


def _read_dsn(known: Settings) -> str:
    assert known.read_dsn is not None  # noqa: S101 -- likewise
    return known.read_dsn


groups = {"worker": app}
