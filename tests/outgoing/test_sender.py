"""What the outgoing worker does with a mail server that takes, refuses, goes away, or hangs up in the middle."""

import threading
import time
from datetime import timedelta

import pytest

from tests.outgoing.given import ANA, MAIL, Clock, a_customer, a_ticket, reply, sending, smtp
from tests.support.smtp import DROP, DROP_AFTER, Mailserver
from ticketcore import TicketCore
from ticketcore.domain.commands import AttachmentContent
from ticketcore.domain.deliveries import Delivery
from ticketcore.domain.types import Actor, DeliveryState, Role
from workers.outgoing.sender import OUTGOING
from workers.outgoing.server import Unreachable

S = DeliveryState


def state(core: TicketCore, ticket: str, comment: int) -> Delivery:
    found = core.delivery(ticket, comment)
    assert found is not None
    return found


def topics(core: TicketCore, ticket: str) -> list[str]:
    return [entry.topic.removeprefix("ticket.") for entry in core.ticket_history(ticket, by=ANA)]


def test_a_reply_goes_out_once(core: TicketCore, server: Mailserver) -> None:
    ticket = a_ticket(core)
    comment = reply(core, ticket)
    sender = sending(core, smtp(server))
    assert (sender.round(), sender.round()) == (1, 0)
    (mail,) = server.mails
    assert (mail.recipients, mail.message["To"]) == (["kim@example.net"], "Kim Öz <kim@example.net>")
    assert core.tokens.bounce_of_address(mail.sender) is not None
    assert core.tokens.ticket_of_message_id(mail.message["Message-ID"]) == (core._ticket(ticket), comment)
    assert mail.text.startswith("Bitte neu starten.\n\nExample Støtte\n\n[T-")
    assert state(core, ticket, comment)[1:2] == (S.DELIVERED,)
    assert topics(core, ticket) == ["opened", "commented", "delivery_attempted", "delivered"]


def test_an_acknowledgement_has_no_return_path_and_is_written_by_a_robot(core: TicketCore, server: Mailserver) -> None:
    ticket = a_ticket(core, a_customer(core, language="de-AT"))
    assert core.acknowledge(ticket) is not None
    assert core.acknowledge(ticket) is not None
    sending(core, smtp(server)).round()
    (mail,) = server.mails
    assert mail.sender == ""
    assert mail.message["Auto-Submitted"] == "auto-replied"
    assert f"dafür das Ticket {ticket} angelegt" in mail.text


def test_participants_get_a_copy(core: TicketCore, server: Mailserver) -> None:
    ticket = a_ticket(core)
    core.add_participant(ticket, by=ANA, customer=a_customer(core, "lee@example.com", name="Lee"))
    core.add_participant(ticket, by=ANA, customer=core.register_customer(by=ANA, name="No address").number)
    comment = reply(core, ticket)
    sending(core, smtp(server)).round()
    assert server.mails[0].recipients == ["kim@example.net", "lee@example.com"]
    assert (server.mails[0].message["Cc"]) == "Lee <lee@example.com>"
    assert state(core, ticket, comment).state is S.DELIVERED


def test_a_passing_refusal_is_tried_again_later_with_the_same_message_id(core: TicketCore, server: Mailserver) -> None:
    ticket, clock = a_ticket(core), Clock()
    comment = reply(core, ticket)
    server.answers("451 4.3.0 try later", "452 4.2.2 full")
    sender = sending(core, smtp(server, retry_first=60), clock)
    ids = []
    waits = []
    for attempt in (1, 2, 3):
        assert sender.round() == 1
        found = state(core, ticket, comment)
        assert found.attempt == attempt
        if found.due_at is not None:
            waits.append((found.due_at - clock()).total_seconds())
            assert sender.round() == 0, "not before it is due"
            clock.ahead += timedelta(seconds=waits[-1] + 1)
    entries = [e for e in core.ticket_history(ticket, by=ANA) if e.topic == "ticket.delivery_attempted"]
    ids = [entry.fields["message_id"] for entry in entries]
    assert len(ids) == 3
    assert set(ids) == {server.mails[0].message["Message-ID"]}
    assert 44 < waits[0] < 76
    assert 88 < waits[1] < 151
    assert state(core, ticket, comment).state is S.DELIVERED
    failed = next(e for e in core.ticket_history(ticket, by=ANA) if e.topic == "ticket.delivery_failed")
    assert (failed.fields["code"], failed.fields["text"]) == (451, "the mail: 451 4.3.0 try later")


def test_a_lasting_refusal_is_a_dead_letter_that_can_be_sent_again_or_dropped(
    core: TicketCore, server: Mailserver
) -> None:
    ticket = a_ticket(core)
    comment = reply(core, ticket)
    server.answers("554 5.7.1 no")
    sender = sending(core, smtp(server))
    sender.round()
    assert (state(core, ticket, comment).state, core.undelivered()) == (S.FAILED, [(core._ticket(ticket), comment)])
    assert (sender.round(), server.mails) == (0, [])
    core.retry_delivery(ticket, by=ANA, comment=comment)
    assert (sender.round(), len(server.mails), list(core.undelivered())) == (1, 1, [])


def test_after_its_time_a_mail_is_given_up(core: TicketCore, server: Mailserver) -> None:
    ticket, clock = a_ticket(core), Clock()
    comment = reply(core, ticket)
    server.on_data = lambda _: "451 later"
    sender = sending(core, smtp(server, days=1, retry_longest=3_600 * 5), clock)
    attempts = 0
    while (found := state(core, ticket, comment)).due_at is not None:
        clock.ahead += max(timedelta(0), found.due_at - clock()) + timedelta(seconds=1)
        attempts += sender.round()
        assert attempts < 30
    assert (found.state, 10 < attempts < 20) == (S.FAILED, True)
    assert core.undelivered() == [(core._ticket(ticket), comment)]


def test_a_mail_that_nobody_sent_for_too_long_waits_for_a_decision(core: TicketCore, server: Mailserver) -> None:
    ticket, clock = a_ticket(core), Clock()
    comment = reply(core, ticket)
    clock.ahead = timedelta(days=6)
    assert sending(core, smtp(server), clock).round() == 1
    assert (state(core, ticket, comment).state, server.mails) == (S.FAILED, [])


def test_a_server_that_is_away_costs_no_attempt(core: TicketCore, server: Mailserver) -> None:
    ticket = a_ticket(core)
    comment = reply(core, ticket)
    server.stop()
    sender = sending(core, smtp(server))
    with pytest.raises(Unreachable, match=rf"127\.0\.0\.1:{server.port}: .*refused"):
        sender.round()
    assert state(core, ticket, comment).attempt == 0
    server.start()
    sender.round()
    assert len(server.mails) == 1


@pytest.mark.parametrize(("answer", "times"), [(DROP, 1), (DROP_AFTER, 2)])
def test_a_server_that_hangs_up_gets_the_mail_again_never_not_at_all(
    core: TicketCore, server: Mailserver, answer: str, times: int
) -> None:
    ticket, clock = a_ticket(core), Clock()
    comment = reply(core, ticket)
    server.answers(answer)
    sender = sending(core, smtp(server), clock)
    sender.round()
    assert state(core, ticket, comment).state is S.RETRYING
    clock.ahead += timedelta(minutes=3)
    sender.round()
    assert len(server.mails) == times
    assert len({mail.message["Message-ID"] for mail in server.mails}) == 1
    assert state(core, ticket, comment).state is S.DELIVERED


def test_a_recipient_that_is_refused_for_good_keeps_no_other_from_the_mail(
    core: TicketCore, server: Mailserver
) -> None:
    ticket = a_ticket(core)
    lee = a_customer(core, "lee@example.com", name="Lee")
    core.add_participant(ticket, by=ANA, customer=lee)
    reply(core, ticket)
    server.on_recipient = lambda address: "550 5.1.1 unknown" if address == "lee@example.com" else "250 OK"
    sending(core, smtp(server)).round()
    assert server.mails[0].recipients == ["kim@example.net"]
    entry = core.ticket_history(ticket, by=ANA)[-1]
    assert (entry.topic, entry.fields["refused"]) == ("ticket.delivered", [str(core._customer(lee))])


def test_a_recipient_that_is_to_wait_is_waited_for_but_not_for_ever(core: TicketCore, server: Mailserver) -> None:
    ticket, clock = a_ticket(core), Clock()
    core.add_participant(ticket, by=ANA, customer=a_customer(core, "lee@example.com", name="Lee"))
    reply(core, ticket)
    server.on_recipient = lambda address: "450 4.2.0 greylisted" if address == "lee@example.com" else "250 OK"
    sender = sending(core, smtp(server), clock)
    for _ in range(3):
        sender.round()
        assert server.mails == []
        clock.ahead += timedelta(hours=1)
    sender.round()
    assert server.mails[0].recipients == ["kim@example.net"]


def test_what_can_not_be_sent_is_told(core: TicketCore, server: Mailserver) -> None:
    nobody = a_ticket(core, core.register_customer(by=ANA, name="No address").number)
    unreadable = a_ticket(core, a_customer(core, "lee@example.com"))
    first, second = reply(core, nobody), reply(core, unreadable)
    core.redact(unreadable, by=Actor(role=Role.PRIVACY_OFFICER, id="pat"), comment=second, reason="card number")
    sending(core, smtp(server)).round()
    reasons = {e.fields["reason"] for t in (nobody, unreadable) for e in core.ticket_history(t, by=ANA)[-1:]}
    assert reasons == {"no_address", "unreadable"}
    assert {state(core, nobody, first).attempt, state(core, unreadable, second).attempt} == {0}
    assert server.mails == []


def test_several_workers_send_each_mail_once(core: TicketCore, server: Mailserver) -> None:
    ticket = a_ticket(core)
    comments = [reply(core, ticket, f"Answer {n}") for n in range(20)]
    stop = threading.Event()
    workers = [threading.Thread(target=sending(core, smtp(server)).run, args=(stop,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 60
    while any(state(core, ticket, c).state is not S.DELIVERED for c in comments) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    for worker in workers:
        worker.join(30)
    assert len(server.mails) == 20
    assert len({mail.message["Message-ID"] for mail in server.mails}) == 20


def test_a_worker_that_died_after_its_attempt_is_followed_after_its_lease(core: TicketCore, server: Mailserver) -> None:
    ticket, clock = a_ticket(core), Clock()
    comment = reply(core, ticket)
    parcel = core.outgoing_mail(ticket, by=OUTGOING, comment=comment, now=clock())
    core.attempt_delivery(
        ticket, by=OUTGOING, comment=comment, attempt=1, lease=600, message_id=parcel.message_id, to=parcel.to
    )
    sender = sending(core, smtp(server), clock)
    assert sender.round() == 0
    clock.ahead = timedelta(seconds=601)
    assert sender.round() == 1
    assert (server.mails[0].message["Message-ID"], state(core, ticket, comment).attempt) == (parcel.message_id, 2)


def test_what_was_written_long_before_the_first_start_is_not_sent(core: TicketCore, server: Mailserver) -> None:
    ticket, clock = a_ticket(core), Clock()
    old = reply(core, ticket)
    time.sleep(0.01)
    began = clock()
    new = reply(core, ticket, "Neu.")
    assert core.begin_outgoing(began, by=OUTGOING) == 1
    assert core.begin_outgoing(clock() + timedelta(minutes=1), by=OUTGOING) is None, "only the first start says so"
    sending(core, smtp(server)).round()
    assert (state(core, ticket, old).state, state(core, ticket, new).state) == (S.DROPPED, S.DELIVERED)
    assert len(server.mails) == 1


def test_one_mail_that_nobody_can_handle_lets_the_others_pass(
    core: TicketCore, server: Mailserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, other = a_ticket(core), a_ticket(core, a_customer(core, "lee@example.com"))
    reply(core, ticket)
    comment = reply(core, other)
    make = core.outgoing_mail

    def broken(ticket_: object, **more: object) -> object:
        if ticket_ == core._ticket(ticket):
            raise ZeroDivisionError
        return make(ticket_, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(core, "outgoing_mail", broken)
    sender = sending(core, smtp(server))
    assert (sender.round(), sender.round()) == (2, 0)
    assert state(core, other, comment).state is S.DELIVERED


def test_attachments_go_along_and_one_that_was_withheld_keeps_the_mail_back(server: Mailserver) -> None:
    with TicketCore.in_memory(settings=MAIL) as core:
        ticket = a_ticket(core)
        small = AttachmentContent(name="Anleitung für Kim.pdf", media_type="application/pdf", content=b"%PDF-1.7")
        first = reply(core, ticket, attachments=[small])
        second = reply(core, ticket, attachments=[small, small.model_copy(update={"withheld": "too large"})])
        sending(core, smtp(server)).round()
        assert state(core, ticket, first).state is S.DELIVERED
        (file,) = server.mails[0].message.iter_attachments()
        assert (file.get_filename(), file.get_content()) == ("Anleitung für Kim.pdf", b"%PDF-1.7")
        assert state(core, ticket, second).state is S.FAILED
        (failed,) = (e for e in core.ticket_history(ticket, by=ANA) if e.topic == "ticket.delivery_failed")
        assert failed.fields["reason"] == "no_attachment"
        assert "attachment 1 is not there: it was withheld" in str(failed.fields["text"])
