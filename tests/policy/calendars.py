"""Calendars and instants for tests, in few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ticketcore import Calendar, CalendarSpec

__all__ = ["OFFICE", "calendar", "hours", "local", "utc"]


def calendar(week: Any, zone: str = "UTC", **holidays: Any) -> Calendar:
    return Calendar.of(CalendarSpec.model_validate({"zone": zone, "hours": week, "holidays": holidays}))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


OFFICE = {"mon-fri": ["09:00-17:00"]}
