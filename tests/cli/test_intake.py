"""``ticketcore intake``: mails in, why they went where they are, and what people do with those that wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.intake.given import mail
from tests.intake.test_mailbox import boxed

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def box(path: Path, *mails: bytes) -> Path:
    path.write_bytes(b"".join(boxed(raw.replace(b"\r\n", b"\n")) for raw in mails))
    return path


def test_a_mail_is_taken_explained_and_taken_once(own_cli: Cli) -> None:
    text = mail("Hello", sender="zoe@example.org", message_id="<one@example.org>").decode()
    taken = json.loads(own_cli("intake", "mail", "--json", stdin=text).stdout)
    assert (taken["outcome"], taken["repeated"]) == ("new", False)
    again = own_cli("intake", "mail", "--recipient", "help@example.com", "--peer-ip", "192.0.2.7", stdin=text)
    assert again.stdout == f"{taken['number']} new {taken['ticket']} (received before)\n"
    [explained] = own_cli.json("intake", "explain", taken["ticket"])
    assert (explained["number"], explained["decisions"][0]["rule"]) == (taken["number"], "new")
    said = own_cli.ok("intake", "explain", taken["number"])
    assert "new: rule new, rules 1, system intake" in said
    assert "for: sender: C-" in said
    assert "Hello" not in said


def test_what_can_not_be_recorded_is_tried_again_by_the_mail_server(own_cli: Cli) -> None:
    away = own_cli("intake", "mail", stdin=mail().decode(), TICKETCORE_DSN="host=localhost port=1 connect_timeout=2")
    assert (away.returncode, away.stdout) == (75, "")
    assert away.stderr.startswith("ticketcore: ")
    away = own_cli(
        "intake", "mail", "--json", stdin=mail().decode(), TICKETCORE_DSN="host=localhost port=1 connect_timeout=2"
    )
    assert (away.returncode, json.loads(away.stderr)["error"]) == (75, "store_unavailable")
    folder = own_cli("intake", "mail", stdin=mail().decode(), TICKETCORE_KEY_FILE=str(own_cli.folder))
    assert (folder.returncode, folder.stderr.count("\n")) == (75, 1), "whatever it is"
    assert "standard input is 'empty'" in own_cli.fails(2, "intake", "mail")


def test_a_mailbox_is_taken_and_what_is_held_goes_on_by_hand(own_cli: Cli, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('version = "strict"\nnew_tickets_per_window = 1\n', "utf-8")
    file = box(tmp_path / "mbox", *(mail(f"No {n}", subject=f"Subject {n}") for n in range(4)))
    strict = ("--rules", rules)
    done = own_cli.json("intake", "mbox", file, *strict)
    assert done == {"counts": {"mails": 4, "new": 1, "held": 3}, "failed": []}
    assert own_cli.json("intake", "mbox", file)["counts"] == {"mails": 4, "there before": 4}
    held = own_cli.json("intake", "held")
    assert [row["reason"] for row in held] == ["flood"] * 3
    assert "Subject 1" in own_cli.ok("intake", "held")
    first, second, third = (row["number"] for row in held)
    released = own_cli.json("intake", "release", first)
    assert (released["outcome"], released["created"]) == ("new", True)
    into = own_cli.ok("intake", "release", second, "--to", released["ticket"], "--reason", "same matter")
    assert into == f"{second} comment (same matter) {released['ticket']}\n"
    assert own_cli.ok("intake", "reject", third, "--reason", "spam") == f"{third} ignored (spam)\n"
    assert own_cli.ok("intake", "held") == "Held: none\n"
    assert "it is in ticket" in own_cli.fails(5, "intake", "release", first)
    assert own_cli.json("intake", "sweep") == []
    replayed = own_cli.json("intake", "replay", "--since", "2020-01-01")
    assert [(row["recorded"][0], row["now"][0]) for row in replayed] == [("held", "new")] * 3
    assert own_cli.ok("intake", "replay", "--since", "2020-01-01", *strict) == "Decided otherwise: none\n"


def test_what_is_asked_wrongly_is_told(own_cli: Cli, tmp_path: Path) -> None:
    bad = tmp_path / "rules.toml"
    bad.write_text("new_tickets_per_window = -1\n", "utf-8")
    assert "new_tickets_per_window is -1" in own_cli.fails(3, "intake", "mbox", tmp_path, "--rules", bad)
    assert "no mailbox" in own_cli.fails(4, "intake", "mbox", tmp_path / "missing")
    assert "no message M-2026-999999-5" in own_cli.fails(4, "intake", "explain", "M-2026-999999-5")
    assert "--since" in own_cli.fails(2, "intake", "replay", "--since", "soon")
    assert "may not see" in own_cli.fails(7, "intake", "replay", "--since", "2020-01-01", "--as", "analyst:figures")


def test_a_privacy_officer_redacts_a_message_for_ever(own_cli: Cli) -> None:
    taken = json.loads(
        own_cli("intake", "mail", "--json", stdin=mail("4111 1111", sender="ida@example.org").decode()).stdout
    )
    asked = ("ticket", "redact", taken["ticket"], 1, "--reason", "a card")
    assert "give --yes" in own_cli(*asked).stderr
    own_cli.fails(7, *asked, "--yes", "--as", "agent:ana")
    assert "4111 1111" in own_cli.ok("ticket", "show", taken["ticket"])
    assert own_cli.json(*asked, "--yes")["ticket"] == taken["ticket"]
    assert "4111 1111" not in own_cli.ok("ticket", "show", taken["ticket"])
    assert "nothing was recorded" in own_cli.ok(*asked, "--yes")
    own_cli.fails(2, *asked, "--yes", "--command-id", "x")
