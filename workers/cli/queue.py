"""``ticketcore queue``: what waits, next to take first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ticketcore.domain.types import Role
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.output import print_json, table


def queue(
    team: Annotated[str | None, typer.Option(help="Only this team's.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List the tickets that wait, next to take first."""
    with opened() as core:
        entries = core.queue(team_id=team, agent_id=agent, limit=limit, by=actor(as_, Role.TEAM_LEAD))
    if json:
        print_json(entries)
        return
    now = datetime.now(UTC)
    table(
        "Queue, next to take first" + (f", team {team}" if team else "") + (f", agent {agent}" if agent else ""),
        ("ticket", "status", "priority", "team", "agent", "channel", "category", "waits", "due"),
        (
            (e.number, e.status, e.priority, e.team_id, e.agent_id, e.channel, e.category,
             duration((now - e.waiting_since).total_seconds()), e.due_at)
            for e in entries
        ),
    )  # fmt: skip


def duration(seconds: float) -> str:
    """Return a duration as people say it: the two greatest units."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


commands = [queue]
