"""What an import writes without building events is what the codec writes of the same events, byte by byte."""

from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importing.given import Bench, Line
from tests.importing.test_restarts import logs
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import EVENT_CLASSES, Event, Meta, Source
from ticketcore.domain.types import Actor, Channel, Direction, Level, Priority, Role, SlaTarget, Status
from ticketcore.importing.drafts import Actors, Who, Writer
from ticketcore.store.codec import Codec

CODEC = Codec()
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
labels = texts.filter(bool)
times = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone follows
VALUES: dict[type[Event], dict[str, st.SearchStrategy[Any]]] = {
    ev.Opened: {
        "channel": st.sampled_from(Channel),
        "requester_id": st.none() | st.builds(uuid4),
        "language": st.none() | labels,
        "category": st.none() | labels,
        "tags": st.lists(labels, max_size=3).map(tuple),
        "impact": st.none() | st.sampled_from(Level),
        "priority": st.none() | st.sampled_from(Priority),
        "agent_id": st.none() | labels,
        "external": labels,
    },
    ev.Commented: {"direction": st.sampled_from(Direction), "channel": st.sampled_from(Channel)},
    ev.RequesterChanged: {"requester_id": st.none() | st.builds(uuid4)},
    ev.Assigned: {"team_id": st.none() | labels, "agent_id": st.none() | labels},
    ev.Rated: {"score": st.integers(1, 5)},
    ev.SlaFulfilled: {"target": st.sampled_from(SlaTarget), "fulfilled_at": times},
    ev.Updated: {"changes": st.dictionaries(labels, st.none() | texts), "status": st.none() | st.sampled_from(Status)},
    ev.Reopened: {"reason": st.none() | labels},
}


def stored_by_codec(event: Event) -> bytes:
    return CODEC.to_stored_event(event).state


@pytest.mark.parametrize("cls", VALUES, ids=lambda cls: cls.TOPIC)
@given(data=st.data())
def test_a_written_event_is_what_the_codec_writes(cls: type[Event], data: st.DataObject) -> None:
    fields = {name: data.draw(values, name) for name, values in VALUES[cls].items()}
    at, line, state = data.draw(times), data.draw(st.integers(1, 10**9)), data.draw(st.none() | labels)
    raw, stated = data.draw(st.none() | times), data.draw(st.none() | st.dictionaries(labels, texts, min_size=1))
    irregular, who = data.draw(st.booleans()), data.draw(st.sampled_from([None, 'Resolver "7"', "Ö\n"]))
    writer, command, actor = Writer(), uuid4(), Actors("a system").get(who)
    where = writer.source(line, state, stated)
    written = writer.state(writer.draft(cls, fields), at, raw, actor, str(command), where, irregular=irregular)
    meta = Meta(
        occurred_at=at, occurred_raw=raw, actor=actor.actor, command_id=command, irregular=irregular,
        source=Source(line=line, state=state, stated=stated),
    )  # fmt: skip
    assert written == stored_by_codec(cls(originator_id=UUID(int=1), originator_version=1, meta=meta, **fields))


def test_an_events_version_is_written_where_it_is_above_one() -> None:
    class Second(ev.Reopened):
        class_version = 2

    try:
        meta = Meta(
            occurred_at=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=5),
            actor=Actor(role=Role.SYSTEM, id="x"), command_id=uuid4(), source=Source(line=1),
        )  # fmt: skip
        writer = Writer()
        draft = writer.draft(Second, {"reason": "again"})
        who = Who.of(meta.actor)
        written = writer.state(
            draft, meta.occurred_at, None, who, str(meta.command_id), writer.source(1), irregular=False
        )
        event = Second(originator_id=UUID(int=1), originator_version=1, meta=meta, reason="again")
        assert written == stored_by_codec(event)
        assert written.endswith(b',"reason":"again","class_version":2}')
    finally:
        EVENT_CLASSES[ev.Reopened.TOPIC] = ev.Reopened


def all_as_the_codec_has_them(bench: Bench) -> int:
    records = bench.log.read(0, 5_000)
    for record in records:
        event = CODEC.decode(record)
        assert record.state == stored_by_codec(event)
    return len(records)


@given(logs())
def test_imported_records_are_stored_as_the_codec_does(rows: list[Line]) -> None:
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        summary = bench.imports(rows, chunk_rows=3)
        assert all_as_the_codec_has_them(bench) == sum(summary.events.values()) > 0


def test_imported_activities_are_stored_as_the_codec_does(bench: Bench) -> None:
    example = resources.files("ticketcore.importing") / "mappings" / "activities_example.csv"
    with resources.as_file(example) as path:
        bench.imports(path, "activities_example")
    assert all_as_the_codec_has_them(bench) > 10
