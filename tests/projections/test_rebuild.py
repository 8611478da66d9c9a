"""A rebuild beside live tables, their swap, and the way back: on PostgreSQL, fed by the log and by partitions."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import projections.rebuild
from projections.base import Model
from projections.checkpoints import CheckpointMoved
from projections.dead_letters import find_letters
from projections.drops import drop, undrop
from projections.partitions import give_to_partitions, partition_of
from projections.projector import FedByPartitions, Projector
from projections.rebuild import Rebuilt, put_back, rebuild, rebuild_all
from projections.runner import Runner, locked, read_batch
from projections.schema import META, MODELS, REBUILD_LOCK, OtherVersion, connect, install, installed, live, rebuilds_due
from projections.swap import hold
from projections.verify import verify
from tests.projections.given import EPOCH, Life, ListLog, ev, execute, opened, tables_in
from tests.projections.next_version import NEXT_QUEUES
from tests.support.postgres import Postgres
from ticketcore.domain.base import Event
from ticketcore.errors import ConfigurationError, EpochMismatch, NotFound, StoreUnavailable
from ticketcore.store.port import Record

pytestmark = pytest.mark.servers
QUEUES, HISTORY, PERFORMANCE, _ = MODELS
NOW, LATER = QUEUES.version, NEXT_QUEUES.version
NEXT = (NEXT_QUEUES, *MODELS[1:])


class Named(ListLog):
    def __init__(self, name: str, events: Sequence[Event]) -> None:
        super().__init__(events)
        self.name = name


def lives(numbers: range) -> list[Event]:
    return [event for n in numbers for event in _life(n).events]


def _life(number: int) -> Life:
    life = opened(number, team_id="mail")
    return life.then(ev.Assigned, life.events[0].meta.occurred_at, team_id="mail", agent_id="ana")


def project(dsn: str, log: ListLog, models: Sequence[Model] = MODELS) -> None:
    with Runner(dsn, log, log.decode, models=models) as runner:
        runner.catch_up()


def project_by_partitions(
    dsn: str, log: ListLog, model: Model, partitions: int = 3, *, offset: int | None = None
) -> None:
    """Do what workers on a topic's partitions do, each up to the log's end, which has *offset*."""
    projector = Projector(model)
    with connect(dsn) as connection:
        generation = live(connection, [model])[model.name].generation
        give_to_partitions(connection, model.name, generation, log.name, log.epoch(), partitions)
        for n in range(partitions):
            at = projector.checkpoint(connection, generation, log.name, log.epoch(), n)
            items = read_batch(log, log.decode, at.position, 100_000)
            mine = [item for item in items if partition_of(item.record.originator_id, partitions) == n]
            projector.apply(connection, mine, at, offset=offset)


def offsets(dsn: str) -> dict[tuple[int, int], int | None]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute('SELECT generation, partition, "offset" FROM read_meta.checkpoints').fetchall()
    return {(generation, partition): offset for generation, partition, offset in rows if partition >= 0}


def checkpoints(dsn: str, model: str = "queues") -> dict[tuple[int, str, int], int]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT generation, log, partition, position FROM read_meta.checkpoints WHERE model = %s", [model]
        ).fetchall()
    return {(generation, log, partition): position for generation, log, partition, position in rows}


def roles(dsn: str, model: str = "queues") -> dict[str, tuple[int, int]]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT role, generation, version FROM read_meta.models WHERE model = %s", [model])
        return {role: (generation, version) for role, generation, version in rows}


@pytest.fixture
def projected(database: str) -> tuple[str, ListLog]:
    install(database)
    log = ListLog(lives(range(1, 60)))
    project(database, log)
    return database, log


class Racing(ListLog):
    """A log that grows by as many events as are read from it."""

    def __init__(self, events: Sequence[Event], most: int) -> None:
        super().__init__(events)
        self.grown, self._most, self._numbers = 0, most, count(10_000)

    def read(self, after: int, limit: int, *, max_bytes: int = 0) -> list[Record]:
        found = super().read(after, limit)
        assert self.grown < self._most, "the rebuild runs after the log and does not get there"
        self.events += [opened(next(self._numbers)).events[0] for _ in found]
        self.grown += len(found)
        return found


def test_a_rebuild_gets_there_though_the_log_grows_as_fast_as_it_is_read(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projections.rebuild, "_BATCH", 20)
    install(database)
    log, seen = Racing(lives(range(1, 60)), most=5_000), ListLog()
    seen.events = log.events
    project_by_partitions(database, seen, QUEUES)
    stop, failed = threading.Event(), list[Exception]()

    def project_on_and_on() -> None:
        while not stop.is_set():
            try:
                project_by_partitions(database, seen, QUEUES)
            except CheckpointMoved:
                continue  # as a worker does: it takes up the new tables
            except Exception as error:  # noqa: BLE001 told below
                failed.append(error)
                return

    worker = threading.Thread(target=project_on_and_on)
    worker.start()
    try:
        done = rebuild(database, log, log.decode, QUEUES)
    finally:
        stop.set()
        worker.join(60)
    assert failed == []
    assert done.generation == 2
    assert 118 < done.position < log.head()
    assert set(checkpoints(database)) == {(2, "main", n) for n in range(3)} | {(-1, "main", -1)}
    project_by_partitions(database, seen, QUEUES)
    assert verify(database, seen, seen.decode, models=[QUEUES]).different == 0


def _quiet(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    return row == (0,)


def _until(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_rebuilt_model_stays_fed_by_its_partitions(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    for _ in range(2):
        project_by_partitions(dsn, log, QUEUES)
        log.events += lives(range(100 + log.head(), 110 + log.head()))
    held, head = checkpoints(dsn), log.head()
    assert len(set(held.values())) > 1
    assert rebuild(dsn, log, log.decode, QUEUES) == Rebuilt("queues", 2, head, 0, NOW)
    assert checkpoints(dsn) == {(2, "main", n): head for n in range(3)} | {(-1, "main", -1): min(held.values())}
    with pytest.raises(FedByPartitions):
        project(dsn, log, [QUEUES])
    log.events += lives(range(60, 70))
    project_by_partitions(dsn, log, QUEUES)
    assert verify(dsn, log, log.decode, models=[QUEUES]).different == 0


def test_all_models_are_rebuilt_together_and_each_event_is_decoded_once(
    projected: tuple[str, ListLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, log = projected
    monkeypatch.setattr(projections.rebuild, "_BATCH", 7)
    decoded, shown = list[int](), list[tuple[int, int]]()

    def broken_off(done: int, _: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(dsn, log, log.decode, PERFORMANCE, progress=broken_off)
    log.events += lives(range(60, 90))
    head = log.head()

    def decode(record: Record) -> Event:
        decoded.append(record.position)
        return log.decode(record)

    done = rebuild_all(
        dsn, log, decode, [QUEUES, PERFORMANCE, HISTORY], progress=lambda folded, ends: shown.append((folded, ends))
    )

    assert done == [
        Rebuilt("queues", 2, head, 0, NOW),
        Rebuilt("performance", 2, head, 21, PERFORMANCE.version),
        Rebuilt("history", 2, head, 0, HISTORY.version),
    ]
    assert decoded == list(range(1, head + 1))
    assert shown[0] == (7, head)
    assert shown[-1] == (head, head)
    assert verify(dsn, log, log.decode).different == 0


def test_where_one_of_several_rebuilds_fails_no_tables_are_swapped(
    projected: tuple[str, ListLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, log = projected
    monkeypatch.setattr(projections.rebuild, "_BATCH", 7)
    before = tables_in(dsn)
    broken = QUEUES._replace(sql=("history.sql",))

    with pytest.raises(StoreUnavailable, match="can't be written"):
        rebuild_all(dsn, log, log.decode, [broken, HISTORY, PERFORMANCE])

    assert tables_in(dsn) == before
    assert roles(dsn)["live"] == (1, NOW)
    assert roles(dsn, "history")["live"] == (1, HISTORY.version)
    assert [one.generation for one in rebuild_all(dsn, log, log.decode, MODELS)] == [2, 2, 2, 2]
    assert verify(dsn, log, log.decode).different == 0


def test_after_a_swap_and_after_the_way_back_workers_go_on_at_the_offset_that_they_had(
    projected: tuple[str, ListLog],
) -> None:
    dsn, log = projected
    for generation, (offset, work) in enumerate([(40, rebuild), (50, put_back)], 2):
        log.events += lives(range(100 + log.head(), 120 + log.head()))
        project_by_partitions(dsn, log, QUEUES)  # the log's own checkpoint, without an offset, becomes the partitions'
        log.events += lives(range(100 + log.head(), 120 + log.head()))
        project_by_partitions(dsn, log, QUEUES, offset=offset)
        log.events += lives(range(100 + log.head(), 120 + log.head()))
        assert work(dsn, log, log.decode, QUEUES).position == log.head()
        assert offsets(dsn) == {(generation, n): offset for n in range(3)}
    project_by_partitions(dsn, log, QUEUES)
    assert verify(dsn, log, log.decode, models=[QUEUES]).different == 0


def test_an_offset_of_a_former_epoch_is_not_taken_over(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    project_by_partitions(dsn, log, QUEUES)
    log.events += lives(range(60, 80))
    project_by_partitions(dsn, log, QUEUES, offset=40)
    log.current_epoch = opened(1).id
    rebuild(dsn, log, log.decode, QUEUES)
    assert offsets(dsn) == {(2, n): None for n in range(3)}


def test_a_worker_of_replaced_tables_writes_nothing_and_takes_nothing_over(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    worker = Projector(QUEUES)
    log.events += lives(range(60, 62))
    with connect(dsn) as connection:
        at = worker.checkpoint(connection, 1, "main", EPOCH)
        items = read_batch(log, log.decode, at.position, 100)
        rebuild(dsn, log, log.decode, QUEUES)
        before = checkpoints(dsn)
        with pytest.raises(CheckpointMoved, match=r"generation 1.*a rebuild replaced the tables"):
            worker.apply(connection, items, at)
        with pytest.raises(CheckpointMoved, match=r"cannot make a checkpoint.*generation 1, log 'main', partition 4"):
            worker.checkpoint(connection, 1, "main", EPOCH, 4)
        with pytest.raises(CheckpointMoved, match="generation 1 is not live any more"):
            give_to_partitions(connection, "queues", 1, "main", EPOCH, 3)
    assert checkpoints(dsn) == before
    assert verify(dsn, log, log.decode, models=[QUEUES]).different == 0


def test_versions_are_swapped_and_swapped_back_again_and_again(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    assert rebuild(dsn, log, log.decode, NEXT_QUEUES).version == LATER
    for turn, (model, others, number) in enumerate([(QUEUES, NEXT_QUEUES, NOW), (NEXT_QUEUES, QUEUES, LATER)] * 2):
        log.events += lives(range(60 + turn * 5, 65 + turn * 5))
        project(dsn, log, [others])
        with pytest.raises(OtherVersion, match=rf"tables of version {others.version}, expected {number}"):
            project(dsn, log, [model])
        log.events += lives(range(90 + turn * 5, 95 + turn * 5))
        done = put_back(dsn, log, log.decode, model)
        assert (done.generation, done.version) == (turn + 3, number)
        assert done.position > done.resumed_at > 0
        assert roles(dsn) == {"live": (turn + 3, number), "prev": (-turn - 2, others.version)}
        project(dsn, log, [model])
        assert verify(dsn, log, log.decode, models=[model]).different == 0
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM queues.still_open").fetchone() == (99,)
    rebuild(dsn, log, log.decode, QUEUES)
    assert roles(dsn) == {"live": (7, NOW), "prev": (-6, LATER)}


def test_only_code_of_their_version_puts_the_previous_tables_back(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    with pytest.raises(NotFound, match=r"no previous generation of read model 'queues'.*until the next rebuild begins"):
        put_back(dsn, log, log.decode, QUEUES)
    rebuild(dsn, log, log.decode, NEXT_QUEUES)
    with pytest.raises(
        OtherVersion, match=rf"they are of version {NOW}, made by release \d\S*, expected version {LATER}.*--back` with"
    ):
        put_back(dsn, log, log.decode, NEXT_QUEUES)
    assert roles(dsn) == {"live": (2, LATER), "prev": (-1, NOW)}
    log.current_epoch = next(iter({opened(1).id}))
    with pytest.raises(EpochMismatch, match=r"of a former epoch of a log.*run `ticketcore rebuild queues`"):
        put_back(dsn, log, log.decode, QUEUES)


def test_dead_letters_go_with_their_tables(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    log.unknown = {"ticket.assigned"}
    log.events += lives(range(60, 62))
    project(dsn, log)
    log.unknown = set()
    rebuild(dsn, log, log.decode, QUEUES)
    assert verify(dsn, log, log.decode).parked == {"queues": 0, "history": 2, "performance": 2, "intake": 0}
    put_back(dsn, log, log.decode, QUEUES)
    found = verify(dsn, log, log.decode)
    assert (found.parked["queues"], found.different) == (2, 0)


def test_tables_that_left_out_an_event_that_counts_again_are_not_put_back(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    log.unknown = {"ticket.assigned"}
    log.events += lives(range(60, 61))
    project(dsn, log)
    drop(dsn, log, log.decode, find_letters(dsn, QUEUES, 120), by="operator:ann", reason="never mind")
    log.unknown = set()
    rebuild(dsn, log, log.decode, QUEUES)
    assert verify(dsn, log, log.decode, models=[QUEUES]).dropped == {"queues": 1}
    assert undrop(dsn, log, log.decode, QUEUES, 120) == 0
    assert verify(dsn, log, log.decode, models=[QUEUES]).different == 0
    with pytest.raises(NotFound, match="no previous generation"):
        put_back(dsn, log, log.decode, QUEUES)
    assert rebuild(dsn, log, log.decode, QUEUES).generation == 3
    assert verify(dsn, log, log.decode, models=[QUEUES]).different == 0


def test_two_logs_feed_what_is_rebuilt_and_verified(database: str) -> None:
    install(database)
    north, south = Named("north", lives(range(1, 30))), Named("south", lives(range(40, 50)))
    project(database, north)
    project(database, south)
    for work in (rebuild, put_back):
        for log in (north, south):
            log.events += lives(range(100 + len(log.events), 103 + len(log.events)))
        done = work(database, [north, south], north_and_south(north, south), QUEUES)
        assert done.position == north.head() + south.head()
        found = verify(database, [north, south], north_and_south(north, south))
        assert found.different == 0
        assert (found.head, found.positions["queues"]) == (north.head() + south.head(), done.position)
        assert {log for _, log, _ in checkpoints(database)} == {"north", "south"}
    for refused in (
        lambda: rebuild(database, north, north.decode, QUEUES),
        lambda: put_back(database, north, north.decode, QUEUES),
        lambda: verify(database, north, north.decode),
    ):
        with pytest.raises(
            ConfigurationError, match=r"holds events of log 'south', expected only of 'north'.*KAFKA_LOGS"
        ):
            refused()


def north_and_south(*logs: Named) -> Callable[[Record], Event]:
    """Decode the records of several logs, whose tickets differ."""
    known = {(e.originator_id, e.originator_version): e for log in logs for e in log.events}
    return lambda record: known[record.originator_id, record.originator_version]


def test_whatever_a_statement_names_is_of_one_generation(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    with psycopg.connect(dsn) as reader, psycopg.connect(dsn, autocommit=True) as other:
        reader.execute("SELECT count(*) FROM queues.waiting")  # a view, held by the transaction
        done: list[Rebuilt] = []
        rebuilding = threading.Thread(target=lambda: done.append(rebuild(dsn, log, log.decode, QUEUES)))
        rebuilding.start()
        _until(lambda: "next" in roles(dsn))
        for _ in range(20):
            assert other.execute("SELECT count(*) FROM queues.tickets").fetchone() == (59,)
        assert done == []
        assert reader.execute("SELECT count(*) FROM queues.tickets").fetchone() == (59,)
        reader.rollback()
        rebuilding.join(60)
    assert [one.generation for one in done] == [2]


def test_a_check_that_runs_during_a_swap_knows_one_generation(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    stop = threading.Event()
    problems: list[BaseException] = []

    def rebuild_on_and_on() -> None:
        try:
            while not stop.is_set():
                rebuild(dsn, log, log.decode, QUEUES)
        except BaseException as error:  # noqa: BLE001 reported below
            problems.append(error)

    thread = threading.Thread(target=rebuild_on_and_on)
    thread.start()
    try:
        for _ in range(15):
            assert verify(dsn, log, log.decode).different == 0
    finally:
        stop.set()
        thread.join(60)
    assert problems == []
    assert roles(dsn)["live"][0] > 2


def test_an_older_release_s_tables_of_progress_are_brought_up_to_date(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    execute(dsn, "DROP INDEX read_meta.models_generation")
    execute(dsn, "ALTER TABLE read_meta.models DROP COLUMN release, DROP COLUMN digest")
    execute(
        dsn,
        "ALTER TABLE read_meta.models DROP CONSTRAINT models_role_check,"
        " ADD CONSTRAINT models_role_check CHECK (role IN ('live', 'next'))",
    )
    with connect(dsn) as connection:
        assert not installed(connection)
        for _ in range(2):
            install(dsn)
            assert installed(connection)
            assert rebuilds_due(connection) == [model.name for model in MODELS]
        assert "models_generation" in META
        rebuild(dsn, log, log.decode, QUEUES)
        assert rebuilds_due(connection) == ["history", "performance", "intake"]
        put_back(dsn, log, log.decode, QUEUES)
        assert rebuilds_due(connection) == ["queues", "history", "performance", "intake"]


def test_a_view_that_changed_without_a_new_version_asks_for_a_rebuild(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    changed = NEXT_QUEUES._replace(version=NOW)
    with connect(dsn) as connection:
        assert rebuilds_due(connection) == []
        assert rebuilds_due(connection, [changed]) == ["queues"]
        rebuild(dsn, log, log.decode, changed)
        assert rebuilds_due(connection, [changed]) == []


def test_a_view_of_others_is_told_at_the_swap_and_never_dropped_unasked(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    execute(dsn, "CREATE SCHEMA analyst")
    execute(dsn, "CREATE VIEW analyst.backlog AS SELECT count(*) FROM queues.tickets")
    execute(dsn, "CREATE TABLE analyst.notes (ticket_id uuid REFERENCES queues.tickets)")
    left = ("constraint notes_ticket_id_fkey on table analyst.notes", "view analyst.backlog")
    for work in (rebuild, put_back, put_back):
        done = work(dsn, log, log.decode, QUEUES)
        assert done.left_behind == (left if done.generation != 3 else ())
    with pytest.raises(
        ConfigurationError, match=r"drops the schema queues_prev.*analyst\.notes, view analyst\.backlog \("
    ):
        rebuild(dsn, log, log.decode, QUEUES)
    assert rebuild(dsn, log, log.decode, HISTORY).left_behind == ()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("TABLE analyst.backlog").fetchone() == (59,)
    assert roles(dsn) == {"live": (4, NOW), "prev": (-3, NOW)}
    execute(dsn, "CREATE OR REPLACE VIEW analyst.backlog AS SELECT count(*) FROM queues.tickets")
    execute(dsn, "DROP TABLE analyst.notes")
    assert rebuild(dsn, log, log.decode, QUEUES).left_behind == ("view analyst.backlog",)
    assert rebuild(dsn, log, log.decode, QUEUES, drop_dependents=True).left_behind == ()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT to_regclass('analyst.backlog')").fetchone() == (None,)


@pytest.fixture
def analyst(postgres: Postgres, database: str) -> Iterator[tuple[str, str]]:
    """A role without any right, as a connection string, and the superuser's."""
    dbname = str(conninfo_to_dict(database)["dbname"])
    admin, name = postgres.dsn(dbname, superuser=True), f"analyst_{dbname}"
    execute(admin, f'CREATE ROLE "{name}" LOGIN')
    yield make_conninfo(database, user=name), admin
    execute(admin, f'DROP OWNED BY "{name}"')
    execute(admin, f'DROP ROLE "{name}"')


def test_rights_given_by_hand_outlast_a_rebuild_whoever_runs_it(
    projected: tuple[str, ListLog], analyst: tuple[str, str]
) -> None:
    dsn, log = projected
    ana, admin = analyst
    name = conninfo_to_dict(ana)["user"]
    execute(dsn, f'GRANT USAGE ON SCHEMA queues TO "{name}"')
    execute(dsn, f'GRANT SELECT ON queues.tickets, queues.waiting TO "{name}"')
    for turn, (role, work) in enumerate([(admin, rebuild), (dsn, put_back), (admin, put_back), (dsn, rebuild)]):
        work(role, log, log.decode, QUEUES)
        with psycopg.connect(ana) as connection:
            assert connection.execute("SELECT count(*) FROM queues.tickets").fetchone() == (59 + turn,)
            connection.execute("SELECT * FROM queues.waiting")
        for statement in ("SELECT * FROM queues.by_team", "DELETE FROM queues.tickets"):
            with psycopg.connect(ana) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        log.events += lives(range(60 + turn, 61 + turn))
        project(dsn, log)
    execute(dsn, f'REVOKE SELECT ON queues.tickets FROM "{name}"')
    execute(dsn, f'GRANT SELECT (number) ON queues.tickets TO "{name}"')
    put_back(dsn, log, log.decode, QUEUES)
    with psycopg.connect(ana, autocommit=True) as connection:
        assert len(connection.execute("SELECT number FROM queues.tickets").fetchall()) == 63
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT status FROM queues.tickets")


def test_a_role_that_may_not_act_as_the_owner_is_refused_before_anything_is_made(
    projected: tuple[str, ListLog], analyst: tuple[str, str]
) -> None:
    dsn, log = projected
    ana, _ = analyst
    owner, name = conninfo_to_dict(dsn)["user"], conninfo_to_dict(ana)["user"]
    execute(dsn, f'GRANT USAGE ON SCHEMA read_meta TO "{name}"')
    execute(dsn, f'GRANT SELECT ON ALL TABLES IN SCHEMA read_meta TO "{name}"')
    with pytest.raises(
        ConfigurationError, match=rf"as '{name}': its schema belongs to role '{owner}'.*GRANT {owner} TO"
    ):
        rebuild(ana, log, log.decode, QUEUES)
    assert roles(dsn) == {"live": (1, NOW)}


def test_a_rebuild_that_waits_for_another_one_names_its_session(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    with connect(dsn) as first, structlog.testing.capture_logs() as told:
        with locked(first, REBUILD_LOCK.format("queues")):
            second = threading.Thread(target=lambda: rebuild(dsn, log, log.decode, QUEUES))
            second.start()
            _until(lambda: bool(told))
            assert [(line["event"], line["pid"]) for line in told] == [("rebuild.waits", first.info.backend_pid)]
        second.join(60)
    assert roles(dsn)["live"] == (2, NOW)


_ENDLESS = """
import sys
from tests.projections.test_rebuild import NEXT_QUEUES, QUEUES, ListLog, lives
import projections.rebuild
from projections.rebuild import put_back, rebuild
projections.rebuild._BATCH = 10
log = ListLog(lives(range(1, 60)))
model = NEXT_QUEUES if sys.argv[2] == "next" else QUEUES
print("ready", flush=True)
work = put_back if sys.argv[3] == "back" else rebuild
print("done", work(sys.argv[1], log, log.decode, model).generation, flush=True)
"""


@contextmanager
def _process(dsn: str, version: str, what: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _ENDLESS, dsn, version, what]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["rebuild", "back"])
def test_a_killed_rebuild_or_way_back_leaves_one_of_both_and_ends_well_when_run_again(
    projected: tuple[str, ListLog], what: str
) -> None:
    dsn, log = projected
    if what == "back":
        rebuild(dsn, log, log.decode, NEXT_QUEUES)
        rebuild(dsn, log, log.decode, QUEUES)
    version, before = "next", roles(dsn)["live"]
    killed = 0
    for pause in (step * 0.1 for step in range(100)):
        with _process(dsn, version, what) as process:
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
            assert process.stdout is not None
            done = "done" in process.stdout.read()
        _until(lambda: _quiet(dsn))
        now = roles(dsn)["live"]
        assert now in (before, (before[0] + 1, LATER))
        code = MODELS if now[1] == NOW else NEXT
        assert verify(dsn, log, log.decode, models=code).different == 0
        if now != before:
            break
        assert not done
        killed += 1
    assert killed > 0
    assert roles(dsn) == {"live": (before[0] + 1, LATER), "prev": (-before[0], NOW)}


@pytest.mark.slow
def test_a_swap_that_is_killed_while_it_waits_leaves_the_live_tables_to_their_workers(
    projected: tuple[str, ListLog],
) -> None:
    dsn, log = projected
    with psycopg.connect(dsn) as reader:
        reader.execute("SELECT 1 FROM queues.tickets")
        with _process(dsn, "next", "rebuild") as process:
            _until(lambda: _waits_for_tables(dsn))
            process.kill()
        log.events += lives(range(60, 70))
        project(dsn, log)
    assert roles(dsn)["live"] == (1, NOW)
    assert rebuild(dsn, log, log.decode, NEXT_QUEUES).resumed_at == 118
    assert verify(dsn, log, log.decode, models=NEXT).different == 0


def _waits_for_tables(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        ).fetchone()
    return row is not None and row[0] > 0


def test_a_stopped_swap_does_not_hold_up_the_live_tables_for_ever(
    projected: tuple[str, ListLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, log = projected
    monkeypatch.setattr("projections.swap._STOPPED", "200ms")
    with connect(dsn) as keeper:
        keeper.execute("BEGIN")
        hold(keeper, "queues")
        log.events += lives(range(60, 70))
        project(dsn, log, [QUEUES])  # goes on once the server has ended the keeper's session
        with pytest.raises(psycopg.Error):
            keeper.execute("SELECT 1")
    assert verify(dsn, log, log.decode, models=[QUEUES]).positions == {"queues": log.head()}


def test_code_that_is_older_than_the_tables_is_told_so(projected: tuple[str, ListLog]) -> None:
    dsn, log = projected
    rebuild(dsn, log, log.decode, NEXT_QUEUES)
    with Runner(dsn, log, log.decode) as runner:
        with pytest.raises(
            StoreUnavailable, match=rf"tables of version {LATER}, expected {NOW} \(upgrade ticketcore here"
        ) as told:
            runner.run(threading.Event())
        assert (told.value.code, told.value.exit_code) == ("other_version", 11)
