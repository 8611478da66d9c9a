"""Two policies' workers on one data base give tickets to the same few agents, and one of them is killed again and again.

What they did is read from the log alone, event by event: whose load each ticket was when another one was given.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crash.processes import CLI, Kept, until
from tests.crash.proof import assert_log_is_whole, rows_of
from tests.support.postgres import Postgres
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.policy.manager import PolicyManager

pytestmark = [pytest.mark.slow, pytest.mark.servers]

SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**6))
PATIENCE = 60.0
LEAD, FORM, AUDIT = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("form"), Actor(role=Role.AUDITOR, id="aud")
AGENTS, CAPACITY, TICKETS = ("ana", "bob", "cem", "dee"), 5, 60
POLICY = """
name: desk
teams: {desk: {assign: least_loaded}, accounts: {assign: round_robin}}
default_team: desk
routing:
  - {rule: accounts, when: {field: subject, contains: invoice}, team: accounts, skills: [accounts]}
"""


class Log:
    """The log folded up to its end: who had what, and what was wrong when a rule gave somebody a ticket."""

    def __init__(self, core: TicketCore) -> None:
        self.open: dict[str, str | None] = {}
        self.held_when_left: dict[str, set[str]] = {}
        self.moved: dict[str, Counter[str]] = defaultdict(Counter)
        self.wrong: list[str] = []
        self.most: Counter[str] = Counter()
        capacity: dict[str, int | None] = {}
        for entry in core.read_events(by=AUDIT):
            ticket, fields = str(entry.number), entry.fields
            if entry.topic == "agent.described":
                limit: Any = fields.get("capacity")
                capacity[str(fields["agent_id"])] = limit
            elif entry.topic == "agent.presence_changed" and not fields["present"]:
                agent = str(fields["agent_id"])
                self.held_when_left[agent] = {one for one, who in self.open.items() if who == agent}
            elif entry.topic == "ticket.opened":
                self.open[ticket] = None
            elif entry.topic == "ticket.solved":
                self.open.pop(ticket, None)
            elif entry.topic == "ticket.policy_decided":
                decisions: Any = fields["decisions"]
                for one in decisions:
                    if one["section"] == "assignment" and one["saw"].get("absent"):
                        self.moved[one["saw"]["absent"]][ticket] += 1
            elif entry.topic == "ticket.assigned" and ticket in self.open:
                given: Any = fields.get("agent_id")
                self.open[ticket] = given
                if given is not None:
                    load = self.load(given)
                    self.most[given] = max(self.most[given], load)
                    if (limit := capacity[given]) is not None and load > limit:
                        self.wrong.append(f"position {entry.position}: {given} has {load}, at most {limit}")

    def load(self, agent: str) -> int:
        return sum(who == agent for who in self.open.values())

    @property
    def loads(self) -> dict[str, int]:
        return {agent: self.load(agent) for agent in AGENTS}


@contextmanager
def two_workers(folder: Path) -> Iterator[tuple[TicketCore, list[Kept]]]:
    with Postgres() as postgres:
        settings = Settings(dsn=postgres.create_database(), key_file=folder / "keys.json", inline=False, pool_size=8)
        with TicketCore.open(settings, migrate=True, make_keys=True) as core:
            core.adopt_policy(POLICY, by=LEAD)
            environment = {
                **os.environ, "TICKETCORE_DSN": str(settings.dsn), "TICKETCORE_KEY_FILE": str(settings.key_file),
                "TICKETCORE_LOG_LEVEL": "DEBUG", "TICKETCORE_POOL_SIZE": "3",
            }  # fmt: skip
            arguments = (*CLI, "worker", "policies", "--poll", "0.05")
            workers = [Kept(folder, f"worker{n}", arguments, environment) for n in range(2)]
            try:
                for worker in workers:
                    worker.start()
                until(lambda: all(worker.heard for worker in workers), PATIENCE, "both workers run")
                yield core, workers
                assert_log_is_whole(*rows_of(str(settings.dsn)))
                assert_nothing_is_left_to_do(core, str(settings.dsn), workers)
            finally:
                for worker in workers:
                    if worker.running:
                        worker.kill()


def assert_nothing_is_left_to_do(core: TicketCore, dsn: str, workers: list[Kept]) -> None:
    """Whoever looks at every ticket once more records nothing."""
    until(lambda: all(worker.heard for worker in workers), PATIENCE, "both workers run")
    for worker in workers:
        assert worker.end(PATIENCE, by=signal.SIGTERM) == 0, worker.said
    manager, head = PolicyManager(core), core.log.head()
    assert manager.store.letters() == []
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE log.policy_tickets SET due_at = now()")
    assert (manager.catch_up().commands, core.log.head()) == (0, head)


def settled(core: TicketCore, workers: list[Kept]) -> Callable[[], bool]:
    """Whether all was read, nothing is due, and whoever waited was woken since agents changed."""
    store = PolicyManager(core).store

    def done() -> bool:
        for worker in workers:
            worker.look_after()
        if store.position() < core.log.head() or store.waits(datetime.now(UTC)).due:
            return False
        with store.batch(datetime.now(UTC), 0) as batch:
            return not batch.desk_changed() and not store.waits(datetime.now(UTC)).due

    return done


def opens(core: TicketCore, count: int, threads: int = 4) -> list[str]:
    """Many tickets come at once; every third one needs a skill."""
    found: list[str] = []

    def some(first: int) -> None:
        for n in range(first, count, threads):
            subject = f"invoice {n}" if n % 3 == 0 else f"parcel {n}"
            found.append(core.open_ticket(channel="form", subject=subject, by=FORM).number)

    running = [threading.Thread(target=some, args=(n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return found


def describe(core: TicketCore, capacity: int | None = CAPACITY) -> None:
    for agent in AGENTS:
        skills = ["accounts"] if agent in ("ana", "bob") else []
        core.describe_agent(agent, teams=["desk", "accounts"], skills=skills, capacity=capacity, by=LEAD)


def test_many_tickets_at_once_and_two_workers_never_give_anybody_more_than_there_is_room_for(tmp_path: Path) -> None:
    print(f"SEED={SEED}")
    dice = random.Random(SEED)
    with two_workers(tmp_path) as (core, workers):
        describe(core)
        opens(core, TICKETS)
        until(settled(core, workers), PATIENCE, "all tickets were looked at")
        assert Log(core).loads == dict.fromkeys(AGENTS, CAPACITY)
        while (log := Log(core)).open:
            mine = [ticket for ticket, agent in log.open.items() if agent is not None]
            for ticket in dice.sample(mine, min(len(mine), 8)):
                core.solve(ticket, by=Actor.agent(str(log.open[ticket])))
            victim = dice.choice(workers)
            if dice.random() < 0.6 and all(worker.heard for worker in workers):
                victim.kill()
                victim.start()
            until(settled(core, workers), PATIENCE, "what was free is given out")
        log = Log(core)
        assert log.wrong == []
        assert log.most == dict.fromkeys(AGENTS, CAPACITY)
        assert sum(worker.kills for worker in workers) > 0


def test_an_absent_agents_tickets_are_moved_once_each_and_who_comes_wakes_what_waits(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with two_workers(tmp_path) as (core, workers):
        describe(core, capacity=None)
        opens(core, 40)
        until(settled(core, workers), PATIENCE, "all tickets were given out")
        for agent in AGENTS[:3]:
            core.set_presence(agent, present=False, by=LEAD)
            until(lambda: all(worker.heard for worker in workers), PATIENCE, "both workers run")
            victim = dice.choice(workers)
            victim.kill()
            until(settled(core, workers), PATIENCE, "one worker alone moves the tickets")
            victim.start()
            log = Log(core)
            assert log.load(agent) == 0
            assert len(log.held_when_left[agent]) >= 10
            assert log.moved[agent] == Counter(log.held_when_left[agent])
        waiting = {ticket for ticket, who in log.open.items() if who is None}
        assert waiting, "nobody else has the skill"
        assert log.load("dee") + len(waiting) == 40
        core.describe_agent("bob", teams=["desk", "accounts"], skills=["accounts"], capacity=CAPACITY, by=LEAD)
        core.set_presence("bob", present=True, by=LEAD)
        until(settled(core, workers), PATIENCE, "what waited is given out")
        log = Log(core)
        assert (log.load("bob"), log.wrong) == (CAPACITY, [])
        core.set_presence("ana", present=True, by=LEAD)
        until(settled(core, workers), PATIENCE, "the rest too")
        assert None not in Log(core).open.values()
        assert Log(core).wrong == []
