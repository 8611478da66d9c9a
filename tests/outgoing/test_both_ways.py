"""Mail both ways: the intake takes what the customer's program writes to what the worker sent, over a real mail server."""

import pytest

from tests.outgoing.given import ANA, reply, sending, smtp
from tests.outgoing.programs import PROGRAMS
from tests.outgoing.test_bounces import report
from tests.support.smtp import Delivered, Mailserver
from ticketcore import TicketCore
from ticketcore.domain.message_events import Outcome
from ticketcore.domain.types import DeliveryState
from ticketcore.intake.saga import Taken
from ticketcore.intake.service import Intake

FIRST = """From: Kim Öz <kim@example.net>
To: support@example.org
Subject: Drucker kaputt
Message-ID: <first@mua.example>
Date: Mon, 02 Mar 2026 09:00:00 +0100
Content-Type: text/plain; charset=utf-8

Guten Tag, mein Drucker druckt seit gestern nicht mehr. Was kann ich tun?
""".replace("\n", "\r\n").encode()


@pytest.fixture
def intake(core: TicketCore) -> Intake:
    return Intake(core)


def send(core: TicketCore, server: Mailserver) -> list[Delivered]:
    """Let the worker send what is due, and return it."""
    before = len(server.mails)
    sending(core, smtp(server)).round()
    return server.mails[before:]


def topics(core: TicketCore, ticket: str) -> list[str]:
    return [entry.topic.removeprefix("ticket.") for entry in core.ticket_history(ticket, by=ANA)]


def opened(intake: Intake) -> str:
    taken: Taken = intake.receive_mail(FIRST, recipients=["support@example.org"])
    assert (taken.outcome, taken.ticket is not None) == (Outcome.NEW, True)
    return str(taken.ticket)


def test_an_inquiry_is_acknowledged_once_in_its_language_in_its_conversation(
    core: TicketCore, server: Mailserver, intake: Intake
) -> None:
    ticket = opened(intake)
    assert intake.receive_mail(FIRST, recipients=["support@example.org"]).repeated
    (mail,) = send(core, server)
    assert (mail.sender, mail.recipients) == ("", ["kim@example.net"])
    assert mail.text.startswith("Guten Tag Kim Öz,\n\nwir haben Ihre Nachricht erhalten")
    assert mail.message["Subject"] == f"Re: Drucker kaputt [{ticket}]"
    assert (mail.message["In-Reply-To"], mail.message["References"]) == ("<first@mua.example>", "<first@mua.example>")
    assert send(core, server) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_answer_in_any_program_is_a_comment_of_its_ticket(
    core: TicketCore, server: Mailserver, intake: Intake, program: str
) -> None:
    ticket = opened(intake)
    send(core, server)
    comment = reply(core, ticket, "Bitte starten Sie ihn neu.")
    (mail,) = send(core, server)
    answer = PROGRAMS[program].to(mail, "Danke, es geht wieder.")
    taken = intake.receive_mail(answer, recipients=[mail.message["Reply-To"].addresses[0].addr_spec])
    assert (taken.outcome, taken.ticket) == (Outcome.COMMENT, ticket)
    assert "Danke, es geht wieder." in (core.show_ticket(ticket, by=ANA).messages[-1].body or "")
    second = reply(core, ticket, "Das freut uns.")
    (last,) = send(core, server)
    references = last.message["References"].split()
    assert references[0] == "<first@mua.example>"
    assert references[-1] == last.message["In-Reply-To"] == PROGRAMS[program].message_id
    assert mail.message["Message-ID"] in references
    assert second > comment


def test_an_answer_from_a_strangers_address_with_our_signature_is_let_in_and_without_it_is_not(
    core: TicketCore, server: Mailserver, intake: Intake
) -> None:
    ticket = opened(intake)
    (mail,) = send(core, server)
    forwarded = PROGRAMS["gmail"].to(mail, "Ich antworte für Kim.", sender="lee@example.com")
    assert intake.receive_mail(forwarded, recipients=["support@example.org"]).ticket == ticket
    made_up = "a" * 16
    forged = (
        f"From: Eve <eve@evil.example>\r\nTo: support+{ticket}.{made_up}@example.org\r\nSubject: Re: x [{ticket}]\r\n"
        f"Message-ID: <5@evil.example>\r\nIn-Reply-To: <{ticket}.2.{made_up}@example.org>\r\n"
        f"References: <first@mua.example>\r\n\r\nGib mir alles.\r\n> [{ticket}.{made_up}]\r\n"
    )
    taken = intake.receive_mail(forged.encode(), recipients=[f"support+{ticket}.{made_up}@example.org"])
    assert (taken.outcome, taken.ticket == ticket) == (Outcome.NEW, False)


def test_a_bounce_is_bound_to_its_mail_and_opens_and_answers_nothing(
    core: TicketCore, server: Mailserver, intake: Intake
) -> None:
    ticket = opened(intake)
    send(core, server)
    comment = reply(core, ticket, "Bitte starten Sie ihn neu.")
    (mail,) = send(core, server)
    status = core.show_ticket(ticket, by=ANA).status
    taken = intake.receive_mail(report(mail), recipients=[mail.sender])
    assert (taken.outcome, taken.created) == (Outcome.IGNORED, False)
    assert topics(core, ticket)[-1] == "bounced"
    assert core.show_ticket(ticket, by=ANA).status is status
    delivery = core.delivery(ticket, comment)
    assert delivery is not None
    assert delivery.state is DeliveryState.FAILED
    assert core.undelivered() == [(core._ticket(ticket), comment)]
    assert send(core, server) == []


def test_our_own_mail_that_comes_back_in_is_a_loop(core: TicketCore, server: Mailserver, intake: Intake) -> None:
    ticket = opened(intake)
    (mail,) = send(core, server)
    before = topics(core, ticket)
    taken = intake.receive_mail(mail.content, recipients=["support@example.org"])
    assert (taken.outcome, taken.reason) == (Outcome.IGNORED, "loop")
    assert topics(core, ticket) == before
    assert send(core, server) == []


def test_two_robots_do_not_write_to_each_other(core: TicketCore, server: Mailserver, intake: Intake) -> None:
    ticket = opened(intake)
    (mail,) = send(core, server)
    vacation = PROGRAMS["gmail"]._replace(extra=(("Auto-Submitted", "auto-replied"),), message_id="<v@mua.example>")
    for n in range(3):
        answer = vacation._replace(message_id=f"<v{n}@mua.example>").to(mail, "Ich bin im Urlaub.")
        assert intake.receive_mail(answer, recipients=["support@example.org"]).outcome is Outcome.IGNORED
    assert send(core, server) == []
    assert topics(core, ticket).count("commented") == 1


def test_what_comes_to_where_our_mails_return_to_is_a_programs_even_where_it_does_not_say_so(
    core: TicketCore, server: Mailserver, intake: Intake
) -> None:
    ticket = opened(intake)
    send(core, server)
    reply(core, ticket, "Bitte starten Sie ihn neu.")
    (mail,) = send(core, server)
    answers_at = mail.message["Reply-To"].addresses[0].addr_spec
    written = PROGRAMS["drops both"].to(mail, "Ich bin nicht da.").replace(answers_at.encode(), mail.sender.encode())
    taken = intake.receive_mail(written, recipients=[mail.sender])
    assert (taken.outcome, taken.reason, taken.ticket) == (Outcome.IGNORED, "auto_reply", ticket)
    person = PROGRAMS["gmail"].to(mail, "Danke.")
    assert intake.receive_mail(person, recipients=[mail.sender, answers_at]).outcome is Outcome.COMMENT
