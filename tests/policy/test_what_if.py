"""What other promises would have come to, beside what is recorded: right, counted like the read models, and only read."""

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

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Cli
from tests.policy.life import CALENDARS, STANDARD, Life
from tests.policy.test_any_life import FIRST, HAPPENINGS, MINUTES, Happening, lived
from tests.support.shared import incident_log
from ticketcore import Settings, TicketCore
from ticketcore.domain.types import Actor, Channel, Direction, Priority, Role, SlaTarget
from ticketcore.importing.importer import import_file
from ticketcore.policy.manager import PolicyManager
from ticketcore.policy.outcomes import Outcome
from ticketcore.policy.outside import NOWHERE
from ticketcore.policy.past import always
from ticketcore.policy.shipped import default_policy
from ticketcore.policy.source import load_policy
from ticketcore.policy.what_if import Compared, Group, WhatIf, compared, what_if
from ticketcore.store.codec import Codec

LEAD, FORM, ANA = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("form"), Actor.agent("ana")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAX = STANDARD.replace("1h, next", "4h, next")
SHORT = STANDARD.replace("resolution: 8h", "resolution: 1h")


def tried(life: Life, policy: str) -> Compared:
    found = compared(life.events, always(load_policy(policy)), NOWHERE, life.now)
    assert found is not None
    return found


def ends(life: Life, policy: str, target: str = "first_reply") -> tuple[str, str]:
    found = tried(life, policy).ends[SlaTarget(target)]
    return found.was.value, found.would.value


@settings(max_examples=150, deadline=None)
@given(
    HAPPENINGS,
    st.lists(st.integers(0, MINUTES), max_size=6),
    st.sampled_from([Priority.HIGH, Priority.NORMAL, Priority.LOW]),
    st.sampled_from([None, "vip"]),
)
def test_the_policy_that_was_in_force_would_have_come_to_what_it_came_to(
    happenings: list[Happening], looks: list[int], priority: Priority, team: str | None
) -> None:
    life, _, _ = lived(happenings, looks, 10 * 24 * 60, priority, team)
    for target, found in tried(life, FIRST).ends.items():
        assert found.was is found.would, target


def test_a_longer_promise_would_have_been_kept_and_a_shorter_one_broken() -> None:
    life = Life(STANDARD).at("09:00").opened().at("11:00").answered().at("13:00").solved().look("18:00")
    assert ends(life, STANDARD) == ("broken", "broken")
    assert ends(life, LAX) == ("broken", "kept")
    assert (ends(life, STANDARD, "resolution"), ends(life, SHORT, "resolution")) == (
        ("kept", "kept"),
        ("kept", "broken"),
    )


def test_what_still_runs_or_was_never_promised_is_told_apart() -> None:
    life = Life(STANDARD).at("09:00").opened().look("09:30")
    assert ends(life, STANDARD, "resolution") == ("running", "running")
    assert ends(life, SHORT, "resolution") == ("running", "running")
    assert ends(life.at("10:30"), SHORT, "resolution") == ("running", "broken")
    assert ends(life, STANDARD, "next_reply") == ("none", "none")
    never = f"name: none\n{CALENDARS}sla: [{{rule: high, when: {{}}, targets: {{high: {{resolution: 1h}}}}}}]\n"
    assert ends(life, never, "resolution") == ("running", "none")


def test_rules_that_were_not_in_force_look_at_the_ticket_as_it_went() -> None:
    life = Life(STANDARD).at("09:00").opened().at("09:10").prioritised("high").look("09:20").at("10:00").answered()
    life.look("18:00")
    only_normal = STANDARD.replace("      high: {first_reply: 30m, next_reply: 1h, resolution: 4h}\n", "")
    assert ends(life, STANDARD) == ("broken", "broken")
    assert ends(life, only_normal) == ("broken", "withdrawn")


@pytest.fixture
def core(database: str, tmp_path: Path) -> Iterator[TicketCore]:
    given_ = Settings(dsn=database, key_file=tmp_path / "keys.json")
    with TicketCore.open(given_, migrate=True, make_keys=True) as opened:
        yield opened


def group(found: WhatIf, target: str, priority: str = "all") -> Group:
    return next(one for one in found.groups if (one.target, one.priority) == (target, priority))


def settled(core: TicketCore, count: int = 12) -> list[str]:
    """Record tickets that were answered after so many quarters of an hour, and bring their promises up to now."""
    core.adopt_policy(STANDARD, effective_at=MONDAY - HOUR, by=LEAD)
    found = []
    for hours in range(count):
        opened = core.open_ticket(
            by=FORM, channel=Channel.MAIL, direction=Direction.INBOUND, subject="Refund", body="Please.",
            priority=Priority.HIGH if hours % 3 == 0 else Priority.NORMAL, occurred_at=MONDAY + timedelta(minutes=hours),
        )  # fmt: skip
        found.append(opened.number)
        if hours % 4:
            at = MONDAY + timedelta(hours=hours / 4)
            core.comment(opened.number, direction=Direction.OUTBOUND, body="Sent.", by=ANA, occurred_at=at)
    PolicyManager(core).catch_up()
    return found


@pytest.mark.servers
@pytest.mark.slow
def test_a_log_is_counted_as_its_read_models_count_and_nothing_is_written(core: TicketCore, tmp_path: Path) -> None:
    numbers = settled(core)
    core.catch_up()
    cli = Cli(tmp_path, {"TICKETCORE_DSN": str(core.settings.dsn), "TICKETCORE_KEY_FILE": str(core.settings.key_file)})
    (tmp_path / "lax.yaml").write_text(LAX)
    before = _everything(core)

    (same, lax) = (
        json.loads(
            cli.ok("sla", "what-if", "--policy", file, "--json", PGOPTIONS="-c default_transaction_read_only=on")
        )
        for file in (_written(tmp_path, STANDARD), "lax.yaml")
    )

    assert _everything(core) == before
    for target in SlaTarget:
        column = f"sla_{target.value}"
        with psycopg.connect(str(core.settings.dsn)) as connection:
            rows = connection.execute(f"SELECT {column}, count(*) FROM performance.tickets GROUP BY 1").fetchall()
        words: dict[str | None, str] = {
            "active": "running",
            "paused": "running",
            "attained": "kept",
            "breached": "broken",
            None: "none",
        }
        counted: Counter[str] = Counter()
        for value, count in rows:
            counted[words.get(value) or str(value)] += count
        told = next(one for one in same["groups"] if (one["target"], one["priority"]) == (target.value, "all"))
        assert told["was"] == dict(counted), target
        assert told["would"] == told["was"], target
    assert (same["tickets"], same["changed"], same["changes"]) == (12, {"kept": 0, "broken": 0}, [])
    assert lax["changed"]["kept"] > 0
    assert {one["number"] for one in lax["changes"]} <= set(numbers)
    shown = cli.ok("sla", "what-if", "--policy", "lax.yaml")
    assert (
        f"{lax['changed']['broken']:,} kept ones would have been broken, {lax['changed']['kept']:,} broken ones kept."
        in shown
    )


def _written(folder: Path, text: str) -> str:
    (folder / "same.yaml").write_text(text)
    return "same.yaml"


def _everything(core: TicketCore) -> dict[str, Any]:
    """Return how many rows every table has, and how often any was written."""
    with psycopg.connect(str(core.settings.dsn)) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        return {
            name: connection.execute(f"SELECT count(*), sum(hashtext(t::text)::bigint) FROM {name} t").fetchone()
            for (name,) in tables
        }


def test_only_tickets_opened_in_the_period_count() -> None:
    with TicketCore.in_memory() as core:
        settled(core)
        until = MONDAY + timedelta(minutes=5)
        found = what_if(core, load_policy(LAX), since=MONDAY + timedelta(minutes=2), until=until)
        assert (found.tickets, found.position) == (3, core.log.head())
        assert sum(group(found, "resolution").would.values()) == 3
        progressed: list[int] = []
        assert what_if(core, load_policy(LAX), progress=progressed.append).tickets == 12
        assert sum(progressed) == 12


def test_rules_look_at_the_words_of_the_first_message() -> None:
    rule = "sla:\n  - {rule: refund, when: {field: text, contains: refund}, targets: {normal: {resolution: 1h}}}\n"
    with TicketCore.in_memory() as core:
        for words in ("Refund", "Hello"):
            core.open_ticket(
                by=FORM, channel=Channel.MAIL, direction=Direction.INBOUND, subject=words, priority=Priority.NORMAL,
                occurred_at=MONDAY,
            )  # fmt: skip
        found = what_if(core, load_policy(f"name: words\n{CALENDARS}{rule}"), now=MONDAY + 24 * HOUR)
        assert group(found, "resolution").would == {Outcome.BROKEN: 1, Outcome.NONE: 1}


def test_an_empty_log_has_no_attainment() -> None:
    with TicketCore.in_memory() as core:
        found = what_if(core, load_policy(LAX))
    assert (found.tickets, found.groups, found.changes) == (0, (), ())


@pytest.mark.servers
@pytest.mark.slow
def test_wrong_input_is_named(core: TicketCore, tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"TICKETCORE_DSN": str(core.settings.dsn), "TICKETCORE_KEY_FILE": str(core.settings.key_file)})
    assert "no.yaml: No such file or directory" in cli.fails(2, "sla", "what-if", "--policy", "no.yaml")
    (tmp_path / "bad.yaml").write_text(STANDARD.replace("first_reply: 30m", "first_reply: soon"))
    assert cli("sla", "what-if", "--policy", "bad.yaml").returncode == 2
    (tmp_path / "none.yaml").write_text("name: none\nteams: {desk: {}}\ndefault_team: desk\n")
    assert "expected a policy with a section `sla`" in cli.fails(2, "sla", "what-if", "--policy", "none.yaml")
    times = ("--from", "2026-03-02", "--to", "2026-03-01")
    assert "expected a time after --from" in cli.fails(2, "sla", "what-if", "--policy", "default", *times)
    assert "--as" in cli("sla", "what-if", "--policy", "default", "--as", "nobody").stderr
    assert cli("sla", "what-if", "--policy", "default", "--as", "customer:C-2026-000001-0").returncode == 7
    assert "open or import some first" in cli.fails(4, "sla", "what-if", "--policy", "default")
    later = ("--from", "2030-01-01")
    assert "opened from 2030-01-01 00:00:00 UTC" in cli.fails(4, "sla", "what-if", "--policy", "default", *later)


@pytest.mark.servers
@pytest.mark.slow
def test_the_incident_log_is_told_as_its_file_tells_it(core: TicketCore) -> None:
    import_file(
        incident_log(), "incident_log", zone=ZoneInfo("UTC"), rejects=None, log=core.log, sealer=core.sealer,
        codec=Codec(), by=Actor.system("import"),
    )  # fmt: skip
    found = what_if(core, load_policy(default_policy()))
    made, priorities = _last_rows()

    all_ = group(found, "resolution")
    assert all_.was == {Outcome.NOT_REPORTED: made["true"], Outcome.BROKEN: made["false"]}
    assert all_.was_attained == made["true"] / (made["true"] + made["false"])
    assert {one.priority: sum(one.was.values()) for one in found.groups if one.target == "resolution"} == {
        "all": 24_918, **priorities,
    }  # fmt: skip
    assert all_.would.keys() == {Outcome.KEPT, Outcome.BROKEN}
    flips = Counter(one.would for one in found.changes if one.target == "resolution")
    assert all_.would[Outcome.BROKEN] == made["false"] - flips[Outcome.KEPT] + flips[Outcome.BROKEN]
    assert group(found, "first_reply").was == {Outcome.NONE: 24_918}


def _last_rows() -> tuple[Counter[str], dict[str, int]]:
    """Return made_sla and priority of each incident's last row, straight from the file."""
    last: dict[str, tuple[str, str]] = {}
    with lzma.open(incident_log(), "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            last[row["number"]] = row["made_sla"], row["priority"]
    names = {"1 - Critical": "critical", "2 - High": "high", "3 - Moderate": "normal", "4 - Low": "low"}
    return Counter(made for made, _ in last.values()), dict(Counter(names[priority] for _, priority in last.values()))
