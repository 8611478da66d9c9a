"""The topic in the eyes of others: librdkafka's client, the CloudEvents SDK and the published schemas."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import yaml
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Consumer, Message, Producer
from eventsourcing.persistence import StoredEvent

from tests.docs.test_blocks import blocks
from tests.kafka.given import append_lives, eventually, in_thread, opened_log, prepared, settings_for
from tests.projections.given import customer_id, ticket_id
from tests.support.kafka import Kafka
from ticketcore import Actor, Identity, IdentityKind, Settings, TicketCore
from ticketcore.store.port import Append, Appended
from ticketcore.store.postgres import PostgresLog
from workers.kafka.leadership import progress
from workers.kafka.message import NotOurs, received, source_of
from workers.kafka.relay import Relay
from workers.kafka.settings import KafkaSettings
from workers.schemas.catalogue import example_path, schema_path, stored_versions
from workers.schemas.checks import validation_errors

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
VERSIONS = list(stored_versions(SCHEMAS))
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
pytestmark = [pytest.mark.servers, pytest.mark.slow]


def append_examples(log: PostgresLog) -> None:
    """Append the stored example of every version of every event, each in a stream of its own."""
    for number, (topic, version) in enumerate(VERSIONS, 1):
        id_ = ticket_id(number) if topic.startswith("ticket.") else customer_id(number)
        value = json.loads((SCHEMAS / example_path(topic, version)).read_text("utf-8"))
        state = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        append = Append(uuid4(), b"0123456789abcdef", ((id_, 0),), (StoredEvent(id_, 1, topic, state),))
        [outcome] = log.append([append])
        assert isinstance(outcome, Appended), outcome


def carried(log: PostgresLog, dsn: str, settings: KafkaSettings) -> None:
    with in_thread(Relay(dsn, log, settings).run):
        eventually(lambda: (at := progress(dsn, settings.topic_of(log.name))) is not None and at.position >= log.head())


def consumed(bootstrap: str, topic: str, count: int) -> list[Message]:
    """Return the first *count* messages of a topic, as librdkafka gives them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": str(uuid4()),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    found: list[Message] = []

    def all_came() -> bool:
        for message in consumer.consume(1_000, timeout=0.2):
            assert message.error() is None, message.error()
            found.append(message)
        return len(found) >= count

    try:
        eventually(all_came, 60)
    finally:
        consumer.close()
    return found


def headers_of(message: Message) -> dict[str, bytes]:
    found: Any = message.headers() or []  # the client says that it could be text
    return dict(found)


def as_event(message: Message) -> BaseCloudEvent:
    return from_binary(KafkaMessage(headers_of(message), message.key(), message.value() or b""), JSONFormat())


def check_message(message: Message, document: dict[str, Any]) -> tuple[str, int]:
    """Check a message against the SDK, its AsyncAPI message and its event's schema; return type and version."""
    event = as_event(message)
    attributes = event.get_attributes()
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in attributes), attributes
    assert attributes["datacontenttype"] == "application/json"
    assert attributes["partitionkey"] == (message.key() or b"").decode()
    schema_file = next(
        path for path in (SCHEMAS / "events" / event.get_type()).iterdir()
        if json.loads(path.read_text("utf-8"))["$id"] == event.get_dataschema()
    )  # fmt: skip
    assert validation_errors(json.loads(schema_file.read_text("utf-8")))(event.get_data()) == []
    headers = {name: value.decode() for name, value in headers_of(message).items()}
    assert RFC_3339.fullmatch(headers["ce_time"])
    version = int(schema_file.stem.removeprefix("v"))
    described = document["components"]["messages"][f"{event.get_type()}.v{version}"]
    assert described["payload"]["schema"]["$ref"] == f"./{schema_path(event.get_type(), version)}"
    assert validation_errors({"components": document["components"], **described["headers"]})(headers) == []
    return event.get_type(), version


def check_messages(messages: list[Message]) -> Counter[tuple[str, int]]:
    document = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text("utf-8"))
    names = [(event.get_source(), event.get_id()) for event in map(as_event, messages)]
    assert len(set(names)) == len(names)
    return Counter(check_message(message, document) for message in messages)


def test_every_version_of_every_event_is_a_cloud_event_that_fits_its_schema(database: str, kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name())
    with opened_log(prepared(database)) as log:
        append_examples(log)
        carried(log, database, settings)
        source = source_of(log.name, log.epoch()).decode()

    found = consumed(kafka.bootstrap, settings.topic_of("main"), len(VERSIONS))

    assert check_messages(found) == Counter(VERSIONS)
    assert {as_event(message).get_source() for message in found} == {source}


def test_a_life_that_the_library_sealed_is_readable_and_tells_no_person(
    database: str, kafka: Kafka, tmp_path: Path
) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name(), partitions=1)
    prepared(database)
    with TicketCore.open(Settings(dsn=database, key_file=tmp_path / "keys.json"), make_keys=True) as core:
        by = Actor.system("desk")
        ida = core.register_customer(
            name="Ida", identities=[Identity(kind=IdentityKind.MAIL, value="ida@example.org")], by=by
        ).number
        opened = core.open_ticket(channel="mail", requester=ida, subject="Lost parcel", body="Ida waits.", by=by)
        core.assign(opened.number, team_id="parcels", by=by)
        core.comment(opened.number, body="On its way, Ida.", direction="outbound", channel="mail", by=by)
        core.solve(opened.number, by=by)
        head = core.log.head()
        assert isinstance(core.log, PostgresLog)
        carried(core.log, database, settings)

    found = consumed(kafka.bootstrap, settings.topic_of("main"), head)

    types = check_messages(found)
    assert {("customer.registered", 1), ("ticket.opened", 1), ("ticket.commented", 1), ("ticket.solved", 1)} <= set(
        types
    )
    assert [int(as_event(message).get_extension("sequence")) for message in found] == list(range(1, head + 1))
    ticket = [message for message in found if as_event(message).get_subject() == opened.number]
    assert len({message.key() for message in ticket}) == 1
    assert len(ticket) >= 4
    clear = b"".join((message.value() or b"") + repr(message.headers()).encode() for message in found)
    assert not re.search(rb"Ida|ida@|parcel\b|example\.org", clear)


def test_the_partition_is_what_librdkafka_calls_consistent(database: str, kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name())
    with opened_log(prepared(database)) as log:
        head = append_lives(log, range(1, 120), steps=1)
        carried(log, database, settings)
    ours = {m.key(): m.partition() for m in consumed(kafka.bootstrap, settings.topic_of("main"), head)}
    other, theirs = kafka.create_topic(6), dict[bytes | None, int | None]()
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "consistent"})

    for key in ours:
        producer.produce(other, b"", key, on_delivery=lambda _, m: theirs.update({m.key(): m.partition()}))
    producer.flush(30)

    assert len(set(ours.values())) == 6
    assert theirs == ours


def double(dsn: str, log: PostgresLog, settings: KafkaSettings) -> None:
    """Let the topic hold what it holds a second time."""
    topic = settings.topic_of(log.name)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE log.relays SET position = 0, previous = array_fill(0::bigint, ARRAY[%s::int])", [3])
    carried(log, dsn, settings)
    assert progress(dsn, topic) is not None


class Reader:
    """What the page's reader is given: its own store, which outlives it."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self.positions: dict[int, int] = {}
        self.taken: list[int] = []
        self._names = {"servers": kafka.bootstrap, "topic": topic, "group": topic}

    def run(self, running: Callable[[], bool]) -> None:
        [code] = blocks("docs/kafka.md", "python")
        names = {**self._names, "held": lambda n: self.positions.get(n, 0), "take": self._take, "running": running}
        try:
            exec(compile(code, "docs/kafka.md", "exec"), names)
        finally:
            consumer: Any = names["consumer"]
            consumer.close()

    def _take(self, event: BaseCloudEvent, partition: int, sequence: int) -> None:
        assert sequence == int(event.get_extension("sequence"))
        self.taken.append(sequence)
        self.positions[partition] = sequence


def until(reader: Reader, count: int) -> Callable[[], bool]:
    rounds = iter(range(3_000))
    return lambda: len(reader.taken) < count and next(rounds, None) is not None


def test_the_reader_of_the_page_takes_every_event_once_through_duplicates_and_restarts(
    database: str, kafka: Kafka
) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name(), partitions=3)
    topic = settings.topic_of("main")
    with opened_log(prepared(database)) as log:
        first = append_lives(log, range(1, 20))
        carried(log, database, settings)
        reader = Reader(kafka, topic)
        reader.run(until(reader, first // 2))
        assert len(reader.taken) == first // 2
        double(database, log, settings)
        last = append_lives(log, range(20, 30), seed=2)
        carried(log, database, settings)

    reader.run(until(reader, last))

    assert sorted(reader.taken) == list(range(1, last + 1))
    assert len(consumed(kafka.bootstrap, topic, last + first)) >= last + first


def test_the_reader_of_the_page_stops_where_an_event_is_missing(database: str, kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name(), partitions=1)
    with opened_log(prepared(database)) as log:
        head = append_lives(log, range(1, 3))
        carried(log, database, settings)
    whole = consumed(kafka.bootstrap, settings.topic_of("main"), head)
    holed = kafka.create_topic(1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for message in [*whole[:4], *whole[5:]]:
        producer.produce(holed, message.value(), message.key(), headers=message.headers())
    producer.flush(30)
    reader = Reader(kafka, holed)

    with pytest.raises(RuntimeError, match="events between 4 and 6 are missing: fetch them from the log first"):
        reader.run(until(reader, head))

    assert reader.taken == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("headers", "missing"),
    [([], {"source", "type"}), ([("ce_id", b"1"), ("ce_type", b"other"), ("ce_source", b"x")], set())],
    ids=["no cloud event", "another's cloud event"],
)
def test_a_message_that_is_not_ours_is_told_by_what_it_lacks(
    kafka: Kafka, headers: list[tuple[str, bytes]], missing: set[str]
) -> None:
    topic = kafka.create_topic(1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topic, b"{}", b"key", headers=dict(headers))
    producer.flush(30)
    [message] = consumed(kafka.bootstrap, topic, 1)

    if missing:
        with pytest.raises(CloudEventValidationError) as caught:
            as_event(message)
        assert set(caught.value.errors) == missing
    else:
        assert as_event(message).get_extension("sequence") is None

    class Given:
        key, value = message.key(), message.value()

    Given.headers = message.headers() or []  # type: ignore[attr-defined]
    with pytest.raises(NotOurs, match=r"no header 'ce_(id|sequence)'"):
        received(Given)  # type: ignore[arg-type]
