"""What policies know after a restore of the log: all is read again, nothing is done twice, and what was lost counts no more."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.postgres import Postgres
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.policy.manager import PolicyManager

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LEAD, FORM, AUDIT = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("form"), Actor(role=Role.AUDITOR, id="aud")
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
THEN = datetime.now(UTC) - timedelta(days=2)
POLICY = """
name: desk
teams: {desk: {assign: least_loaded}}
default_team: desk
follow_up:
  - {rule: tell, when: {field: status, in: [new, open]}, after: 2h, since: opened, do: [{notify: ["team:desk"]}]}
"""


def opened(core: TicketCore) -> str:
    return core.open_ticket(channel="form", subject="Help", by=FORM, occurred_at=THEN).number


def following(core: TicketCore) -> PolicyManager:
    return PolicyManager(core, lambda: THEN)


def agent_of(core: TicketCore, ticket: str) -> str | None:
    return core.show_ticket(ticket, by=AUDIT).agent_id


def seen(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT ticket_id, seen, status, agent_id, wish, due_at FROM log.policy_tickets ORDER BY ticket_id"
        ).fetchall()


def set_up(dsn: str, folder: Path) -> Settings:
    settings = Settings(dsn=dsn, key_file=folder / "keys.json", inline=False, pool_size=4)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        core.adopt_policy(POLICY, by=LEAD, effective_at=BEGINNING)
        core.describe_agent("ana", by=LEAD, teams=["desk"], capacity=1)
    return settings


def test_after_a_restore_and_recover_nothing_is_done_twice_and_timers_are_as_they_were(
    database: str, postgres: Postgres, tmp_path: Path
) -> None:
    settings = set_up(database, tmp_path)
    with TicketCore.open(settings) as core:
        kept = [opened(core), opened(core)]
        following(core).catch_up()
    backup = postgres.create_database(template=str(conninfo_to_dict(database)["dbname"]))
    with TicketCore.open(settings) as core:
        opened(core)
        following(core).catch_up()
    restored = settings.model_copy(update={"dsn": backup})
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
    environment |= {"TICKETCORE_DSN": backup, "TICKETCORE_KEY_FILE": str(settings.key_file)}
    command = [sys.executable, "-c", "from workers.cli import main; main()", "recover", "--restored"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    try:
        before = seen(backup)
        with TicketCore.open(restored) as core:
            manager, head = following(core), core.log.head()
            done = manager.catch_up()
            assert (done.events, done.tickets, done.commands, done.dead) == (head, len(kept), 0, 0)
            assert seen(backup) == before
            ours = opened(core)
            assert manager.catch_up().commands == 1
            assert core.show_ticket(ours, by=AUDIT).team_id == "desk"
            hours = PolicyManager(core, lambda: THEN + timedelta(hours=3))
            assert hours.catch_up().commands == 3
            assert hours.catch_up().tickets == 0
    finally:
        postgres.drop(backup)


def test_a_ticket_that_the_log_lost_counts_for_nobody_and_has_no_timer(database: str, tmp_path: Path) -> None:
    settings = set_up(database, tmp_path)
    with TicketCore.open(settings) as core:
        manager = following(core)
        lost = opened(core)
        manager.catch_up()
        waits = opened(core)
        manager.catch_up()
        assert (agent_of(core, lost), agent_of(core, waits)) == ("ana", None)
        stream = core._find_ticket(lost)
    with psycopg.connect(database) as connection:  # as no restore does it: the tables of policies are ahead of the log
        connection.execute("ALTER TABLE log.events DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM log.events WHERE originator_id = %s", [stream])
        connection.execute("UPDATE log.policy_turns SET position = 1000000")
        connection.execute(
            "INSERT INTO log.policy_dead_letters (failed_at, ticket_id, version, error) VALUES (now(), %s, 9, 'x')",
            [stream],
        )
        connection.execute("UPDATE log.meta SET epoch = gen_random_uuid()")
    with TicketCore.open(settings) as core:
        manager = following(core)
        manager.catch_up()
        assert agent_of(core, waits) == "ana"
        [row] = seen(database)
        assert (row[0], row[3]) == (core._find_ticket(waits), "ana")
        assert manager.store.letters() == []
        with psycopg.connect(database) as connection:
            [(turn,)] = connection.execute("SELECT position FROM log.policy_turns").fetchall()
        assert turn <= core.log.head()
