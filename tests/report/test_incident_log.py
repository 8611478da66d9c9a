"""The real incident log: every value of the table in the data's README, from the read models, exactly.

The expected values were counted independently from the file itself.
"""

import json
import lzma
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from projections.report import Explanation, Report, explain, report
from tests.report.given import value, values
from tests.support.postgres import Postgres
from tests.support.shared import incident_log
from ticketcore.app import TicketCore
from ticketcore.domain.types import Actor
from ticketcore.importing.importer import import_file
from ticketcore.settings import Settings
from ticketcore.store.codec import Codec

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def imported(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a data base that holds the imported and projected log."""
    dsn = postgres.create_database()
    folder = tmp_path_factory.mktemp("incidents")
    settings = Settings(dsn=dsn, key_file=folder / "keys.json", inline=True)
    try:
        with TicketCore.open(settings, migrate=True, make_keys=True) as core:
            done = import_file(
                incident_log(), "incident_log", zone=ZoneInfo("UTC"), rejects=folder / "rejects.csv", log=core.log,
                sealer=core.sealer, codec=Codec(), by=Actor.system("import"),
            )  # fmt: skip
            assert (done.cases, done.rejects) == (24_918, 0)
            core.catch_up()
        yield settings
    finally:
        postgres.drop(dsn)


@pytest.fixture(scope="module")
def found(imported: Settings) -> Report:
    return report(imported.dsn or "")


@pytest.mark.parametrize(
    ("name", "expected", "digits"),
    [
        ("incidents", 24_918, 0),
        ("stated_closed_mean_days", 13.1387, 4),
        ("stated_closed_median_days", 6.0778, 4),
        ("stated_resolved_median_hours", 22.1, 4),
        ("stated_resolved_mean_hours", 178.1716, 4),
        ("stated_resolved_missing", 1_556, 0),
        ("derived_closed_mean_days", 13.1052, 4),
        ("derived_closed_median_days", 6.0743, 4),
        ("derived_closed_tickets", 24_918, 0),
        ("derived_solved_mean_hours", 165.4087, 4),
        ("derived_solved_median_hours", 15.15, 4),
        ("derived_solved_tickets", 24_905, 0),
        ("derived_never_solved_tickets", 13, 0),
        ("derived_reopened_tickets", 275, 0),
        ("derived_reopenings", 331, 0),
        ("stated_reopenings", 331, 0),
        ("reopenings_equal_tickets", 24_918, 0),
        ("reopenings_differ_tickets", 0, 0),
        ("derived_team_changes", 23_321, 0),
        ("stated_reassignments", 23_414, 0),
        ("reassignments_equal_tickets", 24_827, 0),
        ("reassignments_differ_tickets", 91, 0),
        ("sla_true_tickets", 15_803, 0),
        ("sla_false_tickets", 9_115, 0),
        ("sla_flips", 9_114, 0),
        ("state_paths", 189, 0),
        ("priority_critical_tickets", 270, 0),
        ("priority_high_tickets", 408, 0),
        ("priority_normal_tickets", 23_466, 0),
        ("priority_low_tickets", 774, 0),
    ],
)
def test_a_value_of_the_table_is_reproduced(found: Report, name: str, expected: float, digits: int) -> None:
    actual = value(found, name)
    assert actual is not None
    assert round(actual, digits) == expected


def test_the_values_rest_on_as_many_incidents_as_the_table_says(found: Report) -> None:
    counts = {figure.name: figure.count for figure in found.source}
    assert counts["derived_closed_mean_days"] == 24_918
    assert counts["derived_solved_median_hours"] == 24_905
    assert counts["stated_resolved_mean_hours"] == 24_918 - 1_556


def test_the_same_91_incidents_differ_in_reassignments(imported: Settings) -> None:
    expected = _counted_in_the_file()
    assert len(expected) == 91
    shown: Explanation = explain(imported.dsn or "", "reassignments_differ_tickets")
    assert {t.external: (t.shows["derived"], t.shows["stated"]) for t in shown.tickets} == expected
    for ticket in shown.tickets:
        assert len([event for event in ticket.events if event["what"] == "team"]) == ticket.shows["derived"]


def _counted_in_the_file() -> dict[str | None, tuple[int, int]]:
    """Incident -> (changes of its group, stated reassignments), where these differ; read with nothing of the library."""
    import csv

    last: dict[str, tuple[int, int]] = {}
    before = ("", "")
    with lzma.open(incident_log(), "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            number, group = row["number"], row["assignment_group"]
            changes = 0 if number != before[0] else last[number][0] + (group != before[1])
            last[number] = changes, int(row["reassignment_count"])
            before = number, group
    return {number: pair for number, pair in last.items() if pair[0] != pair[1]}


def test_priorities_add_up_by_group_as_well(imported: Settings) -> None:
    groups = report(imported.dsn or "", by="priority").groups
    tickets = {group.key: values(group.figures)["tickets"] for group in groups}
    assert tickets == {"critical": 270, "high": 408, "low": 774, "normal": 23_466}


def test_nothing_is_in_the_backlog_after_the_last_row(found: Report) -> None:
    assert value(found, "waiting_tickets") == 0
    assert found.weeks[-1]["backlog"] == 0
    assert sum(week["opened"] for week in found.weeks) == 24_918


def test_the_command_line_says_the_same_with_positions_and_full_precision(imported: Settings, tmp_path: Path) -> None:
    made = json.loads(_run(imported, tmp_path, "report", "--json"))
    figures = {figure["name"]: figure for figure in made["source"]}
    assert round(figures["stated_closed_mean_days"]["value"], 4) == 13.1387
    assert figures["stated_closed_mean_days"]["value"] != 13.1387
    assert set(figures["incidents"]) >= {"name", "value", "unit", "count", "definition"}
    shown = json.loads(_run(imported, tmp_path, "report", "--explain", "reassignments_differ_tickets", "--json"))
    assert (shown["total"], len(shown["tickets"])) == (91, 91)
    positions = [event["position"] for ticket in shown["tickets"] for event in ticket["events"]]
    assert positions
    assert all(isinstance(position, int) for position in positions)
    irregular = json.loads(_run(imported, tmp_path, "report", "--explain", "irregular_events", "--json"))
    assert irregular["figure"]["value"] == sum(len(ticket["events"]) for ticket in irregular["tickets"]) == 45
    rows = _run(imported, tmp_path, "report", "--by", "category", "--csv").splitlines()
    assert rows[0].startswith("category,withheld,tickets,")


def _run(settings: Settings, folder: Path, *arguments: str) -> str:
    environment = os.environ | {
        "TICKETCORE_DSN": settings.dsn or "", "TICKETCORE_KEY_FILE": str(settings.key_file), "TICKETCORE_INLINE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "from workers.cli import main; main()", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
