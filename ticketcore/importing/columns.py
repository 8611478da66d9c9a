"""What both shapes take from a row: case, time, actor, requester, classification, priority and owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ticketcore.domain.commands import normalise
from ticketcore.domain.types import Channel, IdentityKind, Level, Priority
from ticketcore.importing.drafts import Actors
from ticketcore.importing.errors import RowRejected
from ticketcore.importing.shown import shown
from ticketcore.importing.values import Labels, Texts, Times, chooser, room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from enum import StrEnum
    from zoneinfo import ZoneInfo

    from ticketcore.importing.drafts import Who
    from ticketcore.importing.mapping import Mapped, Mapping, Requester

__all__ = ["Common", "Wanted", "member"]

E = TypeVar("E", bound="StrEnum")
Wanted = tuple[IdentityKind, str, str | None]
"""A customer as a row names them: kind and value of the identity, and a name."""


def member(enum: type[E]) -> Callable[[str, str], E]:
    def convert(text: str, column: str) -> E:
        try:
            return enum(text)
        except ValueError:
            expected = ", ".join(repr(item.value) for item in enum)
            raise RowRejected(
                f"column {column} is {shown(text)}, expected one of {expected} (or `values` for it)"
            ) from None

    return convert


class Common:
    """Takes the columns that both shapes have; every text is checked once and remembered.

    Args:
        latest: time that a row may have.
    """

    def __init__(self, mapping: Mapping, columns: Sequence[str], zone: ZoneInfo, latest: datetime) -> None:
        self._places = {name: place for place, name in enumerate(columns)}
        self.null = frozenset(mapping.file.null)
        self.labels, self.texts = Labels(), Texts()
        self.times = Times(mapping.file.times, zone)
        self._latest = latest
        self._happened: dict[str, datetime] = {}
        self._whos: dict[str, Who] = {}
        self.actors = Actors(mapping.system)
        self._case_column, self._case = mapping.case, self.cell(mapping.case)
        self._time_column, self._time = mapping.time, self.cell(mapping.time)
        self._actor, self._actor_column = None if mapping.actor is None else self.cell(mapping.actor), mapping.actor
        self._requester = mapping.requester
        self._tags = [(self.cell(name), name) for name in mapping.tags]
        m, label = mapping, self.labels.check
        self._channel = self.choose(m.channel, "channel", member(Channel))
        self._language = self.choose(m.language, "language", label)
        self._category = self.choose(m.category, "category", label)
        self._subcategory = self.choose(m.subcategory, "subcategory", label)
        self._impact = self.choose(m.impact, "impact", self.level)
        self._urgency = self.choose(m.urgency, "urgency", self.level)
        self._priority = self.choose(m.priority, "priority", self.priority_word)
        self._team = self.choose(m.team, "team", label)
        self._agent = self.choose(m.agent, "agent", label)

    level = staticmethod(member(Level))
    priority_word = staticmethod(member(Priority))

    def cell(self, column: str) -> int:
        """Return the place of *column* in a row."""
        return self._places[column]

    def choose(
        self, spec: Mapped[Any] | None, key: str, convert: Callable[[str, str], Any]
    ) -> Callable[[list[str]], Any]:
        """Return the function that takes a field's value out of a row."""
        return chooser(spec, key, self.cell, self.null, convert)

    def case(self, cells: list[str]) -> str:
        """Return the row's case.

        Raises:
            RowRejected: it has none.
        """
        text = cells[self._case]
        if text in self.null:
            raise RowRejected(f"column {self._case_column} is empty, expected the case that the row belongs to")
        return self.labels.check(text, self._case_column)

    def time(self, cells: list[str]) -> datetime:
        """Return the row's time in UTC.

        Raises:
            RowRejected: it has none, one of another form, or one that lies in the future.
        """
        text = cells[self._time]
        return self._happened.get(text) or self.happened(text, self._time_column)

    def happened(self, text: str, column: str) -> datetime:
        """Return when something happened, in UTC. A ticket's time never goes back, so a wrong one would hold it there.

        Raises:
            RowRejected: it is of another form, or lies in the future.
        """
        known = self._happened.get(text)
        if known is not None:
            return known
        at = self.times.parse(text, column)
        if at > self._latest:
            latest = self._latest.isoformat(timespec="seconds")
            raise RowRejected(
                f"column {column} is {shown(text)}, a time in the future, expected at most {latest},"
                " shortly after this file's import began (see the mapping's `file.times`, and --zone)"
            )
        room(self._happened)[text] = at
        return at

    def actor(self, cells: list[str]) -> Who:
        """Return who acted; the source itself where nobody is named."""
        if self._actor is None:
            return self.actors.nobody
        text = cells[self._actor]
        return self._whos.get(text) or self._who(text, self._actor_column or "")

    def actor_in(self, cells: list[str], column: str) -> Who | None:
        """Return who is named in *column*."""
        text = cells[self._places[column]]
        return None if text in self.null else self._whos.get(text) or self._who(text, column)

    def _who(self, text: str, column: str) -> Who:
        name = None if text in self.null else self.labels.check(text, column)
        who = room(self._whos)[text] = self.actors.get(name)
        return who

    def label(self, cells: list[str], column: str) -> str | None:
        """Return a label, ``None`` for null."""
        text = cells[self._places[column]]
        return None if text in self.null else self.labels.check(text, column)

    def requester(self, cells: list[str], spec: Requester | None = None) -> Wanted | None:
        """Return the customer that the row names, the identity in its one spelling.

        Raises:
            RowRejected: it is no identity of its kind.
        """
        spec = spec or self._requester
        if spec is None:
            return None
        text = cells[self._places[spec.column]].strip()
        if text in self.null:
            return None
        try:
            value = normalise(spec.identity, self.labels.check(text, spec.column))
        except ValueError as error:
            raise RowRejected(f"column {spec.column} is {shown(text)}, expected {error}") from None
        return spec.identity, value, None if spec.name is None else self.text(cells, spec.name)

    def text(self, cells: list[str], column: str) -> str | None:
        """Return a text, ``None`` for null."""
        text = cells[self._places[column]]
        return None if text in self.null else self.texts.check(text, column)

    def tags(self, cells: list[str], tags: Sequence[tuple[int, str]] | None = None) -> tuple[str, ...]:
        """Return the tags that are not null."""
        check, null = self.labels.check, self.null
        return tuple(
            check(cells[i], name) for i, name in (self._tags if tags is None else tags) if cells[i] not in null
        )

    def classification(self, cells: list[str]) -> tuple[str | None, str | None, tuple[str, ...]]:
        """Return category, subcategory and tags."""
        return self._category(cells), self._subcategory(cells), self.tags(cells)

    def priority(self, cells: list[str]) -> tuple[Level | None, Level | None, Priority | None]:
        """Return impact, urgency and priority."""
        return self._impact(cells), self._urgency(cells), self._priority(cells)

    def owner(self, cells: list[str]) -> tuple[str | None, str | None]:
        """Return team and agent."""
        return self._team(cells), self._agent(cells)

    def opening(self, cells: list[str]) -> dict[str, Any]:
        """Return the fields of an opening, but for the requester."""
        category, subcategory, tags = self.classification(cells)
        impact, urgency, priority = self.priority(cells)
        team, agent = self.owner(cells)
        fields = {
            "channel": self._channel(cells) or Channel.INTERNAL, "language": self._language(cells),
            "category": category, "subcategory": subcategory, "tags": tags,
            "impact": impact, "urgency": urgency, "priority": priority, "team_id": team, "agent_id": agent,
        }  # fmt: skip
        return {name: value for name, value in fields.items() if value not in (None, ())}
