"""How long a ticket took in business time: the figures of design and report, in the calendar in force for the ticket."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.types import SlaTarget, Status
from ticketcore.policy.segments import Matcher, segments
from ticketcore.policy.stretches import Stretch
from ticketcore.policy.terms import book_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.policy.calendar import Calendar
    from ticketcore.policy.clocks import Clocks, Moment
    from ticketcore.policy.segments import InForce

__all__ = ["Measures", "measures"]

_REQUESTER_WAITS = (Status.NEW, Status.OPEN, Status.ON_HOLD)


class Measures(NamedTuple):
    """A measurement, as ``ticket.measured`` records it."""

    policy: str
    calendar: str
    first_reply_seconds: float | None
    first_solved_seconds: float | None
    last_solved_seconds: float | None
    requester_wait_seconds: float
    agent_wait_seconds: float


def measures(clocks: Clocks, schedule: InForce) -> tuple[int, Measures] | None:
    """Return the measurement that the newest first reply or solving calls for, with that event's version.

    ``None`` where there was none of them yet, or no policy in force at it has a calendar for the ticket.
    """
    moments = clocks.moments
    replied = next((index for index, moment in enumerate(moments) if moment.reply), None)
    solved = [index for index, moment in enumerate(moments) if moment.solved]
    last = max((*solved, -1 if replied is None else replied), default=-1)
    if last < 0:
        return None
    found = _calendar(clocks, schedule, last)
    if found is None:
        return None
    policy, name, calendar = found

    def since_opening(index: int | None) -> float | None:
        return None if index is None else calendar.business_time(clocks.opened_at, moments[index].at).total_seconds()

    return moments[last].last, Measures(
        policy,
        name,
        since_opening(replied),
        since_opening(solved[0] if solved else None),
        since_opening(solved[-1] if solved else None),
        _spent(moments[: last + 1], calendar, _REQUESTER_WAITS),
        _spent(moments[: last + 1], calendar, (Status.PENDING,)),
    )


def _calendar(clocks: Clocks, schedule: InForce, index: int) -> tuple[str, str, Calendar] | None:
    """Return policy, calendar's name and calendar: of the rule that the ticket falls under at a moment, else of the
    policy in force then.
    """
    moments, points = clocks.moments[: index + 1], clocks.points
    until = clocks._replace(
        moments=moments, points=tuple(point for point in points if point.order <= moments[-1].last) or points[:1]
    )
    match = segments(until, Stretch(SlaTarget.RESOLUTION, 0), Matcher(clocks, schedule))[-1].match
    if match is not None and match.calendar is not None:
        return (match.book.policy, *match.calendar)
    adopted = schedule.in_force(moments[-1].at)
    book = None if adopted is None else book_of(adopted)
    name = None if book is None else book.default
    return None if book is None or name is None else (book.policy, name, book.calendars[name])


def _spent(moments: Sequence[Moment], calendar: Calendar, statuses: tuple[Status, ...]) -> float:
    found = timedelta(0)
    for moment, following in pairwise(moments):
        if moment.status in statuses and moment.at < following.at:
            found += calendar.business_time(moment.at, following.at)
    return found.total_seconds()
