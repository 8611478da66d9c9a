from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.given import Way, opened_log
from tests.support.kafka import Kafka
from ticketcore.store.postgres import PostgresLog


@pytest.fixture
def way(database: str, kafka: Kafka, tmp_path: Path) -> Way:
    return Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path)


@pytest.fixture
def log(way: Way) -> Iterator[PostgresLog]:
    with opened_log(way.dsn) as opened:
        yield opened
