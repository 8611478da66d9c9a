"""What rules know of one ticket: values by field, each looked up when it is first asked for."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ticketcore.policy.fields import FIELDS, Kind
from ticketcore.policy.text_match import folded, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

__all__ = ["Facts", "Opens"]

T = TypeVar("T")
TEXTS = frozenset(name for name, field in FIELDS.items() if field.kind is Kind.TEXT)
"""The fields that hold people's words."""


class Opens(Protocol):
    """A calendar, as far as conditions ask it."""

    def is_open(self, at: datetime) -> bool: ...


class Facts:
    """Values by field; a field that is not among *sources*, or whose source gives ``None``, is not known.

    Args:
        sources: field -> a function that gives its value: texts as a tuple, several names as a frozenset, times aware.
        calendars: those of the policy, by name.
        zone: of the policy's own calendar, in which dates and times of day are meant.
        found: gives what was worked out of the ticket's texts, for all facts of it together; by default each keep their own.
    """

    def __init__(
        self,
        sources: Mapping[str, Callable[[], Any]],
        calendars: Mapping[str, Opens] | None = None,
        zone: tzinfo = UTC,
        found: Callable[[], dict[Any, Any]] = dict,
    ) -> None:
        self._sources = sources
        self._calendars = calendars or {}
        self.zone = zone
        self._values: dict[str, Any] = {}
        self._base: Facts | None = None
        self._given = found
        self._found: dict[Any, Any] | None = None

    def value(self, field: str) -> Any:
        """Return a field's value, or ``None``."""
        if field not in self._values:
            source = self._sources.get(field)
            self._values[field] = source() if source else self._base.value(field) if self._base else None
        return self._values[field]

    def but(self, values: Mapping[str, Any]) -> Facts:
        """Return these facts with other *values*, by field."""
        made = Facts({}, self._calendars, self.zone, dict if TEXTS & values.keys() else self._given)
        made._base, made._values = self, dict(values)
        return made

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

    def once(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """Return what *work_out* gave when *key* was first asked for; of the ticket's texts only, which stay."""
        if self._found is None:
            self._found = self._given()
        if key not in self._found:
            self._found[key] = work_out()
        result: T = self._found[key]
        return result

    def _text(self, field: str, form: Callable[[str], str]) -> tuple[str, ...]:
        return self.once((field, form), lambda: tuple(form(part) for part in self.value(field) or ()))
