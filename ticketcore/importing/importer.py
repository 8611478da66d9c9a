"""Importing a file: rows become events, chunks of rows are appended each as one command, and a rerun goes on."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from ticketcore.collector import no_collection
from ticketcore.execution import FUTURE
from ticketcore.ids import Kind, kind_of
from ticketcore.importing.activities import Activities
from ticketcore.importing.commits import Commits
from ticketcore.importing.desk import Chunk, Desk, Numbers
from ticketcore.importing.errors import ImportRefused, ImportStopped, RowRejected
from ticketcore.importing.mapping import RecordsMapping, columns_of
from ticketcore.importing.mapping_files import LoadedMapping, load_mapping
from ticketcore.importing.reader import RowReader, file_digest
from ticketcore.importing.records import Records
from ticketcore.importing.rejects import RejectFile
from ticketcore.importing.shown import shown_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from ticketcore.domain.types import Actor
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import EventLog, Receipt

__all__ = ["ImportSummary", "import_file"]

_NAMESPACE = UUID("0b9a2f6c-6d0c-5c0e-9f5e-2a8f6b1f7d11")
_PAGE = 5_000
_TOPIC = attrgetter("topic")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did; the counts are of the whole file, also where earlier runs wrote parts of it.

    Attributes:
        rows: read, without blank lines.
        cases: that became tickets.
        events: topic -> how many.
        irregular: transition (``Closed -> Active``) -> how many events that the table of transitions would refuse.
        rejects: rows in the reject file.
        held_back: stated values whose time never came within the file; they are in no event.
        chunks: appended by this run.
        skipped: chunks that an earlier run had appended.
        seconds: that this run took.
    """

    rows: int = 0
    cases: int = 0
    events: dict[str, int] = field(default_factory=dict)
    irregular: dict[str, int] = field(default_factory=dict)
    rejects: int = 0
    held_back: int = 0
    chunks: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @property
    def already_imported(self) -> bool:
        """Whether earlier runs had imported all of the file and this one wrote nothing."""
        return self.chunks == 0 and self.skipped > 0


def import_file(
    path: str | Path,
    mapping: str | Path | LoadedMapping,
    *,
    zone: ZoneInfo,
    rejects: str | Path | None,
    log: EventLog,
    sealer: Sealer,
    codec: Codec,
    by: Actor,
    progress: Callable[[int, int, int], None] | None = None,
    chunk_rows: int = 5_000,
    max_rejects: int | None = None,
    now: datetime | None = None,
) -> ImportSummary:
    """Import the log of another system.

    The file is read once, in its order, whatever its size; what is kept in memory is the last row and the folded
    ticket of every case. Every *chunk_rows* rows are appended as one command whose id is made of the file's and the
    mapping's content, the zone, *chunk_rows* and the chunk's number: run again after any interruption, it reads from
    the start, passes over the chunks that are in the log and goes on behind them.

    A row whose time is more than :data:`ticketcore.execution.FUTURE` after the import's beginning is rejected. The
    beginning is that of the run that appended the first chunk; reruns take it from the log, so they reject the same.

    Args:
        path: the file; plain, .gz or .xz, known by its content.
        mapping: the name of a shipped mapping, a mapping file, or a loaded one.
        zone: of times that say none themselves.
        rejects: file for rows that can't be imported; the first such row stops the import where it is ``None``.
        log: where to.
        sealer: seals what is personal.
        codec: encodes the events.
        by: who imports; they register the customers. Who did what in the tickets, the rows say.
        progress: called now and then with rows read, bytes read and the bytes of the file.
        chunk_rows: rows appended together; a rerun must have the same.
        max_rejects: stop when more rows than this were rejected.
        now: when this run begins, aware; by the clock where not given.
    Raises:
        BadMapping: the mapping is not valid.
        ImportRefused: the file does not fit it or can't be read; nothing was imported.
        ImportStopped: the import ended early; the chunks before stay. Or every row was rejected.
    """
    loaded = mapping if isinstance(mapping, LoadedMapping) else load_mapping(mapping)
    path = Path(path)
    if chunk_rows < 1:
        raise ImportRefused(path, f"chunk_rows is {chunk_rows}", "at least 1", "leave it at its default")
    run = _Run(path, loaded, zone, log, sealer, codec, by, chunk_rows, progress, now or datetime.now(UTC))
    with RejectFile(None if rejects is None else Path(rejects), path, max_rejects) as reject_file, no_collection():
        return run.run(reject_file)


class _Run:
    def __init__(
        self, path: Path, loaded: LoadedMapping, zone: ZoneInfo, log: EventLog, sealer: Sealer, codec: Codec, by: Actor,
        chunk_rows: int, progress: Callable[[int, int, int], None] | None, now: datetime,
    ) -> None:  # fmt: skip
        self._path, self._mapping, self._zone = path, loaded.mapping, zone
        self._log = log
        self._chunk_rows, self._progress = chunk_rows, progress
        self._identity = f"{file_digest(path)} {loaded.digest} {zone.key} {chunk_rows}"
        self._desk = Desk(loaded.mapping.system, by, Numbers(log), log.owners, sealer.identity_digest)
        self._topics: Counter[str] = Counter()
        self._rows = self._skipped = self._number = self._then = 0
        self._line = 1
        self._receipt: Receipt | None = None
        start = uuid5(_NAMESPACE, f"{self._identity} start")
        started = log.load([], start).receipt
        # The latest time that rows may have is the digest of a command without events: reruns need the same.
        self._latest = now + FUTURE if started is None else _time(started.digest)
        self._commits = Commits(path, log, sealer, codec, None if started else (start, _bytes(self._latest)))

    def run(self, rejects: RejectFile) -> ImportSummary:
        began = time.perf_counter()
        mapping, desk = self._mapping, self._desk
        with RowReader(self._path, mapping.file) as reader, self._commits:
            self._fits(reader.columns)
            shape: Records | Activities
            if isinstance(mapping, RecordsMapping):
                shape = Records(mapping, reader.columns, self._zone, self._latest, desk)
            else:
                shape = Activities(mapping, reader.columns, self._zone, self._latest, desk)
            read, chunk_rows, left = shape.read, self._chunk_rows, self._chunk_rows
            self._begin()
            for row in reader:
                if not left:
                    self._end(rejects)
                    self._begin()
                    left = chunk_rows
                    self._tell(reader)
                left -= 1
                self._rows += 1
                self._line = row.line
                if row.problem is not None:
                    rejects.add(row, row.problem)
                    continue
                try:
                    read(row)
                except RowRejected as reason:
                    rejects.add(row, str(reason))
            self._end(rejects)
            self._commits.wait()
            self._tell(reader)
            self._took_some(rejects)
            held = shape.held_back()
        return ImportSummary(
            rows=self._rows, cases=desk.cases, events=_sorted(self._topics), irregular=_sorted(desk.irregular),
            rejects=rejects.count, held_back=held, chunks=self._commits.count, skipped=self._skipped,
            seconds=time.perf_counter() - began,
        )  # fmt: skip

    def _took_some(self, rejects: RejectFile) -> None:
        if self._rows and rejects.count == self._rows and not self._skipped:
            raise ImportStopped(
                self._path, self._line,
                f"nothing was imported, all of its {self._rows:,} rows were rejected (the first, {rejects.first})",
                "see the reject file, then mend the mapping or the file",
            )  # fmt: skip

    def _tell(self, reader: RowReader) -> None:
        if self._progress is not None:
            self._progress(self._rows, reader.bytes_done(), reader.size)

    def _fits(self, columns: tuple[str, ...]) -> None:
        for column, key in columns_of(self._mapping).items():
            if column not in columns:
                raise ImportRefused(
                    self._path, f"it has no column {column!r}", f"one, because the mapping's `{key}` names it",
                    f"it has: {shown_all(columns)}; check `file.delimiter` and `file.encoding`",
                )  # fmt: skip

    def _begin(self) -> None:
        command_id = uuid5(_NAMESPACE, f"{self._identity} {self._number}")
        self._number += 1
        self._receipt = self._log.load([], command_id).receipt
        began = None
        if self._receipt is not None:
            began, self._then = self._began(self._receipt)
        self._desk.begin(Chunk(command_id, began))

    def _began(self, receipt: Receipt) -> tuple[frozenset[UUID], int]:
        """Return the aggregates that a chunk in the log began, and how many events of tickets it has."""
        end = receipt.position or 0
        after = end - receipt.count
        found: set[UUID] = set()
        of_tickets = 0
        while after < end:
            records = self._log.read(after, min(_PAGE, end - after))
            if not records:
                break
            found.update(record.originator_id for record in records if record.originator_version == 1)
            of_tickets += sum(kind_of(record.originator_id) is Kind.TICKET for record in records)
            after = records[-1].position
        return frozenset(found), of_tickets

    def _end(self, rejects: RejectFile) -> None:
        rejects.flush()
        chunk = self._desk.chunk
        self._topics.update(map(_TOPIC, chunk.events))
        if self._receipt is not None:
            self._skipped += 1
            self._compare(chunk)
        elif chunk.events:
            self._commits.add(chunk, self._line)

    def _compare(self, chunk: Chunk) -> None:
        """Refuse to go on behind a chunk that this version would write otherwise. (Customers may be forgotten since.)"""
        now = sum(kind_of(event.originator_id) is Kind.TICKET for event in chunk.events)
        if now != self._then:
            raise ImportStopped(
                self._path, self._line,
                f"chunk {self._number} has {now:,} events of tickets now and had {self._then:,} when it was imported",
                "finish with the version of ticketcore that began",
            )  # fmt: skip


def _bytes(time: datetime) -> bytes:
    return ((time - _EPOCH) // _MICROSECOND).to_bytes(16, signed=True)


def _time(digest: bytes) -> datetime:
    return _EPOCH + int.from_bytes(digest, signed=True) * _MICROSECOND


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
