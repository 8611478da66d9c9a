from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ticketcore import Settings, TicketCore


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TicketCore]:
    """The same object without a server and on a real one: both keep the same contract."""
    if request.param == "memory":
        opened = TicketCore.in_memory()
    else:
        dsn: str = request.getfixturevalue("database")
        settings = Settings(dsn=dsn, key_file=tmp_path / "keys.json", inline=True, pool_size=4)
        opened = TicketCore.open(settings, migrate=True, make_keys=True)
    yield opened
    opened.close()
