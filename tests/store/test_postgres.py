"""What only a real server can show."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.store.building import append, claim, key
from tests.support.postgres import Postgres
from ticketcore.errors import ConfigurationError, StoreUnavailable
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.port import Appended
from ticketcore.store.postgres import PostgresLog

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE log.events SET topic = 'x'", "update log.events"),
        ("UPDATE log.events SET topic = 'x' WHERE false", "update log.events"),
        ("DELETE FROM log.events", "delete log.events"),
        ("TRUNCATE log.events", "truncate log.events"),
        ("UPDATE log.blobs SET data = ''", "update log.blobs"),
        ("DELETE FROM log.blobs", "delete log.blobs"),
        ("TRUNCATE log.blobs", "truncate log.blobs"),
        ("UPDATE log.receipts SET count = 9", "update log.receipts"),
        ("DELETE FROM log.receipts", "delete log.receipts"),
        ("TRUNCATE log.receipts", "truncate log.receipts"),
    ],
)
def test_what_was_recorded_can_not_be_changed_even_by_the_owner(
    postgres_log: PostgresLog, dsn: str, statement: str, what: str
) -> None:
    postgres_log.append([append()])
    postgres_log.put_blob(b"x")
    with (
        psycopg.connect(dsn) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"cannot {what}: what was recorded is never changed"),
    ):
        connection.execute(statement.encode())
    assert postgres_log.read(0, 1)[0].topic == "ticket.tested"


def test_strangers_have_no_rights_on_the_log(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class c, aclexplode(c.relacl) a"
            " WHERE relnamespace = 'log'::regnamespace AND a.grantee = 0"
        ).fetchall()
        may = connection.execute(
            "SELECT a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a WHERE nspname = 'log' AND grantee = 0"
        ).fetchall()
    assert (rows, may) == ([], [])


def test_a_log_keeps_its_first_name(postgres_log: PostgresLog, dsn: str) -> None:
    with pytest.raises(ConfigurationError, match="is named 'main', expected 'other'"):
        PostgresLog(dsn, name="other")
    again = PostgresLog(dsn, name="main")
    assert again.epoch() == postgres_log.epoch()
    again.close()


def test_a_session_commits_durably_reads_committed_and_is_in_utc(dsn: str, postgres: Postgres) -> None:
    dbname = str(conninfo_to_dict(dsn)["dbname"])
    with psycopg.connect(postgres.dsn("postgres", superuser=True), autocommit=True) as connection:
        for setting in ("synchronous_commit = off", "timezone = 'Asia/Tokyo'"):
            connection.execute(f"ALTER DATABASE {dbname} SET {setting}".encode())
        connection.execute(f"ALTER DATABASE {dbname} SET default_transaction_isolation = 'repeatable read'".encode())
    log = PostgresLog(dsn)
    shown: dict[str, object] = {}
    with log.datastore.connection() as session:
        for name in ("synchronous_commit", "timezone", "transaction_isolation", "lock_timeout"):
            row = session.execute(f"SHOW {name}".encode()).fetchone()
            assert row is not None
            shown |= row
    log.close()
    assert shown == {
        "synchronous_commit": "on",
        "TimeZone": "UTC",
        "transaction_isolation": "read committed",
        "lock_timeout": "30s",
    }


def test_appending_in_a_snapshot_that_could_be_stale_is_refused(postgres_log: PostgresLog) -> None:
    with postgres_log.datastore.connection() as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(psycopg.errors.InvalidTransactionState, match="repeatable read, expected read committed"):
            session.execute(_empty_call())
        session.execute("ROLLBACK")


def _empty_call() -> bytes:
    arrays = ", ".join(["'{}'"] * 33)
    return f"SELECT * FROM log.append(false, {arrays})".encode()


def test_whoever_waited_for_the_lock_sees_what_was_committed_meanwhile(postgres_log: PostgresLog, dsn: str) -> None:
    a = uuid4()
    rivals = [append(a, 0, claims=[claim(a)]) for _ in range(3)]
    with psycopg.connect(dsn) as holder, ThreadPoolExecutor() as threads:
        holder.execute("SELECT pg_advisory_xact_lock(8388345093869010946)")
        futures = [threads.submit(postgres_log.append, [rival]) for rival in rivals]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        deadline = time.monotonic() + 10
        while holder.execute(waiting).fetchone() != (3,):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        holder.commit()
        outcomes = [future.result()[0] for future in futures]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Appended", "VersionConflict", "VersionConflict"]
    assert postgres_log.head() == 1


def test_an_append_is_one_statement_in_one_transaction(postgres_log: PostgresLog, dsn: str) -> None:
    for _ in range(6):
        postgres_log.append([append()])
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = "SELECT count(DISTINCT xmin::text), count(*) FROM log.events WHERE position > 6"
        person = uuid4()
        PostgresKeyStore(dsn).put_persons({person: b"k"}, "k1")
        streams = [uuid4() for _ in range(50)]
        postgres_log.append([append(s, claims=[claim(s, s.bytes)], keys=[key(s, 1, person)]) for s in streams])
        assert connection.execute(query).fetchone() == (1, 50)
        prepared = _statements(postgres_log)
    assert len([text for text in prepared if "log.append" in text]) == 1


def _statements(log: PostgresLog) -> list[str]:
    with log.datastore.connection() as session:
        rows = session.execute("SELECT statement FROM pg_prepared_statements").fetchall()
    return [str(row["statement"]) for row in rows]


def test_look_ups_use_indexes_however_small_the_tables_were_when_they_were_planned(dsn: str) -> None:
    log = PostgresLog(dsn, pool_size=1)
    once = append()
    for _ in range(20):
        log.append([once, append(claims=[claim(uuid4(), uuid4().bytes)])])
        log.load([once.expected[0][0]], once.command_id)
        log.read(log.head() - 1, 1)
    log.append_bulk(append(count=20_000))
    before = _rows_scanned(log)
    for _ in range(20):
        log.append([once, append(claims=[claim(uuid4(), uuid4().bytes)])])
        log.load([once.expected[0][0]], once.command_id)
        log.read(log.head() - 1, 1)
    assert _rows_scanned(log) == before
    log.close()


def _rows_scanned(log: PostgresLog) -> object:
    query = """
        SELECT sum(seq_tup_read)::int AS n FROM pg_stat_user_tables
        WHERE schemaname = 'log' AND relname IN ('events', 'receipts', 'claims')
    """
    with log.datastore.connection() as session:
        session.execute("SELECT pg_stat_force_next_flush()")
        return session.execute(query).fetchone()


def test_keys_that_live_elsewhere_are_not_looked_for(database: str) -> None:
    from tests.store.building import SQL
    from ticketcore.store.migrate import migrate

    migrate(database, "log", SQL / "log")
    log = PostgresLog(database, keys_here=False)
    a, person = uuid4(), uuid4()
    [outcome] = log.append([append(a, keys=[key(a, 1, person)], destroy_persons=[person], destroy_events=[(a, 1)])])
    assert isinstance(outcome, Appended)
    assert isinstance(log.append_bulk(append(a, 1, keys=[key(a, 2, person)])), Appended)
    log.close()


def test_a_server_that_is_away_is_told_after_a_bounded_time() -> None:
    absent = "host=/nowhere dbname=tickets"
    started = time.monotonic()
    with pytest.raises(
        StoreUnavailable, match=r"cannot open the log: data base 'tickets' did not answer for 0.5 s: .*nowhere"
    ):
        PostgresLog(absent, patience=0.5)
    assert time.monotonic() - started < 10


def test_a_dsn_that_is_none_is_told() -> None:
    with pytest.raises(ConfigurationError, match="the DSN can't be read"):
        PostgresLog("where is it")


def test_a_closed_log_says_so(dsn: str) -> None:
    log = PostgresLog(dsn)
    log.close()
    with pytest.raises(StoreUnavailable, match="this log was closed"):
        log.head()


def test_ids_come_back_as_uuids(postgres_log: PostgresLog) -> None:
    a = uuid4()
    postgres_log.append([append(a)])
    assert type(postgres_log.read(0, 1)[0].originator_id) is UUID
