"""A machine that does to projectors whatever Kafka, crashes and operators do, in any order, and looks at the tables.

The topic is a list of the real relay's messages, so that a batch can come twice, early, or to a worker that lost its
partition, at the instant that hurts. Log, read models, readers, rebuilds and dead letters are the real ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from psycopg import sql

from projections.base import Model
from projections.checkpoints import EMBEDDED, CheckpointMoved
from projections.dead_letters import dead_letters, find_letters, retry_dead_letters
from projections.drops import drop
from projections.memory import MemoryTables
from projections.partitions import give_to_log, give_to_partitions, partition_of
from projections.projector import FedByPartitions, Projector
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.schema import MODELS, Connection, connect, live
from projections.verify import verify
from tests.projections.given import histories, tables_in
from tests.support.postgres import Postgres
from ticketcore.domain.base import Event
from ticketcore.errors import UnknownEvent
from ticketcore.store.codec import Codec
from ticketcore.store.port import Append, Appended, Record
from ticketcore.store.postgres import PostgresLog
from workers.kafka.message import message_of, source_of
from workers.kafka.reading import Reader

__all__ = ["ProjectionMachine", "Servers"]

Point = tuple[str, int]
"""A read model's name and a partition."""


class Consumed(NamedTuple):
    """A message as the client hands it out."""

    offset: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Servers(NamedTuple):
    """A server, and a data base with empty tables from which each run's own is copied."""

    postgres: Postgres
    template: str


class ProjectionMachine(RuleBasedStateMachine):
    """The class attribute ``servers`` must be set before it runs."""

    servers: Servers

    @initialize(
        history=histories(min_size=60),
        partitions=st.sampled_from([1, 2, 3, 6, 12]),
        by_kafka=st.booleans(),
        refused=st.sets(
            st.sampled_from(["ticket.held", "ticket.rated", "ticket.merged", "customer.merged"]), max_size=2
        ),
    )
    def begin(self, history: list[Event], partitions: int, refused: set[str], by_kafka: bool) -> None:
        self.dsn = self.servers.postgres.create_database(template=self.servers.template)
        self.log = PostgresLog(self.dsn, pool_size=2, patience=10)
        self.coming, self.partitions, self.refused = list(history), partitions, refused
        self.topic: list[list[Consumed]] = [[] for _ in range(partitions)]
        self.first_offset = [0] * partitions
        self.relayed, self.previous = 0, [0] * partitions
        self.former = [(0, [0] * partitions)]
        self.members = [connect(self.dsn) for _ in range(3)]
        self.looking = connect(self.dsn)
        self.readers: dict[Point, Reader] = {}
        self.cursors: dict[Point, int] = {}
        self.zombies: list[tuple[Point, Reader]] = []
        self.held: dict[tuple[str, int, int], int] = {}
        self.ahead: dict[str, int] = {}
        self.left_out: list[tuple[str, UUID, int]] = []
        self.work(len(history) // 2)
        for model in MODELS if by_kafka else ():
            self.assign(model, 0, 1, 3)

    def decode(self, record: Record) -> Event:
        if record.topic in self.refused:
            raise UnknownEvent(record.topic, 2, "version 1")
        return Codec().decode(record)

    # What is written

    @rule(count=st.integers(10, 60))
    def work(self, count: int) -> None:
        """Commands append events, and the relay carries some."""
        part, self.coming = self.coming[:count], self.coming[count:]
        first: dict[UUID, int] = {}
        for event in part:
            first.setdefault(event.originator_id, event.originator_version - 1)
        stored = tuple(map(Codec().to_stored_event, part))
        if stored:
            [outcome] = self.log.append([Append(uuid4(), b"0123456789abcdef", tuple(first.items()), stored)])
            assert isinstance(outcome, Appended)
        self.relay(count)

    def relay(self, count: int) -> None:
        self._produce(count)
        self.relayed, self.previous = self.now, self.now_previous
        self.former.append((self.relayed, list(self.previous)))

    @rule(count=st.integers(2, 40), lost=st.integers(0, 11))
    def relay_and_fail(self, count: int, lost: int) -> None:
        """A partition's batch fails for good, others arrive: the relay's position stays, it will produce them again."""
        self._produce(count, lost=lost % self.partitions)

    @rule(which=st.integers(0, 50))
    def relay_again(self, which: int) -> None:
        """A relay that follows a crash begins at a position before."""
        self.relayed, previous = self.former[which % len(self.former)]
        self.previous = list(previous)

    @rule(partition=st.integers(0, 11), count=st.integers(1, 30))
    def forget_messages(self, partition: int, count: int) -> None:
        """Kafka's retention deletes the oldest messages."""
        n = partition % self.partitions
        self.first_offset[n] = min(self.first_offset[n] + count, len(self.topic[n]))

    def _produce(self, count: int, lost: int | None = None) -> None:
        source = source_of(self.log.name, self.log.epoch())
        self.now, self.now_previous = self.relayed, list(self.previous)
        for record in self.log.read(self.relayed, count):
            n = partition_of(record.originator_id, self.partitions)
            if n != lost:
                message = message_of(record, source, self.now_previous[n])
                self.topic[n].append(Consumed(len(self.topic[n]), *message))
            self.now, self.now_previous[n] = record.position, record.position

    # Who reads

    @rule(
        model=st.sampled_from(MODELS),
        member=st.integers(0, 2),
        of=st.sampled_from([1, 1, 2, 3]),
        count=st.integers(0, 40),
    )
    def assign(self, model: Model, member: int, of: int, count: int) -> None:
        """Kafka gives a member all or some partitions, and it takes some; whoever had them knows nothing of that yet."""
        for n in range(member % of, self.partitions, of):
            reader = self._assign(model, n, self.members[member])
            self._take((model.name, n), reader, self._messages(n, self.cursors[model.name, n])[:count])

    def _assign(self, model: Model, n: int, connection: Connection) -> Reader:
        generation = live(connection, [model])[model.name].generation
        give_to_partitions(connection, model.name, generation, self.log.name, self.log.epoch(), self.partitions)
        if (former := self.readers.pop((model.name, n), None)) is not None:
            self.zombies.append(((model.name, n), former))
        reader = Reader([Projector(model)], connection, [generation], self.log, self.decode, n, self.partitions)
        if reader.at.offset is None and not self._messages(n, 0):
            reader.fill_to_head()
        self.readers[model.name, n], self.cursors[model.name, n] = reader, reader.resume_at or 0
        return reader

    @precondition(lambda self: self.readers)
    @rule(count=st.integers(1, 30))
    def deliver(self, count: int) -> None:
        """Workers take what comes next; Kafka has deleted some of it perhaps."""
        for point, reader in list(self.readers.items()):
            messages = self._messages(point[1], self.cursors[point])[:count]
            if messages and not reader.filling:
                self.cursors[point] = messages[-1].offset + 1
            self._take(point, reader, messages)

    @precondition(lambda self: self.readers)
    @rule(start=st.integers(0, 40), count=st.integers(1, 30))
    def deliver_anything(self, start: int, count: int) -> None:
        """Workers get an old batch again, or a later one first."""
        for point, reader in list(self.readers.items()):
            self._take(point, reader, self._anywhere(point[1], start)[:count])

    @precondition(lambda self: self.zombies)
    @rule(start=st.integers(0, 40), count=st.integers(1, 3))
    def zombies_wake(self, start: int, count: int) -> None:
        """Workers that lost their partitions fold what they had fetched before."""
        for point, reader in list(self.zombies):
            self._take(point, reader, self._anywhere(point[1], start)[:count])

    @rule(member=st.integers(0, 2))
    def kill(self, member: int) -> None:
        """A worker dies: its partitions are nobody's."""
        self.members[member].close()
        self._bury()

    @precondition(lambda self: self.readers)
    @rule(model=st.sampled_from(MODELS), count=st.integers(1, 30))
    def kill_in_the_middle_of_a_batch(self, model: Model, count: int) -> None:
        """The server sees the session end after the rows and before the commit."""
        for point, reader in [found for found in self.readers.items() if found[0][0] == model.name][:1]:
            with _dying(reader):
                self._take(point, reader, self._messages(point[1], self.cursors[point])[:count], final=True)
        self._bury()

    def _bury(self) -> None:
        self.members = [connect(self.dsn) if member.closed else member for member in self.members]
        self.readers = {point: reader for point, reader in self.readers.items() if not _lost(reader)}
        self.zombies = [(point, reader) for point, reader in self.zombies if not _lost(reader)]

    def _messages(self, partition: int, offset: int) -> list[Consumed]:
        return self.topic[partition][max(offset, self.first_offset[partition]) :]

    def _anywhere(self, partition: int, start: int) -> list[Consumed]:
        return self.topic[partition][start % (len(self.topic[partition]) + 1) :]

    def _take(self, point: Point, reader: Reader, messages: list[Consumed], *, final: bool = False) -> None:
        try:
            if not reader.filling and (missing_before := reader.take(messages)) is not None:
                self.cursors[point] = missing_before
            if reader.filling:
                reader.fill_page()
        except CheckpointMoved:
            self.readers = {at: one for at, one in self.readers.items() if one is not reader}
            self.zombies = [(at, one) for at, one in self.zombies if one is not reader]
        except (psycopg.OperationalError, psycopg.InterfaceError):
            assert final, point

    # What operators do

    @rule(model=st.sampled_from(MODELS))
    def rebuild(self, model: Model) -> None:
        """A rebuild replaces the tables under the workers' feet."""
        rebuild(self.dsn, self.log, self.decode, model)

    @rule(model=st.sampled_from(MODELS))
    def hand_back(self, model: Model) -> None:
        """The model goes back to the log's own projector; readers were stopped, zombies were not."""
        with connect(self.dsn) as connection:
            generation = live(connection, [model])[model.name].generation
            give_to_log(connection, model.name, generation, self.log.name)
        self.zombies += [(point, reader) for point, reader in self.readers.items() if point[0] == model.name]
        self.readers = {point: reader for point, reader in self.readers.items() if point[0] != model.name}
        self.ahead[model.name] = self.log.head()

    @rule(model=st.sampled_from(MODELS), batch=st.integers(1, 30))
    def project_from_the_log(self, model: Model, batch: int) -> None:
        """The embedded projector folds what is new, or refuses where partitions feed the model."""
        with Runner(self.dsn, self.log, self.decode, models=[model], batch=batch) as runner:
            if any(partition != EMBEDDED for partition, _ in self._checkpoints(model)):
                try:
                    runner.catch_up()
                except FedByPartitions:
                    return
                raise AssertionError("two feeds at one model")
            assert runner.catch_up() == self.log.head()

    @rule(upgraded=st.booleans())
    def retry(self, upgraded: bool) -> None:
        """Dead letters are folded again; after an upgrade the library reads every event."""
        self.refused = set() if upgraded else self.refused
        retry_dead_letters(self.dsn, self.log, self.decode)

    @rule(which=st.integers(0, 99))
    def drop(self, which: int) -> None:
        """An operator gives up what holds up a ticket."""
        letters = dead_letters(self.dsn)
        if letters:
            letter = letters[which % len(letters)]
            model = next(model for model in MODELS if model.name == letter.model)
            held_up = find_letters(self.dsn, model, letter.aggregate_id)
            drop(self.dsn, self.log, self.decode, held_up, by="operator:kim", reason="It does not matter here")
            self.left_out.append((model.name, letter.aggregate_id, held_up[0].version))

    # What must hold

    @invariant()
    def checkpoints_never_go_back(self) -> None:
        """But where a model was handed back, which goes on at the lowest partition's position."""
        if not hasattr(self, "log"):
            return
        rows = self.looking.execute(
            "SELECT model, generation, partition, position FROM read_meta.checkpoints"
        ).fetchall()
        found = {(model, generation, partition): position for model, generation, partition, position in rows}
        for point, before in self.held.items():
            assert found.get(point, before) >= before or self.ahead.get(point[0], 0) >= before, (point, before, found)
        self.held = found

    @invariant()
    def no_row_is_ahead_of_its_checkpoint(self) -> None:
        """But after a hand-back, likewise."""
        for model in MODELS if hasattr(self, "log") else ():
            points = dict(self._checkpoints(model))
            for table in model.mains.values():
                rows = self.looking.execute(
                    sql.SQL(
                        "SELECT t.{0}, e.position FROM {1} t JOIN log.events e ON e.originator_id = t.{0}"
                        " AND e.originator_version = t.version"
                    ).format(sql.Identifier(table.columns[0]), sql.Identifier(model.name, table.name))
                )
                for id_, position in rows:
                    until = points.get(EMBEDDED, points.get(partition_of(id_, self.partitions), 0))
                    assert position <= max(until, self.ahead.get(model.name, 0)), (model.name, id_, position, points)

    def _checkpoints(self, model: Model) -> list[tuple[int, int]]:
        generation = live(self.looking, [model])[model.name].generation
        return self.looking.execute(
            "SELECT partition, position FROM read_meta.checkpoints WHERE model = %s AND generation = %s",
            [model.name, generation],
        ).fetchall()

    def teardown(self) -> None:
        """Let everything arrive; then compare with the fold in memory, and with one of the log."""
        if not hasattr(self, "log"):
            return
        try:
            self._settle()
            self._compare()
            rebuild(self.dsn, self.log, self.decode, MODELS[len(self.topic) % 3])
            self._compare()
        finally:
            for member in [*self.members, self.looking]:
                member.close()
            self.log.close()
            self.servers.postgres.drop(self.dsn)

    def _settle(self) -> None:
        self.work(10_000)
        for model in MODELS:
            if any(partition != EMBEDDED for partition, _ in self._checkpoints(model)):
                for n in range(self.partitions):
                    self._catch_up(model, n)
            else:
                self.project_from_the_log(model, 7)
        self.retry(upgraded=True)

    def _catch_up(self, model: Model, n: int) -> None:
        reader = self._assign(model, n, self.members[0])
        messages = self._messages(n, reader.resume_at or 0)
        if not messages:
            reader.fill_to_head()  # as a worker does where Kafka holds nothing of the partition
        while reader.filling or reader.take(messages) is not None:
            while reader.filling and not reader.fill_page():
                pass

    def _compare(self) -> None:
        expected = {}
        for model in MODELS:
            tables = MemoryTables(model)
            for name, id_, version in self.left_out:
                if name == model.name:
                    tables.left_out.setdefault(id_, set()).add(version)
            tables.apply(self.decode, self.log.read(0, 10_000))
            assert tables.parked == []
            for name, rows in tables.rows.items():
                expected[f"{model.name}.{name}"] = {
                    tuple(tuple(value) if isinstance(value, list) else value for value in row) for row in rows.values()
                }
        assert tables_in(self.dsn) == expected
        assert dead_letters(self.dsn) == []
        last = [0] * self.partitions
        for record in self.log.read(0, 10_000):
            last[partition_of(record.originator_id, self.partitions)] = record.position
        for model in MODELS:
            for n, position in self._checkpoints(model):
                lowest = self.log.head() if n == EMBEDDED else last[n]  # a take-over begins above its partition's last
                assert lowest <= position <= self.log.head(), (model.name, n, position)
        found = verify(self.dsn, self.log, self.decode)
        assert (found.different, sum(found.parked.values())) == (0, 0), found.differences
        assert sum(found.dropped.values()) == len(self.left_out)


def _lost(reader: Reader) -> bool:
    return reader._connection.closed


@contextmanager
def _dying(reader: Reader) -> Iterator[None]:
    """End the reader's session at the end of its next transaction, before the commit."""
    projector: Any = reader._projectors[0]
    real = projector.park

    def park(connection: Connection, *arguments: Any) -> None:
        real(connection, *arguments)
        connection.close()

    projector.park = park
    try:
        yield
    finally:
        projector.park = real
