"""A report as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projections.report_types import OTHER_TEAMS
from workers.cli.common import cell, console
from workers.cli.output import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from projections.report import Explanation, Figure, Report

__all__ = ["print_explanation", "print_report", "shown"]

_SECTIONS = {
    "volume": "Tickets",
    "work": "Work",
    "sla": "Service levels",
    "satisfaction": "Satisfaction",
}
_SPEED = {
    "first_reply": ("first reply", "hours"),
    "first_solved": ("resolution, first", "hours"),
    "last_solved": ("resolution, last", "hours"),
    "closed": ("closing", "days"),
    "requester_wait": ("requester waits", "hours"),
    "agent_wait": ("agent waits", "hours"),
}
_COUNTS = {
    "tickets": "tickets", "solved_tickets": "solved", "closed_tickets": "closed", "waiting_tickets": "waiting",
    "reopened_tickets": "reopened", "team_reassignments": "reassigned", "public_replies": "replies",
    "one_touch_percent": "one-touch %", "sla_breached_percent": "SLA broken %", "score_mean": "score",
}  # fmt: skip
_TIMES = {
    "first_reply_median_hours": "first reply h p50", "first_reply_p90_hours": "first reply h p90",
    "last_solved_mean_hours": "resolution h mean", "last_solved_median_hours": "resolution h p50",
    "last_solved_p90_hours": "resolution h p90", "last_solved_p95_hours": "resolution h p95", "requester_wait_median_hours": "requester waits h p50",
    "agent_wait_median_hours": "agent waits h p50",
}  # fmt: skip
_FLOW = ("opened", "solved", "closed", "reopened", "backlog", "pending", "on_hold", "median_age_days", "p90_age_days")
_FLOW_HEADS = tuple(name.replace("_", " ") for name in _FLOW)
_WEEKS = 12


def shown(value: float | None, digits: int = 2) -> str:
    """Return a value as people read it; what does not exist is a dash."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def print_report(made: Report) -> None:
    """Print a report: its groups where it has some, else all figures."""
    if made.by is not None:
        _print_groups(made)
    elif not made.figures:
        console.print("No ticket was opened in this period.")
    else:
        _print_figures(made)
    for note in made.notes:
        console.print(note, style="dim", markup=False)
    if made.by is None:
        console.print("What is behind a figure: ticketcore report --explain FIGURE", style="dim", markup=False)


def _print_figures(made: Report) -> None:
    values = {figure.name: figure for figure in made.figures}
    for section, title in _SECTIONS.items():
        _print_section(title, [f for f in made.figures if f.section == section])
        if section == "volume":
            table(
                "Speed",
                ("from opening", "unit", "tickets", "mean", "p50", "p90", "p95"),
                (
                    (words, unit, shown(values[f"{name}_mean_{unit}"].count),
                     *(shown(values[f"{name}_{part}_{unit}"].value) for part in ("mean", "median", "p90", "p95")))
                    for name, (words, unit) in _SPEED.items()
                ),
                numbers=("tickets", "mean", "p50", "p90", "p95"),
            )  # fmt: skip
    weeks = made.weeks[-_WEEKS:]
    table(
        "Backlog at the end of each week" + (f", the last {_WEEKS}" if len(made.weeks) > _WEEKS else ""),
        ("week", *_FLOW_HEADS),
        ((_key(week["key"], withheld=week["withheld"]), *(shown(week[name], 1) for name in _FLOW)) for week in weeks),
        numbers=_FLOW_HEADS,
    )
    if made.source:
        _print_section("As the source states and as derived", made.source, digits=4)


def _print_section(title: str, figures: Sequence[Figure], digits: int = 2) -> None:
    table(
        title,
        ("figure", "value", "unit", "of tickets", "what it is"),
        ((f.name, shown(f.value, digits), f.unit, shown(f.count), f.definition) for f in figures),
        numbers=("value", "of tickets"),
    )


def _print_groups(made: Report) -> None:
    rows: list[tuple[str, Mapping[str, float | None], Mapping[str, Any] | None]] = [
        (_key(group.key, withheld=group.withheld), {f.name: f.value for f in group.figures}, group.flow)
        for group in made.groups
    ]
    title = f"By {made.by}"
    if any(flow for _, _, flow in rows):
        table(
            f"{title}: what happened in it, and the backlog at its end",
            (made.by or "", *_FLOW_HEADS),
            ((key, *(shown((flow or {}).get(name), 1) for name in _FLOW)) for key, _, flow in rows),
            numbers=_FLOW_HEADS,
        )
        title += " of the opening"
    for columns, what in ((_COUNTS, "counts"), (_TIMES, "times")):
        table(
            f"{title}: {what}",
            (made.by or "", *columns.values()),
            ((key, *(shown(values.get(name)) for name in columns)) for key, values, _ in rows),
            numbers=tuple(columns.values()),
        )


def _key(key: str | None, *, withheld: bool) -> str:
    name = "(none)" if key is None else key
    if withheld:
        return f"{name}: withheld, too few"
    return "(smaller teams together)" if name == OTHER_TEAMS else name


def print_explanation(found: Explanation, tickets: Sequence[dict[str, Any]]) -> None:
    """Print what is behind a figure."""
    figure = found.figure
    console.print(
        f"{figure.name} = {shown(figure.value, 4)} {figure.unit}: {figure.definition}", style="bold", markup=False
    )
    if not tickets:
        console.print("No ticket is behind it.")
        return
    shows = [name for name in tickets[0] if name not in {"number", "external", "events"}]
    table(
        f"{len(tickets):,} of {found.total:,} tickets behind it; events as version@position",
        ("ticket", "external", *shows, "events"),
        (
            (t["number"], t["external"], *(_value(t[name]) for name in shows), _events(t["events"]))
            for t in tickets
        ),
        numbers=[name for name in shows if name not in {"path", "status"}],
    )  # fmt: skip
    if len(tickets) < found.total:
        console.print("More: --limit N, or all with --json or --csv.", style="dim")


def _value(value: object) -> str:
    return shown(value, 2) if isinstance(value, float) else cell(value)


def _events(events: Sequence[dict[str, Any]]) -> str:
    parts = []
    for event in events:
        move = f" {event['before'] or '-'} > {event['after'] or '-'}" if event["before"] or event["after"] else ""
        parts.append(f"{event['what']} {event['version']}@{cell(event['position'])}{move}")
    return "; ".join(parts)
