"""A report of one day reads that day's rows, however long the history is."""

from datetime import UTC, datetime, timedelta

import pytest

from projections.report import Selection
from projections.report_query import run, snapshot, text
from projections.report_types import checked
from tests.report.given import project, three_lives

pytestmark = pytest.mark.servers
DAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "finds"),
    [
        ("tickets", ["Index Cond: ((opened_at >= ", "tickets_opened"]),
        ("flow", ["Index Cond: ((started_at >= ", "((ticket_id = i.ticket_id) AND (seq = (i.seq - 1)))"]),
        ("backlog", ["tickets_life", "(ticket_id = t.ticket_id)"]),
    ],
)
def test_a_days_rows_are_found_by_indexes(database: str, name: str, finds: list[str]) -> None:
    project(database, three_lives(5))
    chosen = checked(Selection(since=DAY, until=DAY + timedelta(days=1)), None)
    values = {**chosen._asdict(), "format": "YYYY-MM-DD", "instants": [DAY + timedelta(days=1)]}
    with snapshot(database, chosen) as connection:
        run(connection, "SET LOCAL enable_seqscan = off")  # of a few rows a whole table is the cheapest
        run(connection, "SET LOCAL enable_hashjoin = off")
        run(connection, "SET LOCAL enable_mergejoin = off")
        rows = run(connection, "EXPLAIN " + text(name), values)
    plan = "\n".join(str(line) for row in rows for line in row.values())
    assert [part for part in finds if part not in plan] == [], plan
    assert "Seq Scan" not in plan
