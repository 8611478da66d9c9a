"""What a report is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from ticketcore.errors import InvalidCommand, TicketCoreError

__all__ = [
    "DIMENSIONS", "OTHER_TEAMS", "PERIODS", "BehindTicket", "Explanation", "Figure", "Group", "K", "Report", "Selection",
    "Withheld", "checked",
]  # fmt: skip

K = 5
"""Fewest tickets, and fewest different agents, that may stand behind a team's figures."""
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
    """A value; ``None`` where it does not exist. ``count``: on how many tickets it rests."""

    name: str
    value: float | None
    unit: str
    count: int | None  # type: ignore[assignment]  # a tuple's own count is not used
    definition: str
    section: str


class Group(NamedTuple):
    """The figures of one period, team, category, ...; ``key`` is ``None`` for tickets that have none.

    Attributes:
        withheld: too few people are behind it; then it has no figures.
        flow: of periods: what was opened, solved, closed and reopened in it, and the backlog at its end.
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
        weeks: opened, solved, closed, reopened in each week, with backlog and age at its end.
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


def checked(selection: Selection, by: str | None) -> Selection:
    if by == "agent":
        raise InvalidCommand(
            "report", "--by", by, "a dimension without persons: figures per agent need a recorded policy",
            "ask by team",
        )  # fmt: skip
    if by is not None and by not in DIMENSIONS:
        raise InvalidCommand("report", "--by", by, f"one of {', '.join(DIMENSIONS)}", "choose one")
    try:
        ZoneInfo(selection.zone)
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
    return selection._replace(now=now)
