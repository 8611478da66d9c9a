"""``ticketcore ticket``: one ticket now, at an instant, its history; what staff enter stands in ``ticket_entry``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.markup import escape

from ticketcore.domain.types import Role
from ticketcore.ids import number_of
from ticketcore.replay import Clock
from workers.cli import redaction, ticket_checklists, ticket_entry, ticket_status
from workers.cli.common import (
    AsOption,
    JsonOption,
    actor,
    opened,
    parse_time,
    parse_zone,
)
from workers.cli.output import cell, console, facts, heading, print_json, table, text

if TYPE_CHECKING:
    from ticketcore.replay import Message, TicketView

app = typer.Typer(
    help="A ticket now, as it was at an instant, its history; entry by staff.",
    no_args_is_help=True,
    add_completion=False,
)

Number = Annotated[
    str, typer.Argument(help="A ticket's number (T-2026-000042-6), or its number in the imported system.")
]


@app.command()
def show(
    number: Number,
    at: Annotated[str | None, typer.Option(help="As it was at this instant (ISO 8601).")] = None,
    by: Annotated[
        Clock, typer.Option(help="Read --at by the record time or by the time of occurrence.")
    ] = Clock.RECORD,
    zone: Annotated[str, typer.Option(help="IANA zone of a time without offset.")] = "UTC",
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Show the whole ticket, text included, as it is or as it was at that second."""
    instant = parse_time(at, "--at", parse_zone(zone))
    with opened() as core:
        view = core.show_ticket(number, at=instant, clock=by, by=actor(as_, Role.AUDITOR))
    if json:
        print_json(view)
    else:
        print_view(view)


@app.command()
def history(number: Number, as_: AsOption = None, json: JsonOption = False) -> None:
    """List every event of the ticket: what, who, when recorded, when occurred."""
    with opened() as core:
        entries = core.ticket_history(number, by=actor(as_, Role.AUDITOR))
    if json:
        print_json(entries)
        return
    table(
        f"History of {number}: {len(entries)} events, times in UTC",
        ("position", "#", "event", "recorded", "occurred", "actor", "what"),
        (
            (e.position, e.version, e.topic + (" (irregular)" if e.irregular else ""), e.recorded_at, e.occurred_at, e.actor,
             _short(e.fields) if e.readable else e.note or "[unreadable: its key is gone]")
            for e in entries
        ),
    )  # fmt: skip


def print_view(view: TicketView) -> None:
    """Print a ticket for people."""
    console.print(f"[bold]{view.number}[/bold]  {escape(view.subject or '(no subject)')}")
    console.print(
        f"as of {cell(view.at)} UTC by {view.clock.value} time" if view.at else "as of now",
        f"(version {view.version}, position {view.position})",
        style="dim",
    )
    facts({
        "status": view.status.value + (f" ({view.reason})" if view.reason else ""),
        "source state": view.source_state,
        "external number": view.external,
        "channel": view.channel.value,
        "requester": view.requester,
        "participants": ", ".join(view.participants),
        "team / agent": f"{view.team_id or '-'} / {view.agent_id or '-'}",
        "category": " / ".join(filter(None, (view.category, view.subcategory))),
        "tags": ", ".join(view.tags),
        "priority": view.priority and view.priority.value,
        "impact / urgency": f"{view.impact.value if view.impact else '-'} / {view.urgency.value if view.urgency else '-'}",
        "opened": f"{cell(view.opened_at)} UTC",
        "merged into": view.merged_into,
        "absorbed": ", ".join(view.absorbed),
        "links": ", ".join(view.links),
        "split off": ", ".join(view.split_off),
        "follow-ups": ", ".join(view.follow_ups),
        "service levels": ", ".join(f"{k}: {v}" for k, v in view.sla.items()),
        "score": view.score,
        "reopened": view.reopens or None,
        "fields": ", ".join(f"{k}={v}" for k, v in view.fields.items()),
    })  # fmt: skip
    for known in view.checklists:
        heading(f"checklist {known.name}" + (", before it is solved" if known.required else ""))
        for step in known.steps:
            console.print(f"[{'x' if step in known.ticked else ' '}] {step}", markup=False)
    for message in view.messages:
        _print_message(message)


def _print_message(message: Message) -> None:
    arrow = {"inbound": "<-", "outbound": "->", "internal": "--"}[message.direction.value]
    heading(
        f"{message.id} {arrow} {message.direction.value} by {message.channel.value}, {cell(message.occurred_at)} UTC, "
        f"{message.actor}"
    )
    if not message.readable:
        console.print("[unreadable: its key was destroyed]", style="dim", markup=False)
    elif message.body:
        text(message.body)
    for correction in message.corrections:
        console.print(f"(corrected {cell(correction.occurred_at)} UTC by {escape(correction.actor)})", style="dim")
    for attachment in message.attachments:
        marks = "".join(f", {attachment[mark]}" for mark in ("danger", "withheld") if attachment.get(mark))
        line = f"attachment {attachment['name']} ({attachment['size']} bytes{marks})"
        console.print(line, markup=False, style="dim")


def _short(fields: dict[str, object], limit: int = 100) -> str:
    line = " ".join(", ".join(f"{name}={_known(name, value)}" for name, value in fields.items()).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _known(name: str, value: object) -> object:
    """Return a ticket's or customer's number instead of its id; lists without Python's quotes."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(str(_known(name, part)) for part in value) + "]"
    if not name.endswith(("_id", "_ids")):
        return value
    try:
        return number_of(UUID(str(value)))
    except ValueError:
        return value


for _command in (*ticket_status.commands, *ticket_entry.commands, *ticket_checklists.commands, *redaction.commands):
    app.command()(_command)
groups = {"ticket": app}
