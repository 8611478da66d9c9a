"""Business time: pairs of instants per second of processor time, against businesstimedelta on the same calendar.

An office in Berlin with a break at noon and the public holidays of its region; pairs up to 30 days apart over six years.
Each turn begins with a new calendar, so what it works out once is in the figure. The other side counts the first 200
pairs, since all of them would take it minutes to hours: both are rates. Its results must be the same.
"""

from __future__ import annotations

import random
import time as clock
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import businesstimedelta
import holidays
import pytz

from bench.harness import Result, compare, scaled, turns
from ticketcore import Calendar, CalendarSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.place import Place

    _Call = Callable[..., object]

__all__ = ["calendars"]

_SPEC = CalendarSpec.model_validate({
    "zone": "Europe/Berlin",
    "hours": {"mon-fri": ["09:00-12:30", "13:00-17:30"]},
    "holidays": {"country": "DE", "subdivision": "BE"},
})  # fmt: skip
_SAMPLE = 200
_PEER = f"businesstimedelta, {_SAMPLE} of the pairs"


def calendars(place: Place) -> list[Result]:  # noqa: ARG001 needs no server
    """Return the figures of both directions: 20,000 pairs a turn, a million with ``SCALE=50``."""
    drawn = random.Random(7)
    first = datetime(2020, 1, 1, tzinfo=UTC)
    starts = [first + timedelta(seconds=drawn.randrange(6 * 365 * 86_400)) for _ in range(scaled(20_000))]
    pairs = [(start, start + timedelta(seconds=drawn.randrange(30 * 86_400))) for start in starts]
    office, rules = Calendar.of(_SPEC), _rules()
    added = [(start, office.business_time(start, end)) for start, end in pairs]
    for pair, (_, length) in zip(pairs[:_SAMPLE], added, strict=False):
        assert rules.difference(*pair).timedelta == length, pair
    return [
        _compared(f"business time of {len(pairs):,} pairs", pairs, lambda: Calendar.of(_SPEC).business_time, _counted),
        _compared(
            f"business time added, {len(pairs):,} times", added, lambda: Calendar.of(_SPEC).add_business_time, _added
        ),
    ]


def _compared(name: str, items: list[Any], ours: Callable[[], _Call], theirs: Callable[[], _Call]) -> Result:
    sides = {"ours": partial(_rate, items, ours), "theirs": partial(_rate, items[:_SAMPLE], theirs)}
    rates = turns(name, sides)
    return compare(name, "pairs/s", rates["ours"], rates["theirs"], _PEER, 100)


def _rate(items: list[Any], made: Callable[[], _Call], turn: int) -> float:  # noqa: ARG001 - given to every side
    began = clock.process_time()
    call = made()
    for item in items:
        call(*item)
    return len(items) / (clock.process_time() - began)


def _counted() -> _Call:
    difference: _Call = _rules().difference
    return difference


def _added() -> _Call:
    rules = _rules()
    return lambda start, length: start + businesstimedelta.BusinessTimeDelta(rules, timedelta=length)


def _rules() -> businesstimedelta.Rules:
    zone, week = pytz.timezone("Europe/Berlin"), [0, 1, 2, 3, 4]
    return businesstimedelta.Rules(
        [
            businesstimedelta.WorkDayRule(start_time=time(9), end_time=time(17, 30), working_days=week, tz=zone),
            businesstimedelta.LunchTimeRule(start_time=time(12, 30), end_time=time(13), working_days=week, tz=zone),
            businesstimedelta.HolidayRule(holidays.country_holidays("DE", subdiv="BE"), tz=zone),
        ]
    )
