"""``ticketcore ticket redact``: a message's words and files made unreadable for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ticketcore.domain.types import Role
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.entry import CommandIdOption, command_id_of, confirm, tell

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["commands"]


def redact(
    number: Annotated[str, typer.Argument(help="The ticket's number.")],
    message: Annotated[int, typer.Argument(help="The message's number in the ticket, as `ticket show` says it.")],
    reason: Annotated[str, typer.Option(help="Why; recorded for ever, so without personal content.")],
    command_id: CommandIdOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Destroy the keys of a message, its corrections and the mail that it came with. There is no way back."""
    id_ = command_id_of(command_id, "redact")
    if not yes:
        confirm(f"Make message {message} of {number} unreadable for ever?", "redact")
    with opened() as core:
        done = core.redact(number, by=actor(as_, Role.PRIVACY_OFFICER), comment=message, reason=reason, command_id=id_)
    tell(done, f"has message {message} no more", json=json)


commands: list[Callable[..., None]] = [redact]
"""What is added to ``ticketcore ticket``."""
