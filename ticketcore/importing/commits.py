"""Appending a chunk while the next one is read: a thread for the length of an import, which mostly waits for the server."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from ticketcore.errors import Forgotten
from ticketcore.importing.errors import ImportStopped
from ticketcore.importing.sealed import seal
from ticketcore.store.port import Append, Appended, ClaimConflict, PersonGone, Repeated, Reused, VersionConflict

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path
    from uuid import UUID

    from ticketcore.importing.desk import Chunk
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import EventLog, Outcome

__all__ = ["Commits"]


class Commits:
    """Seals and appends chunks in their order, one at a time. A context manager: its exit waits for the last.

    Args:
        path: of the imported file, for messages.
        start: command id and digest of the import's beginning, appended before the first chunk; ``None`` where an
            earlier run did. Not earlier than the first chunk: a run that took no row binds nobody, so a clock that was
            wrong can be set.

    Attributes:
        count: of chunks that were appended.
    """

    def __init__(
        self, path: Path, log: EventLog, sealer: Sealer, codec: Codec, start: tuple[UUID, bytes] | None
    ) -> None:
        self._path, self._log, self._sealer, self._codec, self._start = path, log, sealer, codec, start
        self._thread = ThreadPoolExecutor(1, "ticketcore-import")
        self._last: Future[None] | None = None
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def add(self, chunk: Chunk, line: int) -> None:
        """Append *chunk*, whose last row is that of *line*, once the one before is in the log.

        Raises:
            ImportStopped: the one before was not appended, and this one is not either.
        """
        self.wait()
        self._last = self._thread.submit(self._append, chunk, line)

    def wait(self) -> None:
        """Return when all chunks so far are in the log. Raises as :meth:`add`, or what the log raised."""
        last, self._last = self._last, None
        if last is not None:
            last.result()
            self.count += 1

    def _append(self, chunk: Chunk, line: int) -> None:
        try:
            keys = seal(chunk, self._sealer, self._codec, self._log)
        except Forgotten as error:
            raise ImportStopped(self._path, line, str(error), "nothing of this chunk was written") from error
        if self._start is not None:
            command_id, digest = self._start
            outcome = self._log.append_bulk(Append(command_id=command_id, digest=digest, expected=()))
            if not isinstance(outcome, Appended):
                raise self._stopped(outcome, line)
            self._start = None
        outcome = self._log.append_bulk(
            Append(
                command_id=chunk.command_id,
                digest=hashlib.blake2b(chunk.command_id.bytes, digest_size=16).digest(),
                expected=tuple(chunk.expected),
                events=chunk.events,
                keys=tuple(keys),
                claims=tuple(chunk.claims),
            )
        )
        if not isinstance(outcome, Appended):
            raise self._stopped(outcome, line)

    def _stopped(self, outcome: Outcome, line: int) -> ImportStopped:
        match outcome:
            case ClaimConflict(claim=claim, owner=owner):
                problem = f"meanwhile somebody else recorded the same {claim.kind} (for {owner})"
                remedy = "nothing of this chunk was written"
            case VersionConflict(originator_id=id_, expected=expected, actual=actual):
                problem = f"ticket {id_} was changed by others: expected version {expected}, actual version {actual}"
                remedy = "import a log before its tickets are worked on here"
            case PersonGone(person_id=person):
                problem = f"customer {person} was forgotten meanwhile"
                remedy = "nothing of this chunk was written"
            case Repeated() | Reused():
                problem = "another run of the same import wrote this chunk at the same time"
                remedy = "let one run at a time"
            case _:
                problem, remedy = f"unexpected outcome {outcome!r}", "report it"
        return ImportStopped(self._path, line, problem, remedy)
