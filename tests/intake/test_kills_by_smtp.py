"""A mail server hands messages over while the worker is killed: each is recorded once, none is acknowledged before that."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.processes import until
from tests.intake.incoming import WORKER, Service, prepared
from tests.intake.smtp_client import deliver
from ticketcore import Actor, TicketCore
from ticketcore.domain.message_events import Filed, Received
from ticketcore.domain.types import Role
from ticketcore.intake.service import Intake

pytestmark = [pytest.mark.slow, pytest.mark.servers]

MESSAGES, SENDERS, KILLS = 1_000, 125, 50
DYING = ("-m", "tests.intake.dying_worker", "worker", "intake")
AUDITOR = Actor(role=Role.AUDITOR, id="test")


def mail(sender: int, number: int) -> bytes:
    """Return a sender's message; every other one answers the one before it."""
    answers = f"In-Reply-To: <{sender}.{number - 1}@example.org>\r\n" if number % 2 else ""
    return (
        f"From: Customer {sender} <c{sender}@example.org>\r\nTo: support@example.com\r\nSubject: Inquiry {number}\r\n"
        f"Message-ID: <{sender}.{number}@example.org>\r\nDate: Mon, 02 Mar 2026 10:{number:02}:00 +0000\r\n{answers}"
        f"\r\nThe text of inquiry {number} of {sender}.\r\n"
    ).encode()


class Story:
    """What the log tells of messages: how often each was received, and what it became."""

    def __init__(self, core: TicketCore) -> None:
        self.received: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.filed: Counter[str] = Counter()
        self.topics: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        numbers: dict[str, str] = {}
        for entry in core.read_events(by=AUDITOR):
            self.topics[entry.topic] += 1
            content = entry.fields
            if entry.topic == Received.TOPIC:
                self.received[str(content["message_id"])] += 1
                numbers[entry.number] = str(content["message_id"])
            elif entry.topic == Filed.TOPIC:
                self.filed[numbers[entry.number]] += 1
            elif entry.topic in {"ticket.opened", "ticket.commented"}:
                if content.get("direction") == "outbound":
                    self.acknowledged[entry.number] += 1
                else:
                    self.texts[str(content["body"]).strip()] += 1


def test_killed_at_any_step_a_message_is_recorded_once_and_acknowledged_after_it(database: str, tmp_path: Path) -> None:
    with prepared(database, tmp_path) as core:
        service = Service(tmp_path, database, DYING)
        number = instants = 0
        try:
            while True:  # until a message needs fewer instants than the worker was to live for
                service.start(DIE_AT=str(instants + 1))
                first = service.lives

                def port() -> int | None:
                    if not service.process or not service.process.running:
                        service.start(DIE_AT="0")
                    return service.port()

                _, tries = deliver(port, mail(instants, 0), sender="c@example.org", recipients=["support@example.com"])
                number += 1
                died = service.lives > first
                assert (tries > 1) == died
                service.stop()
                if not died:
                    break
                instants += 1
        finally:
            service.stop()
        story = Story(core)
    assert instants >= 8, "a new customer's message is at least four appends"
    assert set(story.received.values()) == {1}
    assert len(story.received) == len(story.filed) == number
    assert set(story.filed.values()) == {1}
    assert story.topics["ticket.opened"] == number
    assert story.topics["customer.registered"] == number
    assert len(story.texts) == number
    assert set(story.texts.values()) == {1}


def test_a_thousand_messages_and_fifty_kills_record_a_thousand_messages(database: str, tmp_path: Path) -> None:
    with prepared(database, tmp_path) as core:
        service = Service(tmp_path, database, WORKER)
        over = threading.Event()
        kills = 0
        chance = random.Random(20260302)

        def send(sender: int) -> None:
            for number in range(MESSAGES // SENDERS):
                content, address = mail(sender, number), f"c{sender}@example.org"
                replies.append(deliver(service.port, content, sender=address, recipients=["support@example.com"]))

        def sent() -> None:
            try:
                with ThreadPoolExecutor(4) as pool:
                    list(pool.map(send, range(SENDERS)))
            finally:
                over.set()

        replies: list[tuple[str, int]] = []
        service.start()
        sending = threading.Thread(target=sent)
        sending.start()
        try:
            while not over.is_set():
                until(lambda: service.port() is not None or over.is_set(), 60, "the worker listens")
                if kills < KILLS:
                    wanted = len(replies) + chance.randint(0, 30)
                    until(lambda wanted=wanted: len(replies) >= wanted or over.is_set(), 120, "messages are taken")  # type: ignore[misc]
                    over.wait(chance.uniform(0.0, 0.1))
                    assert service.process is not None
                    service.process.kill()
                    kills += 1
                    service.start()
                else:
                    over.wait(0.5)
        finally:
            sending.join(300)
            service.stop()
        Intake(core).sweep()
        story = Story(core)
    assert kills == KILLS, "the messages were over before the kills were"
    assert len(replies) == MESSAGES
    assert all("recorded as M-" in text for text, _ in replies)
    assert len(story.received) == len(story.filed) == len(story.texts) == MESSAGES
    assert {*story.received.values(), *story.filed.values(), *story.texts.values()} == {1}
    assert story.topics["customer.registered"] == SENDERS
    assert story.topics["ticket.opened"] == MESSAGES // 2
    assert set(story.acknowledged.values()) <= {1}
