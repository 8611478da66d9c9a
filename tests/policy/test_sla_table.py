"""The table of docs/sla.md, row by row: given a policy and what happens, then what is recorded of promises, and when."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.policy.sla_cases import CASES

PAGE = (Path(__file__).parents[2] / "docs" / "sla.md").read_text(encoding="utf-8").partition("## Cases")[2]
for _name in ("beginning", "pausing", "changes", "policies", "afterwards"):
    pytest.register_assert_rewrite(f"tests.policy.sla_cases.{_name}")
    import_module(f"tests.policy.sla_cases.{_name}")


def test_every_row_has_a_case_and_every_case_a_row_in_the_same_order() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert [name for name in rows if name != "case"] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_the_page(name: str) -> None:
    CASES[name]()
