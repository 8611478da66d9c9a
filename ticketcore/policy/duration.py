"""Durations as policies write them: ``30m``, ``2h30m``, ``3d``, ``1w``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from ticketcore.policy.errors import shown
from ticketcore.policy.names import unfit

__all__ = ["BusinessDuration", "Duration", "PositiveDuration", "format_business", "format_duration", "parse_duration"]

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_LONGEST = 3_650 * 86_400


def parse_duration(text: str) -> timedelta:
    """Return the duration that *text* states: weeks, days, hours, minutes, seconds in this order, as in ``2h30m``.

    Raises:
        ValueError: it states none, or more than ten years.
    """
    match = _FORM.fullmatch("".join(text.split()).lower())
    if len(text) > 40 or match is None or not any(match.groups()):  # noqa: PLR2004 any duration is shorter
        raise ValueError("a duration like 30m, 2h30m or 3d")
    seconds = sum(int(count) * size for count, size in zip(match.groups(), _SECONDS.values(), strict=True) if count)
    if seconds > _LONGEST:
        raise ValueError("a duration of at most 3650d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Return a duration of whole seconds as :func:`parse_duration` reads it; weeks are days."""
    left, parts = int(duration.total_seconds()), []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _any(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return parse_duration(value if isinstance(value, str) else "")
    except ValueError as error:
        raise unfit(f"it is {shown(value)}", str(error), "write a number with w, d, h, m or s") from None


def _positive(value: object) -> timedelta:
    found = _any(value)
    if not found:
        raise unfit(f"it is {shown(value)}", "more than 0s", "say how long")
    return found


def _business(value: object) -> timedelta:
    if isinstance(value, str) and re.search(r"[dw]", value.lower()):
        raise unfit(
            f"it is {shown(value)}",
            "hours, minutes and seconds: days differ in their working hours",
            "say the hours, as in 16h for two days of 8 hours",
        )
    return _positive(value)


def format_business(duration: timedelta) -> str:
    """Return working time in hours, minutes and seconds: how many hours make a day is its calendar's matter."""
    hours, left = divmod(int(duration.total_seconds()), 3_600)
    return (f"{hours}h" if hours else "") + (format_duration(timedelta(seconds=left)) if left or not hours else "")


Duration = Annotated[timedelta, BeforeValidator(_any), PlainSerializer(format_duration, return_type=str)]
"""Elapsed time, 0s to 3650d."""
PositiveDuration = Annotated[timedelta, BeforeValidator(_positive), PlainSerializer(format_duration, return_type=str)]
"""Elapsed time, more than 0s."""
BusinessDuration = Annotated[timedelta, BeforeValidator(_business), PlainSerializer(format_business, return_type=str)]
"""Working time of a calendar, more than 0s, in hours, minutes and seconds."""
