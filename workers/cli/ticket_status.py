"""``ticketcore ticket status``, ``ticket link`` and ``ticket rate``: what customers do by signed links."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ticketcore.domain.types import Role
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.entry import tell
from workers.cli.output import cell, console, facts, heading, print_json, say, text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["commands"]


def status(
    number: Annotated[str | None, typer.Argument(help="The ticket's number; may be left out with --token.")] = None,
    token: Annotated[str | None, typer.Option(help="Of a signed link; who has it acts as its customer.")] = None,
    messages: Annotated[int, typer.Option(min=0, help="Show the last so many messages.")] = 5,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Show how a ticket stands and what was last written, nothing of the staff's work: by a link's token, or by role."""
    by = None if token is not None else actor(as_, Role.AGENT)
    with opened() as core:
        found = core.ticket_status(number, token=token, by=by, messages=messages)
    if json:
        print_json(found)
        return
    console.print(f"[bold]{found.number}[/bold]  {escape(found.subject or '(no subject)')}")
    facts({
        "status": found.status.value,
        "waits for": found.waits_for,
        "opened": f"{cell(found.opened_at)} UTC",
        "last change": f"{cell(found.last_at)} UTC",
        "merged into": found.merged_into,
        "follow-ups": ", ".join(found.follow_ups),
    })  # fmt: skip
    for message in found.messages:
        heading(f"{message.direction.value} by {message.channel.value}, {cell(message.occurred_at)} UTC, {message.by}")
        text(message.body or "[no text]")
        for name in message.attachments:
            console.print(f"attachment {name}", markup=False, style="dim")


def link(
    number: Annotated[str, typer.Argument(help="The ticket's number.")],
    customer: Annotated[str | None, typer.Option(help="A participant's number; its requester by default.")] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="For how many days it is valid.")] = 90,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Print a signed link to a ticket's state for its requester: the whole link with TICKETCORE_BASE_URL, else its token."""
    with opened() as core:
        token, url = core.ticket_link(number, by=actor(as_, Role.AGENT), customer=customer, days=days)
    if json:
        print_json({"ticket": number, "token": token, "url": url})
    else:
        say(url or token)


def attachment(
    number: Annotated[str, typer.Argument(help="The ticket's number.")],
    message: Annotated[int, typer.Argument(help="The message's number in the ticket, as `ticket show` says it.")],
    index: Annotated[int, typer.Argument(help="Which of its attachments, from 0.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="The file to write, which must not exist; standard output by default.")
    ] = None,
    as_: AsOption = None,
) -> None:
    """Write an attachment to a file or to standard output, piece by piece; each is checked before it is written."""
    with ExitStack() as stack:
        core = stack.enter_context(opened())
        parts = core.attachment_stream(number, by=actor(as_, Role.AGENT), message=message, index=index)
        file = sys.stdout.buffer if output is None else stack.enter_context(output.open("xb"))
        for part in parts:
            file.write(part)


def rate(
    token: Annotated[str, typer.Option(help="Of a survey's link; who has it acts as its customer.")],
    score: Annotated[int, typer.Option(min=1, max=5, help="1 (bad) to 5 (good).")],
    number: Annotated[str | None, typer.Argument(help="The ticket's number; may be left out.")] = None,
    remark: Annotated[str | None, typer.Option(help="Anything more the customer says.")] = None,
    json: JsonOption = False,
) -> None:
    """Record the customer's satisfaction by the link of a survey: once for each time that the ticket was solved."""
    with opened() as core:
        done = core.rate_by_link(token, score=score, remark=remark, ticket=number)
    tell(done, f"was rated {score}", json=json)


commands: list[Callable[..., None]] = [status, link, attachment, rate]
"""What is added to ``ticketcore ticket``."""
