"""Every figure of a report, on tickets worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from projections.report import OTHER_TEAMS, Report, Selection, Withheld, explain, report
from projections.report_figures import FIGURES
from tests.projections.given import START, Life, ListLog, after, ev, opened, ticket_id
from tests.report.given import LATER, project, three_lives, value, values
from ticketcore.domain.types import Actor, Channel, Direction, Status
from ticketcore.errors import InvalidCommand, NotFound, StoreUnavailable
from workers.cli.report import with_positions

pytestmark = pytest.mark.servers


@pytest.fixture
def worked(database: str) -> str:
    project(database, three_lives())
    return database


@pytest.fixture
def five_times(database: str) -> str:
    """So many tickets that no duration is withheld."""
    project(database, three_lives(5))
    return database


@pytest.fixture
def whole(worked: str) -> Report:
    return report(worked, Selection(now=LATER))


def test_counts_are_those_of_a_hand_count(whole: Report) -> None:
    expected = {
        "tickets": 3, "solved_tickets": 2, "closed_tickets": 1, "merged_tickets": 0, "waiting_tickets": 1,
        "public_replies": 3, "inbound_messages": 4, "one_touch_tickets": 1, "one_touch_percent": 50.0,
        "reopened_tickets": 1, "reopenings": 1, "team_changes": 1, "team_reassignments": 1, "agent_changes": 1,
        "agent_reassignments": 0, "sla_resolution_breached_tickets": 1,
        "sla_resolution_attained_tickets": 0, "sla_breached_percent": 100.0, "rated_tickets": 2, "satisfied_percent": 50.0,
    }  # fmt: skip
    found = values(whole.figures)
    assert {name: found[name] for name in expected} == expected


def test_durations_and_scores_are_those_of_a_hand_count(five_times: str) -> None:
    # five times each: first reply 2 h and 3 h; first solved 4 h and 8 h; last solved 4 h and 20 h; closed 100 h
    # requester waits: 4 h; 3 + 3 + 11 = 17 h (new, open, on hold); 9 days; agent waits: 0, 2 h, 0
    expected = {
        "first_reply_mean_hours": 2.5, "first_reply_median_hours": 2.5, "first_reply_p90_hours": 3.0,
        "first_reply_p95_hours": 3.0, "first_solved_mean_hours": 6.0, "first_solved_median_hours": 6.0,
        "last_solved_mean_hours": 12.0, "last_solved_median_hours": 12.0, "last_solved_p90_hours": 20.0, "score_mean": 3.5, "logged_hours": 7.5,
        "closed_mean_days": 100 / 24, "closed_median_days": 100 / 24, "requester_wait_median_hours": 17.0,
        "requester_wait_mean_hours": (4 + 17 + 216) / 3, "agent_wait_mean_hours": 2 / 3, "agent_wait_median_hours": 0.0,
    }  # fmt: skip
    found = values(report(five_times, Selection(now=LATER)).figures)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_durations_and_scores_of_few_tickets_are_withheld_and_counts_are_not(whole: Report, database: str) -> None:
    known = {figure.name: figure for figure in whole.figures}
    assert {figure.unit for figure in whole.figures if figure.withheld} == {"hours", "days", "score"}
    assert all(f.value is None for f in whole.figures if f.unit in {"hours", "days", "score"})
    assert (known["closed_tickets"].value, known["closed_mean_days"].withheld) == (1, True)
    assert any("over fewer than 5 tickets are withheld" in note for note in whole.notes)
    for by in ("week", "category"):
        for group in report(database, Selection(now=LATER), by=by).groups:
            found = values(group.figures)
            assert found["tickets"] is not None
            assert found["last_solved_median_hours"] is None


def test_a_figure_says_on_how_many_tickets_it_rests(whole: Report) -> None:
    counts = {figure.name: figure.count for figure in whole.figures}
    assert (counts["first_reply_mean_hours"], counts["closed_mean_days"], counts["score_mean"]) == (2, 1, 2)
    assert (counts["tickets"], counts["one_touch_percent"]) == (3, 2)


def test_what_does_not_exist_is_null_and_not_zero(worked: str) -> None:
    lone = report(worked, Selection(since=after(hours=23), now=LATER))
    assert value(lone, "tickets") == 1
    missing = ("first_reply_mean_hours", "last_solved_p95_hours", "score_mean", "one_touch_percent",
               "sla_resolution_attained_tickets", "logged_hours")  # fmt: skip
    assert [value(lone, name) for name in missing] == [None] * len(missing)
    assert value(lone, "solved_tickets") == 0
    assert lone.source == ()


def test_a_period_without_tickets_has_no_figures(worked: str) -> None:
    assert report(worked, Selection(since=LATER + timedelta(days=1), now=LATER)).figures == ()


def test_an_empty_data_base_gives_an_empty_report(database: str) -> None:
    project(database, [])
    found = report(database, by="week")
    assert (found.figures, found.source, found.groups, found.weeks) == ((), (), (), ())


def test_without_tables_the_error_names_the_remedy(database: str) -> None:
    with pytest.raises(StoreUnavailable, match="run `ticketcore db migrate`"):
        report(database)


def test_the_backlog_and_its_age_at_the_end_of_each_day(five_times: str) -> None:
    days = {group.key: group.flow for group in report(five_times, Selection(now=LATER), by="day").groups}
    # START is 09:00 on 2 March; at midnight the second, reopened at 19:00, is open and 14 h old
    first, second = days["2026-03-02"], days["2026-03-03"]
    assert first is not None and second is not None  # noqa: PT018 mypy wants both
    assert (first["opened"], first["solved"], first["reopened"], first["backlog"]) == (10, 10, 5, 5)
    assert first["mean_age_days"] == pytest.approx(14 / 24)
    assert (second["opened"], second["solved"], second["backlog"], second["pending"]) == (5, 5, 5, 0)
    assert second["median_age_days"] == pytest.approx(15 / 24)
    assert list(days) == ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"]


def test_the_backlog_counts_tickets_opened_before_the_period(worked: str) -> None:
    found = report(worked, Selection(since=datetime(2026, 3, 3, tzinfo=UTC), now=LATER), by="day")
    flow = found.groups[0].flow
    assert flow is not None
    assert (found.groups[0].key, flow["opened"], flow["solved"]) == ("2026-03-03", 1, 1)


def test_days_are_those_of_the_zone(worked: str) -> None:
    groups = report(worked, Selection(zone="Pacific/Auckland", now=LATER), by="day").groups
    assert groups[0].key == "2026-03-02"
    assert values(groups[0].figures)["tickets"] == 2
    assert (
        next(g.key for g in report(worked, Selection(zone="Pacific/Kiritimati", now=LATER), by="day").groups)
        == "2026-03-02"
    )


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("channel", ["chat", "mail"]),
        ("category", ["invoice", "parcel", None]),
        ("priority", ["high", None]),
        ("month", ["2026-03"]),
        ("status", ["closed", "new", "solved"]),
        ("language", ["de", None]),
    ],
)
def test_groups_by_a_dimension_with_those_that_have_none_last(worked: str, by: str, keys: list[str | None]) -> None:
    groups = report(worked, Selection(now=LATER), by=by).groups
    assert [group.key for group in groups] == keys
    assert sum(values(group.figures)["tickets"] or 0 for group in groups) == 3


def test_resolution_times_by_class(whole: Report) -> None:
    assert dict(whole.resolution)["4 to 8 h"] == 1
    assert dict(whole.resolution)["8 to 24 h"] == 1
    assert sum(count for _, count in whole.resolution) == 2


def crew(start: int, tickets: int, team: str, agents: int) -> list[Life]:
    return [
        opened(start + n, START, team_id=team, agent_id=f"{team}-{n % agents}" if agents else None)
        for n in range(tickets)
    ]


def test_small_teams_are_counted_together(database: str) -> None:
    project(database, crew(1, 6, "north", 6) + crew(11, 6, "lone", 1) + crew(21, 3, "tiny", 3) + crew(31, 4, "few", 4))
    groups = {g.key: values(g.figures)["tickets"] for g in report(database, by="team").groups}
    assert groups == {"north": 6, OTHER_TEAMS: 13}


def test_a_single_small_team_takes_a_greater_one_along_so_that_it_cannot_be_told(database: str) -> None:
    project(database, crew(1, 6, "north", 6) + crew(11, 8, "south", 5) + crew(21, 3, "lone", 1))
    groups = {g.key: values(g.figures)["tickets"] for g in report(database, by="team").groups}
    assert groups == {"south": 8, OTHER_TEAMS: 9}


def test_too_few_people_in_all_are_withheld(worked: str) -> None:
    groups = report(worked, Selection(now=LATER), by="team").groups
    assert next((g.key, g.withheld, g.figures) for g in groups) == (OTHER_TEAMS, True, ())


def test_a_small_team_alone_is_refused(worked: str) -> None:
    with pytest.raises(Withheld, match="cannot report on team 'bill' alone"):
        report(worked, Selection(team="bill"))
    with pytest.raises(Withheld, match="expected at least 5 of each"):
        explain(worked, "tickets", Selection(team="bill"))


def test_a_great_team_alone_is_shown_and_its_small_rows_are_withheld(database: str) -> None:
    lives = crew(1, 6, "north", 6)
    lives.append(opened(9, START + timedelta(days=9), team_id="north", agent_id="north-1"))
    project(database, lives)
    found = report(database, Selection(team="north", now=LATER), by="day")
    assert value(found, "tickets") == 7
    withheld = {group.key: group.withheld for group in found.groups}
    assert (withheld["2026-03-02"], withheld["2026-03-11"]) == (False, True)


def test_weeks_that_are_withheld_by_week_are_withheld_in_the_course_of_weeks(database: str) -> None:
    lives = crew(1, 6, "north", 6)
    lives.append(opened(9, START + timedelta(days=9), team_id="north", agent_id="north-1"))
    project(database, lives)
    found = report(database, Selection(team="north", now=LATER))
    shown = {group.key for group in report(database, Selection(team="north", now=LATER), by="week").groups
             if not group.withheld}  # fmt: skip
    assert shown == {"2026-W10"}
    assert [(week["key"], week["withheld"], week["backlog"]) for week in found.weeks] == [
        ("2026-W10", False, 6), ("2026-W11", True, None),
    ]  # fmt: skip
    assert set(found.weeks[1].values()) == {"2026-W11", True, None}
    assert found.weeks[0]["median_age_days"] is not None


def test_the_age_of_a_backlog_of_few_tickets_is_withheld(worked: str) -> None:
    (week,) = report(worked, Selection(now=LATER)).weeks
    assert (week["backlog"], week["median_age_days"], week["p90_age_days"]) == (1, None, None)


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (datetime(2026, 3, 2, 9, tzinfo=UTC), None, "a midnight in Europe/Berlin"),
        (datetime(2026, 3, 2, tzinfo=UTC), None, "a midnight in Europe/Berlin"),
        (None, datetime(2026, 3, 9, 0, 0, 1, tzinfo=UTC), "covers whole days"),
        (datetime(2026, 3, 1, 23, tzinfo=UTC), datetime(2026, 3, 7, 23, tzinfo=UTC), "at least 7 days .* not 6"),
        (datetime(2026, 3, 9, 23, tzinfo=UTC), None, "at least 7 days for one team, not 2"),
    ],
)
def test_a_team_is_reported_over_whole_days_of_a_week_or_more(
    database: str, since: datetime | None, until: datetime | None, said: str
) -> None:
    project(database, crew(1, 6, "north", 6))
    wrong = Selection(since, until, "Europe/Berlin", "north", LATER)
    with pytest.raises(InvalidCommand, match=said):
        report(database, wrong)
    with pytest.raises(InvalidCommand, match=said):
        explain(database, "tickets", wrong)
    report(database, wrong._replace(team=None))


def test_a_team_is_reported_over_the_week_in_which_the_clock_changes(database: str) -> None:
    project(database, crew(1, 6, "north", 6))
    weeks = Selection(
        datetime(2026, 3, 1, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC), "Europe/Berlin", "north", LATER
    )
    assert value(report(database, weeks), "tickets") == 6


def test_figures_per_agent_are_refused(worked: str) -> None:
    with pytest.raises(InvalidCommand, match="figures per agent need a recorded policy"):
        report(worked, by="agent")


def test_an_unknown_dimension_is_refused(worked: str) -> None:
    with pytest.raises(InvalidCommand, match="expected one of day, week, month, team"):
        report(worked, by="mood")


def test_an_unknown_zone_is_refused(worked: str) -> None:
    with pytest.raises(InvalidCommand, match="expected an IANA zone"):
        report(worked, Selection(zone="Mars/Olympus"))


def test_a_period_that_ends_before_it_begins_is_refused(worked: str) -> None:
    with pytest.raises(InvalidCommand, match="a time after --from"):
        report(worked, Selection(since=LATER, until=START))


def test_a_time_without_zone_is_refused(worked: str) -> None:
    with pytest.raises(InvalidCommand, match="a time with its zone"):
        report(worked, Selection(since=datetime(2026, 3, 1)))  # noqa: DTZ001 that is the point


def test_an_unknown_figure_is_refused(worked: str) -> None:
    with pytest.raises(NotFound, match=r"no figure 'mood' is recorded here \(expected one of tickets"):
        explain(worked, "mood")


def test_an_explanation_lists_tickets_and_events(worked: str) -> None:
    found = explain(worked, "reopenings", Selection(now=LATER))
    assert (found.figure.value, found.total, len(found.tickets)) == (1, 1, 1)
    (event,) = found.tickets[0].events
    assert (found.tickets[0].number[:13], found.tickets[0].shows) == ("T-2026-000002", {"events": 1})
    assert (event["version"], event["what"], event["before"], event["after"]) == (12, "reopened", "solved", "open")


def test_an_explanation_of_replies_lists_the_replies(worked: str) -> None:
    found = explain(worked, "public_replies", Selection(now=LATER))
    assert [[event["version"] for event in ticket.events] for ticket in found.tickets] == [[2], [4, 10]]


def test_an_explanation_never_names_an_agent(worked: str) -> None:
    (ticket,) = explain(worked, "agent_changes", Selection(now=LATER)).tickets
    assert [(e["what"], e["before"], e["after"]) for e in ticket.events] == [("agent", None, None)]


def test_an_explanation_can_be_cut_short_and_still_says_how_many_there_are(worked: str) -> None:
    found = explain(worked, "tickets", limit=2)
    assert (found.total, len(found.tickets)) == (3, 2)


def test_as_many_tickets_are_behind_a_figure_as_it_counts(worked: str) -> None:
    for name in FIGURES:
        found = explain(worked, name, Selection(now=LATER))
        if found.figure.unit == "tickets":
            assert found.total == (found.figure.value or 0), name
        elif found.figure.unit != "percent":
            assert found.total == found.figure.count, name


STATED = {"stated_reassignments", "stated_reopenings"}
"""Sums of what a source says of itself: no event of the log need stand behind."""


def test_as_many_events_are_listed_as_a_figure_counts(database: str) -> None:
    policy = Actor.system("greeting")
    life = opened(4, after(), team_id="a", agent_id="ana", external="INC1")
    life.then(ev.Commented, after(minutes=1), policy, direction=Direction.OUTBOUND, channel=Channel.MAIL)
    life.then(ev.Assigned, after(hours=1), team_id="b", agent_id="bo").then(ev.Unassigned, after(hours=2))
    life.then(ev.Assigned, after(hours=3), team_id="a", agent_id="bo")
    life.then(ev.Commented, after(hours=4), direction=Direction.OUTBOUND, channel=Channel.MAIL)
    life.then(ev.Commented, after(hours=4), direction=Direction.INTERNAL, channel=Channel.INTERNAL)
    life.then(ev.Solved, after(hours=5)).then(ev.Solved, after(hours=6), meta={"irregular": True})
    life.then(ev.Merged, after(hours=7), target_id=ticket_id(1)).then(
        ev.Unmerged, after(hours=8), target_id=ticket_id(1)
    )
    life.then(ev.Reopened, after(hours=9)).then(ev.Closed, after(hours=10), meta={"irregular": True})
    life.then(ev.Updated, after(hours=11), meta={"irregular": True}, status=Status.OPEN)
    lives = [*three_lives(), life]
    project(database, lives)
    log = ListLog([event for life in lives for event in life.events])
    listed, counted = {}, {}
    for name, kind in FIGURES.items():
        if kind.unit == "events" and name not in STATED:
            found = explain(database, name, Selection(now=LATER))
            listed[name] = sum(len(ticket["events"]) for ticket in with_positions(log, log.decode, found))
            counted[name] = found.figure.value or 0
    assert listed == counted
    assert {name: counted[name] for name in ("irregular_events", "team_reassignments", "agent_reassignments")} == {
        "irregular_events": 3, "team_reassignments": 2, "agent_reassignments": 1,
    }  # fmt: skip
    touched = explain(database, "one_touch_tickets", Selection(now=LATER))
    assert [[event["what"] for event in ticket.events] for ticket in touched.tickets] == [["reply", "solved"]]


def test_imported_figures_are_stated_beside_the_derived(database: str) -> None:
    source = {
        "line": 2,
        "state": "New",
        "stated": {"reassignments": "2", "reopens": "0", "closed_at": "2026-03-04T09:00:00"},
    }
    lives = [opened(n, after(), meta={"source": source}, external=f"INC{n}") for n in range(1, 6)]
    for life in lives:
        life.then(ev.Assigned, after(hours=1), team_id="a").then(ev.SlaBreached, after(hours=2), target="resolution")
        life.then(ev.Solved, after(hours=3), meta={"source": {"line": 3, "state": "Resolved"}})
    project(database, [*lives, opened(9)])
    found = report(database, Selection(now=LATER))
    expected = {
        "incidents": 5, "stated_closed_mean_days": 2.0, "stated_resolved_missing": 5, "derived_closed_tickets": 0,
        "derived_closed_mean_days": None, "derived_solved_mean_hours": 3.0, "reassignments_equal_tickets": 0,
        "reassignments_differ_tickets": 5, "stated_reassignments": 10, "derived_team_changes": 5, "sla_false_tickets": 5,
        "sla_true_tickets": 0, "sla_flips": 5, "state_paths": 1, "reopenings_equal_tickets": 5,
    }  # fmt: skip
    known = values(found.source)
    assert {name: known[name] for name in expected} == expected
    ticket = explain(database, "reassignments_differ_tickets").tickets[0]
    assert (ticket.external, ticket.shows) == ("INC1", {"derived": 1, "stated": 2})
