"""What a policies' worker does in a second: new tickets classified, prioritised, routed, assigned and promised."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from bench.harness import Result, compare, say, scaled, turns
from bench.place import BODY, SUBJECT
from bench.processes import at_a_gate
from bench.profile import Steps
from bench.sides import ANA, customers
from ticketcore.app import TicketCore
from ticketcore.domain.types import Actor, Role
from ticketcore.execute import Executor
from ticketcore.policy import engine, store_postgres
from ticketcore.policy.around import Around
from ticketcore.policy.manager import PolicyManager
from ticketcore.policy.shipped import default_policy
from ticketcore.settings import Settings
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier, Event
    from uuid import UUID

    from bench.place import Place

__all__ = ["Desk", "policies"]

TEAM, AGENTS, CUSTOMERS, WORKERS = "billing", 12, 50, 2
ONE, TWO, BARE = "one worker", "two workers", "TicketCore.assign of as many tickets, 1 client, warm cache"
LEAD, SHOP = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("web-shop")
_PATIENCE = 300.0
SECTIONS = "ask the sections, decide on their commands"
_STEPS: list[tuple[Any, str, str]] = [
    (store_postgres.PostgresPolicyStore, "feed", "read the log's new events, let their tickets be due"),
    (store_postgres._Batch, "desk", "read the desk: loads, turns, who waits"),
    (store_postgres._Batch, "finish", "write tickets and timers; append: one statement"),
    (PostgresLog, "load", "load the tickets' events"),
    (Codec, "decode", "decode"),
    (engine.Planning, "__init__", SECTIONS),
    (engine.Planning, "finish", SECTIONS),
    (engine._State, "fold", "fold events, the plan's own again after each step"),
    (Around, "words", "open the words"),
    (Executor, "prepared", "decide on the one command, encode its events"),
]


class Desk:
    """A log with the default policy, agents of the team that the tickets go to (they ask for their money back), customers."""

    def __init__(self, core: TicketCore) -> None:
        self.core = core
        core.adopt_policy(default_policy(), by=LEAD, effective_at=datetime.now(UTC) - timedelta(minutes=4))
        for number in range(AGENTS):
            core.describe_agent(f"agent-{number}", by=LEAD, teams=[TEAM])
            core.set_presence(f"agent-{number}", by=LEAD, present=True)
        self._customers = customers(core, CUSTOMERS)
        self._turn = count()

    def opened(self, many: int) -> list[UUID]:
        """Open tickets as mails do, of each customer in turn."""
        return [
            self.core.open_ticket(
                channel="mail", direction="inbound", requester=self._customers[next(self._turn) % CUSTOMERS],
                subject=SUBJECT, body=BODY, language="en", by=SHOP,
            ).id
            for _ in range(many)
        ]  # fmt: skip

    def solved(self, tickets: list[UUID]) -> None:
        """Solve them, so that the next turn finds agents as free as this one did."""
        for ticket in tickets:
            self.core.solve(ticket, by=ANA)


def _follow(given: dict[str, Any], gate: Barrier, over: Event) -> None:
    with TicketCore.open(Settings(**given)) as core:
        manager = PolicyManager(core)
        while True:
            gate.wait(_PATIENCE)
            if over.is_set():
                return
            manager.catch_up()
            gate.wait(_PATIENCE)


def policies(place: Place) -> list[Result]:
    """Return tickets a second, of one worker and of two, against bare commands, and two against one."""
    many = scaled(300)
    say("policies: agents, customers")
    with place.core() as core, place.core() as bare:
        desk, plain, following = Desk(core), Desk(bare), PolicyManager(core)
        following.catch_up()
        known = core.settings
        given = {"dsn": known.dsn, "key_file": known.key_file, "inline": False}

        def reconciled(work: Callable[[], float]) -> float:
            tickets = desk.opened(many)
            seconds = work()
            loads = sum(following.store.loads().values())
            if loads != many:
                raise AssertionError(f"{loads} tickets are with an agent, expected all {many} that were opened")
            desk.solved(tickets)
            following.catch_up()
            return many / seconds

        def one() -> float:
            began = time.perf_counter()
            following.catch_up()
            return time.perf_counter() - began

        def assigned(_: int) -> float:
            tickets = plain.opened(many)
            began = time.perf_counter()
            for ticket in tickets:
                bare.assign(ticket, team_id=TEAM, agent_id="agent-1", by=ANA)
            return many / (time.perf_counter() - began)

        with at_a_gate(_follow, [(given,)] * WORKERS, _PATIENCE) as two:
            rates = turns(
                "tickets/s", {ONE: lambda _: reconciled(one), TWO: lambda _: reconciled(two), BARE: assigned}
            )  # fmt: skip
        tickets, steps = desk.opened(many), Steps(time.thread_time)
        with steps.around(_STEPS, "claim, the agents, the policies, commit, everything else"):
            following.catch_up()
    return [
        compare("policies, one worker: a new ticket", "tickets/s", rates[ONE], rates[BARE], BARE),
        compare("policies, two workers: a new ticket", "tickets/s", rates[TWO], rates[BARE], BARE),
        compare("policies, two workers: a new ticket", "tickets/s", rates[TWO], rates[ONE], ONE),
        *steps.results("policies, one worker, a new ticket", len(tickets)),
    ]
