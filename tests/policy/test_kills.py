"""Two policies' workers and PostgreSQL itself, killed with SIGKILL at random: nothing twice, nothing lost; ``SEED`` says how.

Every command is given to a twin too, a log in memory that one manager follows undisturbed; both must record the same.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.crash.processes import CLI, Kept, until
from tests.crash.proof import assert_log_is_whole, rows_of
from tests.support.postgres import Postgres
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.errors import StoreUnavailable
from ticketcore.policy.manager import PolicyManager

pytestmark = [pytest.mark.slow, pytest.mark.servers]

KILLS = int(os.environ.get("KILLS") or 22)
SERVER_KILLS = 2
SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**6))
PATIENCE = 45.0
LEAD, ANA, FORM = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.agent("ana"), Actor.system("form")
AUDIT = Actor(role=Role.AUDITOR, id="aud")
POLICY = """
name: desk
calendars: {always: {zone: UTC, hours: always}}
teams: {desk: {assign: none}, hardware: {assign: none}}
default_team: desk
classification:
  - {rule: printer, when: {field: text, contains_any: [printer]}, set: {category: hardware, add_tags: [printer]}}
routing:
  - {rule: hardware, when: {field: category, is: hardware}, team: hardware}
sla:
  - rule: quick
    when: {}
    calendar: always
    targets: {critical: {first_reply: 2s}, high: {first_reply: 2s}, normal: {first_reply: 2s}, low: {first_reply: 2s}}
follow_up:
  - {rule: tell, when: {field: status, is: pending}, after: 1s, since: status, repeat: 2, do: [{notify: ["team:desk"]}]}
"""


class Writer(threading.Thread):
    """Opens tickets and sets every third of them aside, on the log and on its twin, each command once."""

    def __init__(self, core: TicketCore, twin: TicketCore) -> None:
        super().__init__(daemon=True)
        self._core, self._twin = core, twin
        self.stop, self.error = threading.Event(), None
        self.tickets: list[tuple[str, str]] = []
        self.aside: set[str] = set()

    def run(self) -> None:
        while not self.stop.wait(0.1):
            number = len(self.tickets)
            subject = f"{'printer' if number % 2 else 'parcel'} {number}"
            self.tickets.append(tuple(self._both("open_ticket", channel="form", subject=subject, by=FORM)))  # type: ignore[arg-type]
            if number % 3 == 0:
                self._both("pend", self.tickets[-1], by=ANA)
                self.aside.add(self.tickets[-1][0])

    def _both(self, name: str, tickets: tuple[str, str] | None = None, **values: Any) -> list[str]:
        command = uuid4()
        return [
            self._one(core, name, tickets and (tickets[which],), command, values)
            for which, core in enumerate((self._core, self._twin))
        ]

    def _one(self, core: TicketCore, name: str, ticket: Any, command: UUID, values: dict[str, Any]) -> str:
        while True:
            try:
                return str(getattr(core, name)(*(ticket or ()), command_id=command, **values).number)
            except StoreUnavailable:
                time.sleep(0.1)


@contextmanager
def followed(core: TicketCore) -> Iterator[PolicyManager]:
    """Follow the twin's policy in a thread, undisturbed."""
    manager, stop = PolicyManager(core), threading.Event()
    thread = threading.Thread(target=manager.run, args=(stop,), kwargs={"poll": 0.05})
    thread.start()
    try:
        yield manager
    finally:
        stop.set()
        thread.join()


def is_done(manager: PolicyManager, core: TicketCore) -> Callable[[], bool]:
    """Whether all was read, nothing is due and no timer is left."""

    def done() -> bool:
        waits = manager.store.waits(datetime.now(UTC))
        return manager.store.position() == core.log.head() and waits == (0, None, None)

    return done


def what_was_done(core: TicketCore, ticket: str) -> Counter[Any]:
    """What rules decided of a ticket, and every other event that followed from it, as often as it was recorded."""
    found: Counter[Any] = Counter()
    for entry in core.ticket_history(ticket, by=AUDIT):
        if entry.topic == "ticket.policy_decided":
            decisions: Any = entry.fields["decisions"]
            found.update((one["section"], one["rule"], outcome(one)) for one in decisions)
        else:
            found[entry.topic] += 1
    return found


def outcome(decision: Any) -> str:
    """Without instants: both logs have their own."""
    return str({name: value for name, value in (decision.get("outcome") or {}).items() if name != "due"})


def test_two_workers_that_are_killed_record_what_one_that_is_left_in_peace_does(tmp_path: Path) -> None:
    print(f"SEED={SEED} KILLS={KILLS}")
    dice, killed = random.Random(SEED), Counter[str]()
    with Postgres({"fsync": "on"}) as postgres, TicketCore.in_memory() as twin:
        settings = Settings(dsn=postgres.create_database(), key_file=tmp_path / "keys.json", inline=False, pool_size=4)
        with TicketCore.open(settings, migrate=True, make_keys=True) as core, followed(twin) as undisturbed:
            for one in (core, twin):
                one.adopt_policy(POLICY, by=LEAD)
            environment = {
                **os.environ, "TICKETCORE_DSN": str(settings.dsn), "TICKETCORE_KEY_FILE": str(settings.key_file),
                "TICKETCORE_LOG_LEVEL": "DEBUG", "TICKETCORE_POOL_SIZE": "3",
            }  # fmt: skip
            arguments = (*CLI, "worker", "policies", "--poll", "0.05")
            workers = [Kept(tmp_path, f"worker{n}", arguments, environment) for n in range(2)]
            writer = Writer(core, twin)
            try:
                for worker in workers:
                    worker.start()
                writer.start()

                def one_at_work() -> bool:
                    for worker in workers:
                        worker.look_after()
                    return any(worker.heard for worker in workers)

                while killed.total() < KILLS + SERVER_KILLS:
                    until(one_at_work, PATIENCE, "a worker starts")
                    time.sleep(dice.uniform(0, 0.6))
                    if killed.total() % ((KILLS + SERVER_KILLS) // SERVER_KILLS) == 7:
                        postgres.kill9()
                        time.sleep(dice.uniform(0, 0.5))
                        postgres.start()
                        killed["server"] += 1
                        continue
                    victim = dice.choice([worker for worker in workers if worker.heard])
                    victim.kill()
                    victim.start()
                    killed["worker"] += 1
                writer.stop.set()
                writer.join(PATIENCE)
                manager = PolicyManager(core)
                until(lambda: one_at_work() and is_done(manager, core)(), PATIENCE, "the workers have done all")
                until(is_done(undisturbed, twin), PATIENCE, "the twin is done")
                until(lambda: all(worker.heard for worker in workers), PATIENCE, "both workers run")
                for worker in workers:
                    assert worker.end(PATIENCE, by=signal.SIGTERM) == 0, worker.said
            finally:
                writer.stop.set()
                for worker in workers:
                    if worker.running:
                        worker.kill()

            assert killed == {"worker": KILLS, "server": SERVER_KILLS}
            assert len(writer.tickets) >= 40
            print(f"{len(writer.tickets)} tickets, {core.log.head()} events, {dict(killed)} killed")
            assert_log_is_whole(*rows_of(str(settings.dsn)))
            for ours, theirs in writer.tickets:
                done = what_was_done(core, ours)
                assert done == what_was_done(twin, theirs), ours
                assert done["ticket.notified"] == (2 if ours in writer.aside else 0)
                assert done["ticket.sla_breached"] == 1
            assert manager.store.letters() == []

            head = core.log.head()
            with psycopg.connect(str(settings.dsn)) as connection:
                connection.execute("UPDATE log.policy_tickets SET due_at = now()")
            again = manager.catch_up()
            assert (again.tickets, again.commands, core.log.head()) == (len(writer.tickets), 0, head)
