"""Customers of another data base: brought in once, then what changed of them, never doubled."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.shared import REPOSITORY
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.domain.customer_commands import Identity
from ticketcore.importing.customer_mapping import CustomersMapping, parse_customers_mapping
from ticketcore.importing.customer_sources import from_file, from_query
from ticketcore.importing.customers import CustomersSummary, SourceRow, import_customers
from ticketcore.importing.errors import BadMapping, ImportRefused, ImportStopped
from ticketcore.importing.rejects import RejectFile
from ticketcore.store.codec import Codec

ANA = Actor.agent("ana")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")
MAPPING = """
system: crm
external: id
name: [first, last]
language: lang
organisation: firm
identities:
  mail: [mail, mail2]
  phone: phone
  contract: contract
"""
Line = dict[str, str]


def line(key: str, **cells: str) -> Line:
    empty = dict.fromkeys(("first", "last", "lang", "firm", "mail", "mail2", "phone", "contract"), "")
    return {"id": key, **empty, **cells}


def mapping(more: str = "") -> CustomersMapping:
    return parse_customers_mapping(MAPPING + more)


@pytest.fixture
def core() -> Iterator[TicketCore]:
    with TicketCore.in_memory() as opened:
        yield opened


def brought(
    core: TicketCore, folder: Path, *lines: Line, known: CustomersMapping | None = None, dry_run: bool = False
) -> tuple[int, int, int, int]:
    """Registered, changed, unchanged, rejected."""
    path = folder / "customers.csv"
    write(path, lines)
    known = known or mapping()
    with from_file(path, known) as (rows, _), RejectFile(folder / "rejects.csv", path, None) as rejects:
        done = import_customers(core, rows, known, rejects, dry_run=dry_run)
    assert done.rows == len(lines)
    return done.registered, done.changed, done.unchanged, done.rejects


def write(path: Path, lines: tuple[Line, ...] | list[Line]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(line("")))
        writer.writeheader()
        writer.writerows(lines)


def reasons(folder: Path) -> list[str]:
    with (folder / "rejects.csv").open(newline="") as file:
        return [row["reason"] for row in csv.DictReader(file)]


ZOE = line("7", first="Zoë", last="Ångström", lang="de", firm="northwind", mail="Zoe@Example.org", contract="K-1")


def test_a_row_becomes_a_customer_who_is_found_by_all_its_identities(core: TicketCore, tmp_path: Path) -> None:
    assert brought(core, tmp_path, ZOE, line("8", mail="bob@example.org")) == (2, 0, 0, 0)
    zoe = core.find_customer("mail", "zoe@example.org", by=ANA)
    assert zoe is not None
    assert {
        core.find_customer(kind, value, by=ANA) for kind, value in (("contract", "K-1"), ("external", "crm:7"))
    } == {zoe}
    shown = core.show_customer(zoe, by=ANA)
    assert (shown.name, shown.language, shown.organisation) == ("Zoë Ångström", "de", "northwind")


def test_a_second_run_records_nothing_and_a_later_one_what_changed(core: TicketCore, tmp_path: Path) -> None:
    brought(core, tmp_path, ZOE)
    head = core.log.head()
    assert brought(core, tmp_path, ZOE) == (0, 0, 1, 0)
    assert core.log.head() == head
    newer = ZOE | {"mail2": "z@home.example", "last": "Berg", "firm": "southwind"}
    assert brought(core, tmp_path, newer) == (0, 1, 0, 0)
    topics = [record.topic for record in core.log.read(head, 10)]
    assert topics == ["customer.identified", "customer.moved", "customer.described"]
    head = core.log.head()
    assert brought(core, tmp_path, newer) == (0, 0, 1, 0)
    assert core.log.head() == head


def test_a_row_that_becomes_what_it_was_is_a_change_again(core: TicketCore, tmp_path: Path) -> None:
    other = ZOE | {"first": "Zoe"}
    assert [brought(core, tmp_path, row)[:3] for row in (ZOE, other, ZOE, ZOE, other, other)] == [
        (1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 1), (0, 1, 0), (0, 0, 1),
    ]  # fmt: skip
    zoe = core.find_customer("external", "crm:7", by=ANA)
    assert zoe is not None
    assert core.show_customer(zoe, by=ANA).name == "Zoe Ångström"


def test_what_was_corrected_here_stays_until_the_source_changes(core: TicketCore, tmp_path: Path) -> None:
    brought(core, tmp_path, ZOE)
    zoe = core.find_customer("external", "crm:7", by=ANA)
    assert zoe is not None
    core.describe_customer(zoe, name="Zoë Å.", by=ANA)
    assert brought(core, tmp_path, ZOE) == (0, 0, 1, 0)
    assert core.show_customer(zoe, by=ANA).name == "Zoë Å."


def test_somebody_known_by_an_address_is_completed_and_merged_records_are_one(core: TicketCore, tmp_path: Path) -> None:
    mail = Identity(kind="mail", value="zoe@example.org")  # type: ignore[arg-type]
    zoe = core.register_customer(name="zoe", identities=[mail], by=ANA).number
    other = core.register_customer(identities=[Identity(kind="contract", value="K-1")], by=ANA).number  # type: ignore[arg-type]
    assert brought(core, tmp_path, ZOE) == (0, 0, 0, 1)
    assert reasons(tmp_path) == [f"its identities belong to {zoe}, {other}: merge them"]
    core.merge_customers(other, into=zoe, by=ANA)
    assert brought(core, tmp_path, ZOE) == (0, 1, 0, 0)
    assert core.find_customer("external", "crm:7", by=ANA) == zoe
    assert core.show_customer(zoe, by=ANA).name == "Zoë Ångström"


def test_bad_rows_are_rejected_with_their_reason_and_the_others_come_in(core: TicketCore, tmp_path: Path) -> None:
    brought(core, tmp_path, ZOE)
    zoe = core.find_customer("external", "crm:7", by=ANA)
    rows = [
        line("", mail="a@b.example"),
        line("9", mail="no address"),
        line("10", contract="K-1"),
        line("11", mail="eve@example.org"),
        line("11", mail="zoe@example.org"),
    ]
    assert brought(core, tmp_path, *rows) == (1, 0, 0, 4)
    assert reasons(tmp_path) == [
        "column 'id' is empty, expected the customer's key",
        "column 'mail' has 10 characters that are no mail, expected a mail address such as name@example.org",
        f"an identity of it belongs to {zoe}, which is crm:7 already",
        f"its mail is {zoe}'s",
    ]
    with pytest.raises(ImportStopped, match="no reject file was named"):
        import_customers(
            core, [SourceRow(1, {"id": ""}, "")], mapping(), RejectFile(None, tmp_path / "customers.csv", None)
        )


def test_a_forgotten_customer_does_not_come_back_with_the_same_row(core: TicketCore, tmp_path: Path) -> None:
    brought(core, tmp_path, ZOE)
    zoe = core.find_customer("external", "crm:7", by=ANA)
    assert zoe is not None
    core.forget(zoe, reason="asked to", by=PRIVACY)
    assert brought(core, tmp_path, ZOE) == (0, 0, 1, 0)
    assert core.find_customer("mail", "zoe@example.org", by=ANA) is None


def test_a_dry_run_tells_and_does_nothing(core: TicketCore, tmp_path: Path) -> None:
    brought(core, tmp_path, ZOE)
    head = core.log.head()
    rows = (ZOE | {"first": "Z"}, line("8"), line("9", mail="x"))
    assert brought(core, tmp_path, *rows, dry_run=True) == (1, 1, 0, 1)
    assert core.log.head() == head
    assert brought(core, tmp_path, *rows) == (1, 1, 0, 1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("external: id\n", r"line 1, column 1.* this key is missing"),
        (MAPPING + "colour: red\n", r"line \d+, .* at 'colour': no such key"),
        (MAPPING.replace("phone: phone", "ip: address"), "at 'identities.ip"),
        (MAPPING.replace("crm", "My CRM"), "at 'system'"),
        ("- a\n", "no table of keys"),
    ],
)
def test_a_mistake_in_a_mapping_is_told_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(BadMapping, match=problem) as caught:
        parse_customers_mapping(text)
    assert "docs/" in str(caught.value)


def test_a_file_without_a_column_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,mail\n7,zoe@example.org\n")
    with pytest.raises(ImportRefused, match="it has no column 'first', expected one of id, mail"):
        from_file(tmp_path / "x.csv", mapping()).__enter__()


@pytest.mark.servers
def test_a_query_brings_in_the_same_as_a_file_and_can_change_nothing(
    core: TicketCore, database: str, tmp_path: Path
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE people (id int, first text, mails text[])")
        connection.execute(
            "INSERT INTO people SELECT n, 'Name ' || n, ARRAY['a' || n || '@x.example', NULL] FROM generate_series(1, 2500) n"
        )
    known = parse_customers_mapping("system: crm\nexternal: id\nname: first\nidentities: {mail: mails}\n")

    def run(query: str) -> CustomersSummary:
        with from_query(database, query, known) as rows, RejectFile(None, tmp_path / "none", None) as rejects:
            return import_customers(core, rows, known, rejects)

    done = run("SELECT * FROM people ORDER BY id")
    assert (done.registered, done.rejects) == (2_500, 0)
    assert core.find_customer("mail", "a2500@x.example", by=ANA) == core.find_customer("external", "crm:2500", by=ANA)
    assert run("SELECT * FROM people WHERE first LIKE '%'").unchanged == 2_500
    for query in ("DELETE FROM people RETURNING *", "SELECT 1/0", "SELEC"):
        with pytest.raises(ImportRefused):
            run(query)
    with pytest.raises(ImportRefused, match="it has no column 'first'"):
        run("SELECT id, mails FROM people")


@pytest.mark.servers
@pytest.mark.slow
def test_an_import_that_is_killed_again_and_again_ends_as_one_that_was_not(database: str, tmp_path: Path) -> None:
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=True)
    first = [line(str(n), first=f"N{n}", mail=f"a{n}@x.example", phone=f"+49 30 {n:06}") for n in range(300)]
    second = [row | {"last": "New", "mail2": f"b{n}@x.example", "firm": "f"} for n, row in enumerate(first)]
    (tmp_path / "map.yaml").write_text(MAPPING)
    TicketCore.open(settings, migrate=True, make_keys=True).close()
    environment = {**os.environ, "TICKETCORE_DSN": database, "TICKETCORE_KEY_FILE": str(tmp_path / "keys.json")}
    command = [
        str(Path(sys.executable).with_name("ticketcore")), "customer", "import", str(tmp_path / "rows.csv"), "--mapping",
        str(tmp_path / "map.yaml"), "--quiet",
    ]  # fmt: skip
    dice = random.Random(5)
    for lines in (first, second):
        write(tmp_path / "rows.csv", lines)
        with TicketCore.open(settings) as core:
            target = core.log.head()
        for share in (0.2, 0.5, 0.8):
            with subprocess.Popen(command, env=environment, cwd=REPOSITORY) as process:
                with TicketCore.open(settings) as core:
                    goal = target + share * 300 + dice.randrange(20)
                    while core.log.head() < goal and process.poll() is None:
                        time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
        subprocess.run(command, env=environment, cwd=REPOSITORY, check=True)
    with TicketCore.open(settings) as core:
        events = [Codec().decode(record) for record in core.log.read(0, 100_000, max_bytes=1_000_000_000)]
        topics = [event.TOPIC for event in events]
        assert topics.count("customer.registered") == 300
        assert topics.count("customer.described") == 300
        assert topics.count("customer.moved") == 300
        assert topics.count("customer.identified") == 300 * 4
        for n in (0, 150, 299):
            number = core.find_customer("mail", f"b{n}@x.example", by=ANA)
            assert number is not None
            shown = core.show_customer(number, by=ANA)
            assert (shown.name, shown.organisation, len(shown.identities)) == (f"N{n} New", "f", 4)
