"""The synthetic sample: the same every time, complete, and never recorded twice."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from projections.report import report
from tests.report.given import value
from ticketcore.app import TicketCore
from ticketcore.settings import Settings
from workers.demo_plan import ANCHOR, DAYS, at_work, make_plan
from workers.demo_sample import commands_of, play


def test_a_plan_is_the_same_every_time() -> None:
    assert make_plan(60) == make_plan(60)
    assert make_plan(60, seed=1) != make_plan(60, seed=2)


def test_a_plan_has_all_that_a_service_desk_meets() -> None:
    plan = make_plan()
    methods = Counter(step.method for life in plan.lives for step in life.steps)
    assert set(methods) >= {
        "open_ticket", "classify", "prioritise", "assign", "comment", "correct_comment", "pend", "hold", "resume", "solve",
        "close_ticket", "merge", "unmerge", "link", "split_off", "open_follow_up", "rate", "log_time", "redact",
        "apply_sla", "fulfil_sla", "breach_sla",
    }  # fmt: skip
    openings = [step for life in plan.lives for step in life.steps if step.method == "open_ticket"]
    assert {step.fields["channel"] for step in openings} == {"mail", "form", "chat", "phone", "letter"}
    assert {step.fields["language"] for step in openings} == {"en", "de", "fr", "es", "pl"}
    assert any(len(step.fields["body"]) > 60_000 for step in openings)
    assert any(step.at.weekday() > 4 for step in openings)
    assert any(step.at.hour < 5 for step in openings)


def test_every_life_is_in_order_and_ends_before_the_anchor() -> None:
    for life in make_plan().lives:
        times = [step.at for step in life.steps]
        assert times == sorted(times)
        assert times[-1] <= ANCHOR
        assert times[0] >= ANCHOR - timedelta(days=DAYS + 1)


def test_work_begins_on_the_next_working_day() -> None:
    saturday = ANCHOR.replace(hour=12) + timedelta(days=1)
    assert at_work(saturday) == ANCHOR.replace(hour=8) + timedelta(days=3)


def test_a_small_sample_plays_in_memory_and_twice_records_nothing_more() -> None:
    plan = make_plan(40)
    with TicketCore.in_memory() as core:
        first = play(core, plan)
        head = core.log.head()
        again = play(core, plan)
        assert (first.commands, first.repeated) == (commands_of(plan), 0)
        assert (again.commands, again.repeated) == (commands_of(plan), commands_of(plan))
        assert core.log.head() == head
        assert again.tickets == first.tickets


@pytest.mark.servers
@pytest.mark.slow
def test_the_whole_sample_is_recorded_once_and_reported(database: str, tmp_path: Path) -> None:
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=True)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        played = play(core, make_plan())
        core.catch_up()
    found = report(database)
    assert value(found, "tickets") == len(played.tickets)
    for name in (
        "reopenings",
        "score_mean",
        "first_reply_median_hours",
        "sla_breached_percent",
        "one_touch_percent",
        "merged_tickets",
    ):
        assert value(found, name), name
    assert found.source == ()
