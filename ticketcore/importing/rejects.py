"""The reject file: rows that can't be imported, with their line and the reason. Written anew by every run."""

from __future__ import annotations

import csv
import os
import stat
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Self

from ticketcore.importing.errors import ImportRefused, ImportStopped

if TYPE_CHECKING:
    from pathlib import Path

    from ticketcore.importing.reader import Row

__all__ = ["RejectFile"]


class RejectFile:
    """Collects rejected rows as CSV: ``line,reason,row``. A context manager: its exit closes the file.

    Args:
        path: ``None`` where none was named: the first bad row then stops the import.
        source: the imported file, for messages.
        most: how many are allowed; any number where it is ``None``.

    Attributes:
        count: of rejected rows.
        first: line and reason of the first.
    """

    def __init__(self, path: Path | None, source: Path, most: int | None) -> None:
        self._path, self._source, self._most = path, source, most
        self._file: IO[str] | None = None
        self._last = 0
        self.count = 0
        self.first = ""

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                same = self._path.exists() and self._source.exists() and self._path.samefile(self._source)
                if not same:
                    self._file = self._path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
                    csv.writer(self._file).writerow(("line", "reason", "row"))
                    self._file.flush()
            except OSError as error:
                self._close()
                raise ImportRefused(
                    self._source, f"the reject file {self._path} can't be written ({error.strerror})",
                    "a file that can be written", "name another by --rejects",
                ) from error  # fmt: skip
            if same:
                raise ImportRefused(
                    self._source, "the reject file is the file itself", "another file", "name another by --rejects"
                )
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk: flush() has said so, and closing can only fail likewise
                self._file.close()

    def add(self, row: Row, reason: str) -> None:
        """Note a rejected row.

        Raises:
            ImportStopped: it can't be written, none was named, or there are more than allowed.
        """
        self.count += 1
        self._last = row.line
        self.first = self.first or f"line {row.line}: {reason}"
        if self._file is None:
            raise ImportStopped(
                self._source, row.line, f"{reason}, and no reject file was named", "name one by --rejects"
            )
        try:
            csv.writer(self._file).writerow((row.line, reason, row.raw.rstrip("\r\n")))
        except OSError as error:
            raise self._full(error) from error
        if self._most is not None and self.count > self._most:
            self.flush()
            raise ImportStopped(
                self._source, row.line, f"{self.count:,} rows were rejected, expected at most {self._most:,}"
                f" (the last: {reason})", f"see {self._path}, then mend the mapping or raise --max-rejects",
            )  # fmt: skip

    def flush(self) -> None:
        """Bring everything to the disk; before the chunk that it belongs to is committed.

        Raises:
            ImportStopped: it can't be written.
        """
        if self._file is None:
            return
        try:
            self._file.flush()
            if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> ImportStopped:
        return ImportStopped(
            self._source, self._last, f"the reject file {self._path} can't be written ({error.strerror})",
            "free space or name another file by --rejects",
        )  # fmt: skip
