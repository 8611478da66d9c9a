"""Whom a sender's identities lead to, fresh from the log."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ticketcore import Actor, Assurance, Role, TicketCore
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import IdentityKind
from ticketcore.errors import ClaimTaken, InvalidCommand, NotAllowed
from ticketcore.ids import number_of

ANA, SHOP = Actor.agent("ana"), Actor.system("shop")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")


def mail(address: str) -> Identity:
    return Identity(kind=IdentityKind.MAIL, value=address)


def contract(number: str) -> Identity:
    return Identity(kind=IdentityKind.CONTRACT, value=number)


def matched(core: TicketCore, *identities: Identity) -> list[str]:
    return [number_of(id_) for id_ in core.match_customer(identities, by=SHOP).customers]


def test_nobody_knows_a_stranger(core: TicketCore) -> None:
    match = core.match_customer([mail("stranger@example.org"), contract("K-1")], by=SHOP)
    assert (match.customers, match.found, match.customer, match.ambiguous) == ((), (), None, False)
    assert core.match_customer([], by=SHOP).customers == ()


def test_all_identities_of_one_customer_lead_to_that_one(core: TicketCore) -> None:
    done = core.register_customer(identities=[mail("zoe@example.org"), contract("K-1")], by=SHOP)
    match = core.match_customer([mail("new@example.org"), contract("K-1"), mail("ZOE@Example.org")], by=SHOP)
    assert (match.customer, match.ambiguous) == (done.id, False)
    assert match.found == ((1, done.id), (2, done.id))


def test_identities_of_two_customers_are_ambiguous(core: TicketCore) -> None:
    zoe = core.register_customer(identities=[mail("zoe@example.org")], by=SHOP)
    bob = core.register_customer(identities=[contract("K-2")], by=SHOP)
    match = core.match_customer([mail("zoe@example.org"), contract("K-2")], by=SHOP)
    assert (match.ambiguous, match.customer, match.customers) == (True, None, (zoe.id, bob.id))


def test_a_merge_and_its_undoing_show_at_once_and_in_another_process(core: TicketCore, twin: TicketCore) -> None:
    one = core.register_customer(identities=[mail("k@work.example")], by=SHOP).number
    two = core.register_customer(identities=[mail("k@home.example")], by=SHOP).number
    both = (mail("k@work.example"), mail("k@home.example"))
    assert matched(twin, *both) == [one, two]
    core.merge_customers(one, into=two, by=ANA)
    assert matched(twin, *both) == matched(twin, both[0]) == matched(twin, both[1]) == [two]
    core.unmerge_customers(one, by=ANA)
    assert (matched(twin, both[0]), matched(twin, both[1])) == ([one], [two])


def test_a_chain_of_merges_leads_to_its_end(core: TicketCore) -> None:
    numbers = [core.register_customer(identities=[contract(f"K-{n}")], by=SHOP).number for n in range(4)]
    for source, target in pairwise(numbers):
        core.merge_customers(source, into=target, by=ANA)
    assert matched(core, *(contract(f"K-{n}") for n in range(4))) == [numbers[-1]]


def test_an_organisations_contract_beside_its_members_address_is_the_member(core: TicketCore) -> None:
    firm = core.register_customer(name="Firm", identities=[contract("K-9")], by=SHOP).number
    zoe = core.register_customer(organisation_id=firm, identities=[mail("zoe@firm.example")], by=SHOP).number
    assert matched(core, contract("K-9"), mail("zoe@firm.example")) == [zoe]
    assert matched(core, contract("K-9")) == [firm]


def test_a_removed_identity_and_a_forgotten_customer_match_no_more(core: TicketCore) -> None:
    done = core.register_customer(identities=[mail("zoe@example.org"), contract("K-1")], by=SHOP)
    core.remove_identity(done.number, identity=2, by=ANA)
    assert matched(core, mail("zoe@example.org")) == []
    assert matched(core, contract("K-1")) == [done.number]
    core.forget(done.number, reason="asked to", by=PRIVACY)
    assert matched(core, contract("K-1")) == []


def test_an_address_that_many_share_matches_nobody(core: TicketCore) -> None:
    ip = Identity(kind=IdentityKind.IP, value="192.0.2.7")
    core.register_customer(identities=[ip], by=SHOP)
    assert matched(core, ip) == []


def test_who_may_not_look_for_customers_may_not_match_either(core: TicketCore) -> None:
    with pytest.raises(NotAllowed, match="look for customers"):
        core.match_customer([mail("zoe@example.org")], by=Actor.customer("C-2026-000001-4"))
    with pytest.raises(InvalidCommand, match="match a customer"):
        core.match_customer(["zoe@example.org"], by=SHOP)  # type: ignore[list-item]


def member(core: TicketCore, **fields: object) -> str:
    return core.register_customer(by=SHOP, **fields).number  # type: ignore[arg-type]


def test_customers_belong_together_by_their_organisation_through_every_merge(
    core: TicketCore, twin: TicketCore
) -> None:
    firm, bought = member(core, name="Firm"), member(core, name="Bought")
    core.add_domain(firm, domain="firm.example", by=ANA)
    core.add_domain(bought, domain="bought.example", by=ANA)
    zoe, bob, old = member(core, organisation_id=firm), member(core, organisation_id=bought), member(core)
    assert [twin.organisation_of(one, by=SHOP) for one in (zoe, bob, old, firm)] == [firm, bought, None, firm]
    core.merge_customers(bought, into=firm, by=ANA)
    core.merge_customers(old, into=zoe, by=ANA)
    assert [twin.organisation_of(one, by=SHOP) for one in (zoe, bob, old, bought)] == [firm] * 4
    assert core.members(firm, by=ANA) == [zoe, bob]
    core.unmerge_customers(bought, by=ANA)
    assert (core.organisation_of(bob, by=SHOP), core.members(firm, by=ANA)) == (bought, [zoe])
    named = member(core, organisation_id="northwind")
    assert (core.organisation_of(named, by=SHOP), core.members("northwind", by=ANA)) == ("northwind", [named])


def test_a_mail_domain_is_one_organisations_and_no_public_providers(core: TicketCore) -> None:
    firm, other = member(core, name="Firm"), member(core, name="Other")
    done = core.add_domain(firm, domain="@Bücher.Example.", by=ANA)
    assert core.add_domain(firm, domain="bücher.example", by=ANA).position is None
    assert core.show_customer(firm, by=ANA).domains == {done.version: "xn--bcher-kva.example"}
    with pytest.raises(ClaimTaken, match=f"this domain belongs to customer {firm} already"):
        core.add_domain(other, domain="bücher.example", by=ANA)
    for domain in ("gmail.com", "GMX.de"):
        with pytest.raises(InvalidCommand, match="an organisation's own mail domain"):
            core.add_domain(other, domain=domain, by=ANA)
    for domain in ("", "localhost", "a b.example", "-x.example", "example..org"):
        with pytest.raises(InvalidCommand, match=r"a mail domain such as example\.org"):
            core.add_domain(other, domain=domain, by=ANA)
    core.remove_domain(firm, added=done.version, by=ANA)
    assert core.remove_domain(firm, added=done.version, by=ANA).position is None
    core.add_domain(other, domain="bücher.example", by=ANA)


def test_a_customer_is_shown_with_all_that_is_known_and_nothing_once_forgotten(core: TicketCore) -> None:
    sure = Identity(kind=IdentityKind.MAIL, value="zoe@example.org", assurance=Assurance.VERIFIED)
    zoe = member(core, name="Zoe", language="de", external="4711", identities=[sure, contract("K-1")])
    core.describe_customer(zoe, name="Zoë Å", by=ANA)
    assert core.describe_customer(zoe, language="de", by=ANA).position is None
    core.describe_customer(zoe, language="en", by=ANA)
    shown = core.show_customer(zoe, by=ANA)
    assert (shown.name, shown.language, shown.external) == ("Zoë Å", "en", "4711")
    assert [(i.id, i.kind, i.value, i.assurance) for i in shown.identities] == [
        (2, "mail", "zoe@example.org", "verified"),
        (3, "contract", "K-1", "unverified"),
    ]
    with pytest.raises(NotAllowed, match="customer's own ticket or record"):
        core.show_customer(zoe, by=Actor.customer(member(core), Assurance.LOGGED_IN))
    assert core.show_customer(zoe, by=Actor.customer(zoe, Assurance.LOGGED_IN)).number == zoe
    core.forget(zoe, reason="asked to", by=PRIVACY)
    gone = core.show_customer(zoe, by=ANA)
    assert (gone.name, gone.identities, gone.forgotten) == (None, (), True)
