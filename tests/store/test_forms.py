"""What a form reads equals what the validator reads, and what the validator refuses no form reads."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.memory import MemoryTables
from projections.schema import MODELS
from tests.projections.given import ListLog, histories
from tests.sealing.builders import TICKET
from tests.support.strategies import any_event, events
from ticketcore.domain.base import EVENT_CLASSES, Event
from ticketcore.domain.types import Frozen
from ticketcore.errors import UnknownEvent
from ticketcore.execution import project
from ticketcore.store.codec import Codec, read_by_validator
from ticketcore.store.forms import form

CODEC = Codec()
FORMS = {topic: form(cls) for topic, cls in EVENT_CLASSES.items()}
EXAMPLES = sorted(Path(__file__).parents[2].glob("schemas/examples/*/*.json"))
TIMES = [
    "2026-02-28T08:47:00Z", "2026-02-28T08:47:00.5Z", "2026-02-28T08:47:00.1234567Z", "2026-02-28T08:47:00.9999999Z",
    "2026-02-28t08:47:00z", "2026-02-28 08:47:00Z", "2026-02-28T08:47Z", "2026-02-28T08:47:00+01:00",
    "2026-02-28T08:47:00-00:00", "2026-02-28T08:47:00+0130", "0001-01-01T00:00:00+10:00", "2026-02-28T24:00:00Z",
    "2026-02-28T08:47:60Z", "2026-02-28T08:47:00,5Z", "2026-02-28", "2026-02-30T00:00:00Z", "2026-02-28T08:47:00", 1, 1.5,
]  # fmt: skip
TEXTS = [
    "", "a", "a" * 200, "a" * 201, "\U0001f600" * 200, "\U0001f600" * 201, "a\0b", "a\\u0000", '\x7f\b\n"', "ä", "1",
    "true", "a" * 64, "a" * 64 + "\n", "A" * 64, "agent", "AGENT", "mail", "open", "high", "1.12345678",
    "2e046fc2-989c-5bdf-9a5c-f77ee7089cb5", "2E046FC2989C5BDF9A5CF77EE7089CB5",
    "urn:uuid:2e046fc2-989c-5bdf-9a5c-f77ee7089cb5", "{2e046fc2-989c-5bdf-9a5c-f77ee7089cb5}",
]  # fmt: skip
OTHERS = [
    None,
    True,
    False,
    0,
    -1,
    1,
    5,
    6,
    1.0,
    2.5,
    2**31,
    2**63,
    2**64,
    10**30,
    [],
    {},
    [1],
    {"a": "b"},
    {"a": None},
    ["x"],
]


def read(topic: str, state: bytes) -> Event | None:
    found = FORMS[topic]
    assert found is not None
    event = found.event(state, TICKET, 3)
    plain = found.plain(state, TICKET, 3)
    assert (plain is None) == (event is None)
    if event is not None:
        assert stands_for(plain, event)
    return event


def stands_for(plain: Any, value: Any) -> bool:
    """Whether a fold can't tell *plain* from *value*."""
    if isinstance(value, Frozen) and type(plain) is not type(value):
        assert isinstance(plain, type(value))
        assert not isinstance(plain, next(cls for cls in EVENT_CLASSES.values() if cls is not type(value)))
        constants = ("TOPIC", "PERSONAL") if isinstance(value, Event) else ()
        return all(stands_for(getattr(plain, n), getattr(value, n)) for n in (*type(value).model_fields, *constants))
    if isinstance(value, tuple):
        return len(plain) == len(value) and all(map(stands_for, plain, value))
    return type(plain) is type(value) and repr(plain) == repr(value) and bool(plain == value)


def same(one: Event, other: Event) -> bool:
    """Equal, in the same order and of the same types down to the zone of each time."""
    return one == other and repr(one) == repr(other) and one.model_dump_json() == other.model_dump_json()


@pytest.mark.parametrize("topic", sorted(EVENT_CLASSES))
def test_every_class_has_a_form_that_reads_what_is_stored_of_it(topic: str) -> None:
    @given(events(topic), st.none() | st.text("ABab+/=", min_size=1))
    def check(event: Event, sealed: str | None) -> None:
        state = CODEC.to_stored_event(CODEC.with_personal(event, None).model_copy(update={"sealed": sealed})).state
        checked = read_by_validator(type(event), state, TICKET, 3)
        quick = read(topic, state)
        assert quick is not None or b"\\u" in state  # a control character
        assert quick is None or same(quick, checked)

    check()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_stored_example_becomes_the_same_event_either_way(path: Path) -> None:
    topic, state = path.parent.name, json.dumps(json.loads(path.read_text("utf-8")), separators=(",", ":")).encode()
    quick = read(topic, state)
    newest = path.stem == f"v{EVENT_CLASSES[topic].class_version}"
    assert (quick is not None) == (newest or bool(EVENT_CLASSES[topic].SINCE))
    assert quick is None or same(quick, read_by_validator(EVENT_CLASSES[topic], state, TICKET, 3))


@given(histories())
def test_folds_give_the_same_of_what_stands_for_events(history: list[Event]) -> None:
    log = ListLog(history)
    records = [
        record._replace(state=CODEC.to_stored_event(event).state)
        for record, event in zip(log.read(0, len(history)), history, strict=True)
    ]
    for model in MODELS:
        full, plain = MemoryTables(model), MemoryTables(model)
        full.apply(CODEC.decode, records)
        plain.apply(CODEC.decode_to_fold, records)
        assert (full.rows, full.parked) == (plain.rows, plain.parked)
    for id_ in {record.originator_id for record in records}:
        own = [record for record in records if record.originator_id == id_]
        assert project(None, id_, map(CODEC.decode, own)) == project(None, id_, map(CODEC.decode_to_fold, own))


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in *value*."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, part in inner for place in places(part, (*at, key)))]


def changed(value: Any, place: tuple[Any, ...], how: str, other: Any) -> Any:
    """*value* with another one at a place, without it, or with one beside it."""
    if not place:
        return other if how == "other" else value
    where = value
    for key in place[:-1]:
        where = where[key]
    if how == "other":
        where[place[-1]] = other
    elif how == "gone":
        del where[place[-1]]
    elif isinstance(where, dict):
        where[other if isinstance(other, str) else "extra"] = where[place[-1]]
    return value


NAMES = ["originator_id", "originator_version", "class_version", "body", "subject", "name", "x", "stated", "irregular"]


@given(any_event(), st.data())
def test_what_was_changed_is_read_alike_or_by_neither(event: Event, data: st.DataObject) -> None:
    value = json.loads(CODEC.to_stored_event(CODEC.with_personal(event, None)).state)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(places(value)))
        how = data.draw(st.sampled_from(["other", "gone", "beside"]))
        others = NAMES if how == "beside" else [*TIMES, *TEXTS, *OTHERS]
        value = changed(value, place, how, data.draw(st.sampled_from(others)))
        if not isinstance(value, dict):
            break
    ascii_only = data.draw(st.booleans())
    state = json.dumps(value, ensure_ascii=ascii_only, indent=data.draw(st.sampled_from([None, 1]))).encode()

    quick = read(event.TOPIC, state)

    try:
        checked = read_by_validator(type(event), state, TICKET, 3)
    except UnknownEvent:
        assert quick is None
    else:
        assert quick is None or same(quick, checked)


@pytest.mark.parametrize("time", TIMES)
def test_a_time_is_read_as_the_validator_reads_it(time: object) -> None:
    meta = {"occurred_at": time, "actor": {"role": "agent", "id": "ana"}, "command_id": str(TICKET)}
    state = json.dumps({"meta": meta}, separators=(",", ":")).encode()
    quick = read("ticket.resumed", state)
    try:
        checked = read_by_validator(EVENT_CLASSES["ticket.resumed"], state, TICKET, 3)
    except UnknownEvent:
        assert quick is None
    else:
        assert quick is None or same(quick, checked)
    assert (quick is not None) == (time in TIMES[:2] or time in TIMES[4:6] or time == "2026-02-28T08:47:00-00:00")


@pytest.mark.parametrize(
    "state", [b"", b"[]", b"{", b'{"meta":' * 100_000, b'"\xff"', b'{"meta":{"actor":' + b"[" * 100_000]
)
def test_what_is_no_event_is_read_by_no_form(state: bytes) -> None:
    assert read("ticket.resumed", state) is None


def test_no_event_has_version_0() -> None:
    found = FORMS["ticket.resumed"]
    meta = {"occurred_at": TIMES[0], "actor": {"role": "agent", "id": "ana"}, "command_id": str(TICKET)}
    state = json.dumps({"meta": meta}).encode()
    assert found is not None
    assert found.event(state, TICKET, 1) is not None
    assert found.event(state, TICKET, 0) is found.plain(state, TICKET, 0) is None
