"""Many writers, in threads and in processes, and a reader that follows them."""

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event
from uuid import UUID, uuid4

import pytest

from tests.store.building import append
from ticketcore.store.group import GroupCommit
from ticketcore.store.port import Appended, EventLog, Record
from ticketcore.store.postgres import PostgresLog

pytestmark = pytest.mark.servers

EVENTS = 100_000


def follow(log: EventLog, writers_done: Event) -> list[Record]:
    """Read the log as it grows, as a relay does; end after one empty page that came after the writers' end."""
    seen: list[Record] = []
    while True:
        over = writers_done.is_set()
        page = log.read(len(seen), 1_000)
        seen += page
        if over and not page:
            return seen
        time.sleep(0.001)


def threads_work(log: PostgresLog, group: GroupCommit) -> int:
    total = 0
    for _ in range(60):
        a = uuid4()
        assert isinstance(group.submit(append(a, 0, 30)), Appended)
        assert isinstance(group.submit(append(a, 30, 20)), Appended)
        total += 50
    for _ in range(4):
        assert isinstance(log.append_bulk(append(count=800)), Appended)
        total += 800
    return total


@pytest.mark.slow
def test_a_reader_that_follows_many_writers_misses_nothing_and_sees_nothing_twice(dsn: str) -> None:
    log = PostgresLog(dsn)
    group, over = GroupCommit(log), Event()
    with ThreadPoolExecutor(10) as threads:
        readers = [threads.submit(follow, log, over) for _ in range(2)]
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.store.writer", dsn, str(seed), "2500", "16"], stdout=subprocess.PIPE
            )
            for seed in (1, 2, 3)
        ]
        written = sum(future.result(120) for future in [threads.submit(threads_work, log, group) for _ in range(8)])
        written += sum(int(process.communicate(timeout=120)[0]) for process in processes)
        more = EVENTS - written
        if more > 0:
            log.append_bulk(append(count=more))
            written += more
        over.set()
        followed = [reader.result(60) for reader in readers]
    assert written >= EVENTS
    for seen in followed:
        assert [record.position for record in seen] == list(range(1, written + 1))
        assert all(a.recorded_at <= b.recorded_at for a, b in pairwise(seen))
        streams: Counter[UUID] = Counter()
        for record in seen:
            streams[record.originator_id] += 1
            assert record.originator_version == streams[record.originator_id]
    assert followed[0] == followed[1] == read_all(log)
    log.close()


def read_all(log: EventLog) -> list[Record]:
    records: list[Record] = []
    while page := log.read(len(records), 10_000):
        records += page
    return records


def test_rivals_for_one_value_leave_one_owner(dsn: str) -> None:
    from tests.store.building import claim

    log = PostgresLog(dsn)
    group = GroupCommit(log)
    rivals = [uuid4() for _ in range(24)]
    with ThreadPoolExecutor(12) as threads:
        outcomes = list(threads.map(lambda a: group.submit(append(a, claims=[claim(a)])), rivals))
    winners = [a for a, outcome in zip(rivals, outcomes, strict=True) if isinstance(outcome, Appended)]
    assert list(log.owners("identity:mail").values()) == winners
    assert len(winners) == log.head() == 1
    log.close()
