"""Logs for tests: `log` is every backend in turn, `postgres_log` the one on a real server."""

from collections.abc import Iterator

import pytest

from tests.store.building import migrated
from ticketcore.store.keys_memory import MemoryKeyStore
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.memory import MemoryLog
from ticketcore.store.port import EventLog, KeyStore
from ticketcore.store.postgres import PostgresLog


@pytest.fixture
def dsn(database: str) -> str:
    """A data base with the tables of log and keys."""
    return migrated(database)


@pytest.fixture
def postgres_log(dsn: str) -> Iterator[PostgresLog]:
    log = PostgresLog(dsn)
    yield log
    log.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def stores(request: pytest.FixtureRequest) -> Iterator[tuple[EventLog, KeyStore]]:
    """A log and its key store."""
    if request.param == "memory":
        memory_keys = MemoryKeyStore()
        yield MemoryLog("main", memory_keys), memory_keys
        return
    dsn = request.getfixturevalue("dsn")
    log, keys = PostgresLog(dsn), PostgresKeyStore(dsn)
    yield log, keys
    log.close()
    keys.close()


@pytest.fixture
def log(stores: tuple[EventLog, KeyStore]) -> EventLog:
    return stores[0]


@pytest.fixture
def keys(stores: tuple[EventLog, KeyStore]) -> KeyStore:
    return stores[1]
