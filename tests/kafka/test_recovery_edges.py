"""Restores that hide what they took: late pages, the same backup twice, services that run on, data bases that were lost."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaProducer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projections.partitions import partition_of
from projections.runner import Runner
from tests.kafka.given import append_lives, eventually, in_thread, opened_log
from tests.kafka.test_recovery_restore import Restored, as_a_foreign_reader, lives_before_and_after_a_backup
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres
from ticketcore import Settings, TicketCore
from ticketcore.domain.types import Actor
from ticketcore.errors import EpochMismatch, WrongState
from ticketcore.ids import Kind
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog
from workers.kafka.leadership import progress
from workers.kafka.message import message_of, source_of
from workers.kafka.relay import Relay

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ANA, SHOP = Actor.agent("ana"), Actor.system("web")
PARTITIONS = 6


@pytest.fixture
def server() -> Iterator[Postgres]:
    with Postgres() as own:
        yield own


def produced_again(way: Restored, log: PostgresLog, first: int, last: int) -> None:
    """A former leader that was frozen wakes up, and its page goes out once more."""
    previous = [0] * PARTITIONS
    producer = KafkaProducer(bootstrap_servers=way.settings.bootstrap_servers)
    for record in log.read(0, last):
        partition = partition_of(record.originator_id, PARTITIONS)
        key, value, headers = message_of(record, source_of(log.name, log.epoch()), previous[partition])
        previous[partition] = record.position
        if record.position >= first:
            producer.send(way.topic, value, key, headers, partition)
    producer.flush()
    producer.close()


def carried(way: Restored) -> int:
    at = progress(way.dsn, way.topic)
    return at.position if at else 0


def relay_refuses(way: Restored, log: PostgresLog) -> None:
    with (
        pytest.raises(EpochMismatch, match="holds no such event there: it was restored"),
        in_thread(Relay(way.dsn, log, way.settings).run) as thread,
    ):
        thread.join(60)


def test_neither_a_late_page_nor_the_same_backup_twice_hides_what_was_lost(
    server: Postgres, kafka: Kafka, tmp_path: Path
) -> None:
    way = Restored(server, None, kafka.bootstrap, kafka.topic_name(), tmp_path)
    kept, lost, number = lives_before_and_after_a_backup(way)
    with opened_log(way.dsn) as log:
        produced_again(way, log, kept - 60, kept)
    way.restore()
    for time in (1, 2):  # the second time the topic ends with what the first recovery repeated
        with opened_log(way.dsn) as log:
            assert "PROBLEM: topic" in way.run("kafka", "status").stdout
            relay_refuses(way, log)
            done = way.run("recover", "--json")
            assert done.returncode == 0, done.stderr
            told = json.loads(done.stdout)
            assert (told["restored"], told["lost_events"], told["common_position"]) == (True, lost - kept, kept)
            assert min(log.allocate(Kind.TICKET, 1)) > number
            with in_thread(Relay(way.dsn, log, way.settings).run):
                eventually(
                    lambda: carried(way) >= kept, 60
                )  # it repeats the last common events, and nothing else is written
        if time == 1:
            way.restore()
    with opened_log(way.dsn) as log:
        with way.running(log):
            append_lives(log, range(100, 120), seed=6)
            way.caught_up(log)
        way.check(log)
        assert as_a_foreign_reader(way) == {record.position: record.state for record in log.read(0, 100_000)}


class Served:
    """A service that is open before, through and after a restore; without Kafka."""

    def __init__(self, server: Postgres, read_dsn: str, folder: Path) -> None:
        self.way = Restored.__new__(Restored)
        self.way.server, self.way.folder, self.way.read_dsn = server, folder, read_dsn
        self.way.dsn = server.create_database()
        key_file = folder / "keys.json"
        self.way.environ = {"TICKETCORE_DSN": self.way.dsn, "TICKETCORE_READ_DSN": read_dsn} | {
            "TICKETCORE_KEY_FILE": str(key_file)
        }
        self.settings = Settings(dsn=self.way.dsn, read_dsn=read_dsn, key_file=key_file, inline=False)
        self.core = TicketCore.open(self.settings, migrate=True, make_keys=True)

    def opened(self, customer: str) -> str:
        return self.core.open_ticket(
            channel="mail", requester=customer, subject="s", body="b", language="en", by=SHOP
        ).number


def test_a_service_that_runs_on_through_a_restore_decides_on_what_is_there(
    server: Postgres, database: str, tmp_path: Path
) -> None:
    # given a service that remembers states, keys and numbers of the lost part
    at = Served(server, database, tmp_path)
    quiet = at.core.register_customer(language="en", by=SHOP).number
    customer = at.core.register_customer(name="Named", language="en", by=SHOP).number
    ticket = at.opened(customer)
    at.way.back_up()
    lost = [at.opened(quiet) for _ in range(30)]  # the first makes this person's key
    gone = at.core.register_customer(name="Gone", language="en", by=SHOP).number
    at.core.comment(ticket, direction="outbound", channel="mail", body="lost", by=ANA)
    at.core.solve(ticket, by=ANA)
    with opened_log(at.way.dsn) as log, Runner(at.way.read_dsn, log, Codec().decode) as runner:
        runner.catch_up()  # into a data base that is not restored

    # when the log is put back, and another service brings the ticket to the same version
    at.way.restore()
    with TicketCore.open(at.settings) as other:
        for body in ("new", "newer"):
            other.comment(ticket, direction="outbound", channel="mail", body=body, by=ANA)

    # then nothing of the lost part decides
    with pytest.raises(WrongState, match="its status is 'open'"):
        at.core.close_ticket(ticket, by=ANA)
    with pytest.raises(Exception, match=f"{gone}.*"):
        at.opened(gone)
    again = at.opened(quiet)
    [entry] = TicketCore.open(at.settings).ticket_history(again, by=ANA)
    assert entry.readable  # its person's key was made anew

    # and after the recovery no number of the lost part is given again, though no topic shows them
    done = at.way.run("recover")
    assert done.returncode == 0, done.stderr
    with opened_log(at.way.dsn) as log:
        [number] = log.allocate(Kind.TICKET, 1)
    assert number > 1_000 + max(int(name.split("-")[2]) for name in lost)
    at.core.close()


def test_a_recovery_that_cannot_be_done_says_so_and_leaves_nothing_behind(
    server: Postgres, kafka: Kafka, tmp_path: Path
) -> None:
    way = Restored(server, None, kafka.bootstrap, kafka.topic_name(), tmp_path)
    with opened_log(way.dsn) as log:
        append_lives(log, range(1, 5))
        epoch = log.epoch()
    target = tmp_path / "lost.jsonl"

    way.environ["TICKETCORE_KAFKA_BOOTSTRAP_SERVERS"] = ""
    without = way.run("recover", "--dry-run", "--export", str(target))
    assert (without.returncode, target.exists()) == (2, False)
    assert "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS" in without.stderr

    low = lowly(server, way.dsn)
    way.environ |= {"TICKETCORE_DSN": low}
    refused = way.run("recover", "--restored")
    assert refused.returncode == 3
    assert "expected the role that owns the log" in refused.stderr
    assert "epoch" not in refused.stdout

    way.environ |= {"TICKETCORE_DSN": way.dsn, "TICKETCORE_READ_DSN": server.create_database()}
    way.environ |= {"TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "TICKETCORE_KAFKA_TIMEOUT": "2"}
    away = way.run("recover", "--export", str(target))
    assert (away.returncode, list(tmp_path.glob("lost*"))) == (3, [])
    for brokers, *command in (("", "recover", "--restored"), (kafka.bootstrap, "kafka", "status")):
        way.environ["TICKETCORE_KAFKA_BOOTSTRAP_SERVERS"] = brokers
        empty = way.run(*command)
        assert empty.returncode == 3
        assert "lacks read models" in empty.stderr
        assert "`ticketcore db migrate`, then `ticketcore rebuild --all`" in empty.stderr
    with opened_log(way.dsn) as log:
        assert log.epoch() == epoch

    # and the remedy is one
    way.environ["TICKETCORE_KAFKA_BOOTSTRAP_SERVERS"] = ""
    way.environ["TICKETCORE_KEY_FILE"] = str(tmp_path / "keys.json")
    for remedy in (("keys", "init"), ("db", "migrate"), ("rebuild", "--all"), ("recover", "--restored")):
        done = way.run(*remedy)
        assert done.returncode == 0, done.stderr


def lowly(server: Postgres, dsn: str) -> str:
    """Return a DSN of a role that may only read."""
    given = conninfo_to_dict(dsn)
    with psycopg.connect(server.dsn(str(given["dbname"]), superuser=True), autocommit=True) as connection:
        connection.execute("CREATE ROLE lowly LOGIN")
        for schema in ("log", "read_meta", "queues", "history", "performance", "intake"):
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO lowly".encode())
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO lowly".encode())
    return make_conninfo(dsn, user="lowly")
