"""All worked lives through PostgreSQL: tables, views and reports give what was worked out by hand.

What is added up here stands ticket by ticket in the lives. First replies, in seconds, of the 28 tickets that have one:
1,200 three times, 1,500, 1,800 five times, 2,400, 2,700, 3,000, 3,600 six times, 5,400, 7,200 three times, 10,800,
16,200, 32,400 twice, 234,000, 235,800.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg.rows import namedtuple_row

from projections.history import Message
from projections.performance import Facts, Interval
from projections.queries import PostgresReadModels
from projections.report import Selection, explain, report
from projections.runner import Runner
from projections.schema import connect, install
from tests.projections.given import ListLog
from tests.support.postgres import Postgres
from tests.worked.business import LATE
from tests.worked.lives import moment
from tests.worked.promises import DUE
from tests.worked.reading import figures_of
from tests.worked.replies import NOTED
from tests.worked.test_in_memory import LIVES
from tests.worked.work import PASSED

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def lived(postgres: Postgres) -> Iterator[str]:
    """The DSN of a data base in which all lives were lived; in small batches, so that rows are taken up again."""
    dsn = postgres.create_database()
    log = ListLog([event for life in LIVES for event in life.events])
    install(dsn)
    with Runner(dsn, log, log.decode, batch=11) as runner:
        runner.catch_up()
    yield dsn
    postgres.drop(dsn)


def rows(dsn: str, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connect(dsn) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def named(dsn: str, statement: str) -> list[Any]:
    with connect(dsn) as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(statement.encode()).fetchall()


def test_every_figure_of_every_ticket_is_what_was_worked_out_by_hand(lived: str) -> None:
    facts = {row[0]: Facts(*row) for row in rows(lived, "SELECT * FROM performance.tickets")}
    intervals = [Interval(*row) for row in rows(lived, "SELECT * FROM performance.intervals")]
    messages = [Message(*row) for row in rows(lived, "SELECT * FROM history.correspondence")]
    waiting = {row.ticket_id: row for row in named(lived, "SELECT * FROM queues.waiting")}
    assert len(facts) == sum(len(life.figures) for life in LIVES)
    for life in LIVES:
        for id_, expected in life.figures.items():
            found = figures_of(
                facts[id_],
                [row for row in intervals if row.ticket_id == id_],
                waiting.get(id_),
                [row for row in messages if row.ticket_id == id_],
            )
            assert (life.title, found) == (life.title, expected)


def test_the_view_of_durations_says_the_same(lived: str) -> None:
    found = {row.ticket_id: row for row in named(lived, "SELECT * FROM performance.ticket_figures")}
    for life in LIVES:
        for id_, expected in life.figures.items():
            row = found[id_]
            assert (
                row.first_reply_seconds, row.first_solved_seconds, row.last_solved_seconds, row.closed_seconds,
                row.reopens, row.one_touch, row.score,
            ) == (
                expected.first_reply, expected.first_solved, expected.last_solved, expected.closed,
                expected.reopens, expected.one_touch, expected.score,
            )  # fmt: skip
            if expected.status != "pending":  # else the wait runs on, up to now
                assert row.agent_wait_seconds == expected.agent_wait
            if expected.waiting_since is None:  # likewise
                assert row.requester_wait_seconds == expected.requester_wait


def test_the_backlog_of_past_instants_holds_who_waited_and_their_age(lived: str) -> None:
    for life in LIVES:
        for instant, expected in life.backlog.items():
            found = rows(
                lived,
                "SELECT ticket_id, age_seconds FROM performance.backlog_at(%s) WHERE ticket_id = ANY(%s)",
                [moment(instant), list(life.figures)],
            )
            assert (instant, dict(found)) == (instant, expected)


def test_counts_over_all_lives(lived: str) -> None:
    [row] = named(lived, "SELECT * FROM performance.figures('all')")
    # Never solved: the ticket with only a note, two merged ones, the one with running promises.
    assert (row.tickets, row.solved, row.closed) == (34, 30, 6)
    assert (row.reopened, row.reopens) == (4, 5)  # once, twice, once by an import, once under promises
    assert (row.team_changes, row.team_reassignments) == (5, 2)
    assert (row.agent_changes, row.agent_reassignments) == (7, 1)  # 4, and one each of three tickets
    assert (row.public_replies, row.inbound_messages) == (38, 51)
    assert (row.one_touch, row.sla_breached, row.mean_score, row.seconds_logged) == (19, 2, 5.0, 600)


def test_percentiles_over_all_lives(lived: str) -> None:
    [row] = named(lived, "SELECT * FROM performance.figures('all')")
    assert row.first_reply_mean == pytest.approx(632_400 / 28)  # the sum of the 28
    assert row.first_reply_p50 == 3_600  # the 14th and the 15th of 28
    assert row.first_reply_p90 == 32_400  # 0.9 * 27 = 24.3: between the 25th and the 26th, both 32,400
    assert row.first_reply_p95 == pytest.approx(163_440)  # 0.95 * 27 = 25.65: 32,400 + 0.65 * (234,000 - 32,400)
    # Closed: 21,600, 91,800, 113,400 and 347,400 three times.
    assert row.closed_p50 == 230_400  # between the 3rd and the 4th: (113,400 + 347,400) / 2
    assert row.closed_mean == pytest.approx(1_269_000 / 6)
    # Pending: 18,000 + 10,800 + 7,200 + 3,600 + 3,600 + 90,000 = 133,200; most of the 34 tickets never were.
    # One of them is pending still: the view adds its running stretch.
    assert rows(lived, "SELECT sum(agent_wait_seconds) FROM performance.tickets") == [(133_200,)]
    assert row.agent_wait_p50 == 0


def test_by_team(lived: str) -> None:
    found = {row.key: row for row in named(lived, "SELECT * FROM performance.by_team")}
    assert {key: row.tickets for key, row in found.items()} == {"billing": 4, "mail": 29, None: 1}
    row = found["billing"]  # solved after 3,600, 5,400, 11,400 and 32,400; no reply in the first of these
    assert (row.first_reply_mean, row.first_reply_p50) == (16_200, 10_800)  # of 5,400, 10,800 and 32,400
    assert (row.first_solved_mean, row.first_solved_p50) == (13_200, 8_400)
    assert row.first_solved_p90 == pytest.approx(26_100)  # 0.9 * 3 = 2.7: 11,400 + 0.7 * 21,000
    assert (row.requester_wait_mean, row.requester_wait_p50, row.agent_wait_mean) == (13_200, 8_400, 0)
    assert row.one_touch == 3


def test_by_channel_category_and_priority(lived: str) -> None:
    counts = "SELECT key, tickets, first_reply_mean FROM performance.by_{} WHERE key IS NOT NULL AND key <> 'mail'"
    assert rows(lived, counts.format("channel")) == [("chat", 1, 1_200), ("phone", 2, 10_800)]
    assert rows(lived, counts.format("category")) == [("invoice", 2, 2_550)]  # (1,500 + 3,600) / 2
    assert rows(lived, counts.format("priority")) == [("high", 2, 1_950), ("normal", 2, 235_800)]  # (1,500 + 2,400) / 2


def test_a_day_is_a_day_of_the_report_s_zone(lived: str) -> None:
    days = "SELECT key, tickets FROM performance.figures('day', %s) WHERE key = ANY(%s)"
    nights = ["2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25", "2025-12-31", "2026-01-01"]
    utc = rows(lived, days, ["UTC", nights])
    assert utc == [("2025-12-31", 1), ("2026-03-28", 1), ("2026-10-24", 1)]
    assert rows(lived, days, ["Europe/Berlin", nights]) == [("2025-12-31", 1), ("2026-03-29", 1), ("2026-10-25", 1)]
    assert rows(lived, days, ["Asia/Tokyo", nights]) == [("2026-01-01", 1), ("2026-03-29", 1), ("2026-10-25", 1)]
    by_view = rows(lived, "SELECT key, tickets FROM performance.by_day WHERE key = ANY(%s)", [nights])
    assert by_view == utc


def test_the_week_of_new_year_belongs_to_the_year_of_its_thursday(lived: str) -> None:
    weeks = rows(lived, "SELECT key, tickets FROM performance.figures('week') LIMIT 1")
    assert weeks == [("2026-W01", 1)]  # Wednesday 2025-12-31
    months = rows(lived, "SELECT key, tickets FROM performance.figures('month') LIMIT 1")
    assert months == [("2025-12", 1)]


def test_days_of_23_and_of_25_hours_age_the_backlog_by_as_much(lived: str) -> None:
    statement = "SELECT * FROM performance.backlog_by_day(%s, %s, 'Europe/Berlin')"
    # Only the ticket of 2026-03-04 10:00 waits: to 2026-03-28 23:00 UTC 24 days 13 h, then 23 h more.
    assert rows(lived, statement, [date(2026, 3, 28), date(2026, 3, 29)]) == [
        (date(2026, 3, 28), "mail", 1, 2_120_400, 2_120_400, 2_120_400),
        (date(2026, 3, 29), "mail", 1, 2_203_200, 2_203_200, 2_203_200),
    ]
    # With those of 2026-04-17 16:00 and 2026-05-11 08:00: to 2026-10-24 22:00 UTC 234 days 12 h, 190 days 6 h and
    # 166 days 14 h, then 25 h more.
    assert rows(lived, statement, [date(2026, 10, 24), date(2026, 10, 25)]) == [
        (date(2026, 10, 24), "mail", 3, 17_030_400, 16_437_600, pytest.approx(19_496_160)),
        (date(2026, 10, 25), "mail", 3, 17_120_400, 16_527_600, pytest.approx(19_586_160)),
    ]


def test_time_per_team_and_agent_comes_from_the_stretches(lived: str) -> None:
    spent = (
        "SELECT {0}, sum(extract(epoch FROM ended_at - started_at))::integer FROM performance.intervals"
        " WHERE ticket_id = %s AND status IN ('new', 'open', 'pending', 'on_hold') GROUP BY 1 ORDER BY 1"
    )
    # billing 09:00-10:00, 11:00-12:00; mail 08:10-09:00, 12:00-12:30; none 08:00-08:10, 10:00-11:00
    assert rows(lived, spent.format("team_id"), [PASSED]) == [("billing", 7_200), ("mail", 4_800), (None, 4_200)]
    # ana 08:20-09:00; bob 09:00-10:00, 11:30-12:30; none 08:00-08:20, 10:00-11:30
    assert rows(lived, spent.format("agent_id"), [PASSED]) == [("ana", 2_400), ("bob", 7_200), (None, 6_600)]


def test_what_happened_on_a_day(lived: str) -> None:
    found = {row[0]: row[1:] for row in rows(lived, "SELECT * FROM performance.flow_by_day()")}
    assert found[date(2026, 3, 18)] == (1, 2, 1, 1)  # opened, solved at 09:00 and 12:00, closed, reopened
    assert found[date(2026, 3, 19)] == (0, 1, 1, 1)
    assert found[date(2026, 5, 14)] == (1, 1, 2, 1)  # the import closes twice
    assert found[date(2025, 12, 31)] == (1, 0, 0, 0)
    assert found[date(2026, 1, 2)] == (0, 1, 0, 0)


def test_an_undone_merge_is_no_solution_on_its_day(lived: str) -> None:
    found = {row[0]: row[1:] for row in rows(lived, "SELECT * FROM performance.flow_by_day()")}
    assert found[date(2026, 4, 9)] == (1, 1, 0, 0)


def test_the_report_says_the_same_in_its_units(lived: str) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    made = report(lived, Selection(zone="Europe/Berlin", now=now))
    found = {figure.name: figure.value for figure in made.figures}
    assert (found["tickets"], found["solved_tickets"], found["one_touch_tickets"]) == (34, 30, 19)
    assert found["first_reply_median_hours"] == 1
    assert found["first_reply_p90_hours"] == pytest.approx(9)  # 32,400 / 3,600
    assert (found["sla_first_reply_attained_tickets"], found["sla_next_reply_attained_tickets"]) == (1, 1)
    assert (found["sla_next_reply_breached_tickets"], found["sla_resolution_breached_tickets"]) == (1, 1)
    assert (found["reopened_tickets"], found["reopenings"]) == (4, 5)
    assert [t.shows["score"] for t in explain(lived, "score_mean").tickets] == [5]
    for day, hours in (("2026-03-29", 3), ("2026-10-25", 5)):  # the short night, and the long one
        begin = datetime.fromisoformat(f"{day}T00:00+00:00") - timedelta(hours=2)
        (ticket,) = explain(
            lived, "last_solved_median_hours", Selection(begin, begin + timedelta(days=1), now=now)
        ).tickets
        assert ticket.shows["hours"] == hours


def test_the_queue_names_what_waits_next_to_take_first(lived: str) -> None:
    log = ListLog([event for life in LIVES for event in life.events])
    models = PostgresReadModels(lived, log, log.decode, projects=False)
    try:
        queue = models.queue(team_id="mail")
    finally:
        models.close()
    assert [entry.ticket_id for entry in queue] == [DUE, NOTED, LATE]
    assert [entry.due_at for entry in queue] == [datetime(2026, 5, 11, 12, tzinfo=UTC), None, None]
