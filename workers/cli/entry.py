"""What commands that record something share: who it is about, text, files, times, and how a result is told."""

from __future__ import annotations

import mimetypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4, uuid5

import typer

from ticketcore.domain.commands import AttachmentContent
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import Assurance, IdentityKind, Role
from ticketcore.errors import AmbiguousSender, InvalidCommand
from ticketcore.files import FileSource
from ticketcore.ids import number_of
from workers.cli.common import actor, opened, parse_time, parse_zone
from workers.cli.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.app import TicketCore
    from ticketcore.domain.types import Actor
    from ticketcore.execution import Options, Recorded

__all__ = [
    "AttachOption", "BodyOption", "ClaimedOption", "CommandIdOption", "IdentityOptions", "OccurredOption", "ZoneOption",
    "change", "command_id_of", "confirm", "files_of", "identities_of", "options_of", "tell", "text_of", "who",
]  # fmt: skip

CommandIdOption = Annotated[
    str | None, typer.Option("--command-id", metavar="UUID", help="Repeating it records nothing twice.")
]
OccurredOption = Annotated[
    str | None, typer.Option("--occurred-at", metavar="TIME", help="When it came in or was done; now by default.")
]
ClaimedOption = Annotated[
    str | None, typer.Option("--claimed-at", metavar="TIME", help="The date that a letter states of itself.")
]
ZoneOption = Annotated[str, typer.Option(help="IANA zone of times without offset.")]
BodyOption = Annotated[str | None, typer.Option("--body", help="The text; - reads it from standard input.")]
AttachOption = Annotated[
    list[Path] | None, typer.Option("--attach", metavar="FILE", help="A file to attach; may be given several times.")
]


class IdentityOptions:
    """The options by which a customer is named."""

    Mail = Annotated[str | None, typer.Option("--mail", help="A mail address of the customer.")]
    Phone = Annotated[str | None, typer.Option("--phone", help="A phone number of the customer.")]
    Contract = Annotated[str | None, typer.Option("--contract", help="A contract number of the customer.")]
    Chat = Annotated[str | None, typer.Option("--chat", help="A chat handle of the customer.")]
    Login = Annotated[str | None, typer.Option("--login", help="A login of the customer.")]


def identities_of(assurance: Assurance = Assurance.UNVERIFIED, **given: str | None) -> tuple[Identity, ...]:
    """Return the identities that options name (``mail="zoe@example.org"``)."""
    named = [(IdentityKind(kind), value) for kind, value in given.items() if value is not None]
    return tuple(Identity(kind=kind, value=value, assurance=assurance) for kind, value in named)


def command_id_of(given: str | None, what: str) -> UUID:
    """Return the command's id: as given, else a fresh one."""
    try:
        return UUID(given) if given else uuid4()
    except ValueError:
        raise InvalidCommand(what, "--command-id", given, "a UUID", "leave it out for a fresh one") from None


def confirm(question: str, what: str) -> None:
    """Return where whoever is asked agrees; else end with 1. Raises ``InvalidCommand`` where nobody can answer."""
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        print(file=sys.stderr)
        expected, remedy = "y or n", "give --yes where nobody can answer"
        raise InvalidCommand(what, "the answer", "nothing", expected, remedy) from None
    if not agreed:
        print("ticketcore: nothing was changed", file=sys.stderr)
        raise typer.Exit(1)


def options_of(command_id: UUID, occurred: str | None, claimed: str | None, zone: str) -> Options:
    """Return what every command takes beside its content."""
    tz = parse_zone(zone)
    at, said = parse_time(occurred, "--occurred-at", tz), parse_time(claimed, "--claimed-at", tz)
    options: Options = {"command_id": command_id}
    if at is not None:
        options["occurred_at"] = at
    if said is not None:
        options["claimed_at"] = said
    return options


def text_of(body: str | None) -> str | None:
    """Return the text that ``--body`` names."""
    return sys.stdin.read() if body == "-" else body


def files_of(paths: Sequence[Path] | None) -> tuple[AttachmentContent, ...]:
    """Return files to attach; their type is guessed by their name. Raises ``OSError`` where one can't be read."""
    return tuple(
        AttachmentContent(
            name=path.name,
            media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            content=FileSource.of_path(path),
        )
        for path in paths or ()
    )


def who(
    core: TicketCore,
    number: str | None,
    identities: Sequence[Identity],
    by: Actor,
    command_id: UUID,
    name: str | None = None,
    language: str | None = None,
) -> tuple[str | None, bool]:
    """Return the number of the customer that is named, and whether they became known by this; ``None`` for nobody.

    Raises:
        AmbiguousSender: the identities belong to several customers, and no number was given.
    """
    if number is not None:
        core.show_customer(number, by=by)
        return number, False
    if not identities:
        if name is None:
            return None, False
        done = core.register_customer(by=by, name=name, language=language, command_id=uuid5(command_id, "sender"))
        return done.number, not done.repeated
    sender = core.know_sender(identities, by=by, command_id=uuid5(command_id, "sender"), name=name, language=language)
    if sender.match.ambiguous:
        raise AmbiguousSender(map(number_of, sender.match.customers))
    return (number_of(sender.customer) if sender.customer else None), sender.registered


def change(
    number: str, method: str, what: str, command_id: str | None, as_: str | None, json: bool, **values: Any
) -> None:
    """Give the command that is *method* of the core to a ticket or customer, and print what it recorded."""
    by, id_ = actor(as_, Role.AGENT), command_id_of(command_id, f"{method.replace('_', ' ')} {number}")
    with opened() as core:
        done = getattr(core, method)(number, by=by, command_id=id_, **values)
    tell(done, what, json=json)


def tell(done: Recorded, what: str, *, json: bool, **more: Any) -> None:
    """Print what a command recorded: a line for people, an object for programs."""
    if json:
        kind = "customer" if done.number.startswith("C-") else "ticket"
        result = {"version": done.version, "position": done.position, "repeated": done.repeated}
        print_json({kind: done.number, **result, **more})
        return
    if done.position is None:
        say(f"{done.number}: nothing to do, nothing was recorded.")
    else:
        say(f"{done.number} {what}" + (" before" if done.repeated else "") + f" (position {done.position}).")
