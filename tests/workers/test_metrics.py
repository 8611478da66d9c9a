"""Metrics scraped from real workers."""

import threading
from pathlib import Path

import psycopg
import pytest

from projections.rebuild import rebuild
from projections.runner import locked
from projections.schema import MODELS, connect
from tests.kafka.given import Way, append_lives, eventually, in_thread, opened_log
from tests.support.kafka import Kafka
from tests.workers.given import watched
from ticketcore.store.codec import Codec
from workers.kafka.relay import Relay

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def way(database: str, kafka: Kafka, tmp_path: Path) -> Way:
    return Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path, partitions=3)


def test_relay_and_projector_show_what_they_did(way: Way) -> None:
    with opened_log(way.dsn) as log, watched(way, "relay") as relay:
        head = append_lives(log, range(1, 60))
        eventually(lambda: relay.value("ticketcore_relay_position") == head)
        labels = {"log": "main", "topic": way.topic}
        assert relay.metrics()["ticketcore_relay_lag_events"] == [(labels, 0)]
        assert relay.metrics()["ticketcore_relay_lag_seconds"] == [(labels, 0)]
        assert relay.value("ticketcore_log_head_position", log="main") == head
        assert relay.value("ticketcore_relay_leads") == relay.value("ticketcore_relay_leaderships_total") == 1
        assert relay.value("ticketcore_relay_events_total") == relay.value("ticketcore_relay_page_events_sum") == head
        assert relay.value("ticketcore_relay_retries_total") == 0
        pages = relay.value("ticketcore_relay_page_events_count")
        assert pages == relay.value("ticketcore_relay_confirm_seconds_count")
        assert (relay.value("ticketcore_relay_confirm_seconds_sum") or 0) > 0
        assert relay.value("ticketcore_log_up") == relay.value("ticketcore_kafka_up") == 1
        with watched(way, "project") as projector:
            way.caught_up(log)
            expected = {
                tuple(sorted({"model": model, "log": "main", "partition": str(n)}.items())): float(position)
                for (model, n), position in way.checkpoints().items()
            }

            def shown(name: str) -> dict[tuple[tuple[str, str], ...], float]:
                return {tuple(sorted(had.items())): value for had, value in projector.metrics().get(name, [])}

            eventually(lambda: shown("ticketcore_projector_position") == expected)
            assert shown("ticketcore_projector_lag_events") == dict.fromkeys(expected, 0)
            assert shown("ticketcore_projector_lag_seconds") == dict.fromkeys(expected, 0)
            for model in MODELS:
                named = {"model": model.name}
                assert projector.value("ticketcore_projector_events_total", **named) == head
                assert projector.value("ticketcore_projector_batch_events_sum", **named) == head
                batches = projector.value("ticketcore_projector_batch_seconds_count", **named)
                assert batches
                for step in ("load", "fold", "write"):
                    assert projector.value("ticketcore_projector_step_seconds_count", step=step, **named) == batches
                assert (projector.value("ticketcore_projector_rebalances_total", **named) or 0) >= 1
                assert projector.value("ticketcore_projector_retries_total", **named) == 0
                assert projector.value("ticketcore_dead_letters", **named) == 0
                assert projector.value("ticketcore_rebuild_running", **named) == 0
            assert projector.value("ticketcore_projector_gaps_total") is None
            assert projector.value("ticketcore_worker_healthy") == projector.value("ticketcore_read_models_up") == 1
            build = projector.metrics()["ticketcore_build_info"]
            assert [(had["worker"], value) for had, value in build] == [("project", 1)]


def test_what_waits_is_told_in_events_and_seconds_and_an_idle_partition_waits_for_nothing(way: Way) -> None:
    with opened_log(way.dsn) as log, watched(way, "relay") as relay:
        append_lives(log, range(1, 30))
        with watched(way, "project", "queues") as projector:
            way_holds = {"model": "queues", "log": "main"}
            eventually(lambda: projector.value("ticketcore_projector_lag_events", **way_holds) == 0)
            with connect(way.dsn) as connection, connection.transaction():  # it can't move its checkpoints
                connection.execute("SELECT 1 FROM read_meta.checkpoints FOR UPDATE")
                head = append_lives(log, range(100, 140), seed=2)
                counted = head - (projector.value("ticketcore_projector_events_total", **way_holds) or 0)
                eventually(lambda: relay.value("ticketcore_relay_position") == head)
                eventually(lambda: projector.value("ticketcore_projector_lag_events", **way_holds) == counted)
                first = projector.value("ticketcore_projector_lag_seconds", **way_holds) or 0
                eventually(lambda: (projector.value("ticketcore_projector_lag_seconds", **way_holds) or 0) > first > 0)
            eventually(lambda: projector.value("ticketcore_projector_lag_seconds", **way_holds) == 0)
            assert projector.value("ticketcore_projector_lag_events", **way_holds) == 0
            points = [position for (model, _), position in way.checkpoints().items() if model == "queues"]
            assert min(points) < head  # the partitions of other tickets than the last are idle


def test_duplicates_gaps_and_what_is_filled_from_the_log_are_counted(way: Way) -> None:
    with opened_log(way.dsn) as log:
        append_lives(log, range(1, 30))
        with watched(way, "relay") as relay, watched(way, "project", "queues") as projector:
            eventually(lambda: projector.value("ticketcore_projector_events_total") == log.head(), 60)
            assert projector.value("ticketcore_projector_duplicates_total") is None
            assert relay.worker.end() == 0
            with psycopg.connect(way.dsn) as connection:
                connection.execute("UPDATE log.relays SET position = 0, previous = array_fill(0::bigint, ARRAY[3])")
            with in_thread(Relay(way.dsn, log, way.settings).run):
                eventually(lambda: projector.value("ticketcore_projector_duplicates_total") == log.head(), 60)
        held = log.head()
        append_lives(log, range(100, 140), seed=2)
        way.relayed(log)
        way.trimmed(keep=5)
        with watched(way, "project", "queues") as projector:
            eventually(lambda: projector.value("ticketcore_projector_events_total") == log.head() - held, 60)
            assert (projector.value("ticketcore_projector_gaps_total") or 0) >= 1
            assert 0 < (projector.value("ticketcore_projector_filled_events_total") or 0) <= log.head() - held


def test_a_rebuild_in_another_process_shows_how_far_it_is(way: Way) -> None:
    with opened_log(way.dsn) as log, watched(way, "relay"), watched(way, "project", "queues") as projector:
        head = append_lives(log, range(1, 30))
        eventually(lambda: projector.value("ticketcore_projector_events_total") == head)
        done: list[object] = []
        building = threading.Thread(target=lambda: done.append(rebuild(way.dsn, log, Codec().decode, MODELS[0])))
        with connect(way.dsn) as connection, locked(connection):  # it can't swap
            building.start()
            eventually(lambda: projector.value("ticketcore_rebuild_running", model="queues") == 1)
            eventually(lambda: projector.value("ticketcore_rebuild_position", model="queues", log="main") == head)
            assert projector.value("ticketcore_rebuild_target_position", model="queues", log="main") == head
            assert (projector.value("ticketcore_rebuild_seconds", model="queues") or 0) > 0
        building.join(60)
        assert len(done) == 1
        eventually(lambda: projector.value("ticketcore_rebuild_running", model="queues") == 0)
        assert projector.value("ticketcore_rebuild_position") is None
        assert projector.value("ticketcore_rebuild_seconds") is None


def test_a_projector_of_the_log_itself_shows_its_lag_as_partition_minus_one(way: Way) -> None:
    with opened_log(way.dsn) as log, watched(way, "project", "--from", "log") as projector:
        head = append_lives(log, range(1, 20))
        at = {"model": "history", "log": "main", "partition": "-1"}
        eventually(lambda: projector.value("ticketcore_projector_position", **at) == head)
        assert projector.value("ticketcore_projector_lag_events", **at) == 0
        assert projector.value("ticketcore_projector_events_total", **at) == head
        assert projector.value("ticketcore_kafka_up") is None
        assert projector.health()[0] == 200
