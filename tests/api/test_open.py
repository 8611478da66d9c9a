"""Opening with the wrong keys, and a server that goes away and comes back while queries run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from projections.queries import PostgresReadModels
from tests.support.postgres import Postgres
from ticketcore import Actor, Settings, TicketCore
from ticketcore.errors import KeyMissing, StoreUnavailable
from ticketcore.store.codec import Codec
from ticketcore.store.keys_memory import MemoryKeyStore
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.memory import MemoryLog

pytestmark = pytest.mark.servers

ANA = Actor.agent("ana")


def test_a_key_file_that_is_not_the_stored_keys_is_refused_at_open(database: str, tmp_path: Path) -> None:
    right = Settings(dsn=database, key_file=tmp_path / "right.json", inline=True, pool_size=2)
    wrong = Settings(dsn=database, key_file=tmp_path / "wrong.json", inline=True, pool_size=2)
    with TicketCore.open(right, migrate=True, make_keys=True) as core:
        core.open_ticket(channel="form", body="text", by=ANA)
    with pytest.raises(KeyMissing, match=r"is missing: .*wrong\.json holds .* \(put the key of that id back"):
        TicketCore.open(wrong, make_keys=True)
    same_id = tmp_path / "right.json"
    other = (tmp_path / "wrong.json").read_text().split('"')
    mine = same_id.read_text().split('"')
    mine[-2] = other[-2]
    same_id.write_text('"'.join(mine))
    with pytest.raises(KeyMissing, match="are not those of the stored keys"):
        TicketCore.open(right)


def test_an_empty_store_takes_any_key_file(database: str, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        settings = Settings(dsn=database, key_file=tmp_path / name, inline=True)
        TicketCore.open(settings, migrate=True, make_keys=True).close()


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("inline", [True, False])
def test_queries_wait_for_a_server_that_was_killed_and_comes_back(
    own_server: Postgres, tmp_path: Path, inline: bool
) -> None:
    dsn = own_server.create_database()
    settings = Settings(dsn=dsn, key_file=tmp_path / "keys.json", inline=inline, pool_size=2)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        number = core.open_ticket(channel="form", subject="Hello", body="text", by=ANA).number
        core.catch_up()
        asks: list[Callable[[], object]] = [
            lambda: [entry.number for entry in core.queue(by=ANA)],
            lambda: core.show_ticket(number, by=ANA).subject,
        ]
        assert [ask() for ask in asks] == [[number], "Hello"]
        for ask, expected in zip(asks, ([number], "Hello"), strict=True):
            own_server.kill9()
            again = threading.Timer(1.5, own_server.start)
            again.start()
            try:
                assert ask() == expected
            finally:
                again.join()


def test_a_server_that_stays_away_is_named_with_the_cause(tmp_path: Path) -> None:
    dsn = f"host={tmp_path} dbname=gone"
    store = PostgresKeyStore(dsn, timeout=0.5)
    with pytest.raises(StoreUnavailable, match=r"the keys, 'gone': it did not answer for 0\.5 s: .*No such file"):
        store.key_ids()
    store.close()
    read = PostgresReadModels(dsn, MemoryLog("main", MemoryKeyStore()), Codec().decode, patience=0.5)
    with pytest.raises(
        StoreUnavailable, match=r"read models' data base 'gone' did not answer for 0\.5 s: .*No such file"
    ):
        read.queue()
    read.close()
