"""An agent's reply leaves by a real mail server; the customer's answer, as their program writes it, finds the ticket."""

from collections.abc import Iterator
from itertools import pairwise
from uuid import UUID

import pytest

from tests.outgoing.given import ANA, a_customer, a_ticket, reply, sending, smtp
from tests.outgoing.programs import PROGRAMS
from tests.support.smtp import Delivered, Mailserver
from ticketcore import TicketCore
from ticketcore.intake.mail import ParsedMail, parse_mail


def signs(core: TicketCore, mail: ParsedMail) -> Iterator[tuple[str, UUID]]:
    """What in an answer names a ticket by our signature, in the order in which it is looked at."""
    for id_ in reversed([*mail.references, *mail.in_reply_to]):
        if (found := core.tokens.ticket_of_message_id(id_)) is not None:
            yield "message id", found[0]
    for box in mail.to:
        if (ticket := core.tokens.ticket_of_address(box.address)) is not None:
            yield "address", ticket
    for ticket in core.tokens.tickets_in(mail.text):
        yield "marker", ticket


@pytest.fixture
def mail(core: TicketCore, server: Mailserver) -> tuple[UUID, Delivered]:
    ticket = a_ticket(core)
    reply(core, ticket, "Guten Tag,\n\nbitte starten Sie ihn neu — über das Menü „Gerät“.")
    sending(core, smtp(server)).round()
    return core._ticket(ticket), server.mails[0]


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_answer_finds_its_ticket(core: TicketCore, mail: tuple[UUID, Delivered], program: str) -> None:
    ticket, sent = mail
    answer = parse_mail(PROGRAMS[program].to(sent, "Danke, es geht wieder."))
    found = list(signs(core, answer))
    assert {one for _, one in found} == {ticket}
    kinds = {kind for kind, _ in found}
    assert {"address", "marker"} <= kinds
    assert ("message id" in kinds) == (program != "drops both")
    assert "es geht wieder" in answer.reply_text
    assert "Gerät" not in answer.reply_text, "what we wrote is quoted, not said"


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_sign_alone_is_enough(core: TicketCore, mail: tuple[UUID, Delivered], program: str) -> None:
    ticket, sent = mail
    raw = PROGRAMS[program].to(sent, "Danke.")
    only_marker = raw.replace(b"support+", b"support=")
    head, _, _ = raw.partition(b"\r\n\r\n")
    for kind, form in (("marker", only_marker), ("address", head + b"\r\n\r\nDanke.\r\n")):
        assert (kind, ticket) in list(signs(core, parse_mail(form)))


def test_a_conversation_of_several_mails_is_one_in_every_program(core: TicketCore, server: Mailserver) -> None:
    ticket = a_ticket(core, a_customer(core, language="de"))
    assert core.acknowledge(ticket) is not None
    sender = sending(core, smtp(server))
    sender.round()
    for n, program in enumerate(("gmail", "outlook", "thunderbird")):
        answer = parse_mail(PROGRAMS[program].to(server.mails[-1], f"Frage {n}"))
        core.comment(
            ticket, by=ANA, direction="inbound", channel="mail", body=answer.reply_text, message_id=answer.message_id
        )
        reply(core, ticket, f"Antwort {n}")
        sender.round()
    sent = [mail.message for mail in server.mails]
    assert len(sent) == 4
    assert len({message["Subject"] for message in sent}) == 1, "Gmail begins a new conversation with a new subject"
    assert len({message["Thread-Topic"] for message in sent}) == 1
    assert len({message["Thread-Index"][:28] for message in sent}) == 1, "Outlook's index begins the same"
    ids = [message["Message-ID"] for message in sent]
    for before, after in pairwise(sent):
        references = after["References"].split()
        assert before["Message-ID"] in references
        assert references[-1] == after["In-Reply-To"], "it answers the customer's newest mail"
        assert after["In-Reply-To"] not in ids
        assert set((before["References"] or "").split()) <= set(references)
