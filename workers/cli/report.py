"""``ticketcore report``: the figures, and the tickets and events behind each."""

from __future__ import annotations

import csv as csv_files
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from projections.report import DIMENSIONS, Selection, explain, report
from projections.report_html import html_page
from ticketcore.domain.types import Role
from ticketcore.errors import InvalidCommand
from ticketcore.permissions import Action, Facts, check
from ticketcore.store.codec import Codec
from workers.cli.common import AsOption, JsonOption, actor, console, opened, parse_time, parse_zone, print_json
from workers.cli.report_tables import print_explanation, print_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.feed import Decode, Log
    from projections.report import Explanation, Report
    from ticketcore.app import TicketCore

_SHOWN = 50
_AT_ONCE = 500
_PAGE = ("team", "category", "channel", "priority")


def report_command(
    by: Annotated[str | None, typer.Option("--by", help=f"Group by {', '.join(DIMENSIONS)}.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Tickets opened at or after (ISO 8601, date or time).")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Tickets opened before.")] = None,
    zone: Annotated[
        str, typer.Option(help="IANA zone of days, weeks and months, and of times without offset.")
    ] = "UTC",
    team: Annotated[str | None, typer.Option(help="Only tickets that are this team's now.")] = None,
    explain_: Annotated[
        str | None, typer.Option("--explain", metavar="FIGURE", help="List the tickets and events behind a figure.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"With --explain: at most so many tickets; {_SHOWN} in a table, else all.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as one HTML file.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, full precision.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Report figures from the read models; figures per team, never per agent."""
    if csv and json:
        raise InvalidCommand("report", "--csv", "given with --json", "one format", "leave one of them out")
    if explain_ and by:
        raise InvalidCommand(
            "report", "--explain", explain_, "a figure without --by", "narrow it by --from, --to, --team"
        )
    zone_info = parse_zone(zone)
    selection = Selection(parse_time(from_, "--from", zone_info), parse_time(to, "--to", zone_info), zone, team)
    with opened() as core:
        check(actor(as_, Role.ANALYST), Action.REPORT, Facts("the performance report"))
        dsn = read_models(core)
        if explain_:
            found = explain(dsn, explain_, selection, limit=limit or (None if json or csv else _SHOWN))
            tickets = with_positions(core.log, Codec().decode, found)
            if json:
                print_json({"figure": found.figure, "total": found.total, "tickets": tickets})
            elif csv:
                _csv(_explanation_rows(tickets))
            else:
                print_explanation(found, tickets)
            return
        made = report(dsn, selection, by=by)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page(dsn, made), encoding="utf-8")
    if json:
        print_json(made)
    elif csv:
        _csv(csv_rows(made))
    elif html is not None:
        console.print(f"Wrote {html}.", markup=False)
    else:
        print_report(made)


def page(dsn: str, made: Report) -> str:
    """Return the report as an HTML page, with its groups by team, category, channel and priority."""
    others = [by for by in _PAGE if by != made.by and not (by == "team" and made.selection.team)]
    return html_page(made, {by: report(dsn, made.selection, by=by).groups for by in others})


def read_models(core: TicketCore) -> str:
    """Return the DSN of the read models, which then hold what the log had."""
    core.catch_up()
    dsn = core.settings.read_dsn
    assert dsn is not None  # noqa: S101 an opened core has every DSN
    return dsn


def with_positions(log: Log, decode: Decode, found: Explanation) -> list[dict[str, Any]]:
    """Return the explained tickets with their events: version, position in the log, what, when."""
    tickets = []
    for start in range(0, len(found.tickets), _AT_ONCE):
        part = found.tickets[start : start + _AT_ONCE]
        streams = log.load([ticket.ticket_id for ticket in part]).streams
        for ticket in part:
            records = {record.originator_version: record for record in streams.get(ticket.ticket_id, ())}
            events = [
                {**event, "position": records[event["version"]].position if event["version"] in records else None}
                for event in ticket.events
            ]
            events += [
                {"version": version, "what": record.topic, "before": None, "after": None, "occurred_at": None,
                 "position": record.position}
                for version, record in records.items()
                if record.topic in found.topics or (found.irregular and decode(record).meta.irregular)
            ]  # fmt: skip
            events.sort(key=lambda event: event["version"])
            tickets.append({
                "number": ticket.number, "external": ticket.external, **ticket.shows, "events": events,
            })  # fmt: skip
    return tickets


def csv_rows(made: Report) -> list[dict[str, Any]]:
    """Return the report as rows: one per group where it has groups, else one per figure."""
    if made.by is None:
        return [figure._asdict() for figure in (*made.figures, *made.source)]
    names = [figure.name for figure in made.figures]
    flows = [name for name in (made.weeks[0] if made.weeks else {}) if name not in {"key", "withheld"}]
    rows = []
    for group in made.groups:
        values = {figure.name: figure.value for figure in group.figures}
        row = {made.by: group.key, "withheld": group.withheld, **{name: values.get(name) for name in names}}
        if group.flow is not None:
            row |= {f"period_{name}": group.flow.get(name) for name in flows}
        rows.append(row)
    return rows


def _explanation_rows(tickets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**{name: value for name, value in ticket.items() if name != "events"}, **event}
        for ticket in tickets
        for event in ticket["events"] or [{}]
    ]


def _csv(rows: Sequence[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv_files.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


report_command.__name__ = "report"
commands = [report_command]
