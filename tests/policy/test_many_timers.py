"""Many timers at one instant, two workers' processes, and SIGKILL for one of them midway: each timer fires exactly once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crash.processes import CLI, Kept, until
from tests.outgoing.given import a_customer, set_up
from ticketcore import Actor, Role, TicketCore
from ticketcore.domain.types import Status
from ticketcore.policy.manager import PolicyManager

pytestmark = [pytest.mark.servers, pytest.mark.slow]

TICKETS, KILLS, PATIENCE = 500, 3, 120.0
HOUR = timedelta(hours=1)
LEAD, FORM = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("form")
POLICY = """
name: desk
teams: {desk: {assign: none}}
default_team: desk
follow_up:
  - {rule: remind, when: {field: status, is: new}, after: 1h, since: opened, repeat: 2, do: [{mail: reminder}, {notify: ["team:desk"]}]}
  - {rule: late, when: {field: status, is: new}, after: 1h, since: opened, do: [{set_priority: high}, {add_tags: [late]}, hold]}
  - {rule: waits, when: {field: status, is: on_hold}, after: 30m, since: opened, do: [{mail: escalated}]}
"""


@pytest.fixture
def core(database: str, tmp_path: Path) -> Iterator[TicketCore]:
    with TicketCore.open(set_up(database, tmp_path)) as opened:
        yield opened


def at_one_instant(core: TicketCore) -> list[Any]:
    """Return tickets whose timers are all set to the same time, an hour ago."""
    now = datetime.now(UTC)
    core.adopt_policy(POLICY, by=LEAD, effective_at=now - 24 * HOUR)
    customers = [a_customer(core, f"kim{number}@example.net") for number in range(10)]
    tickets = [
        core.open_ticket(channel="mail", requester=customers[number % 10], subject=f"{number}", body="?", direction="inbound",
                         by=FORM, occurred_at=now - 2 * HOUR).id
        for number in range(TICKETS)
    ]  # fmt: skip
    then = PolicyManager(core, lambda: now - 2 * HOUR + timedelta(minutes=1))
    then.catch_up()
    assert then.store.waits(now - HOUR - timedelta(seconds=1)) == (0, None, now - HOUR)
    assert then.store.waits(now) == (TICKETS, now - HOUR, None)
    return tickets


def test_every_timer_fires_once_where_one_of_two_workers_is_killed_midway(core: TicketCore, tmp_path: Path) -> None:
    tickets = at_one_instant(core)
    settings = core.settings
    environment = {
        **os.environ, "TICKETCORE_DSN": str(settings.dsn), "TICKETCORE_KEY_FILE": str(settings.key_file),
        "TICKETCORE_MAIL_FROM": str(settings.mail_from), "TICKETCORE_POOL_SIZE": "3",
    }  # fmt: skip
    arguments = (*CLI, "worker", "policies", "--poll", "0.05")
    workers = [Kept(tmp_path, f"worker{n}", arguments, environment) for n in range(2)]
    store, left = PolicyManager(core).store, list[int]()
    try:
        for worker in workers:
            worker.start()
        for kill in range(KILLS):
            goal = TICKETS - TICKETS * (kill + 1) // (KILLS + 2)
            until(lambda: store.waits(datetime.now(UTC)).due <= goal, PATIENCE, "the workers are at work")  # noqa: B023 -- read at once
            victim = workers[kill % 2]
            victim.kill()
            left.append(store.waits(datetime.now(UTC)).due)
            victim.start()
        until(lambda: store.waits(datetime.now(UTC)).due == 0, PATIENCE, "all is done")
        until(lambda: all(worker.heard for worker in workers), PATIENCE, "both workers run")
        for worker in workers:
            assert worker.end(PATIENCE, by=signal.SIGTERM) == 0, worker.said
    finally:
        for worker in workers:
            if worker.running:
                worker.kill()
    print(f"{TICKETS} timers, left at each kill: {left}")
    assert left[0] > 0
    decided, mails = Counter[tuple[Any, ...]](), Counter[Any]()
    for ticket in tickets:
        history = core.ticket_history(ticket, by=Actor(role=Role.AUDITOR, id="aud"))
        for entry in history:
            found: Any = entry.fields.get("decisions", ())
            decided.update((ticket, one["rule"]) for one in found if one["section"] == "follow_up")
            mails[ticket] += entry.topic == "ticket.commented"
        assert [entry.topic for entry in history].count("ticket.notified") == 1
    assert decided == {(ticket, rule): 1 for ticket in tickets for rule in ("remind", "late", "waits")}
    assert mails == dict.fromkeys(tickets, 2)
    assert len(core.due_deliveries(datetime.now(UTC) + HOUR, 10 * TICKETS)) == 2 * TICKETS
    assert store.letters() == []
    states = core._executor.load(tickets)
    assert {getattr(state, "status", None) for state in states.values()} == {Status.ON_HOLD}
    head = core.log.head()
    with psycopg.connect(str(settings.dsn)) as connection:
        connection.execute("UPDATE log.policy_tickets SET due_at = now()")
    again = PolicyManager(core).catch_up()
    assert (again.tickets, again.commands, core.log.head()) == (TICKETS, 0, head)
