"""A policies' worker is killed before a promise is due and comes back after it: what it missed is recorded at its true time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.policy.test_worker import eventually, running
from tests.policy.told import derived, told
from ticketcore import Settings, TicketCore
from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.domain.types import Actor, Direction, Role
from ticketcore.policy.manager import PolicyManager

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LEAD, FORM, ANA = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("form"), Actor.agent("ana")
AUDIT = Actor(role=Role.AUDITOR, id="aud")
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
PROMISED = timedelta(seconds=20)
FRIDAY = datetime(2024, 3, 1, tzinfo=UTC)
POLICY = """
name: desk
calendar: office
calendars:
  office: {zone: UTC, hours: {mon-fri: ["09:00-17:00"]}}
  always: {zone: UTC, hours: always}
teams: {desk: {assign: none}}
default_team: desk
sla:
  - rule: chat
    when: {field: channel, is: chat}
    calendar: always
    targets: {normal: {first_reply: 20s, resolution: 1h}}
    warn: [50%, 75%]
  - rule: standard
    when: {}
    targets: {normal: {first_reply: 1h, next_reply: 2h, resolution: 8h}}
    warn: [50%]
"""


def friday(text: str) -> datetime:
    """Return the instant of ``16:30`` of that Friday, or of ``+3 09:30``, three days later."""
    days, _, clock = text.rpartition(" ")
    hour, minute = map(int, clock.split(":"))
    return FRIDAY + timedelta(days=int(days or 0), hours=hour, minutes=minute)


def events_of(core: TicketCore, ticket: str) -> list[Event]:
    manager = PolicyManager(core)
    id_ = core._ticket(ticket)
    return [manager._codec.decode(record) for record in core.log.load((id_,)).streams[id_]]


def a_whole_life(core: TicketCore) -> str:
    """Let a ticket be opened on Friday, and solved on Wednesday."""
    ticket = core.open_ticket(
        channel="mail", subject="Late", priority="normal", by=FORM, occurred_at=friday("16:30")
    ).number
    core.comment(ticket, by=ANA, direction=Direction.OUTBOUND, body="Which one?", occurred_at=friday("+3 10:00"))
    core.pend(ticket, by=ANA, occurred_at=friday("+3 10:00"))
    core.comment(ticket, by=FORM, direction=Direction.INBOUND, body="The red one.", occurred_at=friday("+4 11:00"))
    core.comment(ticket, by=ANA, direction=Direction.OUTBOUND, body="It is sent.", occurred_at=friday("+4 12:30"))
    core.solve(ticket, by=ANA, occurred_at=friday("+5 09:15"))
    return ticket


def test_a_worker_that_was_killed_before_a_deadline_records_it_at_its_true_time_once_it_is_back(
    database: str, tmp_path: Path
) -> None:
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=False, pool_size=3)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        core.adopt_policy(POLICY, by=LEAD, effective_at=BEGINNING)
        with running(settings, tmp_path / "first") as worker:
            chat = core.open_ticket(channel="chat", subject="Hello", priority="normal", by=FORM).number
            eventually(lambda: ("first_reply", "applied") in {one[:2] for one in told(events_of(core, chat))})
            worker.process.kill()
            worker.process.wait()
        killed, began = datetime.now(UTC), events_of(core, chat)[0].meta.occurred_at
        due = began + PROMISED
        assert killed < due, "it was there until the deadline"
        mail = a_whole_life(core)
        while datetime.now(UTC) <= due:
            time.sleep(0.1)
        assert "breached" not in {one[1] for one in told(events_of(core, chat))}

        with running(settings, tmp_path / "second"):
            eventually(lambda: "breached" in {one[1] for one in told(events_of(core, chat))})
            eventually(lambda: any(isinstance(event, sv.Measured) for event in events_of(core, mail)))

        live, past = events_of(core, chat), events_of(core, mail)
        assert told(live) == [
            ("first_reply", "applied", due),
            ("resolution", "applied", began + timedelta(hours=1)),
            ("first_reply", "warned", began + PROMISED / 2),
            ("first_reply", "warned", began + PROMISED * 3 / 4),
            ("first_reply", "breached", due),
        ]
        [breach] = [event for event in live if isinstance(event, ev.SlaBreached)]
        assert breach.meta.occurred_at > due, "when it was recorded is told beside when it was"
        assert told(past) == [
            ("first_reply", "applied", friday("+3 09:30")),
            ("resolution", "applied", friday("+3 16:30")),
            ("first_reply", "warned", friday("17:00")),
            ("first_reply", "breached", friday("+3 09:30")),
            ("resolution", "paused", friday("+3 10:00")),
            ("next_reply", "applied", friday("+4 13:00")),
            ("resolution", "resumed", friday("+4 11:00")),
            ("next_reply", "warned", friday("+4 12:00")),
            ("next_reply", "fulfilled", friday("+4 12:30")),
            ("resolution", "warned", friday("+4 13:30")),
            ("resolution", "fulfilled", friday("+5 09:15")),
        ]

        for events in (live, past):
            assert derived(events, PolicyManager(core).schedule(), events[-1].meta.occurred_at) == set(told(events))
        core.catch_up()
        assert_tables(str(settings.dsn), chat, mail, due)
        before = core.show_ticket(chat, by=AUDIT, at=killed, clock="occurred").sla
        assert (before["first_reply"], core.show_ticket(chat, by=AUDIT).sla["first_reply"]) == ("active", "breached")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
    environment |= {"TICKETCORE_DSN": str(settings.dsn), "TICKETCORE_KEY_FILE": str(settings.key_file)}
    command = [sys.executable, "-c", "from workers.cli import main; main()", "verify", "--json"]
    verified = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert json.loads(verified.stdout)


def assert_tables(dsn: str, chat: str, mail: str, due: datetime) -> None:
    with psycopg.connect(dsn) as connection:
        queue = connection.execute(
            "SELECT number, due_at, first_reply_due_at, resolution_due_at FROM queues.tickets ORDER BY number"
        ).fetchall()
        promises = connection.execute(
            "SELECT number, sla_first_reply, sla_next_reply, sla_resolution, sla_attained, sla_breached"
            " FROM performance.tickets ORDER BY number"
        ).fetchall()
        hours = connection.execute(
            "SELECT first_reply_business_seconds / 3600, first_solved_business_seconds / 3600, last_solved_business_seconds / 3600,"
            " requester_wait_business_seconds / 3600, agent_wait_business_seconds / 3600 FROM performance.tickets ORDER BY number"
        ).fetchall()
    assert queue == [(chat, due, due, due - PROMISED + timedelta(hours=1)), (mail, None, None, None)]
    assert promises == [
        (chat, "breached", None, "active", 0, 1),
        (mail, "breached", "attained", "attained", 2, 1),
    ]
    assert hours == [(None,) * 5, (1.5, 16.75, 16.75, 7.75, 9)]
