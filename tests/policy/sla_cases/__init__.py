"""The cases of docs/sla.md: each is the row of the page that has its name, and no row is without one."""

from __future__ import annotations

from collections.abc import Callable

from tests.policy.life import CALENDARS

__all__ = ["CASES", "document", "row"]

CASES: dict[str, Callable[[], None]] = {}


def row(test: Callable[[], None]) -> Callable[[], None]:
    """Let a case stand for the row of the page that has its name."""
    CASES[test.__name__.replace("_", "-")] = test
    return test


def document(*rules: str) -> str:
    """Return a policy of these SLA rules, under the calendars of tests."""
    return f"name: plain\n{CALENDARS}sla:\n" + "".join(f"  - {{rule: r{n}, {rule}}}\n" for n, rule in enumerate(rules))
