"""The topic is deleted, made anew, trimmed or lost with its broker's disk: relay and projectors put it right by themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient
from structlog.testing import capture_logs

from projections.partitions import partition_of
from tests.kafka.given import Way, append_lives, eventually, in_thread, messages, opened_log
from tests.kafka.test_relay import without_duplicates
from tests.kafka.together import run_together
from tests.support.kafka import Kafka
from ticketcore.store.postgres import PostgresLog
from workers.kafka.broker_java import JavaBroker
from workers.kafka.errors import TopicMismatch
from workers.kafka.leadership import progress
from workers.kafka.relay import Relay
from workers.kafka.topic import ensure_topic

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def deleted(way: Way) -> None:
    with KafkaAdminClient(bootstrap_servers=way.settings.bootstrap_servers) as admin:
        admin.delete_topics([way.topic])


def gone(way: Way) -> bool:
    with KafkaAdminClient(bootstrap_servers=way.settings.bootstrap_servers) as admin:
        return way.topic not in admin.list_topics()


def whole(way: Way, log: PostgresLog) -> bool:
    """Whether the topic holds every event, by the rules for readers."""
    return without_duplicates(messages(way.settings.bootstrap_servers, way.topic)) == list(range(1, log.head() + 1))


def test_a_topic_deleted_under_load_is_made_and_filled_again(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 60))
        way.caught_up(log)
        deleted(way)
        append_lives(log, range(60, 90), seed=2)
        eventually(lambda: whole(way, log), 120, 1)
        way.caught_up(log, 120)
    way.check(log)


def test_a_topic_deleted_while_nothing_happens_is_filled_again(way: Way, log: PostgresLog) -> None:
    append_lives(log, range(1, 40))
    with capture_logs() as said, in_thread(Relay(way.dsn, log, way.settings).run):
        eventually(lambda: (at := progress(way.dsn, way.topic)) is not None and at.position >= log.head())
        deleted(way)
        eventually(lambda: not gone(way) and whole(way, log), 120, 1)
    assert {"relay.topic_created", "relay.refills"} <= {line["event"] for line in said}


def test_what_went_with_the_topic_is_in_the_tables_though_nothing_follows_it(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 30))
        way.caught_up(log)
    append_lives(log, range(30, 60), seed=2)
    way.relayed(log, 60)
    deleted(way)
    eventually(lambda: gone(way))
    assert ensure_topic(way.settings, way.topic, 6)
    workers = way.projectors(log)
    with in_thread(lambda stop: run_together([worker.run for worker in workers], stop)):  # no relay
        way.caught_up(log)
    way.check(log)
    assert all(worker.filled > 0 for worker in workers)
    with in_thread(Relay(way.dsn, log, way.settings).run):
        eventually(lambda: whole(way, log), 60, 1)


def test_confirmed_messages_that_kafka_lost_at_the_end_of_a_partition_are_filled(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 30))
        way.caught_up(log)
    head = append_lives(log, range(30, 60), seed=2)
    previous = [0] * 6
    for record in log.read(0, head):
        previous[partition_of(record.originator_id, 6)] = record.position
    with psycopg.connect(way.dsn) as connection:  # as after a broker lost what it had not written yet
        connection.execute("UPDATE log.relays SET position = %s, previous = %s", [head, previous])
    workers = way.projectors(log)
    with in_thread(lambda stop: run_together([worker.run for worker in workers], stop)):  # no relay, no further message
        way.caught_up(log)
    way.check(log)
    assert all(worker.filled > 0 for worker in workers)
    append_lives(log, range(60, 70), seed=3)
    way.relayed(log, 60)
    assert whole(way, log)


def test_a_topic_made_anew_with_another_number_of_partitions_is_put_right_by_one_command(
    way: Way, log: PostgresLog
) -> None:
    with way.running(log):
        append_lives(log, range(1, 30))
        way.caught_up(log)
    deleted(way)
    eventually(lambda: gone(way))
    assert ensure_topic(way.settings, way.topic, 2)
    with (
        pytest.raises(TopicMismatch, match=r"has 2 partitions, expected 6.*`ticketcore kafka create-topic --anew`"),
        in_thread(Relay(way.dsn, log, way.settings).run) as thread,
    ):
        thread.join(60)
    done = subprocess.run(
        [sys.executable, "-c", "from workers.cli import main; main()", "kafka", "create-topic", "--anew"],
        env={**os.environ, **way.environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "was made anew with 6 partitions" in done.stdout) == (0, True), done.stderr
    with way.running(log):
        append_lives(log, range(30, 60), seed=2)
        way.caught_up(log, 60)
    way.check(log)
    assert whole(way, log)


def test_what_retention_deleted_before_a_consumer_came_back_is_filled_and_told(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 30))
        way.caught_up(log)
    append_lives(log, range(30, 80), seed=2)
    way.relayed(log, 60)
    way.trimmed(keep=3)
    workers = way.projectors(log)
    with capture_logs() as said, way.running(log, workers):
        append_lives(log, range(80, 100), seed=3)
        way.caught_up(log)
    way.check(log)
    assert all(worker.filled > 0 for worker in workers)
    assert {"projector.not_in_kafka", "projector.gap"} & {
        line["event"] for line in said if line["log_level"] == "warning"
    }
    assert "relay.refills" not in {line["event"] for line in said}  # what retention removed is not missed


def test_a_broker_that_is_stopped_and_killed_under_load_loses_doubles_and_reorders_nothing(
    database: str, tmp_path: Path
) -> None:
    with Kafka() as own:
        way = Way(database, own.bootstrap, own.topic_name(), tmp_path)
        with opened_log(way.dsn) as log:
            with way.running(log):
                append_lives(log, range(1, 60))
                for turn, end in enumerate((own.kill9, own.stop)):
                    append_lives(log, range(100 * turn + 100, 100 * turn + 140), seed=turn)
                    end()
                    append_lives(log, range(100 * turn + 140, 100 * turn + 170), seed=turn)
                    own.start()
                append_lives(log, range(400, 420))
                way.caught_up(log, 180)
            way.check(log)
            assert whole(way, log)


def test_a_broker_that_lost_its_disk_is_filled_again(database: str, tmp_path: Path) -> None:
    with Kafka() as own:
        if not isinstance(own._broker, JavaBroker):
            pytest.skip("the broker's folder is not this test's")
        way = Way(database, own.bootstrap, own.topic_name(), tmp_path)
        with opened_log(way.dsn) as log:
            with way.running(log):
                append_lives(log, range(1, 60))
                way.caught_up(log)
                own.stop()
                append_lives(log, range(60, 90), seed=2)
                shutil.rmtree(own._broker.folder / "data")
                own.start()
                append_lives(log, range(90, 120), seed=3)
                eventually(lambda: not gone(way) and whole(way, log), 180, 1)
                way.caught_up(log, 180)
            way.check(log)
