"""Rules that can never count are refused with the lines of both; what is refused so never counts indeed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.routing_day import Day
from ticketcore.policy.conditions import Condition
from ticketcore.policy.contradictions import dead_rules
from ticketcore.policy.errors import BadPolicy
from ticketcore.policy.facts import Facts
from ticketcore.policy.logic import Budget, formula, impossible
from ticketcore.policy.source import check_policy, load_policy

DAY = datetime(2026, 3, 2, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "channel": ["mail", "phone", "chat"],
    "category": [None, "billing", "bills", "other"],
    "tags": [frozenset(), frozenset("a"), frozenset("b"), frozenset("ab")],
    "subject": [None, ("",), ("a refund",), ("my money is back",)],
    "body": [None, ("a refund",), ("refunds",), ("money back",)],
    "reopens": [0, 1, 2, 3, 4],
    "age": [timedelta(0), timedelta(hours=1), timedelta(hours=2)],
    "opened": [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)],
    "opened.time": [time(0), time(9), time(12), time(23)],
    "has_attachments": [True, False],
}
WORDS = ["refund", "refund*", "money back", "money", "*back"]
LEAVES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"field": st.just("channel"), "is": st.sampled_from(["mail", "phone"])}),
    st.fixed_dictionaries({"field": st.just("channel"), "not_in": st.sampled_from([["mail"], ["mail", "phone"]])}),
    st.fixed_dictionaries({"field": st.just("category"), "in": st.sampled_from([["billing"], ["billing", "other"]])}),
    st.fixed_dictionaries({"field": st.just("category"), "starts_with": st.sampled_from(["bill", "billi", "o"])}),
    st.fixed_dictionaries({"field": st.just("category"), "is_not": st.sampled_from(["billing", "bills"])}),
    st.fixed_dictionaries({"field": st.just("tags"), "contains_any": st.sampled_from([["a"], ["a", "b"]])}),
    st.fixed_dictionaries({"field": st.just("tags"), "contains_all": st.sampled_from([["a"], ["a", "b"]])}),
    st.fixed_dictionaries({"field": st.just("tags"), "not_contains": st.sampled_from("ab")}),
    st.fixed_dictionaries({"field": st.sampled_from(["tags", "subject", "reopens", "category"]), "is_set": st.booleans()}),
    st.fixed_dictionaries({"field": st.just("subject"), "contains": st.sampled_from(WORDS)}),
    st.fixed_dictionaries({"field": st.just("subject"), "not_contains": st.sampled_from(WORDS)}),
    st.fixed_dictionaries({"field": st.just("subject"), "contains_all": st.lists(st.sampled_from(WORDS), min_size=1, max_size=2)}),
    st.fixed_dictionaries({"field": st.sampled_from(["subject", "text"]), "is": st.sampled_from(["a refund", "refunds"])}),
    st.fixed_dictionaries({"field": st.sampled_from(["subject", "text"]), "starts_with": st.sampled_from(["a", "my m", "refund"])}),
    st.fixed_dictionaries({"field": st.just("text"), "contains": st.sampled_from(WORDS)}),
    st.fixed_dictionaries({"field": st.just("text"), "not_contains": st.sampled_from(WORDS)}),
    st.fixed_dictionaries({"field": st.just("subject"), "matches": st.sampled_from(["^a", "back$"])}),
    st.fixed_dictionaries({"field": st.just("reopens"), "above": st.sampled_from("0123")}),
    st.fixed_dictionaries({"field": st.just("reopens"), "below": st.sampled_from("0123")}),
    st.fixed_dictionaries({"field": st.just("reopens"), "between": st.sampled_from([["0", "1"], ["1", "3"], ["2", "2"]])}),
    st.fixed_dictionaries({"field": st.just("age"), "above": st.sampled_from(["30m", "90m"])}),
    st.fixed_dictionaries({"field": st.just("opened"), "before": st.sampled_from(["2026-03-02", "2026-03-03"])}),
    st.fixed_dictionaries({"field": st.just("opened"), "after": st.sampled_from(["2026-03-02", "2026-03-03T00:00:00Z"])}),
    st.fixed_dictionaries({"field": st.just("opened"), "not_within": st.just("office")}),
    st.fixed_dictionaries({"field": st.just("opened"), "within": st.just("office")}),
    st.fixed_dictionaries({"field": st.just("opened.time"), "between": st.sampled_from([["09:00", "17:00"], ["22:00", "06:00"]])}),
    st.fixed_dictionaries({"field": st.just("has_attachments"), "is": st.booleans()}),
)  # fmt: skip
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.dictionaries(
        st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=2
    ),
    max_leaves=5,
)


def with_whole_text(values: dict[str, Any]) -> dict[str, Any]:
    """The text is subject and body, those of them that there are."""
    return {**values, "text": (*(values["subject"] or ()), *(values["body"] or ())) or None}


class _Office:
    def is_open(self, at: datetime) -> bool:
        return at.day == 3


def read(written: dict[str, Any]) -> Condition:
    return Condition.model_validate(written)


def facts_of(values: dict[str, Any]) -> Facts:
    return Facts({name: lambda value=value: value for name, value in values.items()}, {"office": _Office()})  # type: ignore[misc]


@settings(max_examples=400)
@given(
    st.lists(CONDITIONS, min_size=1, max_size=3),
    st.lists(
        st.fixed_dictionaries({name: st.sampled_from(ones) for name, ones in VALUES.items()}).map(with_whole_text),
        min_size=20, max_size=40,
    ),
)  # fmt: skip
def test_what_is_proven_impossible_never_happens(written: list[dict[str, Any]], cases: list[dict[str, Any]]) -> None:
    *before, last = map(read, written)
    formulas = [formula(last), *(formula(one, positive=False) for one in before)]
    dead = impossible(formulas, UTC)
    for case in map(facts_of, cases):
        first = last.matches(case) and not any(one.matches(case) for one in before)
        assert not (dead and first)


@given(CONDITIONS)
def test_a_condition_and_its_opposite_never_hold_together(written: dict[str, Any]) -> None:
    condition = read(written)
    assert impossible([formula(condition), formula(condition, positive=False)], UTC)


@pytest.mark.parametrize(
    "condition",
    [
        {"all": [{"field": "channel", "is": "mail"}, {"field": "channel", "is": "phone"}]},
        {"all": [{"field": "channel", "in": ["mail", "chat"]}, {"field": "channel", "not_in": ["mail", "chat"]}]},
        {"all": [{"field": "reopens", "above": "3"}, {"field": "reopens", "below": "3"}]},
        {"all": [{"field": "age", "above": "2h"}], "none": [{"field": "age", "above": "1h"}]},
        {"all": [{"field": "tags", "contains": "a"}, {"field": "tags", "not_contains": "a"}]},
        {"all": [{"field": "tags", "contains": "a"}, {"field": "tags", "is_set": False}]},
        {"all": [{"field": "subject", "contains": "money back please"}], "none": [{"field": "subject", "contains": "money back"}]},
        {"all": [{"field": "opened", "before": "2026-01-01"}, {"field": "opened", "after": "2026-01-01"}]},
        {"all": [{"field": "opened.time", "between": ["22:00", "06:00"]}, {"field": "opened.time", "between": ["06:00", "22:00"]}]},
        {"all": [{"field": "opened", "within": "office"}, {"field": "opened", "not_within": "office"}]},
        {"all": [{"field": "has_attachments", "is": True}, {"field": "has_attachments", "is": False}]},
        {"none": [{"field": "category", "is_set": True}, {"field": "category", "is_set": False}]},
        {"all": [{"field": "subject", "is": "a"}, {"field": "subject", "is": "b"}]},
        {"all": [{"field": "subject", "is": "a refund"}], "none": [{"field": "subject", "contains": "refund"}]},
        {"all": [{"field": "text", "is": "a refund"}], "none": [{"field": "text", "starts_with": "a "}]},
        {"all": [{"field": "subject", "is": "a refund"}, {"field": "subject", "contains": "parcel"}]},
        {"all": [{"field": "body", "starts_with": "a"}, {"field": "body", "starts_with": "b"}]},
        {"all": [{"field": "subject", "contains": "refund"}], "none": [{"field": "text", "contains": "refund*"}]},
        {"all": [{"field": "category", "starts_with": "a"}, {"field": "category", "starts_with": "b"}]},
        {"all": [{"field": "category", "ends_with": "ab"}], "none": [{"field": "category", "ends_with": "b"}]},
        {"all": [{"field": "reopens", "above": "2"}, {"field": "reopens", "below": "3"}]},
        {"all": [{"field": "history.open", "below": "0"}]},
        {"all": [{"field": "score", "above": "5"}]},
        {"all": [{"field": "age", "below": "0s"}]},
        {"none": [{"field": "channel", "in": ["mail", "chat"]}, {"field": "channel", "not_in": ["mail", "chat"]}]},
        {"none": [{"field": "channel", "is_set": True}]},
        {"none": [{"field": "tags", "contains": "a"}, {"field": "tags", "not_contains": "a"}]},
        {"none": [{"field": "opened", "within": "office"}, {"field": "opened", "not_within": "office"}]},
        {"none": [{"field": "opened.time", "before": "12:00"}, {"field": "opened.time", "after": "12:00"}]},
        {"none": [{"field": "opened.weekday", "in": ["mon", "tue", "wed", "thu", "fri"]}, {"field": "opened.weekday", "in": ["sat", "sun"]}]},
        {"none": [{"field": "reopens", "above": "0"}, {"field": "reopens", "is": "0"}]},
        {"none": [{"field": "has_attachments", "is": True}, {"field": "has_attachments", "is": False}]},
        {"any": [{"all": [{"field": "category", "is": x}, {"field": "category", "is_not": x}]} for x in "ab"]},
    ],
)  # fmt: skip
def test_contradictions_of_every_kind_are_found(condition: dict[str, Any]) -> None:
    assert impossible([formula(read(condition))], UTC)


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"all": [{"field": "text", "is": "a"}, {"field": "text", "is": "b"}]},
        {"all": [{"field": "text", "starts_with": "a"}, {"field": "text", "starts_with": "b"}]},
        {"all": [{"field": "category", "starts_with": "a"}, {"field": "category", "ends_with": "b"}]},
        {"all": [{"field": "category", "starts_with": "ab"}, {"field": "category", "ends_with": "bc"}]},
        {"all": [{"field": "category", "starts_with": "a"}], "none": [{"field": "category", "starts_with": "ab"}]},
        {"all": [{"field": "category", "starts_with": "a"}, {"field": "category", "matches": "^b"}]},
        {"all": [{"field": "reopens", "above": "2"}, {"field": "reopens", "below": "4"}]},
        {"all": [{"field": "score", "above": "4"}]},
        {"all": [{"field": "subject", "contains": "rela*"}], "none": [{"field": "subject", "contains": "relax"}]},
        {"all": [{"field": "subject", "contains": "*fa"}], "none": [{"field": "subject", "contains": "xfa"}]},
        {"all": [{"field": "subject", "is": "a"}], "none": [{"field": "subject", "contains": "b"}]},
        {"all": [{"field": "text", "contains": "refund"}], "none": [{"field": "subject", "contains": "refund"}]},
        {"all": [{"field": "text", "contains": "refund"}, {"field": "subject", "not_contains": "refund"}]},
        {"none": [{"field": "category", "is": "x"}, {"field": "category", "is_not": "x"}]},
        {"none": [{"field": "subject", "contains": "x"}, {"field": "subject", "not_contains": "x"}]},
        {"all": [{"field": "subject", "contains": "refund"}], "none": [{"field": "subject", "contains": "fund"}]},
    ],
)  # fmt: skip
def test_what_may_be_is_let_pass(condition: dict[str, Any]) -> None:
    assert not impossible([formula(read(condition))], UTC)


ROUTING = """name: a
default_team: desk
teams: {desk: {}, bills: {}}
routing:
  - {rule: mail, when: {field: channel, is: mail}, team: desk}
  - {rule: phone, when: {field: channel, is: phone}, team: desk}
"""


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{all: [{field: channel, is: mail}, {field: category, is: x}]}", r"line 7, column 5 \(routing.2\): the rule 'late' never counts: wherever it holds, 'mail' \(line 5\) counts before it, expected a case for every rule"),
        ("{field: channel, in: [mail, phone]}", r"never counts: wherever it holds, one of 'mail', 'phone' \(line 5, line 6\) counts before it"),
        ("{none: [{field: channel, in: [mail, phone, chat]}]}, team: desk}\n  - {rule: web, when: {field: channel, is: chat}, team: desk}\n  - {rule: words, when: {field: text, contains: x}", r"line 9, column 5 \(routing.4\): the rule 'words' never counts: wherever it holds, one of 'mail', 'phone', 'late', 'web' \(line 5, line 6, line 7, line 8\) counts before it"),
        ("{all: [{field: channel, is: form}, {field: channel, is: chat}]}", r"line 7, column 5 \(routing.2\): the condition of 'late' contradicts itself: it holds of no ticket"),
    ],
)  # fmt: skip
def test_a_rule_that_never_counts_is_refused_with_the_lines_of_those_before_it(rule: str, told: str) -> None:
    text = f"{ROUTING}  - {{rule: late, when: {rule}, team: bills}}\n"
    with pytest.raises(BadPolicy, match=told):
        check_policy(text)
    assert load_policy(text).routing[2].rule == "late"  # what was adopted once is read for ever


def test_a_rule_that_looks_at_the_subject_never_counts_after_one_that_looks_at_the_whole_text() -> None:
    rules = (
        "{rule: whole, when: {field: text, contains: x}, team: x}",
        "{rule: part, when: {field: subject, contains: x}, team: x}",
    )
    text = "name: a\ndefault_team: x\nteams: {x: {}}\nrouting:\n  - %s\n  - %s\n"
    with pytest.raises(BadPolicy, match=r"'part' never counts: wherever it holds, 'whole' \(line 5\) counts before it"):
        check_policy(text % rules)
    check_policy(text % rules[::-1])


def test_of_a_very_large_document_only_so_much_is_compared() -> None:
    def found(rules: int, budget: Budget) -> int:
        words = (", ".join(f"word-{n}-{k}" for k in range(15)) for n in range(rules))
        lines = [
            f"{{rule: r{n}, when: {{field: text, contains_any: [{some}]}}, team: x}}" for n, some in enumerate(words)
        ]
        lines.append("{rule: late, when: {field: text, contains: word-0-3}, team: x}")
        text = "name: a\ndefault_team: x\nteams: {x: {}}\nrouting:\n" + "".join(f"  - {line}\n" for line in lines)
        return len(list(dead_rules(load_policy(text), budget)))

    assert found(200, enough := Budget()) == 1
    assert enough.left > 0
    assert found(200, scarce := Budget(10_000)) == 0
    assert scarce.left < 0


def test_nothing_follows_a_rule_for_every_ticket() -> None:
    with pytest.raises(BadPolicy, match=r"'late' never counts: wherever it holds, 'all' \(line 7\) counts before it"):
        check_policy(
            f"{ROUTING}  - {{rule: all, when: {{}}, team: bills}}\n  - {{rule: late, when: {{field: team, is: x}}, team: bills}}\n"
        )
    assert check_policy(f"{ROUTING}  - {{rule: all, when: {{}}, team: bills}}\n").routing[2].when.always


@pytest.mark.parametrize(
    "condition", ["{field: team, is: desk}", "{field: team, is_set: false}", "{none: [{field: team, is: bills}]}"]
)
def test_a_route_that_its_own_team_undoes_is_refused(condition: str) -> None:
    route = "  - {rule: flips, when: %s, team: bills}\n"
    with pytest.raises(
        BadPolicy, match=r"line 7.*'flips' does not hold once the team is 'bills', and another one counts then"
    ):
        check_policy(ROUTING + route % condition)
    check_policy(ROUTING + route % "{field: team, is_not: desk}")
    with pytest.raises(BadPolicy, match="'flips' does not hold once an agent of 'bills' has the ticket"):
        check_policy(ROUTING + route % "{field: agent, is_set: false}")
    by_itself = ROUTING.replace("bills: {}", "bills: {assign: none}")
    check_policy(by_itself + route % "{field: agent, is_set: false}")


LOST = "  - {rule: lost, when: {field: text, contains: lost}, set: {category: parcel}}\n"


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (
            "  - {rule: a, when: {field: category, is: parcel}, set: {category: other}}\n"
            "  - {rule: b, when: {field: category, is: other}, set: {category: parcel}}\n" + LOST,
            r"line 4, column 5 \(classification.1\): the rules 'a' \(line 3\) and 'b' undo each other without end, once 'lost' counted",
        ),
        (
            "  - {rule: a, when: {field: category, is: parcel}, set: {category: other}}\n" + LOST,
            r"the rules 'a' \(line 3\) and 'lost' undo each other without end, once 'lost' counted",
        ),
        (
            "  - {rule: urgent, when: {field: priority, is: low}, set: {impact: high, urgency: high}}\n"
            "  - {rule: calm, when: {field: priority, is: critical}, set: {impact: low, urgency: low}}\n" + LOST,
            r"the rules 'urgent' \(line 3\) and 'calm' undo each other without end, once 'lost' counted",
        ),
    ],
)  # fmt: skip
def test_classifications_that_undo_each_other_are_refused(rules: str, told: str) -> None:
    with pytest.raises(BadPolicy, match=told):
        check_policy(f"name: a\nclassification:\n{rules}priority: {{default: low}}\n")


@pytest.mark.parametrize(
    "rules",
    [
        LOST + "  - {rule: a, when: {field: category, is: parcel}, set: {category: other}}\n",
        "  - {rule: a, when: {field: category, is_set: false}, set: {category: other}}\n" + LOST,
        "  - {rule: a, when: {field: category, is: parcel}, set: {category: other}}\n",
        "  - {rule: a, when: {all: [{field: tags, contains: x}], none: [{field: tags, contains: y}]}, set: {add_tags: [y]}}\n"
        + LOST.replace("category: parcel", "add_tags: [x]"),
    ],
)
def test_classifications_that_come_to_rest_are_let_pass_and_do(rules: str) -> None:
    text = f"name: a\nteams: {{desk: {{}}}}\ndefault_team: desk\nclassification:\n{rules}"
    check_policy(text)
    day = Day(text)
    ticket = day.open_and_work("a lost parcel")
    assert day.owner(ticket)[0] == "desk"
    assert day.works(hours=1).commands == 0


def test_a_follow_up_that_brings_itself_about_at_once_is_refused() -> None:
    rule = "  - {rule: spin, when: {field: status, is: solved}, after: %s, since: status, do: [reopen, solve]}\n"
    with pytest.raises(BadPolicy, match="'spin' brings about what it waits for, at once and without end"):
        check_policy("name: a\nfollow_up:\n" + rule % "0s")
    check_policy("name: a\nfollow_up:\n" + rule % "1d")


@pytest.mark.parametrize(
    ("since", "status", "told"),
    [
        ("closed", "pending", "'late' counts since closed, and its condition asks for a ticket that is not: it is never followed"),
        ("solved", "open", "'late' counts since solved, and its condition asks for a ticket that is not"),
        ("closed", "solved", "'late' counts since closed"),
        ("solved", "closed", None),
        ("closed", "closed", None),
        ("status", "open", None),
        ("opened", "closed", None),
    ],
)  # fmt: skip
def test_a_follow_up_whose_condition_and_basis_exclude_each_other_is_refused(
    since: str, status: str, told: str | None
) -> None:
    rule = f"{{rule: late, when: {{field: status, is: {status}}}, after: 1d, since: {since}, do: [{{note: x}}]}}"
    text = f"name: a\nfollow_up:\n  - {rule}\n"
    if told is None:
        check_policy(text)
    else:
        with pytest.raises(BadPolicy, match=rf"line 3, column 5 \(follow_up.0\): the rule {told}"):
            check_policy(text)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("open 0s pend, pending 0s resume", r"'r0' \(line 3\) and 'r1' bring about what they wait for"),
        ("pending 0s hold, on_hold 0s solve, solved 0s reopen, open 0s pend", r"'r0', 'r1', 'r2' \(line 3, line 4, line 5\) and 'r3' bring about what they wait for"),
        ("solved 0s reopen, open 0s solve", r"'r0' \(line 3\) and 'r1' bring about what they wait for"),
        ("open 0s pend, pending 1h resume", None),
        ("open 0s pend, pending 0s solve", None),
        ("open 0s pend, pending 0s solve, solved 0s close", None),
    ],
)  # fmt: skip
def test_follow_ups_that_answer_each_other_at_once_are_refused(rules: str, told: str | None) -> None:
    text = "name: a\nfollow_up:\n"
    for number, rule in enumerate(rules.split(", ")):
        status, after, action = rule.split()
        text += f"  - {{rule: r{number}, when: {{field: status, is: {status}}}, after: {after}, do: [{action}]}}\n"
    if told is None:
        check_policy(text)
    else:
        with pytest.raises(BadPolicy, match=told + ", at once and without end"):
            check_policy(text)


@pytest.mark.parametrize(
    ("one", "other", "opposed"),
    [
        ("close", "reopen", True),
        ("{set_priority: high}", "{set_priority: low}", True),
        ("{assign: {team: a}}", "{assign: {team: b}}", True),
        ("close", "{mail: closing}", False),
        ("close", "close", False),
    ],
)
def test_follow_ups_that_do_the_opposite_at_the_same_moment_are_refused(one: str, other: str, opposed: bool) -> None:
    rule = "  - {rule: %s, when: {field: status, is: solved}, after: %s, since: solved, do: [%s]}\n"
    head = "name: a\nteams: {a: {}, b: {}}\ndefault_team: a\nfollow_up:\n"
    text = head + rule % ("first", "1d", one) + rule % ("second", "1d", other)
    if opposed:
        with pytest.raises(
            BadPolicy, match=r"line 6, .*: the rules 'first' \(line 5\) and 'second' do the opposite at once"
        ):
            check_policy(text)
    else:
        check_policy(text)
    check_policy(head + rule % ("first", "1d", one) + rule % ("second", "2d", other))


def test_follow_ups_do_the_opposite_also_where_their_conditions_are_written_in_another_way() -> None:
    rule = "  - {rule: %s, when: %s, after: 1d, since: solved, do: [%s]}\n"
    one = "{all: [{field: status, is: solved}, {field: priority, in: [high, low]}]}"
    same = "{none: [{field: priority, not_in: [low, high]}, {field: priority, is_set: false}], any: [{field: status, in: [solved]}]}"
    less = "{all: [{field: status, is: solved}, {field: priority, is: high}]}"
    with pytest.raises(BadPolicy, match=r"'one' \(line 3\) and 'two' do the opposite at once"):
        check_policy("name: a\nfollow_up:\n" + rule % ("one", one, "close") + rule % ("two", same, "reopen"))
    check_policy("name: a\nfollow_up:\n" + rule % ("one", less, "close") + rule % ("two", one, "reopen"))
