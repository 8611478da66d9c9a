"""What a policy would have decided about past tickets: beside what was done, only read, and counted right."""

from __future__ import annotations

import csv
import json
import lzma
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.cli.conftest import Cli
from tests.policy.test_what_if import _everything as everything
from tests.support.shared import incident_log
from ticketcore import Settings, TicketCore
from ticketcore.domain.types import Actor, Channel, Direction, Role, SlaTarget
from ticketcore.importing.importer import import_file
from ticketcore.policy.beside import Beside, Pair
from ticketcore.policy.dry_run import DryRun, Judged, dry_run
from ticketcore.policy.shipped import default_policy
from ticketcore.policy.source import load_policy
from ticketcore.store.codec import Codec

FORM, ANA, LEAD = Actor.system("form"), Actor.agent("ana"), Actor(role=Role.TEAM_LEAD, id="lea")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRIED = """
name: tried
calendar: office
calendars: {office: {zone: UTC, hours: {mon-fri: ["09:00-17:00"]}}}
teams: {desk: {}, accounts: {}}
default_team: desk
classification:
  - {rule: refund, when: {field: text, contains: refund}, set: {category: billing, impact: medium, urgency: high}}
  - {rule: never, when: {field: text, contains: zebra}, set: {category: animals}}
routing:
  - {rule: billing, when: {field: category, is: billing}, team: accounts}
sla:
  - {rule: standard, when: {}, targets: {high: {first_reply: 1h, resolution: 4h}, normal: {resolution: 8h}}}
"""


def filled(core: TicketCore) -> list[str]:
    """Record four tickets: a refund as the policy wants it, one as it does not, one that told all, one about nothing."""
    numbers: list[str] = []
    openings: tuple[tuple[str, dict[str, Any]], ...] = (
        ("A refund please", {}),
        ("My refund!", {}),
        ("Refund", {"category": "returns", "priority": "low", "team_id": "desk"}),
        ("Hello", {}),
    )
    for number, (text, values) in enumerate(openings):
        opened = core.open_ticket(
            by=FORM, channel=Channel.MAIL, direction=Direction.INBOUND, subject="Question", body=text,
            occurred_at=MONDAY + timedelta(minutes=number), **values,
        )  # fmt: skip
        numbers.append(opened.number)
    late = MONDAY + timedelta(hours=3)
    core.classify(numbers[0], category="billing", by=ANA, occurred_at=late)
    core.prioritise(numbers[0], priority="high", by=ANA, occurred_at=late)
    core.assign(numbers[0], team_id="accounts", by=ANA, occurred_at=late)
    core.comment(numbers[0], direction=Direction.OUTBOUND, body="Sent.", by=ANA, occurred_at=late)
    core.classify(numbers[1], category="praise", by=ANA, occurred_at=late)
    core.assign(numbers[1], team_id="desk", by=ANA, occurred_at=late)
    core.solve(numbers[0], by=ANA, occurred_at=late)
    return numbers


def tried(core: TicketCore, policy: str = TRIED, **options: Any) -> tuple[DryRun, list[Judged]]:
    rows: list[Judged] = []
    found = dry_run(core, load_policy(policy), now=MONDAY + timedelta(days=9), on_ticket=rows.append, **options)
    return found, rows


def aspect(found: DryRun, name: str) -> Beside:
    return next(one for one in found.aspects if one.aspect == name)


def test_every_ticket_is_judged_by_what_was_known_at_its_opening_beside_what_was_done() -> None:
    with TicketCore.in_memory() as core:
        filled(core)
        found, (first, second, told, hello) = tried(core)
    assert (found.tickets, found.solved, found.replied, found.told, found.position) == (4, 1, 1, 1, core.log.head())
    assert (first.policy.category, first.policy.priority, first.policy.team) == ("billing", "high", "accounts")
    assert (first.company.category, first.company.priority, first.company.team) == ("billing", "high", "accounts")
    assert (first.policy.first_reply, first.policy.resolution) == ("broken", "kept")
    assert (second.policy.category, second.company.category, second.company.priority) == ("billing", "praise", None)
    assert (second.policy.team, second.policy.last_team) == ("accounts", "desk")  # what people said later counts later
    assert (told.policy.category, told.rules.classification, told.rules.sets) == ("returns", "refund", "billing")
    assert (told.policy.priority, told.company.priority, told.rules.priority) == ("high", "low", "matrix")
    assert (hello.policy.category, hello.policy.priority, hello.rules.priority) == (None, "normal", "default")
    assert hello.policy.resolution == "broken"


def test_rules_are_counted_with_those_that_decide_nothing_and_compared_where_the_company_said_something() -> None:
    with TicketCore.in_memory() as core:
        filled(core)
        found, _ = tried(core)
    assert [tuple(one) for one in found.rules] == [
        ("classification", "refund", 3, 1),
        ("classification", "never", 0, None),
        ("classification", "none", 1, None),
        ("priority", "matrix", 3, 1),
        ("priority", "default", 1, 0),
        ("routing", "billing", 2, 1),
        ("routing", "default_team", 2, 1),
        ("sla", "standard", 4, None),  # nothing is recorded of promises
        ("sla", "none", 0, None),
    ]


def test_pairs_of_values_say_how_many_tickets_and_which() -> None:
    with TicketCore.in_memory() as core:
        numbers = filled(core)
        found, _ = tried(core)
    category = aspect(found, "category")
    assert (category.agree, category.differ) == (3, 1)
    assert Pair("praise", "billing", 1, agree=False, examples=(numbers[1],)) in category.pairs
    assert aspect(found, "resolution").differ is None
    assert {(pair.company, pair.policy, pair.agree) for pair in aspect(found, "resolution").pairs} == {
        ("none", "kept", None), ("none", "broken", None),
    }  # fmt: skip


def test_broken_promises_that_are_recorded_are_compared_with_those_that_would_have_been() -> None:
    with TicketCore.in_memory() as core:
        numbers = filled(core)
        system = Actor(role=Role.POLICY, id="old", version="1")
        for number in numbers[:2]:
            core.apply_sla(number, target=SlaTarget.RESOLUTION, due_at=MONDAY + HOUR, policy="old/1", by=system)
            core.breach_sla(number, target=SlaTarget.RESOLUTION, by=system)
        found, _ = tried(core)
    resolution = aspect(found, "resolution")
    assert {(pair.company, pair.policy): (pair.tickets, pair.agree) for pair in resolution.pairs} == {
        ("broken", "kept"): (1, False), ("broken", "broken"): (1, True), ("none", "broken"): (2, False),
    }  # fmt: skip
    assert next(tuple(one) for one in found.rules if one.section == "sla") == ("sla", "standard", 4, 1)


def test_what_a_policy_says_nothing_of_is_not_compared() -> None:
    with TicketCore.in_memory() as core:
        filled(core)
        found, _ = tried(core, "name: little\npriority: {default: high}\n")
    assert [one.aspect for one in found.aspects] == ["category", "priority", "last_priority"]
    assert [(one.section, one.rule, one.tickets) for one in found.rules] == [
        ("priority", "matrix", 0),
        ("priority", "default", 4),
    ]


def test_what_a_customer_had_asked_is_known_as_it_stood_at_the_opening_though_no_worker_ever_ran() -> None:
    rules = """
name: history
priority:
  rules:
    - {rule: second-open, when: {all: [{field: history.tickets, is: 1}, {field: history.open, is: 1}]}, set: {priority: high}}
    - {rule: anas, when: {field: history.had_agent, contains: ana}, set: {priority: critical}}
  default: low
"""
    with TicketCore.in_memory() as core:
        kim = core.register_customer(name="Kim", by=FORM).number
        for hour in range(3):
            at = MONDAY + hour * HOUR
            opened = core.open_ticket(by=FORM, channel=Channel.MAIL, body="Hello", requester=kim, occurred_at=at)
            if hour == 1:
                core.assign(opened.number, team_id="desk", agent_id="ana", by=ANA, occurred_at=at)
            core.solve(opened.number, by=ANA, occurred_at=at + 1.5 * HOUR)
        found, rows = tried(core, rules)
    assert [row.rules.priority for row in rows] == ["default", "second-open", "anas"]
    assert found.tickets == 3


def test_only_tickets_opened_in_the_period_are_looked_at() -> None:
    with TicketCore.in_memory() as core:
        numbers = filled(core)
        progressed: list[int] = []
        minute = timedelta(minutes=1)
        found, rows = tried(core, since=MONDAY + minute, until=MONDAY + 3 * minute, progress=progressed.append)
    assert (found.tickets, [row.number for row in rows], sum(progressed)) == (2, numbers[1:3], 2)


@pytest.fixture
def core(database: str, tmp_path: Path) -> Iterator[TicketCore]:
    given = Settings(dsn=database, key_file=tmp_path / "keys.json")
    with TicketCore.open(given, migrate=True, make_keys=True) as opened:
        yield opened


def cli_of(core: TicketCore, folder: Path) -> Cli:
    return Cli(folder, {"TICKETCORE_DSN": str(core.settings.dsn), "TICKETCORE_KEY_FILE": str(core.settings.key_file)})


@pytest.mark.servers
@pytest.mark.slow
def test_the_command_tells_it_all_in_read_only_sessions_and_writes_nothing(core: TicketCore, tmp_path: Path) -> None:
    numbers, cli = filled(core), cli_of(core, tmp_path)
    (tmp_path / "tried.yaml").write_text(TRIED)
    only_read, before = {"PGOPTIONS": "-c default_transaction_read_only=on"}, (everything(core), core.log.head())
    shown = cli.ok("policy", "dry-run", "tried.yaml", "--csv", "rows.csv", **only_read)
    told = json.loads(cli.ok("policy", "dry-run", "tried.yaml", "--json", **only_read))
    assert (everything(core), core.log.head()) == before

    assert "4 tickets, 1 of them solved; policy 'tried' (tried.yaml) as if always in force" in shown
    assert "Nothing is recorded of the promise 'resolution'" in shown
    for words in ("refund", "praise", numbers[1], "matrix", "default_team", "Every ticket is in rows.csv."):
        assert words in shown
    assert (told["tickets"], told["source"], told["policy"]) == (4, "tried.yaml", "tried")
    assert told["rules"][0] == {"section": "classification", "rule": "refund", "tickets": 3, "agree": 1}
    category = next(one for one in told["aspects"] if one["aspect"] == "category")
    assert {
        "company": "praise",
        "policy": "billing",
        "tickets": 1,
        "agree": False,
        "examples": [numbers[1]],
    } in category["pairs"]
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == numbers
    assert rows[0]["differs"] == "first_reply"
    assert (rows[2]["company_priority"], rows[2]["policy_priority"], rows[2]["rule_sets"]) == ("low", "high", "billing")


@pytest.mark.servers
@pytest.mark.slow
def test_without_a_file_the_policy_in_force_is_asked_and_else_the_one_that_ships(
    core: TicketCore, tmp_path: Path
) -> None:
    core.adopt_policy(TRIED, effective_at=MONDAY, by=LEAD)
    filled(core)
    cli = cli_of(core, tmp_path)
    assert "policy 'tried' (version 1, in force)" in cli.ok("policy", "dry-run")
    assert "policy 'default' (the one that ships)" in cli.ok("policy", "dry-run", "default", "--limit", "0")
    period = ("--from", "2026-03-02T09:01:00Z", "--to", "2026-03-02T09:03:00Z")
    assert "2 tickets opened from 2026-03-02 09:01:00 UTC to" in cli.ok("policy", "dry-run", "--quiet", *period)
    assert "choose another period" in cli.fails(4, "policy", "dry-run", "--from", "2027-01-01")


@pytest.mark.servers
@pytest.mark.slow
def test_wrong_input_is_named(core: TicketCore, tmp_path: Path) -> None:
    cli = cli_of(core, tmp_path)
    assert "no.yaml: No such file or directory" in cli.fails(2, "policy", "dry-run", "no.yaml")
    (tmp_path / "bad.yaml").write_text("name: a\nblah: 1\n")
    bad = cli("policy", "dry-run", "bad.yaml")
    assert (bad.returncode, "line 2, column 1 (blah): the key 'blah' is unknown" in bad.stderr) == (2, True)
    times = ("--from", "2026-03-02", "--to", "2026-03-01")
    assert "expected a time after --from" in cli.fails(2, "policy", "dry-run", "default", *times)
    assert "no ticket at all is recorded here (open or import some first)" in cli.fails(4, "policy", "dry-run")
    nowhere = ("--csv", "nowhere/rows.csv")
    assert "nowhere/rows.csv: No such file" in cli.fails(2, "policy", "dry-run", "default", *nowhere)
    assert cli("policy", "dry-run", "--as", "customer:C-2026-000001-0").returncode == 7


@pytest.fixture(scope="module")
def rows_of_the_file() -> list[list[dict[str, str]]]:
    """All rows of each incident, straight from the file."""
    found: dict[str, list[dict[str, str]]] = {}
    with lzma.open(incident_log(), "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["number"], []).append(row)
    return list(found.values())


MATRIX = {
    ("1 - High", "1 - High"): "critical", ("1 - High", "2 - Medium"): "high", ("1 - High", "3 - Low"): "normal",
    ("2 - Medium", "1 - High"): "high", ("2 - Medium", "2 - Medium"): "normal", ("2 - Medium", "3 - Low"): "low",
    ("3 - Low", "1 - High"): "normal", ("3 - Low", "2 - Medium"): "low", ("3 - Low", "3 - Low"): "low",
}  # fmt: skip
PRIORITIES = {"1 - Critical": "critical", "2 - High": "high", "3 - Moderate": "normal", "4 - Low": "low"}


@pytest.mark.servers
@pytest.mark.slow
def test_the_incident_log_is_compared_as_its_file_tells_it(
    core: TicketCore, rows_of_the_file: list[list[dict[str, str]]]
) -> None:
    import_file(
        incident_log(), "incident_log", zone=ZoneInfo("UTC"), rejects=None, log=core.log, sealer=core.sealer,
        codec=Codec(), by=Actor.system("import"),
    )  # fmt: skip
    judged: dict[str | None, Judged] = {}
    found = dry_run(core, load_policy(default_policy()), on_ticket=lambda one: judged.__setitem__(one.external, one))

    assert (found.tickets, found.solved, found.replied, len(judged)) == (24_918, 24_918, 0, 24_918)
    first, last = [rows[0] for rows in rows_of_the_file], [rows[-1] for rows in rows_of_the_file]
    matrix = Counter((PRIORITIES[row["priority"]], MATRIX[row["impact"], row["urgency"]]) for row in first)
    assert _pairs(found, "priority") == matrix
    ends = Counter(
        (PRIORITIES[row["priority"]], "high" if int(row["reopen_count"]) > 2 else MATRIX[row["impact"], row["urgency"]])
        for row in last
    )
    assert _pairs(found, "last_priority") == ends
    categories = Counter((_known(rows[-1]["category"]), _known(rows[0]["category"])) for rows in rows_of_the_file)
    assert _pairs(found, "category") == categories
    assert found.told == sum(row["category"] != "?" for row in first)
    teams = Counter(
        (next((row["assignment_group"] for row in rows if row["assignment_group"] != "?"), None), "service-desk")
        for rows in rows_of_the_file
    )
    assert _pairs(found, "team") == teams
    assert _pairs(found, "last_team") == Counter((_known(row["assignment_group"]), "service-desk") for row in last)
    stated = Counter("broken" if row["made_sla"] == "false" else "not_reported" for row in last)
    resolution: Counter[str | None] = Counter()
    for (company, _), count in _pairs(found, "resolution").items():
        resolution[company] += count
    assert resolution == stated == {"broken": 9_115, "not_reported": 15_803}
    assert {one.rule: one.tickets for one in found.rules if one.tickets} == {
        "none": 24_918, "matrix": 24_918, "default_team": 24_918, "standard": 24_918,
    }  # fmt: skip
    for row in last:
        one = judged[row["number"]]
        assert (one.company.resolution == "broken") == (row["made_sla"] == "false")

    simple = [rows for rows in rows_of_the_file if _is_simple(rows)]
    assert len(simple) > 19_000
    for rows in simple:
        assert (judged[rows[0]["number"]].policy.resolution == "broken") == _is_late(rows), rows[0]["number"]


HOURS = {"critical": 4, "high": 10, "normal": 40, "low": 80}
"""What the policy that ships promises of resolutions, Monday to Friday from 8 to 18."""


def _is_simple(rows: list[dict[str, str]]) -> bool:
    """Return whether an incident never waited for its caller, was never reopened, and kept impact and urgency."""
    return (
        rows[-1]["reopen_count"] == "0"
        and all(row["incident_state"] != "Awaiting User Info" for row in rows)
        and len({(row["impact"], row["urgency"]) for row in rows}) == 1
    )


def _is_late(rows: list[dict[str, str]]) -> bool:
    """Return whether such an incident was resolved after its due time, day by day with nothing of the library."""
    done = next(row for row in rows if row["incident_state"] in ("Resolved", "Closed"))
    begin, end = (
        datetime.strptime(at, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
        for at in (rows[0]["opened_at"], done["sys_updated_at"])
    )
    left = timedelta(hours=HOURS[MATRIX[rows[0]["impact"], rows[0]["urgency"]]])
    day = begin.replace(hour=0, minute=0)
    while True:
        opens, closes = max(begin, day + timedelta(hours=8)), day + timedelta(hours=18)
        if day.weekday() < 5 and closes > opens:
            if left <= closes - opens:
                return end > opens + left
            left -= closes - opens
        day += timedelta(days=1)


def _pairs(found: DryRun, name: str) -> Counter[tuple[str | None, str | None]]:
    return Counter({(pair.company, pair.policy): pair.tickets for pair in aspect(found, name).pairs})


def _known(text: str) -> str | None:
    return None if text == "?" else text
