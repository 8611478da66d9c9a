"""The two key stores, so that one set of tests asks both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import ticketcore.store
from ticketcore.store.keys_memory import MemoryKeyStore
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.migrate import migrate
from ticketcore.store.port import KeyStore

SQL = Path(ticketcore.store.__file__).parent / "sql" / "keys"


@pytest.fixture
def keys_dsn(database: str) -> str:
    migrate(database, "keys", SQL)
    return database


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest) -> Iterator[KeyStore]:
    memory = request.param == "memory"
    made: KeyStore = MemoryKeyStore() if memory else PostgresKeyStore(request.getfixturevalue("keys_dsn"))
    yield made
    made.close()
