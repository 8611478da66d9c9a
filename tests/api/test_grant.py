"""Roles of the data base: a service appends and changes nothing, an analyst reads the read models alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projections.rebuild import rebuild
from projections.schema import MODELS
from tests.support.postgres import Postgres
from ticketcore import Actor, Settings, TicketCore
from ticketcore.errors import StoreUnavailable
from ticketcore.policy.manager import PolicyManager
from ticketcore.setup import Work, grant, migrate_all
from ticketcore.store.codec import Codec

pytestmark = pytest.mark.servers
SHOP, ANA = Actor.system("shop"), Actor.agent("ana")


@pytest.fixture
def roles(postgres: Postgres, database: str) -> Iterator[tuple[str, str]]:
    """Two fresh roles without any right, as connection strings of the same data base."""
    dbname = str(conninfo_to_dict(database)["dbname"])
    names = (f"service_{dbname}", f"analyst_{dbname}")
    admin = postgres.dsn(dbname, superuser=True)
    with psycopg.connect(admin, autocommit=True) as connection:
        for name in names:
            connection.execute(f'CREATE ROLE "{name}" LOGIN')
    yield make_conninfo(database, user=names[0]), make_conninfo(database, user=names[1])
    with psycopg.connect(admin, autocommit=True) as connection:
        for name in names:
            connection.execute(f'DROP OWNED BY "{name}"')
            connection.execute(f'DROP ROLE "{name}"')


def test_granted_roles_do_their_work_and_nothing_else(database: str, roles: tuple[str, str], tmp_path: Path) -> None:
    settings = Settings(
        dsn=database, keys_dsn=database, read_dsn=database, key_file=tmp_path / "keys.json", inline=True
    )
    with TicketCore.open(settings, migrate=True, make_keys=True) as owner:
        service_dsn, analyst_dsn = roles
        with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(analyst_dsn) as connection:
            connection.execute("SELECT * FROM queues.tickets")
        works: tuple[tuple[str, Work], ...] = ((service_dsn, "service"), (analyst_dsn, "analyst"))
        for dsn, work in works:
            grant(settings, str(conninfo_to_dict(dsn)["user"]), work=work)

        mine = settings.model_copy(
            update={"dsn": service_dsn, "keys_dsn": service_dsn, "read_dsn": service_dsn, "inline": False}
        )
        with TicketCore.open(mine) as service:
            number = service.open_ticket(channel="form", subject="Hello", body="text", by=SHOP).number
            service.comment(number, direction="outbound", body="answer", by=ANA)
            owner.catch_up()
            for model in MODELS:
                rebuild(database, owner.log, Codec().decode, model)
            assert service.show_ticket(number, by=ANA).subject == "Hello"
            assert [entry.number for entry in service.queue(by=ANA)] == [number]
            owner.adopt_policy("name: test\nteams: {desk: {}}\ndefault_team: desk\n", by=SHOP)
            manager = PolicyManager(service, lambda: datetime.now(UTC) + timedelta(minutes=1))
            assert manager.catch_up().commands == 1
            assert manager.store.retry([], datetime.now(UTC), "operator:ole") == 0

        for statement in (
            "UPDATE log.events SET topic = ''",
            "DELETE FROM log.events",
            "TRUNCATE log.events",
            "DELETE FROM log.receipts",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(service_dsn) as connection:
                connection.execute(statement)
        with psycopg.connect(analyst_dsn) as connection:
            assert connection.execute("SELECT number, status FROM performance.tickets").fetchall() == [(number, "open")]
        for table in ("log.events", "keys.persons", "log.claims"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(analyst_dsn) as connection:
                connection.execute(f"SELECT * FROM {table}")


def test_a_relay_and_a_projector_read_the_log_and_change_none_of_it(database: str, roles: tuple[str, str]) -> None:
    settings = Settings(dsn=database, keys_dsn=database, read_dsn=database)
    migrate_all(settings)
    relay, projector = roles
    grant(settings, str(conninfo_to_dict(relay)["user"]), work="relay")
    grant(settings, str(conninfo_to_dict(projector)["user"]), work="projector")
    move = "INSERT INTO log.relays (topic, epoch, previous) SELECT 't', epoch, '{0}' FROM log.meta"
    with psycopg.connect(relay) as connection:
        connection.execute(move)
    refused = ("INSERT INTO log.receipts SELECT * FROM log.receipts", "DELETE FROM log.claims", "TABLE keys.persons")
    for dsn, statements in ((relay, refused), (projector, (*refused, move))):
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT count(*) FROM log.events").fetchone() == (0,)
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(dsn) as connection:
                connection.execute(statement.encode())


def test_granting_to_nobody_names_the_role(database: str, tmp_path: Path) -> None:
    settings = Settings(
        dsn=database, keys_dsn=database, read_dsn=database, key_file=tmp_path / "keys.json", inline=True
    )
    TicketCore.open(settings, migrate=True, make_keys=True).close()
    with pytest.raises(StoreUnavailable, match=r"cannot grant to 'nobody'.*create the role first"):
        grant(settings, "nobody")
