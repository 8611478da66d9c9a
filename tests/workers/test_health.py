"""Whether a worker says that it is stuck, and how it ends."""

import json
import signal
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from tests.kafka.given import Way, append_lives, eventually, messages, opened_log
from tests.kafka.test_relay import without_duplicates
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres
from tests.workers.given import Watched, watched
from ticketcore.errors import ConfigurationError
from workers.observing.health import Health
from workers.observing.server import serving
from workers.observing.settings import ObservingSettings
from workers.observing.stores import Stores


def test_a_part_without_a_sign_of_life_is_a_reason_that_names_its_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("workers.observing.health.time.monotonic", lambda: now[0])
    health = Health(30, "relay", "kafka")
    health.trouble("kafka", "connection refused")
    now[0] += 20
    health.saw("relay")
    assert health.report() == (True, {"status": "ok", "seconds_since": {"relay": 0, "kafka": 20}, "reasons": []})
    now[0] += 20
    well, told = health.report()
    assert not well
    assert told["reasons"] == [
        "kafka: nothing for 40 s, expected a sign of life at least every 30 s (connection refused)"
    ]
    health.saw("kafka")
    now[0] += 30.5
    assert "refused" not in str(health.report())
    assert health.report()[0] is False


def test_servers_are_asked_often_enough_for_one_slow_answer_to_be_no_alarm() -> None:
    questions: list[None] = []
    stop = threading.Event()

    def asked() -> None:
        questions.append(None)
        if len(questions) == 3:
            stop.set()

    Stores(Health(0.3, "kafka"), (), kafka=asked).start(stop)
    assert stop.wait(4)  # five seconds lie between two questions where the timeout is long


def test_the_server_answers_health_metrics_and_nothing_else() -> None:
    health = Health(30, "relay")
    with serving("127.0.0.1", 0, CollectorRegistry(), health) as (host, port):
        with urllib.request.urlopen(f"http://{host}:{port}/healthz", timeout=30) as answer:
            assert (answer.status, json.load(answer)["status"]) == (200, "ok")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://{host}:{port}/", timeout=30)
        assert [t.daemon for t in threading.enumerate() if t.name == "ticketcore-http"] == [True]
        with (
            pytest.raises(ConfigurationError, match=rf"cannot serve metrics on {host}:{port}: .*expected a free port"),
            serving(host, port, CollectorRegistry(), health),
        ):
            pass


def test_settings_that_cannot_be_right_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETCORE_METRICS_PORT", "70000")
    with pytest.raises(
        ConfigurationError, match=r"TICKETCORE_METRICS_PORT is '70000': .*65535.*\(correct or unset it\)"
    ):
        ObservingSettings.load()
    monkeypatch.setenv("TICKETCORE_METRICS_PORT", "0")
    monkeypatch.setenv("TICKETCORE_LOG_LEVEL", "LOUD")
    with pytest.raises(ConfigurationError, match="TICKETCORE_LOG_LEVEL is 'LOUD'"):
        ObservingSettings.load()


@pytest.mark.servers
@pytest.mark.slow
def test_a_port_that_is_taken_ends_a_worker_with_code_3(database: str, tmp_path: Path) -> None:
    way = Way(database, "127.0.0.1:1", "nowhere", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        way.environ["TICKETCORE_METRICS_PORT"] = str(port)
        worker = way.worker("project", "--from", "log")
        assert worker.process.wait(120) == 3
    assert f"ticketcore: cannot serve metrics on 127.0.0.1:{port}: Address already in use" in worker.said


@pytest.mark.servers
@pytest.mark.slow
def test_a_worker_is_stuck_while_postgresql_is_away_and_scrapes_go_on(tmp_path: Path) -> None:
    with Postgres() as own:
        way = Way(own.create_database(), "127.0.0.1:1", "nowhere", tmp_path)
        with watched(way, "project", "--from", "log", TICKETCORE_HEALTH_TIMEOUT="8") as worker:
            eventually(lambda: worker.value("ticketcore_read_models_up") == 1, 120)
            assert worker.health()[0] == 200
            eventually(lambda: worker.value("ticketcore_projector_position") is not None, 120)
            own.kill9()
            eventually(lambda: worker.value("ticketcore_read_models_up") == 0, 120)
            assert worker.value("ticketcore_projector_position") is None
            eventually(lambda: worker.health()[0] == 503, 120)
            eventually(lambda: "tried again after" in str(reasons(worker, "log")), 120)
            assert reasons(worker, "read models")
            assert worker.value("ticketcore_worker_healthy") == 0
            assert (worker.value("ticketcore_projector_retries_total") or 0) > 0
            own.start()
            eventually(lambda: worker.health()[0] == 200, 120)
            eventually(lambda: worker.value("ticketcore_projector_position") is not None, 120)
            assert worker.worker.end() == 0


@pytest.mark.servers
@pytest.mark.slow
def test_workers_are_stuck_while_the_broker_is_away_and_a_stopped_one_does_not_answer(
    database: str, tmp_path: Path
) -> None:
    with Kafka() as own:
        way = Way(database, own.bootstrap, own.topic_name(), tmp_path)
        with watched(way, "relay", TICKETCORE_HEALTH_TIMEOUT="8") as relay:
            eventually(lambda: relay.value("ticketcore_relay_leads") == 1, 120)
            assert relay.health()[0] == 200
            own.kill9()
            eventually(lambda: relay.health()[0] == 503, 120)
            assert reasons(relay, "kafka")
            assert relay.value("ticketcore_kafka_up") == 0
            relay.worker.send(signal.SIGSTOP)
            with pytest.raises(OSError, match="timed out"):
                relay.get("/healthz", timeout=2)
            relay.worker.send(signal.SIGCONT)
            own.start()
            eventually(lambda: relay.health()[0] == 200, 120)


@pytest.mark.servers
@pytest.mark.slow
def test_sigterm_under_load_finishes_the_batch_and_exits_0(database: str, kafka: Kafka, tmp_path: Path) -> None:
    way = Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path, partitions=2)
    stop = threading.Event()
    with opened_log(way.dsn) as log, watched(way, "relay") as relay, watched(way, "project") as projector:

        def write() -> None:
            for turn in range(200):
                if stop.is_set():
                    return
                append_lives(log, range(turn * 10 + 1, turn * 10 + 10), seed=turn)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            eventually(lambda: (projector.value("ticketcore_projector_events_total") or 0) > 100, 120)
            for watch in (projector, relay):
                watch.worker.send(signal.SIGTERM)
                assert watch.worker.process.wait(120) == 0
                assert watch.lines()[-1]["event"] == "stopped"
        finally:
            stop.set()
            writer.join(60)
        with psycopg.connect(way.dsn) as connection:
            [(position,)] = connection.execute("SELECT position FROM log.relays").fetchall()
        found = messages(kafka.bootstrap, way.topic)
        assert without_duplicates(found) == list(range(1, position + 1))
        assert sum(map(len, found.values())) == position  # what was produced was confirmed, and is not produced again
        way.check(log)


def reasons(worker: Watched, part: str) -> list[str]:
    return [reason for reason in worker.health()[1]["reasons"] if reason.startswith(f"{part}: nothing for ")]
