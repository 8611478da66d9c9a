"""The command ``ticketcore report``: formats and errors, as a process."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ticketcore.app import TicketCore
from ticketcore.domain.types import Actor
from ticketcore.settings import Settings

pytestmark = pytest.mark.servers
ANA = Actor.agent("ana")


@pytest.fixture
def environment(database: str, tmp_path: Path) -> dict[str, str]:
    """Two tickets, one of them answered and solved."""
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=True)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        ticket = core.open_ticket(by=ANA, channel="mail", subject="Lamp", body="It is dark.").number
        core.comment(ticket, by=ANA, direction="outbound", body="Turn it on.")
        core.solve(ticket, by=ANA)
        core.open_ticket(by=ANA, channel="chat", subject="Pan", body="It is hot.")
    return os.environ | {
        "TICKETCORE_DSN": database, "TICKETCORE_KEY_FILE": str(tmp_path / "keys.json"), "TICKETCORE_INLINE": "1",
    }  # fmt: skip


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from workers.cli import main; main()", "report", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_formats_agree(environment: dict[str, str], tmp_path: Path) -> None:
    made = json.loads(run(environment, "--json").stdout)
    figures = {figure["name"]: figure["value"] for figure in made["figures"]}
    assert (figures["tickets"], figures["one_touch_tickets"], figures["score_mean"]) == (2, 1, None)
    rows = {row["name"]: row["value"] for row in csv.DictReader(io.StringIO(run(environment, "--csv").stdout))}
    assert (rows["tickets"], rows["one_touch_percent"], rows["score_mean"]) == ("2", "100.0", "")
    text = run(environment).stdout
    assert "one_touch_tickets" in text
    assert "figures per agent" not in text
    groups = list(csv.DictReader(io.StringIO(run(environment, "--by", "channel", "--csv").stdout)))
    assert [(row["channel"], row["tickets"]) for row in groups] == [("chat", "1"), ("mail", "1")]
    page = tmp_path / "out" / "page.html"
    assert run(environment, "--html", str(page)).returncode == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_narrow_terminal_breaks_no_words(environment: dict[str, str]) -> None:
    for arguments in ((), ("--by", "channel"), ("--by", "week"), ("--explain", "public_replies")):
        narrow = run({**environment, "COLUMNS": "80"}, *arguments).stdout
        assert max(map(len, narrow.splitlines())) <= 80
        wide = run({**environment, "COLUMNS": "250"}, *arguments).stdout
        assert set(re.findall(r"\w+", narrow)) <= set(re.findall(r"\w+", wide))
        assert "…" not in narrow


def test_an_explanation_names_versions_and_positions(environment: dict[str, str]) -> None:
    found = json.loads(run(environment, "--explain", "one_touch_tickets", "--json").stdout)
    (ticket,) = found["tickets"]
    assert [(e["what"], e["version"], e["position"]) for e in ticket["events"]] == [("reply", 2, 2), ("solved", 3, 3)]
    assert (found["total"], ticket["number"][:2]) == (1, "T-")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--explain", "mood"), 4, "no figure 'mood'"),
        (("--from", "2026-05-01", "--to", "2026-04-01"), 2, "expected a time after --from"),
        (("--from", "yesterday"), 2, "--from is 'yesterday', expected ISO 8601"),
        (("--zone", "Mars/Olympus"), 2, "expected an IANA zone"),
        (("--by", "agent"), 2, "figures per agent need a recorded policy"),
        (("--by", "mood"), 2, "expected one of day, week"),
        (("--csv", "--json"), 2, "expected one format"),
        (("--team", "nobody"), 7, "cannot report on team 'nobody' alone"),
        (("--as", "customer:C-2026-000001-1"), 7, "may not see the performance report"),
    ],
)
def test_a_wrong_wish_is_one_clear_message(
    environment: dict[str, str], arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = run(environment, *arguments)
    assert (done.returncode, message in done.stderr, done.stdout) == (code, True, ""), done.stderr
