"""``ticketcore ticket``: now, at an instant, its history, and who may see it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.conftest import OPENED, REPLIED, Cli, Desk
from ticketcore.domain.types import Role
from ticketcore.permissions import GRANTS, Action

pytestmark = pytest.mark.servers


def test_a_ticket_is_shown_whole_and_json_holds_the_same(cli: Cli, desk: Desk) -> None:
    shown = cli.ok("ticket", "show", desk.solved)
    view = cli.json("ticket", "show", desk.solved)
    assert f"{desk.solved}  Parcel [late]" in shown
    assert "as of now" in shown
    for part in ("status            solved", "team / agent      parcels / ana", f"requester         {desk.zoe}"):
        assert part in shown
    assert (view["number"], view["status"], view["requester"]) == (desk.solved, "solved", desk.zoe)
    assert [message["body"] for message in view["messages"]] == ["Where is it?", "It arrives tomorrow."]
    assert "── 1 <- inbound by mail, 2026-03-02 09:00:00 UTC" in shown
    assert "\nWhere is it?\n" in shown


def test_nothing_later_than_the_instant_shows(cli: Cli, desk: Desk) -> None:
    then = cli.json("ticket", "show", desk.solved, "--by", "occurred", "--at", "2026-03-02T11:29:59Z")
    assert (then["status"], len(then["messages"])) == ("new", 1)
    second = cli.json("ticket", "show", desk.solved, "--by", "occurred", "--at", REPLIED.isoformat())
    assert (second["status"], len(second["messages"])) == ("open", 2)


def test_a_time_without_offset_is_taken_in_the_zone(cli: Cli, desk: Desk) -> None:
    arguments = ("ticket", "show", desk.solved, "--by", "occurred", "--at", "2026-03-02 10:00", "--zone")
    assert cli.json(*arguments, "Europe/Berlin")["version"] == 1
    assert "as of 2026-03-02 09:00:00 UTC by occurred time" in cli.ok(*arguments, "Europe/Berlin")


def test_an_instant_before_the_ticket_is_not_found(cli: Cli, desk: Desk) -> None:
    before = (OPENED.replace(year=2025)).isoformat()
    assert "it was opened later" in cli.fails(4, "ticket", "show", desk.solved, "--by", "occurred", "--at", before)
    assert "it was opened later" in cli.fails(4, "ticket", "show", desk.solved, "--at", REPLIED.isoformat())


def test_the_history_lists_every_event_as_the_json_does(cli: Cli, desk: Desk) -> None:
    entries = cli.json("ticket", "history", desk.solved)
    table = cli.ok("ticket", "history", desk.solved)
    assert [entry["topic"] for entry in entries] == [
        "ticket.opened", "ticket.assigned", "ticket.commented", "ticket.solved",
    ]  # fmt: skip
    assert f"History of {desk.solved}: 4 events" in table
    assert f"requester_id={desk.zoe}" in table
    for entry in entries:
        assert str(entry["position"]) in table


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        ("T-2026-000001-1", 2, "its check digit does not fit"),
        ("C-2026-000001-5", 4, "no ticket C-2026-000001-5 is recorded here"),
        ("T-2026-000777-9", 2, "is no valid number"),
        ("INC0000045", 4, "no ticket INC0000045 is recorded here"),
    ],
)
def test_a_wrong_number_is_told(cli: Cli, number: str, code: int, said: str) -> None:
    assert said in cli.fails(code, "ticket", "show", number)


def test_every_role_sees_a_ticket_as_the_permissions_say(cli: Cli, desk: Desk) -> None:
    names = [f"{role.value}:somebody" for role in Role if role is not Role.CUSTOMER]
    names += [f"customer:{desk.zoe}", f"customer:{desk.bob}"]
    with ThreadPoolExecutor(2) as threads:
        codes = threads.map(lambda name: cli("ticket", "show", desk.solved, "--as", name).returncode, names)
    expected = {
        name: 0 if Action.SHOW_TICKET in GRANTS[Role(name.split(":")[0])] and name != f"customer:{desk.bob}" else 7
        for name in names
    }
    assert dict(zip(names, codes, strict=True)) == expected
    assert {0, 7} == set(expected.values())


def test_a_refusal_names_who_may(cli: Cli, desk: Desk) -> None:
    said = cli.fails(7, "ticket", "show", desk.solved, "--as", f"customer:{desk.bob}")
    assert f"may not show ticket {desk.solved}: expected the customer's own ticket" in said
    said = cli.fails(7, "ticket", "history", desk.solved, "--as", "analyst:ann")
    assert "analyst ann may not" in said
    assert "auditor" in said
