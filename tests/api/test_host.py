"""Beside a host: its own transactions, forks, threads; killed between any two steps."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.host_service import STEPS
from ticketcore import Actor, Role, Settings, TicketCore

SHOP = Actor.system("shop")
AUDIT = Actor(role=Role.AUDITOR, id="audit")

pytestmark = pytest.mark.servers


def on(database: str, folder: Path) -> TicketCore:
    settings = Settings(dsn=database, key_file=folder / "keys.json", inline=True, pool_size=4)
    return TicketCore.open(settings, migrate=True, make_keys=True)


@pytest.mark.parametrize("crash_at", STEPS)
def test_a_host_killed_between_its_transaction_and_ours_ends_with_one_order_and_one_ticket(
    database: str, tmp_path: Path, crash_at: str
) -> None:
    with on(database, tmp_path) as core:
        arguments = [str(tmp_path / "orders.db"), database, str(tmp_path / "keys.json")]
        run = [sys.executable, "-m", "tests.api.host_service", *arguments]
        assert subprocess.run([*run, crash_at], check=False).returncode == -9
        assert subprocess.run(run, check=False).returncode == 0

        with sqlite3.connect(arguments[0]) as orders:
            rows = orders.execute("SELECT ticket FROM orders").fetchall()
            assert orders.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        orders.close()
        events = list(core.read_events(by=AUDIT))
        assert [(e.number,) for e in events] == rows


def test_parent_and_forked_children_all_append(database: str, tmp_path: Path) -> None:
    with on(database, tmp_path) as core:
        core.open_ticket(channel="form", by=SHOP)
        children = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                try:
                    with ThreadPoolExecutor(4) as pool:
                        list(pool.map(lambda _: core.open_ticket(channel="form", by=SHOP), range(10)))
                except BaseException:  # noqa: BLE001 -- the child must end here, whatever happens
                    os._exit(1)
                os._exit(0)
            children.append(pid)
        for _ in range(10):
            core.open_ticket(channel="form", by=SHOP)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
        events = list(core.read_events(by=AUDIT))
        assert [e.position for e in events] == list(range(1, 42))
        assert len({e.number for e in events}) == 41


def test_two_processes_with_hot_states_do_not_lose_each_others_changes(database: str, tmp_path: Path) -> None:
    with on(database, tmp_path) as one, on(database, tmp_path) as two:
        number = one.open_ticket(channel="form", by=SHOP).number
        ana = Actor.agent("ana")
        for i in range(10):
            for core in (one, two):
                core.comment(number, direction="internal", body=f"note {i}", by=ana)
        one.assign(number, agent_id="ana", by=ana)
        two.assign(number, agent_id="bob", by=ana)
        view = one.show_ticket(number, by=ana)
        assert (len(view.messages), view.agent_id, view.version) == (21, "bob", 23)
