"""Projectors fed by a real Kafka: whatever happens to workers, messages and topics, the tables equal a fresh fold."""

import signal
import threading
import time
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Producer
from eventsourcing.persistence import StoredEvent
from kafka import KafkaAdminClient

from projections.partitions import give_to_log, partition_of
from projections.projector import FedByPartitions
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.schema import MODELS, connect
from tests.kafka.given import Way, Worker, append_lives, eventually, in_thread, opened_log
from tests.kafka.together import run_together
from tests.projections.given import ticket_id
from tests.store.building import migrated
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres
from ticketcore.errors import ConfigurationError, EpochMismatch
from ticketcore.store.codec import Codec
from ticketcore.store.port import Append
from ticketcore.store.postgres import PostgresLog
from workers.kafka.projector_worker import ProjectorWorker, group_of
from workers.kafka.relay import Relay
from workers.kafka.topic import ensure_topic

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_every_event_goes_through_kafka_into_the_rows_of_a_fresh_fold(way: Way, log: PostgresLog) -> None:
    workers = way.projectors(log)
    with way.running(log, workers):
        append_lives(log, range(1, 120))
        way.caught_up(log)
    way.check(log)
    assert [worker.filled for worker in workers] == [0]
    assert sorted(partition for _, partition in way.checkpoints()) == sorted([0, 1, 2, 3, 4, 5] * len(MODELS))


def test_workers_that_join_and_leave_under_load_leave_the_tables_right(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        for turn in range(3):
            with in_thread(lambda stop: run_together([worker.run for worker in way.projectors(log)], stop)):
                append_lives(log, range(turn * 60 + 1, turn * 60 + 60), seed=turn)
        append_lives(log, range(300, 330))
        way.caught_up(log)
    way.check(log)


def test_a_killed_workers_partitions_move_and_nothing_is_lost(way: Way, log: PostgresLog) -> None:
    way.relayed(log)
    first, second = way.worker("project"), way.worker("project")
    try:
        with in_thread(Relay(way.dsn, log, way.settings).run):
            append_lives(log, range(1, 40))
            way.caught_up(log)
            assert first.end(signal.SIGKILL) == -signal.SIGKILL
            append_lives(log, range(40, 120), seed=2)
            way.caught_up(log)
        way.check(log)
        assert second.end() == 0
    finally:
        first.end(signal.SIGKILL)
        second.end(signal.SIGKILL)


def test_a_stopped_worker_that_wakes_after_its_partitions_moved_writes_nothing_wrong(
    way: Way, log: PostgresLog
) -> None:
    way.relayed(log)
    zombie = way.worker("project")
    other: list[ProjectorWorker] = way.projectors(log)
    try:
        with in_thread(Relay(way.dsn, log, way.settings).run):
            append_lives(log, range(1, 40))
            eventually(lambda: min(way.checkpoints().get(("queues", n), 0) for n in range(6)) > 0)
            zombie.send(signal.SIGSTOP)
            append_lives(log, range(40, 100), seed=2)
            with in_thread(lambda stop: run_together([worker.run for worker in other], stop)):
                way.caught_up(log)
                zombie.send(signal.SIGCONT)
                append_lives(log, range(100, 160), seed=3)
                eventually(lambda: zombie.said.count("projector.assigned") > 1, 30)
                way.caught_up(log)
            append_lives(log, range(160, 180), seed=4)
            eventually(lambda: way.holds_all(log))
        assert zombie.end() == 0
        with way.running(log):
            way.caught_up(log)
        way.check(log)
    finally:
        zombie.end(signal.SIGKILL)


def test_a_worker_that_is_stopped_amid_a_transaction_keeps_nobody_from_its_checkpoints(
    way: Way, log: PostgresLog
) -> None:
    way.relayed(log)
    zombie = way.worker("project")
    others = way.projectors(log)
    try:
        with in_thread(Relay(way.dsn, log, way.settings).run):
            eventually(lambda: "projector.assigned" in zombie.said)
            stopped = _stopped_amid_a_transaction(way, log, zombie)
            with in_thread(lambda stop: run_together([worker.run for worker in others], stop)):
                way.caught_up(log, 120)
                assert not _sessions(way, stopped)
                zombie.send(signal.SIGCONT)
                eventually(lambda: zombie.said.count("projector.assigned") > 1, 60)
                append_lives(log, range(5_000, 5_040), seed=3)
                way.caught_up(log, 120)
            way.check(log)
        assert zombie.end() == 0
    finally:
        zombie.end(signal.SIGKILL)


def _stopped_amid_a_transaction(way: Way, log: PostgresLog, worker: Worker) -> int:
    """Stop *worker* between two statements of a batch; return its session."""
    for turn in range(200):
        tickets = range(turn * 20 + 1, turn * 20 + 20)
        with in_thread(partial(_append, log, tickets)) as thread:
            while thread.is_alive():
                worker.send(signal.SIGSTOP)
                time.sleep(0.1)  # for the server to end the statement in hand
                if found := _sessions(way):
                    return found[0]
                worker.send(signal.SIGCONT)
                time.sleep(0.02)
    raise AssertionError("never stopped amid a transaction")


def _append(log: PostgresLog, tickets: range, _: threading.Event) -> None:
    append_lives(log, tickets, seed=tickets.start)


def _sessions(way: Way, pid: int | None = None) -> list[int]:
    """Return the sessions that are idle in a transaction which holds a checkpoint."""
    with psycopg.connect(way.dsn) as connection:
        rows = connection.execute(
            "SELECT DISTINCT a.pid FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.mode = 'RowExclusiveLock'"
            " WHERE a.datname = current_database() AND a.state LIKE 'idle in transaction%%'"
            " AND l.relation = 'read_meta.checkpoints'::regclass AND a.pid = coalesce(%s, a.pid)",
            [pid],
        ).fetchall()
    return [found for (found,) in rows]


def test_messages_that_no_relay_wrote_stop_neither_relay_nor_projectors(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 20))
        way.caught_up(log)
    foreign = Producer({"bootstrap.servers": way.settings.bootstrap_servers})
    for n in range(6):
        foreign.produce(way.topic, b"{}", headers=[("ce_id", None)], partition=n)
        foreign.produce(way.topic, b"{}", headers=[("ce_sequence", str(2**70))], partition=n)
    assert foreign.flush(30) == 0
    with way.running(log):
        append_lives(log, range(20, 40), seed=2)
        way.caught_up(log)
    way.check(log)


def test_two_groups_that_feed_the_same_tables_get_in_each_others_way_and_harm_nothing(
    way: Way, log: PostgresLog
) -> None:
    rivals = way.projectors(log, group=f"{way.topic}.rival")
    with way.running(log), in_thread(lambda stop: run_together([worker.run for worker in rivals], stop)):
        for turn in range(6):
            append_lives(log, range(turn * 20 + 1, turn * 20 + 20), seed=turn)
        way.caught_up(log)
    way.check(log)


def test_messages_that_come_twice_change_nothing(way: Way, log: PostgresLog) -> None:
    append_lives(log, range(1, 30))
    with way.running(log):
        way.caught_up(log)
    with psycopg.connect(way.dsn) as connection:
        connection.execute("UPDATE log.relays SET position = 0, previous = array_fill(0::bigint, ARRAY[6])")
    workers = way.projectors(log)
    with way.running(log, workers):
        append_lives(log, range(30, 60), seed=2)
        way.caught_up(log)
    way.check(log)
    assert [worker.filled for worker in workers] == [0]


def test_messages_that_kafka_deleted_are_filled_from_the_log(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 30))
        way.caught_up(log)
    append_lives(log, range(30, 80), seed=2)
    way.relayed(log)
    way.trimmed()
    workers = way.projectors(log)
    with way.running(log, workers):
        way.caught_up(log)
        append_lives(log, range(80, 90), seed=3)
        way.caught_up(log)
    way.check(log)
    assert all(worker.filled > 0 for worker in workers)


def test_a_gap_before_the_oldest_message_is_filled_from_the_log(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 30))
        way.caught_up(log)
    append_lives(log, range(30, 80), seed=2)
    way.relayed(log)
    way.trimmed(keep=5)
    workers = way.projectors(log)
    with way.running(log, workers):
        way.caught_up(log)
    way.check(log)
    assert all(worker.filled > 0 for worker in workers)


def test_messages_that_never_came_are_brought_again(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 30))
        way.caught_up(log)
    head = append_lives(log, range(30, 60), seed=2)
    previous = [0] * 6
    for record in log.read(0, head):
        previous[partition_of(record.originator_id, 6)] = record.position
    with psycopg.connect(way.dsn) as connection:  # as after a batch that failed for good, and later ones that did not
        connection.execute("UPDATE log.relays SET position = %s, previous = %s", [head, previous])
    with way.running(log):
        append_lives(log, range(60, 120), seed=3)
        way.caught_up(log)
    way.check(log)


def test_a_topic_that_was_made_anew_is_caught_up_with(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 40))
        way.caught_up(log)
    with KafkaAdminClient(bootstrap_servers=way.settings.bootstrap_servers) as admin:
        admin.delete_topics([way.topic])
        eventually(lambda: way.topic not in admin.list_topics())
    assert ensure_topic(way.settings, way.topic, 6)
    append_lives(log, range(40, 60), seed=2)
    with way.running(log):
        way.caught_up(log)
        append_lives(log, range(60, 80), seed=3)
        way.caught_up(log)
    way.check(log)


def test_the_embedded_projector_hands_over_to_kafka_and_takes_back(way: Way, log: PostgresLog) -> None:
    append_lives(log, range(1, 30))
    with Runner(way.dsn, log, Codec().decode) as runner:
        embedded = runner.catch_up()
        with way.running(log):
            way.caught_up(log)
            assert min(way.checkpoints().values()) >= embedded
            append_lives(log, range(30, 60), seed=2)
            way.caught_up(log)
        way.check(log)
        with pytest.raises(FedByPartitions, match=r"fed from a Kafka topic here.*`ticketcore kafka hand-back`"):
            runner.catch_up()
        with connect(way.dsn) as connection:
            for model in MODELS:
                assert give_to_log(connection, model.name, 1, "main") is not None
                assert give_to_log(connection, model.name, 1, "main") is None
        append_lives(log, range(60, 70), seed=3)
        assert runner.catch_up() == log.head()
    way.check(log)


def test_workers_follow_a_rebuild_that_replaced_their_tables(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 30))
        way.caught_up(log)
        for model in MODELS:
            assert rebuild(way.dsn, log, Codec().decode, model).generation == 2
        append_lives(log, range(30, 60), seed=2)
        way.caught_up(log)
    way.check(log)


def test_checkpoints_of_another_number_of_partitions_are_refused(way: Way, log: PostgresLog, kafka: Kafka) -> None:
    with way.running(log):
        append_lives(log, range(1, 5))
        way.caught_up(log)
    other = kafka.create_topic(partitions=2)
    worker = ProjectorWorker(way.dsn, MODELS[:1], {other: log}, Codec().decode, way.settings)
    with (
        pytest.raises(ConfigurationError, match="has checkpoints for 6 partitions of log 'main', but its topic has 2"),
        in_thread(worker.run) as thread,
    ):
        thread.join(20)


def test_an_event_of_a_newer_library_parks_its_ticket_and_lets_the_others_pass(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 20))
        [stream] = [id_ for id_ in [ticket_id(1)] if log.load([id_]).streams[id_]]
        version = len(log.load([stream]).streams[stream])
        unknown = (StoredEvent(stream, version + 1, "ticket.of_tomorrow", b'{"meta":{}}'),)
        log.append([Append(uuid4(), b"0123456789abcdef", ((stream, version),), unknown)])
        append_lives(log, range(20, 40), seed=2)
        way.caught_up(log)
    way.check(log, parked=3)


def test_a_restored_log_stops_projectors_with_the_repair(way: Way, log: PostgresLog) -> None:
    with way.running(log):
        append_lives(log, range(1, 10))
        way.caught_up(log)
    with psycopg.connect(way.dsn) as connection:
        connection.execute("UPDATE log.meta SET epoch = gen_random_uuid()")
    worker = way.projectors(log)[0]
    with pytest.raises(EpochMismatch, match=r"run `ticketcore recover`"), in_thread(worker.run) as thread:
        thread.join(20)


def test_sigterm_finishes_the_batch_leaves_the_group_and_exits_0(way: Way, log: PostgresLog) -> None:
    way.relayed(log)
    worker = way.worker("project")
    try:
        with in_thread(Relay(way.dsn, log, way.settings).run):
            append_lives(log, range(1, 40))
            way.caught_up(log)
        assert worker.end() == 0
        assert "stopped" in worker.said
        with KafkaAdminClient(bootstrap_servers=way.settings.bootstrap_servers) as admin:
            group = group_of(way.settings, *MODELS)
            assert list(admin.describe_groups([group])[group]["members"]) == []
    finally:
        worker.end(signal.SIGKILL)


def test_two_logs_feed_one_set_of_read_models_in_a_third_data_base(way: Way, kafka: Kafka, postgres: Postgres) -> None:
    with ExitStack() as stack:
        logs, relays = {}, []
        for name in ("north", "south"):
            dsn = postgres.create_database()
            stack.callback(postgres.drop, dsn)
            log = stack.enter_context(opened_log(migrated(dsn), name))
            topic = kafka.topic_name()
            logs[topic] = log
            relays.append(Relay(dsn, log, way.settings.model_copy(update={"topic": topic, "partitions": 3})))
            append_lives(log, range(1, 40) if name == "north" else range(500, 560), seed=len(logs))
        stack.enter_context(in_thread(lambda stop: run_together([relay.run for relay in relays], stop)))
        eventually(lambda: all(relay.carried for relay in relays))
        with in_thread(ProjectorWorker(way.dsn, MODELS, logs, Codec().decode, way.settings).run):
            for log in logs.values():
                append_lives(log, range(60, 80) if log.name == "north" else range(600, 640), seed=9)
            eventually(lambda: _all_there(way, list(logs.values())), 60)
        with psycopg.connect(way.dsn) as connection:
            held = connection.execute("SELECT count(*), sum(version) FROM queues.tickets").fetchone()
        tickets = [r for log in logs.values() for r in log.read(0, 10_000) if r.topic.startswith("ticket.")]
        assert held == (len({r.originator_id for r in tickets}), len(tickets))


def _all_there(way: Way, logs: list[PostgresLog]) -> bool:
    last: dict[str, int] = {log.name: log.head() for log in logs}
    return all(
        max((position for (model, _), position in way.checkpoints(name).items() if model == each.name), default=0)
        == head
        for name, head in last.items()
        for each in MODELS
    )
