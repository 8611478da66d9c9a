"""The commands about Kafka as processes, the demo through Kafka, and the order in which a broker is looked for."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projections.runner import Runner
from tests.kafka.given import Way, append_lives, opened_log
from tests.support.kafka import Kafka
from ticketcore.store.codec import Codec
from workers.kafka.broker import NamedBroker, find
from workers.kafka.errors import BrokerUnavailable


def run(environ: dict[str, str], *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from workers.cli import main; main()", *arguments],
        cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip


@pytest.mark.servers
@pytest.mark.slow
def test_status_tells_relay_and_checkpoints_and_hand_back_ends_the_partitions(
    database: str, kafka: Kafka, tmp_path: Path
) -> None:
    way = Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path, partitions=2)
    made = run(way.environ, "kafka", "create-topic")
    assert (made.returncode, made.stdout) == (0, f"Topic {way.topic} has 2 partitions.\n")
    assert "had 2 partitions already" in run(way.environ, "kafka", "create-topic").stdout
    again = json.loads(run(way.environ, "kafka", "create-topic", "--json").stdout)
    assert again == {"topic": way.topic, "partitions": 2, "made": False}
    with opened_log(database) as log, way.running(log):
        head = append_lives(log, range(1, 30))
        way.caught_up(log)
        way.check(log)
    told = json.loads(run(way.environ, "kafka", "status", "--json").stdout)
    assert (told["log_position"], told["relayed"], told["partitions"]) == (head, head, 2)
    assert [(p["model"], p["partition"], p["caught_up"]) for p in told["points"]] == [
        (model, n, True) for model in ("history", "intake", "performance", "queues") for n in (0, 1)
    ]
    assert f"holds {head:,} of the {head:,} events" in run(way.environ, "kafka", "status").stdout
    back = run(way.environ, "kafka", "hand-back", "queues", "history", "performance", "intake")
    assert re.fullmatch(r"(\w+ goes on from position \d+ of the log\.\n){4}", back.stdout)
    again = run(way.environ, "kafka", "hand-back")
    assert again.stdout.count("was fed by the log already") == 4
    with opened_log(database) as log, Runner(database, log, Codec().decode) as runner:
        assert runner.catch_up() == head
        way.check(log)


@pytest.mark.servers
@pytest.mark.parametrize("arguments", [("worker", "relay"), ("worker", "project", "queues"), ("kafka", "create-topic")])
def test_a_missing_broker_ends_a_worker_with_code_3_in_seconds(
    database: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    way = Way(database, "127.0.0.1:1", "nowhere", tmp_path)
    started = time.monotonic()
    done = run({**way.environ, "TICKETCORE_KAFKA_TIMEOUT": "2"}, *arguments)
    assert done.returncode == 3
    assert time.monotonic() - started < 20
    assert re.search(
        r"^ticketcore: cannot .* topic 'nowhere' at 127\.0\.0\.1:1: .*is the broker up", done.stderr, re.MULTILINE
    )


@pytest.mark.servers
@pytest.mark.slow
def test_a_projector_without_its_topic_says_how_to_make_it(database: str, kafka: Kafka, tmp_path: Path) -> None:
    way = Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path)
    done = run(way.environ, "worker", "project", "queues")
    assert done.returncode == 3
    assert f"there is no topic '{way.topic}'" in done.stderr
    assert "run `ticketcore kafka create-topic`" in done.stderr


@pytest.mark.servers
@pytest.mark.slow
def test_the_demo_through_kafka_leaves_tables_that_verify(database: str, kafka: Kafka, tmp_path: Path) -> None:
    environ = {
        "TICKETCORE_DSN": database, "TICKETCORE_KEY_FILE": str(tmp_path / "keys.json"), "TICKETCORE_INLINE": "1",
        "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, "TICKETCORE_KAFKA_TOPIC": kafka.topic_name(),
        "TICKETCORE_KAFKA_GROUP": kafka.topic_name(),
    }  # fmt: skip
    done = run(environ, "demo", "--kafka", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    events = re.search(r"([\d,]+) events in 6 partitions of topic", done.stdout)
    assert events is not None
    assert f"{events[1]} new events, {events[1]} in the log" in done.stdout
    checked = run(environ, "verify", "--quiet", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout


def test_a_broker_that_is_named_goes_first(tmp_path: Path) -> None:
    broker = find(tmp_path, {"TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"})
    assert isinstance(broker, NamedBroker)
    assert (broker.bootstrap, broker.source) == (
        "kafka.example:9092",
        "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS=kafka.example:9092",
    )
    with pytest.raises(BrokerUnavailable, match=r"cannot kill the broker at kafka\.example:9092: it is named by"):
        broker.kill9()


def test_without_any_broker_the_reasons_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BrokerUnavailable,
        match=r"no Kafka: .* is not set; docker is not installed; java is not installed \(name a broker, start Docker, or",
    ):
        find(tmp_path, {})
