import re
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import psycopg
import pytest

from tests.store.building import SQL, migrated
from ticketcore.errors import ConfigurationError, StoreUnavailable
from ticketcore.store import migrate as module
from ticketcore.store.migrate import migrate, migrations_in, pending
from ticketcore.store.postgres import PostgresLog

pytestmark = pytest.mark.servers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (n int); INSERT INTO first VALUES (1);")
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE second (n int)")
    return tmp_path


def names(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


def test_what_is_missing_is_applied_in_order_and_once(database: str, folder: Path) -> None:
    assert pending(database, "x", folder) == ["0001_first", "0002_second"]
    assert migrate(database, "x", folder) == ["0001_first", "0002_second"]
    assert migrate(database, "x", folder) == []
    assert pending(database, "x", folder) == []
    (folder / "0003_third.sql").write_text("CREATE TABLE third (n int)")
    assert migrate(database, "x", folder) == ["0003_third"]
    assert {"first", "second", "third"} < set(names(database))


def test_a_failing_file_leaves_nothing_and_those_before_it_stay(database: str, folder: Path) -> None:
    (folder / "0002_second.sql").write_text("CREATE TABLE second (n int); SELECT 1 / 0")
    with pytest.raises(StoreUnavailable, match=r"migration 0002_second of 'x' failed and was rolled back: division"):
        migrate(database, "x", folder)
    assert pending(database, "x", folder) == ["0002_second"]
    assert "second" not in names(database)


def test_a_file_that_was_changed_after_it_was_applied_is_told(database: str, folder: Path) -> None:
    migrate(database, "x", folder)
    (folder / "0001_first.sql").write_text("CREATE TABLE other (n int)")
    with pytest.raises(StoreUnavailable, match=r"migration 0001_first of 'x' was changed after it was applied"):
        migrate(database, "x", folder)


def test_a_data_base_that_is_newer_than_the_library_is_refused(database: str, folder: Path) -> None:
    migrate(database, "x", folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(StoreUnavailable, match=r"has migration 2 \('second'\) of 'x', this library knows 1.*upgrade"):
        pending(database, "x", folder)


def test_a_gap_in_the_data_base_is_told(database: str, folder: Path) -> None:
    migrate(database, "x", folder)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM ticketcore_migrations WHERE number = 1")
    with pytest.raises(StoreUnavailable, match=re.escape("has migration 2 of 'x' and lacks [1], expected no gap")):
        migrate(database, "x", folder)


@pytest.mark.parametrize("name", ["0004_late.sql", "0002_twice.sql"])
def test_a_gap_or_double_among_the_files_is_told(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1")
    with pytest.raises(ConfigurationError, match=r"expected 1, 2, 3, ... without gap or double"):
        migrations_in(folder)


def test_a_misnamed_file_is_told(folder: Path) -> None:
    (folder / "3_third.sql").write_text("SELECT 1")
    with pytest.raises(ConfigurationError, match=r"'3_third.sql' is misnamed: expected NNNN_name.sql"):
        migrations_in(folder)


def test_an_old_server_is_refused_with_both_versions(
    database: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OLDEST_SERVER", 99)
    with pytest.raises(StoreUnavailable, match=r"is PostgreSQL \d+\.\d+, expected PostgreSQL 99 or newer"):
        migrate(database, "x", folder)


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(StoreUnavailable, match=r"cannot reach the data base to migrate it: .*is the server up"):
        migrate("host=/nowhere dbname=x", "log", SQL / "log")


def test_several_threads_and_processes_migrate_at_once(database: str) -> None:
    script = f"from tests.store.building import migrated; migrated({database!r})"
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    barrier, done = Barrier(4), list[int]()

    def work() -> None:
        barrier.wait()
        done.append(len(migrate(database, "log", SQL / "log")))

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(done) == 4
    assert pending(database, "log", SQL / "log") == []


def test_every_migration_tells_its_undo() -> None:
    for folder in (SQL / "log", SQL / "keys"):
        for migration in migrations_in(folder):
            assert b"-- Undo: " in migration.sql, migration


def test_the_undos_of_the_log_in_reverse_leave_nothing(database: str) -> None:
    migrated(database)
    with psycopg.connect(database, autocommit=True) as connection:
        for migration in reversed(migrations_in(SQL / "log")):
            undo = re.search(r"-- Undo: ([^;]*;)", migration.sql.decode())
            assert undo is not None
            connection.execute(undo[1].encode())
        assert connection.execute("SELECT FROM pg_namespace WHERE nspname = 'log'").fetchone() is None


def test_a_log_is_not_opened_before_it_is_migrated(database: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"lacks \d+ migration.*'0001_tables'.*run `ticketcore db migrate`"):
        PostgresLog(database)
    shutil.copy(SQL / "log" / "0001_tables.sql", tmp_path)
    migrate(database, "log", tmp_path)
    with pytest.raises(StoreUnavailable, match=r"lacks \d+ migration.*'0002_append_only'"):
        PostgresLog(database)
