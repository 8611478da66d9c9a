"""What a source states of itself: figures where they changed, and times that must not show before they have come."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ticketcore.importing.cases import Case
    from ticketcore.importing.columns import Common
    from ticketcore.importing.mapping import Stated

__all__ = ["Found", "StatedColumns", "at_opening", "take"]


class Found(NamedTuple):
    """A stated value of a row: its text, from when on it may show, and whether it belongs to the ending event."""

    name: str
    text: str
    due: datetime | None
    at_end: bool


class _Spec(NamedTuple):
    name: str
    place: int
    column: str
    is_time: bool
    on: tuple[str, ...] | None
    due: tuple[int, str] | None


class StatedColumns:
    """Works out which stated values a row's events carry.

    Attributes:
        columns: what the values that belong to any event are read from; they count only where one of these changed.
    """

    def __init__(self, stated: Mapping[str, Stated], common: Common) -> None:
        self._common = common
        specs = [
            _Spec(
                name, common.cell(spec.column), spec.column, spec.type == "time", spec.on,
                None if spec.not_before is None else (common.cell(spec.not_before), spec.not_before),
            )
            for name, spec in stated.items()
        ]  # fmt: skip
        self._always = [spec for spec in specs if spec.on is None]
        self._of_end = {
            end: [spec for spec in specs if spec.on is not None and end in spec.on] for end in ("solved", "closed")
        }
        due = [spec.due[1] for spec in self._always if spec.due is not None]
        self.columns = tuple(dict.fromkeys([spec.column for spec in self._always] + due))

    def find(self, cells: list[str], *, changed: bool, end: str | None) -> list[Found]:
        """Return the row's values that are not null.

        Args:
            cells: of the row.
            changed: whether one of ``columns`` did.
            end: ``solved`` or ``closed``, where the row has such an event.
        Raises:
            RowRejected: a cell can't be read.
        """
        found: list[Found] = []
        if changed:
            self._read(self._always, cells, found)
        if end is not None:
            self._read(self._of_end[end], cells, found)
        return found

    def _read(self, specs: Sequence[_Spec], cells: list[str], found: list[Found]) -> None:
        common = self._common
        null = common.null
        for name, place, column, is_time, on, not_before in specs:
            text = cells[place]
            if text in null:
                continue
            due = None
            if is_time:
                due, text = common.times.both(text, column)
            else:
                common.texts.check(text, column)
            if not_before is not None and cells[not_before[0]] not in null:
                due = common.times.parse(cells[not_before[0]], not_before[1])
            found.append(Found(name, text, due, on is not None))


def at_opening(found: Sequence[Found], at: datetime) -> tuple[dict[str, str], dict[str, tuple[datetime, str]]]:
    """Return what the opening states, and what waits: name -> (from when, value)."""
    recorded = {name: text for name, text, due, _ in found if due is None or due <= at}
    held = {name: (due, text) for name, text, due, _ in found if due is not None and due > at}
    return recorded, held


def take(case: Case, found: Sequence[Found], at: datetime) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the row's first event states, and what its solved or closed event does.

    What must not show at *at* yet is held with the case; what was held and has come is on the first event.
    """
    first: dict[str, str] = {}
    on_end: dict[str, str] = {}
    said, held = case.said, case.held
    for name, text, due, at_end in found:
        if said.get(name) == text:
            continue
        if due is not None and due > at:
            if held is None:
                held = case.held = {}
            held[name] = (due, text)
            continue
        if held is not None:
            held.pop(name, None)
        (on_end if at_end else first)[name] = text
    if held:
        for name, (due, text) in list(held.items()):
            if due <= at:
                del held[name]
                first[name] = text
    if first:
        said.update(first)
    if on_end:
        said.update(on_end)
    return first, on_end
