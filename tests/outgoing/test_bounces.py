"""Mails that come back: found by what we signed, recorded at their ticket, and visible."""

from email import message_from_bytes, policy
from uuid import UUID

import pytest

from tests.outgoing.given import ANA, a_customer, a_ticket, reply, sending, smtp
from tests.support.smtp import Delivered, Mailserver
from ticketcore import TicketCore
from ticketcore.domain.types import DeliveryState
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.intake.bounces import bounced_mail, record_bounce
from ticketcore.intake.facts import Bounced
from ticketcore.intake.mail import Bounce, parse_mail

MESSAGE = UUID("01935f60-2f3a-7cc1-8000-00000000002a")


def report(
    mail: Delivered, status: str = "5.1.1", action: str = "failed", *, to: str = "", returned: bool = True
) -> bytes:
    """A delivery status notification as Postfix writes it (RFC 3464)."""
    original = mail.content.split(b"\r\n\r\n")[0].decode()
    if not returned:
        original = "Subject: gone"
    return (
        f"From: MAILER-DAEMON@mx.example.net (Mail Delivery System)\r\nTo: {to or mail.sender}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you.\r\n\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {mail.recipients[0]}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} <{mail.recipients[0]}>: unknown\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{original}\r\n\r\n--b--\r\n"
    ).encode()


def read(raw: bytes) -> tuple[Bounce, list[str]]:
    parsed = parse_mail(raw)
    assert parsed.bounce is not None
    return parsed.bounce, [str(message_from_bytes(raw, policy=policy.default)["To"])]


@pytest.fixture
def sent(core: TicketCore, server: Mailserver) -> tuple[str, int, Delivered]:
    ticket = a_ticket(core)
    comment = reply(core, ticket)
    sending(core, smtp(server)).round()
    return ticket, comment, server.mails[0]


@pytest.mark.parametrize(("to", "returned", "bound"), [
    ("", False, True), ("postmaster@example.org", True, True), ("postmaster@example.org", False, False),
])  # fmt: skip
def test_a_bounce_is_bound_by_its_address_or_by_the_message_it_returns(
    core: TicketCore, sent: tuple[str, int, Delivered], to: str, *, returned: bool, bound: bool
) -> None:
    ticket, comment, mail = sent
    bounce, recipients = read(report(mail, to=to, returned=returned))
    expected = Bounced(ticket=core._ticket(ticket), comment=comment) if bound else None
    assert bounced_mail(core.tokens, bounce, recipients) == expected


def test_a_bounce_to_the_reply_address_names_the_ticket_only(
    core: TicketCore, sent: tuple[str, int, Delivered]
) -> None:
    ticket, comment, mail = sent
    bounce, _ = read(report(mail, returned=False))
    found = bounced_mail(core.tokens, bounce, [core.tokens.reply_address(core._ticket(ticket))])
    assert found == Bounced(ticket=core._ticket(ticket))
    record_bounce(core, found, bounce)
    delivery = core.delivery(ticket, comment)
    assert delivery is not None
    assert delivery.state is DeliveryState.DELIVERED


def test_what_nobody_signed_binds_no_bounce(core: TicketCore, sent: tuple[str, int, Delivered]) -> None:
    _, _, mail = sent
    raw = report(mail).replace(b"T-2026-000001-5", b"T-2026-000002-9")
    bounce, recipients = read(raw)
    assert bounced_mail(core.tokens, bounce, recipients) is None


@pytest.mark.parametrize(("status", "action", "kind", "state"), [
    ("5.1.1", "failed", "hard", DeliveryState.FAILED), ("4.4.1", "failed", "soft", DeliveryState.DELIVERED),
    ("4.4.1", "delayed", "delayed", DeliveryState.DELIVERED),
])  # fmt: skip
def test_a_bounce_is_recorded_once_and_a_hard_one_is_listed(
    core: TicketCore, sent: tuple[str, int, Delivered], status: str, action: str, kind: str, state: DeliveryState
) -> None:
    ticket, comment, mail = sent
    bounce, recipients = read(report(mail, status, action))
    found = bounced_mail(core.tokens, bounce, recipients)
    assert found is not None
    before = core.show_ticket(ticket, by=ANA).status
    for repeated in (False, True):
        (done,) = record_bounce(core, found, bounce, message=MESSAGE)
        assert done.repeated == repeated
    last = core.ticket_history(ticket, by=ANA)[-1]
    assert (last.topic, last.fields["kind"], last.fields["status"]) == ("ticket.bounced", kind, status)
    assert (last.fields["recipient"], last.fields["message_id"]) == ("kim@example.net", str(MESSAGE))
    delivery = core.delivery(ticket, comment)
    assert delivery is not None
    assert delivery.state is state
    assert core.undelivered() == ([(core._ticket(ticket), comment)] if state is DeliveryState.FAILED else [])
    assert core.show_ticket(ticket, by=ANA).status == before


def test_anothers_address_is_kept_out_of_what_is_sealed_for_the_requester(core: TicketCore, server: Mailserver) -> None:
    ticket = a_ticket(core)
    lee = a_customer(core, "lee@example.com", name="Lee")
    core.add_participant(ticket, by=ANA, customer=lee)
    reply(core, ticket)
    sending(core, smtp(server)).round()
    mail = server.mails[0]
    bounce, recipients = read(report(mail._replace(recipients=["LEE@example.com"])))
    found = bounced_mail(core.tokens, bounce, recipients)
    assert found is not None
    record_bounce(core, found, bounce)
    fields = core.ticket_history(ticket, by=ANA)[-1].fields
    assert (fields["recipient_id"], fields.get("recipient"), fields.get("text")) == (
        str(core._customer(lee)),
        None,
        None,
    )


def test_a_bounce_of_a_comment_that_is_no_mail_here_is_kept_at_the_ticket(
    core: TicketCore, sent: tuple[str, int, Delivered]
) -> None:
    ticket, _, mail = sent
    bounce, _ = read(report(mail))
    record_bounce(core, Bounced(ticket=core._ticket(ticket), comment=99), bounce)
    assert "comment" not in core.ticket_history(ticket, by=ANA)[-1].fields


def test_another_logs_ticket_is_not_ours(core: TicketCore, sent: tuple[str, int, Delivered]) -> None:
    bounce, recipients = read(report(sent[2]))
    with TicketCore.in_memory(log_name="other", settings=core.settings) as other:
        assert bounced_mail(other.tokens, bounce, recipients) is None
    assert aggregate_id(Number(Kind.TICKET, 2026, 1), "other") != core._ticket(sent[0])
