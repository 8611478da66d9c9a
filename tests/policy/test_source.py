"""Policy documents are read whole, and every mistake is told with line and column."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from ticketcore.domain.priority import ITIL
from ticketcore.domain.types import Priority, SlaTarget, Status
from ticketcore.policy.document import PolicyDocument
from ticketcore.policy.errors import BadPolicy
from ticketcore.policy.source import load_policy

WHOLE = """
name: default
calendar: office
calendars:
  office: {zone: Europe/Berlin, hours: {mon-fri: ["09:00-12:30", "13:00-17:30"]}}
  always: {zone: UTC, hours: always}
teams:
  service-desk: {assign: round_robin, keep_last_agent: false}
  accounts: {}
default_team: service-desk
classification:
  - rule: refunds
    when: {any: [{field: subject, contains_any: [refund, money back]}, {field: body, matches: '\\brefunds?\\b'}]}
    set: {category: billing, subcategory: refund, add_tags: [refund], impact: medium, urgency: high}
priority:
  matrix:
    high: {high: critical, medium: high, low: normal}
    medium: {high: high, medium: normal, low: low}
    low: {high: normal, medium: low, low: low}
  default: low
  rules: [{rule: vip, when: {field: organisation, in: [C-2026-000007-C]}, set: {priority: high}}]
routing:
  - {rule: billing, when: {all: [{field: category, is: billing}], none: [{field: tags, contains: spam}]}, team: accounts, skills: [refunds]}
sla:
  - rule: nights
    when: {field: opened, not_within: office}
    calendar: always
    targets: {critical: {first_reply: 30m}}
  - rule: standard
    when: {}
    targets: {critical: {first_reply: 30m, next_reply: 1h, resolution: 4h}, normal: {resolution: 40h}}
    pause_on: [pending, on_hold]
    pause_first_reply_on: [on_hold]
    warn: [80%, 15m]
follow_up:
  - {rule: remind, when: {field: status, is: pending}, after: 3d, repeat: 2, do: [{mail: reminder}]}
  - {rule: escalate, when: {field: sla.resolution, is: breached}, after: 0s, since: opened, do: [{raise_priority: 1}, {assign: {team: accounts}}, {notify: ["team:accounts", "agent:ana"]}]}
  - {rule: survey, when: {field: status, is: solved}, after: {business: 16h}, since: solved, do: [survey, close, {add_tags: [asked]}, {checklist: hardware-return}, {note: Done.}]}
checklists:
  hardware-return: {when: {field: tags, contains: hardware}, steps: [label printed, device wiped], required: true}
  by-hand: {steps: [one]}
reopening: {window: 14d}
"""  # fmt: skip

FOLDER = Path(__file__).parent


def test_a_whole_document_is_read() -> None:
    document = load_policy(WHOLE)
    assert document.name == "default"
    assert document.sla[1].targets[Priority.CRITICAL].promised == {
        SlaTarget.FIRST_REPLY: timedelta(minutes=30),
        SlaTarget.NEXT_REPLY: timedelta(hours=1),
        SlaTarget.RESOLUTION: timedelta(hours=4),
    }
    assert document.sla[1].pause_on == (Status.PENDING, Status.ON_HOLD)
    assert [warn.percent or warn.left for warn in document.sla[1].warn] == [80, timedelta(minutes=15)]
    assert document.priority.matrix.pairs == ITIL
    assert document.follow_up[2].after.business == timedelta(hours=16)
    assert [action.kind for action in document.follow_up[2].do] == ["survey", "close", "add_tags", "checklist", "note"]
    assert document.checklists["by-hand"].when is None
    assert document.reopening is not None
    assert document.reopening.window == timedelta(days=14)


def test_a_name_alone_is_a_policy_that_does_nothing() -> None:
    document = load_policy("name: quiet")
    assert document == PolicyDocument(name="quiet")
    assert document.priority.matrix.pairs == ITIL
    assert document.priority.default is Priority.NORMAL


def test_what_a_document_dumps_is_read_as_the_same() -> None:
    document = load_policy(WHOLE)
    for exclude in (True, False):
        dumped = document.model_dump(mode="json", exclude_none=True, exclude_defaults=exclude)
        assert load_policy(yaml.safe_dump(dumped, allow_unicode=True)) == document


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    """What is told of faulty.yaml stands in faulty.txt, word by word."""
    with pytest.raises(BadPolicy) as caught:
        load_policy((FOLDER / "faulty.yaml").read_text("utf-8"), "faulty.yaml", templates=("reminder",))
    told = (FOLDER / "faulty.txt").read_text("utf-8")
    assert f"{caught.value}\n" == told
    assert caught.value.exit_code == 2
    assert [mistake.line for mistake in caught.value.mistakes] == sorted(m.line for m in caught.value.mistakes)


def test_a_repetition_needs_time_between() -> None:
    text = "name: a\nfollow_up:\n  - {rule: a, when: {}, after: 0s, repeat: 3, do: [close]}\n"
    with pytest.raises(BadPolicy, match=r"line 3, column 5 \(follow_up.0\): it repeats 3 times with no time between, expected after of more than 0s"):  # fmt: skip
        load_policy(text)


def test_a_warning_comes_before_its_promise_begins() -> None:
    text = "name: a\ncalendar: c\ncalendars: {c: {zone: UTC, hours: always}}\nsla:\n  - {rule: a, when: {}, warn: [4h], targets: {high: {first_reply: 4h}}}\n"
    with pytest.raises(
        BadPolicy, match=r"it warns 4h before, and promises 4h, expected less than every priority's longest promise"
    ):
        load_policy(text)


def test_working_time_needs_a_calendar() -> None:
    text = "name: a\nsla:\n  - {rule: a, when: {}, targets: {high: {first_reply: 4h}}}\nfollow_up:\n  - {rule: b, when: {}, after: {business: 4h}, do: [close]}\n"
    with pytest.raises(BadPolicy) as caught:
        load_policy(text)
    assert [(mistake.line, mistake.problem) for mistake in caught.value.mistakes] == [
        (3, "it has no calendar"),
        (5, "it has no calendar"),
    ]


def test_names_stand_once_in_their_section() -> None:
    rule = "  - {rule: a, when: {}, set: {category: x}}\n"
    with pytest.raises(BadPolicy, match=r"line 4, column 5 \(classification.1\): the rule 'a' stands twice"):
        load_policy("name: a\nclassification:\n" + rule + rule)


@pytest.mark.parametrize("text", ["- a", "a", "~", "name", "[]"])
def test_what_is_no_table_is_no_policy(text: str) -> None:
    with pytest.raises(BadPolicy, match="expected keys like `name: default`"):
        load_policy(text)
