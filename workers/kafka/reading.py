"""One partition's reader: drops what its models hold already, notices what is missing, fills it from the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import structlog
from psycopg.errors import LockNotAvailable

from projections.checkpoints import Checkpoint, check_epoch
from projections.feed import Decode, Log
from projections.folding import Item, decoded
from projections.partitions import partition_of
from projections.projector import Projector
from projections.schema import Connection
from projections.together import Part, apply_together
from ticketcore.errors import ConfigurationError, EpochMismatch
from ticketcore.store.port import Record
from workers.kafka.message import NotOurs, received, source_of

__all__ = ["Reader", "RelayedLog", "Taken", "settle_together"]

_PAGE = 5_000

logger = structlog.get_logger(__name__)


class RelayedLog(Log, Protocol):
    """A log that knows how far a relay brought it."""

    def carried(self, topic: str) -> list[int]: ...


class Taken(NamedTuple):
    """What a reader took of messages.

    Attributes:
        part: what is new to a model at least.
        first: offset of the first of the messages.
        stopped_at: offset of the message before which something is missing; ``None`` where nothing is.
        missing_to: position of the last event that is missing.
    """

    part: Part
    first: int
    stopped_at: int | None
    missing_to: int


class Reader:
    """Feeds one or several models with one partition of one log.

    Args:
        projectors: of the models.
        connection: to the read models.
        generations: of the models' tables, in the same order.
        log: whose events these are.
        decode: record -> event.
        partition: from 0.
        partitions: how many the topic has.
    Raises:
        EpochMismatch: a checkpoint belongs to another epoch of the log, or lies behind its end.
    """

    def __init__(
        self, projectors: Sequence[Projector], connection: Connection, generations: Sequence[int], log: Log, decode: Decode,
        partition: int, partitions: int,
    ) -> None:  # fmt: skip
        self._projectors, self._connection, self._log, self._decode = projectors, connection, log, decode
        self._partition, self._partitions = partition, partitions
        self._models = ", ".join(repr(projector.model.name) for projector in projectors)
        epoch = log.epoch()
        self.points = tuple(
            projector.checkpoint(connection, generation, log.name, epoch, partition)
            for projector, generation in zip(projectors, generations, strict=True)
        )
        """Each model's checkpoint."""
        self.check_log(epoch, log.head())
        self._source = source_of(log.name, epoch)
        self._cursor = self._until = 0
        self._told_missing = False
        self.resume_at = None if self.at.offset is None else self.at.offset + 1
        """The offset to go on at; ``None`` where only the position is known."""
        self._again: dict[int, int] = {}
        self.filled = 0

    @property
    def at(self) -> Checkpoint:
        """The lowest of the models' checkpoints."""
        return min(self.points, key=lambda point: (point.position, point.offset is None))

    @property
    def filling(self) -> bool:
        """Whether something has to be read from the log before anything of Kafka is taken."""
        return self._cursor < self._until

    def check_log(self, epoch: UUID, head: int) -> None:
        """Compare the checkpoints with the log's epoch and end as they are now.

        Raises:
            EpochMismatch: the log has another epoch, or ends before a checkpoint.
        """
        for projector, at in zip(self._projectors, self.points, strict=True):
            check_epoch(projector.model.name, at, epoch)
            if at.position > head:
                raise EpochMismatch(
                    f"read model {projector.model.name!r} stands at position {at.position} of log {self._log.name!r}, which"
                    f" ends at {head}: expected a log at least as long (it was restored; run `ticketcore recover`)"
                )

    def begin_again_from(self, oldest: int) -> None:
        """Take the checkpoints' own messages once more, where Kafka still has them: the log must hold those events.

        Args:
            oldest: offset of the partition's first message.
        """
        self._again = {at.offset: at.position for at in self.points if at.offset is not None and at.offset >= oldest}
        if self.at.offset in self._again:
            self.resume_at = self.at.offset

    def take(self, messages: Sequence[Any]) -> int | None:
        """Project messages of the partition, in order.

        Returns:
            ``None``, or the offset of the message before which something is missing: fill, then go on there.
        Raises:
            CheckpointMoved: another worker has the partition now.
            psycopg.errors.LockNotAvailable: another session holds a checkpoint: give the same messages again.
            EpochMismatch: the log was restored.
            ConfigurationError: the topic carries another log.
        """
        return settle_together([(self, self.receive(messages))])[0]

    def receive(self, messages: Sequence[Any]) -> Taken:
        """Return what of *messages* is new, decoded, up to where something is missing; raises as :meth:`take`."""
        held, records, offset, dropped = self.at.position, list[Record](), self.at.offset, 0
        stopped_at, missing_to, own = None, 0, self._source
        for message in messages:
            try:
                source, record, previous = received(message)
            except NotOurs as error:
                logger.warning(
                    "projector.foreign_message", offset=message.offset, partition=self._partition, error=str(error)
                )
                continue
            if source != own:
                self._check_source(source)
                continue
            if self._again and message.offset in self._again:
                self._check_held(record, message.offset)
            if record.position > held:
                if previous > held:
                    stopped_at, missing_to = message.offset, previous
                    break
                records.append(record)
                held = record.position
            elif message.offset not in self._again:
                dropped += 1
            offset = message.offset
        if dropped:
            for projector in self._projectors:
                projector.observer.dropped(projector.model.name, self._log.name, self._partition, dropped)
        part = Part(self._items(records), self.points, offset)
        return Taken(part, messages[0].offset if messages else 0, stopped_at, missing_to)

    def settle(self, taken: Taken, points: tuple[Checkpoint, ...]) -> int | None:
        """Go on at checkpoints that were moved; return as :meth:`take`."""
        self.points = points
        if taken.stopped_at is not None:
            self.resume_at, self._told_missing = taken.stopped_at, True
            self._fill(taken.missing_to)
            logger.warning(
                "projector.gap", models=[projector.model.name for projector in self._projectors], log=self._log.name,
                partition=self._partition, held=self.at.position, previous=self._until,
            )  # fmt: skip
        return taken.stopped_at

    def settle_each(self, taken: Taken) -> list[str]:
        """Project model by model what was taken; return the models whose checkpoint another session holds."""
        points, held = list(self.points), list[str]()
        for number, projector in enumerate(self._projectors):
            try:
                points[number] = projector.apply(
                    self._connection, taken.part.new(number), points[number], offset=taken.part.offset
                )
            except LockNotAvailable:
                held.append(projector.model.name)
        self.points = tuple(points)
        return held

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
            part = Part(self._items(records), self.points, self.at.offset)
            [self.points] = apply_together(self._connection, self._projectors, [part])
            self.filled += len(records)
            for number, projector in enumerate(self._projectors):
                projector.observer.filled(projector.model.name, self._log.name, self._partition, len(part.new(number)))
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
        check_epoch(self._projectors[0].model.name, self.points[0], self._log.epoch())
        if not source.startswith(f"urn:ticketcore:log:{self._log.name}:".encode()):
            raise ConfigurationError(
                f"the topic holds messages of {source.decode(errors='replace')!r}, expected those of log {self._log.name!r}"
                " (one log, one topic: correct TICKETCORE_KAFKA_TOPIC or TICKETCORE_LOG_NAME)"
            )

    def _check_held(self, record: Record, offset: int) -> None:
        """Pass where the log holds what a checkpoint's message says, or where another message lies there now."""
        if record.position == self._again[offset] and self._log.read(record.position - 1, 1) != [record]:
            raise EpochMismatch(
                f"read model {self._models} holds position {record.position} of log {self._log.name!r} as offset {offset} of"
                f" partition {self._partition} has it, but the log holds another event there: it was restored"
                " (run `ticketcore recover`)"
            )


def settle_together(taken: Sequence[tuple[Reader, Taken]]) -> list[int | None]:
    """Project what was received of several partitions of one log, in one transaction; see :meth:`Reader.take`.

    Args:
        taken: readers of one session and the same models, each with what it received of its partition.
    """
    first = taken[0][0]
    reached = apply_together(first._connection, first._projectors, [one.part for _, one in taken])
    return [reader.settle(one, points) for (reader, one), points in zip(taken, reached, strict=True)]
