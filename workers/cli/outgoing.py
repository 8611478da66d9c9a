"""``ticketcore outgoing``: mails that wait to be sent, or were given up, and what can be done about each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ticketcore.domain.types import Role
from ticketcore.errors import NotFound
from ticketcore.ids import number_of
from ticketcore.permissions import Action, Facts, check
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.output import print_json, say, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from ticketcore.app import TicketCore
    from ticketcore.domain.types import Actor
    from ticketcore.replay import HistoryEntry

app = typer.Typer(help="Mails that wait to be sent, or were given up.", no_args_is_help=True, add_completion=False)

Number = Annotated[str, typer.Argument(metavar="TICKET", help="The ticket's number.")]
Comment = Annotated[
    int, typer.Argument(metavar="COMMENT", help="The comment's number in the ticket, as `list` says it.")
]
_ABOUT = frozenset({
    "ticket.delivery_attempted", "ticket.delivered", "ticket.delivery_failed", "ticket.delivery_requested",
    "ticket.delivery_dropped", "ticket.bounced",
})  # fmt: skip
_LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


@app.command("list")
def list_(
    waiting: Annotated[bool, typer.Option("--waiting", help="Those that wait for their next attempt instead.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List the mails that were given up or came back, and are neither dropped nor tried again; addresses are not shown."""
    by = actor(as_, Role.OPERATOR)
    check(by, Action.RETRY_DELIVERY, Facts("outgoing mails"))
    with opened() as core:
        if waiting:
            names: Iterable[tuple[UUID, int]] = [one[1:] for one in core.due_deliveries(_LATEST, limit)]
        else:
            names = core.undelivered()[:limit]
        reader = actor(None, Role.AUDITOR)
        found = [_row(core, id_, comment, _events(core, number_of(id_), comment, reader)) for id_, comment in names]
    if json:
        print_json(found)
        return
    columns = ("ticket", "comment", "state", "since", "attempts", "due", "reason", "code", "bounces")
    table(
        "Mails that wait" if waiting else "Mails that were given up",
        columns,
        ([row[c] for c in columns] for row in found),
    )


@app.command()
def show(ticket: Number, comment: Comment, as_: AsOption = None, json: JsonOption = False) -> None:
    """Show all that was recorded of one mail: attempts, answers, bounces, to which address."""
    by = actor(as_, Role.AUDITOR)
    with opened() as core:
        events = _events(core, ticket, comment, by)
        row = _row(core, core._find_ticket(ticket), comment, events)
    if json:
        print_json({**row, "events": events})
        return
    say(f"Mail of comment {comment} of {ticket}: {row['state']}, {row['attempts']} attempts")
    table(
        "What was recorded",
        ("#", "event", "when", "what"),
        (
            (e.version, e.topic.removeprefix("ticket."), e.occurred_at,
             ", ".join(f"{name}={value}" for name, value in e.fields.items() if name != "comment"))
            for e in events
        ),
    )  # fmt: skip


@app.command()
def retry(ticket: Number, comment: Comment, as_: AsOption = None, json: JsonOption = False) -> None:
    """Try a mail again at once."""
    by = actor(as_, Role.OPERATOR)
    with opened() as core:
        done = core.retry_delivery(core._find_ticket(ticket), by=by, comment=comment)
    _say(done.position is not None, f"mail {comment} of {done.number} is tried again", json, done.number, comment)


@app.command()
def drop(
    ticket: Number,
    comment: Comment,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it need not be sent; it is kept.")],
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Give a mail up for good; the ticket's history says who and why."""
    by = actor(as_, Role.OPERATOR)
    with opened() as core:
        done = core.drop_delivery(core._find_ticket(ticket), by=by, comment=comment, reason=reason)
    _say(done.position is not None, f"mail {comment} of {done.number} is given up", json, done.number, comment)


def _row(core: TicketCore, ticket: UUID, comment: int, events: Sequence[HistoryEntry]) -> dict[str, Any]:
    """Return what is known of a mail, nothing personal in it; *events*: all that was recorded of it."""
    found = core.delivery(ticket, comment)
    if found is None:
        raise NotFound("outgoing mail", f"{comment} of ticket {number_of(ticket)}", "see `outgoing list`")
    failed = next((e for e in reversed(events) if e.topic == "ticket.delivery_failed"), None)
    bounces = [e for e in events if e.topic == "ticket.bounced"]
    told = bounces[-1].fields if bounces else failed.fields if failed else {}
    return {
        "ticket": number_of(ticket),
        "comment": comment,
        "state": found.state.value,
        "since": found.since,
        "attempts": found.attempt,
        "due": found.due_at,
        "reason": "bounced" if bounces else told.get("reason"),
        "code": told.get("status") or told.get("code"),
        "bounces": len(bounces),
    }


def _events(core: TicketCore, ticket: str, comment: int, by: Actor) -> list[HistoryEntry]:
    return [e for e in core.ticket_history(ticket, by=by) if e.topic in _ABOUT and e.fields.get("comment") == comment]


def _say(changed: bool, text: str, json: bool, ticket: str, comment: int) -> None:
    if json:
        print_json({"ticket": ticket, "comment": comment, "changed": changed})
    else:
        say(text if changed else "nothing changed")


groups = {"outgoing": app}
