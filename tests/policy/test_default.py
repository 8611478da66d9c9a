"""The policy that ships is adopted without complaint, and leaves nothing open."""

from __future__ import annotations

from typing import Any

import pytest

from ticketcore.domain.priority import ITIL
from ticketcore.domain.types import Priority, SlaTarget
from ticketcore.policy.facts import Facts
from ticketcore.policy.shipped import default_policy
from ticketcore.policy.source import check_policy

DOCUMENT = check_policy(default_policy(), templates=("reminder", "closing", "escalated", "survey"))


def facts(**values: Any) -> Facts:
    return Facts({name: lambda value=value: value for name, value in values.items()})  # type: ignore[misc]


def test_every_ticket_goes_somewhere_and_is_promised_something_at_every_priority() -> None:
    assert DOCUMENT.default_team in DOCUMENT.teams
    assert DOCUMENT.sla[-1].when.always
    for rule in DOCUMENT.sla:
        assert set(rule.targets) == set(Priority)
        assert all(set(targets.promised) == set(SlaTarget) for targets in rule.targets.values())
    assert DOCUMENT.priority.matrix.pairs == ITIL


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("I was charged twice, please give me my money back", "refund"),
        ("Refunds?", "refund"),
        ("Meine Stromrechnung fehlt", "invoice"),
        ("Where is my parcel 4711?", "parcel"),
        ("Ich habe mein Passwort vergessen", "login"),
        ("Total system down since 9", "outage"),
        ("Our billboard is nice", None),
    ],
)
def test_first_messages_are_classified_by_their_words(text: str, rule: str | None) -> None:
    found = next((one.rule for one in DOCUMENT.classification if one.when.matches(facts(text=(text,)))), None)
    assert found == rule
