"""What happened in each period, the backlog at its end, and how long resolutions took."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from projections.report_query import Connection, number, run, text
from projections.report_types import PERIODS, K, Selection
from ticketcore.errors import InvalidCommand

__all__ = ["flow", "resolution"]

MAX_PERIODS = 800
AGES = ("mean_age_days", "median_age_days", "p90_age_days")


def flow(connection: Connection, period: str, selection: Selection) -> dict[str, dict[str, Any]]:
    """Return what happened in each period, with the backlog and its age at its end; every period has a row.

    The age is null where fewer than :data:`K` tickets wait. It counts all tickets, also those opened before the selection begins.

    Raises:
        InvalidCommand: there are more than :data:`MAX_PERIODS` periods.
    """
    values = {**selection._asdict(), "format": PERIODS[period]}
    found = {row["key"]: row for row in run(connection, text("flow"), values)}
    ends = list(_ends(period, connection, selection))
    if len(ends) > MAX_PERIODS:
        raise InvalidCommand(
            "report",
            "--by",
            period,
            f"at most {MAX_PERIODS} periods, not {len(ends):,}",
            "narrow it by --from and --to",
        )
    instants = {"instants": [end for _, end in ends], "team": selection.team}
    backlog = {row["at"]: row for row in run(connection, text("backlog"), instants)}
    zone = ZoneInfo(selection.zone)
    periods: dict[str, dict[str, Any]] = {}
    for start, end in ends:
        key = _key(period, start.astimezone(zone))
        moves, state = found.get(key, {}), backlog[end]
        periods[key] = {
            **{name: moves.get(name, 0) for name in ("opened", "solved", "closed", "reopened")},
            "at": end,
            "backlog": state["tickets"],
            **{name: state[name] for name in ("pending", "on_hold")},
            **{name: number(state[name]) if state["tickets"] >= K else None for name in AGES},
        }
    return periods


def _key(period: str, start: datetime) -> str:
    if period == "week":
        year, week, _ = start.isocalendar()
        return f"{year:04d}-W{week:02d}"
    return f"{start:%Y-%m-%d}" if period == "day" else f"{start:%Y-%m}"


def _ends(period: str, connection: Connection, selection: Selection) -> Iterator[tuple[datetime, datetime]]:
    """Give begin and end of every period from the selection's (or the first event) to its end (or the last event)."""
    (span,) = run(connection, "SELECT min(started_at) AS first, max(started_at) AS last FROM performance.intervals")
    first, last = selection.since or span["first"], span["last"]
    if first is None or last is None:
        return
    now = selection.now or datetime.now(UTC)
    last = min(last, now, *([selection.until - timedelta(microseconds=1)] if selection.until else []))
    zone = ZoneInfo(selection.zone)
    day = first.astimezone(zone).date()
    if period == "week":
        day -= timedelta(days=day.weekday())
    elif period == "month":
        day = day.replace(day=1)
    while (start := _midnight(day, zone)) <= last:
        day = _next(period, day)
        end = _midnight(day, zone)
        yield start, min(end, now, selection.until or end)


def _next(period: str, day: date) -> date:
    if period == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 if period == "week" else 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


CLASSES = (
    ("under 1 h", 1), ("1 to 4 h", 4), ("4 to 8 h", 8), ("8 to 24 h", 24), ("1 to 2 d", 48), ("2 to 4 d", 96),
    ("4 to 7 d", 168), ("1 to 2 w", 336), ("2 to 4 w", 672), ("over 4 w", None),
)  # fmt: skip


def resolution(connection: Connection) -> tuple[tuple[str, int], ...]:
    """Return the classes of time from opening to last solved, and how many tickets are in each."""
    parts, low = [], "0"
    for n, (_, high) in enumerate(CLASSES):
        above = f"t.last_solved_s >= {low}" if n else "t.last_solved_s IS NOT NULL"
        below = f" AND t.last_solved_s < {high * 3600}" if high else ""
        parts.append(f"count(*) FILTER (WHERE {above}{below}) AS n{n}")
        low = str((high or 0) * 3600)
    (row,) = run(connection, f"SELECT {', '.join(parts)} FROM chosen t")
    return tuple((name, row[f"n{n}"]) for n, (name, _) in enumerate(CLASSES))
