from typing import Any
from uuid import UUID

import pytest

from tests.domain.given import ANA, C1, LOG, T1, T2, Fact, World, fact, given, told
from ticketcore.domain import message_events as mev
from ticketcore.domain.commands import build
from ticketcore.domain.decide_message import FLOOD, MESSAGE_ID, UNFINISHED, flood_value
from ticketcore.domain.decide_message import HELD as WAITING
from ticketcore.domain.decide_ticket import OWN_TEXT
from ticketcore.domain.message import Message
from ticketcore.domain.message_commands import DecideMessage, FileMessage, FloodSlot, ReceiveMessage
from ticketcore.domain.message_events import Automatic, Outcome, Verdict
from ticketcore.domain.types import Channel
from ticketcore.errors import NotFound, WrongState
from ticketcore.ids import Kind, Number, aggregate_id, number_of
from ticketcore.store.port import Release

M1, M2 = (aggregate_id(Number(Kind.MESSAGE, 2026, counter), LOG) for counter in (1, 2))
NEW = Verdict(outcome=Outcome.NEW, rule="new", rules_version="1")
HELD = Verdict(outcome=Outcome.HELD, reason="ambiguous_sender", rule="sender", rules_version="1")
TO_T1 = Verdict(outcome=Outcome.COMMENT, rule="signed_reference", rules_version="1", ticket_id=T1)
MAIL: dict[str, Any] = {
    "fingerprint": "f",
    "channel": Channel.MAIL,
    "raw": b"Subject: x\r\n\r\nHello",
    "media_type": "message/rfc822",
}


def received(id_: UUID = M1, **payload: Any) -> Fact:
    given_ = {"channel": Channel.MAIL, "size": 20, "media_type": "message/rfc822", "blobs": ()}
    return fact(mev.Received, id_, **{**given_, **payload})


def decided(verdict: Verdict = NEW, id_: UUID = M1, **more: Any) -> Fact:
    return fact(mev.Decided, id_, **vars(verdict), **more)


def filed(id_: UUID = M1, **payload: Any) -> Fact:
    return fact(mev.Filed, id_, **{"ticket_id": T1, "ticket_version": 1, "created": True, **payload})


def message_of(world: World, id_: UUID = M1) -> Message:
    state = world.states[id_]
    assert isinstance(state, Message)
    return state


def test_a_message_is_received_and_decided_in_one_step() -> None:
    decision = given().when(ReceiveMessage, **MAIL, verdict=NEW, customer_id=C1, automatic=Automatic.LIST)
    assert told(decision) == ["M-2026-000100-4 message.received", "M-2026-000100-4 message.decided"]
    came, was_decided = decision.events
    assert isinstance(came, mev.Received)
    assert isinstance(was_decided, mev.Decided)
    assert (came.size, came.automatic, came.customer_id) == (19, Automatic.LIST, C1)
    assert (was_decided.outcome, was_decided.rule, was_decided.originator_version) == (Outcome.NEW, "new", 2)
    assert ([claim.kind for claim in decision.claims], decision.releases) == ([UNFINISHED], ())


def test_its_message_id_is_claimed_by_the_reception_and_its_place_by_the_decision() -> None:
    slot = FloodSlot(sender="mail:kim@example.org", number=3, holder=M2)
    decision = given().when(ReceiveMessage, **MAIL, verdict=NEW, claimed_id="<a@b>", slot=slot)
    assert [(claim.kind, claim.ref) for claim in decision.claims] == [
        (MESSAGE_ID, 1), (FLOOD, 2), (UNFINISHED, 0),
    ]  # fmt: skip
    assert decision.releases == (Release(M2, 2),), "the place of a message from more than an hour ago"


def test_places_of_different_senders_and_numbers_are_different() -> None:
    assert len({flood_value(sender, number) for sender in ("mail:a", "1\0mail:a") for number in (1, 11)}) == 4


def test_the_same_message_is_the_same_command_whatever_was_decided() -> None:
    first = build(ReceiveMessage, **MAIL, verdict=NEW)
    again = build(ReceiveMessage, **MAIL, verdict=HELD, customer_id=C1)
    other = build(ReceiveMessage, **{**MAIL, "fingerprint": "g"}, verdict=NEW)
    assert first.canonical() == again.canonical()
    assert first.canonical() != other.canonical()


def test_a_held_message_is_released_and_filed() -> None:
    world = given(received(), decided(HELD))
    assert message_of(world).done
    decision = world.when(DecideMessage, message=M1, verdict=TO_T1, customer_id=C1)
    assert told(decision) == [f"{number_of(M1)} message.decided"]
    world = world.after(*decision.events)
    assert not message_of(world).done
    world = world.after(*world.when(FileMessage, message=M1, ticket_id=T1, ticket_version=4).events)
    state = message_of(world)
    assert (state.filed, state.done, state.decisions, state.ticket_id, state.ticket_version) == (True, True, 2, T1, 4)


def test_what_was_sealed_for_the_message_itself_is_forgotten_with_its_later_sender() -> None:
    decision = given(received(), decided(HELD)).when(DecideMessage, message=M1, verdict=NEW, customer_id=C1)
    claim, _ = decision.claims
    assert (claim.kind, claim.value, claim.owner) == (OWN_TEXT, M1.bytes + C1.bytes, C1)
    known = given(received(customer_id=C1), decided(HELD, customer_id=C1))
    assert [claim.kind for claim in known.when(DecideMessage, message=M1, verdict=NEW).claims] == [UNFINISHED]


def test_deciding_the_same_again_records_nothing() -> None:
    assert given(received(), decided(HELD)).when(DecideMessage, message=M1, verdict=HELD).events == ()


def test_filing_the_same_again_records_nothing_and_elsewhere_is_refused() -> None:
    world = given(received(), decided(NEW), filed())
    assert world.when(FileMessage, message=M1, ticket_id=T1, ticket_version=1, created=True).events == ()
    with pytest.raises(WrongState, match=r"it is in ticket T-2026-000001-5 \(a message is in one ticket only"):
        world.when(FileMessage, message=M1, ticket_id=T2, ticket_version=1)


def test_a_filed_message_is_not_decided_again() -> None:
    world = given(received(), decided(NEW), filed())
    with pytest.raises(WrongState) as refusal:
        world.when(DecideMessage, message=M1, verdict=HELD)
    assert str(refusal.value) == (
        "cannot decide on message M-2026-000001-5: it is in ticket T-2026-000001-5 (split its ticket or merge it instead)"
    )


def test_a_held_message_can_not_be_filed() -> None:
    with pytest.raises(WrongState, match=r"it is 'held', expected one of 'new', 'comment', 'follow_up' \(release it"):
        given(received(), decided(HELD)).when(FileMessage, message=M1, ticket_id=T1, ticket_version=1)


def test_an_unknown_message_is_told_by_its_number() -> None:
    with pytest.raises(NotFound, match="no message M-2026-000001-5 is recorded here"):
        given().when(DecideMessage, message=M1, verdict=HELD, by=ANA)


def test_events_before_the_reception_change_nothing() -> None:
    assert given(decided(NEW)).states[M1] is None


def test_a_message_is_found_while_it_is_on_its_way_and_while_it_waits() -> None:
    came = given().when(ReceiveMessage, **MAIL, verdict=HELD)
    assert [claim.kind for claim in came.claims] == [WAITING]
    world = given(received(), decided(HELD))
    released = world.when(DecideMessage, message=M1, verdict=NEW)
    assert ([claim.kind for claim in released.claims], released.releases) == ([UNFINISHED], (Release(M1, 0),))
    ignored = Verdict(outcome=Outcome.IGNORED, reason="spam", rule="by_hand", rules_version="1")
    rejected = world.when(DecideMessage, message=M1, verdict=ignored)
    assert (rejected.claims, rejected.releases) == ((), (Release(M1, 0),))
    end = given(received(), decided(NEW)).when(FileMessage, message=M1, ticket_id=T1, ticket_version=1)
    assert (end.claims, end.releases) == ((), (Release(M1, 0),))


def test_a_bounce_goes_on_to_the_ticket_that_it_is_about_and_one_about_nothing_ends_at_once() -> None:
    bounce = Verdict(outcome=Outcome.IGNORED, reason="bounce", rule="bounce", rules_version="1", ticket_id=T1)
    world = given(received(), decided(bounce))
    assert not message_of(world).done
    assert world.when(FileMessage, message=M1, ticket_id=T1, ticket_version=7).events
    assert message_of(given(received(), decided(bounce.model_copy(update={"ticket_id": None})))).done
