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


def test_customers_are_registered_shown_merged_and_told_apart_again(own_cli: Cli, desk: Desk) -> None:
    kim = own_cli.json("customer", "register", "--name", "Kim [x]", "--mail", "kim@work.example", "--language", "de")
    number = kim["customer"]
    own_cli.ok("customer", "identify", number, "phone", "030 1234", "--assurance", "verified")
    shown = own_cli.ok("customer", "show", number)
    assert "Kim [x]" in shown
    assert "kim@work.example (unverified)" in shown
    assert "301234" in shown
    own_cli.ok("customer", "merge", number, "--into", desk.zoe)
    assert own_cli.ok("customer", "find", "mail", "kim@work.example") == f"{desk.zoe}\n"
    assert own_cli.json("customer", "show", desk.zoe)["absorbed"] == [number]
    own_cli.ok("customer", "unmerge", number)
    assert own_cli.ok("customer", "find", "mail", "kim@work.example") == f"{number}\n"
    own_cli.ok("customer", "identify", number, "mail", "Kim@work.example", "--remove")
    assert own_cli("customer", "find", "mail", "kim@work.example").returncode == 4
    assert "an identity that it has" in own_cli.fails(2, "customer", "identify", number, "login", "x", "--remove")
    own_cli.ok("customer", "describe", number, "--name", "Kim Y")
    assert own_cli.json("customer", "show", number)["name"] == "Kim Y"
    taken = own_cli.fails(6, "customer", "identify", number, "mail", "zoe@example.org")
    assert f"belongs to customer {desk.zoe} already" in taken


def test_an_organisation_has_domains_and_members(own_cli: Cli, desk: Desk) -> None:
    firm = own_cli.json("customer", "register", "--name", "Firm", "--domain", "firm.example")["customer"]
    assert "mail domains      firm.example" in own_cli.ok("customer", "show", firm)
    opened = own_cli.json("ticket", "open", "--channel", "phone", "--mail", "new@firm.example", "--body", "x")
    own_cli.ok("customer", "move", desk.zoe, "--organisation", firm)
    assert own_cli.ok("customer", "members", firm) == f"{desk.zoe}\n", "an unverified address makes no member"
    assert own_cli.json("customer", "show", opened["customer"])["organisation"] is None
    own_cli.ok("customer", "move", desk.zoe, "--none")
    assert own_cli.json("customer", "members", firm) == []
    assert "a public provider's" in own_cli.fails(2, "customer", "domain", firm, "gmail.com")
    own_cli.ok("customer", "domain", firm, "firm.example", "--remove")
    assert own_cli.json("customer", "show", firm)["domains"] == {}


def test_customers_of_a_file_or_a_query_are_imported_and_imported_again(own_cli: Cli, own_database: str) -> None:
    folder = own_cli.folder
    (folder / "map.yaml").write_text("system: crm\nexternal: id\nname: name\nidentities: {mail: mail}\n")
    (folder / "rows.csv").write_text("id,name,mail\n1,Ann,ann@example.org\n2,Zoë,zoe@example.org\n3,Bad,nowhere\n")
    command = ("customer", "import", "rows.csv", "--mapping", "map.yaml")
    assert "no reject file was named" in own_cli.fails(10, *command)
    told = own_cli.json(*command, "--rejects", "bad.csv", "--dry-run")
    assert (told["registered"], told["changed"], told["unchanged"], told["rejects"]) == (0, 0, 2, 1)
    (folder / "rows.csv").write_text("id,name,mail\n1,Anna,ann@example.org\n3,Bad,nowhere\n5,Eve,\n")
    done = own_cli.json(*command, "--rejects", "bad.csv")
    assert (done["registered"], done["changed"], done["unchanged"], done["rejects"]) == (1, 1, 0, 1)
    assert "3,Bad,nowhere" in (folder / "bad.csv").read_text()
    query = ("customer", "import", "--sql", own_database, "--mapping", "map.yaml", "--query")
    rows = "SELECT 1 AS id, 'Ann' AS name, 'ann@example.org' AS mail UNION ALL SELECT 4, 'Dan', NULL"
    said = own_cli.ok(*query, rows)
    assert "Imported" in said
    assert own_cli.json(*query, rows)["unchanged"] == 2
    assert "one of the roles" in own_cli.fails(7, *command, "--as", "agent:ana")
    assert "give one of them" in own_cli.fails(2, "customer", "import", "--mapping", "map.yaml")
