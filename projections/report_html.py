"""A report as one HTML file: no network, no scripts; light, dark and printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from projections.report_plots import bars, columns, lines
from projections.report_types import OTHER_TEAMS, Figure, Group, Report

__all__ = ["html_page"]

_CARDS = (
    ("tickets", "tickets", 0),
    ("waiting_tickets", "waiting now", 0),
    ("first_reply_median_hours", "h to first reply, median", 1),
    ("last_solved_median_hours", "h to resolution, median", 1),
    ("last_solved_p90_hours", "h to resolution, p90", 1),
    ("one_touch_percent", "% one-touch", 1),
    ("sla_breached_percent", "% of promises broken", 1),
    ("score_mean", "mean rating of 5", 2),
)
_SECTIONS = (
    ("volume", "Tickets"),
    ("speed", "Speed"),
    ("work", "Work"),
    ("sla", "Service levels"),
    ("satisfaction", "Satisfaction"),
)
_COLUMNS = (
    ("tickets", "tickets", 0),
    ("solved_tickets", "solved", 0),
    ("waiting_tickets", "waiting", 0),
    ("reopened_tickets", "reopened", 0),
    ("public_replies", "replies", 0),
    ("one_touch_percent", "one-touch %", 1),
    ("first_reply_median_hours", "first reply p50, h", 1),
    ("last_solved_mean_hours", "resolution mean, h", 1),
    ("last_solved_median_hours", "resolution p50, h", 1),
    ("last_solved_p90_hours", "resolution p90, h", 1),
    ("last_solved_p95_hours", "resolution p95, h", 1),
    ("sla_breached_percent", "SLA broken %", 1),
    ("score_mean", "rating", 2),
)
_MOST = 15
"""Groups in a table and a plot; the greatest ones."""


def html_page(report: Report, groups: Mapping[str, Sequence[Group]] | None = None, title: str = "Ticket report") -> str:
    """Return the page.

    Args:
        report: its own groups are shown too.
        groups: more of them, by dimension.
        title: in the head of the page.
    """
    known = {figure.name: figure for figure in report.figures}
    shown = {**({report.by: report.groups} if report.by else {}), **(groups or {})}
    parts = [
        f"<header><h1>{escape(title)}</h1><p>{escape(_scope(report))}</p></header><main>",
        _cards(known) if known else "<p>No ticket was opened in this period.</p>",
        _plots(report),
        *(_group(by, rows) for by, rows in shown.items() if rows),
        _source(report.source),
        "<section><h2>All figures</h2>",
        *(_table(name, [f for f in report.figures if f.section == section]) for section, name in _SECTIONS),
        "</section></main><footer>",
        *(f"<p>{escape(note)}</p>" for note in report.notes),
        "<p>What is behind a figure: <code>ticketcore report --explain FIGURE</code></p></footer>",
    ]
    return _PAGE.format(title=escape(title), style=_style(), body="\n".join(part for part in parts if part))


def _scope(report: Report) -> str:
    chosen = report.selection
    period = "all tickets"
    if chosen.since or chosen.until:
        period = f"tickets opened from {_time(chosen.since) or 'the first'} to {_time(chosen.until) or 'now'}"
    team = f", team {chosen.team}" if chosen.team else ""
    return f"{period}{team}; as of {_time(chosen.now)} UTC"


def _time(instant: datetime | None) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if instant else ""


def number(value: float | None, digits: int = 2) -> str:
    """Return a value as people read it; what does not exist is a dash."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def _cards(known: Mapping[str, Figure]) -> str:
    cards = "".join(
        f'<li title="{escape(known[name].definition)}"><b>{number(known[name].value, digits)}</b><span>{escape(words)}</span></li>'
        for name, words, digits in _CARDS
        if known[name].value is not None
    )
    return f'<ul class="cards">{cards}</ul>'


def _plots(report: Report) -> str:
    if not report.weeks:
        return ""
    keys = [week["key"] for week in report.weeks]
    parts = [
        lines(
            "Opened and solved tickets by week",
            keys,
            [(name, [week[name] for week in report.weeks]) for name in ("opened", "solved")],
        ),
        lines(
            "Backlog at the end of each week",
            keys,
            [
                ("all waiting", [week["backlog"] for week in report.weeks]),
                ("of these pending", [week["pending"] for week in report.weeks]),
                ("of these on hold", [week["on_hold"] for week in report.weeks]),
            ],
        ),
        lines(
            "Age of the backlog in days at the end of each week",
            keys,
            [
                ("median", [week["median_age_days"] for week in report.weeks]),
                ("90th percentile", [week["p90_age_days"] for week in report.weeks]),
            ],
        ),
        columns("Tickets by time from opening to the last solution", list(report.resolution)),
    ]
    return f'<section><h2>Course</h2><div class="plots">{"".join(parts)}</div></section>'


def _group(by: str, groups: Sequence[Group]) -> str:
    counted = [(group, {figure.name: figure.value for figure in group.figures}) for group in groups]
    ordered = sorted(counted, key=lambda entry: -(entry[1].get("tickets") or 0))
    top, rest = ordered[:_MOST], len(ordered) - _MOST
    kept = [column for column in _COLUMNS if any(values.get(column[0]) is not None for _, values in top)]
    rows = "".join(
        f'<tr><th scope="row">{escape(_name(group))}</th>'
        + (
            f'<td colspan="{max(1, len(kept))}">withheld: too few tickets or people</td>'
            if group.withheld
            else "".join(f"<td>{number(values.get(name), digits)}</td>" for name, _, digits in kept)
        )
        + "</tr>"
        for group, values in top
    )
    head = "".join(f'<th scope="col">{escape(words)}</th>' for _, words, _ in kept)
    shown = [(group, values) for group, values in top if not group.withheld]
    plots = [
        bars(
            f"Tickets by {by}",
            [(_name(group), values.get("tickets"), number(values.get("tickets"))) for group, values in shown],
        ),
        bars(
            f"Median hours from opening to resolution by {by}",
            [
                (
                    _name(group),
                    values.get("last_solved_median_hours"),
                    number(values.get("last_solved_median_hours"), 1),
                )
                for group, values in shown
            ],
        ),
    ]
    more = (
        f'<p class="note">The {_MOST} greatest of {len(ordered)}; all by <code>ticketcore report --by {by}</code>.</p>'
    )
    return (
        f'<section><h2>By {escape(by)}</h2><div class="plots">{"".join(plots)}</div>'
        f'<div class="scroll"><table><thead><tr><th scope="col">{escape(by)}</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{more if rest > 0 else ''}</section>"
    )


def _name(group: Group) -> str:
    return "(none)" if group.key is None else "(smaller teams together)" if group.key == OTHER_TEAMS else group.key


def _source(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    return f"<section><h2>As the source states and as derived</h2>{_table('', figures, digits=4)}</section>"


def _table(title: str, figures: Sequence[Figure], digits: int = 2) -> str:
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(f.name)}</code></th><td>{number(f.value, digits)}</td>'
        f'<td class="text">{escape(f.unit)}</td><td>{number(f.count)}</td><td class="text">{escape(f.definition)}</td></tr>'
        for f in figures
    )
    head = "".join(f'<th scope="col">{words}</th>' for words in ("figure", "value", "unit", "of tickets", "what it is"))
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _style() -> str:
    return files("projections").joinpath("report.css").read_text(encoding="utf-8")


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
