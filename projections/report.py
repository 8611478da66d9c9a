"""Reports: figures by plain SQL over the read model *performance*, and the tickets and events behind each.

Agents are people. Figures are per team, never per agent, and a team's figures are shown only where at least
:data:`K` tickets and :data:`K` different agents (or none known at all) are behind them. Smaller teams are counted
together under :data:`OTHER_TEAMS`. In a report of one team, rows below these numbers are withheld. In any report,
durations and scores over fewer than :data:`K` tickets are withheld.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from projections.report_figures import FIGURES, PERFORMANCE_FIGURES, SOURCE_FIGURES, FigureKind
from projections.report_flow import resolution
from projections.report_groups import groups, require_shown, weeks
from projections.report_query import Connection, figures, run, snapshot, tickets_from
from projections.report_types import (
    DIMENSIONS,
    OTHER_TEAMS,
    PERIODS,
    BehindTicket,
    Explanation,
    Figure,
    Group,
    K,
    Report,
    Selection,
    Withheld,
    checked,
)
from ticketcore.errors import NotFound

__all__ = [
    "DIMENSIONS", "OTHER_TEAMS", "PERIODS", "BehindTicket", "Explanation", "Figure", "Group", "K", "Report", "Selection",
    "Withheld", "explain", "report",
]  # fmt: skip


def report(dsn: str, selection: Selection | None = None, *, by: str | None = None) -> Report:
    """Return the report of the tickets that *selection* names.

    Args:
        dsn: of the read models.
        selection: all tickets where ``None``.
        by: one of :data:`DIMENSIONS`; ``None`` for no groups.
    Raises:
        InvalidCommand: no such dimension or zone, or the period ends before it begins.
        Withheld: the selection is of a team behind which too few tickets or agents stand.
    """
    chosen = checked(selection or Selection(), by)
    values = chosen._asdict()
    with snapshot(dsn, chosen) as connection:
        if chosen.team is not None:
            require_shown(connection, chosen.team)
        totals = figures(connection, PERFORMANCE_FIGURES, "NULL::text", values)
        source = figures(connection, SOURCE_FIGURES, "NULL::text", values, "WHERE t.external IS NOT NULL")
        return Report(
            selection=chosen,
            figures=totals[0][1] if totals else (),
            source=source[0][1] if source else (),
            by=by,
            groups=groups(connection, by, chosen) if by else (),
            weeks=weeks(connection, chosen),
            resolution=resolution(connection),
            notes=_notes(chosen, by),
        )


def explain(dsn: str, name: str, selection: Selection | None = None, *, limit: int | None = None) -> Explanation:
    """Return the tickets and events behind a figure.

    Args:
        dsn: of the read models.
        name: of the figure, see :data:`projections.report_figures.FIGURES`.
        selection: as for :func:`report`.
        limit: at most so many tickets.
    Raises:
        NotFound: there is no such figure.
    """
    kind = FIGURES.get(name)
    if kind is None:
        raise NotFound("figure", repr(name), f"expected one of {', '.join(FIGURES)}")
    chosen = checked(selection or Selection(), None)
    with snapshot(dsn, chosen) as connection:
        if chosen.team is not None:
            require_shown(connection, chosen.team)
        found = figures(connection, (kind,), "NULL::text", chosen._asdict())
        shows = "".join(f', {expression} AS "{label}"' for label, expression in kind.shows)
        rows = run(
            connection,
            f"SELECT t.ticket_id, t.number, t.external, count(*) OVER () AS total_behind{shows}"
            f" FROM {tickets_from(kind)} WHERE {kind.behind} ORDER BY t.number LIMIT %(limit)s",
            {"limit": limit},
        )
        events = _events(connection, kind, [row["ticket_id"] for row in rows])
    nothing = Figure(kind.name, None, kind.unit, 0, kind.definition, kind.section)
    return Explanation(
        figure=found[0][1][0] if found else nothing,
        total=rows[0]["total_behind"] if rows else 0,
        topics=tuple(event for event in kind.events if "." in event),
        irregular="irregular" in kind.events,
        tickets=tuple(
            BehindTicket(
                ticket_id=row["ticket_id"],
                number=row["number"],
                external=row["external"],
                shows={label: row[label] for label, _ in kind.shows},
                events=tuple(events.get(row["ticket_id"], ())),
            )
            for row in rows
        ),
    )


def _notes(selection: Selection, by: str | None) -> tuple[str, ...]:
    zone = f"Tickets count by their opening; days, weeks and months are those of {selection.zone}."
    notes = [
        zone,
        "Times are calendar time where they do not say business time, which is known where a policy measured it.",
        f"Durations and scores over fewer than {K} tickets are withheld, and so is the age of a backlog of fewer.",
    ]
    if by == "team" or selection.team is not None:
        notes.append(
            f"Agents are people: a team's figures are shown where at least {K} tickets and {K} different agents (or no known"
            " agent at all) are behind them; there are no figures per agent without a recorded policy."
        )
    return tuple(notes)


_WHAT = {
    "opened": "first",
    "solved": "moved AND status = 'solved' AND status_before IS DISTINCT FROM 'merged'",
    "closed": "moved AND status = 'closed' AND status_before IS DISTINCT FROM 'merged'",
    "reopened": "moved AND status_before IN ('solved', 'closed') AND status IN ('new', 'open', 'pending', 'on_hold')",
    "team": "team_changed",
    "team_to_team": "team_changed AND team_before IS NOT NULL AND team_id IS NOT NULL",
    "agent": "agent_changed",
    "agent_to_agent": "agent_changed AND agent_before IS NOT NULL AND agent_id IS NOT NULL",
    "state": "source_changed",
    "moved": "moved",
}
_TEAMS = ("team_before", "team_id")
_NOBODY = ("NULL::text", "NULL::text")  # who it was is nobody's business here
_SAYS = {
    "team": _TEAMS, "team_to_team": _TEAMS, "agent": _NOBODY, "agent_to_agent": _NOBODY,
    "state": ("source_before", "source_state"),
}  # fmt: skip
_LETTERS = {
    "reply": "kind = 'commented' AND direction = 'outbound' AND split_part(actor, ' ', 1) IN ('agent', 'team_lead')",
    "inbound": "direction = 'inbound' AND kind IN ('opened', 'commented')",
}


def _events(connection: Connection, kind: FigureKind, ids: list[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Return the events behind *kind* that the read models know, by ticket, in order."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    for event in kind.events:
        if event in _WHAT:
            old, new = _SAYS.get(event, ("status_before", "status"))
            rows = run(
                connection,
                f"SELECT ticket_id, version, at, {old} AS before, {new} AS after FROM changes"
                f" WHERE ticket_id = ANY(%(ids)s) AND {_WHAT[event]}",
                {"ids": ids},
            )
        elif event in _LETTERS:
            rows = run(
                connection,
                "SELECT ticket_id, version, occurred_at AS at, NULL::text AS before, NULL::text AS after"
                f" FROM history.correspondence WHERE ticket_id = ANY(%(ids)s) AND {_LETTERS[event]}",
                {"ids": ids},
            )
        else:
            continue
        for row in rows:
            found.setdefault(row["ticket_id"], []).append({
                "version": row["version"], "what": event, "before": row["before"], "after": row["after"],
                "occurred_at": row["at"],
            })  # fmt: skip
    for events in found.values():
        events.sort(key=lambda event: (event["version"], event["what"]))
    return found
