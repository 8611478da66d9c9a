"""Whatever a message holds: it is a relay's, or it is told as foreign; nothing else is raised."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.kafka.message import NotOurs, received

OURS = {
    "ce_id": b"01890a5d-ac96-774b-bcce-b302099a8057:3",
    "ce_type": b"ticket.opened",
    "ce_source": b"urn:ticketcore:log:main:01890a5d-ac96-774b-bcce-b302099a8057",
    "ce_time": b"2026-01-02T03:04:05.000006Z",
    "ce_sequence": b"7",
    "ce_previous": b"4",
}


@dataclass
class Consumed:
    headers: Any
    key: bytes | None = b"key"
    value: bytes | None = b"{}"


ANYTHING = st.one_of(
    st.none(), st.binary(max_size=40), st.text(max_size=5), st.integers(), st.integers().map(lambda n: b"%d" % n)
)


def test_a_relays_message_is_read() -> None:
    got = received(Consumed(list(OURS.items())))
    assert (got.record.position, got.previous, got.record.originator_version) == (7, 4, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: None} for name in OURS),
        {"ce_time": b"2026-01-02T03:04:05"},
        {"ce_sequence": b"0"},
        {"ce_sequence": b"-1"},
        {"ce_sequence": b"%d" % 2**63},
        {"ce_sequence": b"9" * 5_000},
        {"ce_previous": b"7"},
        {"ce_id": OURS["ce_id"][:-1] + b"%d" % 2**31},
        {"ce_source": "text"},
    ],
)
def test_a_message_with_one_header_that_no_relay_writes_is_foreign(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotOurs):
        received(Consumed(list((OURS | wrong).items())))


@given(st.dictionaries(st.sampled_from(sorted(OURS)), ANYTHING))
@example({"ce_id": None})
def test_no_header_makes_it_raise_anything_else(wrong: dict[str, Any]) -> None:
    try:
        got = received(Consumed(list((OURS | wrong).items())))
    except NotOurs:
        return
    assert isinstance(got.source, bytes)
    assert 0 <= got.previous < got.record.position < 2**63
    assert got.record.recorded_at.utcoffset() is not None


@given(st.one_of(st.none(), st.lists(st.tuples(st.text(max_size=12), ANYTHING))))
def test_headers_of_any_names_are_foreign(headers: Any) -> None:
    with pytest.raises(NotOurs):
        received(Consumed(headers))
