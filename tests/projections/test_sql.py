"""The tables are documented, and the views give what a hand count gives."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import psycopg
import pytest

from projections.queries import PostgresReadModels
from projections.runner import Runner
from projections.schema import MODELS, connect, install
from tests.projections.given import Life, ListLog, after, customer_id, cv, ev, opened
from ticketcore.domain.types import Channel, Direction, Priority

pytestmark = pytest.mark.servers


def rows(dsn: str, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connect(dsn) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def test_columns_stand_in_the_order_of_the_rows(database: str) -> None:
    install(database)
    install(database)
    for model in MODELS:
        for table in model.tables:
            found = rows(
                database,
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
                " ORDER BY ordinal_position",
                [model.name, table.name],
            )
            assert tuple(name for (name,) in found) == table.columns


def test_every_table_view_function_and_column_says_what_it_means(database: str) -> None:
    install(database)
    schemas = [*(model.name for model in MODELS), "read_meta"]
    silent = rows(
        database,
        "SELECT c.oid::regclass::text, a.attname FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'v')"
        " AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL)"
        " UNION ALL SELECT p.oid::regprocedure::text, NULL FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = ANY(%s) AND obj_description(p.oid, 'pg_proc') IS NULL",
        [schemas, schemas],
    )
    assert silent == []


@pytest.fixture
def worked(database: str) -> str:
    install(database)
    lives = [
        opened(1, after(), team_id="mail", category="invoice"),
        opened(2, after(hours=1), team_id="mail", category="parcel"),
        opened(3, after(days=1), team_id="billing", category="invoice"),
    ]
    for hours, life in zip((2, 4), lives, strict=False):
        life.then(ev.Commented, after(hours=hours), direction=Direction.OUTBOUND, channel=Channel.MAIL)
        life.then(ev.Solved, after(hours=hours + 2))
    lives[0].then(ev.Reopened, after(days=1)).then(ev.Assigned, after(days=1, hours=1), team_id="billing")
    lives[0].then(ev.Solved, after(days=2)).then(ev.Closed, after(days=3))
    log = ListLog([event for life in lives for event in life.events])
    with Runner(database, log, log.decode) as runner:
        runner.catch_up()
    return database


def test_figures_by_team_category_and_day(worked: str) -> None:
    assert rows(worked, "SELECT key, tickets, solved, one_touch, reopens FROM performance.by_team ORDER BY 1") == [
        ("billing", 2, 1, 0, 1),
        ("mail", 1, 1, 1, 0),
    ]
    assert rows(worked, "SELECT key, first_reply_mean, first_solved_p50 FROM performance.by_category ORDER BY 1") == [
        ("invoice", 7200.0, 14400.0),
        ("parcel", 10800.0, 18000.0),
    ]
    assert rows(worked, "SELECT key, tickets FROM performance.by_day") == [("2026-03-02", 2), ("2026-03-03", 1)]
    east = rows(worked, "SELECT key, tickets FROM performance.figures('day', 'Pacific/Kiritimati')")
    assert east == [("2026-03-02", 1), ("2026-03-03", 2)]  # 14 hours ahead of UTC: the second one opened at midnight
    assert rows(worked, "SELECT first_reply_p90 FROM performance.figures('all')") == [(10440.0,)]


@pytest.mark.parametrize("dimension", ["agent", "tema", "", None])
@pytest.mark.parametrize("lives", [[], [opened(1)]])
def test_figures_by_an_unknown_dimension_are_refused(database: str, dimension: str | None, lives: list[Life]) -> None:
    install(database)
    log = ListLog([event for life in lives for event in life.events])
    with Runner(database, log, log.decode) as runner:
        runner.catch_up()
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="expected one of day, week, month, team"):
        rows(database, "SELECT * FROM performance.figures(%s)", [dimension])


def test_the_backlog_of_any_instant_by_team(worked: str) -> None:
    statement = "SELECT right(number, 3), team_id, status, age_seconds FROM performance.backlog_at(%s) ORDER BY number"
    found = rows(worked, statement, [after(hours=5)])
    assert [row[1:] for row in found] == [("mail", "open", 4 * 3600.0)]
    found = rows(worked, statement, [after(days=1, hours=2)])
    assert [row[1:] for row in found] == [("billing", "open", 93600.0), ("billing", "new", 7200.0)]
    assert rows(
        worked,
        "SELECT day, team_id, tickets FROM performance.backlog_by_day('2026-03-02', '2026-03-05')",
    ) == [
        (date(2026, 3, 3), "billing", 2),
        (date(2026, 3, 4), "billing", 1),
        (date(2026, 3, 5), "billing", 1),
    ]


def test_paths_and_flows(worked: str) -> None:
    assert rows(worked, "SELECT status_path, source_path FROM performance.paths ORDER BY ticket_id") == [
        ("new > open > solved > open > solved > closed", None),
        ("new > open > solved", None),
        ("new", None),
    ]
    assert rows(worked, "SELECT * FROM performance.flow_by_day()") == [
        (date(2026, 3, 2), 2, 2, 0, 0),
        (date(2026, 3, 3), 1, 0, 0, 1),
        (date(2026, 3, 4), 0, 1, 0, 0),
        (date(2026, 3, 5), 0, 0, 1, 0),
    ]


def test_the_customer_history_view_agrees_with_the_function(database: str) -> None:
    install(database)
    people = [Life(customer_id(n)).then(cv.Registered, after()) for n in (1, 2, 3)]
    people[0].then(cv.CustomerMerged, after(hours=1), target_id=customer_id(2))
    people[1].then(cv.CustomerMerged, after(hours=2), target_id=customer_id(3))
    life = opened(1).then(ev.Redacted, after(hours=3), version=1, reason="asked")
    others = opened(3, requester_id=customer_id(9)).then(
        ev.Commented, after(hours=4), direction=Direction.INBOUND, channel=Channel.MAIL, author_id=customer_id(1)
    )
    others.then(ev.CommentCorrected, after(hours=5), comment=2)
    nobodys = opened(4, requester_id=None)
    lives = (*people, life, opened(2, requester_id=customer_id(2)), others, nobodys)
    log = ListLog([event for one in lives for event in one.events])
    with Runner(database, log, log.decode) as runner:
        runner.catch_up()
    columns = "ticket_id, version, kind, redacted, requester_id, author_id, channel"
    by_view = rows(database, f"SELECT {columns} FROM history.customer_history WHERE person_id = %s ORDER BY 1, 2",
                   [customer_id(3)])  # fmt: skip
    by_function = rows(database, f"SELECT {columns} FROM history.history_of(%s) ORDER BY 1, 2", [customer_id(1)])
    assert by_view == by_function
    assert [row[1:4] for row in by_view] == [
        (1, "opened", True), (1, "opened", False), (2, "commented", False), (3, "comment_corrected", False),
    ]  # fmt: skip
    counts = "SELECT person_id, count(*) FROM history.customer_history WHERE person_id IS DISTINCT FROM %s GROUP BY 1"
    assert dict(rows(database, counts, [customer_id(3)])) == {customer_id(9): 3, None: 1}
    assert rows(database, "SELECT count(*) FROM history.identities WHERE person_id = %s", [customer_id(3)]) == [(3,)]


def test_queues_per_team_and_agent(worked: str) -> None:
    found = rows(worked, "SELECT team_id, tickets, to_take, unassigned, overdue FROM queues.by_team")
    assert found == [("billing", 1, 1, 1, 0)]
    [(seconds,)] = rows(worked, "SELECT longest_seconds FROM queues.by_team")
    assert seconds > 0
    assert rows(worked, "SELECT agent_id, tickets FROM queues.by_agent") == [(None, 1)]


def test_the_view_of_what_waits_has_the_order_of_the_queue(database: str) -> None:
    install(database)
    lives = [opened(n, after(minutes=n * 37 % 60), team_id=f"t{n % 2}", priority=(None, *Priority)[n % 5])
             for n in range(1, 40)]  # fmt: skip
    lives[5].then(ev.Pended, after(hours=2))
    lives[6].then(ev.SlaApplied, after(hours=2), target="resolution", due_at=after(hours=9), policy="p1")
    log = ListLog([event for life in lives for event in life.events])
    with Runner(database, log, log.decode) as runner:
        runner.catch_up()
    models = PostgresReadModels(database, log, log.decode)
    try:
        whole, team = models.queue(), models.queue(team_id="t1", limit=5)
    finally:
        models.close()
    assert rows(database, "SELECT number FROM queues.waiting") == [(entry.number,) for entry in whole]
    first = rows(database, "SELECT number FROM queues.waiting WHERE team_id = 't1' LIMIT 5")
    assert first == [(entry.number,) for entry in team]
