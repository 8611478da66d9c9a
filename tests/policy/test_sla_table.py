"""The table of docs/sla.md, row by row: given a policy and what happens, then what is recorded of promises, and when."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

from tests.policy.life import CALENDARS, Life
from tests.policy.sla_cases import CASES
from ticketcore.policy.source import check_policy

HEAD, _, CASES_OF_PAGE = (
    (Path(__file__).parents[2] / "docs" / "sla.md").read_text(encoding="utf-8").partition("## Cases")
)
for _name in ("beginning", "pausing", "changes", "policies", "afterwards"):
    pytest.register_assert_rewrite(f"tests.policy.sla_cases.{_name}")
    import_module(f"tests.policy.sla_cases.{_name}")


def test_every_row_has_a_case_and_every_case_a_row_in_the_same_order() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| [^|]+ \| [^|]+ \|$", CASES_OF_PAGE, re.MULTILINE)
    assert [name for name in rows if name != "case"] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_the_page(name: str) -> None:
    CASES[name]()


def test_the_rule_of_the_page_can_be_adopted() -> None:
    (rule,) = re.findall(r"^```yaml\n(.*?)^```", HEAD, re.DOTALL | re.MULTILINE)
    [found] = check_policy(f"name: page\n{CALENDARS}{rule}").sla
    assert [warn.percent or warn.left for warn in found.warn] == [80, timedelta(minutes=15)]


def test_a_decision_tells_what_is_promised_in_hours_as_a_day_of_working_time_is_none_of_24() -> None:
    rule = "{rule: all, when: {}, targets: {normal: {first_reply: 90m, resolution: 80h}}}"
    decided = Life(f"name: page\n{CALENDARS}sla:\n  - {rule}\n").opened().look().decisions()
    assert [(one.outcome["first_reply"], one.outcome["resolution"]) for one in decided] == [("1h30m", "80h")]
