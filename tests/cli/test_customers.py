"""``ticketcore customer``: the correspondence, looking up, forgetting."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, Desk

pytestmark = pytest.mark.servers
COMMAND_ID = "11111111-1111-4111-8111-111111111111"


def test_the_correspondence_is_listed_newest_first_with_text_on_demand(cli: Cli, desk: Desk) -> None:
    entries = cli.json("customer", "history", desk.zoe)
    assert [entry["number"] for entry in entries] == [desk.fresh, desk.solved, desk.solved]
    assert [entry["body"] for entry in entries] == ["Anybody?", "It arrives tomorrow.", "Where is it?"]
    shown = cli.ok("customer", "history", desk.zoe, "--text")
    assert shown.index("Anybody?") < shown.index("It arrives tomorrow.") < shown.index("Where is it?")
    assert "Parcel [late]" in shown
    assert "Where is it?" not in cli.ok("customer", "history", desk.zoe)


def test_a_customer_is_found_by_an_identity(cli: Cli, desk: Desk) -> None:
    assert cli.ok("customer", "find", "mail", "Zoe@Example.org") == f"{desk.zoe}\n"
    assert cli.json("customer", "find", "mail", "zoe@example.org") == {"customer": desk.zoe}
    done = cli("customer", "find", "mail", "nobody@example.org")
    assert (done.returncode, done.stdout) == (4, "nobody\n")


def test_a_wrong_kind_names_the_kinds(cli: Cli) -> None:
    assert "'mail', 'phone', 'chat'" in cli.fails(2, "customer", "find", "pigeon", "x")


def test_an_unknown_customer_is_not_found(cli: Cli, desk: Desk) -> None:
    assert "it names a ticket, expected a customer" in cli.fails(2, "customer", "history", desk.solved)
    assert "no customer C-2026-999998-0 is recorded here" in cli.fails(4, "customer", "history", "C-2026-999998-0")


def test_forgetting_is_asked_for_and_allowed_to_privacy_officers_only(cli: Cli, desk: Desk) -> None:
    forget = ("customer", "forget", desk.zoe, "--reason", "asked to")
    done = cli(*forget, stdin="n\n")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "Forget " + desk.zoe + " for ever? [y/N]:ticketcore: nothing was changed",
    )
    done = cli(*forget)
    assert done.returncode == 2
    assert "give --yes where nobody can answer" in done.stderr
    assert "expected one of the roles privacy_officer" in cli.fails(7, *forget, "--yes", "--as", "agent:ana")
    assert "expected a UUID" in cli.fails(2, *forget, "--yes", "--command-id", "7")


def test_a_forgotten_customers_words_are_gone_and_the_rest_stays(own_cli: Cli, desk: Desk) -> None:
    forget = ("customer", "forget", desk.zoe, "--yes", "--command-id", COMMAND_ID, "--reason")
    first = own_cli.ok(*forget, "asked to")
    assert f"{desk.zoe} is forgotten (position " in first
    assert own_cli.ok(*forget, "asked to") == first
    assert f"command id {COMMAND_ID} was used before" in own_cli.fails(6, *forget, "another reason")
    assert "was forgotten before" in own_cli.ok("customer", "forget", desk.zoe, "--yes", "--reason", "again")
    shown = own_cli.ok("ticket", "show", desk.solved)
    assert "status            solved" in shown
    assert "Where is it?" not in shown
    assert "Parcel" not in shown
    assert all(entry["body"] is None for entry in own_cli.json("customer", "history", desk.zoe, "--limit", 1))
    assert own_cli("customer", "find", "mail", "zoe@example.org").returncode == 4
    assert own_cli("verify", "--quiet").returncode == 0
