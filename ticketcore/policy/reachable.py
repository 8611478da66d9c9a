"""What can't be counted: calendars without working time for long, durations that theirs does not hold, and promises that
depend on promises.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ticketcore.errors import NoWorkingTime
from ticketcore.policy.calendar import HORIZON_YEARS, Calendar
from ticketcore.policy.contradictions import Dead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketcore.policy.document import PolicyDocument

__all__ = ["unreachable"]

_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
_YEARS = 50


def unreachable(document: PolicyDocument) -> Iterator[Dead]:
    """Yield the calendars of *document* in which nobody works for twenty years, what takes longer than fifty, and SLA
    rules that ask what became of promises: then what is promised would depend on when a worker looked.
    """
    worked: dict[str, Calendar] = {}
    for name, spec in document.calendars.items():
        calendar = Calendar.of(spec)
        since = _idle(calendar)
        if since is None:
            worked[name] = calendar
        else:
            problem = f"it has no working time for {HORIZON_YEARS} years from {since}"
            remedy = "look at its hours and its own days"
            yield Dead(("calendars", name), (), problem, "working time on some day", remedy)
    for path, calendar_name, duration in _durations(document):
        found = worked.get(calendar_name or "")
        if found is not None and not _holds(found, duration):
            problem = (
                f"{duration / timedelta(hours=1):g}h is more than the calendar {calendar_name!r} has in {_YEARS} years"
            )
            yield Dead(path, (), problem, "less", "promise less, or count in another calendar")
    yield from _promises_by_promises(document)


def _promises_by_promises(document: PolicyDocument) -> Iterator[Dead]:
    for number, rule in enumerate(document.sla):
        for field in sorted(name for name in rule.when.fields if name.startswith("sla.")):
            problem = f"the rule {rule.rule!r} promises by {field}, what became of a promise"
            remedy = "let a follow-up rule act on it"
            yield Dead(("sla", number, "when"), (), problem, "a condition without the fields sla.*", remedy)


def _holds(calendar: Calendar, duration: timedelta) -> bool:
    ends = (_BEGIN.replace(year=_BEGIN.year + years) for years in (1, _YEARS))
    return any(calendar.business_time(_BEGIN, end) >= duration for end in ends)


def _idle(calendar: Calendar) -> date | None:
    """Return from when on nobody works for twenty years; ``None`` where somebody always does."""
    zone = ZoneInfo(calendar.spec.zone)
    dated = (day.date for day in calendar.spec.holidays.days if len(day.date) > len("12-24"))
    for day in (_BEGIN.date(), *map(date.fromisoformat, dated)):
        try:
            calendar.next_open(datetime(day.year, day.month, day.day, tzinfo=zone))
        except NoWorkingTime:
            return day
    return None


def _durations(document: PolicyDocument) -> Iterator[tuple[tuple[str | int, ...], str | None, timedelta]]:
    for number, rule in enumerate(document.sla):
        for priority, targets in rule.targets.items():
            for target, promised in targets.promised.items():
                path = ("sla", number, "targets", priority.value, target.value)
                yield path, rule.calendar or document.calendar, promised
    for number, follow in enumerate(document.follow_up):
        if follow.after.business is not None:
            yield ("follow_up", number, "after"), follow.after.calendar or document.calendar, follow.after.business
