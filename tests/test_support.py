"""The tests' own server can be killed and comes back; their data bases are fresh, and gone afterwards."""

from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import Postgres
from tests.support.shared import incident_log

pytestmark = pytest.mark.servers


def test_a_data_base_is_fresh_and_its_owner_is_no_superuser(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)


def test_a_copy_of_a_data_base_holds_what_it_held(postgres: Postgres, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        name = connection.info.dbname
    copy = postgres.create_database(template=name)
    with psycopg.connect(copy) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    postgres.drop(copy)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(copy)


def test_a_killed_server_comes_back_with_what_was_committed() -> None:
    with Postgres() as server:
        dsn = server.create_database()
        for number in range(3):
            with psycopg.connect(dsn) as connection:
                connection.execute(f"CREATE TABLE kept_{number} ()")
            killed = server.pid
            server.kill9()
            server.start()
            assert server.pid != killed
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE tablename ~ 'kept_'").fetchone() == (3,)
    assert not server.folder.exists()


def test_a_missing_shared_folder_is_a_plain_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TICKETCORE_SHARED", str(tmp_path))
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="name the folder that holds data/ by TICKETCORE_SHARED"):
        incident_log()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="the incident log is not at"):
        incident_log()
