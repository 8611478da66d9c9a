"""An inbound message in the log: recorded once, sealed for its sender, unreadable once they are forgotten."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from ticketcore import Actor, Role, TicketCore
from ticketcore.domain.commands import build
from ticketcore.domain.message_commands import DecideMessage, FileMessage, FloodSlot, ReceiveMessage
from ticketcore.domain.message_events import Outcome, Received, Recipient, RecipientKind, Sender, Verdict
from ticketcore.domain.types import Channel, IdentityKind
from ticketcore.errors import ClaimTaken, CommandReused, NotAllowed
from ticketcore.execution import Recorded

INTAKE, ANA = Actor.system("intake"), Actor.agent("ana")
AUDIT = Actor(role=Role.AUDITOR, id="audit")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")
RAW = b"From: kim@example.org\r\nSubject: Unheard\r\n\r\nof words\r\n"
HELD = Verdict(outcome=Outcome.HELD, reason="flood", rule="flood", rules_version="1")
NEW = Verdict(outcome=Outcome.NEW, rule="new", rules_version="1", facts={"customers": ["one"], "slot": 2})


def receive(core: TicketCore, *, verdict: Verdict = HELD, command_id: Any = None, **more: Any) -> Recorded:
    fields: dict[str, Any] = {
        "fingerprint": "f", "channel": Channel.MAIL, "raw": RAW, "media_type": "message/rfc822", "verdict": verdict,
        "identities": (Sender(kind=IdentityKind.MAIL, value="kim@example.org"),), "name": "Kim", "subject": "Unheard",
        "recipients": (Recipient(kind=RecipientKind.TO, address="help@example.com"),), "message_id": "<a@b>",
        "references": ("<c@d>",), "peer_ip": "192.0.2.7",
    }  # fmt: skip
    command = build(ReceiveMessage, **{**fields, **more})
    return core.record_message(command, by=INTAKE, command_id=command_id or uuid4())


def came(core: TicketCore, number: str, by: Actor = AUDIT) -> Received:
    event = core.message_events(number, by=by)[0].event
    assert isinstance(event, Received)
    return event


def test_a_message_is_kept_as_it_came(core: TicketCore) -> None:
    number = receive(core, verdict=NEW).number
    assert number.startswith("M-")
    event = came(core, number)
    assert core.raw_message(event) == RAW
    assert (event.subject, event.name, event.message_id, event.references) == ("Unheard", "Kim", "<a@b>", ("<c@d>",))
    assert event.recipients == (Recipient(kind=RecipientKind.TO, address="help@example.com"),)
    state = core.message_state(number)
    assert (state.outcome, state.rule, state.size, state.done) == (Outcome.NEW, "new", len(RAW), False)


def test_a_repeat_gives_the_first_result_whatever_would_be_decided_now(core: TicketCore, twin: TicketCore) -> None:
    id_ = uuid4()
    first = receive(core, command_id=id_)
    again = receive(twin, command_id=id_, verdict=NEW, claimed_id="<a@b>")
    assert (again.number, again.position, again.repeated) == (first.number, first.position, True)
    with pytest.raises(CommandReused):
        receive(core, command_id=id_, fingerprint="another")


def test_a_message_id_belongs_to_one_message_and_a_place_is_given_on(core: TicketCore) -> None:
    slot = FloodSlot(sender="mail:kim@example.org", number=1)
    first = receive(core, claimed_id="<a@b>", slot=slot)
    with pytest.raises(ClaimTaken, match="belongs to message M-") as taken:
        receive(core, claimed_id="<a@b>")
    assert (taken.value.kind, taken.value.owner) == ("message-id", first.id)
    with pytest.raises(ClaimTaken) as taken:
        receive(core, slot=slot)
    assert taken.value.kind == "flood"
    receive(core, slot=slot.model_copy(update={"holder": first.id}))
    with pytest.raises(ClaimTaken):
        receive(core, claimed_id="<a@b>")  # only the place was given on


@pytest.mark.parametrize("known", ["when it came", "when it was released"])
def test_forgetting_a_customer_makes_their_messages_unreadable(core: TicketCore, known: str) -> None:
    customer = core.register_customer(by=INTAKE)
    at_once = known == "when it came"
    number = receive(core, customer_id=customer.id if at_once else None).number
    release = build(DecideMessage, message=core.message_state(number).id, verdict=NEW, customer_id=customer.id)
    core.record_message(release, by=ANA)
    assert core.raw_message(came(core, number)) == RAW
    core.forget(customer.number, by=PRIVACY, reason="asked for")
    event = came(core, number)
    assert (event.subject, event.identities, event.recipients, core.raw_message(event)) == (None, None, None, None)
    assert core.message_state(number).customer_id == customer.id


def test_staff_decide_and_auditors_read_but_only_the_intake_receives_and_files(core: TicketCore) -> None:
    number = receive(core).number
    message = core.message_state(number).id
    ticket = core.open_ticket(channel="mail", subject="x", by=INTAKE)
    core.record_message(build(DecideMessage, message=message, verdict=NEW), by=ANA)
    filing = build(FileMessage, message=message, ticket_id=ticket.id, ticket_version=ticket.version)
    with pytest.raises(NotAllowed, match=f"agent ana may not file message {number}: expected one of the roles system"):
        core.record_message(filing, by=ANA)
    core.record_message(filing, by=INTAKE)
    assert core.message_state(number).ticket_id == ticket.id
    with pytest.raises(NotAllowed, match="may not see message"):
        came(core, number, Actor(role=Role.ANALYST, id="figures"))
    assert [entry.number for entry in core.read_events(by=AUDIT) if entry.topic == "message.filed"] == [number]


def test_the_read_models_pass_messages_by(core: TicketCore) -> None:
    receive(core)
    ticket = core.open_ticket(channel="mail", subject="x", by=INTAKE)
    assert [entry.number for entry in core.queue(by=ANA, seen=ticket)] == [ticket.number]
    assert core.read_position() == ticket.position
