"""``ticketcore worker policies`` as a process: what it does, shows, logs and leaves out, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from ticketcore import Settings, TicketCore
from ticketcore.domain.types import Actor, Channel, Direction, Role
from ticketcore.errors import StoreUnavailable
from ticketcore.policy.manager import Counts, PolicyManager

LEAD, FORM, AUDIT = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("form"), Actor(role=Role.AUDITOR, id="aud")
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
POLICY = """
name: desk
teams: {desk: {assign: least_loaded}}
default_team: desk
classification:
  - {rule: printer, when: {field: text, contains_any: [drucker]}, set: {category: hardware}}
follow_up:
  - {rule: tell, when: {all: [{field: status, is: pending}]}, after: 1s, since: status, do: [{notify: ["team:desk"]}]}
"""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


class Process:
    """A worker; what it said is in a file."""

    def __init__(self, settings: Settings, said: Path, **more: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
        environment = {
            **kept, "TICKETCORE_DSN": str(settings.dsn), "TICKETCORE_KEY_FILE": str(settings.key_file),
            "TICKETCORE_METRICS_PORT": "0", "TICKETCORE_HEALTH_TIMEOUT": "5", **more,
        }  # fmt: skip
        command = [sys.executable, "-c", "from workers.cli import main; main()", "worker", "policies", "--poll", "0.1"]
        self.said = said
        with said.open("ab") as file:
            self.process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.said.read_text().splitlines() if line.endswith("}")]

    def get(self, path: str) -> tuple[int, str]:
        port = next(line["port"] for line in self.lines() if line["event"] == "metrics.listening")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def value(self, name: str) -> float | None:
        found = re.search(rf"^ticketcore_policy_{name}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return None if found is None else float(found[1])


@contextmanager
def running(settings: Settings, said: Path, **more: str) -> Iterator[Process]:
    worker = Process(settings, said, **more)
    try:
        eventually(lambda: "metrics.listening" in said.read_text() or worker.process.poll() is not None)
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()


@pytest.fixture
def core(database: str, tmp_path: Path) -> Iterator[TicketCore]:
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=False)
    with TicketCore.open(settings, migrate=True, make_keys=True) as opened:
        opened.adopt_policy(POLICY, by=LEAD, effective_at=BEGINNING)
        yield opened


def topics(core: TicketCore, ticket: str) -> list[str]:
    return [entry.topic.removeprefix("ticket.") for entry in core.ticket_history(ticket, by=AUDIT)]


def opened(core: TicketCore, **more: Any) -> str:
    values = {"channel": Channel.MAIL, "direction": Direction.INBOUND, "subject": "Drucker", "body": "Geheim", **more}
    return core.open_ticket(by=FORM, **values).number


@pytest.mark.servers
@pytest.mark.slow
def test_it_follows_shows_what_it_does_logs_nothing_personal_and_ends_when_told(
    core: TicketCore, tmp_path: Path
) -> None:
    with running(core.settings, tmp_path / "said", TICKETCORE_LOG_LEVEL="DEBUG") as worker:
        ticket = opened(core)
        eventually(lambda: "assigned" in topics(core, ticket))
        core.pend(ticket, by=Actor.agent("ana"))
        eventually(lambda: "notified" in topics(core, ticket))
        eventually(lambda: worker.value("position") == core.log.head())
        assert worker.get("/healthz")[0] == 200
        assert worker.value("commands_total") == 2
        assert [worker.value(name) for name in ("lag_events", "due", "dead_letters", "given_up_total")] == [0, 0, 0, 0]
        page = worker.get("/metrics")[1]
        shown = set(re.findall(r"^(ticketcore_policy_\w+?)(?:{[^}]*})? ", page, re.MULTILINE))
        documented = set(re.findall(r"^\| `(ticketcore_policy_\w+)`", PAGE.read_text("utf-8"), re.MULTILINE))
        assert {name for name in shown if not name.endswith("_created")} == documented
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0
    lines = worker.lines()
    assert (lines[-1]["event"], lines[-1]["worker"]) == ("stopped", "policies")
    assert next(line for line in lines if line["event"] == "started")["policy"] == "desk/1"
    assert "Geheim" not in worker.said.read_text()
    assert "Drucker" not in worker.said.read_text()


@pytest.mark.servers
@pytest.mark.slow
def test_a_policy_that_it_cannot_read_ends_it_with_the_policy_s_version(core: TicketCore, tmp_path: Path) -> None:
    opened(core)
    with psycopg.connect(str(core.settings.dsn)) as connection:
        connection.execute("ALTER TABLE log.events DISABLE TRIGGER ALL")
        connection.execute(
            "UPDATE log.events SET state = convert_to(replace(convert_from(state, 'UTF8'), 'default_team: desk', 'default_taem: desk'), 'UTF8')"
            " WHERE topic = 'policy.adopted'"
        )
    worker = Process(core.settings, tmp_path / "said")
    assert worker.process.wait(60) == 8
    assert "policy version 1" in worker.said.read_text()


def test_what_passes_by_itself_is_tried_again_with_longer_pauses_and_then_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with TicketCore.in_memory() as core:
        core.adopt_policy(POLICY, by=LEAD, effective_at=BEGINNING)
        opened(core)
        manager, stop = PolicyManager(core), Event()
        feed, errors = manager.store.feed, [StoreUnavailable("away"), psycopg.OperationalError("cut")]

        def fails(now: datetime, limit: int) -> Any:
            if errors:
                raise errors.pop(0)
            return feed(now, limit)

        monkeypatch.setattr(manager.store, "feed", fails)
        retries: list[tuple[str, int, float]] = []
        steps: list[Counts] = []
        thread = Thread(
            target=manager.run,
            args=(stop,),
            kwargs={
                "poll": 0.01,
                "on_step": steps.append,
                "on_retry": lambda error, failures, pause: retries.append((str(error), failures, pause)),
            },
        )
        thread.start()
        eventually(lambda: any(done.commands for done in steps), 30)
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
        assert retries == [("away", 1, 0.02), ("cut", 2, 0.04)]
        assert sum(done.commands for done in steps) == 1


def test_what_a_clock_of_the_caller_says_counts() -> None:
    with TicketCore.in_memory() as core:
        core.adopt_policy(POLICY, by=LEAD, effective_at=BEGINNING)
        ticket = opened(core)
        core.pend(ticket, by=Actor.agent("ana"))
        assert PolicyManager(core, lambda: datetime.now(UTC)).catch_up().commands == 1
        assert PolicyManager(core, lambda: datetime.now(UTC) + timedelta(minutes=1)).catch_up().commands == 1
        assert topics(core, ticket).count("notified") == 1
