"""``ticketcore ticket open``, ``comment`` and its kin: what staff enter by hand; ``status`` and ``link``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Desk

pytestmark = pytest.mark.servers
COMMAND_ID = "22222222-2222-4222-8222-222222222222"


def test_a_call_of_somebody_unknown_becomes_a_ticket_and_a_customer_and_a_repeat_nothing(own_cli: Cli) -> None:
    entry = (
        "ticket", "open", "--channel", "phone", "--phone", "0049 30 1234", "--name", "Eve", "--subject", "Bill",
        "--team", "billing", "--priority", "high", "--occurred-at", "2026-03-01 10:00", "--zone", "Europe/Berlin",
        "--command-id", COMMAND_ID, "--as", "agent:ana",
    )  # fmt: skip
    first, again = (own_cli(*entry, "--body", "-", "--json", stdin="She asks\nfor it.") for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    opened, repeated = json.loads(first.stdout), json.loads(again.stdout)
    assert (opened["registered"], opened["repeated"]) == (True, False)
    assert (repeated["ticket"], repeated["repeated"], repeated["registered"]) == (opened["ticket"], True, False)
    view = own_cli.json("ticket", "show", opened["ticket"])
    assert (view["subject"], view["channel"], view["team_id"], view["priority"]) == ("Bill", "phone", "billing", "high")
    assert (view["requester"], view["opened_at"]) == (opened["customer"], "2026-03-01T09:00:00Z")
    assert (view["messages"][0]["body"], view["messages"][0]["actor"]) == ("She asks\nfor it.", "agent ana")
    assert own_cli.ok("customer", "find", "phone", "+49 30 1234") == f"{opened['customer']}\n"
    other = own_cli(*entry, "--body", "Another text")
    assert (other.returncode, "used before with other content" in other.stderr) == (6, True)


def test_a_letter_of_somebody_known_is_added_with_its_scans(own_cli: Cli, desk: Desk, tmp_path: Path) -> None:
    scan, tool = tmp_path / "scan.pdf", tmp_path / "tool.exe"
    scan.write_bytes(b"%PDF-1.7")
    tool.write_bytes(b"MZ")
    said = own_cli.ok(
        "ticket", "comment", desk.fresh, "--direction", "inbound", "--channel", "letter", "--mail", "Zoe@example.org",
        "--body", "I write again.", "--attach", scan, "--attach", tool, "--claimed-at", "2026-02-27",
    )  # fmt: skip
    assert said.startswith(f"{desk.fresh} has comment 2 (position ")
    message = own_cli.json("ticket", "show", desk.fresh)["messages"][-1]
    assert (message["author"], message["channel"], message["claimed_at"]) == (
        desk.zoe,
        "letter",
        "2026-02-27T00:00:00Z",
    )
    files = [(file["name"], file["danger"]) for file in message["attachments"]]
    assert files == [("scan.pdf", None), ("tool.exe", "executable")]
    assert message["attachments"][0]["media_type"] == "application/pdf"
    assert own_cli.ok("ticket", "attachment", desk.fresh, 2) == "%PDF-1.7"
    own_cli.ok("ticket", "attachment", desk.fresh, 2, 1, "--output", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"MZ"
    assert "File exists" in own_cli.fails(2, "ticket", "attachment", desk.fresh, 2, 1, "--output", tmp_path / "copy")
    assert "no attachment 2 of message 2" in own_cli.fails(4, "ticket", "attachment", desk.fresh, 2, 2)
    shown = own_cli.ok("ticket", "show", desk.fresh)
    assert "attachment tool.exe (2 bytes, executable)" in shown
    refused = own_cli.fails(
        2,
        "ticket",
        "comment",
        desk.fresh,
        "--direction",
        "internal",
        "--attach",
        tool,
        TICKETCORE_DANGEROUS_FILES="refuse",
    )
    assert "attachments.0 is 2 bytes (executable), expected a file that is kept" in refused
    missing = own_cli.fails(2, "ticket", "comment", desk.fresh, "--direction", "internal", "--attach", tmp_path / "no")
    assert "No such file" in missing


def test_what_cannot_be_entered_is_said_clearly(own_cli: Cli, desk: Desk) -> None:
    assert "'phone', 'letter'" in own_cli.fails(2, "ticket", "open", "--channel", "pigeon")
    outgoing = ("ticket", "comment", desk.fresh, "--direction", "outbound")
    assert "author of inbound messages only" in own_cli.fails(2, *outgoing, "--mail", "zoe@example.org", "--body", "x")
    assert "a text or an attachment" in own_cli.fails(2, *outgoing)
    own_cli.ok("customer", "identify", desk.bob, "contract", "K-1")
    both = ("--mail", "zoe@example.org", "--contract", "K-1")
    told = own_cli.fails(6, "ticket", "open", "--channel", "phone", *both)
    assert f"the identities belong to {desk.zoe}, {desk.bob}, expected one customer" in told
    own_cli.ok("ticket", "open", "--channel", "phone", *both, "--customer", desk.bob)
    assert "no customer C-2026-999998-0" in own_cli.fails(
        4, "ticket", "open", "--channel", "phone", "--customer", "C-2026-999998-0"
    )
    assert "may not open" in own_cli.fails(7, "ticket", "open", "--channel", "phone", "--as", "analyst:x")


def test_the_ways_of_a_ticket_are_commands(own_cli: Cli, desk: Desk) -> None:
    ticket = desk.fresh
    steps: list[tuple[tuple[str, ...], str]] = [
        (("assign", "--team", "parcels", "--agent", "ana"), "open"),
        (("pend", "--reason", "asked back"), "pending"),
        (("hold",), "on_hold"),
        (("resume",), "open"),
        (("solve", "--resolution", "answered"), "solved"),
        (("reopen",), "open"),
        (("merge", "--into", desk.waiting), "merged"),
        (("unmerge",), "open"),
    ]
    for (name, *options), status in steps:
        done = own_cli.json("ticket", name, ticket, *options)
        assert (done["ticket"], done["position"] is not None) == (ticket, True)
        assert own_cli.json("ticket", "status", ticket)["status"] == status
    assert "nothing was recorded" in own_cli.ok("ticket", "assign", ticket, "--team", "parcels", "--agent", "ana")
    assert "expected one of 'solved'" in own_cli.fails(5, "ticket", "close", ticket)


def test_a_link_shows_a_tickets_state_and_nothing_else(own_cli: Cli, desk: Desk) -> None:
    token = own_cli.ok("ticket", "link", desk.solved).strip()
    link = own_cli.ok("ticket", "link", desk.solved, TICKETCORE_BASE_URL="https://help.example.org/t/").strip()
    assert link.startswith("https://help.example.org/t/")
    shown = own_cli.ok("ticket", "status", desk.solved, "--token", token)
    assert "Parcel [late]" in shown
    assert "It arrives tomorrow." in shown
    assert "ana" not in shown
    status = own_cli.json("ticket", "status", "--token", link.rpartition("/")[2])
    assert (status["number"], status["status"], len(status["messages"])) == (desk.solved, "solved", 2)
    assert "not valid here" in own_cli.fails(7, "ticket", "status", desk.solved, "--token", token[:-1] + "!")
    assert "the ticket it was made for" in own_cli.fails(7, "ticket", "status", desk.fresh, "--token", token)
    assert "expected a token, or a ticket" in own_cli.fails(2, "ticket", "status")


def test_a_checklists_steps_are_ticked_before_the_ticket_is_solved(own_cli: Cli, desk: Desk) -> None:
    steps = ("--step", "label printed", "--step", "device wiped")
    said = own_cli.ok("ticket", "checklist", desk.fresh, "return", *steps, "--required")
    assert said.startswith(f"{desk.fresh} has the checklist return (position ")
    own_cli.ok("ticket", "tick", desk.fresh, "return", "label printed")
    shown = own_cli.ok("ticket", "show", desk.fresh)
    assert "checklist return, before it is solved" in shown
    assert "[x] label printed\n[ ] device wiped\n" in shown
    assert "steps that are not ticked: 'device wiped'" in own_cli.fails(5, "ticket", "solve", desk.fresh)
    assert "its steps are 'label printed', 'device wiped'" in own_cli.fails(
        4, "ticket", "tick", desk.fresh, "return", "sent"
    )
    own_cli.ok("ticket", "tick", desk.fresh, "return", "device wiped")
    own_cli.ok("ticket", "untick", desk.fresh, "return", "label printed")
    known = own_cli.json("ticket", "show", desk.fresh)["checklists"]
    assert known == [
        {
            "name": "return", "steps": ["label printed", "device wiped"], "ticked": ["device wiped"], "required": True,
        },
    ]  # fmt: skip
    own_cli.ok("ticket", "tick", desk.fresh, "return", "label printed")
    own_cli.ok("ticket", "solve", desk.fresh)
