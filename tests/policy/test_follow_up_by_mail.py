"""Follow-up from end to end by the policy that ships: what rules write goes out by SMTP, and what the customer answers comes in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.outgoing.given import ANA
from tests.policy.mailing import DAY, HOUR, LEAD, Mailing, mailing
from tests.support.smtp import Mailserver, mailserver
from ticketcore.domain.message_events import Outcome
from ticketcore.errors import WrongState

pytestmark = [pytest.mark.servers, pytest.mark.slow]

REMINDER, CLOSING, SURVEY = "We are waiting for your answer", "so it is closed now", "How satisfied are you"
LINK = re.compile(r"https://desk\.example\.org/t/rate/([a-z2-7]{64})")


@pytest.fixture
def server() -> Iterator[Mailserver]:
    with mailserver() as server:
        yield server


@pytest.fixture
def desk(database: str, tmp_path: Path, server: Mailserver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailing]:
    with mailing(database, tmp_path, server, monkeypatch) as desk:
        yield desk


@pytest.fixture
def cli(desk: Mailing, tmp_path: Path) -> Cli:
    known = desk.core.settings
    return Cli(tmp_path, {
        "TICKETCORE_DSN": str(known.dsn), "TICKETCORE_KEY_FILE": str(known.key_file), "TICKETCORE_INLINE": "1",
    })  # fmt: skip


def test_a_reminder_goes_to_the_customer_and_the_answer_by_mail_ends_reminding(desk: Mailing) -> None:
    ticket = desk.opened()
    desk.asked(ticket)
    desk.passes(3 * DAY - HOUR)
    assert desk.sent(REMINDER) == []
    desk.passes(HOUR + HOUR)
    (reminder,) = desk.sent(REMINDER)
    assert (reminder.recipients, reminder.message["To"]) == (["kim@example.net"], "Kim Oz <kim@example.net>")
    assert reminder.message["Auto-Submitted"] == "auto-generated"
    assert reminder.message["Subject"] == f"Re: Question [{ticket}]"
    taken = desk.answered(reminder, "The second one.")
    assert (taken.outcome, taken.ticket) == (Outcome.COMMENT, ticket)
    assert desk.status(ticket) == "open"
    desk.passes(30 * DAY)
    assert len(desk.sent(REMINDER)) == 1
    assert desk.rules(ticket) == ["remind-customer"]


def test_reminders_begin_anew_after_an_answer_and_silence_ends_in_a_solution(desk: Mailing) -> None:
    ticket = desk.opened()
    desk.asked(ticket)
    desk.passes(4 * DAY)
    desk.answered(desk.sent(REMINDER)[0])
    desk.asked(ticket, "And which colour?")
    desk.passes(13 * DAY)
    assert (len(desk.sent(REMINDER)), desk.status(ticket)) == (3, "pending")
    desk.passes(2 * DAY)
    assert desk.status(ticket) == "solved"
    desk.passes(8 * DAY)
    assert desk.status(ticket) == "closed"
    followed = ["remind-customer"] * 3 + ["solve-after-silence", "survey", "close-after-silence"]
    assert desk.rules(ticket) == followed
    assert [len(desk.sent(kind)) for kind in (REMINDER, SURVEY, CLOSING)] == [3, 1, 1]
    desk.passes(60 * DAY)
    assert desk.rules(ticket) == followed


def test_a_closed_ticket_is_reopened_by_mail_within_the_window_that_the_notice_tells(desk: Mailing) -> None:
    ticket = desk.opened()
    desk.does("solve", ticket)
    desk.passes(7 * DAY - HOUR)
    assert (desk.sent(CLOSING), desk.status(ticket)) == ([], "solved")
    desk.passes(2 * HOUR)
    (notice,) = desk.sent(CLOSING)
    assert "simply reply to this mail within 14 days" in notice.text
    assert desk.status(ticket) == "closed"
    desk.passes(14 * DAY - 3 * HOUR)
    taken = desk.answered(notice, "It is broken again.")
    assert (taken.outcome, taken.reason, taken.ticket) == (Outcome.COMMENT, "reopens", ticket)
    assert desk.status(ticket) == "open"
    assert [one for one in desk.topics(ticket) if one in ("closed", "reopened")] == ["closed", "reopened"]
    desk.passes(30 * DAY)
    assert desk.status(ticket) == "open", "nobody solved it since"


def test_after_the_window_a_mail_opens_a_linked_follow_up(desk: Mailing) -> None:
    ticket = desk.opened()
    desk.does("solve", ticket)
    desk.passes(8 * DAY)
    (notice,) = desk.sent(CLOSING)
    desk.passes(14 * DAY)
    taken = desk.answered(notice, "It is broken again.")
    assert (taken.outcome, taken.created) == (Outcome.FOLLOW_UP, True)
    assert taken.ticket is not None
    assert taken.ticket != ticket
    assert desk.status(ticket) == "closed"
    assert desk.core.show_ticket(ticket, by=ANA).follow_ups == (taken.ticket,)
    acknowledged = [mail for mail in desk.sent() if taken.ticket in mail.message["Subject"]]
    assert len(acknowledged) == 1


def test_the_link_in_the_survey_rates_a_solution_once(desk: Mailing, cli: Cli) -> None:
    ticket = desk.opened()
    desk.does("solve", ticket)
    desk.passes(DAY - HOUR)
    assert desk.sent(SURVEY) == []
    desk.passes(2 * HOUR)
    (mail,) = desk.sent(SURVEY)
    found = LINK.search(mail.text)
    assert found is not None
    cli.ok("ticket", "rate", "--token", found[1], "--score", "5")
    assert desk.core.rate_by_link(found[1], score=5).repeated
    with pytest.raises(WrongState, match="its solution was rated already"):
        desk.core.rate_by_link(found[1], score=1)
    assert desk.core.show_ticket(ticket, by=ANA).score == 5
    assert desk.topics(ticket).count("rated") == 1
    desk.passes(3 * DAY)
    desk.answered(mail, "It is broken again.")
    desk.does("solve", ticket)
    desk.passes(2 * DAY)
    first, second = desk.sent(SURVEY)
    again = LINK.search(second.text)
    assert again is not None
    with pytest.raises(WrongState, match="it was solved again since"):
        desk.core.rate_by_link(found[1], score=1)
    desk.core.rate_by_link(again[1], score=2)
    assert (first, desk.core.show_ticket(ticket, by=ANA).score) == (mail, 2)


def test_a_broken_promise_raises_the_priority_reassigns_and_notifies_and_shows_why(desk: Mailing, cli: Cli) -> None:
    ticket = desk.opened("Somebody sent me a phishing mail in your name.")
    before = desk.core.show_ticket(ticket, by=ANA)
    assert (before.priority, before.team_id) == ("high", "accounts")
    desk.passes(7 * DAY)
    after = desk.core.show_ticket(ticket, by=ANA)
    assert (after.priority, after.team_id) == ("critical", "second-line")
    told = [entry.fields for entry in desk.core.ticket_history(ticket, by=LEAD) if entry.topic == "ticket.notified"]
    assert [(list(fields["to"]), fields["rule"]) for fields in told] == [  # type: ignore[call-overload]
        (["team:leads"], "raise-breached"), (["team:leads"], "escalate"),
    ]  # fmt: skip
    decisions = {one["rule"]: one for one in cli.json("policy", "explain", ticket)["decisions"]}
    raised, escalated = decisions["raise-breached"], decisions["escalate"]
    assert raised["saw"] == {"priority": "high", "sla.resolution": "breached", "status": "new"}
    outcome = {"raise_priority": "critical", "notify": "team:leads"}
    assert {name: raised["outcome"][name] for name in outcome} == outcome
    outcome = {"assign": "team second-line", "notify": "team:leads"}
    assert {name: escalated["outcome"][name] for name in outcome} == outcome
    assert escalated["saw"]["sla.resolution"] == "breached"
    (row,) = cli.json("queue", "--team", "second-line")
    assert (row["number"], row["priority"], row["team_id"]) == (ticket, "critical", "second-line")
    assert cli.json("queue", "--team", "accounts") == []
    assert desk.sent(REMINDER) == []
