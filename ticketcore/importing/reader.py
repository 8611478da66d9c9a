"""Rows of a CSV file (plain, .gz or .xz), each with its line number and its text as it stands."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
from collections import deque
from contextlib import ExitStack
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from ticketcore.importing.errors import ImportRefused, ImportStopped
from ticketcore.importing.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ticketcore.importing.mapping import FileFormat

__all__ = ["Row", "RowReader", "file_digest"]

_MOST = 16_777_216
_LONG = 100
_AGAIN = 10


class _Unclosed(csv.Error):
    """A quote that was opened is not closed."""


class Row(NamedTuple):
    """A row as read.

    Attributes:
        line: of its beginning; 1 is the file's first.
        cells: as many as there are columns, unless ``problem`` says otherwise.
        raw: the text of its lines without the line end.
        problem: why it can't be imported; ``None`` where it is well-formed.

    A row that can't be told from those behind it, since a quote in it is not closed, is its first line only.
    """

    line: int
    cells: list[str]
    raw: str
    problem: str | None


_row = partial(tuple.__new__, Row)  # as Row(...), in half the time


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
        self._text: Iterator[str]
        self._again: deque[str] = deque()
        self._times = 0
        self._rows: Any  # the standard library has no name for its type
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
        self._text = self._stack.enter_context(_text(plain, self._form.encoding))
        csv.field_size_limit(max(csv.field_size_limit(), _MOST))
        self._rows = self._parser(self._follow())
        self.columns = self._form.columns or self._header()

    def _parser(self, lines: Iterable[str], *, strict: bool = False) -> Any:
        quote = self._form.quote
        return csv.reader(
            lines,
            strict=strict,
            delimiter=self._form.delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )

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
            raise ImportRefused(self._path, f"column {shown(doubles[0])} stands twice", "each once", "rename one")
        return tuple(names)

    def _follow(self) -> Iterator[str]:
        """Yield lines; ``_lines`` are those of the row at hand, so that there are some only where a quote is open."""
        lines, again, text = self._lines, self._again, self._text
        size = 0
        while True:
            line = again.popleft() if again else next(text, None)
            size = size + len(lines[-1]) if lines else 0
            if line is None:
                if lines:
                    raise _Unclosed("the file ends inside a quote")
                return
            if size > _MOST:
                again.appendleft(line)
                raise _Unclosed(f"a quote is not closed within {_MOST:,} characters")
            lines.append(line)
            yield line

    def __iter__(self) -> Iterator[Row]:
        """Yield every row; blank lines are passed over.

        A line without a quote is what stands between its delimiters, which is found in half the time of a CSV parser.

        Raises:
            ImportStopped: the file ends in the middle (a broken .gz or .xz), or can't be decoded at all.
        """
        again, width = self._again, len(self.columns)
        quote, delimiter, encoding = self._form.quote, self._form.delimiter, self._form.encoding
        line = 1 if self._form.columns else self._rows.line_num + 1
        try:
            while True:
                for raw in self._text:
                    if (quote and quote in raw) or len(raw) > _MOST or delimiter in "\r\n":
                        again.append(raw)
                        break
                    bare = raw.rstrip("\r\n")
                    if bare:
                        cells = bare.split(delimiter)
                        problem = None if len(cells) == width else _wrong_width(cells, width)
                        if problem is None and not raw.isascii():
                            problem = _broken(raw, encoding)
                        yield _row((line, cells, raw, problem))
                    line += 1
                else:
                    return
                self._times = 0
                while again:
                    row, taken = self._parsed(line, width)
                    if row is not None:
                        yield row
                    line += taken
        except (OSError, EOFError, lzma.LZMAError, UnicodeError) as error:
            raise ImportStopped(self._path, line, f"the file can't be read on ({error})", "repair it") from error

    def _parsed(self, line: int, width: int) -> tuple[Row | None, int]:
        """Return the row that begins at *line*, ``None`` for a blank one, and how many lines it took."""
        lines, again = self._lines, self._again
        problem: str | None = None
        cells: list[str] = []
        unclosed = False
        try:
            cells = next(self._rows)
        except _Unclosed as error:
            problem, unclosed = str(error), True
            self._rows = self._parser(self._follow())
        except csv.Error as error:
            problem = f"no CSV: {error}"
        if len(cells) != width and problem is None:
            if not cells:
                taken = len(lines)
                lines.clear()
                return None, taken
            problem = _wrong_width(cells, width)
            unclosed = len(lines) > _LONG
        elif len(lines) > 1 and problem is None and not self._well_quoted():
            problem = "has text behind a closing quote"
            unclosed = len(lines) > _LONG
        if problem is not None and len(lines) > 1:
            apart = unclosed and self._times < _AGAIN
            problem = f"{problem}; {_span(line, len(lines), apart=apart)}"
            if apart:
                self._times += 1
                again.extendleft(reversed(lines[1:]))
                del lines[1:]
        raw = lines[0] if len(lines) == 1 else "".join(lines)
        taken = len(lines)
        lines.clear()
        if not raw.isascii() and problem is None:
            problem = _broken(raw, self._form.encoding)
        return Row(line, cells, raw, problem), taken

    def _well_quoted(self) -> bool:
        """Return whether no quote of the row at hand closes in the middle of a cell, as a stray one does."""
        try:
            next(self._parser(self._lines, strict=True))
        except csv.Error:
            return False
        return True


def _span(first: int, count: int, *, apart: bool) -> str:
    """Return which lines a row that can't be imported took, and what becomes of them."""
    last = first + count - 1
    what = f"a quote opened in the row of line {first} is not closed where it should be: lines {first} to {last}"
    if apart:
        return f"{what} were one row, so only line {first} is rejected and those behind it are read again"
    return f"{what} are in this one row"


def _text(plain: IO[bytes], encoding: str) -> IO[str]:
    return io.TextIOWrapper(plain, encoding=encoding, errors="surrogateescape", newline="")


def _wrong_width(cells: list[str], width: int) -> str:
    return f"has {len(cells)} columns, expected {width}"


def _broken(raw: str, encoding: str) -> str | None:
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        byte = ord(raw[error.start]) - 0xDC00
        return f"byte 0x{byte:02x} at character {error.start + 1} is no {encoding}, expected valid text"
    return None


def _unreadable(path: Path, error: OSError) -> ImportRefused:
    return ImportRefused(path, f"it can't be read ({error.strerror})", "a readable file", "check the path")
