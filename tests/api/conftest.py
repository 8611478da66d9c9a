from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Postgres
from ticketcore import Settings, TicketCore


@pytest.fixture(
    params=[
        "memory",
        pytest.param("postgres", marks=pytest.mark.servers),
        pytest.param("three data bases", marks=pytest.mark.servers),
    ]
)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TicketCore]:
    """The same object without a server, on one data base, and with log, keys and read models in one each."""
    if request.param == "memory":
        with TicketCore.in_memory() as opened:
            yield opened
        return
    dsn: str = request.getfixturevalue("database")
    settings = Settings(dsn=dsn, key_file=tmp_path / "keys.json", inline=True, pool_size=4)
    others: list[str] = []
    server: Postgres = request.getfixturevalue("postgres")
    if request.param == "three data bases":
        others = [server.create_database(), server.create_database()]
        settings = settings.model_copy(update={"keys_dsn": others[0], "read_dsn": others[1]})
    try:
        with TicketCore.open(settings, migrate=True, make_keys=True) as opened:
            yield opened
    finally:
        for other in others:
            server.drop(other)


@pytest.fixture
def twin(core: TicketCore) -> Iterator[TicketCore]:
    """Another process' core on the same stores, as far as one process can have it; in memory the same one."""
    if core.settings.dsn is None:
        yield core
        return
    with TicketCore.open(core.settings) as opened:
        yield opened
