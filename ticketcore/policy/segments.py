"""A wait in segments: from when on the ticket was in which status, under which rule."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ticketcore.policy.terms import Match, book_of

if TYPE_CHECKING:
    from datetime import datetime

    from ticketcore.domain.types import Status
    from ticketcore.policy.clocks import Clocks, Point
    from ticketcore.policy.schedule import Adopted
    from ticketcore.policy.stretches import Stretch

__all__ = ["InForce", "Matcher", "Segment", "segments"]


class InForce(Protocol):
    """Which policy decides when."""

    def in_force(self, at: datetime) -> Adopted | None: ...


class Segment(NamedTuple):
    """A part of a wait, until the next one or now.

    Attributes:
        at: from when on.
        status: the ticket's.
        match: the rule it falls under; ``None`` where no policy was asked yet.
        ended: whether what was waited for came; only of a last one.
    """

    at: datetime
    status: Status
    match: Match | None
    ended: bool = False


class Matcher:
    """Under which rules a ticket falls; remembers what it found."""

    def __init__(self, clocks: Clocks, schedule: InForce) -> None:
        self.decided = dict(clocks.decided)
        self.schedule = schedule
        self.matches: dict[tuple[str, int], Match] = {}
        self._values: dict[tuple[int, tuple[str, ...]], tuple[Any, ...]] = {}

    def match(self, at: datetime, point: Point) -> Match | None:
        """Return the rule of the policy in force at *at* for what is known of the ticket since *point*."""
        adopted = self.schedule.in_force(at)
        if adopted is None:
            return None
        key = adopted.name, point.order
        if key not in self.matches:
            self.matches[key] = book_of(adopted).match(point, self.decided.get(key), key in self.decided)
        return self.matches[key]

    def again(self, match: Match | None, since: Point, point: Point) -> bool:
        """Return whether anything changed from *since* to *point* that the match's rules look at, or those in force."""
        adopted = self.schedule.in_force(point.at)
        fields = () if adopted is None else book_of(adopted).fields
        if match is not None and match.book.fields is not fields:
            fields = (*fields, *match.book.fields)
        return self._known(since, fields) != self._known(point, fields)

    def _known(self, point: Point, fields: tuple[str, ...]) -> tuple[Any, ...]:
        key = point.order, fields
        if key not in self._values:
            self._values[key] = tuple(map(point.facts.value, fields))
        return self._values[key]


def segments(clocks: Clocks, stretch: Stretch, matcher: Matcher) -> list[Segment]:
    """Return the segments of a wait, in order; at least one.

    A wait begins under the policy in force then, and stays under it until something changes that its rules or those
    then in force look at: a new policy alone changes no promise that was made.
    """
    begin, points = clocks.moments[stretch.begin], clocks.points
    after = max(1, bisect_right(points, begin.last, key=attrgetter("order")))
    since = points[after - 1]
    found = [Segment(begin.at, begin.status, matcher.match(begin.at, since))]
    moments = clocks.moments[stretch.begin + 1 : None if stretch.end is None else stretch.end + 1]
    for moment in moments:
        after, since = _passed(found, points, after, since, moment.first, matcher)
        last = found[-1]
        if moment.status is not last.status:
            found.append(Segment(moment.at, moment.status, last.match))
    if stretch.end is not None:
        end, last = clocks.moments[stretch.end], found[-1]
        found.append(Segment(end.at, end.status, last.match, ended=True))
    else:
        _passed(found, points, after, since, None, matcher)
    return found


def _passed(
    found: list[Segment], points: tuple[Point, ...], after: int, since: Point, before: int | None, matcher: Matcher
) -> tuple[int, Point]:
    """Add the segments that points begin, up to the event *before*; return the next point's index, and the last taken."""
    while after < len(points) and (before is None or points[after].order < before):
        point, last = points[after], found[-1]
        after += 1
        if matcher.again(last.match, since, point):
            found.append(Segment(point.at, last.status, matcher.match(point.at, point)))
        since = point
    return after, since
