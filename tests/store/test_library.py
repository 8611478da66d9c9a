"""The eventsourcing library's own test cases, and its repository, on both logs."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, StoredEvent
from eventsourcing.tests.persistence import AggregateRecorderTestCase, ApplicationRecorderTestCase

from tests.store.building import events, migrated
from tests.support.postgres import Postgres
from ticketcore.store.memory import MemoryLog
from ticketcore.store.postgres import PostgresLog


class _Fresh:
    """Gives every test a log of its own."""

    log: Any

    @pytest.fixture(autouse=True)
    def _new_log(self, request: pytest.FixtureRequest) -> Iterator[None]:
        log: Any = MemoryLog()
        if "Postgres" in type(self).__name__:
            server: Postgres = request.getfixturevalue("postgres")
            dsn = migrated(server.create_database())
            log = PostgresLog(dsn)
        self.log = log
        yield
        log.close()


class _AsAggregateRecorder:
    """An aggregate recorder gives no positions; otherwise ours is one."""

    def __init__(self, log: ApplicationRecorder) -> None:
        self._log = log
        self.select_events = log.select_events

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        self._log.insert_events(stored_events, **kwargs)


class TestMemoryApplication(_Fresh, ApplicationRecorderTestCase[Any]):
    def create_recorder(self) -> Any:
        return self.log

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestMemoryAggregate(_Fresh, AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return _AsAggregateRecorder(self.log)


@pytest.mark.servers
class TestPostgresApplication(_Fresh, ApplicationRecorderTestCase[Any]):
    def create_recorder(self) -> Any:
        return self.log

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


@pytest.mark.servers
class TestPostgresAggregate(_Fresh, AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return _AsAggregateRecorder(self.log)


def test_versions_that_do_not_follow_each_other_are_refused_as_the_library_does(log: Any) -> None:
    a = uuid4()
    log.insert_events(events(a, 0))
    with pytest.raises(IntegrityError, match=f"version 4 of {a} does not follow version 2"):
        log.insert_events(events(a, 1) + events(a, 3))
    with pytest.raises(IntegrityError, match="VersionConflict"):
        log.insert_events(events(a, 5))
    assert log.max_notification_id() == 1
