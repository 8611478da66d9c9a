"""``ticketcore keys scrub`` as a process: what it says and what it can't do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.postgres import Postgres
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.setup import grant, resolve

pytestmark = pytest.mark.servers

SHOP = Actor.system("shop")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")


def ticketcore(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert settings.dsn is not None
    environment = {**os.environ, "TICKETCORE_DSN": settings.dsn, "TICKETCORE_KEY_FILE": str(settings.key_file)}
    command = [sys.executable, "-c", "from workers.cli import main; main()", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return Settings(dsn=database, key_file=tmp_path / "keys.json", inline=True, pool_size=2)


def test_forgetting_names_what_is_left_to_do_and_scrub_does_it(settings: Settings) -> None:
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        number = core.register_customer(name="Zoë", by=SHOP).number

    forgotten = ticketcore(settings, "customer", "forget", number, "--reason", "asked to", "--yes")
    assert forgotten.returncode == 0, forgotten.stderr
    said = " ".join(forgotten.stdout.split())
    assert "`ticketcore keys scrub`" in said
    assert "backups" in said

    assert settings.dsn is not None
    files = "SELECT pg_relation_filepath('keys.persons'), pg_relation_filepath('keys.event_keys')"
    with psycopg.connect(settings.dsn) as connection:
        before = connection.execute(files).fetchone()
        connection.commit()
        done = ticketcore(settings, "keys", "scrub")
        after = connection.execute(files).fetchone()
    assert done.returncode == 0, done.stderr
    assert "no destroyed key any more" in done.stdout
    assert before is not None
    assert after is not None
    assert not set(before) & set(after)


def test_a_role_that_may_not_rewrite_the_tables_is_told_so(settings: Settings, postgres: Postgres) -> None:
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        core.register_customer(name="Zoë", by=SHOP)
    assert settings.dsn is not None
    with psycopg.connect(postgres.dsn("postgres", superuser=True), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS scrubbing_service")
        connection.execute("CREATE ROLE scrubbing_service LOGIN")
    grant(resolve(settings), "scrubbing_service")
    service = settings.model_copy(update={"dsn": make_conninfo(settings.dsn, user="scrubbing_service")})
    assert conninfo_to_dict(str(service.dsn))["user"] == "scrubbing_service"

    refused = ticketcore(service, "keys", "scrub")

    assert refused.returncode == 3
    assert "cannot scrub keys.persons: permission denied" in refused.stderr
    assert "as the role that ran `ticketcore db migrate`" in refused.stderr
