"""The whole incident log, three ways: through Kafka with workers that are killed, from the log, and in memory."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from projections.base import Model
from projections.memory import MemoryTables
from projections.report import Selection, report
from projections.runner import Runner
from projections.schema import MODELS, connect
from tests.kafka.given import Way, Worker, eventually, opened_log
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres
from tests.support.shared import incident_log
from ticketcore.app import TicketCore
from ticketcore.domain.types import Actor
from ticketcore.importing.importer import import_file
from ticketcore.settings import Settings
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog
from workers.kafka.leadership import progress

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def imported(database: str, tmp_path: Path) -> str:
    """A data base whose log holds every row of the file, and whose read models hold nothing."""
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=False)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        done = import_file(
            incident_log(), "incident_log", zone=ZoneInfo("UTC"), rejects=tmp_path / "rejects.csv", log=core.log,
            sealer=core.sealer, codec=Codec(), by=Actor.system("import"),
        )  # fmt: skip
    assert (done.cases, done.rejects) == (24_918, 0)
    return database


@pytest.fixture
def twin(imported: str, postgres: Postgres) -> Iterator[str]:
    """A copy, for the run straight from the log."""
    dsn = postgres.create_database(template=str(conninfo_to_dict(imported)["dbname"]))
    yield dsn
    postgres.drop(dsn)


@contextmanager
def ended(workers: list[Worker]) -> Iterator[list[Worker]]:
    try:
        yield workers
    finally:
        for worker in workers:
            worker.end(signal.SIGKILL)


def test_the_incident_log_gives_equal_tables_by_kafka_from_the_log_and_in_memory(
    imported: str, twin: str, kafka: Kafka, tmp_path: Path
) -> None:
    way = Way(imported, kafka.bootstrap, kafka.topic_name(), tmp_path)
    way.environ["TICKETCORE_KAFKA_SESSION_TIMEOUT"] = "15"  # five workers start at once, beside everything else
    with opened_log(imported) as log:
        with ended([]) as workers:
            through_kafka(way, log, workers)
        with Runner(twin, log, Codec().decode) as runner:
            assert runner.catch_up() == log.head()
        for model in MODELS:
            expected = in_memory(log, model)
            assert model.name == "intake" or sum(map(len, expected.values())) > 24_000  # no message came in
            assert rows_of(twin, model) == expected
            assert rows_of(imported, model) == expected
    at = Selection(now=datetime(2026, 11, 22, tzinfo=UTC))
    assert report(imported, at) == report(twin, at)


def through_kafka(way: Way, log: PostgresLog, workers: list[Worker]) -> None:
    """Relay everything, a part of it twice; of two workers for all models and one for each, three are killed."""
    relay = way.worker("relay")
    workers.append(relay)
    eventually(lambda: (at := progress(way.dsn, way.topic)) is not None and at.position > 0, 300)
    projectors = [way.worker("project") for _ in range(2)] + [way.worker("project", model.name) for model in MODELS]
    workers += projectors
    folded_over(way, 100)
    assert projectors[0].end(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: (at := progress(way.dsn, way.topic)) is not None and at.position > log.head() // 3, 600)
    assert relay.end(signal.SIGKILL) == -signal.SIGKILL
    with psycopg.connect(way.dsn) as connection:  # as after a crash of the data base that forgot the last moves
        connection.execute("UPDATE log.relays SET position = 0, previous = array_fill(0::bigint, ARRAY[6])")
    workers.append(way.worker("relay"))
    assert projectors[2].end(signal.SIGKILL) == -signal.SIGKILL
    workers.append(way.worker("project"))
    folded_over(way, log.head() // 4)
    assert projectors[1].end(signal.SIGKILL) == -signal.SIGKILL
    way.caught_up(log, 900)
    for worker in [*projectors[3:], *workers[-2:]]:
        assert worker.end() == 0, worker.said[-2_000:]


def folded_over(way: Way, position: int) -> None:
    eventually(lambda: max(way.checkpoints().values(), default=0) > position, 600)


def in_memory(log: PostgresLog, model: Model) -> dict[str, dict[object, tuple[object, ...]]]:
    """Table -> key -> row."""
    tables, codec, after = MemoryTables(model), Codec(), 0
    while records := log.read(after, 10_000):
        tables.apply(codec.decode, records)
        after = records[-1].position
    assert tables.parked == []
    return {
        table.name: {row[: table.key]: plain(row) for row in tables.rows[table.name].values()} for table in model.tables
    }


def rows_of(dsn: str, model: Model) -> dict[str, dict[object, tuple[object, ...]]]:
    """Table -> key -> row, as PostgreSQL has them."""
    with connect(dsn) as connection:
        return {
            table.name: {
                row[: table.key]: plain(row)
                for row in connection.execute(
                    sql.SQL("SELECT {} FROM {}").format(
                        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier(model.name, table.name)
                    ),
                    binary=True,
                )
            }
            for table in model.tables
        }


def plain(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in row)
