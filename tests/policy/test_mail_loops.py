"""What machines answer to the mails of rules ends, reopens and sends nothing; and whoever answers without end is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.outgoing.given import ANA, Clock
from tests.outgoing.programs import PROGRAMS
from tests.outgoing.test_bounces import report
from tests.policy.mailing import DAY, HOUR, Mailing, mailing
from tests.support.postgres import Postgres
from tests.support.smtp import Delivered, Mailserver, mailserver
from ticketcore.api.notices import MOST_A_DAY
from ticketcore.domain.message_events import Outcome
from ticketcore.intake.rules import Rules

pytestmark = [pytest.mark.servers, pytest.mark.slow]

REMINDER, CLOSING, SURVEY = "We are waiting for your answer", "so it is closed now", "How satisfied are you"
ABSENT = "I am out of office until Monday."
SIGNS = {
    "sieve": (("Auto-Submitted", "auto-replied (vacation)"),),
    "gmail": (("Auto-Submitted", "auto-replied"), ("Precedence", "bulk"), ("X-Autoreply", "yes")),
    "exchange": (("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")),
    "an old program": (("Precedence", "auto_reply"), ("X-Autorespond", "Re: your mail")),
    "one that says nothing": (),
}
"""How programs mark absence notes."""
FIGHT = """
name: fight
teams: {desk: {assign: none}}
default_team: desk
follow_up:
  - {rule: ping, when: {field: status, in: [new, open]}, after: 30s, do: [{mail: reminder}, solve]}
  - {rule: pong, when: {field: status, is: solved}, after: 2h, since: solved, do: [{mail: reminder}, reopen]}
  - {rule: remind, when: {field: status, is: pending}, after: 3d, repeat: 2, do: [{mail: reminder}]}
"""
AGAIN = """
name: again
teams: {desk: {assign: none}}
default_team: desk
follow_up:
  - {rule: chase, when: {field: status, in: [new, open]}, after: 1h, do: [{mail: reminder}, pend]}
  - {rule: remind, when: {field: status, is: pending}, after: 3d, repeat: 2, do: [{mail: reminder}]}
"""


@pytest.fixture
def server() -> Iterator[Mailserver]:
    with mailserver() as server:
        yield server


Opener = Callable[..., Mailing]


@pytest.fixture
def open_desk(
    database: str, tmp_path: Path, server: Mailserver, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Mailing]]:
    with ExitStack() as stack:
        yield lambda policy=None, rules=None: stack.enter_context(
            mailing(database, tmp_path, server, monkeypatch, policy, rules)
        )


def absent(desk: Mailing, mail: Delivered) -> None:
    """Let each program answer a mail of ours, to the envelope's sender (RFC 3834, 4) and to the address for replies."""
    for number, (program, extra) in enumerate(SIGNS.items()):
        for to in (mail.sender, mail.message["Reply-To"].addresses[0].addr_spec)[: 2 if extra else 1]:
            id_ = f"<{number}.{len(desk.sent())}.{to}>"
            raw = PROGRAMS["keeps in-reply-to only"]._replace(extra=extra, message_id=id_).to(mail, ABSENT)
            raw = raw.replace(mail.message["Reply-To"].addresses[0].addr_spec.encode(), to.encode())
            taken = desk.takes(raw, to)
            assert (taken.outcome, taken.reason) == (Outcome.IGNORED, "auto_reply"), program


def test_absence_notes_end_no_silence_reopen_nothing_and_get_no_answer(open_desk: Opener) -> None:
    desk = open_desk()
    ticket = desk.opened()
    desk.asked(ticket)
    desk.passes(3 * DAY + HOUR)
    absent(desk, desk.sent(REMINDER)[0])
    assert (desk.status(ticket), len(desk.sent())) == ("pending", 3)
    desk.passes(3 * DAY)
    absent(desk, desk.sent(REMINDER)[1])
    desk.passes(8 * DAY)
    assert (desk.status(ticket), len(desk.sent(REMINDER))) == ("solved", 2), "solved 14 days after the question"
    desk.passes(DAY + HOUR)
    absent(desk, desk.sent(SURVEY)[0])
    assert desk.status(ticket) == "solved"
    desk.passes(6 * DAY)
    absent(desk, desk.sent(CLOSING)[0])
    assert desk.status(ticket) == "closed"
    desk.passes(60 * DAY)
    assert desk.status(ticket) == "closed"
    assert len(desk.sent()) == 6, "acknowledgement, question, two reminders, survey, closing"
    assert desk.topics(ticket).count("commented") == 7, "these, and a note by a rule"
    assert "reopened" not in desk.topics(ticket)


@pytest.mark.parametrize("kind", [REMINDER, SURVEY, CLOSING])
def test_a_bounce_of_what_a_rule_wrote_reopens_nothing_and_only_ends_the_mails(open_desk: Opener, kind: str) -> None:
    desk = open_desk()
    ticket = desk.opened()
    desk.asked(ticket)
    while not desk.sent(kind):
        desk.passes(HOUR * 12)
    (mail,) = desk.sent(kind)
    before, status = len(desk.sent()), desk.status(ticket)
    for to, code in ((mail.sender, "4.4.1"), (mail.sender, "5.1.1"), ("postmaster@example.org", "5.2.1")):
        taken = desk.takes(report(mail, code, to=to), to)
        assert taken.outcome is Outcome.IGNORED
    assert desk.status(ticket) == status
    assert desk.topics(ticket).count("bounced") == 3
    desk.passes(40 * DAY)
    assert (desk.status(ticket), len(desk.sent())) == ("closed", before), "what is due is done, without mails"
    assert "reopened" not in desk.topics(ticket)


def test_where_absence_notes_count_as_messages_they_still_get_no_mail_and_rules_and_robot_come_to_an_end(
    open_desk: Opener,
) -> None:
    desk = open_desk(AGAIN, Rules(auto_replies="decided"))
    ticket = desk.opened()
    answered = 0
    for _ in range(30):
        desk.passes(DAY)
        mails = desk.sent()
        for mail in mails[answered:]:
            if mail.sender:
                raw = PROGRAMS["gmail"]._replace(extra=SIGNS["gmail"], message_id=f"<r{answered}@a.example>")
                taken = desk.takes(raw.to(mail, ABSENT), mail.sender)
                assert taken.outcome is Outcome.COMMENT
        answered = len(mails)
    assert len(desk.sent(REMINDER)) == 1, "then a machine wrote last"
    assert desk.status(ticket) == "pending"
    assert "machine" in str([e.fields for e in desk.core.ticket_history(ticket, by=ANA) if "decisions" in e.fields])


def test_a_robot_that_does_not_say_so_and_a_rule_that_answers_it_come_to_an_end(open_desk: Opener) -> None:
    desk = open_desk(AGAIN.replace("repeat: 2, ", ""))
    ticket = desk.opened()
    answered, counts = 0, []
    for _ in range(20):
        desk.passes(2 * HOUR)
        mails = desk.sent(REMINDER)
        for mail in mails[answered:]:
            desk.answered(mail, "We got your mail.")
        answered = len(mails)
        counts.append(answered)
    assert counts[-1] == MOST_A_DAY, "then nothing was sent any more, and nothing answered"
    assert desk.status(ticket) == "pending"
    assert desk.manager.store.letters() == []


def test_rules_that_answer_each_other_by_mail_end_in_one_dead_letter_and_other_tickets_go_on(
    open_desk: Opener,
) -> None:
    desk = open_desk(FIGHT)
    ticket = desk.opened()
    other = desk.opened(sender="lee@example.net")
    desk.asked(other)
    desk.passes(2 * DAY)
    [letter] = desk.manager.store.letters()
    assert letter.ticket_id == desk.core.show_ticket(ticket, by=ANA).id
    assert set(letter.rules) == {"follow_up: ping", "follow_up: pong"}
    assert letter.error.startswith("PolicyLoop: ")
    assert "rules answered rules 10 times in a row" in letter.error
    assert len(desk.sent(REMINDER)) == len(desk.rules(ticket)) == 10
    desk.passes(30 * DAY)
    assert len(desk.manager.store.letters()) == 1
    assert len(desk.rules(ticket)) == 10
    assert desk.rules(other) == ["remind", "remind"]
    assert [mail.recipients for mail in desk.sent(REMINDER)[10:]] == [["lee@example.net"]] * 2


def exchange(one: Mailing, two: Mailing, read: dict[Mailing, int]) -> int:
    """Carry mails from one desk to the other until there are none; return how many there were."""
    carried = 0
    while True:
        new = [
            (mail, to)
            for of, to in ((one, two), (two, one))
            for mail in of.sent()[read[of] :]
        ]  # fmt: skip
        read |= {desk: len(desk.sent()) for desk in (one, two)}
        for mail, to in new:
            to.takes(mail.content, mail.recipients[0])
        if not new:
            return carried
        carried += len(new)


@pytest.mark.parametrize("auto_replies", ["ignored", "decided"])
@pytest.mark.parametrize("policy", [None, AGAIN], ids=["default", "chasing"])
def test_two_desks_that_are_each_others_customer_come_to_an_end(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str | None, auto_replies: str
) -> None:
    clock, rules = Clock(), Rules(auto_replies=auto_replies)
    with ExitStack() as stack:
        desks = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            dsn = postgres.create_database()
            stack.callback(postgres.drop, dsn)
            server = stack.enter_context(mailserver())
            sender = f"Support {name.title()} <support@{name}.example>"
            more = {"mail_from": sender, "log_name": "main", "base_url": f"https://{name}.example"}
            opening = mailing(dsn, folder, server, monkeypatch, policy, rules, clock, **more)
            desks.append(stack.enter_context(opening))
        one, two = desks
        customer = one.core.register_customer(by=ANA, name="Support Two")
        one.core.identify(customer.number, by=ANA, kind="mail", value="support@two.example", assurance="verified")
        ticket = one.core.open_ticket(by=ANA, channel="mail", requester=customer.number, direction="outbound",
                                      subject="Your invoice", body="It is wrong.").number  # fmt: skip
        one.settle()
        read = {one: 0, two: 0}
        assert exchange(one, two, read) >= 2, "the mail, and its acknowledgement"
        theirs = next(mail for mail in two.sent() if mail.sender == "").message["Subject"].split("[")[-1][:-1]
        two.asked(theirs, "Which one?")
        exchange(one, two, read)
        assert (one.core.show_ticket(ticket, by=ANA).messages[-1].body or "").startswith("Which one?")
        one.asked(ticket, "The last one.")
        exchange(one, two, read)
        two.asked(theirs, "And the number?")
        exchange(one, two, read)
        one.does("pend", ticket)
        counts = []
        for _ in range(40):
            one.passes(DAY)
            two.settle()
            counts.append(exchange(one, two, read))
        assert sum(counts) <= 12
        assert sum(counts[25:]) == 0, "reminders, a survey and a closing each, and no more"
        for desk, number in ((one, ticket), (two, theirs)):
            assert desk.manager.store.letters() == []
            assert len({mail.message["X-Ticketcore-Ticket"] for mail in desk.sent()}) == 1, "no further ticket"
            if auto_replies == "ignored":
                assert desk.status(number) == ("closed" if policy is None else "pending")
