"""Writers, projectors, rebuilds and PostgreSQL itself, killed with SIGKILL at random; ``KILLS`` and ``SEED`` say how."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from projections.verify import verify
from tests.crash.journal import Answer
from tests.crash.processes import CLI, Kept, until
from tests.crash.proof import Told, assert_log_is_whole, assert_told_is_recorded, rows_of, told
from tests.support.postgres import Postgres
from tests.support.shared import REPOSITORY
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.ids import Kind, aggregate_id, parse_number
from ticketcore.store.codec import Codec

pytestmark = [pytest.mark.slow, pytest.mark.servers]

KILLS = int(os.environ.get("KILLS") or 30)
SEED = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**6))
WRITERS, PROJECTORS = 2, 2
AUDIT = Actor(role=Role.AUDITOR, id="audit")
PATIENCE = 45.0


class Scene:
    """A server, writers and projectors, and the hand that kills them."""

    def __init__(self, folder: Path, postgres: Postgres, settings: Settings) -> None:
        self.folder, self.postgres, self.settings = folder, postgres, settings
        self.dice = random.Random(SEED)
        self.kills: Counter[str] = Counter()
        self.environment = {
            **os.environ,
            "TICKETCORE_DSN": str(settings.dsn),
            "TICKETCORE_KEY_FILE": str(settings.key_file),
            "TICKETCORE_INLINE": "false",
            "TICKETCORE_POOL_SIZE": "3",
        }
        self.writers = [
            self._kept(f"writer{n}", "-m", "tests.crash.writer", str(folder), f"writer{n}", f"{SEED}/{n}")
            for n in range(WRITERS)
        ]
        self._answered: dict[str, int] = {}
        self.projectors = [self._kept(f"projector{n}", *CLI, "worker", "project") for n in range(PROJECTORS)]
        self.rebuilder = self._kept("rebuilder", "-m", "tests.crash.rebuilder", SEED)

    def _kept(self, name: str, *arguments: str) -> Kept:
        return Kept(self.folder, name, arguments, self.environment)

    def start(self) -> None:
        for writer in self.writers:
            self._start(writer)
        for projector in self.projectors:
            projector.start()

    def look_after(self) -> None:
        for kept in (*self.writers, *self.projectors):
            kept.look_after()

    def wait(self, true: Callable[[], bool], what: str) -> None:
        """Wait until *true*, with an eye on all that is to run."""

        def looked() -> bool:
            self.look_after()
            return true()

        try:
            until(looked, PATIENCE, what)
        except AssertionError:
            self._say_what_all_wait_for()
            raise

    def _say_what_all_wait_for(self) -> None:
        with psycopg.connect(str(self.settings.dsn), connect_timeout=5) as connection:
            sessions = connection.execute(
                "SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), clock_timestamp() - state_change,"
                " left(query, 100) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            )
            for session in sessions:
                print(*session)
        for writer in self.writers:
            writer.tell(signal.SIGUSR1)
        time.sleep(0.5)
        for kept in (*self.writers, *self.projectors):
            print(kept.name, kept.said)

    def kill_one(self) -> None:
        kinds: dict[str, Callable[[], None]] = {
            "writer": self._kill_writer,
            "projector": self._kill_projector,
            "rebuild": self._kill_rebuild,
            "server": self._kill_server,
        }
        # Each kind at least once in every round of four, then as the dice fall.
        done = self.kills.total()
        kind = list(kinds)[done] if done < len(kinds) else self.dice.choices(list(kinds), [12, 6, 3, 9])[0]
        kinds[kind]()
        self.kills[kind] += 1
        self.look_after()

    def _kill_writer(self) -> None:
        self.wait(lambda: bool(self._at_work()), "a writer writes")
        writer = self.dice.choice(self._at_work())
        time.sleep(self.dice.uniform(0, 0.3))
        writer.kill()
        self._start(writer)

    def _start(self, writer: Kept) -> None:
        self._answered[writer.name] = self._answers(writer)
        writer.start()

    def _at_work(self) -> list[Kept]:
        """The writers that had an answer since they were last started."""
        return [writer for writer in self.writers if self._answers(writer) > self._answered[writer.name]]

    def _answers(self, writer: Kept) -> int:
        journal = self.folder / f"{writer.name}.journal"
        return journal.read_text(encoding="utf-8").count('"Answer"') if journal.exists() else 0

    def _kill_projector(self) -> None:
        at = self.reached()
        self.wait(lambda: self.reached() > at, "a projector goes on")
        victim = self.dice.choice(self.projectors)
        time.sleep(self.dice.uniform(0, 0.1))
        victim.kill()
        at = self.reached()
        self.wait(lambda: self.reached() > at, "the other projector takes over")
        victim.start()

    def _kill_rebuild(self) -> None:
        before = self.rebuilder.output.read_text().count("begin") if self.rebuilder.output.exists() else 0
        self.rebuilder.start()
        self.wait(lambda: self.rebuilder.output.read_text().count("begin") > before, "a rebuild begins")
        time.sleep(self.dice.uniform(0, 0.8))
        assert self.rebuilder.running, self.rebuilder.said
        self.rebuilder.kill()

    def _kill_server(self) -> None:
        time.sleep(self.dice.uniform(0, 0.5))
        self.postgres.kill9()
        time.sleep(self.dice.uniform(0, 0.5))
        self.postgres.start()

    def reached(self) -> int:
        """Up to where every live read model is."""
        with psycopg.connect(str(self.settings.dsn)) as connection:
            row = connection.execute(
                "SELECT coalesce(min(position), 0) FROM read_meta.checkpoints JOIN read_meta.models"
                " USING (model, generation) WHERE role = 'live'"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def finish(self, head: Callable[[], int]) -> None:
        """Let all end in peace; the projectors once they have everything."""
        (self.folder / "stop").touch()
        for writer in self.writers:
            assert writer.end(PATIENCE) == 0, writer.said
        until(lambda: self.reached() == head(), PATIENCE, f"the projectors reach {head()}: {self.projectors[0].said}")
        for projector in self.projectors:
            projector.look_after()
        for projector in self.projectors:
            until(lambda projector=projector: projector.heard, PATIENCE, f"{projector.name} has started")  # type: ignore[misc]
            assert projector.end(PATIENCE, by=signal.SIGTERM) == 0, projector.said

    def clear_away(self) -> None:
        for kept in (*self.writers, *self.projectors, self.rebuilder):
            if kept.running:
                kept.kill()


def assert_read_models_are_what_the_log_says(core: TicketCore) -> None:
    found = verify(str(core.settings.read_dsn), core.log, Codec().decode)
    assert (found.different, found.differences, sum(found.parked.values())) == (0, [], 0)
    assert set(found.positions.values()) == {core.log.head()}
    assert found.rows["queues.tickets"] > 0


def assert_tickets_show_what_was_told(core: TicketCore, said: Told, dice: random.Random) -> None:
    """Of some tickets: every acknowledged text is there once, and the queue's row says the same as the ticket."""
    texts: dict[str, dict[int, str]] = {}
    for command_id, answer in said.answers.items():
        wish = said.wishes[command_id]
        if answer.position is not None and wish.method in {"open_ticket", "comment"}:
            texts.setdefault(answer.number, {})[answer.version] = wish.arguments["body"]
    with psycopg.connect(str(core.settings.read_dsn)) as connection:
        found = connection.execute("SELECT number, version, status, team_id FROM queues.tickets").fetchall()
    rows = {number: tuple(row) for number, *row in found}
    for number in dice.sample(sorted(texts), min(60, len(texts))):
        view = core.show_ticket(number, by=AUDIT)
        # By text and not by version: a message that reopens a ticket is followed by that event, which was told.
        assert sorted(str(message.body) for message in view.messages) == sorted(texts[number].values()), number
        assert rows[number] == (view.version, view.status.value, view.team_id)


def owners(said: Told) -> dict[str, set[str]]:
    """Mail address -> the customers for whom it was acknowledged."""
    found: dict[str, set[str]] = {}
    for command_id, answer in said.answers.items():
        arguments = said.wishes[command_id].arguments
        mail = arguments.get("mail") or (arguments.get("value") if arguments.get("kind") == "mail" else None)
        if mail and not answer.refused:
            found.setdefault(mail, set()).add(answer.number)
    return found


def test_nothing_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    print(f"SEED={SEED} KILLS={KILLS}")
    with Postgres({"fsync": "on"}) as postgres:
        settings = Settings(dsn=postgres.create_database(), key_file=tmp_path / "keys.json", inline=False, pool_size=3)
        with closing(TicketCore.open(settings, migrate=True, make_keys=True)) as core:
            scene = Scene(tmp_path, postgres, settings)
            try:
                scene.start()
                while scene.kills.total() < KILLS:
                    scene.kill_one()
                scene.finish(core.log.head)
            finally:
                scene.clear_away()

            said = told(tmp_path)
            rows, receipts = rows_of(str(settings.dsn))
            kinds = Counter(answer.refused or "recorded" for answer in said.answers.values())
            repeated = sum(answer.repeated for answer in said.answers.values())
            print(f"{len(rows)} events, {dict(scene.kills)} killed, {dict(kinds)}, {repeated} found by their id")
            assert scene.kills.total() == KILLS
            assert kinds["recorded"] >= 5 * KILLS

            assert_log_is_whole(rows, receipts)
            ids = {a.number: _id(a) for a in said.answers.values() if a.number}
            assert_told_is_recorded(said, rows, receipts, ids)
            assert_read_models_are_what_the_log_says(core)
            assert_tickets_show_what_was_told(core, said, scene.dice)
            for mail, customers in owners(said).items():
                assert customers == {core.find_customer("mail", mail, by=AUDIT.model_copy(update={"role": Role.AGENT}))}

            rebuild = [sys.executable, *CLI, "rebuild", "--all", "--quiet"]
            done = subprocess.run(
                rebuild, cwd=REPOSITORY, env=scene.environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert_read_models_are_what_the_log_says(core)


def _id(answer: Answer) -> UUID:
    kind = Kind.TICKET if answer.number.startswith("T") else Kind.CUSTOMER
    return aggregate_id(parse_number(answer.number, kind), "main")
