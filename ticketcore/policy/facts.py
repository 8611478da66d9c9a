"""What rules know of one ticket: values by field, each looked up when it is first asked for."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ticketcore.policy.text_match import folded, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Facts", "Opens"]


class Opens(Protocol):
    """A calendar, as far as conditions ask it."""

    def is_open(self, at: datetime) -> bool: ...


class Facts:
    """Values by field; a field that is not among *sources*, or whose source gives ``None``, is not known.

    Args:
        sources: field -> a function that gives its value: texts as a tuple, several names as a frozenset, times aware.
        calendars: those of the policy, by name.
        zone: of the policy's own calendar, in which dates and times of day are meant.
    """

    def __init__(
        self,
        sources: Mapping[str, Callable[[], Any]],
        calendars: Mapping[str, Opens] | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self._sources = sources
        self._calendars = calendars or {}
        self.zone = zone
        self._values: dict[str, Any] = {}
        self._texts: dict[tuple[str, Callable[[str], str]], tuple[str, ...]] = {}

    def value(self, field: str) -> Any:
        """Return a field's value, or ``None``."""
        if field not in self._values:
            source = self._sources.get(field)
            self._values[field] = source() if source else None
        return self._values[field]

    def but(self, values: Mapping[str, Any]) -> Facts:
        """Return these facts with other *values*, by field."""
        sources = {name: partial(self.value, name) for name in self._sources}
        sources.update({name: partial(values.get, name) for name in values})
        return Facts(sources, self._calendars, self.zone)

    def folded(self, field: str) -> tuple[str, ...]:
        """Return the parts of a text as they are compared."""
        return self._text(field, folded)

    def normalised(self, field: str) -> tuple[str, ...]:
        """Return the parts of a text as expressions see them."""
        return self._text(field, normalised)

    def is_open(self, calendar: str, at: datetime) -> bool:
        """Return whether *at* is working time of a calendar; not of one that there is none of."""
        found = self._calendars.get(calendar)
        return found is not None and found.is_open(at)

    def _text(self, field: str, form: Callable[[str], str]) -> tuple[str, ...]:
        key = field, form
        if key not in self._texts:
            self._texts[key] = tuple(form(part) for part in self.value(field) or ())
        return self._texts[key]
