"""The worker for incoming mail as a process: what it answers, shows, logs and leaves out."""

from __future__ import annotations

import re
import signal
import smtplib
import urllib.request
from pathlib import Path

import pytest

from tests.crash.processes import until
from tests.intake.incoming import WORKER, Service, prepared
from tests.support.postgres import Postgres
from ticketcore import Actor
from ticketcore.domain.types import Role

pytestmark = [pytest.mark.slow, pytest.mark.servers]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
MAIL = (
    b"From: Kim Geheim <kim.geheim@example.org>\r\nTo: support@example.com\r\nSubject: Vertraulich\r\n"
    b"Message-ID: <%d@example.org>\r\n\r\nEtwas Privates.\r\n"
)
PRIVATE = ("Geheim", "geheim@", "Vertraulich", "Privates", "@example.org>")


def say(service: Service, number: int) -> int:
    """Send a message and return the code of the reply."""
    port = service.port()
    assert port is not None
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.ehlo()
        client.mail("kim.geheim@example.org")
        client.rcpt("support@example.com")
        return client.data(MAIL % number)[0]


def test_it_answers_451_while_the_store_is_away_and_250_once_it_is_back(tmp_path: Path) -> None:
    with Postgres() as server, prepared(server.create_database(), tmp_path) as core:
        service = Service(tmp_path, core.settings.dsn or "", WORKER)
        service.start()
        try:
            until(lambda: service.port() is not None, 60, "it listens")
            assert say(service, 1) == 250
            server.stop()
            assert say(service, 2) == 451
            server.start()
            until(lambda: say(service, 2) == 250, 60, "it takes the message")
            assert {line["event"] for line in service.lines()} >= {"intake.taken", "intake.retry"}
        finally:
            service.stop()
        auditor = Actor(role=Role.AUDITOR, id="test")
        topics = [entry.topic for entry in core.read_events(by=auditor)]
    assert topics.count("message.received") == topics.count("message.filed") == 2


def test_it_shows_what_it_does_logs_nothing_personal_and_ends_with_what_is_in_hand(
    database: str, tmp_path: Path
) -> None:
    with prepared(database, tmp_path):
        service = Service(
            tmp_path, database, WORKER, TICKETCORE_METRICS_PORT="0", TICKETCORE_LOG_LEVEL="DEBUG",
            TICKETCORE_HEALTH_TIMEOUT="5",
        )  # fmt: skip
        service.start()
        try:
            until(lambda: service.port() is not None, 60, "it listens")
            assert [say(service, number) for number in (1, 2, 1)] == [250] * 3
            heard = next(line for line in service.lines() if line["event"] == "metrics.listening")
            with urllib.request.urlopen(f"http://127.0.0.1:{heard['port']}/metrics", timeout=10) as answer:
                shown = answer.read().decode()
            with urllib.request.urlopen(f"http://127.0.0.1:{heard['port']}/healthz", timeout=10) as answer:
                assert answer.status == 200
            assert service.process is not None
            assert service.process.end(60, by=signal.SIGTERM) == 0
        finally:
            service.stop()
    assert 'ticketcore_intake_messages_total{outcome="new"} 3.0' in shown
    assert "ticketcore_intake_seconds_count 3.0" in shown
    documented = set(re.findall(r"^\| `(ticketcore_intake_\w+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    exported = set(re.findall(r"^# TYPE (ticketcore_intake_\w+)", shown, re.MULTILINE))
    assert {name for name in exported if not name.endswith("_created")} == documented
    lines = service.lines()
    assert [line["repeated"] for line in lines if line["event"] == "intake.taken"] == [False, False, True]
    assert lines[-1]["event"] == "stopped"
    assert not [word for word in PRIVATE if word in service.process.said]
