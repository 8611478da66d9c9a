"""The real command in processes of its own, on data bases that are filled once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.postgres import Postgres
from ticketcore import Actor, Settings, TicketCore

SERVICE, ANA = Actor.system("shop"), Actor.agent("ana")
COMMAND = Path(sys.executable).with_name("ticketcore")
OPENED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REPLIED = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)
SOLVED = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


@dataclass
class Cli:
    """Runs ``ticketcore`` in *folder*; no setting of the tests' own environment reaches it."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
        return {**kept, "COLUMNS": "200", **self.settings, **more}

    def __call__(self, *arguments: object, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=self.folder, env=self.environment(**environment), input=stdin,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def ok(self, *arguments: object, **environment: str) -> str:
        """Return the standard output of a command that must succeed without a word on standard error."""
        done = self(*arguments, **environment)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: object) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def fails(self, code: int, *arguments: object, **environment: str) -> str:
        """Return the one message of a command that must end with *code*, and no stack trace."""
        done = self(*arguments, **environment)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("ticketcore: ")
        assert done.stderr.count("\n") == 1
        return done.stderr.strip()


@dataclass(frozen=True)
class Desk:
    """A filled data base: two customers; a solved ticket, an open one of a team, a new one of nobody."""

    dsn: str
    key_file: Path
    zoe: str
    bob: str
    solved: str
    waiting: str
    fresh: str

    def cli(self, folder: Path, dsn: str | None = None) -> Cli:
        return Cli(folder, {
            "TICKETCORE_DSN": dsn or self.dsn, "TICKETCORE_KEY_FILE": str(self.key_file), "TICKETCORE_INLINE": "1",
        })  # fmt: skip


@pytest.fixture(scope="session")
def desk(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Filled once and only read; tests that change something take ``own_desk``."""
    dsn, key_file = postgres.create_database(), tmp_path_factory.mktemp("keys") / "keys.json"
    with TicketCore.open(Settings(dsn=dsn, key_file=key_file, inline=True), migrate=True, make_keys=True) as core:
        zoe = core.register_customer(name="Zoë Ångström", by=SERVICE).number
        core.identify(zoe, kind="mail", value="zoe@example.org", assurance="verified", by=SERVICE)
        bob = core.register_customer(name="Bob", by=SERVICE).number
        solved = core.open_ticket(
            channel="mail", requester=zoe, subject="Parcel [late]", body="Where is it?", by=SERVICE, occurred_at=OPENED
        ).number
        core.assign(solved, team_id="parcels", agent_id="ana", by=ANA, occurred_at=REPLIED)
        core.comment(
            solved, direction="outbound", channel="mail", body="It arrives tomorrow.", by=ANA, occurred_at=REPLIED
        )
        core.solve(solved, by=ANA, occurred_at=SOLVED)
        waiting = core.open_ticket(channel="phone", requester=bob, subject="Invoice", by=SERVICE).number
        core.assign(waiting, team_id="billing", by=ANA)
        fresh = core.open_ticket(channel="chat", requester=zoe, subject="Hello", body="Anybody?", by=SERVICE).number
        core.catch_up()
    return Desk(dsn, key_file, zoe, bob, solved, waiting, fresh)


@pytest.fixture
def cli(desk: Desk, tmp_path: Path) -> Cli:
    return desk.cli(tmp_path)


@pytest.fixture
def own_database(desk: Desk, postgres: Postgres) -> Iterator[str]:
    """A copy of the desk's data base, to be changed."""
    name = desk.dsn.split("dbname=")[1].split()[0]
    dsn = postgres.create_database(template=name)
    yield dsn
    postgres.drop(dsn)


@pytest.fixture
def own_cli(desk: Desk, own_database: str, tmp_path: Path) -> Cli:
    return desk.cli(tmp_path, own_database)


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., Cli]:
    """A command line in an empty folder, with the settings given."""
    return lambda **settings: Cli(tmp_path, settings)
