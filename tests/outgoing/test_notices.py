"""Mails by rules: to the requester alone, never to robots, forgotten customers or addresses whose mail comes back."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.outgoing.given import ANA, GATEWAY, MAIL, Clock, a_customer, a_ticket, reply, sending, smtp
from tests.support.smtp import Mailserver
from ticketcore import TicketCore
from ticketcore.api.notices import Letter
from ticketcore.domain.types import Actor, DeliveryState, Role
from ticketcore.errors import LinkExpired, LinkForged, NotAllowed, TicketClosed, WrongState
from ticketcore.intake.service import Intake

POLICY = Actor(role=Role.POLICY, id="default", version="1")
NOW = datetime.now(UTC)
OFFICER = Actor(role=Role.PRIVACY_OFFICER, id="pia")
WINDOW = timedelta(days=14)


@pytest.fixture
def core() -> Iterator[TicketCore]:
    with TicketCore.in_memory(settings=MAIL.model_copy(update={"base_url": "https://desk.example.org/t"})) as core:
        yield core


def notice(core: TicketCore, ticket: str, template: str = "reminder") -> Letter:
    return core.notice(ticket, template, by=POLICY, now=NOW, reopening=WINDOW)


def survey_token(core: TicketCore, ticket: str) -> str:
    text = notice(core, ticket, "survey").text
    assert text is not None
    found = re.search(r"https://desk\.example\.org/t/rate/([a-z2-7]{64})", text)
    assert found is not None
    return found[1]


def solved(core: TicketCore, **more: str) -> str:
    ticket = a_ticket(core, **more)
    core.solve(ticket, by=ANA)
    return ticket


def test_a_notice_is_written_in_the_customers_language(core: TicketCore) -> None:
    ticket = a_ticket(core, a_customer(core, language="de"))
    found = notice(core, ticket, "closing")
    assert (found.language, found.withheld) == ("de", None)
    assert found.text is not None
    assert found.text.startswith("Guten Tag Kim Öz,\n\nzum Ticket " + ticket)
    assert "innerhalb von 14 Tagen" in found.text
    assert found.text.endswith("\n\nExample Støtte")


def test_a_notice_goes_to_the_requester_alone_and_says_that_a_machine_wrote_it(
    core: TicketCore, server: Mailserver
) -> None:
    ticket = a_ticket(core)
    other = a_customer(core, "lee@example.net", name="Lee")
    core.add_participant(ticket, by=ANA, customer=other)
    letter = notice(core, ticket)
    core.comment(ticket, by=POLICY, direction="outbound", channel="mail", body=letter.text, language=letter.language)
    assert core.show_ticket(ticket, by=ANA).status == "new", "it is no answer by staff"
    sending(core, smtp(server)).round()
    (sent,) = server.mails
    assert (sent.message["To"], sent.message["Cc"]) == ("Kim Öz <kim@example.net>", None)
    assert sent.message["Auto-Submitted"] == "auto-generated"
    assert sent.message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert core.tokens.bounce_of_address(sent.sender) is not None, "a mail that comes back is noticed"


@pytest.mark.parametrize("template", ["reminder", "survey"])
def test_nothing_is_written_to_whom_nothing_may_be(core: TicketCore, template: str) -> None:
    forgotten = a_customer(core)
    ticket = solved(core, customer=forgotten)
    core.forget(forgotten, by=OFFICER, reason="asked")
    assert notice(core, ticket, template).withheld == "forgotten"
    nobody = core.open_ticket(by=GATEWAY, channel="phone", subject="?").number
    assert notice(core, nobody, template).withheld == "no_requester"
    called = core.register_customer(by=ANA, name="Kim").number
    assert notice(core, a_ticket(core, called), template).withheld == "no_address"


def test_without_a_sender_nothing_is_written() -> None:
    with TicketCore.in_memory() as core:
        assert notice(core, a_ticket(core)) == Letter(withheld="no_sender")


def test_a_machine_gets_no_notice(core: TicketCore) -> None:
    raw = (
        b"From: Bot <bot@example.net>\r\nTo: support@example.org\r\nSubject: Job done\r\nMessage-ID: <1@example.net>\r\n"
        b"Precedence: bulk\r\n\r\nAll went well.\r\n"
    )
    taken = Intake(core).receive_mail(raw)
    assert taken.ticket is not None
    assert notice(core, taken.ticket).withheld == "machine"


def test_an_address_whose_mail_came_back_gets_no_notice_until_the_customer_writes_again(
    core: TicketCore, server: Mailserver
) -> None:
    ticket = a_ticket(core)
    comment = reply(core, ticket)
    sending(core, smtp(server)).round()
    core.record_bounce(ticket, by=GATEWAY, kind="hard", comment=comment, recipient="kim@example.net")
    assert notice(core, ticket).withheld == "bounced"
    core.comment(ticket, by=GATEWAY, direction="inbound", channel="mail", body="Bin wieder da.")
    assert notice(core, ticket).withheld is None


def test_a_notice_that_waits_is_not_sent_any_more_once_the_customer_wrote_and_nobody_has_to_look_at_it(
    core: TicketCore, server: Mailserver
) -> None:
    ticket, clock = a_ticket(core), Clock()
    letter = notice(core, ticket)
    comment = core.comment(ticket, by=POLICY, direction="outbound", channel="mail", body=letter.text).version
    answer = reply(core, ticket)
    server.answers("451 4.3.0 later", "451 4.3.0 later")
    sender = sending(core, smtp(server, retry_first=60), clock)
    assert sender.round() == 2
    core.comment(ticket, by=GATEWAY, direction="inbound", channel="mail", body="Hier ist sie.")
    clock.ahead += timedelta(minutes=5)
    assert sender.round() == 2
    dropped, delivered = core.delivery(ticket, comment), core.delivery(ticket, answer)
    assert dropped is not None
    assert delivered is not None
    assert (dropped.state, delivered.state) == (DeliveryState.DROPPED, DeliveryState.DELIVERED)
    assert [core.tokens.ticket_of_message_id(mail.message["Message-ID"]) for mail in server.mails] == [
        (core._ticket(ticket), answer),
    ]  # fmt: skip
    assert core.undelivered() == []
    last = [entry.fields for entry in core.ticket_history(ticket, by=ANA) if entry.topic == "ticket.delivery_dropped"]
    assert [fields["reason"] for fields in last] == ["the customer wrote after it"]
    assert sender.round() == 0


def test_an_unknown_template_is_withheld(core: TicketCore) -> None:
    assert notice(core, a_ticket(core), "nothing").withheld == "no_template"


def test_a_survey_needs_a_solution_and_a_page(core: TicketCore) -> None:
    assert notice(core, a_ticket(core), "survey").withheld == "not_solved"
    with TicketCore.in_memory(settings=MAIL) as bare:
        assert notice(bare, solved(bare), "survey").withheld == "no_link"


def test_a_customer_rates_by_the_link_of_a_survey(core: TicketCore) -> None:
    ticket = solved(core)
    token = survey_token(core, ticket)
    done = core.rate_by_link(token, score=5, remark="Danke!", ticket=ticket)
    assert core.show_ticket(ticket, by=ANA).score == 5
    assert done.events[0].meta.actor.role is Role.CUSTOMER
    again = core.rate_by_link(token, score=5, remark="Danke!")
    assert again.repeated
    with pytest.raises(WrongState, match=r"its solution was rated already.*each solution is rated once"):
        core.rate_by_link(token, score=1)
    assert core.show_ticket(ticket, by=ANA).score == 5


def test_each_solution_is_rated_by_its_own_link(core: TicketCore) -> None:
    ticket = solved(core)
    first = survey_token(core, ticket)
    core.reopen(ticket, by=ANA)
    core.solve(ticket, by=ANA)
    with pytest.raises(WrongState, match=r"it was solved again since .*follow the link in the newer mail"):
        core.rate_by_link(first, score=1)
    core.rate_by_link(survey_token(core, ticket), score=4)
    assert core.show_ticket(ticket, by=ANA).score == 4


def test_a_link_rates_no_other_ticket_and_no_merged_one(core: TicketCore) -> None:
    ticket = solved(core)
    other = a_ticket(core, a_customer(core, "lee@example.net"))
    token = survey_token(core, ticket)
    with pytest.raises(NotAllowed, match=r"this link may not rate ticket .*open the link as it was sent"):
        core.rate_by_link(token, score=3, ticket=other)
    core.merge(ticket, by=ANA, into=other)
    with pytest.raises(TicketClosed, match="unmerge it first"):
        core.rate_by_link(token, score=3)


def test_a_rating_link_expires_and_cannot_be_made_up(core: TicketCore) -> None:
    ticket = solved(core)
    old = core.notice(ticket, "survey", by=POLICY, now=NOW - timedelta(days=31)).text
    assert old is not None
    with pytest.raises(LinkExpired, match="ask for a new one"):
        core.rate_by_link(re.findall(r"rate/([a-z2-7]{64})", old)[0], score=1)
    with pytest.raises(LinkForged):
        core.rate_by_link("a" * 64, score=1)
