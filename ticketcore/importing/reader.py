"""Rows of a CSV file (plain, .gz or .xz), each with its line number and its text as it stands."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from ticketcore.importing.errors import ImportRefused, ImportStopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ticketcore.importing.mapping import FileFormat

__all__ = ["Row", "RowReader", "file_digest"]

_MOST = 16_777_216


class Row(NamedTuple):
    """A row as read.

    Attributes:
        line: of its beginning; 1 is the file's first.
        cells: as many as there are columns, unless ``problem`` says otherwise.
        raw: the text of its lines without the line end.
        problem: why it can't be imported; ``None`` where it is well-formed.
    """

    line: int
    cells: list[str]
    raw: str
    problem: str | None


def file_digest(path: Path) -> str:
    """Return the SHA-256 of the file as it lies there (packed, if it is), hex.

    Raises:
        ImportRefused: it can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


class RowReader:
    """Reads *path* as *form* says. A context manager: its exit closes the file.

    Attributes:
        columns: the names of the columns.
        size: of the file as it lies there, in bytes.
    """

    def __init__(self, path: Path, form: FileFormat) -> None:
        self._path, self._form = path, form
        self._stack = ExitStack()
        self._raw: IO[bytes]
        self._lines: list[str] = []
        self._line = 0
        self._rows: Iterator[list[str]]
        self.columns: tuple[str, ...] = ()
        self.size = 0

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def bytes_done(self) -> int:
        """Return how many of ``size`` bytes were read."""
        return self._raw.tell()

    def _open(self) -> None:
        try:
            self._raw = self._stack.enter_context(self._path.open("rb"))
            self.size = self._path.stat().st_size
            head = self._raw.read(6)
            self._raw.seek(0)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        plain: Any = self._raw  # the standard library's file types share no base that says so
        if head[:2] == b"\x1f\x8b":
            plain = self._stack.enter_context(gzip.GzipFile(fileobj=self._raw))
        elif head == b"\xfd7zXZ\x00":
            plain = self._stack.enter_context(lzma.LZMAFile(self._raw))  # noqa: SIM115 - the stack closes it
        text = self._stack.enter_context(_text(plain, self._form.encoding))
        csv.field_size_limit(max(csv.field_size_limit(), _MOST))
        quote = self._form.quote
        self._rows = csv.reader(
            self._follow(text),
            delimiter=self._form.delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )
        self.columns = self._form.columns or self._header()

    def _header(self) -> tuple[str, ...]:
        try:
            names = next(self._rows, None)
        except (OSError, EOFError, lzma.LZMAError, UnicodeError, csv.Error) as error:
            raise ImportRefused(
                self._path, f"its first line can't be read ({error})", f"a CSV file in {self._form.encoding}",
                "see `file.encoding` of the mapping",
            ) from error  # fmt: skip
        self._lines.clear()
        if names is None:
            raise ImportRefused(self._path, "it is empty", "a first line of column names", "see `file.columns`")
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ImportRefused(self._path, f"column {doubles[0]!r} stands twice", "each once", "rename one")
        return tuple(names)

    def _follow(self, text: Iterator[str]) -> Iterator[str]:
        keep = self._lines.append
        for line in text:
            keep(line)
            yield line

    def __iter__(self) -> Iterator[Row]:
        """Yield every row; blank lines are passed over.

        Raises:
            ImportStopped: the file ends in the middle (a broken .gz or .xz), or can't be decoded at all.
        """
        lines, width, rows = self._lines, len(self.columns), self._rows
        line = 1 if self._form.columns else rows.line_num + 1  # type: ignore[attr-defined]
        while True:
            problem: str | None = None
            cells: list[str] = []
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                problem = f"no CSV: {error}"
            except (OSError, EOFError, lzma.LZMAError, UnicodeError) as error:
                raise ImportStopped(self._path, line, f"the file can't be read on ({error})", "repair it") from error
            raw = lines[0] if len(lines) == 1 else "".join(lines)
            taken = len(lines)
            lines.clear()
            if not raw.isascii() and problem is None:
                problem = _broken(raw, self._form.encoding)
            if len(cells) != width and problem is None:
                if not cells:
                    line += taken
                    continue
                problem = f"has {len(cells)} columns, expected {width}"
            yield Row(line, cells, raw, problem)
            line += taken


def _text(plain: IO[bytes], encoding: str) -> IO[str]:
    return io.TextIOWrapper(plain, encoding=encoding, errors="surrogateescape", newline="")


def _broken(raw: str, encoding: str) -> str | None:
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        byte = ord(raw[error.start]) - 0xDC00
        return f"byte 0x{byte:02x} at character {error.start + 1} is no {encoding}, expected valid text"
    return None


def _unreadable(path: Path, error: OSError) -> ImportRefused:
    return ImportRefused(path, f"it can't be read ({error.strerror})", "a readable file", "check the path")
