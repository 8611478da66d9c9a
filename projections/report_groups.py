"""Figures by period, team, category, ...; and who must not be told from another in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.report_figures import PERFORMANCE_FIGURES
from projections.report_flow import flow
from projections.report_query import Connection, Rows, figures, run
from projections.report_types import OTHER_TEAMS, PERIODS, Group, K, Selection, Withheld

__all__ = ["groups", "require_shown", "weeks"]


def groups(connection: Connection, by: str, selection: Selection) -> tuple[Group, ...]:
    """Return the figures by a dimension; tickets that have no value in it come last."""
    values = selection._asdict()
    if by == "team":
        return _teams(connection, values)
    periods = flow(connection, by, selection) if by in PERIODS else {}
    key = _period_key(by) if by in PERIODS else f"t.{by}"
    found = dict(figures(connection, PERFORMANCE_FIGURES, key, values))
    small = _small(connection, key, {*found, *periods}) if selection.team is not None else set()
    names = sorted({*found, *periods}, key=lambda name: (name is None, name or ""))
    return tuple(
        Group(name, (), withheld=True)
        if name in small
        else Group(name, found.get(name, ()), flow=periods.get(name) if name is not None else None)
        for name in names
    )


def weeks(connection: Connection, selection: Selection) -> tuple[dict[str, Any], ...]:
    """Return what happened in each week; of one team, only where :func:`groups` by week would not withhold it."""
    found = flow(connection, "week", selection)
    small: set[str | None] = set()
    if selection.team is not None:
        small = _small(connection, _period_key("week"), set(found))
    return tuple(
        {"key": key, "withheld": True, **dict.fromkeys(row)} if key in small else {"key": key, "withheld": False, **row}
        for key, row in found.items()
    )


def _period_key(period: str) -> str:
    return f"to_char(t.opened_local, '{PERIODS[period]}')"


def _small(connection: Connection, key: str, names: set[str | None]) -> set[str | None]:
    """Return which of *names* must be withheld in a report of one team; a period without openings is one of them."""
    return names - {row["key"] for row in _behind(connection, key) if not _is_small(row)}


def _behind(connection: Connection, key: str) -> Rows:
    """Return how many tickets, and how many different agents of their teams, stand behind each key; fewest first."""
    return run(
        connection,
        f"SELECT {key} AS key, count(DISTINCT t.ticket_id) AS tickets, count(DISTINCT i.agent_id) AS agents"
        " FROM chosen t LEFT JOIN performance.intervals i ON i.ticket_id = t.ticket_id AND i.team_id = t.team_id"
        " GROUP BY 1 ORDER BY 2, 1",
    )


def _is_small(row: Mapping[str, Any]) -> bool:
    return bool(row["tickets"] < K or 0 < row["agents"] < K)


def _teams(connection: Connection, values: Mapping[str, Any]) -> tuple[Group, ...]:
    """Return the teams' figures; small ones together, with the next greater ones until they are no more small."""
    rows = [row for row in _behind(connection, "t.team_id") if row["key"] is not None]
    small = [row for row in rows if _is_small(row)]
    great = [row for row in rows if not _is_small(row)]
    while small and great and not _is_hidden(connection, [row["key"] for row in small]):
        small.append(great.pop(0))
    names = [row["key"] for row in small]
    key = "CASE WHEN t.team_id = ANY(%(small)s) THEN %(other)s ELSE t.team_id END"
    found = figures(connection, PERFORMANCE_FIGURES, key, {**values, "small": names, "other": OTHER_TEAMS})
    hidden = bool(names) and not _is_hidden(connection, names)
    return tuple(
        Group(name, (), withheld=True) if name == OTHER_TEAMS and hidden else Group(name, figures)
        for name, figures in found
    )


def _is_hidden(connection: Connection, teams: Sequence[str]) -> bool:
    """Return whether so many tickets and people stand behind *teams* together that nobody can be told from another."""
    (row,) = run(
        connection,
        "SELECT count(DISTINCT t.ticket_id) AS tickets, count(DISTINCT i.agent_id) AS agents FROM chosen t"
        " LEFT JOIN performance.intervals i ON i.ticket_id = t.ticket_id AND i.team_id = t.team_id"
        " WHERE t.team_id = ANY(%(teams)s)",
        {"teams": list(teams)},
    )
    return not _is_small(row)


def require_shown(connection: Connection, team: str) -> None:
    """Return where a report may be of one team alone.

    Raises:
        Withheld: too few tickets or agents are behind it.
    """
    (row,) = _behind(connection, "'all'") or ({"tickets": 0, "agents": 0},)
    if _is_small(row):
        raise Withheld(
            f"cannot report on team {team!r} alone: {row['tickets']} tickets of this period are its own, or fewer than {K}"
            f" agents are behind them; expected at least {K} of each (widen the period, or report --by team)"
        )
