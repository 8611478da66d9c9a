"""The terms of promises: what a policy's SLA rules promise a ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.types import Level, Priority, SlaTarget, Status
from ticketcore.policy.calendar import Calendar
from ticketcore.policy.calendar_spec import CalendarSpec
from ticketcore.policy.first_rule import fitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ticketcore.policy.clocks import Point
    from ticketcore.policy.facts import Facts
    from ticketcore.policy.schedule import Adopted
    from ticketcore.policy.sla_rules import SlaRule

__all__ = ["Book", "Match", "Terms", "book_of"]


class Terms(NamedTuple):
    """What is promised about one target.

    Attributes:
        policy: name and version of the policy that promises it.
        rule: its SLA rule.
        calendar: in whose working time is counted.
        calendar_name: the calendar's name in the policy.
        promised: how long it may take, in working time.
        pauses: statuses in which the clock stands still.
        warns: after how much of it is warned, in working time, in order.
    """

    policy: str
    rule: str
    calendar: Calendar
    calendar_name: str
    promised: timedelta
    pauses: frozenset[Status]
    warns: tuple[timedelta, ...]

    def same(self, other: Terms | None) -> bool:
        """Return whether a clock under *other* runs as one under these."""
        return other is not None and (self.policy, self.calendar_name, self.promised, self.pauses) == (
            other.policy, other.calendar_name, other.promised, other.pauses
        )  # fmt: skip


class Match(NamedTuple):
    """Which rule of which policy a ticket falls under at a point.

    Attributes:
        book: of the policy.
        point: at which the rule was found.
        rule: the rule; ``None`` where none fitted.
        terms: target -> what the rule promises at the ticket's priority.
        priority: that priority.
    """

    book: Book
    point: Point
    rule: SlaRule | None
    terms: Mapping[SlaTarget, Terms]
    priority: str

    @property
    def calendar(self) -> tuple[str, Calendar] | None:
        """In whose working time the ticket's times are measured: the rule's, else the policy's own."""
        name = self.book.calendar_of(self.rule)
        return None if name is None else (name, self.book.calendars[name])


class Book:
    """An adopted policy's SLA rules, ready to be asked.

    Attributes:
        policy: its name and version.
        fields: all that its SLA rules look at, and the priority.
    """

    def __init__(self, adopted: Adopted) -> None:
        document = adopted.document
        self.policy = adopted.name
        self.rules = {rule.rule: rule for rule in document.sla}
        self.priority = document.priority
        self.default = document.calendar
        self.calendars = {name: _calendar(spec) for name, spec in document.calendars.items()}
        looked_at = {name for rule in document.sla for name in rule.when.fields}
        self.fields = ("priority", *sorted(looked_at - {"priority"}))
        self._terms: dict[tuple[str, str], dict[SlaTarget, Terms]] = {}

    def calendar_of(self, rule: SlaRule | None) -> str | None:
        """Return the name of the calendar that counts for *rule*."""
        return (rule.calendar if rule is not None else None) or self.default

    def match(self, point: Point, rule: str | None, decided: bool) -> Match:
        """Return what the ticket is promised at *point*: by *rule* where that was *decided*, else by the first that fits.

        Where nobody said its priority yet it is the one that the policy gives: then it does not matter whether a worker
        came to say so while the ticket could still be given one.
        """
        facts = point.facts if point.facts.value("priority") is not None else self._prioritised(point.facts)
        found = self.rules.get(rule or "") if decided else fitting(tuple(self.rules.values()), facts)
        priority = facts.value("priority")
        if found is None:
            return Match(self, point, None, {}, priority)
        key = found.rule, priority
        terms = self._terms.get(key)
        if terms is None:
            terms = self._terms[key] = self._promises(found, priority)
        return Match(self, point, found, terms, priority)

    def _prioritised(self, facts: Facts) -> Facts:
        rule = fitting(self.priority.rules, facts)
        impact, urgency = facts.value("impact"), facts.value("urgency")
        if rule is not None:
            priority = rule.set.priority
        elif impact is not None and urgency is not None:
            priority = self.priority.matrix.pairs[Level(impact), Level(urgency)]
        else:
            priority = self.priority.default
        return facts.but({"priority": priority})

    def _promises(self, rule: SlaRule, priority: str) -> dict[SlaTarget, Terms]:
        targets = rule.targets.get(Priority(priority))
        name = self.calendar_of(rule)
        if targets is None or name is None:
            return {}
        found = {}
        for target, promised in targets.promised.items():
            pauses = rule.pause_first_reply_on if target is SlaTarget.FIRST_REPLY else rule.pause_on
            amounts = {
                promised * (warn.percent / 100) if warn.percent is not None else promised - (warn.left or promised)
                for warn in rule.warn
            }
            warns = tuple(sorted(amount for amount in amounts if amount > timedelta(0)))
            found[target] = Terms(
                self.policy, rule.rule, self.calendars[name], name, promised, frozenset(pauses), warns
            )
        return found


_BOOKS: dict[tuple[str, int], tuple[Adopted, Book]] = {}
_CALENDARS: dict[str, Calendar] = {}
_MOST = 256


def book_of(adopted: Adopted) -> Book:
    """Return the book of an adopted policy; made once."""
    key = adopted.name, id(adopted.document)
    known = _BOOKS.get(key)
    if known is not None and known[0].document is adopted.document:
        return known[1]
    if len(_BOOKS) >= _MOST:
        _BOOKS.clear()
    _BOOKS[key] = adopted, Book(adopted)
    return _BOOKS[key][1]


def _calendar(spec: CalendarSpec) -> Calendar:
    """Return the calendar of *spec*, which works out its days once for all policies that hold it."""
    key = spec.model_dump_json()
    if key not in _CALENDARS:
        if len(_CALENDARS) >= _MOST:
            _CALENDARS.clear()
        _CALENDARS[key] = Calendar.of(spec)
    return _CALENDARS[key]
