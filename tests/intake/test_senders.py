"""Who a sender is: matched, registered, completed; with a directory outside, and without."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import psycopg
import pytest

from ticketcore import Actor, Assurance, Role, Settings, TicketCore
from ticketcore.api.senders import Sender
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import IdentityKind
from ticketcore.errors import ConfigurationError
from ticketcore.ids import number_of
from ticketcore.intake.directory import DirectoryAway, Found, SqlDirectory, found_in

ANA, SHOP = Actor.agent("ana"), Actor.system("intake")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")


def identity(kind: str, value: str, assurance: Assurance = Assurance.UNVERIFIED) -> Identity:
    return Identity(kind=IdentityKind(kind), value=value, assurance=assurance)


def sure(address: str) -> Identity:
    return identity("mail", address, Assurance.VERIFIED)


def known(core: TicketCore, *identities: Identity, **fields: str) -> Sender:
    return core.know_sender(identities, by=SHOP, command_id=uuid4(), **fields)


def number(sender: Sender) -> str:
    assert sender.customer is not None
    return number_of(sender.customer)


class Directory:
    """A directory of what a test puts in."""

    def __init__(self, answer: Callable[[Identity], Found | None]) -> None:
        self.answer, self.asked = answer, list[Identity]()

    def lookup(self, identity: Identity) -> Found | None:
        self.asked.append(identity)
        return self.answer(identity)


def test_an_unknown_sender_is_registered_once_with_all_identities(core: TicketCore, twin: TicketCore) -> None:
    command_id = uuid4()
    given = (identity("mail", "zoe@example.org"), identity("ip", "192.0.2.1"), identity("contract", "K-1"))
    first = core.know_sender(given, by=SHOP, command_id=command_id, name="Zoë", language="de")
    again = twin.know_sender(given, by=SHOP, command_id=command_id, name="Zoë", language="de")
    assert (first.registered, again.registered, again.customer) == (True, False, first.customer)
    shown = core.show_customer(number(first), by=ANA)
    assert (shown.name, shown.language) == ("Zoë", "de")
    assert [i.value for i in shown.identities] == ["zoe@example.org", "192.0.2.1", "K-1"]
    assert number(known(core, identity("contract", "K-1"))) == shown.number


def test_a_sender_of_whom_only_an_address_of_many_is_known_is_nobody(core: TicketCore) -> None:
    assert known(core, identity("ip", "192.0.2.1")).customer is None
    assert known(core).customer is None
    assert core.log.head() == 0


def test_an_ambiguous_sender_is_left_for_a_person(core: TicketCore) -> None:
    known(core, identity("mail", "zoe@example.org"))
    known(core, identity("contract", "K-2"))
    head = core.log.head()
    both = known(core, identity("mail", "zoe@example.org"), identity("contract", "K-2"))
    assert (both.match.ambiguous, both.customer, core.log.head()) == (True, None, head)


def test_a_verified_address_joins_its_organisation_and_an_unverified_one_does_not(core: TicketCore) -> None:
    firm = core.register_customer(name="Firm", by=ANA).number
    core.add_domain(firm, domain="firm.example", by=ANA)
    members = [
        core.organisation_of(number(known(core, one)), by=SHOP)
        for one in (identity("mail", "eve@firm.example"), sure("zoe@firm.example"), sure("bob@other.example"))
    ]
    assert members == [None, firm, None]


def test_an_address_that_is_surer_now_is_recorded_once_and_joins_then(core: TicketCore) -> None:
    firm = core.register_customer(name="Firm", by=ANA).number
    core.add_domain(firm, domain="firm.example", by=ANA)
    zoe = number(known(core, identity("mail", "zoe@firm.example")))
    known(core, sure("zoe@firm.example"))
    shown = core.show_customer(zoe, by=ANA)
    assert ([i.assurance for i in shown.identities], shown.organisation) == (["verified"], firm)
    core.move_to_organisation(zoe, organisation_id=None, by=ANA)
    head = core.log.head()
    known(core, sure("zoe@firm.example"))
    known(core, identity("mail", "zoe@firm.example"))
    assert core.log.head() == head, "who was taken out by hand is not put back, and nothing gets less sure"


def test_a_strangers_word_adds_no_identity_to_somebody_known(core: TicketCore) -> None:
    zoe = number(known(core, identity("mail", "zoe@example.org")))
    known(core, identity("mail", "zoe@example.org"), identity("contract", "K-9"))
    assert len(core.show_customer(zoe, by=ANA).identities) == 1
    known(core, sure("zoe@example.org"), identity("login", "zoe", Assurance.LOGGED_IN))
    assert [i.kind for i in core.show_customer(zoe, by=ANA).identities] == ["mail", "login"]


@pytest.mark.parametrize("outside", [False, True], ids=["alone", "with a directory"])
def test_who_writes_anothers_number_beside_a_verified_address_of_their_own_does_not_become_them(
    core: TicketCore, outside: bool
) -> None:
    zoe = number(known(core, sure("zoe@example.org"), identity("contract", "K-1"), name="Zoë"))
    if outside:
        eves = Found(name="Eve", identities=(sure("eve@example.org"), identity("external", "crm:2")))
        core.directory = Directory(lambda one: eves if one.value == "eve@example.org" else None)
    head = core.log.head()
    for own in (sure("eve@example.org"), identity("login", "eve", Assurance.LOGGED_IN)):
        assert number(known(core, own, identity("contract", "K-1"))) == zoe, "it is theirs to look at"
    assert core.log.head() == head, "and nothing of the stranger's is theirs: no answer goes there, no login sees it"


def test_many_at_once_register_one_customer(core: TicketCore) -> None:
    barrier, found = Barrier(6), list[Sender]()

    def write() -> None:
        barrier.wait()
        found.append(known(core, identity("mail", "zoe@example.org"), identity("phone", "+49 30 1234")))

    threads = [Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({sender.customer for sender in found}) == 1
    assert [sender.registered for sender in found].count(True) == 1
    assert len(found) == 6


CRM = Found(
    (identity("mail", "zoe@example.org"), identity("contract", "K-1"), identity("external", "crm:7")),
    "Zoë Ångström", "de", "northwind",
)  # fmt: skip


def test_the_directory_says_more_of_an_unknown_sender_and_is_asked_once(core: TicketCore) -> None:
    core.directory = directory = Directory(lambda one: CRM if one in CRM.identities else None)
    sender = known(core, identity("mail", "zoe@example.org"), name="z")
    shown = core.show_customer(number(sender), by=ANA)
    assert (sender.directory, shown.name, shown.organisation) == ("found", "Zoë Ångström", "northwind")
    assert {i.value for i in shown.identities} == {"zoe@example.org", "K-1", "crm:7"}
    asked = len(directory.asked)
    assert number(known(core, identity("contract", "K-1"))) == shown.number
    assert len(directory.asked) == asked


def test_the_directory_leads_a_new_address_to_whom_it_belongs(core: TicketCore) -> None:
    zoe = number(known(core, identity("contract", "K-1")))
    core.directory = Directory(lambda _: CRM)
    sender = known(core, identity("mail", "zoe@example.org"))
    assert (number(sender), sender.registered) == (zoe, False)
    shown = core.show_customer(zoe, by=ANA)
    assert (shown.name, {i.value for i in shown.identities}) == ("Zoë Ångström", {"K-1", "zoe@example.org", "crm:7"})


def test_a_directory_that_fails_blocks_nobody_and_completes_them_later(core: TicketCore) -> None:
    def broken(_: Identity) -> Found | None:
        raise RuntimeError("out of order")

    core.directory = directory = Directory(broken)
    sender = known(core, identity("mail", "zoe@example.org"), name="zoe")
    assert (sender.directory, sender.registered) == ("away", True)
    assert core.show_customer(number(sender), by=ANA).name == "zoe"
    directory.answer = lambda _: CRM
    assert known(core, identity("mail", "zoe@example.org")).customer == sender.customer
    shown = core.show_customer(number(sender), by=ANA)
    assert (shown.name, shown.language, shown.organisation) == ("Zoë Ångström", "de", "northwind")
    assert {i.value for i in shown.identities} == {"zoe@example.org", "K-1", "crm:7"}


def test_where_directory_and_log_disagree_only_the_message_counts(core: TicketCore) -> None:
    known(core, identity("contract", "K-1"))
    known(core, identity("external", "crm:7"))
    core.directory = Directory(lambda _: CRM)
    sender = known(core, identity("mail", "zoe@example.org"), name="Z")
    shown = core.show_customer(number(sender), by=ANA)
    assert (sender.registered, shown.name, [i.value for i in shown.identities]) == (True, "Z", ["zoe@example.org"])


def test_a_row_of_a_directory_is_read_with_arrays_and_without_what_is_no_identity() -> None:
    found = found_in({"name": "Zoë", "mail": ["A@b.example", "x", None], "phone": "n/a", "contract": 7, "city": "Ulm"})
    assert [(i.kind, i.value) for i in found.identities] == [("mail", "a@b.example"), ("contract", "7")]
    assert (found.name, found.language, found.organisation_id) == ("Zoë", None, None)


@pytest.mark.servers
def test_a_directory_in_sql_answers_in_time_or_is_left_alone(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE people (id int, name text, mails text[], slow float)")
        connection.execute("INSERT INTO people VALUES (7, 'Zoë', '{zoe@example.org,z@home.example}', 0)")
        connection.execute("INSERT INTO people VALUES (8, 'Slow', '{slow@example.org}', 5)")
        connection.execute(
            "INSERT INTO people VALUES (9, 'A', '{two@example.org}', 0), (10, 'B', '{two@example.org}', 0)"
        )
    query = """
        SELECT name, mails AS mail, 'crm:' || id AS external FROM people, pg_sleep(slow)
        WHERE %(kind)s = 'mail' AND %(value)s = ANY(mails)
    """
    directory = SqlDirectory(database, query, timeout=0.3)
    found = directory.lookup(identity("mail", "zoe@example.org"))
    assert found is not None
    assert (found.name, [i.value for i in found.identities]) == ("Zoë", ["zoe@example.org", "z@home.example", "crm:7"])
    assert directory.lookup(identity("mail", "two@example.org")) is None
    assert directory.lookup(identity("phone", "+49301234")) is None
    began = time.monotonic()
    with pytest.raises(DirectoryAway):
        directory.lookup(identity("mail", "slow@example.org"))
    assert time.monotonic() - began < 4
    began = time.monotonic()
    with pytest.raises(DirectoryAway, match="a moment ago"):
        directory.lookup(identity("mail", "zoe@example.org"))
    assert time.monotonic() - began < 0.1
    with pytest.raises(DirectoryAway):
        SqlDirectory(database, "DELETE FROM people", timeout=1).lookup(identity("mail", "zoe@example.org"))

    settings = {"dsn": database, "key_file": tmp_path / "keys.json", "inline": True, "directory_dsn": database}
    with pytest.raises(ConfigurationError, match="TICKETCORE_DIRECTORY_QUERY"):
        Settings(**settings)
    with TicketCore.open(Settings(**settings, directory_query=query), migrate=True, make_keys=True) as core:
        sender = known(core, identity("mail", "zoe@example.org"))
        assert (sender.directory, core.show_customer(number(sender), by=ANA).name) == ("found", "Zoë")
