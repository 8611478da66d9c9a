import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.domain.given import C1, C2, C3, customers_merged, digest, given, identified, registered, told, topics
from ticketcore.domain import customer_commands as cmd
from ticketcore.domain import customer_events as cev
from ticketcore.domain.decide import decide
from ticketcore.domain.decide_customer import claim_keys
from ticketcore.domain.types import Assurance, IdentityKind
from ticketcore.errors import Forgotten, InvalidCommand, NotFound, WrongState
from ticketcore.ids import number_of
from ticketcore.store.port import Claim, Release

MAIL: dict[str, Any] = {"kind": "mail", "value": "kim@example.org"}
KEY = ("identity:mail", digest("identity:mail", "kim@example.org"))


def test_a_person_is_registered_with_all_that_is_known_at_once() -> None:
    decision = given().when(
        cmd.RegisterCustomer,
        name="Kim",
        external="4711",
        identities=({**MAIL, "assurance": "verified"}, {"kind": "ip", "value": "192.0.2.1"}),
        context={"new_ids": (C1,)},
    )
    assert topics(decision) == ["customer.registered", "customer.identified", "customer.identified"]
    assert decision.claims == (
        Claim("external:customer", digest("external:customer", "4711"), C1, 1),
        Claim(*KEY, C1, 2),
    ), "an IP address belongs to nobody"
    assert given().after(*decision.events).customer().identities == (
        (2, IdentityKind.MAIL, Assurance.VERIFIED),
        (3, IdentityKind.IP, Assurance.UNVERIFIED),
    )


def test_the_same_identity_twice_in_one_registration_counts_once() -> None:
    both = (MAIL, {"kind": "mail", "value": " KIM@Example.org "})
    assert len(given().when(cmd.RegisterCustomer, identities=both, context={"new_ids": (C1,)}).claims) == 1


def test_an_identity_is_normalised_and_claimed() -> None:
    decision = given(registered()).when(cmd.Identify, customer_id=C1, kind="mail", value=" Kim@Example.ORG")
    (event,) = decision.events
    assert isinstance(event, cev.Identified)
    assert event.value == "kim@example.org"
    assert decision.claims == (Claim(*KEY, C1, 2),)


def test_an_ip_address_is_told_and_not_claimed() -> None:
    decision = given(registered()).when(cmd.Identify, customer_id=C1, kind="ip", value="192.0.2.1")
    assert topics(decision) == ["customer.identified"]
    assert decision.claims == ()


def test_identifying_again_is_nothing_and_surer_replaces() -> None:
    world = given(registered(), identified())
    context = {"claimed": {KEY: Claim(*KEY, C1, 2)}}
    same = world.when(cmd.Identify, customer_id=C1, **MAIL, assurance="verified", context=context)
    assert same == type(same)()
    surer = world.when(cmd.Identify, customer_id=C1, **MAIL, assurance="logged_in", context=context)
    assert topics(surer) == ["customer.identity_removed", "customer.identified"]
    assert (surer.releases, surer.claims) == ((Release(C1, 2),), (Claim(*KEY, C1, 4),))
    assert world.after(*surer.events).customer().identities == ((4, IdentityKind.MAIL, Assurance.LOGGED_IN),)


def test_a_command_says_which_claims_to_look_up() -> None:
    assert claim_keys(cmd.Identify(customer_id=C1, kind=IdentityKind.MAIL, value="kim@example.org"), digest) == (KEY,)
    assert claim_keys(cmd.Identify(customer_id=C1, kind=IdentityKind.IP, value="192.0.2.1"), digest) == ()
    assert claim_keys(cmd.Forget(customer_id=C1, reason="asked"), digest) == ()


def test_removing_an_identity_gives_its_claim_back_once() -> None:
    world = given(registered(), identified())
    decision = world.when(cmd.RemoveIdentity, customer_id=C1, identity=2)
    assert topics(decision) == ["customer.identity_removed"]
    assert decision.releases == (Release(C1, 2),)
    assert world.after(*decision.events).when(cmd.RemoveIdentity, customer_id=C1, identity=2).events == ()
    with pytest.raises(NotFound, match=r"no identity 9 of customer C-2026-000001-5 is recorded here \(it has 2\)"):
        world.when(cmd.RemoveIdentity, customer_id=C1, identity=9)


def test_moving_to_the_same_organisation_is_nothing() -> None:
    world = given(registered(organisation_id="acme"))
    assert world.when(cmd.MoveToOrganisation, customer_id=C1, organisation_id="acme").events == ()
    assert topics(world.when(cmd.MoveToOrganisation, customer_id=C1, organisation_id=None)) == ["customer.moved"]


def test_a_merge_writes_both_records_and_can_be_undone() -> None:
    world = given(registered(C1), registered(C2))
    decision = world.when(cmd.MergeCustomers, customer_id=C1, target_id=C2)
    assert told(decision) == ["C-2026-000001-5 customer.merged", "C-2026-000002-8 customer.absorbed"]
    world = world.after(*decision.events)
    assert world.when(cmd.MergeCustomers, customer_id=C1, target_id=C2).events == ()
    undone = world.when(cmd.UnmergeCustomers, customer_id=C1)
    assert told(undone) == ["C-2026-000001-5 customer.unmerged", "C-2026-000002-8 customer.released"]
    world = world.after(*undone.events)
    assert world.customer(C1).merged_into is None
    assert world.customer(C2).absorbed == set()


def test_merges_of_customers_that_cross_are_refused() -> None:
    world = given(registered(C1), registered(C2), registered(C3), *customers_merged(C1, C2))
    message = "cannot merge into customer C-2026-000001-5: it was merged into C-2026-000002-8"
    with pytest.raises(WrongState, match=re.escape(f"{message} (go on with C-2026-000002-8, or unmerge it first)")):
        world.when(cmd.MergeCustomers, customer_id=C2, target_id=C1)
    with pytest.raises(WrongState, match="cannot merge customer C-2026-000001-5: it was merged into"):
        world.when(cmd.MergeCustomers, customer_id=C1, target_id=C3)
    with pytest.raises(WrongState, match="cannot identify customer C-2026-000001-5: it was merged into"):
        world.when(cmd.Identify, customer_id=C1, **MAIL)


def test_only_a_merged_customer_is_unmerged_and_none_is_merged_into_itself() -> None:
    with pytest.raises(WrongState, match="it is not merged"):
        given(registered()).when(cmd.UnmergeCustomers, customer_id=C1)
    with pytest.raises(InvalidCommand, match="expected another customer"):
        given(registered()).when(cmd.MergeCustomers, customer_id=C1, target_id=C1)


def test_forgetting_covers_every_record_of_the_person() -> None:
    world = given(
        registered(C1),
        registered(C2),
        registered(C3),
        identified(C1),
        *customers_merged(C1, C2),
        *customers_merged(C2, C3),
    )
    decision = world.when(cmd.Forget, customer_id=C3, reason="asked by letter")
    assert decision.destroy_persons == (C3, C2, C1)
    assert decision.releases == (Release(C3), Release(C2), Release(C1))
    assert topics(decision) == ["customer.forgotten"] * 3
    world = world.after(*decision.events)
    assert all(world.customer(id_).forgotten for id_ in (C1, C2, C3))
    assert world.when(cmd.Forget, customer_id=C3, reason="asked by letter").events == ()


def test_forgetting_asks_for_the_records_it_was_not_given() -> None:
    world = given(registered(C1), registered(C2), *customers_merged(C1, C2))
    command = cmd.Forget(customer_id=C2, reason="asked")
    decision = decide(command, {C2: world.customer(C2)}, world.context(command))
    assert decision == type(decision)(needs=(C1,))


def test_the_record_that_stands_for_the_person_is_the_one_to_forget() -> None:
    world = given(registered(C1), registered(C2), *customers_merged(C1, C2))
    with pytest.raises(WrongState, match="go on with C-2026-000002-8, or unmerge it first"):
        world.when(cmd.Forget, customer_id=C1, reason="asked")


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (cmd.Identify, MAIL),
        (cmd.RemoveIdentity, {"identity": 1}),
        (cmd.MoveToOrganisation, {"organisation_id": "acme"}),
        (cmd.MergeCustomers, {"target_id": C2}),
        (cmd.UnmergeCustomers, {}),
    ],
)
def test_a_forgotten_customer_takes_nothing_more(cls: type[cmd.CustomerCommand], values: dict[str, Any]) -> None:
    world = given(registered(C1), registered(C2))
    world = world.after(*world.when(cmd.Forget, customer_id=C1, reason="asked").events)
    message = "customer C-2026-000001-5 was forgotten: expected a customer with a key (register the person anew)"
    with pytest.raises(Forgotten, match=re.escape(message)):
        world.when(cls, customer_id=C1, **values)


def test_nobody_is_merged_into_a_forgotten_customer() -> None:
    world = given(registered(C1), registered(C2))
    world = world.after(*world.when(cmd.Forget, customer_id=C1, reason="asked").events)
    with pytest.raises(Forgotten):
        world.when(cmd.MergeCustomers, customer_id=C2, target_id=C1)


def test_an_unknown_customer_is_not_found() -> None:
    with pytest.raises(NotFound, match="no customer C-2026-000001-5 is recorded here"):
        given().when(cmd.Forget, customer_id=C1, reason="asked")


def test_an_identity_of_a_merged_record_is_the_persons_already_and_moves_where_it_is_surer() -> None:
    world = given(
        registered(C1),
        identified(C1),
        registered(C2),
        registered(C3),
        *customers_merged(C1, C2),
        *customers_merged(C2, C3),
    )
    context = {"claimed": {KEY: Claim(*KEY, C1, 2)}}
    for assurance in ("verified", "unverified"):
        same = world.when(cmd.Identify, customer_id=C3, **MAIL, assurance=assurance, context=context)
        assert same == type(same)()
    surer = world.when(cmd.Identify, customer_id=C3, **MAIL, assurance="logged_in", context=context)
    assert told(surer) == ["C-2026-000001-5 customer.identity_removed", f"{number_of(C3)} customer.identified"]
    version = world.customer(C3).version + 1
    assert (surer.releases, surer.claims) == ((Release(C1, 2),), (Claim(*KEY, C3, version),))
    world = world.after(*surer.events)
    assert world.customer(C1).identities == ()
    assert world.customer(C3).identities == ((version, IdentityKind.MAIL, Assurance.LOGGED_IN),)


def test_who_holds_an_identity_is_loaded_up_to_the_record_that_stands_for_it() -> None:
    world = given(registered(C1), identified(C1), registered(C2), registered(C3), *customers_merged(C1, C2))
    command = cmd.Identify(customer_id=C3, **MAIL)
    context = replace(world.context(command), claimed={KEY: Claim(*KEY, C1, 2)})
    states: dict[UUID, Any] = {C3: world.customer(C3)}
    assert decide(command, states, context).needs == (C1,)
    states[C1] = world.customer(C1)
    assert decide(command, states, context).needs == (C2,)
    states[C2] = world.customer(C2)
    decision = decide(command, states, context)
    assert topics(decision) == ["customer.identified"], "the store refuses it: it is another person's"
    assert (decision.releases, decision.claims[0].owner) == ((), C3)
