"""``ticketcore events`` and ``ticketcore queue``."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.cli.conftest import COMMAND, Cli, Desk

pytestmark = pytest.mark.servers


def test_events_are_one_json_object_a_line_from_the_position_on(cli: Cli) -> None:
    head = cli.json("status")["position"]
    lines = [json.loads(line) for line in cli.ok("events", "--from", 3, "--json").splitlines()]
    assert [line["position"] for line in lines] == list(range(3, head + 1))
    assert {"topic", "version", "recorded_at", "occurred_at", "actor", "fields", "number"} <= set(lines[0])


def test_events_for_people_are_a_table(cli: Cli) -> None:
    shown = cli.ok("events", "--from", 2, "--limit", 2)
    assert "Events from position 2" in shown
    assert "customer.identified" in shown
    assert cli.ok("events", "--from", 100_000) == "Events from position 100000, times in UTC: none\n"


def test_a_reader_that_leaves_the_pipe_is_no_error(cli: Cli) -> None:
    for arguments in ("events --json", "events --limit 50", "--help", "queue --help"):
        done = subprocess.run(
            ["/bin/sh", "-c", f'{{ "{COMMAND}" {arguments}; echo "ended with $?" >&2; }} | true'],
            cwd=cli.folder, env=cli.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stderr == "ended with 0\n", arguments


def test_only_who_may_read_the_log_reads_it(cli: Cli) -> None:
    assert "agent ana may not read events" in cli.fails(7, "events", "--as", "agent:ana")


def test_the_queue_holds_what_waits_and_json_the_same(cli: Cli, desk: Desk) -> None:
    waiting = cli.json("queue")
    shown = cli.ok("queue")
    assert {entry["number"] for entry in waiting} == {desk.waiting, desk.fresh}
    assert "Queue, next to take first" in shown
    assert desk.waiting in shown
    assert desk.fresh in shown
    assert desk.solved not in shown
    assert "agent" not in shown, "a column without any value is left out"


def test_the_queue_is_narrowed_by_team_and_limit(cli: Cli, desk: Desk) -> None:
    assert [entry["number"] for entry in cli.json("queue", "--team", "billing")] == [desk.waiting]
    assert len(cli.json("queue", "--limit", 1)) == 1
    assert cli.ok("queue", "--team", "nobody") == "Queue, next to take first, team nobody: none\n"


def test_a_narrow_terminal_gets_paragraphs_instead_of_cut_words(cli: Cli, desk: Desk) -> None:
    shown = cli.ok("queue", COLUMNS="50")
    assert max(map(len, shown.splitlines())) <= 50
    assert f"\n{desk.waiting}\n" in shown
    assert "…" not in shown


def test_customers_see_no_queue(cli: Cli, desk: Desk) -> None:
    said = cli.fails(7, "queue", "--as", f"customer:{desk.zoe}")
    assert f"customer {desk.zoe} (logged_in) may not see the queue" in said
