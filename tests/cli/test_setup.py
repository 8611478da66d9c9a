"""Before the first command: data base, keys, settings; every message names its way out."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Cli, Desk

Bare = Callable[..., Cli]


def test_asking_in_a_folder_without_a_data_base_makes_none(bare: Bare) -> None:
    cli = bare()
    said = cli.fails(3, "queue")
    assert f"no data base in {cli.folder}/.ticketcore" in said
    assert "make one: ticketcore demo" in said
    assert "no data base in" in cli.fails(3, "keys", "status")
    assert "no data base in" in cli.fails(3, "recover")
    done = cli("db", "status")
    assert (done.returncode, "ticketcore db start" in done.stdout) == (3, True)
    assert cli.ok("db", "stop") == "It did not run.\n"
    assert list(cli.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TICKETCORE_POOL_SIZE", "many", "should be a valid integer"),
        ("TICKETCORE_LOG_NAME", "a b", "should match pattern"),
        ("TICKETCORE_WAIT_TIMEOUT", "-1", "should be greater than 0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(bare: Bare, name: str, value: str, said: str) -> None:
    message = bare(**{name: value}).fails(3, "queue")
    assert f"({name}) is '{value}'" in message
    assert said in message
    done = bare(**{name: value})("queue", "--json")
    assert json.loads(done.stderr)["error"] == "configuration"


def test_a_server_that_is_not_there_is_told(bare: Bare, tmp_path: Path) -> None:
    cli = bare(TICKETCORE_DSN=f"host={tmp_path} dbname=nothing", TICKETCORE_KEY_FILE="keys.json")
    assert cli.ok("keys", "init").startswith("Made keys.json.")
    assert "start the server or mend the DSN" in cli.fails(3, "queue")
    assert "is the server up, is the DSN right?" in cli.fails(3, "db", "migrate")


@pytest.mark.servers
def test_a_data_base_without_tables_asks_for_the_migration(bare: Bare, database: str) -> None:
    cli = bare(TICKETCORE_DSN=database, TICKETCORE_KEY_FILE="keys.json")
    cli.ok("keys", "init")
    assert "ticketcore db migrate" in cli.fails(3, "queue")
    done = cli("db", "status")
    assert done.returncode == 3
    assert "missing migrations: log/0001_tables" in done.stdout
    assert "applied log/0001_tables" in cli.ok("db", "migrate")
    assert cli.ok("db", "migrate") == "nothing to do\n"
    assert cli.ok("db", "status") == "missing migrations: none\n"
    assert cli.ok("queue") == "Queue, next to take first: none\n"


@pytest.mark.servers
def test_a_missing_or_foreign_key_is_told(cli: Cli, desk: Desk, tmp_path: Path) -> None:
    show = ("ticket", "show", desk.solved)
    cli.settings["TICKETCORE_KEY_FILE"] = str(tmp_path / "other.json")
    assert "no key file" in cli.fails(3, *show)
    cli.ok("keys", "init")
    assert "there is one already" in cli.fails(3, "keys", "init")
    assert "put the key of that id back from its backup" in cli.fails(3, *show)
    (tmp_path / "other.json").write_text("{}")
    assert "ticketcore: " in cli.fails(3, *show)
    assert "TICKETCORE_KEYS" in cli.fails(3, *show, TICKETCORE_KEYS="no json")
    (tmp_path / "other.json").unlink()
    del cli.settings["TICKETCORE_KEY_FILE"]
    assert "expected TICKETCORE_KEY_FILE or TICKETCORE_KEYS" in cli.fails(3, *show)


@pytest.mark.servers
def test_keys_are_rotated_and_the_old_one_retired(own_cli: Cli, desk: Desk, tmp_path: Path) -> None:
    own_cli.settings["TICKETCORE_KEY_FILE"] = str(shutil.copy2(desk.key_file, tmp_path / "keys.json"))
    old = own_cli.json("keys", "status")
    assert f"active: {old['active']}" in own_cli.ok("keys", "status")
    assert "expected" in own_cli.fails(3, "keys", "retire", old["active"])
    assert "is active" in own_cli.ok("keys", "rotate")
    new = own_cli.json("keys", "status")
    assert new["active"] != old["active"]
    assert new["wrapped"] == {new["active"]: old["wrapped"][old["active"]]}
    assert "is gone from the key file" in own_cli.ok("keys", "retire", old["active"])
    assert "Where is it?" in own_cli.ok("ticket", "show", desk.solved)


@pytest.mark.servers
def test_keys_are_managed_by_operators_only(cli: Cli) -> None:
    for command in (("status",), ("rotate",), ("retire", "x"), ("scrub",)):
        said = cli.fails(7, "keys", *command, "--as", "agent:ana")
        assert "agent ana may not manage the keys: expected one of the roles operator" in said
    assert "active: " in cli.ok("keys", "status", "--as", "operator:ops")


@pytest.mark.servers
def test_a_log_of_another_name_is_refused(cli: Cli) -> None:
    assert "is named 'main', expected 'other'" in cli.fails(3, "queue", TICKETCORE_LOG_NAME="other")


@pytest.mark.servers
@pytest.mark.slow
def test_the_embedded_server_is_made_stopped_and_started_by_the_next_question(bare: Bare) -> None:
    cli = bare()
    try:
        assert "applied read/tables" in cli.ok("db", "migrate")
        assert "no key file" in cli.fails(3, "queue")
        cli.ok("keys", "init")
        assert cli.json("db", "status")["embedded"]["running"]
        assert cli.ok("db", "stop") == "Stopped.\n"
        assert "start it: ticketcore db start" in cli("db", "status").stdout
        assert cli.ok("queue") == "Queue, next to take first: none\n"
        assert "missing migrations: none" in cli.ok("db", "status")
        assert cli.ok("db", "start").startswith("The embedded PostgreSQL runs: host=")
    finally:
        cli("db", "stop")


def test_help_is_quick_and_every_command_has_its_line(bare: Bare) -> None:
    from workers.cli.app import COMMANDS

    code = "import sys; sys.argv = ['ticketcore', '--help']\nfrom workers.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    loaded = "print([name for name in ('psycopg', 'ticketcore', 'eventsourcing') if name in sys.modules])"
    done = subprocess.run(
        [COMMAND.with_name("python"), "-c", code + loaded],
        env=bare().environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]", "help loads neither the library nor the driver"
    for name in COMMANDS:
        assert f" {name} " in done.stdout


def test_wrong_usage_is_one_line_and_exit_code_2(bare: Bare) -> None:
    cli = bare()
    assert cli.ok("--version").startswith("ticketcore 0.")
    assert cli.fails(2, "queue", "--colour") == "ticketcore: No such option: --colour (see `ticketcore queue --help`)"
    assert "Did you mean 'queue'?" in cli.fails(2, "queu")
    assert "Missing argument 'number'" in cli.fails(2, "ticket", "show")
    assert json.loads(cli("queue", "--limit", "x", "--json").stderr)["error"] == "invalid"
    assert "expected ROLE:ID with a role of" in cli.fails(2, "rebuild", "queues", "--as", "bob")
    assert "expected ISO 8601" in cli.fails(2, "ticket", "show", "T-2026-000001-5", "--at", "yesterday")
    assert "as in Europe/Berlin" in cli.fails(
        2, "ticket", "show", "T-2026-000001-5", "--at", "2026-01-01", "--zone", "X"
    )
