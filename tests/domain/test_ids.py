from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.errors import BadNumber
from ticketcore.ids import (
    NUMBERED,
    Kind,
    Number,
    agent_stream_id,
    aggregate_id,
    check_digit,
    kind_of,
    number_of,
    parse_number,
    policy_id,
)

numbers = st.builds(
    Number, st.sampled_from(NUMBERED), st.integers(min_value=1000, max_value=4095), st.integers(1, (1 << 40) - 1)
)
logs = st.text(min_size=1, max_size=20)


@given(numbers, logs)
def test_a_number_and_its_id_hold_each_other(number: Number, log: str) -> None:
    id_ = aggregate_id(number, log)
    assert parse_number(number_of(id_)) == number
    assert kind_of(id_) is number.kind
    assert id_.version == 8
    assert id_.variant == "specified in RFC 4122"


@given(numbers, st.data())
def test_one_wrong_digit_is_always_caught(number: Number, data: st.DataObject) -> None:
    text = str(number)
    places = [i for i, c in enumerate(text) if c.isdecimal()]
    place = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != text[place]]))
    with pytest.raises(BadNumber):
        parse_number(text[:place] + digit + text[place + 1 :])


@given(numbers, st.data())
def test_swapped_neighbours_are_always_caught(number: Number, data: st.DataObject) -> None:
    text = str(number)
    places = [i for i, c in enumerate(text) if c.isdecimal()]
    pairs = [(a, b) for a, b in pairwise(places) if text[a] != text[b]]
    if not pairs:
        return
    a, b = data.draw(st.sampled_from(pairs))
    swapped = list(text)
    swapped[a], swapped[b] = swapped[b], swapped[a]
    with pytest.raises(BadNumber):
        parse_number("".join(swapped))


@given(numbers, numbers, logs)
def test_ids_of_a_log_sort_as_their_numbers_do(one: Number, other: Number, log: str) -> None:
    assert (aggregate_id(one, log) < aggregate_id(other, log)) == (one < other)


@given(numbers, logs, logs)
def test_two_logs_never_share_an_id(number: Number, one: str, other: str) -> None:
    assert (aggregate_id(number, one) == aggregate_id(number, other)) == (one == other)


@given(logs, logs, st.text(min_size=1, max_size=40))
def test_a_log_has_one_id_for_its_policies_and_one_for_each_agent(one: str, other: str, agent: str) -> None:
    for id_, again, elsewhere, kind in (
        (policy_id(one), policy_id(one), policy_id(other), Kind.POLICY),
        (agent_stream_id(agent, one), agent_stream_id(agent, one), agent_stream_id(agent, other), Kind.AGENT),
    ):
        assert kind_of(id_) is kind
        assert id_ == again
        assert (id_ == elsewhere) == (one == other)


@pytest.mark.parametrize("id_", [policy_id("main"), agent_stream_id("ana", "main")])
def test_policies_and_agents_have_no_numbers_that_can_be_given(id_: UUID) -> None:
    with pytest.raises(BadNumber, match="expected the shape T-YYYY-NNNNNN-C"):
        parse_number(number_of(id_))


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_bad_number(text: str) -> None:
    try:
        number = parse_number(text)
    except BadNumber:
        return
    assert parse_number(str(number)) == number


@given(st.integers(1_000_000, (1 << 40) - 1))
def test_a_leading_digit_that_became_a_zero_is_caught(counter: int) -> None:
    text = str(Number(Kind.TICKET, 2026, counter))
    with pytest.raises(BadNumber):
        parse_number(f"T-2026-0{text[8:]}")


def test_case_blanks_and_a_hash_do_not_matter() -> None:
    assert parse_number(" #t-2026-000042-6\n") == Number(Kind.TICKET, 2026, 42)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("T-2026-000042-7", "its check digit does not fit"),
        ("T-2026-000042", "expected the shape T-YYYY-NNNNNN-C"),
        ("X-2026-000042-6", "expected the shape T-YYYY-NNNNNN-C"),
        ("T-2026-0000٤2-6", "expected the shape"),
        ("C-2026-000042-6", "it names a customer, expected a ticket"),
        ("T-9999-000042-6", "its counter or year is out of range"),
    ],
)
def test_a_bad_number_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(BadNumber, match=problem):
        parse_number(text, Kind.TICKET)


def test_the_check_digit_is_damms() -> None:
    assert check_digit("572") == 4  # the example in Damm's thesis
    assert check_digit("5724") == 0


@pytest.mark.parametrize("id_", [uuid4(), UUID(int=0), UUID("06ffffff-ffff-8fff-bfff-ffffffffffff")])
def test_another_uuid_holds_no_number(id_: UUID) -> None:
    assert kind_of(id_) is None
    with pytest.raises(ValueError, match="cannot read a number from id"):
        number_of(id_)
