"""``ticketcore worker``: programs that run until SIGTERM or SIGINT, finish what is in hand and exit 0."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from projections.observing import UNWATCHED
from projections.runner import Runner
from projections.schema import MODELS, model_named
from ticketcore.app import TicketCore
from ticketcore.errors import ConfigurationError, StoreUnavailable
from ticketcore.setup import resolve
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog
from workers.cli.common import parse_time, settings
from workers.observing.watching import LogStore, Worker, watched, working

if TYPE_CHECKING:
    from pydantic import SecretStr

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
        list[str] | None,
        typer.Argument(metavar="NAME...", help="queues, history, performance, intake; all without a name."),
    ] = None,
    source: Annotated[
        Feed | None,
        typer.Option("--from", help="By default kafka where TICKETCORE_KAFKA_BOOTSTRAP_SERVERS is set, else log."),
    ] = None,
) -> None:
    """Keep read models up to date; run as many with --from kafka as the topic has partitions."""
    models = [model_named(name) for name in dict.fromkeys(names)] if names else list(MODELS)
    known = resolve(settings())
    feed = source or (Feed.KAFKA if os.environ.get("TICKETCORE_KAFKA_BOOTSTRAP_SERVERS") else Feed.LOG)
    with working("project", known.log_name) as worker:
        if feed is Feed.LOG:
            _project_from_log(known, models, worker)
        else:
            _project_from_kafka(known, models, worker)


@app.command()
def relay() -> None:
    """Carry the log to its Kafka topic; of several, one leads and the others stand by."""
    known, kafka = resolve(settings()), kafka_settings()
    from workers.kafka.relay import Relay
    from workers.observing.broker import ask

    topic = kafka.topic_of(known.log_name)
    with (
        working("relay", known.log_name) as worker,
        watched(worker, [LogStore(known.log_name, _dsn(known), topic)], ["relay"], kafka=lambda: ask(kafka)) as metrics,
        opened_log(known) as log,
    ):
        structlog.get_logger("ticketcore.relay").info("started", topic=topic)
        carrier = Relay(_dsn(known), log, kafka, **(metrics.for_relay(topic) if metrics else {}))
        if metrics:
            metrics.relay_leads(topic, lambda: carrier.leads)
        carrier.run(worker.stop)


@app.command()
def outgoing(
    since: Annotated[
        str | None,
        typer.Option(
            help="At the first start: what was written before this instant (ISO 8601) is not sent; an hour ago."
        ),
    ] = None,
) -> None:
    """Send agents' replies and acknowledgements by mail; run as many as you like."""
    from workers.outgoing.sender import OUTGOING, Sender
    from workers.outgoing.settings import SmtpSettings

    smtp, known = SmtpSettings.load(), resolve(settings()).model_copy(update={"inline": False})
    began = parse_time(since, "--since") or datetime.now(UTC) - timedelta(hours=1)
    if known.mail_from is None:
        raise ConfigurationError(
            "TICKETCORE_MAIL_FROM is not set: expected who mail is from, as in 'Support <support@example.org>' (set it)"
        )
    with (
        working("outgoing", known.log_name) as worker,
        watched(worker, [LogStore(known.log_name, _dsn(known), None)], ["outgoing"]) as metrics,
        closing(TicketCore.open(known)) as core,
    ):
        core.templates.check()
        dropped = core.begin_outgoing(began, by=OUTGOING)
        logger = structlog.get_logger("ticketcore.outgoing")
        logger.info("started", server=f"{smtp.host}:{smtp.server_port}", **({"dropped": dropped} if dropped else {}))
        Sender(core, smtp, **(metrics.for_outgoing(core.undelivered) if metrics else {})).run(worker.stop)


@app.command()
def policies(
    poll: Annotated[
        float, typer.Option(min=0.05, max=60, metavar="SECONDS", help="Between looks where nothing is to be done.")
    ] = 0.5,
) -> None:
    """Do what the policy in force wants done, as events come in and times come; run as many as you like."""
    from ticketcore.policy.manager import PolicyManager
    from workers.policies.follower import follow

    known = resolve(settings()).model_copy(update={"inline": False})
    stores = [LogStore(known.log_name, _dsn(known), None)]
    with (
        working("policies", known.log_name) as worker,
        watched(worker, stores, ["policies"], policies=True) as metrics,
        closing(TicketCore.open(known)) as core,
    ):
        follow(PolicyManager(core), worker.stop, poll, metrics.for_policies() if metrics else None)


@app.command()
def intake() -> None:
    """Take mail by LMTP or SMTP; a message is answered with 250 once it is recorded. Run as many as you like."""
    try:
        from workers.incoming.server import listening
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name!r} is not installed: expected the extra 'workers' (pip install 'ticketcore[workers]')"
        ) from None
    from ticketcore.intake.service import Intake
    from workers.incoming.reception import Reception
    from workers.incoming.settings import IncomingSettings

    incoming, known = IncomingSettings.load(), resolve(settings()).model_copy(update={"inline": False})
    with (
        working("intake", known.log_name) as worker,
        watched(worker, [LogStore(known.log_name, _dsn(known), None)], ["intake"]) as metrics,
        closing(TicketCore.open(known)) as core,
    ):
        logger, service = structlog.get_logger("ticketcore.intake"), Intake(core)
        reception = Reception(incoming, service.receive_mail, metrics.for_intake() if metrics else None)
        with listening(incoming, reception) as address:
            logger.info("intake.listening", address=address, protocol=incoming.protocol)
            while not worker.stop.is_set():
                try:
                    swept = service.sweep()
                    if metrics:
                        metrics.round("intake")
                    if swept:
                        logger.info("intake.swept", messages=len(swept))
                except StoreUnavailable as error:
                    logger.warning("intake.retry", error=error)
                worker.stop.wait(min(incoming.sweep, worker.settings.health_timeout / 2))


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


def settings_of(known: Settings, name: str, dsn: SecretStr) -> Settings:
    """Return the settings of another log that feeds the same read models."""
    return known.model_copy(update={"dsn": dsn.get_secret_value(), "log_name": name})


@contextmanager
def other_logs(known: Settings) -> Iterator[list[PostgresLog]]:
    """Open the other logs that feed the read models: those that TICKETCORE_KAFKA_LOGS names."""
    named = kafka_settings().logs if os.environ.get("TICKETCORE_KAFKA_LOGS") else {}
    with ExitStack() as stack:
        yield [stack.enter_context(opened_log(settings_of(known, *one))) for one in named.items()]


def _project_from_log(known: Settings, models: list[Model], worker: Worker) -> None:
    stores = [LogStore(known.log_name, _dsn(known), None)]
    with (
        watched(worker, stores, ["log"], read_dsn=_read_dsn(known), models=_names(models)) as metrics,
        opened_log(known) as log,
    ):
        _started(models, Feed.LOG)
        with Runner(
            _read_dsn(known), log, Codec().decode_to_fold, models=models, observer=metrics or UNWATCHED
        ) as runner:
            runner.run(worker.stop)


def _project_from_kafka(known: Settings, models: list[Model], worker: Worker) -> None:
    kafka = kafka_settings()
    from workers.kafka.projector_worker import ProjectorWorker
    from workers.observing.broker import ask

    sources = {kafka.topic_of(known.log_name): known}
    for name, dsn in kafka.logs.items():
        sources[f"ticketcore.{name}"] = settings_of(known, name, dsn)
    stores = [LogStore(source.log_name, _dsn(source), topic) for topic, source in sources.items()]
    names = _names(models)
    with ExitStack() as stack:
        metrics = stack.enter_context(
            watched(worker, stores, names, read_dsn=_read_dsn(known), models=names, kafka=lambda: ask(kafka))
        )
        logs = {topic: stack.enter_context(opened_log(source)) for topic, source in sources.items()}
        _started(models, Feed.KAFKA)
        ProjectorWorker(_read_dsn(known), models, logs, Codec().decode_to_fold, kafka, metrics or UNWATCHED).run(
            worker.stop
        )


def _started(models: list[Model], feed: Feed) -> None:
    structlog.get_logger("ticketcore.project").info("started", models=_names(models), feed=feed.value)


def _names(models: list[Model]) -> list[str]:
    return [model.name for model in models]


def _dsn(known: Settings) -> str:
    assert known.dsn is not None  # noqa: S101 -- resolve() names every store
    return known.dsn


def _read_dsn(known: Settings) -> str:
    assert known.read_dsn is not None  # noqa: S101 -- likewise
    return known.read_dsn


groups = {"worker": app}
