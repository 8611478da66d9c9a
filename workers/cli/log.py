"""``ticketcore events``: the log itself, for auditors and pipes."""

from __future__ import annotations

from typing import Annotated

import typer

from ticketcore.domain.types import Role
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.output import print_json, table


def events(
    from_: Annotated[int, typer.Option("--from", min=1, help="First position.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; all with --json, 50 without.")] = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List events of the log by position; with --json one object a line."""
    with opened() as core:
        found = core.read_events(after=from_ - 1, limit=limit or (None if json else 50), by=actor(as_, Role.AUDITOR))
        if json:
            for entry in found:
                print_json(entry, indent=None)
            return
        table(
            f"Events from position {from_}, times in UTC",
            ("position", "ticket or customer", "#", "event", "recorded", "occurred", "actor"),
            ((e.position, e.number, e.version, e.topic, e.recorded_at, e.occurred_at, e.actor) for e in found),
        )


commands = [events]
