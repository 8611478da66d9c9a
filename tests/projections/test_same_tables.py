"""Whatever the feed and the batches, the tables are equal."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projections.checkpoints import CheckpointMoved
from projections.memory import MemoryTables
from projections.projector import Projector
from projections.queues import QUEUES
from projections.rebuild import rebuild
from projections.runner import Runner, read_batch
from projections.schema import MODELS, connect, install
from projections.verify import Difference, verify
from tests.projections.given import (
    EPOCH,
    Life,
    ListLog,
    customer_id,
    ev,
    execute,
    histories,
    opened,
    tables_in,
    tables_in_memory,
)
from ticketcore.domain.base import Event
from ticketcore.domain.types import Channel, Direction
from ticketcore.errors import EpochMismatch, StoreUnavailable

_SLOWLY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@given(histories(), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_one_batch_and_many_batches_give_the_same_rows(history: list[Event], sizes: list[int]) -> None:
    log = ListLog(history)
    for model in MODELS:
        whole, parts = MemoryTables(model), MemoryTables(model)
        whole.apply(log.decode, log.read(0, len(history)))
        at = 0
        for size in [*sizes, len(history)]:
            parts.apply(log.decode, log.read(at, size))
            at = min(at + size, len(history))
        assert whole.parked == parts.parked == []
        assert whole.rows == parts.rows


@pytest.mark.servers
@_SLOWLY
@given(histories(), st.integers(1, 50))
def test_live_rebuilt_and_memory_tables_are_equal(database: str, history: list[Event], batch: int) -> None:
    execute(database, "DROP SCHEMA IF EXISTS read_meta, queues, history, performance, intake CASCADE")
    execute(database, "DROP SCHEMA IF EXISTS queues_prev, history_prev, performance_prev, intake_prev CASCADE")
    install(database)
    log = ListLog(history)
    caught_up(database, log, batch)
    expected = tables_in_memory(log)
    assert tables_in(database) == expected
    for model in MODELS:
        rebuild(database, log, log.decode, model)
    assert tables_in(database) == expected
    assert tables_in(database, "_prev") == expected
    assert verify(database, log, log.decode).different == 0


def caught_up(dsn: str, log: ListLog, batch: int = 5_000) -> int:
    with Runner(dsn, log, log.decode, batch=batch) as runner:
        return runner.catch_up()


def _many(tickets: int) -> list[Event]:
    lives = [opened(n, team_id="mail") for n in range(1, tickets + 1)]
    for life in lives:
        life.then(ev.Commented, life.events[0].meta.occurred_at, direction=Direction.OUTBOUND, channel=Channel.MAIL)
    return [life.events[i] for i in (0, 1) for life in lives]


@pytest.fixture
def projected(database: str) -> tuple[str, ListLog]:
    install(database)
    log = ListLog(_many(300))
    caught_up(database, log)
    return database, log


@pytest.mark.servers
def test_verify_names_a_changed_a_deleted_and_an_added_row(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    ids = sorted({event.originator_id for event in log.events})
    execute(dsn, f"UPDATE performance.tickets SET public_replies = 7 WHERE ticket_id = '{ids[3]}'")
    execute(dsn, f"DELETE FROM history.correspondence WHERE ticket_id = '{ids[4]}' AND version = 2")
    execute(dsn, f"INSERT INTO queues.tickets SELECT '{UUID(int=5)}', version, number, external, channel, requester_id, status,"
            " source_state, status_before_merge, team_id, agent_id, category, subcategory, priority, impact, urgency,"
            " merged_into, opened_at, last_event_at, status_since, unanswered_since, waiting_since"
            f" FROM queues.tickets WHERE ticket_id = '{ids[5]}'")  # fmt: skip
    found = verify(dsn, log, log.decode)
    assert found.different == 3
    assert set(map(repr, found.differences)) == {
        repr(Difference("performance", "tickets", (ids[3],), "different", {"public_replies": (7, 1)})),
        repr(Difference("history", "correspondence", (ids[4], 2), "missing", {})),
        repr(Difference("queues", "tickets", (UUID(int=5),), "extra", {})),
    }
    assert found.rows["performance.tickets"] == 300
    assert found.positions == dict.fromkeys(("queues", "history", "performance", "intake"), 600)


@pytest.mark.servers
def test_an_unknown_event_parks_its_ticket_and_is_folded_once_it_is_known(database: str) -> None:
    from projections.dead_letters import dead_letters, retry_dead_letters

    install(database)
    first, second = opened(1), opened(2)
    first.then(ev.Held, first.events[0].meta.occurred_at).then(ev.Resumed, first.events[0].meta.occurred_at)
    second.then(ev.Pended, second.events[0].meta.occurred_at)
    log = ListLog([*first.events, *second.events])
    log.unknown = {"ticket.held"}
    assert caught_up(database, log, 2) == 5
    causes = {(letter.position, letter.cause) for letter in dead_letters(database)}
    assert causes == {
        (
            2,
            "UnknownEvent: cannot read event 'ticket.held' version 2: this library knows version 1 (upgrade ticketcore here)",
        ),
        (3, "waits behind version 2"),
    }
    parked = {row[1] for row in tables_in(database)["queues.tickets"]}
    assert parked == {1, 2}
    checked = verify(database, log, log.decode)
    assert (checked.different, checked.parked["queues"]) == (0, 2)
    assert retry_dead_letters(database, log, log.decode) == dict.fromkeys(
        ("queues", "history", "performance", "intake"), 0
    )
    log.unknown = set()
    assert retry_dead_letters(database, log, log.decode) == {"queues": 2, "history": 2, "performance": 2, "intake": 0}
    assert dead_letters(database) == []
    assert tables_in(database) == tables_in_memory(log)


@pytest.mark.servers
def test_what_the_data_base_refuses_is_parked_and_the_rest_of_the_batch_passes(database: str) -> None:
    from projections.dead_letters import dead_letters

    install(database)
    log = ListLog(_many(100))
    poison = log.events[40].model_copy(update={"external": "a\0b"})
    log.events[40] = poison
    caught_up(database, log)
    letters = dead_letters(database, models=[m for m in MODELS if m.name == "performance"])
    assert [letter.position for letter in letters] == [41, 141]
    assert "NUL" in letters[0].cause
    assert letters[1].cause == "waits behind version 1"
    assert len(tables_in(database)["performance.tickets"]) == 99
    assert len(tables_in(database)["history.tickets"]) == 100


@pytest.mark.servers
def test_missing_rights_and_a_server_that_only_reads_park_nothing(database: str) -> None:
    install(database)
    log = ListLog([*opened(1).events, *opened(2).events])
    name = conninfo_to_dict(database)["dbname"]
    with Runner(database, log, log.decode) as runner:
        execute(database, "REVOKE INSERT, UPDATE ON queues.tickets FROM CURRENT_USER")
        with pytest.raises(StoreUnavailable, match="'queues' can't be written: permission denied for table tickets"):
            runner.catch_up(retry_for=5)
        execute(database, "GRANT INSERT, UPDATE ON queues.tickets TO CURRENT_USER")
        execute(database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with (
            Runner(database, log, log.decode) as another,
            pytest.raises(StoreUnavailable, match="in a read-only transaction"),
        ):
            another.catch_up(retry_for=1)
        writing = make_conninfo(database, options="-c default_transaction_read_only=off")
        execute(writing, f"ALTER DATABASE {name} RESET default_transaction_read_only")

        assert runner.catch_up() == len(log.events)

    assert execute(database, "SELECT FROM read_meta.dead_letters") == 0


@pytest.mark.servers
def test_a_worker_whose_tables_were_replaced_stops(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    with connect(dsn) as connection:
        projector = Projector(MODELS[0])
        at = projector.checkpoint(connection, 1, "main", EPOCH)
        assert at.position == 600
        rebuild(dsn, log, log.decode, MODELS[0])
        log.events += opened(900).events
        with pytest.raises(CheckpointMoved, match="from 600 to 601: expected it at 600, but another worker moved it"):
            projector.apply(connection, read_batch(log, log.decode, 600, 10), at)
    assert len(tables_in(dsn)["queues.tickets"]) == 300


@pytest.mark.servers
def test_another_epoch_or_a_shorter_log_stops_the_runner_until_a_rebuild(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    shorter = ListLog(log.events[:400])
    with pytest.raises(EpochMismatch, match=r"position 600 of log 'main', which ends at 400.*ticketcore recover"):
        caught_up(dsn, shorter)
    shorter.current_epoch = UUID(int=8)
    with pytest.raises(EpochMismatch, match=r"expected epoch 00000000-0000-0000-0000-000000000008.*ticketcore recover"):
        caught_up(dsn, shorter)
    for model in MODELS:
        rebuild(dsn, shorter, shorter.decode, model)
    assert caught_up(dsn, shorter) == 400
    assert tables_in(dsn) == tables_in_memory(shorter)


@pytest.mark.servers
def test_tables_of_another_version_ask_for_a_rebuild(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    execute(dsn, "UPDATE read_meta.models SET version = 0 WHERE model = 'queues'")
    with pytest.raises(
        StoreUnavailable, match=rf"tables of version 0, expected {QUEUES.version} \(run `ticketcore rebuild queues`\)"
    ):
        caught_up(dsn, log)
    rebuild(dsn, log, log.decode, MODELS[0])
    assert caught_up(dsn, log) == 600


@pytest.mark.servers
def test_a_rebuild_under_traffic_refuses_no_reader_and_shows_nothing_half_built(database: str) -> None:
    install(database)
    log = ListLog(_many(2_000))
    runner = Runner(database, log, log.decode)
    runner.catch_up()
    stop = threading.Event()
    problems: list[object] = []
    reads: list[int] = []

    def write() -> None:
        number = 10_000
        while not stop.is_set():
            number += 1
            log.events.extend(opened(number, team_id="mail").events)
            runner.catch_up()
            time.sleep(0.001)

    def read() -> None:
        seen = 0
        with psycopg.connect(database, autocommit=True) as connection:
            while not stop.is_set():
                row = connection.execute(
                    "SELECT count(*), count(i.ticket_id) FROM performance.tickets t"
                    " LEFT JOIN performance.intervals i ON i.ticket_id = t.ticket_id AND i.seq = t.interval_seq"
                ).fetchone()
                assert row is not None
                if row[0] != row[1] or row[0] < seen:
                    problems.append((seen, row))
                seen = row[0]
                reads.append(seen)

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 reported below
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=[work]) for work in (write, read, read)]
    for thread in threads:
        thread.start()
    rebuilt = [rebuild(database, log, log.decode, MODELS[2]) for _ in range(3)]
    stop.set()
    for thread in threads:
        thread.join()
    runner.catch_up()
    runner.close()
    assert problems == []
    assert len(reads) > 10
    assert [r.generation for r in rebuilt] == [2, 3, 4]
    assert verify(database, log, log.decode).different == 0


@pytest.mark.servers
def test_a_reader_that_keeps_its_transaction_delays_the_swap_and_not_the_live_projection(database: str) -> None:
    install(database)
    log = ListLog(_many(300))
    with Runner(database, log, log.decode) as runner, psycopg.connect(database) as reader:
        runner.catch_up()
        reader.execute("SELECT count(*) FROM performance.tickets")
        done: list[int] = []
        rebuilding = threading.Thread(
            target=lambda: done.append(rebuild(database, log, log.decode, MODELS[2]).position)
        )
        rebuilding.start()
        for number in range(10_001, 10_006):
            log.events.extend(opened(number).events)
            began = time.monotonic()
            assert runner.catch_up() == log.head()
            assert time.monotonic() - began < 5
            time.sleep(0.2)
        assert done == []
        reader.rollback()
        rebuilding.join(20)
        assert done == [log.head()]
        log.events.extend(opened(10_006).events)
        assert runner.catch_up() == log.head()
    assert verify(database, log, log.decode).different == 0


_WORKER = """
import sys
from tests.projections.test_same_tables import _many
from tests.projections.given import ListLog
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.schema import MODELS
log = ListLog(_many(1_500))
print("ready", flush=True)
if sys.argv[2] == "runner":
    Runner(sys.argv[1], log, log.decode, batch=40).catch_up()
else:
    import projections.rebuild
    projections.rebuild._BATCH = 40
    print(rebuild(sys.argv[1], log, log.decode, MODELS[2]).resumed_at, flush=True)
print("done", flush=True)
"""


def _killed_until_done(dsn: str, what: str) -> tuple[int, str]:
    killed = 0
    while True:
        command = [sys.executable, "-c", _WORKER, dsn, what]
        root = Path(__file__).parents[2]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ}) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.08 + 0.11 * killed)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            output = process.stdout.read()
        if "done" in output:
            return killed, output
        assert process.returncode == -signal.SIGKILL, output
        killed += 1


@pytest.mark.servers
@pytest.mark.slow
def test_a_runner_and_a_rebuild_that_are_killed_go_on_where_they_were(database: str) -> None:
    install(database)
    log = ListLog(_many(1_500))
    killed, _ = _killed_until_done(database, "runner")
    assert killed >= 1
    assert tables_in(database) == tables_in_memory(log)
    killed, output = _killed_until_done(database, "rebuild")
    assert killed >= 1
    assert int(output.split()[0]) > 0
    assert tables_in(database) == tables_in_memory(log)


def test_a_life_of_a_ticket_is_not_mixed_with_anothers() -> None:
    one, other = opened(1), opened(2)
    assert isinstance(one, Life)
    rows = tables_in_memory(ListLog([*one.events, *other.events]))
    assert {row[4] for row in rows["history.tickets"]} == {customer_id(1)}
    assert len(rows["history.tickets"]) == 2
