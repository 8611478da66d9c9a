import json
from typing import Any, ClassVar
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from tests.sealing.builders import TICKET, commented, meta, personal_words
from tests.support.strategies import any_event, events
from ticketcore.domain.base import EVENT_CLASSES, Event
from ticketcore.domain.ticket_events import Attachment, Commented, PersonalText, Solved, TicketEvent
from ticketcore.errors import EventTooLarge, UnknownEvent
from ticketcore.store.codec import Codec
from ticketcore.store.port import Record

CODEC = Codec()


def stored(topic: str, state: dict[str, Any] | bytes) -> StoredEvent:
    content = state if isinstance(state, bytes) else json.dumps(state).encode()
    return StoredEvent(TICKET, 3, topic, content)


def solved_state() -> dict[str, Any]:
    event = Solved(originator_id=TICKET, originator_version=3, meta=meta())
    state: dict[str, Any] = json.loads(CODEC.to_stored_event(event).state)
    return state


@pytest.mark.parametrize("topic", sorted(EVENT_CLASSES))
def test_an_event_of_every_class_comes_back_as_it_was(topic: str) -> None:
    @given(events(topic), st.none() | st.text("ABab+/=", min_size=1))
    def check(event: Event, sealed: str | None) -> None:
        event = CODEC.with_personal(event, None).model_copy(update={"sealed": sealed})
        there = CODEC.to_stored_event(event)
        assert (there.originator_id, there.originator_version) == (event.originator_id, event.originator_version)
        assert there.topic == topic
        assert CODEC.to_domain_event(there) == event
        record = Record(1, event.meta.occurred_at, event.originator_id, event.originator_version, topic, there.state)
        assert CODEC.decode(record) == event

    check()


@given(any_event())
def test_personal_fields_come_back_as_they_were(event: Event) -> None:
    plain = CODEC.personal(event)
    bare = CODEC.with_personal(event, None)
    assert all(getattr(bare, name) is None for name in event.PERSONAL)
    assert (plain is None) == (bare == event)
    assert CODEC.with_personal(bare, plain) == event


@given(any_event())
def test_an_event_with_open_personal_text_is_never_stored(event: Event) -> None:
    open_fields = [name for name in event.PERSONAL if getattr(event, name) is not None]
    if not open_fields:
        CODEC.to_stored_event(event)
        return
    with pytest.raises(ValueError, match="seal it first") as caught:
        CODEC.to_stored_event(event)
    assert all(name in str(caught.value) for name in open_fields)
    assert not any(len(word) > 12 and word in str(caught.value) for word in personal_words(event))


def test_the_stored_form_is_compact_json_without_columns_and_defaults() -> None:
    state = CODEC.to_stored_event(commented(None)).state
    assert state == (
        b'{"meta":{"occurred_at":"2026-11-22T09:00:00Z","actor":{"role":"agent","id":"ana","assurance":"logged_in"},'
        b'"command_id":"00000000-0000-0000-0000-000000000007"},"direction":"inbound","channel":"mail"}'
    )


def test_an_unknown_type_is_named_with_its_version() -> None:
    with pytest.raises(UnknownEvent, match=r"event 'ticket\.teleported' version 4") as caught:
        CODEC.to_domain_event(stored("ticket.teleported", {"class_version": 4}))
    assert (caught.value.topic, caught.value.version) == ("ticket.teleported", 4)


def test_a_newer_version_is_refused() -> None:
    with pytest.raises(UnknownEvent, match=r"'ticket\.solved' version 2: this library knows version 1 \(upgrade"):
        CODEC.to_domain_event(stored("ticket.solved", solved_state() | {"class_version": 2}))


@pytest.mark.parametrize(
    "extra",
    [
        {"mood": "good"},
        {"originator_version": 9},
        {"resolution": 5},
        {"meta": {"actor": {}}},
        {"class_version": "2"},
        {"class_version": 0},
        {"class_version": True},
    ],
)
def test_fields_that_do_not_fit_are_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(UnknownEvent, match=r"'ticket\.solved'"):
        CODEC.to_domain_event(stored("ticket.solved", solved_state() | extra))


def test_a_personal_field_in_the_log_is_refused_and_not_shown() -> None:
    state = json.loads(CODEC.to_stored_event(commented(None)).state) | {"body": "geheim"}
    with pytest.raises(UnknownEvent, match="without the stored fields body") as caught:
        CODEC.to_domain_event(stored("ticket.commented", state))
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("state", [b"", b"{", b"[]", b"null", b"\xff", b'"text"'])
def test_a_state_that_is_no_object_is_refused(state: bytes) -> None:
    with pytest.raises(UnknownEvent, match="JSON objects only"):
        CODEC.to_domain_event(stored("ticket.solved", state))


def test_sealed_fields_of_a_newer_library_are_refused() -> None:
    with pytest.raises(UnknownEvent, match="without the sealed fields nickname"):
        CODEC.with_personal(commented(None), b'{"nickname":"Bo"}')
    with pytest.raises(UnknownEvent, match="version 3: this library knows versions 1 to 2"):
        CODEC.with_personal(commented(None), b'{"class_version":3}')


def test_an_event_may_have_262144_bytes_and_no_more() -> None:
    room = 262_144 - len(CODEC.to_stored_event(commented(None, sealed="")).state)
    fitting = commented(None, sealed="A" * room)
    assert len(CODEC.to_stored_event(fitting).state) == 262_144
    with pytest.raises(EventTooLarge, match=r"has 262,145 bytes, expected at most 262,144"):
        CODEC.to_stored_event(commented(None, sealed="A" * (room + 1)))


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class in its third version, whose older versions had other fields."""
    classes = dict(EVENT_CLASSES)
    monkeypatch.setattr("ticketcore.store.codec.EVENT_CLASSES", classes)

    class Weighed(TicketEvent):
        class_version: ClassVar[int] = 3
        grams: int
        scale: str = "kitchen"
        remark: PersonalText = None

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["grams"] = state.pop("kilos") * 1000

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            state["scale"] = "shop"

        @staticmethod
        def upcast_personal_v1_v2(state: dict[str, Any]) -> None:
            state["remark"] = state.pop("note")

    Weighed.TOPIC = "test.weighed"
    classes["test.weighed"] = Weighed
    return Weighed


def test_old_versions_are_brought_to_the_newest_step_by_step(weighed: Any) -> None:
    old = {"meta": solved_state()["meta"], "kilos": 2}
    event = CODEC.to_domain_event(stored("test.weighed", old))
    assert event == weighed(originator_id=TICKET, originator_version=3, meta=meta(), grams=2000, scale="shop")
    again = CODEC.to_stored_event(event)
    assert json.loads(again.state)["class_version"] == 3
    assert CODEC.to_domain_event(again) == event
    with pytest.raises(UnknownEvent, match="version 4: this library knows versions 1 to 3"):
        CODEC.to_domain_event(stored("test.weighed", old | {"class_version": 4}))


def test_sealed_content_is_brought_to_the_newest_version_too(weighed: Any) -> None:
    event = weighed(originator_id=TICKET, originator_version=3, meta=meta(), grams=5)
    noted = event.model_copy(update={"remark": "schwer"})
    assert CODEC.with_personal(event, b'{"note":"schwer"}') == noted
    assert CODEC.with_personal(event, CODEC.personal(noted)) == noted


def test_what_is_no_event_of_ours_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expected an event of ticketcore\.domain"):
        CODEC.to_stored_event(StoredEvent(UUID(int=1), 1, "x", b""))  # type: ignore[arg-type]


@given(st.binary(max_size=200), st.sampled_from(sorted(EVENT_CLASSES)))
def test_no_bytes_make_it_fail_otherwise(state: bytes, topic: str) -> None:
    with pytest.raises(UnknownEvent):
        CODEC.to_domain_event(stored(topic, state))


def test_an_event_is_written_at_the_lowest_version_that_says_it_so_that_a_former_release_reads_on() -> None:
    assert Commented.class_version == 2
    assert json.loads(CODEC.personal(commented("Hello")) or b"") == {"body": "Hello"}
    file = Attachment(name="a.pdf", media_type="application/pdf", sha256="ab" * 32, blob=0, per_person=True)
    with_file = commented("Hello", attachments=(file,))
    assert json.loads(CODEC.personal(with_file) or b"")["class_version"] == 2
    bare = CODEC.with_personal(with_file, None)
    assert b"class_version" not in CODEC.to_stored_event(bare).state
    for version in (1, 2):
        assert CODEC.to_domain_event(CODEC.to_stored_event(bare, version)) == bare
