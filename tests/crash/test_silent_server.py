"""A server that takes a connection and never answers, as one does that dies while it greets: waits stay bounded."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from projections.schema import connect
from tests.crash.processes import until
from ticketcore.errors import StoreUnavailable
from ticketcore.store.keys_postgres import PostgresKeyStore

pytestmark = pytest.mark.slow


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def dsn_of(server: socket.socket) -> str:
    return f"host=127.0.0.1 port={server.getsockname()[1]} dbname=none user=nobody"


def test_read_models_give_up_on_a_server_that_never_answers(silent: socket.socket) -> None:
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match="cannot reach the read models' data base"):
        connect(dsn_of(silent))
    assert time.monotonic() - begun < 15


def test_a_key_store_connects_anew_after_one_attempt_got_no_answer(silent: socket.socket) -> None:
    silent.settimeout(30)
    store = PostgresKeyStore(dsn_of(silent), timeout=0.5)
    attempts = []

    def again() -> bool:
        with pytest.raises(StoreUnavailable, match="cannot reach the data base of the keys"):
            store.persons([uuid4()])
        silent.settimeout(0.01)
        try:
            attempts.append(silent.accept()[0])  # held, and never answered
        except TimeoutError:
            return False
        return len(attempts) > 1

    until(again, 20, "a second attempt to connect")
    store.close()
    for attempt in attempts:
        attempt.close()
