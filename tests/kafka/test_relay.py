"""The relay on a real broker: order, contiguity, headers; a lead that passes on; nothing lost, nothing out of order."""

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema  # type: ignore[import-untyped]
import psycopg
import pytest
import yaml
from kafka import KafkaProducer

from projections.partitions import partition_of
from tests.kafka.given import append_lives, eventually, in_thread, messages, opened_log, prepared, settings_for
from tests.support.kafka import Kafka
from ticketcore.errors import ConfigurationError, EpochMismatch
from ticketcore.ids import number_of
from ticketcore.store.postgres import PostgresLog
from workers.kafka.errors import KafkaUnavailable, TopicMismatch
from workers.kafka.leadership import Progress, progress
from workers.kafka.message import message_of, received, source_of
from workers.kafka.recovery import found_in_topic, go_on
from workers.kafka.relay import Relay
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic import ensure_topic, replace_topic

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
pytestmark = [pytest.mark.servers, pytest.mark.slow]


def carried(log: PostgresLog, dsn: str, settings: KafkaSettings, **more: Any) -> None:
    """Relay until the topic holds the log's end."""
    relay = Relay(dsn, log, settings, **more)
    head = log.head()
    with in_thread(relay.run):
        eventually(lambda: (at := progress(dsn, relay.topic)) is not None and at.position >= head)


def without_duplicates(found: dict[int, list[Any]]) -> list[int]:
    """Read as a reader does; return the positions that were taken, after checking that nothing was missing."""
    taken: list[int] = []
    for records in found.values():
        held = 0
        for message in records:
            got = received(message)
            if got.record.position <= held:
                continue
            assert got.previous == held, f"{got.record.position} follows {got.previous}, held {held}"
            held = got.record.position
            taken.append(held)
    return sorted(taken)


def test_every_event_comes_once_in_the_logs_order_with_its_headers(database: str, kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name())
    with opened_log(prepared(database)) as log:
        append_lives(log, range(1, 60))
        carried(log, database, settings, page=37)
        records, epoch = log.read(0, 10_000), log.epoch()
    found = messages(kafka.bootstrap, settings.topic_of("main"))
    assert sorted(found) == list(range(6))
    by_position = {received(message).record.position: message for part in found.values() for message in part}
    assert sum(map(len, found.values())) == len(by_position) == len(records)
    for partition, part in found.items():
        positions = [received(message).record.position for message in part]
        previous = [received(message).previous for message in part]
        assert previous == [0, *positions[:-1]]
        assert all(a < b for a, b in pairwise(positions))
        assert {partition_of(UUID(message.key.decode()), 6) for message in part} == {partition}
    for record in records:
        message = by_position[record.position]
        assert received(message).record == record
        assert message.key == str(record.originator_id).encode()
        assert dict(message.headers) | {"ce_previous": b""} == {
            "ce_specversion": b"1.0",
            "ce_id": f"{record.originator_id}:{record.originator_version}".encode(),
            "ce_type": record.topic.encode(),
            "ce_source": source_of("main", epoch),
            "ce_subject": number_of(record.originator_id).encode(),
            "ce_time": record.recorded_at.isoformat(timespec="microseconds").replace("+00:00", "Z").encode(),
            "ce_dataschema": f"urn:ticketcore:event:{record.topic}:v1".encode(),
            "ce_sequence": str(record.position).encode(),
            "ce_previous": b"",
            "content-type": b"application/json",
        }


def test_messages_are_what_the_published_schemas_say(database: str, kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name(), partitions=2)
    with opened_log(prepared(database)) as log:
        append_lives(log, range(1, 12))
        carried(log, database, settings)
    document = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
    headers_schema = document["components"]["schemas"]["CloudEvent"]
    for part in messages(kafka.bootstrap, settings.topic_of("main")).values():
        for message in part:
            headers = {name: value.decode() for name, value in message.headers}
            jsonschema.validate(headers, headers_schema, format_checker=jsonschema.FormatChecker())
            assert datetime.fromisoformat(headers["ce_time"]).utcoffset() is not None
            topic, version = headers["ce_type"], headers["ce_dataschema"].rpartition(":")[2]
            schema = (SCHEMAS / "events" / topic / f"{version}.json").read_text(encoding="utf-8")
            jsonschema.validate(json.loads(message.value), json.loads(schema))


def test_a_relay_that_starts_again_goes_on_where_the_topic_ends(database: str, kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name())
    with opened_log(prepared(database)) as log:
        append_lives(log, range(1, 20))
        carried(log, database, settings)
        append_lives(log, range(20, 40), seed=2)
        carried(log, database, settings)
        head = log.head()
    found = messages(kafka.bootstrap, settings.topic_of("main"))
    assert sum(map(len, found.values())) == head
    assert without_duplicates(found) == list(range(1, head + 1))


def test_an_older_position_doubles_messages_and_misses_none(database: str, kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name())
    with opened_log(prepared(database)) as log:
        append_lives(log, range(1, 20))
        carried(log, database, settings)
        early = progress(database, settings.topic_of("main"))
        append_lives(log, range(20, 40), seed=2)
        carried(log, database, settings)
        assert early is not None
        with psycopg.connect(database) as connection:
            connection.execute(
                "UPDATE log.relays SET position = %s, previous = %s", [early.position, list(early.previous)]
            )
        append_lives(log, range(40, 50), seed=3)
        carried(log, database, settings)
        head = log.head()
    found = messages(kafka.bootstrap, settings.topic_of("main"))
    assert sum(map(len, found.values())) > head
    assert without_duplicates(found) == list(range(1, head + 1))


def test_a_relay_killed_while_it_deletes_headless_messages_deletes_them_when_it_starts_again(
    database: str, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name())
    with opened_log(prepared(database)) as log:
        append_lives(log, range(1, 30))
        carried(log, database, settings)
        before = progress(database, settings.topic_of("main"))
        assert before is not None
        replace_topic(settings, settings.topic_of("main"), 6)
        append_lives(log, range(30, 60), seed=2)
        _produce_after(log, before, settings)
        monkeypatch.setattr("workers.kafka.relay.drop_before", _die)
        with pytest.raises(_Killed), in_thread(Relay(database, log, settings).run) as thread:
            thread.join(60)
        monkeypatch.undo()
        carried(log, database, settings)
        head = log.head()
        eventually(lambda: (at := progress(database, settings.topic_of("main"))) is not None and at.position == head)
    found = messages(kafka.bootstrap, settings.topic_of("main"))
    assert all(received(part[0]).previous == 0 for part in found.values())
    assert without_duplicates(found) == list(range(1, head + 1))


class _Killed(BaseException):
    pass


def _die(*_: object) -> None:
    raise _Killed


def _produce_after(log: PostgresLog, at: Progress, settings: KafkaSettings) -> None:
    """Write what follows a relay's row, as its leader does into a topic that was made anew before it notices."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, acks="all")
    previous = list(at.previous)
    for record in log.read(at.position, 10_000):
        partition = partition_of(record.originator_id, len(previous))
        key, value, headers = message_of(record, source_of("main", at.epoch), previous[partition])
        producer.send(settings.topic_of("main"), value, key, headers, partition)
        previous[partition] = record.position
    producer.flush()
    producer.close()


def test_a_broker_that_dies_under_load_loses_and_reorders_nothing(database: str) -> None:
    with Kafka() as own, opened_log(prepared(database)) as log:
        settings = settings_for(own.bootstrap, own.topic_name())
        relay = Relay(database, log, settings, page=50)
        with in_thread(relay.run):
            append_lives(log, range(1, 150))
            eventually(lambda: relay.carried > 100)
            own.kill9()
            append_lives(log, range(150, 200), seed=2)
            own.start()
            head = append_lives(log, range(200, 220), seed=3)
            eventually(lambda: (at := progress(database, relay.topic)) is not None and at.position == head, 90)
        assert without_duplicates(messages(own.bootstrap, relay.topic)) == list(range(1, head + 1))


def test_a_topic_with_another_number_of_partitions_is_refused(database: str, kafka: Kafka) -> None:
    topic = kafka.create_topic(partitions=3)
    with (
        opened_log(prepared(database)) as log,
        pytest.raises(TopicMismatch, match=rf"topic '{topic}' has 3 partitions, expected 6: they never change"),
        in_thread(Relay(database, log, settings_for(kafka.bootstrap, topic)).run) as thread,
    ):
        thread.join(20)


def test_a_topic_made_anew_with_other_partitions_is_refused_by_its_position(database: str, kafka: Kafka) -> None:
    with opened_log(prepared(database)) as log:
        append_lives(log, range(1, 4))
        six = settings_for(kafka.bootstrap, kafka.topic_name())
        carried(log, database, six)
        with psycopg.connect(database) as connection:
            connection.execute("UPDATE log.relays SET topic = topic || '-2'")
        two = settings_for(kafka.bootstrap, f"{six.topic}-2", partitions=2)
        with (
            pytest.raises(TopicMismatch, match="was written in 6 partitions, expected 2"),
            in_thread(Relay(database, log, two).run) as thread,
        ):
            thread.join(20)


def test_a_restored_log_stops_the_relay_until_it_is_told_to_follow(database: str, kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name())
    with opened_log(prepared(database)) as log:
        append_lives(log, range(1, 10))
        carried(log, database, settings)
        with psycopg.connect(database) as connection:
            connection.execute("UPDATE log.meta SET epoch = gen_random_uuid()")
        with (
            pytest.raises(EpochMismatch, match=r"it was restored or replaced \(run `ticketcore recover`\)"),
            in_thread(Relay(database, log, settings).run) as thread,
        ):
            thread.join(20)
        assert go_on(database, log, found_in_topic(database, log, settings), log.epoch()) == log.epoch()
        append_lives(log, range(10, 14), seed=2)
        carried(log, database, settings)
        sources = {
            dict(m.headers)["ce_source"]
            for part in messages(kafka.bootstrap, settings.topic_of("main")).values()
            for m in part
        }
        assert len(sources) == 2
        assert source_of("main", log.epoch()) in sources


def test_a_missing_broker_is_told_in_seconds(database: str) -> None:
    settings = settings_for("127.0.0.1:1", "nowhere", timeout=2)
    with (
        opened_log(prepared(database)) as log,
        pytest.raises(KafkaUnavailable, match=r"cannot create topic 'nowhere' at 127.0.0.1:1: .*is the broker up"),
        in_thread(Relay(database, log, settings).run) as thread,
    ):
        thread.join(10)  # a thread that still waits would be stopped, and nothing raised


def test_a_topic_is_made_once(kafka: Kafka) -> None:
    settings = settings_for(kafka.bootstrap, kafka.topic_name())
    assert ensure_topic(settings, settings.topic_of("main"), 4)
    assert not ensure_topic(settings, settings.topic_of("main"), 4)


def test_settings_that_cannot_be_right_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TICKETCORE_KAFKA_BOOTSTRAP_SERVERS", raising=False)
    with pytest.raises(ConfigurationError, match="TICKETCORE_KAFKA_BOOTSTRAP_SERVERS is not set"):
        KafkaSettings.load()
    monkeypatch.setenv("TICKETCORE_KAFKA_BOOTSTRAP_SERVERS", "a:1")
    monkeypatch.setenv("TICKETCORE_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("TICKETCORE_KAFKA_SSL_CAFILE", "/nowhere.pem")
    with pytest.raises(ConfigurationError, match=r"TICKETCORE_KAFKA_SSL_CAFILE is '/nowhere\.pem': expected a file"):
        KafkaSettings.load().client()
    monkeypatch.delenv("TICKETCORE_KAFKA_SSL_CAFILE")
    with pytest.raises(ConfigurationError, match="TICKETCORE_KAFKA_SASL_MECHANISM is not set: expected with SASL_SSL"):
        KafkaSettings.load().client()
    for name, value in {"MECHANISM": "SCRAM-SHA-512", "USERNAME": "u", "PASSWORD": "p"}.items():
        monkeypatch.setenv(f"TICKETCORE_KAFKA_SASL_{name}", value)
    client = KafkaSettings.load().client()
    assert (client["sasl_mechanism"], client["sasl_plain_username"]) == ("SCRAM-SHA-512", "u")
    assert client["sasl_plain_password"] == "p"
    assert client["ssl_context"].check_hostname is True


def test_tickets_spread_evenly_over_partitions() -> None:
    from tests.projections.given import ticket_id

    counts = [0] * 6
    for number in range(1, 6_001):
        counts[partition_of(ticket_id(number), 6)] += 1
    assert min(counts) > 900
    assert max(counts) < 1_100
