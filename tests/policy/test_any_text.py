"""Whatever is written in a policy: it is read, or every mistake is told; and what a rule saw holds no person's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.policy.conditions import Condition, saw
from ticketcore.policy.document import PolicyDocument
from ticketcore.policy.errors import BadPolicy, Mistake
from ticketcore.policy.facts import Facts
from ticketcore.policy.fields import FIELDS, OPERATORS, Kind
from ticketcore.policy.shipped import default_policy
from ticketcore.policy.source import check_policy

SHIPPED = default_policy()
SHORT = "name: a\nteams: {x: {}}\ndefault_team: x\nrouting:\n- {rule: r, when: {field: tags, contains: a}, team: x}\n"
KEYS = [
    *PolicyDocument.model_fields,
    "rule",
    "when",
    "do",
    "all",
    "any",
    "none",
    "field",
    "is",
    "matches",
    "within",
    "after",
    "set",
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.text(max_size=12),
    st.sampled_from([*KEYS, *FIELDS, "30m", "80%", "mon-fri", "09:00-17:00", "Europe/Berlin", "always", "2026-01-01", "("]),
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def mistakes(text: str) -> tuple[Mistake, ...]:
    try:
        check_policy(text)
    except BadPolicy as error:
        return error.mistakes or (Mistake(0, 0, "", "", "", ""),)
    return ()


def taken(text: str) -> None:
    """Read *text*: a document, or mistakes that have a place in it and say what to do."""
    lines = len(text.splitlines()) + 1
    for mistake in mistakes(text):
        assert 1 <= mistake.line <= lines
        assert mistake.column >= 1
        assert mistake.problem
        assert mistake.expected
        assert mistake.remedy


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    taken(text)


@settings(max_examples=300)
@given(TREES, st.dictionaries(st.sampled_from(KEYS), TREES, max_size=4))
def test_any_tree_of_values(tree: Any, more: dict[str, Any]) -> None:
    taken(yaml.safe_dump(tree, allow_unicode=True))
    taken(yaml.safe_dump({**yaml.safe_load(SHORT), **more}, allow_unicode=True))


@settings(max_examples=40)
@given(st.data())
def test_the_shipped_policy_with_something_cut_or_put_in(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SHIPPED)))
    upto = data.draw(st.integers(at, min(len(SHIPPED), at + 40)))
    taken(SHIPPED[:at] + data.draw(st.text(alphabet="{}[]:,-&*!'\" \n\tab0", max_size=6)) + SHIPPED[upto:])


def test_every_operator_that_fits_a_field_reads_its_value_and_tells_what_it_saw_without_a_persons_words() -> None:
    secret = "Sesame4711"
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    values: dict[Kind, Any] = {
        Kind.TEXT: (f"{secret} wants a refund from {secret}", secret), Kind.LABELS: frozenset({"a", "vip"}), Kind.NUMBER: 3,
        Kind.DURATION: timedelta(hours=3), Kind.INSTANT: now, Kind.CLOCK: now.time(), Kind.FLAG: True, Kind.LABEL: "a",
    }  # fmt: skip
    written: dict[Kind, Any] = {
        Kind.TEXT: "refund", Kind.LABEL: "a", Kind.LABELS: "a", Kind.NUMBER: "2", Kind.DURATION: "1h", Kind.INSTANT: "2026-01-01",
        Kind.CLOCK: "08:00", Kind.FLAG: "true",
    }  # fmt: skip
    asked = 0
    for name, field in FIELDS.items():
        value = field.choices[0] if field.choices else values[field.kind]
        facts = Facts({name: lambda value=value: value})  # type: ignore[misc]
        for operator in OPERATORS[field.kind]:
            one: Any = field.choices[0] if field.choices else written[field.kind]
            if operator in ("in", "not_in", "contains_any", "contains_all"):
                one = [one]
            elif operator == "between":
                one = [one, one]
            elif operator == "is_set":
                one = "true"
            elif operator in ("within", "not_within"):
                one = "office"
            condition = Condition.model_validate({"field": name, operator: one})
            condition.matches(facts)
            told = saw((condition,), facts)
            assert set(told) == {name}
            assert secret.lower() not in told[name].lower()
            asked += 1
    assert asked > len(FIELDS) * 3
