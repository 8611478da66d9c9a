"""What a report is made of."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from ticketcore.errors import InvalidCommand, TicketCoreError

__all__ = [
    "DIMENSIONS", "OTHER_TEAMS", "PERIODS", "BehindTicket", "Explanation", "Figure", "Group", "K", "Report", "Selection",
    "Withheld", "checked", "guarded",
]  # fmt: skip

K = 5
"""Fewest tickets, and fewest different agents, behind a team's figures; fewest tickets behind a mean or percentile."""
TEAM_DAYS = 7
"""Fewest days that a report of one team covers."""
_SHOWN = ("tickets", "events", "percent", "paths")
"""Units of counts; a duration or a score of few tickets is that of a person."""
OTHER_TEAMS = "(other teams)"
PERIODS = {"day": "YYYY-MM-DD", "week": 'IYYY-"W"IW', "month": "YYYY-MM"}
"""Period -> how its key is written."""
DIMENSIONS = (*PERIODS, "team", "category", "subcategory", "channel", "priority", "language", "status")


class Withheld(TicketCoreError):
    """Fewer than :data:`K` tickets or agents are behind a team's figures."""

    code = "withheld"
    exit_code = 7


class Selection(NamedTuple):
    """Which tickets a report is about.

    Attributes:
        since: opened at or after it; aware.
        until: opened before it; aware.
        zone: IANA zone of days, weeks and months.
        team: only those that are this team's now.
        now: up to when running waits count; also the last date of the backlog.
    """

    since: datetime | None = None
    until: datetime | None = None
    zone: str = "UTC"
    team: str | None = None
    now: datetime | None = None


class Figure(NamedTuple):
    """A value; ``None`` where it does not exist, or is ``withheld``. ``count``: on how many tickets it rests."""

    name: str
    value: float | None
    unit: str
    count: int | None  # type: ignore[assignment]  # a tuple's own count is not used
    definition: str
    section: str
    withheld: bool = False


class Group(NamedTuple):
    """The figures of one period, team, category, ...; ``key`` is ``None`` for tickets that have none.

    Attributes:
        withheld: too few people are behind it; then it has no figures.
        flow: of periods: what was opened, solved, closed and reopened in it, and the backlog at its end with its age,
            which is null where fewer than :data:`K` tickets wait.
    """

    key: str | None
    figures: tuple[Figure, ...]
    withheld: bool = False
    flow: dict[str, Any] | None = None


class Report(NamedTuple):
    """A report.

    Attributes:
        figures: of all selected tickets.
        source: as an import's source states and as derived; empty where nothing was imported.
        by: the dimension of ``groups``.
        weeks: opened, solved, closed, reopened in each week, with backlog and age at its end; nothing but ``key`` and
            ``withheld`` where too few stand behind a team's week.
        resolution: tickets by time from opening to last solved, in classes.
        notes: what a reader must know.
    """

    selection: Selection
    figures: tuple[Figure, ...]
    source: tuple[Figure, ...]
    by: str | None
    groups: tuple[Group, ...]
    weeks: tuple[dict[str, Any], ...]
    resolution: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]


class BehindTicket(NamedTuple):
    """A ticket behind a figure.

    Attributes:
        shows: the ticket's part in the figure.
        events: ``version``, ``what`` and ``occurred_at`` of each event behind it, as far as the read models know.
    """

    ticket_id: UUID
    number: str
    external: str | None
    shows: dict[str, Any]
    events: tuple[dict[str, Any], ...]


class Explanation(NamedTuple):
    """What is behind a figure.

    Attributes:
        figure: with its value.
        total: how many tickets are behind it.
        topics: event types of the log that belong to it and that the read models do not list.
        irregular: whether the log's irregular events belong to it, which the read models do not list either.
        tickets: the first of them, by number.
    """

    figure: Figure
    total: int
    topics: tuple[str, ...]
    irregular: bool
    tickets: tuple[BehindTicket, ...]


def guarded(figure: Figure) -> Figure:
    """Return *figure*, without its value where that is a duration or score over fewer than :data:`K` tickets."""
    if figure.value is None or figure.unit in _SHOWN or (figure.count or 0) >= K:
        return figure
    return figure._replace(value=None, withheld=True)


def checked(selection: Selection, by: str | None) -> Selection:
    if by == "agent":
        raise InvalidCommand(
            "report", "--by", by, "a dimension without persons: figures per agent need a recorded policy",
            "ask by team",
        )  # fmt: skip
    if by is not None and by not in DIMENSIONS:
        raise InvalidCommand("report", "--by", by, f"one of {', '.join(DIMENSIONS)}", "choose one")
    try:
        zone = ZoneInfo(selection.zone)
    except (KeyError, ValueError, OSError):
        raise InvalidCommand(
            "report", "--zone", selection.zone, "an IANA zone", "as in Europe/Berlin; see the tz database"
        ) from None
    since, until, now = selection.since, selection.until, selection.now or datetime.now(UTC)
    for option, instant in (("--from", since), ("--to", until), ("now", now)):
        if instant is not None and instant.tzinfo is None:
            raise InvalidCommand("report", option, instant.isoformat(), "a time with its zone", "add the offset")
    if since is not None and until is not None and since >= until:
        raise InvalidCommand(
            "report", "--to", until.isoformat(), f"a time after --from ({since.isoformat()})", "swap or correct them"
        )
    if selection.team is not None:
        _check_window(since, until, now, zone)
    return selection._replace(now=now)


def _check_window(since: datetime | None, until: datetime | None, now: datetime, zone: ZoneInfo) -> None:
    """Refuse a team's window that is narrow or ends within a day: two of them could be subtracted to a few tickets."""
    for option, instant in (("--from", since), ("--to", until)):
        if instant is not None and instant.astimezone(zone).time() != time():
            raise InvalidCommand(
                "report", option, instant.isoformat(), f"a midnight in {zone.key}: a report of one team covers whole days",
                "give a date",
            )  # fmt: skip
    if since is not None:
        days = ((until or now).astimezone(zone).date() - since.astimezone(zone).date()).days
        if days < TEAM_DAYS:
            raise InvalidCommand(
                "report", "--from", since.isoformat(), f"at least {TEAM_DAYS} days for one team, not {max(days, 0)}",
                "widen the period, or report --by team",
            )  # fmt: skip
