import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from signal import SIGINT, pthread_kill
from threading import Barrier, Event, Thread, get_ident
from typing import Any
from unittest.mock import ANY
from uuid import uuid4

import psycopg
import pytest

from tests.store.building import append, events
from ticketcore.errors import EventTooLarge, StoreUnavailable
from ticketcore.store.group import GroupCommit, GroupLoad
from ticketcore.store.memory import MemoryLog
from ticketcore.store.port import (
    MAX_EVENT_BYTES,
    Append,
    Appended,
    EventLog,
    Loaded,
    Outcome,
    VersionConflict,
    Wanted,
)
from ticketcore.store.postgres import PostgresLog


class GatedLog(MemoryLog):
    """A log whose first call waits until it is let go, so that a batch forms behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.gate = Event(), Event()
        self.calls: list[int] = []

    def append(self, batch: Sequence[Append]) -> list[Outcome]:
        self.calls.append(len(batch))
        self.entered.set()
        self.gate.wait(10)
        if any(a.digest == b"down" for a in batch):
            raise StoreUnavailable("the server is down")
        if any(a.digest == b"bad" for a in batch):
            raise RuntimeError("bad content")
        return super().append(batch)


def behind(log: GatedLog, appends: Sequence[Append], **limits: int) -> list[Any]:
    """Submit one append, the others while it is being written; return outcomes or errors of the others."""
    group = GroupCommit(log, **limits)

    def submit(one: Append) -> Any:
        try:
            return group.submit(one)
        except (StoreUnavailable, RuntimeError) as error:
            return error

    with ThreadPoolExecutor(len(appends) + 1) as threads:
        first = threads.submit(submit, append())
        assert log.entered.wait(10)
        others = [threads.submit(submit, one) for one in appends]
        while len(group._waiting) < len(appends):
            pass
        log.gate.set()
        assert isinstance(first.result(10), Appended)
        return [other.result(10) for other in others]


def test_a_lone_command_goes_at_once() -> None:
    log = MemoryLog()
    group = GroupCommit(log)
    assert [group.submit(append()).position for _ in range(3)] == [1, 2, 3]  # type: ignore[union-attr]


def test_what_waits_is_appended_in_one_call() -> None:
    log = GatedLog()
    outcomes = behind(log, [append() for _ in range(10)])
    assert sorted(outcome.position for outcome in outcomes) == list(range(2, 12))
    assert log.calls == [1, 10]


def test_a_batch_is_bounded_in_commands_and_in_bytes() -> None:
    log = GatedLog()
    behind(log, [append() for _ in range(10)], max_commands=4)
    assert log.calls == [1, 4, 4, 2]
    log = GatedLog()
    large = [Append(uuid4(), b"d", ((a, 0),), events(a, 0, state=bytes(1_000))) for a in (uuid4() for _ in range(4))]
    assert all(isinstance(outcome, Appended) for outcome in behind(log, large, max_bytes=1_500))
    assert log.calls == [1, 2, 2]


def test_a_conflict_fails_only_its_own_command() -> None:
    log, a = GatedLog(), uuid4()
    outcomes = behind(log, [append(), append(a, 7), append()])
    assert [type(outcome) for outcome in outcomes] == [Appended, VersionConflict, Appended]


def test_a_command_that_breaks_the_call_fails_alone() -> None:
    log = GatedLog()
    outcomes = behind(log, [append(), append(digest=b"bad"), append()])
    assert [type(outcome) for outcome in outcomes] == [Appended, RuntimeError, Appended]
    assert log.head() == 3


def test_a_server_that_is_away_completes_every_waiter() -> None:
    log = GatedLog()
    outcomes = behind(log, [append(), append(digest=b"down"), append()])
    assert [str(outcome) for outcome in outcomes] == ["the server is down"] * 3
    assert log.head() == 1


def test_an_interrupted_leader_leaves_nobody_waiting() -> None:
    class Interrupted(GatedLog):
        def append(self, batch: Sequence[Append]) -> list[Outcome]:
            done = super().append(batch)
            if len(batch) > 1:
                raise KeyboardInterrupt
            return done

    log, errors = Interrupted(), list[BaseException]()
    group = GroupCommit(log)

    def submit() -> None:
        try:
            group.submit(append())
        except (StoreUnavailable, KeyboardInterrupt) as error:
            errors.append(error)

    threads = [Thread(target=submit) for _ in range(4)]
    threads[0].start()
    assert log.entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(group._waiting) < 3:
        pass
    log.gate.set()
    for thread in threads:
        thread.join(10)
    assert sorted(type(error).__name__ for error in errors) == ["KeyboardInterrupt"] + ["StoreUnavailable"] * 2
    assert isinstance(group.submit(append()), Appended)


def test_a_thread_that_is_interrupted_while_it_waits_holds_nobody_up() -> None:
    log = GatedLog()
    group = GroupCommit(log)
    main = get_ident()
    before = signal.signal(SIGINT, signal.default_int_handler)  # who started us may have it ignored

    def interrupt() -> None:
        while len(group._waiting) < 1:
            pass
        time.sleep(0.05)  # so that it sleeps
        pthread_kill(main, SIGINT)

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(group.submit, append())
        assert log.entered.wait(10)
        threads.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            group.submit(append())
        signal.signal(SIGINT, before)
        later = threads.submit(group.submit, append())
        while len(group._waiting) < 1:
            pass
        log.gate.set()
        assert [first.result(10), later.result(10)] == [Appended(1, ANY), Appended(2, ANY)]
    assert log.head() == 2


def test_an_event_that_is_too_large_never_enters_a_batch(log: EventLog) -> None:
    a = uuid4()
    with pytest.raises(EventTooLarge):
        GroupCommit(log).submit(Append(uuid4(), b"d", ((a, 0),), events(a, 0, state=bytes(MAX_EVENT_BYTES + 1))))


@pytest.mark.servers
def test_many_threads_share_transactions(postgres_log: PostgresLog, dsn: str) -> None:
    group, barrier = GroupCommit(postgres_log), Barrier(32)

    def work() -> list[Outcome]:
        barrier.wait()
        return [group.submit(append()) for _ in range(25)]

    with ThreadPoolExecutor(32) as threads:
        futures = [threads.submit(work) for _ in range(32)]
        outcomes = [outcome for future in futures for outcome in future.result()]
    assert sorted(o.position for o in outcomes) == list(range(1, 801))  # type: ignore[union-attr, type-var]
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(DISTINCT xmin::text) FROM log.events").fetchone()
    assert row is not None
    assert row[0] < 800 / 4


@pytest.mark.servers
def test_a_hot_stream_lets_one_through_at_a_time(postgres_log: PostgresLog) -> None:
    group, a = GroupCommit(postgres_log), uuid4()

    def work() -> int:
        tries, version = 0, 0
        while True:
            tries += 1
            outcome = group.submit(append(a, version))
            if isinstance(outcome, Appended):
                return tries
            assert isinstance(outcome, VersionConflict)
            version = outcome.actual

    with ThreadPoolExecutor(16) as threads:
        tries = [future.result() for future in [threads.submit(work) for _ in range(16)]]
    assert [r.originator_version for r in postgres_log.load([a]).streams[a]] == list(range(1, 17))
    assert sum(tries) >= 16


def test_what_waits_to_be_loaded_is_loaded_in_one_call() -> None:
    class Gated(MemoryLog):
        def __init__(self) -> None:
            super().__init__()
            self.entered, self.gate = Event(), Event()
            self.calls: list[int] = []

        def load_many(self, wanted: Sequence[Wanted]) -> list[Loaded]:
            self.calls.append(len(wanted))
            self.entered.set()
            self.gate.wait(10)
            return super().load_many(wanted)

    log, streams = Gated(), [uuid4() for _ in range(5)]
    group = GroupLoad(log)
    log.append([append(stream, count=n) for n, stream in enumerate(streams, 1)])
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(group.load, [])
        assert log.entered.wait(10)
        loads = [threads.submit(group.load, [stream]) for stream in streams]
        while len(group._waiting) < len(streams):
            pass
        log.gate.set()
        assert first.result(10).streams == {}
        assert [len(load.result(10).streams[stream]) for load, stream in zip(loads, streams, strict=True)] == [
            1,
            2,
            3,
            4,
            5,
        ]
    assert log.calls == [1, 5]
