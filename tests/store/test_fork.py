import os
import warnings
from collections.abc import Callable
from threading import Thread
from uuid import uuid4

import pytest

from tests.store.building import append
from ticketcore.store.group import GroupCommit
from ticketcore.store.memory import MemoryLog
from ticketcore.store.port import Appended
from ticketcore.store.postgres import PostgresLog


def forked(work: Callable[[], None]) -> int:
    """Start *work* in a forked child; return its process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forking with threads: our subject
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def ended_well(child: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.servers
def test_parent_and_children_append_to_the_same_log(postgres_log: PostgresLog) -> None:
    group = GroupCommit(postgres_log)
    assert isinstance(group.submit(append()), Appended)

    def work() -> None:
        threads = [Thread(target=lambda: [group.submit(append()) for _ in range(25)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    children = [forked(work) for _ in range(2)]
    work()
    assert [ended_well(child) for child in children] == [True, True]
    work()
    assert [r.position for r in postgres_log.read(0, 1_000)] == list(range(1, 402))


@pytest.mark.servers
def test_a_child_that_closes_its_log_leaves_the_parents_sessions_alone(postgres_log: PostgresLog) -> None:
    with postgres_log.datastore.connection() as session:
        before = session.info.backend_pid

        def work() -> None:
            assert postgres_log.head() == 0
            postgres_log.close()

        assert ended_well(forked(work))
        row = session.execute("SELECT pg_backend_pid() AS pid").fetchone()
        assert row == {"pid": before}


@pytest.mark.servers
def test_a_fork_while_another_thread_leads_does_not_hang_the_child(postgres_log: PostgresLog) -> None:
    group, stop = GroupCommit(postgres_log), False

    def busy() -> None:
        while not stop:
            group.submit(append())

    threads = [Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    children = [forked(lambda: _append_once(group)) for _ in range(5)]
    results = [ended_well(child) for child in children]
    stop = True
    for thread in threads:
        thread.join()
    assert results == [True] * 5


def _append_once(group: GroupCommit) -> None:
    assert isinstance(group.submit(append()), Appended)


def test_a_memory_log_goes_on_in_a_child() -> None:
    log, a = MemoryLog(), uuid4()
    log.append([append(a)])
    with log._database_lock:
        child = forked(lambda: _check_memory(log))
        assert ended_well(child)
    assert log.head() == 1


def _check_memory(log: MemoryLog) -> None:
    from threading import Thread

    done: list[object] = []
    thread = Thread(target=lambda: done.extend(log.append([append()])))
    thread.start()
    thread.join(10)
    assert len(done) == 1
    assert log.head() == 2
