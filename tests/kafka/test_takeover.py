"""Two relays as processes: one leads, the other takes over when it is killed or stopped."""

import re
import signal

import psycopg
import pytest

from tests.kafka.given import Way, Worker, append_lives, eventually, messages, opened_log
from tests.kafka.test_relay import without_duplicates
from ticketcore.store.postgres import PostgresLog
from workers.kafka.leadership import progress

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def leader_of(way: Way, *relays: Worker) -> Worker | None:
    with psycopg.connect(way.dsn) as connection:
        row = connection.execute("SELECT leader FROM log.relays WHERE topic = %s", [way.topic]).fetchone()
    pid = int(row[0].rpartition(":")[2]) if row and row[0] else 0
    return next((relay for relay in relays if relay.process.pid == pid), None)


def carries(way: Way, log: PostgresLog, tickets: range) -> float:
    """Append and return the seconds until Kafka has confirmed it."""
    append_lives(log, tickets, seed=tickets.start)
    return eventually(lambda: (at := progress(way.dsn, way.topic)) is not None and at.position == log.head(), 60)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_standby_takes_over(way: Way, number: signal.Signals) -> None:
    relays = way.worker("relay"), way.worker("relay")
    try:
        with opened_log(way.dsn) as log:
            carries(way, log, range(1, 20))
            eventually(lambda: all("relay.leads" in r.said or "started" in r.said for r in relays))
            leader = leader_of(way, *relays)
            assert leader is not None
            [standby] = [relay for relay in relays if relay is not leader]
            eventually(lambda: _stands_by(way), 30)
            leader.send(number)
            seconds = carries(way, log, range(20, 40))
            print(f"taken over from {number.name} after {seconds:.1f} s")
            assert leader_of(way, *relays) is standby
            leader.send(signal.SIGCONT)  # the stopped one wakes and may produce what it held
            carries(way, log, range(40, 60))
            assert leader_of(way, *relays) is standby
            head = log.head()
        assert standby.end() == 0
        assert re.search(r'"event": "relay.leads"', standby.said)
        assert without_duplicates(messages(way.settings.bootstrap_servers, way.topic)) == list(range(1, head + 1))
        if number is signal.SIGSTOP:
            assert leader.end() == 0
    finally:
        for relay in relays:
            relay.end(signal.SIGKILL)


def _stands_by(way: Way) -> bool:
    """Whether two relays hold a session at the log."""
    with psycopg.connect(way.dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ticketcore-relay'"
            " AND datname = current_database()"
        ).fetchone()
    return row is not None and row[0] == 2


def test_a_relay_that_is_told_to_stop_ends_well_and_the_standby_leads(way: Way) -> None:
    relays = way.worker("relay"), way.worker("relay")
    try:
        with opened_log(way.dsn) as log:
            carries(way, log, range(1, 10))
            eventually(lambda: _stands_by(way), 30)
            leader = leader_of(way, *relays)
            assert leader is not None
            assert leader.end() == 0
            print(f"taken over after {carries(way, log, range(10, 20)):.1f} s")
            head = log.head()
        found = messages(way.settings.bootstrap_servers, way.topic)
        assert sum(map(len, found.values())) == head
    finally:
        for relay in relays:
            relay.end(signal.SIGKILL)
