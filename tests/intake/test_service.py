"""Whatever comes in finds its ticket: mail, chat, form and phone, by one engine and one way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.docs.test_blocks import blocks
from tests.intake.given import ANA, AUDIT, EVE, KIM, PRIVACY, SHOP, bodies, count_of, history, mail, message, topics
from ticketcore import AttachmentContent, Role, Settings, TicketCore
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.message_events import Outcome, Received
from ticketcore.domain.types import Actor, Assurance, Channel, Direction, IdentityKind
from ticketcore.errors import CommandReused, NotAllowed, NotFound, WrongState
from ticketcore.intake.message import InboundMessage
from ticketcore.intake.rules import Rules
from ticketcore.intake.saga import Taken
from ticketcore.intake.service import Intake


@pytest.fixture(autouse=True)
def _mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETCORE_MAIL_FROM", "Help <help@example.com>")


@pytest.fixture
def intake(core: TicketCore) -> Intake:
    return Intake(core)


def status(core: TicketCore, ticket: str | None) -> str:
    assert ticket is not None
    return core.show_ticket(ticket, by=ANA).status.value


def close(core: TicketCore, ticket: str | None) -> None:
    assert ticket is not None
    core.solve(ticket, by=ANA)
    core.close_ticket(ticket, by=ANA)


# Mail


def test_a_mail_becomes_a_ticket_of_its_sender_and_its_number_is_told(core: TicketCore, intake: Intake) -> None:
    taken = intake.receive_mail(mail("Where is it?"), recipients=["help@example.com"], peer_ip="192.0.2.7")
    assert (taken.outcome, taken.created, taken.repeated) == (Outcome.NEW, True, False)
    assert taken.ticket is not None
    view = core.show_ticket(taken.ticket, by=ANA)
    assert (view.subject, view.channel.value, view.status.value) == ("Parcel", "mail", "new")
    assert view.requester == core.find_customer("mail", KIM, by=ANA)
    assert [(m.direction, m.actor) for m in view.messages] == [
        (Direction.INBOUND, "system intake"), (Direction.OUTBOUND, "system acknowledgement"),
    ]  # fmt: skip
    assert view.messages[0].claimed_at == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert (view.messages[0].body or "").strip() == "Where is it?"


def test_the_same_mail_by_another_way_is_the_same_mail(core: TicketCore, twin: TicketCore, intake: Intake) -> None:
    first = intake.receive_mail(mail(message_id="<one@example.org>"))
    again = Intake(twin).receive_mail(b"Received: from elsewhere\r\n" + mail(message_id="<one@example.org>"))
    assert again == first._replace(repeated=True)
    assert count_of(core, "message.received") == count_of(core, "ticket.opened") == 1


def test_a_mail_without_an_id_is_known_by_its_bytes(intake: Intake) -> None:
    raw = mail().replace(b"Message-ID", b"X-Id")
    assert intake.receive_mail(raw).ticket == intake.receive_mail(raw).ticket
    assert intake.receive_mail(raw + b"P.S.\r\n").ticket != intake.receive_mail(raw).ticket


def test_an_answer_to_what_we_wrote_and_to_what_others_wrote_gets_to_the_ticket(
    core: TicketCore, intake: Intake
) -> None:
    first = intake.receive_mail(mail(message_id="<one@example.org>"))
    assert first.ticket is not None
    ours = core.tokens.ticket_of_message_id  # what we send is signed; here the id is made as the worker for mail does
    ticket = core.ticket_id(first.ticket)
    signed = f"<{_signed(core, ticket)}>"
    assert ours(signed) == (ticket, 1)
    by_colleague = intake.receive_mail(mail("I have it.", sender=EVE, headers=[f"In-Reply-To: {signed}"]))
    to_own = intake.receive_mail(mail("Still nothing.", headers=["References: <one@example.org>"]))
    by_stranger = intake.receive_mail(
        mail("Me too.", sender="mallory@example.net", headers=["References: <one@example.org>"])
    )
    assert [t.ticket == first.ticket for t in (by_colleague, to_own, by_stranger)] == [True, True, False]
    [explanation] = intake.explain(by_stranger.number, by=AUDIT)
    assert explanation.decisions[-1].rejected == ((first.ticket, "known_message", "stranger"),)
    assert [e.decisions[-1].rule for e in intake.explain(first.ticket, by=AUDIT)] == [
        "new", "signed_reference", "known_message",
    ]  # fmt: skip


def _signed(core: TicketCore, ticket: UUID, version: int = 1) -> str:
    return core.tokens.message_id(ticket, version).strip("<>")


def test_who_was_addressed_may_answer(intake: Intake) -> None:
    first = intake.receive_mail(mail(message_id="<one@example.org>", headers=[f"Cc: Eve <{EVE}>"]))
    answer = intake.receive_mail(mail("I know.", sender=EVE, headers=["In-Reply-To: <one@example.org>"]))
    assert answer.ticket == first.ticket


def test_a_number_in_the_subject_needs_a_sender_who_belongs(core: TicketCore, intake: Intake) -> None:
    first = intake.receive_mail(mail())
    assert intake.receive_mail(mail(subject=f"Re: [{first.ticket}]")).ticket == first.ticket
    forged = intake.receive_mail(mail(sender=EVE, subject=f"Re: [{first.ticket}]"))
    assert (forged.outcome, forged.ticket == first.ticket) == (Outcome.NEW, False)
    eve = core.find_customer("mail", EVE, by=ANA)
    assert first.ticket is not None
    assert eve is not None
    core.add_participant(first.ticket, customer=eve, by=ANA)
    assert intake.receive_mail(mail(sender=EVE, subject=f"Re: [{first.ticket}]")).ticket == first.ticket


def test_a_colleague_of_the_requesters_organisation_belongs(core: TicketCore, intake: Intake) -> None:
    for address in (KIM, EVE):
        identity = Identity(kind=IdentityKind.MAIL, value=address)
        core.register_customer(identities=[identity], organisation_id="northwind", by=SHOP)
    first = intake.receive_mail(mail())
    assert intake.receive_mail(mail(sender=EVE, subject=f"[{first.ticket}]")).ticket == first.ticket
    strict = Intake(core, Rules(organisation_belongs=False))
    assert strict.receive_mail(mail(sender=EVE, subject=f"[{first.ticket}]")).ticket != first.ticket


def test_whose_dmarc_failed_is_nobody_known(core: TicketCore) -> None:
    intake = Intake(core, Rules(trusted_servers=("mx.example.com",)))
    verdict = "Authentication-Results: {server}; dmarc={result} header.from=example.org"
    good = intake.receive_mail(mail(headers=[verdict.format(server="mx.example.com", result="pass")]))
    forged = intake.receive_mail(
        mail(subject=f"[{good.ticket}]", headers=[verdict.format(server="mx.example.com", result="fail")])
    )
    assert forged.ticket not in (None, good.ticket)
    assert core.show_ticket(forged.ticket or "", by=ANA).requester is None
    assert core.message_state(forged.number).acknowledge is False
    claimed = intake.receive_mail(mail(headers=[verdict.format(server="mx.evil.example", result="pass")]))
    assert [core.message_state(t.number).assurance.value for t in (good, forged, claimed)] == [
        "verified", "unverified", "unverified",
    ]  # fmt: skip


def test_an_answer_to_a_merged_ticket_reaches_the_target(core: TicketCore, intake: Intake) -> None:
    first, second = (intake.receive_mail(mail(message_id=id_)) for id_ in ("<one@example.org>", "<two@example.org>"))
    assert first.ticket is not None
    assert second.ticket is not None
    core.merge(first.ticket, into=second.ticket, by=ANA)
    assert intake.receive_mail(mail(headers=["In-Reply-To: <one@example.org>"])).ticket == second.ticket


def test_an_answer_reopens_what_is_solved_and_follows_up_what_is_closed(core: TicketCore, intake: Intake) -> None:
    first = intake.receive_mail(mail(message_id="<one@example.org>"))
    assert first.ticket is not None
    core.solve(first.ticket, by=ANA)
    answer = ["In-Reply-To: <one@example.org>"]
    assert intake.receive_mail(mail(headers=answer)).ticket == first.ticket
    assert status(core, first.ticket) == "open"
    close(core, first.ticket)
    later = intake.receive_mail(mail(headers=answer))
    assert (later.outcome, later.created, status(core, first.ticket)) == (Outcome.FOLLOW_UP, True, "closed")
    assert core.show_ticket(first.ticket, by=ANA).follow_ups == (later.ticket,)
    lenient = Intake(core, Rules(reopen_days=1)).receive_mail(mail(headers=answer))
    assert (lenient.outcome, lenient.ticket, status(core, first.ticket)) == (Outcome.COMMENT, first.ticket, "open")


@pytest.mark.parametrize(("days", "outcome"), [(1, Outcome.COMMENT), (3, Outcome.FOLLOW_UP)])
def test_the_reopening_window_of_the_policy_in_force_goes_before_the_rule(
    core: TicketCore, days: int, outcome: Outcome
) -> None:
    now = datetime.now(UTC)
    window = "name: windows\nreopening: {window: 2d}\n"
    core.adopt_policy(window, by=SHOP, effective_at=now - timedelta(days=365))
    rule = 30 if outcome is Outcome.FOLLOW_UP else 0
    other_rule = Intake(core, Rules(reopen_days=rule, acknowledge=()))
    came = now - timedelta(days=5)
    first = other_rule.receive_mail(mail(message_id="<one@example.org>"), received_at=came).ticket
    assert first is not None
    core.solve(first, by=ANA, occurred_at=came)
    core.close_ticket(first, by=ANA, occurred_at=now - timedelta(days=days))
    later = other_rule.receive_mail(mail(headers=["In-Reply-To: <one@example.org>"]))
    assert later.ticket is not None
    assert (later.outcome, later.created) == (outcome, outcome is Outcome.FOLLOW_UP)
    assert status(core, first) == ("open" if outcome is Outcome.COMMENT else "closed")
    assert core.show_ticket(first, by=ANA).follow_ups == (() if later.ticket == first else (later.ticket,))
    assert (later.ticket == first) is (outcome is Outcome.COMMENT)


def test_a_policy_may_say_never_and_one_that_says_nothing_leaves_it_to_the_rule(core: TicketCore) -> None:
    generous = Intake(core, Rules(reopen_days=30))
    first = generous.receive_mail(mail(message_id="<one@example.org>"))
    answer = ["In-Reply-To: <one@example.org>"]
    close(core, first.ticket)
    core.adopt_policy("name: never\nreopening: {window: 0s}\n", by=SHOP)
    assert generous.receive_mail(mail(headers=answer)).outcome is Outcome.FOLLOW_UP
    core.adopt_policy("name: silent\n", by=SHOP)
    assert generous.receive_mail(mail(headers=answer)).reason == "reopens"


def test_robots_open_nothing_and_are_bound_to_what_they_are_about(core: TicketCore, intake: Intake) -> None:
    first = intake.receive_mail(mail())
    assert first.ticket is not None
    signed = f"<{_signed(core, core.ticket_id(first.ticket))}>"
    away = intake.receive_mail(mail("Away", headers=[f"In-Reply-To: {signed}", "Auto-Submitted: auto-replied"]))
    lone = intake.receive_mail(mail("Away", headers=["Auto-Submitted: auto-replied"]))
    assert [(t.outcome, t.reason, t.ticket) for t in (away, lone)] == [
        (Outcome.IGNORED, "auto_reply", first.ticket), (Outcome.IGNORED, "auto_reply", None),
    ]  # fmt: skip
    alarm = intake.receive_mail(mail("Disk full", headers=["Auto-Submitted: auto-generated"]))
    assert (alarm.outcome, core.message_state(alarm.number).acknowledge) == (Outcome.NEW, False)
    marker = core.tokens.marker(core.ticket_id(first.ticket))
    loop = intake.receive_mail(mail("We have it.", headers=[f"X-Ticketcore-Ticket: {marker}"]))
    assert (loop.outcome, loop.reason) == (Outcome.IGNORED, "loop")
    assert topics(history(core, first.ticket)) == ["opened", "commented"], "the acknowledgement"


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Auto-Response-Suppress: DR, OOF, AutoReply"], ["Precedence: bulk"], ["Precedence: list"], ["X-Loop: kim@example.org"],
        ["X-RT-Loop-Prevention: example.org", "Precedence: bulk"], ["X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent"],
    ],
)  # fmt: skip
def test_an_answer_that_only_asks_programs_to_be_silent_is_a_persons(
    core: TicketCore, intake: Intake, headers: list[str]
) -> None:
    first = intake.receive_mail(mail())
    assert first.ticket is not None
    answer = [f"In-Reply-To: <{_signed(core, core.ticket_id(first.ticket))}>"]
    taken = intake.receive_mail(mail("The number is 7.", headers=headers + answer))
    assert (taken.outcome, taken.ticket) == (Outcome.COMMENT, first.ticket)
    away = intake.receive_mail(mail("Away", subject="Automatic reply: Parcel", headers=headers + answer))
    assert away.reason == (None if "Precedence: list" in headers else "auto_reply")


def test_a_form_without_a_return_path_opens_a_ticket_and_is_not_acknowledged(core: TicketCore, intake: Intake) -> None:
    taken = intake.receive_mail(mail("Help", headers=["Return-Path: <>"]))
    assert (taken.outcome, core.message_state(taken.number).acknowledge) == (Outcome.NEW, False)
    failure = mail("?", sender="postmaster@example.org", subject="Unzustellbar: x", headers=["Return-Path: <>"])
    assert intake.receive_mail(failure).outcome is Outcome.IGNORED


@pytest.mark.parametrize(
    ("given", "acknowledged"),
    [
        ({"sender": "no-reply@shop.example"}, False),
        ({"sender": "noreply+17@shop.example"}, False),
        ({"headers": ["List-Unsubscribe: <https://shop.example/u/1>"]}, False),
        ({"headers": ["Return-Path: <bounces+1@shop.example>"]}, True),
        ({"headers": ["Feedback-ID: 1.eu-central-1:AmazonSES"]}, True),
    ],
    ids=["noreply", "plus", "newsletter", "a shop's mail server", "a mail service"],
)
def test_who_waits_for_no_answer_opens_a_ticket_and_is_not_acknowledged(
    core: TicketCore, intake: Intake, given: dict[str, Any], acknowledged: bool
) -> None:
    taken = intake.receive_mail(mail("Our offer", **given))
    assert (taken.outcome, core.message_state(taken.number).acknowledge) == (Outcome.NEW, acknowledged)


def test_redacting_a_message_takes_the_mail_that_it_came_with_along(core: TicketCore, intake: Intake) -> None:
    file = InboundMessage(
        channel=Channel.FORM, identities=(Identity(kind=IdentityKind.MAIL, value=KIM),), message_id="f-1", subject="Card",
        text="4111 1111", attachments=(AttachmentContent(name="card.png", content=b"card"),),
    )  # fmt: skip
    first, second = intake.receive(file), intake.receive_mail(mail("Where is it?"))
    assert first.ticket is not None
    core.redact(first.ticket, comment=1, reason="a card's number", by=PRIVACY)
    kept = []
    for taken in (first, second):
        received = core.message_events(taken.number, by=AUDIT)[0].event
        assert isinstance(received, Received)
        kept.append((core.raw_message(received) is not None, received.subject is not None))
    assert kept == [(False, False), (True, True)]
    with pytest.raises(NotFound):
        core.attachment(first.ticket, message=1, index=0, by=ANA)
    assert intake.receive(file).repeated, "and the same message, come again, is known"
    assert "4111 1111" not in str(core.message_events(first.number, by=AUDIT))


def test_a_customer_who_uses_a_system_like_ours_is_no_loop(intake: Intake) -> None:
    taken = intake.receive_mail(mail("Our order?", headers=["X-Ticketcore-Ticket: [T-2026-000001-5.AAAAAAAAAAAAAAAA]"]))
    assert taken.outcome is Outcome.NEW


def test_what_our_own_address_sends_is_of_whom_it_names_else_of_nobody(core: TicketCore, intake: Intake) -> None:
    form = intake.receive_mail(mail(sender="Help@example.com", headers=[f"Reply-To: Eve <{EVE}>"]))
    on_list = intake.receive_mail(mail(sender="help@example.com", headers=[f"X-Original-From: Eve <{EVE}>"]))
    nobody = intake.receive_mail(mail(sender="help+news@example.com"))
    eve = core.find_customer("mail", EVE, by=ANA)
    assert eve is not None
    seen = [core.show_ticket(taken.ticket or "", by=ANA) for taken in (form, on_list, nobody)]
    assert [view.requester for view in seen] == [eve, eve, None]
    assert [len(view.messages) for view in seen] == [2, 2, 1], "nobody is acknowledged"


def test_whom_a_form_names_is_not_verified_by_the_forms_signature(core: TicketCore) -> None:
    intake = Intake(core, Rules(trusted_servers=("mx.example.com",)))
    verdict = "Authentication-Results: mx.example.com; dmarc=pass header.from=example.com"
    taken = intake.receive_mail(mail(sender="help@example.com", headers=[f"Reply-To: Eve <{EVE}>", verdict]))
    received = core.message_events(taken.number, by=AUDIT)[0].event
    assert isinstance(received, Received)
    assert received.assurance is Assurance.UNVERIFIED


def test_an_id_that_a_program_gives_to_all_its_mails_hides_none_of_them(intake: Intake) -> None:
    scan = mail("Page 1", message_id="<scanner@example.org>")
    first, again = intake.receive_mail(scan), intake.receive_mail(b"Received: x\r\n" + scan.replace(b"Page", b"page"))
    later = intake.receive_mail(scan.replace(b"10:00:00", b"10:05:00"))
    assert (again.outcome, again.reason) == (Outcome.IGNORED, "duplicate")
    assert (later.outcome, later.ticket == first.ticket) == (Outcome.NEW, False)


def bounce_of(message_id: str) -> bytes:
    return "\r\n".join([
        "From: Mailer <mailer-daemon@mx.example.org>", "To: help@example.com", "Subject: Undelivered Mail Returned to Sender",
        "Message-ID: <bounce@mx.example.org>", "MIME-Version: 1.0", "Return-Path: <>",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "", "--b", "", "Sorry.", "--b",
        "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example.org", "",
        f"Final-Recipient: rfc822; {KIM}", "Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 no such user",
        "", "--b", "Content-Type: message/rfc822", "", "From: help@example.com", f"Message-ID: {message_id}", "", "Hi", "--b--", "",
    ]).encode()  # fmt: skip


def test_a_bounce_is_recorded_on_the_ticket_and_reopens_nothing(core: TicketCore, intake: Intake) -> None:
    first = intake.receive_mail(mail())
    assert first.ticket is not None
    close(core, first.ticket)
    signed = f"<{_signed(core, core.ticket_id(first.ticket), 2)}>"
    bounced = intake.receive_mail(bounce_of(signed))
    assert (bounced.outcome, bounced.reason, bounced.ticket) == (Outcome.IGNORED, "bounce", first.ticket)
    assert (status(core, first.ticket), topics(history(core, first.ticket))[-1]) == ("closed", "bounced")
    assert core.message_state(bounced.number).filed
    late = intake.receive_mail(
        bounce_of(f"<{_signed(core, core.ticket_id(first.ticket), 9)}>").replace(b"<bounce@", b"<late@")
    )
    assert topics(history(core, first.ticket))[-2:] == ["bounced", "bounced"], "of a mail that nothing tells of"
    assert core.message_state(late.number).filed
    unknown = intake.receive_mail(bounce_of("<theirs@example.org>").replace(b"<bounce@", b"<other@"))
    assert (unknown.reason, unknown.ticket) == ("bounce", None)


def test_the_same_id_of_another_sender_is_another_message(intake: Intake) -> None:
    first = intake.receive_mail(mail("One", message_id="<one@example.org>"))
    again = intake.receive_mail(mail("One, with a footer", message_id="<one@example.org>"))
    other = intake.receive_mail(mail("Two", sender=EVE, message_id="<one@example.org>"))
    assert (again.outcome, again.reason, again.ticket) == (Outcome.IGNORED, "duplicate", first.ticket)
    assert (other.outcome, other.ticket == first.ticket) == (Outcome.NEW, False)


def test_a_mail_of_nobody_is_a_ticket_of_nobody(core: TicketCore, intake: Intake) -> None:
    taken = intake.receive_mail(b"Subject: x\r\n\r\nHelp\r\n")
    assert taken.ticket is not None
    assert core.show_ticket(taken.ticket, by=ANA).requester is None
    assert not core.message_state(taken.number).acknowledge


def test_what_a_form_sends_in_somebodys_name_is_theirs() -> None:
    with TicketCore.in_memory(settings=Settings(mail_from="Help <help@example.com>")) as core:
        taken = Intake(core).receive_mail(mail(sender="help@example.com", headers=[f"Reply-To: Kim <{KIM}>"]))
        assert taken.ticket is not None
        assert core.show_ticket(taken.ticket, by=ANA).requester == core.find_customer("mail", KIM, by=ANA)


# Other channels: the engine takes them without change


def test_a_chat_goes_on_in_its_ticket(core: TicketCore, intake: Intake) -> None:
    first = intake.receive(message("chat", "chat", "@kim", "Hello?", message_id="chat-7.1"))
    second = intake.receive(
        message("chat", "chat", "@kim", "Anybody?", message_id="chat-7.2", references=("chat-7.1",))
    )
    other = intake.receive(message("chat", "chat", "@eve", "Hi!", message_id="chat-8.1", references=("chat-7.1",)))
    assert (second.ticket, bodies(core, first.ticket)) == (first.ticket, ["Hello?", "Anybody?"])
    assert other.ticket != first.ticket


def test_a_form_with_an_id_of_its_own_is_taken_once(core: TicketCore, twin: TicketCore, intake: Intake) -> None:
    id_ = uuid4()
    scan = AttachmentContent(name="scan.pdf", media_type="application/pdf", content=b"%PDF")
    form = message("form", "mail", KIM, "I moved.", subject="Address", attachments=(scan,), command_id=id_)
    first = intake.receive(form)
    again = Intake(twin).receive(form)
    assert (again.ticket, again.repeated) == (first.ticket, True)
    assert core.attachment(first.ticket or "", by=ANA, message=1, index=0) == b"%PDF"
    with pytest.raises(CommandReused):
        intake.receive(form.model_copy(update={"text": "I moved twice."}))


def test_a_phone_call_with_a_contract_number_is_the_contracts_customers(core: TicketCore, intake: Intake) -> None:
    contract = Identity(kind=IdentityKind.CONTRACT, value="K-4711")
    kim = core.register_customer(
        name="Kim", identities=[contract, Identity(kind=IdentityKind.MAIL, value=KIM)], by=SHOP
    )
    call = InboundMessage(channel=Channel.PHONE, identities=(contract,), text="Called about the parcel.")
    taken = intake.receive(call)
    assert core.show_ticket(taken.ticket or "", by=ANA).requester == kim.number
    assert not core.message_state(taken.number).acknowledge, "a call needs no mail"
    assert intake.receive(call).ticket != taken.ticket, "nothing tells two calls apart: rather twice than not at all"


def test_who_comes_by_a_signed_link_writes_in_its_ticket(core: TicketCore, intake: Intake) -> None:
    first = intake.receive_mail(mail())
    kim = core.customer_id(core.find_customer("mail", KIM, by=ANA))
    assert first.ticket is not None
    assert kim is not None
    link = core.tokens.link_token(core.ticket_id(first.ticket), kim, datetime.now(UTC) + timedelta(days=1))
    taken = intake.receive(InboundMessage(channel=Channel.FORM, text="More.", link=link))
    assert taken.ticket == first.ticket
    assert core.message_state(taken.number).assurance.value == "signed_link"
    old = core.tokens.link_token(core.ticket_id(first.ticket), kim, datetime.now(UTC) - timedelta(days=1))
    assert intake.receive(InboundMessage(channel=Channel.FORM, text="More.", link=old)).ticket != first.ticket


def test_a_link_leads_its_customer_into_the_ticket_as_long_as_they_have_to_do_with_it(
    core: TicketCore, intake: Intake
) -> None:
    kims, eves = intake.receive_mail(mail()).ticket, intake.receive_mail(mail(sender=EVE)).ticket
    eve = core.find_customer("mail", EVE, by=ANA)
    assert kims is not None
    assert eves is not None
    link, _ = core.ticket_link(kims, by=ANA)
    core.merge(kims, into=eves, by=ANA)
    merged = intake.receive(InboundMessage(channel=Channel.FORM, text="More.", link=link, message_id="f-1"))
    assert merged.ticket == eves, "an answer to a merged ticket reaches the one that stands for it"
    core.unmerge(kims, by=ANA)
    core.change_requester(kims, requester=eve, by=ANA)
    later = intake.receive(InboundMessage(channel=Channel.FORM, text="More.", link=link, message_id="f-2"))
    assert later.ticket not in (kims, eves)
    [explained] = intake.explain(later.number, by=ANA)
    assert explained.decisions[0].rejected == ((kims, "signed_link", "stranger"),)


# People


@pytest.fixture
def unclear(core: TicketCore, intake: Intake) -> Taken:
    """A message with identities of two customers."""
    for kind, value in (("mail", KIM), ("contract", "K-4711")):
        core.register_customer(identities=[Identity(kind=IdentityKind(kind), value=value)], by=SHOP)
    identities = (Identity(kind=IdentityKind.MAIL, value=KIM), Identity(kind=IdentityKind.CONTRACT, value="K-4711"))
    return intake.receive(
        InboundMessage(channel=Channel.FORM, identities=identities, subject="Bill", text="Too high.", message_id="f1")
    )


def test_an_unclear_sender_is_held_and_released_by_hand(core: TicketCore, intake: Intake, unclear: Taken) -> None:
    assert (unclear.outcome, unclear.reason, unclear.ticket) == (Outcome.HELD, "ambiguous_sender", None)
    [waiting] = intake.held(by=ANA)
    assert (waiting.number, waiting.reason, waiting.subject) == (unclear.number, "ambiguous_sender", "Bill")
    kim = core.find_customer("mail", KIM, by=ANA)
    released = intake.release(unclear.number, customer=kim, by=ANA)
    assert (released.outcome, released.created) == (Outcome.NEW, True)
    assert core.show_ticket(released.ticket or "", by=ANA).requester == kim
    assert (intake.held(by=ANA), bodies(core, released.ticket)) == ([], ["Too high."])
    [explanation] = intake.explain(unclear.number, by=AUDIT)
    assert [(d.by, d.rule) for d in explanation.decisions] == [
        ("system intake", "ambiguous_sender"),
        ("agent ana", "by_hand"),
    ]
    with pytest.raises(WrongState, match=f"cannot decide on message {unclear.number}: it is in ticket"):
        intake.release(unclear.number, by=ANA)
    core.forget(kim or "", by=PRIVACY, reason="asked for")
    assert bodies(core, released.ticket) == [None]
    received = core.message_events(unclear.number, by=AUDIT)[0].event
    assert isinstance(received, Received)
    assert core.raw_message(received) is None


def test_a_held_message_is_released_to_a_ticket_or_rejected(core: TicketCore, intake: Intake, unclear: Taken) -> None:
    target, other = (core.open_ticket(channel="mail", subject="x", by=SHOP) for _ in range(2))
    core.merge(other.number, into=target.number, by=ANA)
    rejected = intake.reject(unclear.number, reason="spam", by=ANA)
    assert (rejected.outcome, rejected.reason, intake.held(by=ANA)) == (Outcome.IGNORED, "spam", [])
    released = intake.release(unclear.number, to=other.number, by=ANA)
    assert (released.outcome, released.ticket) == (Outcome.COMMENT, target.number)


def test_only_staff_decide_by_hand_and_what_is_not_there_is_told(intake: Intake, unclear: Taken) -> None:
    auditor = Actor(role=Role.AUDITOR, id="audit")
    with pytest.raises(NotAllowed, match=f"auditor audit may not decide on message {unclear.number}"):
        intake.reject(unclear.number, reason="spam", by=auditor)
    with pytest.raises(NotAllowed, match="analyst figures may not see message"):
        intake.explain(unclear.number, by=Actor(role=Role.ANALYST, id="figures"))
    with pytest.raises(NotAllowed, match="analyst figures may not see messages"):
        Intake(TicketCore.in_memory()).held(by=Actor(role=Role.ANALYST, id="figures"))
    with pytest.raises(NotFound, match="no message M-2026-999999"):
        intake.explain("M-2026-999999-5", by=AUDIT)
    with pytest.raises(NotFound, match="no ticket T-2026-999999"):
        intake.release(unclear.number, to="T-2026-999999-5", by=ANA)


# Other rules


def test_other_rules_are_tried_without_changing_anything(core: TicketCore) -> None:
    intake = Intake(core, Rules(new_tickets_per_window=2))
    first = intake.receive_mail(mail())
    intake.receive_mail(mail(subject=f"[{first.ticket}]"))
    eve = intake.receive_mail(mail(sender=EVE))
    held = [intake.receive_mail(mail()) for _ in range(2)][1]
    head = core.log.head()
    before = datetime.now(UTC) - timedelta(hours=1)
    assert list(intake.replay(before, Rules(new_tickets_per_window=2), by=AUDIT)) == []
    [difference] = intake.replay(before, Rules(version="2", new_tickets_per_window=3), by=AUDIT)
    assert (difference.number, difference.recorded[0], difference.now[0]) == (held.number, "held", "new")
    stricter = Rules(new_tickets_per_window=2, number_needs=Assurance.VERIFIED)
    [difference] = intake.replay(before, stricter, by=AUDIT)
    assert (difference.recorded, difference.now) == (
        ("comment", None, first.ticket, "number"),
        ("new", None, None, "new"),
    )
    assert list(intake.replay(datetime.now(UTC) + timedelta(hours=1), stricter, by=AUDIT)) == []
    assert (core.log.head(), eve.outcome) == (head, Outcome.NEW)


# Crashes


class Crash(BaseException):
    """The process dies here."""


STEPS = ("register_customer", "record_message", "open_ticket", "acknowledge", "record_message again")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_loses_nothing_and_doubles_nothing(
    core: TicketCore, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    intake = Intake(core)
    raw = mail()
    method, _, which = step.partition(" ")
    real, calls = getattr(core, method), [0]

    def dying(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == (2 if which else 1):
            if after:
                real(*args, **kwargs)
            raise Crash
        return real(*args, **kwargs)

    monkeypatch.setattr(core, method, dying)
    with pytest.raises(Crash):
        intake.receive_mail(raw)
    monkeypatch.undo()
    recorded = count_of(core, "message.received") == 1
    unfinished = recorded and count_of(core, "message.filed") == 0
    assert len(intake.sweep()) == unfinished
    assert intake.receive_mail(raw).repeated is recorded
    assert intake.sweep() == []
    counted = {topic: count_of(core, topic) for topic in ("message.received", "message.decided", "message.filed")}
    assert counted == {"message.received": 1, "message.decided": 1, "message.filed": 1}
    assert [count_of(core, f"ticket.{name}") for name in ("opened", "commented")] == [1, 1]
    assert count_of(core, "customer.registered") == 1


@pytest.mark.parametrize("change", ["closed", "merged"])
def test_a_ticket_that_ends_before_the_message_gets_there_is_decided_anew(
    core: TicketCore, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    intake = Intake(core)
    first, second = (intake.receive_mail(mail(message_id=id_)) for id_ in ("<one@example.org>", "<two@example.org>"))
    assert first.ticket is not None
    assert second.ticket is not None
    with monkeypatch.context() as patched:
        patched.setattr(core, "comment", lambda *_, **__: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            intake.receive_mail(mail(headers=["In-Reply-To: <one@example.org>"]))
    if change == "closed":
        close(core, first.ticket)
    else:
        core.merge(first.ticket, into=second.ticket, by=ANA)
    [taken] = intake.sweep()
    [explanation] = intake.explain(taken.number, by=AUDIT)
    assert [d.outcome for d in explanation.decisions] == ["comment", "follow_up" if change == "closed" else "comment"]
    assert explanation.decisions[-1].reason == "ticket_closed"
    if change == "merged":
        assert taken.ticket == second.ticket
    else:
        assert core.show_ticket(first.ticket, by=ANA).follow_ups == (taken.ticket,)


def test_a_sender_who_is_forgotten_on_the_way_leaves_an_empty_ticket(
    core: TicketCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = Intake(core)
    with monkeypatch.context() as patched:
        patched.setattr(core, "open_ticket", lambda **_: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            intake.receive_mail(mail())
    core.forget(core.find_customer("mail", KIM, by=ANA) or "", by=PRIVACY, reason="asked for")
    [taken] = intake.sweep()
    view = core.show_ticket(taken.ticket or "", by=ANA)
    assert (view.requester, view.subject, [m.body for m in view.messages]) == (None, None, [None])


def test_the_pages_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = blocks("docs/intake.md", "python")
    exec(compile(code, "docs/intake.md", "exec"), {})
    number, outcome, ticket, after = capsys.readouterr().out.split()
    assert (number[:2], outcome, ticket[:2], after) == ("M-", "new", "T-", "new")


def test_files_over_the_limits_are_listed_with_the_reason_and_stay_in_the_message_as_it_came() -> None:
    with TicketCore.in_memory() as core:
        core._settings = core.settings.model_copy(update={"max_file_bytes": 10, "dangerous_files": "refuse"})
        files = (
            AttachmentContent(name="big.pdf", content=b"%PDF-1.7 and more"),
            AttachmentContent(name="tool", content=b"MZ"),
            AttachmentContent(name="note.txt", content=b"short"),
        )
        taken = Intake(core).receive(message("form", "mail", KIM, "See the files.", attachments=files))
        assert (taken.outcome, taken.created) == (Outcome.NEW, True)
        assert taken.ticket is not None
        attached = core.show_ticket(taken.ticket, by=ANA).messages[0].attachments
        assert [(file["name"], file["withheld"]) for file in attached] == [
            ("big.pdf", "too large: 17 bytes, at most 10 are kept of a file"),
            ("tool", "refused: executable"),
            ("note.txt", None),
        ]
        assert core.attachment(taken.ticket, message=1, index=2, by=ANA) == b"short"
        received = core.message_events(taken.number, by=AUDIT)[0].event
        assert isinstance(received, Received)
        assert InboundMessage.restored(core.raw_message(received) or b"").attachments == files


def test_colleagues_of_an_organisation_belong_to_its_tickets_after_a_merge_of_organisations(core: TicketCore) -> None:
    firm, bought = (core.register_customer(name=name, by=SHOP).number for name in ("Firm", "Bought"))
    kim = core.register_customer(
        organisation_id=firm, identities=[Identity(kind=IdentityKind.MAIL, value=KIM)], by=SHOP
    ).number
    eve = Identity(kind=IdentityKind.MAIL, value=EVE)
    core.register_customer(organisation_id=bought, identities=[eve], by=SHOP)
    ticket = core.open_ticket(channel="mail", requester=kim, subject="Parcel", by=SHOP).number
    other = Intake(core).receive_mail(mail("About it.", sender=EVE, subject=f"Re: {ticket}"))
    assert other.ticket != ticket
    core.merge_customers(bought, into=firm, by=ANA)
    again = Intake(core).receive_mail(mail("About it again.", sender=EVE, subject=f"Re: {ticket}"))
    assert again.ticket == ticket


def test_a_messages_row_in_the_read_model_can_be_waited_for_and_holds_none_of_its_words(
    core: TicketCore, intake: Intake
) -> None:
    taken = intake.receive_mail(mail("of words", sender="unheard@example.org", subject="Unheard"))
    state = core.message_state(taken.number)
    core._read.wait_for(state.id, state.version, 10.0)
    assert core.read_position() == core.log.head()
    if core.settings.read_dsn is not None:
        with psycopg.connect(core.settings.read_dsn) as connection:
            [(row,)] = connection.execute("SELECT messages::text FROM intake.messages").fetchall()
        assert taken.number in row
        assert "nheard" not in row
