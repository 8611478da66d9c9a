"""To whom a mail goes, in which language, and what it says."""

from datetime import UTC, datetime

import pytest

from tests.outgoing.given import ANA, GATEWAY, MAIL, a_customer, a_ticket, reply, sending, smtp
from tests.support.smtp import Mailserver
from ticketcore import TicketCore
from ticketcore.domain.commands import build
from ticketcore.domain.message_commands import ReceiveMessage
from ticketcore.domain.message_events import Outcome, Sender, Verdict
from ticketcore.domain.types import Actor, Channel, IdentityKind, Role
from ticketcore.errors import NotAllowed, NotFound
from ticketcore.ids import Kind
from ticketcore.intake.outgoing import Unsendable
from ticketcore.permissions import Action
from workers.outgoing.sender import OUTGOING

NOW = datetime(2026, 12, 1, tzinfo=UTC)
INTAKE = Actor.system("intake")


def addressed(core: TicketCore, ticket: str, comment: int) -> list[str]:
    parcel = core.outgoing_mail(ticket, by=OUTGOING, comment=comment, now=NOW)
    return [address for _, address in parcel.recipients]


def wrote_from(core: TicketCore, customer: str, address: str) -> str:
    """Let a customer's mail open a ticket, as the intake does; return the ticket's number."""
    command = build(
        ReceiveMessage, fingerprint=address, channel=Channel.MAIL, raw=b"x", media_type="message/rfc822",
        customer_id=core._customer(customer), identities=(Sender(kind=IdentityKind.MAIL, value=address),),
        message_id="first@mua.example", verdict=Verdict(outcome=Outcome.NEW, rule="new", rules_version="1"),
    )  # fmt: skip
    message = core.record_message(command, by=INTAKE)
    return core.open_ticket(
        by=INTAKE, channel="mail", requester=customer, subject="Drucker", body="Er geht nicht.", causation_id=message.id
    ).number


def test_an_answer_goes_to_the_address_that_the_customer_wrote_from(core: TicketCore, server: Mailserver) -> None:
    customer = a_customer(core)
    core.identify(customer, by=ANA, kind="mail", value="kim@home.example")
    ticket = wrote_from(core, customer, "kim@home.example")
    reply(core, ticket)
    sending(core, smtp(server)).round()
    assert server.mails[0].recipients == ["kim@home.example"]
    message = server.mails[0].message
    assert (message["In-Reply-To"], message["References"]) == ("<first@mua.example>", "<first@mua.example>")


def test_an_address_that_is_the_customers_no_more_is_not_written_to(core: TicketCore) -> None:
    customer = a_customer(core)
    identity = core.identify(customer, by=ANA, kind="mail", value="kim@home.example").version
    ticket = wrote_from(core, customer, "kim@home.example")
    core.remove_identity(customer, by=ANA, identity=identity)
    assert addressed(core, ticket, reply(core, ticket)) == ["kim@example.net"]


def test_a_verified_address_goes_before_others_and_the_latest_of_them_first(core: TicketCore) -> None:
    customer = a_customer(core)
    core.identify(customer, by=ANA, kind="mail", value="kim@new.example", assurance="verified")
    core.identify(customer, by=ANA, kind="mail", value="kim@guessed.example")
    ticket = a_ticket(core, customer)
    assert addressed(core, ticket, reply(core, ticket)) == ["kim@new.example"]
    assert core.mail_addresses(core._id(customer, Kind.CUSTOMER)) == [
        "kim@new.example", "kim@example.net", "kim@guessed.example",
    ]  # fmt: skip


def test_of_merged_customers_the_one_that_stands_is_written_to_with_the_others_addresses(core: TicketCore) -> None:
    old, kept = a_customer(core), core.register_customer(by=ANA, name="Kim").number
    ticket = a_ticket(core, old)
    core.merge_customers(old, by=ANA, into=kept)
    assert addressed(core, ticket, reply(core, ticket)) == ["kim@example.net"]


def test_an_acknowledgement_goes_to_the_requester_alone_since_its_link_is_theirs(core: TicketCore) -> None:
    ticket = a_ticket(core, a_customer(core))
    core.add_participant(ticket, by=ANA, customer=a_customer(core, "lee@example.com", name="Lee"))
    told = core.acknowledge(ticket)
    assert told is not None
    assert addressed(core, ticket, told.version) == ["kim@example.net"]
    assert addressed(core, ticket, reply(core, ticket)) == ["kim@example.net", "lee@example.com"]


def test_who_was_forgotten_is_not_written_to(core: TicketCore) -> None:
    customer = a_customer(core)
    ticket = a_ticket(core, customer)
    comment = reply(core, ticket)
    core.forget(customer, by=Actor(role=Role.PRIVACY_OFFICER, id="pat"), reason="asked")
    with pytest.raises(Unsendable, match="redacted or its customer forgotten"):
        addressed(core, ticket, comment)
    later = reply(core, ticket)
    with pytest.raises(Unsendable, match="neither the requester nor a participant has a mail address"):
        addressed(core, ticket, later)


def test_a_corrected_text_is_what_goes_out(core: TicketCore, server: Mailserver) -> None:
    ticket = a_ticket(core)
    comment = reply(core, ticket, "Falsch.")
    core.correct_comment(ticket, by=ANA, comment=comment, body="Richtig.")
    long = reply(core, ticket, "Zeile\n" * 20_000)
    sending(core, smtp(server)).round()
    texts = {core.tokens.ticket_of_message_id(m.message["Message-ID"]): m.text for m in server.mails}
    id_ = core._ticket(ticket)
    assert texts[id_, comment].startswith("Richtig.\n")
    assert texts[id_, long].startswith("Zeile\n" * 20_000)


@pytest.mark.parametrize(("stated", "detected", "begins"), [
    ("fr", "de", "Bonjour Kim Öz,"), (None, "de-AT", "Guten Tag Kim Öz,"), (None, None, "Hej Kim Öz,"), ("ja", None, "Dear Kim"),
])  # fmt: skip
def test_an_acknowledgement_speaks_the_customers_language(
    core: TicketCore, stated: str | None, detected: str | None, begins: str
) -> None:
    ticket = a_ticket(core, a_customer(core, language=stated), language="sv")
    done = core.acknowledge(ticket, language=detected)
    assert done is not None
    body = core.show_ticket(ticket, by=ANA).messages[-1].body
    assert body is not None
    assert body.startswith(begins)
    assert ticket in body


def test_a_new_ticket_is_acknowledged_once_and_where_no_mail_is_sent_never() -> None:
    with TicketCore.in_memory() as core:
        assert core.acknowledge(a_ticket(core)) is None
    with TicketCore.in_memory(settings=MAIL) as core:
        ticket = a_ticket(core)
        first = core.acknowledge(ticket, language="de")
        core.identify(core.show_ticket(ticket, by=ANA).requester or "", by=ANA, kind="phone", value="+49 30 1")
        assert first is not None
        assert core.acknowledge(ticket, language="fr") is None, "told already, in other words"
        again = core.acknowledge(ticket, language="de")
        assert again is not None
        assert again.repeated
        assert len(core.show_ticket(ticket, by=ANA).messages) == 2
        over = a_ticket(core, a_customer(core, "lee@example.com"))
        core.solve(over, by=ANA)
        core.close_ticket(over, by=ANA)
        assert core.acknowledge(over) is None


def test_an_acknowledgement_holds_a_link_that_only_its_customer_can_use() -> None:
    settings = MAIL.model_copy(update={"base_url": "https://support.example.org/t/"})
    with TicketCore.in_memory(settings=settings) as core:
        customer = a_customer(core, language="en")
        ticket = a_ticket(core, customer)
        core.acknowledge(ticket)
        body = core.show_ticket(ticket, by=ANA).messages[-1].body or ""
        (link,) = (line for line in body.splitlines() if line.startswith("https://"))
        token = link.removeprefix("https://support.example.org/t/")
        assert core.tokens.read_link(token, datetime.now(UTC)) == (core._ticket(ticket), core._customer(customer))


def test_a_reply_template_is_filled_for_a_ticket(core: TicketCore) -> None:
    ticket = a_ticket(core, a_customer(core, language="nl"))
    text = core.reply_template("more-information", ticket, by=ANA)
    assert text.startswith("Beste Kim Öz,\n\nOm u te kunnen helpen")
    assert core.reply_template("solved", ticket, "pl", by=ANA).startswith("Dzień dobry, Kim Öz,")
    with pytest.raises(NotFound, match=r"the reply templates are more-information, solved"):
        core.reply_template("nothing", ticket, by=ANA)
    with pytest.raises(NotAllowed):
        core.reply_template("solved", ticket, by=Actor(role=Role.ANALYST, id="eve"))


def test_only_programs_may_ask_for_a_mail_as_it_goes_out(core: TicketCore) -> None:
    ticket = a_ticket(core)
    comment = reply(core, ticket)
    with pytest.raises(NotAllowed, match=Action.ATTEMPT_DELIVERY.value.split("_")[0]):
        core.outgoing_mail(ticket, by=ANA, comment=comment, now=NOW)
    assert core.outgoing_mail(ticket, by=GATEWAY, comment=comment, now=NOW).to == "kim@example.net"
