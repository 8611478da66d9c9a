"""One partition's reader: drops what it holds already, notices what is missing, fills it from the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from projections.feed import Decode, Log
from projections.folding import Item, decoded
from projections.partitions import partition_of
from projections.projector import Projector, check_epoch
from projections.schema import Connection
from ticketcore.errors import ConfigurationError, EpochMismatch
from ticketcore.store.port import Record
from workers.kafka.message import NotOurs, received, source_of

__all__ = ["Reader", "RelayedLog"]

_PAGE = 5_000

logger = structlog.get_logger(__name__)


class RelayedLog(Log, Protocol):
    """A log that knows how far a relay brought it."""

    def carried(self, topic: str) -> list[int]: ...


class Reader:
    """Feeds a projector with one partition of one log.

    Args:
        projector: of the model.
        connection: to the read models.
        generation: of the model's tables.
        log: whose events these are.
        decode: record -> event.
        partition: from 0.
        partitions: how many the topic has.
    Raises:
        EpochMismatch: the checkpoint belongs to another epoch of the log, or lies behind its end.
    """

    def __init__(
        self, projector: Projector, connection: Connection, generation: int, log: Log, decode: Decode, partition: int,
        partitions: int,
    ) -> None:  # fmt: skip
        self._projector, self._connection, self._log, self._decode = projector, connection, log, decode
        self._partition, self._partitions = partition, partitions
        epoch = log.epoch()
        self.at = projector.checkpoint(connection, generation, log.name, epoch, partition)
        self.check_log(epoch, log.head())
        self._source = source_of(log.name, self.at.epoch)
        self._cursor = self._until = 0
        self._told_missing = False
        self.resume_at = None if self.at.offset is None else self.at.offset + 1
        """The offset to go on at; ``None`` where only the position is known."""
        self._again: int | None = None
        self.filled = 0

    @property
    def filling(self) -> bool:
        """Whether something has to be read from the log before anything of Kafka is taken."""
        return self._cursor < self._until

    def check_log(self, epoch: UUID, head: int) -> None:
        """Compare the checkpoint with the log's epoch and end as they are now.

        Raises:
            EpochMismatch: the log has another epoch, or ends before the checkpoint.
        """
        check_epoch(self._projector.model.name, self.at, epoch)
        if self.at.position > head:
            raise EpochMismatch(
                f"read model {self._projector.model.name!r} stands at position {self.at.position} of log {self._log.name!r}, which"
                f" ends at {head}: expected a log at least as long (it was restored; run `ticketcore recover`)"
            )

    def begin_again_from(self, oldest: int) -> None:
        """Take the checkpoint's own message once more, where Kafka still has it: the log must hold that event.

        Args:
            oldest: offset of the partition's first message.
        """
        if self.at.offset is not None and self.at.offset >= oldest:
            self.resume_at = self._again = self.at.offset

    def take(self, messages: Sequence[Any]) -> int | None:
        """Project messages of the partition, in order.

        Returns:
            ``None``, or the offset of the message before which something is missing: fill, then go on there.
        Raises:
            CheckpointMoved: another worker has the partition now.
            psycopg.errors.LockNotAvailable: another session holds the checkpoint: give the same messages again.
            EpochMismatch: the log was restored.
            ConfigurationError: the topic carries another log.
        """
        held, records, offset, dropped = self.at.position, list[Record](), self.at.offset, 0
        stopped_at, missing_to = None, 0
        for message in messages:
            try:
                source, record, previous = received(message)
            except NotOurs as error:
                logger.warning(
                    "projector.foreign_message", offset=message.offset, partition=self._partition, error=str(error)
                )
                continue
            if source != self._source:
                self._check_source(source)
                continue
            if record.position > held:
                if previous > held:
                    stopped_at, missing_to = message.offset, previous
                    break
                records.append(record)
                held = record.position
            elif message.offset == self._again:
                self._check_held(record)
            else:
                dropped += 1
            offset = message.offset
        if dropped:
            self._projector.observer.dropped(self._projector.model.name, self._log.name, self._partition, dropped)
        if records:
            self.at = self._projector.apply(self._connection, self._items(records), self.at, offset=offset)
        if stopped_at is not None:
            self.resume_at, self._told_missing = stopped_at, True
            self._fill(missing_to)
            logger.warning(
                "projector.gap", model=self._projector.model.name, log=self._log.name, partition=self._partition,
                held=self.at.position, previous=self._until,
            )  # fmt: skip
        return stopped_at

    def fill_to_head(self) -> None:
        """Ask for everything that the log has now."""
        self._told_missing, self.resume_at = False, None
        self._fill(self._log.head())

    def fill_to(self, position: int, resume_at: int) -> None:
        """Ask for what the topic should have held up to a position; then go on at an offset."""
        self._told_missing, self.resume_at = False, resume_at
        self._fill(position)

    def since(self) -> datetime | None:
        """Return when the event at the checkpoint was recorded; its successors were produced later. ``None`` for none."""
        found = self._log.read(self.at.position - 1, 1) if self.at.position else []
        return found[0].recorded_at if found else None

    def fill_page(self) -> bool:
        """Project the next page of the log's records of this partition; return whether nothing is left to fill.

        Raises:
            EpochMismatch: the log does not hold what the topic's messages say that it holds.
        """
        page = self._log.read(self._cursor, min(_PAGE, self._until - self._cursor))
        if not page:
            raise EpochMismatch(
                f"log {self._log.name!r} ends at {self._cursor}, expected at least position {self._until}: it was restored"
                " (run `ticketcore recover`)"
            )
        records = [r for r in page if partition_of(r.originator_id, self._partitions) == self._partition]
        if records:
            self.at = self._projector.apply(self._connection, self._items(records), self.at, offset=self.at.offset)
            self.filled += len(records)
            self._projector.observer.filled(self._projector.model.name, self._log.name, self._partition, len(records))
        self._cursor = page[-1].position
        if self._cursor >= self._until and self._told_missing and self.at.position != self._until:
            raise EpochMismatch(
                f"the topic says that position {self._until} of log {self._log.name!r} lies in partition {self._partition} of"
                f" {self._partitions}, but the log does not: expected the number of partitions that its relay uses (make the"
                " topic anew under another name, see TICKETCORE_KAFKA_TOPIC)"
            )
        return self._cursor >= self._until

    def _fill(self, until: int) -> None:
        self._cursor, self._until = self.at.position, until

    def _items(self, records: Sequence[Record]) -> list[Item]:
        return decoded(self._decode, records)

    def _check_source(self, source: bytes) -> None:
        """Pass where the message is of a former epoch: what it holds was written again or was lost with it."""
        check_epoch(self._projector.model.name, self.at, self._log.epoch())
        if not source.startswith(f"urn:ticketcore:log:{self._log.name}:".encode()):
            raise ConfigurationError(
                f"the topic holds messages of {source.decode(errors='replace')!r}, expected those of log {self._log.name!r}"
                " (one log, one topic: correct TICKETCORE_KAFKA_TOPIC or TICKETCORE_LOG_NAME)"
            )

    def _check_held(self, record: Record) -> None:
        """Pass where the log holds what the checkpoint's message says, or where another message lies there now."""
        if record.position == self.at.position and self._log.read(record.position - 1, 1) != [record]:
            raise EpochMismatch(
                f"read model {self._projector.model.name!r} holds position {record.position} of log {self._log.name!r} as offset"
                f" {self._again} of partition {self._partition} has it, but the log holds another event there: it was restored"
                " (run `ticketcore recover`)"
            )
