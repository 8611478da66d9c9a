"""Where the sides are measured: one server with durable commits, a data base for each, the same input."""

from __future__ import annotations

import lzma
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg

from bench.harness import say
from bench.stock import StockDesk, environment
from ticketcore.app import TicketCore
from ticketcore.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Postgres

__all__ = ["BODY", "SUBJECT", "Place", "now", "opened"]

SUBJECT = "Parcel 4711 has not arrived"
BODY = (
    "Good morning, my parcel was promised for last Tuesday and the tracking page has said 'in transit' ever since. "
    "The neighbours have nothing either. Could you please find out where it is, and whether it can be here by the weekend? "
    "It is a present. If not, I would rather have the money back. Thank you."
)
"""About 300 bytes of text, as issue and answer have it."""


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)


class Place:
    """A server and what the parts share.

    Args:
        server: running, with ``fsync`` on.
        folder: for key files and samples; the caller removes it.
    """

    def __init__(self, server: Postgres, folder: Path) -> None:
        self.server, self.folder = server, folder

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a data base for the time of the block and give its DSN."""
        dsn = self.server.create_database()
        try:
            yield dsn
        finally:
            self.server.drop(dsn)

    def open(self, dsn: str, **settings: Any) -> TicketCore:
        """Open our side on *dsn*, migrated, with a key file of its own; nothing projects inline."""
        keys = self.folder / f"{uuid4()}.keys.json"
        chosen = Settings(dsn=dsn, key_file=keys, inline=False, **settings)
        return TicketCore.open(chosen, migrate=True, make_keys=True)

    @contextmanager
    def core(self, **settings: Any) -> Iterator[TicketCore]:
        """Open our side on a data base of its own."""
        with self.database() as dsn, self.open(dsn, **settings) as core:
            yield core

    @contextmanager
    def stock(self) -> Iterator[StockDesk]:
        """Open the stock library on a data base of its own."""
        with self.database() as dsn:
            app = StockDesk(environment(dsn))
            try:
                yield app
            finally:
                app.close()

    def sample(self, rows: int | None) -> Path:
        """Return a CSV file of the first *rows* rows of the incident log, of all where ``None``."""
        from tests.support.shared import shared_folder

        packed = shared_folder() / "data" / "incident_event_log.csv.xz"
        if not packed.exists():
            say(f"no incident log at {packed} (name its folder by TICKETCORE_SHARED): a synthetic one is used instead")
            from bench.synthetic import write

            return write(self.folder / f"synthetic-{rows or 40_000}.csv", rows or 40_000)
        if rows is None:
            return packed
        path = self.folder / f"sample-{rows}.csv"
        if not path.exists():
            with lzma.open(packed, "rt", encoding="utf-8", newline="") as source, path.open("w", newline="") as target:
                for number, line in enumerate(source):
                    if number > rows:
                        break
                    target.write(line)
        return path


@contextmanager
def opened() -> Iterator[Place]:
    """Start a server for the time of the block."""
    from tests.support.postgres import Postgres

    with (
        tempfile.TemporaryDirectory(prefix="ticketcore-bench-") as folder,
        Postgres({"fsync": "on", "synchronous_commit": "on"}) as server,
    ):
        with psycopg.connect(server.dsn("postgres", superuser=True)) as connection:
            shown = {
                name: connection.execute(f"SHOW {name}").fetchone()
                for name in ("server_version", "fsync", "synchronous_commit", "wal_sync_method")
            }
        say("PostgreSQL " + ", ".join(f"{name} {row[0]}" for name, row in shown.items() if row))
        yield Place(server, Path(folder))
