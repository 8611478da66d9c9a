"""``verify``, ``rebuild``, ``status``, ``dead-letters``, ``worker project``, and an epoch that changed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import psycopg.sql
import pytest

from projections.schema import MODELS
from tests.cli.conftest import ANA, COMMAND, Cli, Desk
from ticketcore import Settings, TicketCore

Bare = Callable[..., Cli]
pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_status_tells_how_far_everything_is(cli: Cli) -> None:
    found = cli.json("status")
    assert (found["log"], found["behind"], found["dead_letters"]) == ("main", 0, 0)
    assert found["position"] == found["read_models"] > 0
    assert found["epoch"] in cli.ok("status")
    assert cli.ok("dead-letters", "list") == "Dead letters: none\n"
    assert cli.json("dead-letters", "list") == []


def test_status_and_lists_serve_before_the_rebuild_that_a_new_version_asks_for(own_cli: Cli, own_database: str) -> None:
    with psycopg.connect(own_database) as connection:
        connection.execute("UPDATE read_meta.models SET version = version - 1 WHERE model = 'queues'")
    assert own_cli.json("status")["rebuild_due"] == ["queues"]
    assert own_cli.json("dead-letters", "list") == own_cli.json("dead-letters", "drops") == []
    assert "expected" in own_cli.fails(11, "queue", "--as", "agent:ana")
    own_cli.ok("rebuild", "queues", "--quiet")
    assert own_cli.json("status")["rebuild_due"] == []


def test_verify_finds_every_row_as_the_log_says(cli: Cli) -> None:
    assert "Every row is what the log says." in cli.ok("verify")
    assert cli.json("verify")["differences"] == []
    assert "operator" not in cli.ok("verify", "--as", "auditor:ann", "--quiet")
    assert "analyst ann may not verify the read models" in cli.fails(7, "verify", "--as", "analyst:ann")


def test_verify_says_how_far_it_compared_and_what_is_not_projected_yet(
    bare: Bare, database: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    settings = Settings(dsn=database, key_file=keys, inline=False)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        core.open_ticket(channel="mail", subject="Lamp", body="It is dark.", by=ANA)
    here = bare(TICKETCORE_DSN=database, TICKETCORE_KEY_FILE=str(keys), TICKETCORE_INLINE="0")
    said = here.ok("verify")
    assert "Compared up to position 0 of 1." in said
    assert "NOT COMPARED: 1 events are not projected yet (queues 1, history 1, performance 1, intake 1)." in said
    assert "Every row" not in said
    found = here.json("verify")
    assert (found["head"], found["positions"]) == (1, {"queues": 0, "history": 0, "performance": 0, "intake": 0})
    with TicketCore.open(settings) as core:
        core.catch_up()
    assert "Compared up to position 1 of 1.\nEvery row is what the log says.\n" in here.ok("verify")


def test_verify_names_the_row_that_was_changed_and_a_rebuild_mends_it(
    own_cli: Cli, own_database: str, desk: Desk
) -> None:
    with psycopg.connect(own_database) as connection:
        found = connection.execute("SELECT table_schema, table_name FROM information_schema.tables"
                                   " WHERE table_name LIKE 'tickets%' AND table_schema LIKE 'queues%'"
                                   " AND table_type = 'BASE TABLE'").fetchall()  # fmt: skip
        changed = sum(
            connection.execute(
                psycopg.sql.SQL("UPDATE {} SET team_id = 'parcels' WHERE team_id = 'billing'").format(
                    psycopg.sql.Identifier(schema, name)
                )
            ).rowcount
            for schema, name in found
        )
    assert changed == 1
    done = own_cli("verify")
    assert done.returncode == 1
    assert f"queues.tickets {desk.waiting}: different" in done.stdout
    assert "team_id: table 'parcels', log 'billing'" in done.stdout
    assert "Rows that differ: 1." in done.stdout
    assert own_cli("verify", "--json").returncode == 1
    assert own_cli.ok("rebuild", "queues").startswith("queues: generation 2 is live")
    assert "Every row" in own_cli.ok("verify")


def test_rebuild_asks_for_a_name_it_knows(cli: Cli) -> None:
    assert "name a read model, or give --all" in cli.fails(2, "rebuild")
    assert "expected one of queues, history, performance, intake" in cli.fails(4, "rebuild", "nothing")
    assert "may not rebuild the read models" in cli.fails(7, "rebuild", "--all", "--as", "agent:ana")


def test_after_a_restore_readers_stop_until_the_read_models_are_rebuilt(own_cli: Cli) -> None:
    with psycopg.connect(own_cli.settings["TICKETCORE_DSN"]) as connection:
        connection.execute("UPDATE log.meta SET epoch = gen_random_uuid()")
    assert "the log was restored or replaced (run `ticketcore recover`)" in own_cli.fails(8, "queue")
    planned = own_cli("recover", "--dry-run", "--json")
    assert planned.returncode == 1
    assert set(json.loads(planned.stdout)["read_models"].values()) == {"rebuild"}
    assert own_cli.ok("recover").count("is live, made from") == len(MODELS)
    assert "Nothing is to be recovered." in own_cli.ok("recover")
    own_cli.ok("queue")
    assert own_cli.ok("recover", "--restored").count("is live, made from") == len(MODELS)
    own_cli.ok("queue")


def test_the_worker_projects_what_comes_and_ends_with_the_batch_in_hand(own_cli: Cli, desk: Desk) -> None:
    own_cli.settings["TICKETCORE_INLINE"] = "0"
    worker = subprocess.Popen(
        [COMMAND, "worker", "project"],
        cwd=own_cli.folder, env=own_cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        dsn, key_file = own_cli.settings["TICKETCORE_DSN"], own_cli.settings["TICKETCORE_KEY_FILE"]
        with TicketCore.open(Settings.model_validate({"dsn": dsn, "key_file": key_file, "inline": False})) as core:
            taken = core.assign(desk.fresh, team_id="chat", by=ANA)
            entries = core.queue(team_id="chat", by=ANA, seen=taken)
            assert [entry.number for entry in entries] == [desk.fresh]
        worker.send_signal(signal.SIGTERM)
        began = time.monotonic()
        out, err = worker.communicate(timeout=30)
    finally:
        worker.kill()
        worker.wait()
    assert (worker.returncode, out) == (0, "")
    assert time.monotonic() - began < 15
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["started", "stopped"]
