"""``ticketcore ticket open``, ``comment`` and what else staff do to a ticket by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ticketcore.domain.types import Channel, Direction, Level, Priority, Role
from ticketcore.errors import InvalidCommand
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.entry import (
    AttachOption,
    BodyOption,
    ClaimedOption,
    CommandIdOption,
    IdentityOptions,
    OccurredOption,
    ZoneOption,
    change,
    command_id_of,
    files_of,
    identities_of,
    options_of,
    tell,
    text_of,
    who,
)
from workers.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["commands"]

Number = Annotated[str, typer.Argument(help="A ticket's number (T-2026-000042-6).")]
ReasonOption = Annotated[str | None, typer.Option(help="Why; recorded in clear, so without personal content.")]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be given several times.")]


def open_(
    channel: Annotated[Channel, typer.Option(help="Where it came in.")],
    customer: Annotated[str | None, typer.Option(help="The customer's number.")] = None,
    mail: IdentityOptions.Mail = None,
    phone: IdentityOptions.Phone = None,
    contract: IdentityOptions.Contract = None,
    chat: IdentityOptions.Chat = None,
    login: IdentityOptions.Login = None,
    name: Annotated[str | None, typer.Option(help="The customer's name, where they become known by this.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of the message, as in de or en-GB.")] = None,
    subject: Annotated[str | None, typer.Option(help="The subject.")] = None,
    body: BodyOption = None,
    attach: AttachOption = None,
    direction: Annotated[Direction, typer.Option(help="Who wrote or called.")] = Direction.INBOUND,
    team: Annotated[str | None, typer.Option(help="The team that is responsible.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent who is responsible.")] = None,
    category: Annotated[str | None, typer.Option(help="The category.")] = None,
    subcategory: Annotated[str | None, typer.Option(help="The subcategory.")] = None,
    tag: TagOption = None,
    priority: Annotated[Priority | None, typer.Option(help="The priority.")] = None,
    acknowledge: Annotated[bool, typer.Option("--acknowledge", help="Tell the customer the number by mail.")] = False,
    occurred_at: OccurredOption = None,
    claimed_at: ClaimedOption = None,
    zone: ZoneOption = "UTC",
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Make a call, a letter or anything else a ticket; the customer is found by number or identity, or registered."""
    by, id_ = actor(as_, Role.AGENT), command_id_of(command_id, "open a ticket")
    options = options_of(id_, occurred_at, claimed_at, zone)
    identities = identities_of(mail=mail, phone=phone, contract=contract, chat=chat, login=login)
    text, files = text_of(body), files_of(attach)
    with opened() as core:
        requester, registered = who(core, customer, identities, by, id_, name, language)
        done = core.open_ticket(
            by=by, channel=channel, requester=requester, subject=subject, body=text, attachments=files,
            direction=direction, language=language, category=category, subcategory=subcategory, tags=tuple(tag or ()),
            priority=priority, team_id=team, agent_id=agent, **options,
        )  # fmt: skip
        told = acknowledge and requester is not None and core.acknowledge(done.number, language=language) is not None
    if not json:
        if requester is not None:
            say(f"Customer {requester}" + (" (new)" if registered else "") + ".")
        if acknowledge and not told:
            say("No acknowledgement: nobody to tell, or TICKETCORE_MAIL_FROM is not set.")
    tell(done, "was opened", json=json, customer=requester, registered=registered, acknowledged=told)


open_.__name__ = "open"


def comment(
    number: Number,
    direction: Annotated[Direction, typer.Option(help="From the customer, to the customer, or a note among staff.")],
    body: BodyOption = None,
    template: Annotated[str | None, typer.Option(help="An agents' reply template; --body follows its text.")] = None,
    attach: AttachOption = None,
    channel: Annotated[Channel | None, typer.Option(help="By default the ticket's; of notes, internal.")] = None,
    customer: Annotated[str | None, typer.Option(help="Number of the customer who wrote or called.")] = None,
    mail: IdentityOptions.Mail = None,
    phone: IdentityOptions.Phone = None,
    contract: IdentityOptions.Contract = None,
    chat: IdentityOptions.Chat = None,
    login: IdentityOptions.Login = None,
    name: Annotated[str | None, typer.Option(help="Name of the customer, where they become known by this.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of the message, as in de or en-GB.")] = None,
    occurred_at: OccurredOption = None,
    claimed_at: ClaimedOption = None,
    zone: ZoneOption = "UTC",
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Add a call, a letter, an answer or a note to a ticket. An outbound one on the channel mail is sent."""
    what = f"comment on ticket {number}"
    by, id_ = actor(as_, Role.AGENT), command_id_of(command_id, what)
    options = options_of(id_, occurred_at, claimed_at, zone)
    identities = identities_of(mail=mail, phone=phone, contract=contract, chat=chat, login=login)
    if (customer or identities) and direction is not Direction.INBOUND:
        option = "--customer" if customer else f"--{identities[0].kind.value}"
        remedy = "leave it out: what goes out goes to the requester"
        raise InvalidCommand(what, option, customer or "given", "an author of inbound messages only", remedy)
    text, files = text_of(body), files_of(attach)
    with opened() as core:
        if template is not None:
            start = core.reply_template(template, number, language, by=by)
            text = start if text is None else f"{start.rstrip()}\n\n{text}"
        author, registered = who(core, customer, identities, by, id_, name if identities else None, language)
        done = core.comment(
            number, by=by, direction=direction, body=text, channel=channel, author=author, author_name=name,
            attachments=files, language=language, **options,
        )  # fmt: skip
    tell(done, f"has comment {done.version}", json=json, comment=done.version, author=author, registered=registered)


def assign(
    number: Number,
    team: Annotated[str | None, typer.Option(help="The team.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent.")] = None,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Make a team, an agent or both responsible; both are the whole new value."""
    change(number, "assign", "was assigned", command_id, as_, json, team_id=team, agent_id=agent)


def prioritise(
    number: Number,
    priority: Annotated[Priority | None, typer.Option(help="By hand.")] = None,
    impact: Annotated[Level | None, typer.Option(help="For the matrix.")] = None,
    urgency: Annotated[Level | None, typer.Option(help="For the matrix.")] = None,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Set the priority, by hand or by the matrix from impact and urgency."""
    values = {"priority": priority, "impact": impact, "urgency": urgency}
    change(number, "prioritise", "was prioritised", command_id, as_, json, **values)


def classify(
    number: Number,
    category: Annotated[str | None, typer.Option(help="The category.")] = None,
    subcategory: Annotated[str | None, typer.Option(help="The subcategory.")] = None,
    tag: TagOption = None,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Set category, subcategory and tags; each is the whole new value."""
    values = {"category": category, "subcategory": subcategory, "tags": tuple(tag or ())}
    change(number, "classify", "was classified", command_id, as_, json, **values)


def merge(
    number: Number,
    into: Annotated[str, typer.Option(help="The ticket that goes on for both.")],
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """End a ticket in another, which goes on for both."""
    change(number, "merge", f"was merged into {into}", command_id, as_, json, into=into)


def requester(
    number: Number,
    customer: Annotated[str, typer.Option(help="Number of the customer whose ticket it is.")],
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Give a ticket to another customer."""
    change(number, "change_requester", f"is {customer}'s", command_id, as_, json, requester=customer)


def _plain(name: str, method: str, what: str, text: str) -> Callable[..., None]:
    """Return a command that takes nothing but a ticket."""

    def command(
        number: Number, command_id: CommandIdOption = None, as_: AsOption = None, json: JsonOption = False
    ) -> None:
        change(number, method, what, command_id, as_, json)

    command.__name__, command.__doc__ = name, text
    return command


def _with_reason(name: str, method: str, what: str, text: str) -> Callable[..., None]:
    def command(
        number: Number,
        reason: ReasonOption = None,
        command_id: CommandIdOption = None,
        as_: AsOption = None,
        json: JsonOption = False,
    ) -> None:
        change(number, method, what, command_id, as_, json, reason=reason)

    command.__name__, command.__doc__ = name, text
    return command


def _with_resolution(name: str, method: str, what: str, text: str) -> Callable[..., None]:
    def command(
        number: Number,
        resolution: Annotated[str | None, typer.Option(help="How it was answered, a name of the host's own.")] = None,
        command_id: CommandIdOption = None,
        as_: AsOption = None,
        json: JsonOption = False,
    ) -> None:
        change(number, method, what, command_id, as_, json, resolution=resolution)

    command.__name__, command.__doc__ = name, text
    return command


commands: list[Callable[..., None]] = [
    open_,
    comment,
    assign,
    _plain("unassign", "unassign", "is nobody's now", "Leave nobody responsible."),
    classify,
    prioritise,
    requester,
    _with_reason("pend", "pend", "waits for the customer", "Wait for the customer."),
    _with_reason("hold", "hold", "is on hold", "Wait for somebody other than the customer."),
    _plain("resume", "resume", "is open again", "Go on with a waiting ticket."),
    _with_resolution("solve", "solve", "is solved", "Say that the inquiry is answered."),
    _with_resolution("close", "close_ticket", "is closed", "End a solved ticket."),
    _with_reason("reopen", "reopen", "is open again", "Say that the solution did not hold."),
    merge,
    _plain("unmerge", "unmerge", "stands alone again", "Undo the merge that a ticket ended in."),
]
"""What is added to ``ticketcore ticket``."""
