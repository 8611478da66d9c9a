"""``ticketcore customer``: the whole correspondence, the right to be forgotten; the rest in ``customer_changes``."""

from __future__ import annotations

from typing import Annotated

import typer

from ticketcore.domain.types import IdentityKind, Role
from workers.cli import customer_changes, customer_import
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.entry import command_id_of, confirm
from workers.cli.output import cell, heading, print_json, say, table, text

app = typer.Typer(
    help="Customers and organisations: who they are, their correspondence, merging, import, forgetting.",
    no_args_is_help=True,
    add_completion=False,
)

Number = Annotated[str, typer.Argument(help="A customer's number (C-2026-000007-0).")]


@app.command()
def history(
    number: Number,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    text_: Annotated[bool, typer.Option("--text", help="Show the messages' text.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List every correspondence of a customer over all channels and merged identities, newest first."""
    with opened() as core:
        entries = core.customer_history(number, limit=limit, by=actor(as_, Role.AUDITOR))
    if json:
        print_json(entries)
        return
    table(
        f"Correspondence of {number}, newest first, times in UTC",
        ("occurred", "ticket", "#", "direction", "channel", "by", "subject"),
        ((e.occurred_at, e.number, e.version, e.direction, e.channel, e.actor, e.subject) for e in entries),
    )
    for entry in entries if text_ else ():
        heading(f"{entry.number} #{entry.version} {cell(entry.occurred_at)} UTC")
        text(entry.body or "")


@app.command()
def find(kind: IdentityKind, value: str, as_: AsOption = None, json: JsonOption = False) -> None:
    """Find the customer whose identity this is; the address is looked up by its keyed digest."""
    with opened() as core:
        found = core.find_customer(kind, value, by=actor(as_, Role.AGENT))
    if json:
        print_json({"customer": found})
    else:
        say(found or "nobody")
    if found is None:
        raise typer.Exit(4)


@app.command()
def forget(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why; recorded for ever, so without personal content.")],
    command_id: Annotated[str | None, typer.Option(help="A UUID; repeating it changes nothing.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Destroy a person's key: nothing personal about them can be read any more, anywhere. There is no way back."""
    if not yes:
        confirm(f"Forget {number} for ever?", "forget")
    with opened() as core:
        by, id_ = actor(as_, Role.PRIVACY_OFFICER), command_id_of(command_id, "forget")
        done = core.forget(number, reason=reason, by=by, command_id=id_)
    if json:
        print_json({"customer": done.number, "version": done.version, "position": done.position})
    else:
        say(
            f"{done.number} was forgotten before; nothing was recorded."
            if done.position is None
            else f"{done.number} is forgotten (position {done.position})."
        )
        say(
            "Traces of the destroyed keys leave the key store's files with `ticketcore keys scrub`, and its backups only"
            " when these end: see docs/privacy.md."
        )


for _command in (*customer_changes.commands, *customer_import.commands):
    app.command()(_command)
groups = {"customer": app}
