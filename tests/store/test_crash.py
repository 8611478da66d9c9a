"""Servers and sessions that die while commands are written: nothing acknowledged is lost, nothing is recorded twice."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random
from threading import Event

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.store.building import append, migrated
from tests.support.postgres import Postgres
from ticketcore.errors import StoreUnavailable
from ticketcore.store.group import GroupCommit
from ticketcore.store.port import Append, Appended, Outcome, Record, Repeated
from ticketcore.store.postgres import PostgresLog

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server of the test's own, that it may kill; it forces its log to the disk."""
    with Postgres({"fsync": "on"}) as server:
        yield server


def write_until(group: GroupCommit, stop: Event, events: int) -> list[tuple[Append, Outcome | None]]:
    """Submit commands until told; the outcome is ``None`` where the caller was told that the store is away."""
    done: list[tuple[Append, Outcome | None]] = []
    while not stop.is_set():
        one = append(count=events)
        try:
            done.append((one, group.submit(one)))
        except StoreUnavailable:
            done.append((one, None))
    return done


def check_once(log: PostgresLog, written: list[tuple[Append, Outcome | None]]) -> None:
    """Repeat what got no answer, then check that each command is in the log exactly once."""
    for one, outcome in written:
        if outcome is None:
            assert isinstance(log.append([one])[0], Appended | Repeated)
        else:
            assert isinstance(outcome, Appended | Repeated), outcome
    records: list[Record] = []
    while page := log.read(len(records), 5_000):
        records += page
    assert [r.position for r in records] == list(range(1, len(records) + 1))
    assert all(a.recorded_at <= b.recorded_at for a, b in pairwise(records))
    wanted = sorted((e.originator_id, e.originator_version) for one, _ in written for e in one.events)
    assert sorted((r.originator_id, r.originator_version) for r in records) == wanted
    for one, outcome in written:
        receipt = log.load([], one.command_id).receipt
        assert receipt is not None
        if isinstance(outcome, Appended):
            assert outcome.position == receipt.position


def test_the_settings_that_make_a_commit_durable_are_on(own_server: Postgres) -> None:
    log = PostgresLog(migrated(own_server.create_database()))
    with log.datastore.connection() as session:
        row = session.execute(
            "SELECT current_setting('fsync') AS f, current_setting('synchronous_commit') AS s,"
            " current_setting('full_page_writes') AS p"
        ).fetchone()
    assert row == {"f": "on", "s": "on", "p": "on"}
    log.close()


def test_a_server_killed_during_appends_loses_and_doubles_nothing(own_server: Postgres) -> None:
    log = PostgresLog(migrated(own_server.create_database()), patience=20)
    group, stop = GroupCommit(log, max_commands=4), Event()
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(write_until, group, stop, 2) for _ in range(8)]
        for _ in range(3):
            time.sleep(1.0)
            own_server.kill9()
            own_server.start()
        time.sleep(1.0)
        stop.set()
        written = [pair for future in futures for pair in future.result(60)]
    assert len(written) > 50
    check_once(log, written)
    log.close()


def test_a_server_that_stays_away_is_told_and_the_command_can_be_repeated(own_server: Postgres) -> None:
    log = PostgresLog(migrated(own_server.create_database()), patience=1.0)
    group = GroupCommit(log)
    written: list[tuple[Append, Outcome | None]] = [(one := append(), group.submit(one))]
    own_server.kill9()
    started = time.monotonic()
    late = append()
    with pytest.raises(
        StoreUnavailable, match=r"cannot append: data base .* did not answer for 1 s: .*start the server"
    ):
        group.submit(late)
    assert time.monotonic() - started < 10
    own_server.start()
    written.append((late, group.submit(late)))
    check_once(log, written)
    log.close()


def test_sessions_that_are_ended_at_random_lose_and_double_nothing(dsn: str, postgres: Postgres) -> None:
    log = PostgresLog(dsn, patience=20)
    group, stop, random = GroupCommit(log, max_commands=2), Event(), Random(7)
    dbname = str(conninfo_to_dict(dsn)["dbname"])
    killed = 0
    with (
        psycopg.connect(postgres.dsn("postgres", superuser=True), autocommit=True) as admin,
        ThreadPoolExecutor(9) as threads,
    ):
        futures = [threads.submit(write_until, group, stop, 1) for _ in range(7)]
        bulk = threads.submit(_bulk_until, log, stop)
        end = time.monotonic() + 4
        while time.monotonic() < end:
            time.sleep(random.uniform(0, 0.02))
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND state = 'active'"
            killed += len(admin.execute(query, (dbname,)).fetchall())
        stop.set()
        written = [pair for future in futures for pair in future.result(60)] + bulk.result(60)
    assert killed > 20
    assert len(written) > 50
    check_once(log, written)
    log.close()


def _bulk_until(log: PostgresLog, stop: Event) -> list[tuple[Append, Outcome | None]]:
    done: list[tuple[Append, Outcome | None]] = []
    while not stop.is_set():
        one = append(count=300)
        done.append((one, log.append_bulk(one)))
    return done
