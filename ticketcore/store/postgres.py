"""The log in PostgreSQL: every append is one call, one round trip, one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import IntegrityError, Notification
from eventsourcing.postgres import PostgresApplicationRecorder
from psycopg.rows import tuple_row

from ticketcore.errors import ConfigurationError
from ticketcore.ids import NUMBERED, Kind
from ticketcore.store.append_call import APPEND, arguments, outcomes
from ticketcore.store.append_plain import append_plain
from ticketcore.store.appends import check_append, from_receipt, independent, learn, own_clash, ready
from ticketcore.store.arrays import event_rows, key_rows, uuids
from ticketcore.store.blobs import PostgresBlobs
from ticketcore.store.datastore import Datastore
from ticketcore.store.library import expected_of, recorded_at_positions
from ticketcore.store.migrate import check_migrated
from ticketcore.store.patience import patiently
from ticketcore.store.port import Append, Appended, Claim, Loaded, Outcome, Receipt, Record, VersionConflict, Wanted
from ticketcore.store.subscription import PollingSubscription

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventsourcing.persistence import ApplicationRecorder, StoredEvent, Subscription
    from psycopg import Connection
    from psycopg.rows import DictRow

__all__ = ["MIGRATIONS", "SEQUENCES", "PostgresLog"]

T = TypeVar("T")
MIGRATIONS = Path(__file__).parent / "sql" / "log"
"""Folder of the log's migrations."""
SEQUENCES = {kind: f"log.{kind.name.lower()}_numbers" for kind in NUMBERED}
"""What gives each kind's counters."""
_FIELDS = "position, recorded_at, originator_id, originator_version, topic, state"
_LOAD = f"""
SELECT {_FIELDS} FROM log.events WHERE originator_id = ANY(%b)
UNION ALL SELECT position, NULL, originator_id, count, command_id::text, digest FROM log.receipts WHERE command_id = ANY(%b)
"""
_READ = f"""
SELECT {_FIELDS} FROM (
    SELECT *, sum(octet_length(state) + 64) OVER (ORDER BY position) - octet_length(state) AS before
    FROM log.events WHERE position > %b ORDER BY position LIMIT %b
) AS page WHERE before - 64 < %b ORDER BY position
"""
_STREAMS = """
SELECT originator_id FROM log.events
WHERE originator_id > %b AND originator_id < %b AND originator_version = 1 ORDER BY originator_id LIMIT %b
"""
_RELAYED = """
SELECT position, previous FROM log.relays WHERE cardinality(previous) = %b AND epoch = (SELECT epoch FROM log.meta)
ORDER BY position DESC LIMIT 1
"""


class PostgresLog(PostgresBlobs, PostgresApplicationRecorder):
    """Fulfils :class:`ticketcore.store.port.EventLog`, and is a recorder of the eventsourcing library.

    Args:
        dsn: libpq connection string or URI of a migrated data base.
        name: of the log; written at the first opening, and never another afterwards.
        pool_size: connections per process, 1 to 100.
        keys_here: the key store is in the same data base: its rows are written in the events' transaction.
        patience: seconds for which a server that is away is tried again.
    Raises:
        StoreUnavailable: the server is away or too old, or the data base was not migrated.
        ConfigurationError: the log has another name.
    """

    def __init__(
        self, dsn: str, *, name: str = "main", pool_size: int = 8, keys_here: bool = True, patience: float = 30.0
    ) -> None:
        self.datastore: Datastore
        super().__init__(Datastore(dsn, pool_size=pool_size, timeout=patience), events_table_name="events")
        self._name, self._keys_here, self._patience = name, keys_here, patience
        try:
            patiently(self.datastore, min(patience, 5.0), self._check, "open the log")
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The log's name."""
        return self._name

    @property
    def incarnation(self) -> int:
        return self.datastore.incarnation

    def epoch(self) -> UUID:
        row = self._fetch("SELECT epoch FROM log.meta", "read the epoch")
        return UUID(str(row[0][0]))

    def carried(self, topic: str) -> list[int]:
        """Return the position of the last event of each partition that the relay brought to a topic; none: it never did."""
        rows = self._fetch("SELECT previous FROM log.relays WHERE topic = %b", "read how far a topic is", topic)
        return list(rows[0][0]) if rows else []

    def append(self, batch: Sequence[Append]) -> list[Outcome]:
        """See the port. Raises :class:`EventTooLarge` before anything is sent, StoreUnavailable after a bounded time."""
        for append in batch:
            check_append(append)
        return self._in_turn(batch, self._call)

    def _in_turn(self, batch: Sequence[Append], call: Callable[[Sequence[Append]], list[Outcome]]) -> list[Outcome]:
        """Return what *call* says of each, in as few calls as there must be where they depend on each other."""
        if batch and independent(batch):
            return call(batch)
        found: dict[int, Outcome] = {}
        for number, append in enumerate(batch):
            if (refused := self._refused(append)) is not None:
                found[number] = refused
        todo = [(number, append) for number, append in enumerate(batch) if number not in found]
        known: dict[UUID, int] = {}
        while todo:
            now, later = ready(todo, known)
            for number, outcome in zip(now, call([batch[number] for number in now]), strict=True):
                found[number] = outcome
                learn(known, batch[number], outcome)
            todo = [(number, batch[number]) for number in later]
        return [found[number] for number in range(len(batch))]

    def append_bulk(self, append: Append) -> Outcome:
        check_append(append)
        if (refused := self._refused(append)) is not None:
            return refused
        call = arguments([append], keys_here=self._keys_here, events_here=False)
        redacted = set(append.destroy_events)
        keys = [key for key in append.keys if key[:2] not in redacted] if self._keys_here else []

        def work(connection: Connection[DictRow]) -> Outcome:
            with connection.transaction(), connection.cursor(binary=True, row_factory=tuple_row) as cursor:
                [outcome] = outcomes([append], cursor.execute(APPEND, call, prepare=True))
                if not isinstance(outcome, Appended):
                    return outcome
                if outcome.position is not None:
                    first = outcome.position - len(append.events) + 1
                    with cursor.copy(f"COPY log.events ({_FIELDS}) FROM STDIN (FORMAT binary)") as copy:
                        for block in event_rows(append.events, first, outcome.recorded_at):
                            copy.write(block)
                if keys:
                    with cursor.copy("COPY keys.event_keys FROM STDIN (FORMAT binary)") as copy:
                        for block in key_rows(keys):
                            copy.write(block)
            return outcome

        return self._run(work, "append in bulk")

    def append_within(self, connection: Connection[DictRow], batch: Sequence[Append]) -> list[Outcome]:
        """Append as :meth:`append` does, in the transaction that *connection* is in. What is refused leaves it as it was.

        The log is locked until that ends, so do it last. READ COMMITTED, a connection of this log's :attr:`datastore`.
        """
        for append in batch:
            check_append(append)
        return self._in_turn(batch, lambda appends: self._current(connection, appends, self._ask_in_full))

    def load(self, originator_ids: Sequence[UUID], command_id: UUID | None = None) -> Loaded:
        return self.load_many([(originator_ids, command_id)])[0]

    def load_many(self, wanted: Sequence[Wanted]) -> list[Loaded]:
        streams: dict[UUID, list[Record]] = {id_: [] for ids, _ in wanted for id_ in ids}
        receipts: dict[UUID, Receipt] = {}
        asked = uuids([command_id for _, command_id in wanted if command_id is not None])
        for row in self._fetch(_LOAD, "load", uuids(streams), asked):
            if row[1] is None:
                command_id = UUID(row[4])
                receipts[command_id] = Receipt(command_id, row[5], row[2], row[0], row[3])
            else:
                streams[row[2]].append(Record._make(row))
        for records in streams.values():
            records.sort(key=_version)
        return [
            Loaded({id_: streams[id_] for id_ in ids}, receipts.get(command_id) if command_id else None)
            for ids, command_id in wanted
        ]

    def read(self, after: int, limit: int, *, max_bytes: int = 16_777_216) -> list[Record]:
        return [Record._make(row) for row in self._fetch(_READ, "read", after, limit, max_bytes)]

    def stream_ids(self, kind: Kind, after: UUID | None, limit: int) -> list[UUID]:
        first, last = UUID(int=kind << 120), UUID(int=(kind + 1 << 120) - 1)
        return [row[0] for row in self._fetch(_STREAMS, "read which streams there are", after or first, last, limit)]

    def head(self) -> int:
        rows = self._fetch("SELECT position FROM log.events ORDER BY position DESC LIMIT 1", "read the last position")
        return int(rows[0][0]) if rows else 0

    def relayed(self, partitions: int) -> tuple[int, Sequence[int]] | None:
        """Return up to which position a topic of so many partitions holds this log, and the last one of each partition.

        ``None`` where there is no such topic. Of several the one that holds most.
        """
        rows = self._fetch(_RELAYED, "read how far topics are", partitions)
        return (rows[0][0], rows[0][1]) if rows else None

    def allocate(self, kind: Kind, count: int) -> list[int]:
        query = f"SELECT nextval('{SEQUENCES[kind]}') FROM generate_series(1, %b)"
        return [row[0] for row in self._fetch(query, "allocate numbers", count)]

    def owner(self, kind: str, value: bytes) -> Claim | None:
        query = "SELECT kind, value, owner, ref FROM log.claims WHERE kind = %b AND value = %b"
        rows = self._fetch(query, "look up a claim", kind, value)
        return Claim._make(rows[0]) if rows else None

    def claims_of(self, owner: UUID) -> list[Claim]:
        query = "SELECT kind, value, owner, ref FROM log.claims WHERE owner = %b ORDER BY kind, value"
        return [Claim(*row) for row in self._fetch(query, "read claims", owner)]

    def owners(self, kind: str) -> dict[bytes, UUID]:
        return dict(self._fetch("SELECT value, owner FROM log.claims WHERE kind = %b", "read claims", kind))

    def claims_below(self, kind: str, value: bytes, limit: int) -> list[Claim]:
        query = "SELECT kind, value, owner, ref FROM log.claims WHERE kind = %b AND value < %b ORDER BY value LIMIT %b"
        return [Claim(*row) for row in self._fetch(query, "read claims", kind, value, limit)]

    def close(self) -> None:
        self.datastore.close()

    # What the eventsourcing library asks of a recorder.

    def create_table(self) -> None:
        """Do nothing: the schema is made by ``ticketcore db migrate``."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        if not stored_events:
            return None
        append = Append(uuid4(), b"", expected_of(stored_events), tuple(stored_events))
        try:
            [outcome] = self.append([append])
        except psycopg.IntegrityError as error:
            raise IntegrityError(str(error)) from error
        return recorded_at_positions(outcome, len(stored_events))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 1 if start is None else start if inclusive_of_start else start + 1
        query = """
            SELECT position, originator_id, originator_version, topic, state FROM log.events
            WHERE position >= %s AND position <= %s AND (%s::text[] IS NULL OR topic = ANY(%s::text[]))
            ORDER BY position LIMIT %s
        """
        wanted = list(topics) or None
        last = (1 << 63) - 1 if stop is None else stop
        rows = self._fetch(query, "read notifications", first, last, wanted, wanted, limit)
        return [
            Notification(id=at, originator_id=id_, originator_version=version, topic=topic, state=state)
            for at, id_, version, topic, state in rows
        ]

    def max_notification_id(self) -> int | None:
        return self.head() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return PollingSubscription(self, gt=gt, topics=topics)

    def _refused(self, append: Append) -> Outcome | None:
        """Return what becomes of an append whose claims clash with each other; ``None`` where they do not."""
        clash = own_clash(append)
        if clash is None:
            return None
        receipt = self.load((), append.command_id).receipt
        return clash if receipt is None else from_receipt(receipt, append.digest)

    def _call(self, appends: Sequence[Append]) -> list[Outcome]:
        return self._run(lambda connection: self._current(connection, appends, self._ask), "append")

    def _current(
        self, connection: Connection[DictRow], appends: Sequence[Append],
        ask: Callable[[Connection[DictRow], Sequence[Append]], list[Outcome]],
    ) -> list[Outcome]:  # fmt: skip
        """Return what *ask* says of those that were decided on this incarnation of the log; the others are conflicts."""
        # Asked with the connection in hand: it was made after the restore that it might write past, or ends with it.
        now = self.datastore.incarnation
        found: dict[int, Outcome] = {}
        for number, append in enumerate(appends):
            if append.incarnation != now and append.incarnation is not None:
                stream, version = append.expected[0] if append.expected else (append.command_id, 0)
                found[number] = VersionConflict(stream, version, -1)
        if not found:
            return ask(connection, appends)
        todo = [append for number, append in enumerate(appends) if number not in found]
        rest = iter(ask(connection, todo) if todo else ())
        return [found[number] if number in found else next(rest) for number in range(len(appends))]

    def _ask(self, connection: Connection[DictRow], appends: Sequence[Append]) -> list[Outcome]:
        plain = append_plain(connection, appends, keys_here=self._keys_here)
        return self._ask_in_full(connection, appends) if plain is None else plain

    def _ask_in_full(self, connection: Connection[DictRow], appends: Sequence[Append]) -> list[Outcome]:
        call = arguments(appends, keys_here=self._keys_here)
        with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            return outcomes(appends, cursor.execute(APPEND, call, prepare=True).fetchall())

    def _run(self, work: Callable[[Connection[DictRow]], T], what: str) -> T:
        return patiently(self.datastore, self._patience, work, what)

    def _fetch(self, query: str, what: str, *params: Any) -> list[tuple[Any, ...]]:
        def work(connection: Connection[DictRow]) -> list[tuple[Any, ...]]:
            with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
                return cursor.execute(query, params, prepare=True).fetchall()

        return self._run(work, what)

    def _check(self, connection: Connection[DictRow]) -> None:
        check_migrated(connection, "log", MIGRATIONS)
        with connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute("SELECT name FROM log.meta").fetchone()
            if row is None:
                cursor.execute("INSERT INTO log.meta (name) VALUES (%s) ON CONFLICT DO NOTHING", (self._name,))
                row = cursor.execute("SELECT name FROM log.meta").fetchone()
        if row is None or row[0] != self._name:
            raise ConfigurationError(
                f"the log in data base {self.datastore.dbname!r} is named {row and row[0]!r}, expected {self._name!r}"
                " (set TICKETCORE_LOG_NAME to its name, or use another data base)"
            )


def _version(record: Record) -> int:
    return record.originator_version
