"""What belongs to merged records: identities, and what a customer wrote in whoever's ticket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ticketcore import Actor, Assurance, Role, TicketCore
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import IdentityKind
from ticketcore.errors import ClaimTaken

ANA = Actor.agent("ana")
SHOP = Actor.system("shop")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")
T0 = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
MAIL = "k@example.org"


def person(core: TicketCore, name: str, mail: str | None = None) -> str:
    number = core.register_customer(name=name, by=SHOP).number
    if mail is not None:
        core.identify(number, kind="mail", value=mail, assurance="verified", by=SHOP)
    return number


def test_an_identity_of_a_merged_record_finds_the_one_that_stands_for_both(core: TicketCore) -> None:
    one, two, three, other = person(core, "K", MAIL), person(core, "Kay"), person(core, "Kai"), person(core, "Max")
    core.merge_customers(one, into=two, by=ANA)
    core.merge_customers(two, into=three, by=ANA)
    assert core.find_customer("mail", MAIL, by=ANA) == three
    same = core.identify(three, kind="mail", value=MAIL, assurance="verified", by=SHOP)
    assert (same.events, same.position) == ((), None)
    with pytest.raises(ClaimTaken, match=f"customer {three} already"):
        core.identify(other, kind="mail", value=MAIL, by=SHOP)
    with pytest.raises(ClaimTaken, match=f"customer {three} already"):
        core.register_customer(name="K.", identities=[Identity(kind=IdentityKind.MAIL, value=MAIL)], by=SHOP)
    core.unmerge_customers(one, by=ANA)
    assert core.find_customer("mail", MAIL, by=ANA) == one
    with pytest.raises(ClaimTaken, match=f"customer {one} already"):
        core.identify(three, kind="mail", value=MAIL, by=SHOP)


def test_a_surer_identity_moves_to_the_record_that_stands_for_both_and_goes_with_it(core: TicketCore) -> None:
    one, two = person(core, "K", MAIL), person(core, "Kay")
    core.merge_customers(one, into=two, by=ANA)
    moved = core.identify(two, kind="mail", value=MAIL, assurance="logged_in", by=SHOP)
    assert [event.TOPIC for event in moved.events] == ["customer.identity_removed", "customer.identified"]
    assert moved.number == two
    core.unmerge_customers(one, by=ANA)
    assert core.find_customer("mail", MAIL, by=ANA) == two
    core.remove_identity(two, identity=moved.version, by=ANA)
    assert core.find_customer("mail", MAIL, by=ANA) is None
    core.identify(one, kind="mail", value=MAIL, by=SHOP)
    core.forget(one, reason="asked to", by=PRIVACY)
    assert core.find_customer("mail", MAIL, by=ANA) is None


def test_a_history_holds_what_the_customer_wrote_in_others_tickets(core: TicketCore) -> None:
    zoe, max_ = person(core, "Zoë"), person(core, "Max")
    ticket = core.open_ticket(channel="mail", requester=zoe, subject="A", body="hers", by=SHOP, occurred_at=T0).number
    core.add_participant(ticket, customer=max_, by=ANA)
    him = Actor.customer(max_, Assurance.LOGGED_IN)
    core.comment(ticket, direction="inbound", author=max_, body="his", by=SHOP, occurred_at=T0 + timedelta(hours=1))
    core.comment(ticket, direction="internal", body="note", by=ANA, occurred_at=T0 + timedelta(hours=2))
    last = core.comment(ticket, direction="outbound", body="to both", by=ANA, occurred_at=T0 + timedelta(hours=3))
    corrected = core.correct_comment(ticket, comment=3, body="his own", by=ANA, occurred_at=T0 + timedelta(hours=4))
    assert last.version == 5
    for reader in (ANA, him):
        found = core.customer_history(max_, by=reader, seen=corrected)
        assert [(m.version, m.kind, m.body) for m in found] == [
            (6, "comment_corrected", "his own"), (3, "commented", "his"),
        ]  # fmt: skip
    assert [m.body for m in core.customer_history(zoe, by=ANA)] == ["his own", "to both", "his", "hers"]


def test_a_changed_requester_leaves_the_first_their_opening(core: TicketCore) -> None:
    zoe, max_, merged = person(core, "Zoë"), person(core, "Max"), person(core, "Zoe")
    ticket = core.open_ticket(channel="mail", requester=zoe, subject="A", body="hers", by=SHOP, occurred_at=T0).number
    moved = core.change_requester(ticket, requester=max_, by=ANA)
    assert [(m.subject, m.body) for m in core.customer_history(zoe, by=ANA, seen=moved)] == [("A", "hers")]
    assert [m.body for m in core.customer_history(max_, by=ANA)] == ["hers"]
    both = core.merge_customers(zoe, into=merged, by=ANA)
    assert [m.body for m in core.customer_history(merged, by=ANA, seen=both)] == ["hers"]
