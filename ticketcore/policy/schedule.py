"""Which policy decides when: the adopted documents of a log, each read once."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ticketcore.policy.calendar import Calendar
from ticketcore.policy.errors import BadPolicy, UnreadablePolicy
from ticketcore.policy.source import load_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

    from ticketcore.domain.policies import Adoption
    from ticketcore.policy.document import PolicyDocument

__all__ = ["Adopted", "Schedule"]


@dataclass(frozen=True, eq=False)
class Adopted:
    """A policy document with its version and the time from which it decides; equal to itself alone.

    Attributes:
        version: 1, 2, 3, ... in the order of adoption.
        effective_at: aware.
    """

    version: int
    effective_at: datetime
    document: PolicyDocument

    @property
    def name(self) -> str:
        """The document's name and the version, as decisions name it: ``default/3``."""
        return f"{self.document.name}/{self.version}"

    @cached_property
    def calendars(self) -> Mapping[str, Calendar]:
        """The document's calendars by name, ready to count."""
        return {name: Calendar.of(spec) for name, spec in self.document.calendars.items()}

    @cached_property
    def zone(self) -> tzinfo:
        """In which dates and times of day of conditions are meant: that of the document's own calendar, else UTC."""
        own = self.document.calendar
        return UTC if own is None else ZoneInfo(self.document.calendars[own].zone)


class Schedule:
    """All adopted policies. Immutable but for what it remembers; safe to share between threads."""

    def __init__(self, adopted: Iterable[Adopted] = ()) -> None:
        self._read: dict[int, Adopted] = {one.version: one for one in adopted}
        self._adoptions: dict[int, Adoption] = {}
        self._sort()

    @classmethod
    def of(cls, adoptions: Iterable[Adoption]) -> Schedule:
        """Return the schedule of what a log adopted; a document is read when it is first asked for."""
        return cls().refreshed(adoptions)

    def refreshed(self, adoptions: Iterable[Adoption]) -> Schedule:
        """Return the schedule of *adoptions*: this one where there is nothing new, and never reading a document again."""
        given = {one.version: one for one in adoptions}
        if given == self._adoptions:
            return self
        kept = (one for version, one in self._read.items() if given.get(version) == self._adoptions.get(version))
        fresh = Schedule(one for one in kept if one.version in given)
        fresh._adoptions = given
        fresh._sort()
        return fresh

    def in_force(self, at: datetime) -> Adopted | None:
        """Return the policy that decides at *at* (aware): the last by effective time, then version; ``None`` before the first.

        Raises:
            UnreadablePolicy: this release can't read its document.
        """
        index = bisect_right(self._begins, at)
        return self.version(self._versions[index - 1]) if index else None

    def version(self, number: int) -> Adopted:
        """Return an adopted version.

        Raises:
            KeyError: there is no such version.
            UnreadablePolicy: this release can't read its document.
        """
        if number not in self._read:
            self._read[number] = _read(self._adoptions[number])
        return self._read[number]

    @property
    def begins(self) -> datetime | None:
        """From when on a policy decides at all; ``None`` where none was adopted."""
        return self._begins[0] if self._begins else None

    def next_change(self, at: datetime) -> datetime | None:
        """Return when another policy comes into force after *at*, as far as adopted by now."""
        index = bisect_right(self._begins, at)
        return self._begins[index] if index < len(self._begins) else None

    def _sort(self) -> None:
        known: dict[int, Adoption | Adopted] = {**self._adoptions, **self._read}
        order = sorted((one.effective_at, version) for version, one in known.items())
        self._begins = [at for at, _ in order]
        self._versions = [version for _, version in order]


def _read(adoption: Adoption) -> Adopted:
    try:
        document = load_policy(adoption.document, f"version {adoption.version}")
    except BadPolicy as error:
        raise UnreadablePolicy(adoption.version, adoption.adopted_at, error) from error
    return Adopted(adoption.version, adoption.effective_at, document)
