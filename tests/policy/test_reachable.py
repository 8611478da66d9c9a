"""What can never be due is refused before a policy is adopted: then no ticket's clock ends in nothing."""

from __future__ import annotations

import pytest

from ticketcore.policy.errors import BadPolicy
from ticketcore.policy.source import check_policy, load_policy

HEAD = "name: p\ncalendar: office\ncalendars:\n"
OFFICE = "  office: {zone: Europe/Berlin, hours: {mon-fri: ['09:00-17:00']}, holidays: {days: [%s]}}\n"
RULES = "sla:\n  - {rule: a, when: {}, targets: {normal: {resolution: %s}}}\n"


@pytest.mark.parametrize(
    ("days", "since"),
    [
        ("{date: 01-01, until: 12-31}", "2000-01-01"),
        ("{date: 2030-01-01, until: 2060-12-31}", "2030-01-01"),
        ("{date: 2030-01-01, until: 2045-12-31}, {date: 2046-01-01, until: 2055-12-31}", "2030-01-01"),
    ],
)
def test_a_calendar_in_which_nobody_works_for_twenty_years(days: str, since: str) -> None:
    text = HEAD + OFFICE % days
    told = rf"line 4, column 11 \(calendars.office\): it has no working time for 20 years from {since}, expected working time on some day \(look at its hours and its own days\)"
    with pytest.raises(BadPolicy, match=told):
        check_policy(text)
    assert load_policy(text).name == "p", "one that was adopted is read for ever"


@pytest.mark.parametrize("days", ["", "{date: 2030-01-01, until: 2045-12-31}", "{date: 02-01, until: 12-31}"])
def test_a_calendar_in_which_somebody_works_at_last_can_be_adopted(days: str) -> None:
    assert check_policy(HEAD + OFFICE % days + RULES % "2000h").sla


def test_a_duration_that_its_calendar_does_not_hold_in_fifty_years() -> None:
    seldom = "  office: {zone: UTC, hours: {mon: ['09:00-09:10']}}\n"
    follow = "follow_up:\n  - {rule: f, when: {}, after: {business: 500h}, do: [{note: Late.}]}\n"
    with pytest.raises(BadPolicy) as caught:
        check_policy(HEAD + seldom + RULES % "2000h" + follow)
    problem = "is more than the calendar 'office' has in 50 years"
    assert [(mistake.line, mistake.problem) for mistake in caught.value.mistakes] == [
        (6, f"2000h {problem}"),
        (8, f"500h {problem}"),
    ]
    assert check_policy(HEAD + seldom + RULES % "400h").sla


def test_a_promise_that_depends_on_what_became_of_another() -> None:
    rule = "  - {rule: slow, when: {any: [{field: team, is: a}, {field: sla.first_reply, is: breached}]}, targets: {normal: {resolution: 9h}}}\n"
    text = HEAD + OFFICE % "" + RULES % "8h".replace("a, when", "z, when")
    told = r"line 6, column \d+ \(sla.0.when\): the rule 'slow' promises by sla.first_reply, what became of a promise, expected a condition without the fields sla.\* \(let a follow-up rule act on it\)"
    with pytest.raises(BadPolicy, match=told):
        check_policy(text.replace("sla:\n", "sla:\n" + rule))
