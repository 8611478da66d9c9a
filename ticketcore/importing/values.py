"""From a cell's text to a value: times in a zone, labels, value maps. Each text is worked out once and remembered."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ticketcore.importing.errors import RowRejected
from ticketcore.importing.shown import shown, shown_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

    from ticketcore.importing.mapping import Mapped

__all__ = ["Labels", "Texts", "Times", "chooser", "room"]

K = TypeVar("K")
V = TypeVar("V")
_MOST = 200_000
_LONGEST_LABEL = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS = {
    "d": r"(?P<day>\d{1,2})", "m": r"(?P<month>\d{1,2})", "Y": r"(?P<year>\d{4})",
    "H": r"(?P<hour>\d{1,2})", "M": r"(?P<minute>\d{1,2})", "S": r"(?P<second>\d{1,2})",
}  # fmt: skip


def room(known: dict[K, V]) -> dict[K, V]:
    """Return *known*, what was worked out, emptied where it is full: a file's values may have no end."""
    if len(known) >= _MOST:
        known.clear()
    return known


class Times:
    """Parses times of the given forms; local ones are of *zone*.

    A local time that a change of the clock repeats is the first of the two; one that it skips is read with the offset
    in force before the change, as RFC 5545 (3.3.5) does: 02:30 of a night that jumps from 02:00 to 03:00 is 03:30.
    """

    def __init__(self, forms: Sequence[str], zone: ZoneInfo) -> None:
        self._forms = tuple(forms)
        self._zone = UTC if zone.key == "UTC" else zone  # else every time is converted to itself
        self._parsers = [_parser(form) for form in forms]
        self._known: dict[str, datetime] = {}
        self._written: dict[str, tuple[datetime, str]] = {}

    def parse(self, text: str, column: str) -> datetime:
        """Return the time in UTC.

        Raises:
            RowRejected: no form fits.
        """
        found = self._known.get(text)
        if found is None:
            found = room(self._known)[text] = self._work_out(text, column)
        return found

    def both(self, text: str, column: str) -> tuple[datetime, str]:
        """Return the time and how it is written in an event: ISO 8601 in UTC."""
        written = self._written.get(text)
        if written is None:
            time = self.parse(text, column)
            written = room(self._written)[text] = (time, time.isoformat().replace("+00:00", "Z"))
        return written

    def _work_out(self, text: str, column: str) -> datetime:
        for parser in self._parsers:
            try:
                time = parser(text.strip())
                return (time.replace(tzinfo=self._zone) if time.tzinfo is None else time).astimezone(UTC)
            except (ValueError, OverflowError):
                continue
        raise RowRejected(f"column {column} is {shown(text)}, expected a time like {' or '.join(self._forms)}")


def _parser(form: str) -> Callable[[str], datetime]:
    if form == "iso8601":
        return datetime.fromisoformat
    if form == "epoch":
        return lambda text: _EPOCH + timedelta(seconds=float(text))
    if form == "epoch_ms":
        return lambda text: _EPOCH + timedelta(milliseconds=float(text))
    return _fast(form) or (lambda text: datetime.strptime(text, form))  # noqa: DTZ007 - the zone is set by the caller


def _fast(form: str) -> Callable[[str], datetime] | None:
    """Return a parser that takes what strptime takes for the plain directives, several times as fast."""
    pieces = re.split(r"%(.)", form)
    directives = pieces[1::2]
    if not {"d", "m", "Y"} <= set(directives) <= set(_PARTS) or len(set(directives)) != len(directives):
        return None
    if any(not fixed for fixed in pieces[2:-1:2]):
        return None  # strptime backtracks between directives that touch; leave these to it
    pattern = "".join(_PARTS[p] if i % 2 else re.escape(p) for i, p in enumerate(pieces))
    compiled = re.compile(pattern, re.ASCII)
    match = compiled.fullmatch
    order = [part for part in ("year", "month", "day", "hour", "minute", "second") if part in compiled.groupindex]

    def parse(text: str) -> datetime:
        found = match(text)
        if found is None:
            raise ValueError(text)
        return datetime(*map(int, found.group(*order)))  # type: ignore[arg-type]  # noqa: DTZ001 - as above

    return parse


class Labels:
    """Checks names used as keys (1 to 200 characters, no NUL), each once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def check(self, text: str, column: str) -> str:
        """Return *text*, always the same object for the same text.

        Raises:
            RowRejected: it is no label.
        """
        found = self._known.get(text)
        if found is not None:
            return found
        if "\0" in text:
            raise RowRejected(f"column {column} has a NUL, expected text without NUL")
        if not 1 <= len(text) <= _LONGEST_LABEL:
            raise RowRejected(f"column {column} has {len(text):,} characters, expected 1 to 200")
        room(self._known)[text] = text
        return text


class Texts:
    """Checks texts of any length: no NUL."""

    def check(self, text: str, column: str) -> str:
        """Return *text*.

        Raises:
            RowRejected: it has a NUL.
        """
        if "\0" in text:
            raise RowRejected(f"column {column} has a NUL, expected text without NUL")
        return text


def chooser(
    spec: Mapped[Any] | None,
    key: str,
    cell: Callable[[str], int],
    null: frozenset[str],
    convert: Callable[[str, str], Any],
) -> Callable[[list[str]], Any]:
    """Return the function that takes a field's value out of a row.

    Args:
        spec: how the field is found; ``None`` where the mapping does not say.
        key: of the mapping, for messages.
        cell: column name -> its place in a row.
        null: texts that mean nothing.
        convert: from the cell's text and the column's name, where the mapping has no ``values``.
    """
    if spec is None:
        return lambda _row: None
    if spec.column is None:
        constant = spec.const
        return lambda _row: constant
    place, column, default, values = cell(spec.column), spec.column, spec.default, spec.values
    known: dict[str, Any] = dict.fromkeys(null, default)
    if values is not None:
        known.update(values)

    def choose(row: list[str]) -> Any:
        text = row[place]
        try:
            return known[text]
        except KeyError:
            pass
        if values is not None:
            if default is not None:
                return default
            expected = shown_all(values)
            raise RowRejected(
                f"column {column} is {shown(text)}, expected one of {expected} (or add it to `{key}.values`)"
            )
        value = convert(text, column)
        if len(known) < _MOST and len(text) <= _LONGEST_LABEL:
            known[text] = value
        return value

    return choose
