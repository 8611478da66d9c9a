"""``ticketcore customer``: who a customer is, and what changes that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import Assurance, IdentityKind, Role
from ticketcore.errors import InvalidCommand
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.entry import CommandIdOption, IdentityOptions, change, command_id_of, identities_of, tell
from workers.cli.output import cell, console, fact, facts, print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from ticketcore.customer_view import CustomerView

__all__ = ["commands"]

Number = Annotated[str, typer.Argument(help="A customer's number (C-2026-000007-0).")]
AssuranceOption = Annotated[Assurance, typer.Option(help="How sure the identity is.")]


def show(number: Number, as_: AsOption = None, json: JsonOption = False) -> None:
    """Show who a customer is: name, language, organisation, identities, merged records."""
    with opened() as core:
        view = core.show_customer(number, by=actor(as_, Role.AGENT))
    if json:
        print_json(view)
    else:
        _print(view)


def register(
    name: Annotated[str | None, typer.Option(help="What the customer is called.")] = None,
    language: Annotated[str | None, typer.Option(help="Language, as in de or en-GB.")] = None,
    organisation: Annotated[
        str | None, typer.Option(help="Number of the organisation, or a name of the host's.")
    ] = None,
    mail: IdentityOptions.Mail = None,
    phone: IdentityOptions.Phone = None,
    contract: IdentityOptions.Contract = None,
    chat: IdentityOptions.Chat = None,
    login: IdentityOptions.Login = None,
    assurance: AssuranceOption = Assurance.UNVERIFIED,
    external: Annotated[str | None, typer.Option(help="The number in another system.")] = None,
    domain: Annotated[str | None, typer.Option(help="Of an organisation: the mail domain of its people.")] = None,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Make a person or an organisation known."""
    by, id_ = actor(as_, Role.AGENT), command_id_of(command_id, "register a customer")
    identities = identities_of(assurance, mail=mail, phone=phone, contract=contract, chat=chat, login=login)
    with opened() as core:
        done = core.register_customer(
            by=by, name=name, language=language, organisation_id=organisation, external=external,
            identities=identities, command_id=id_,
        )  # fmt: skip
        if domain is not None:
            core.add_domain(done.number, domain=domain, by=by)
    tell(done, "is registered", json=json)


def describe(
    number: Number,
    name: Annotated[str | None, typer.Option(help="What the customer is called now.")] = None,
    language: Annotated[str | None, typer.Option(help="Language, as in de or en-GB.")] = None,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Change what a customer is called, or the language; what is not given stays."""
    change(number, "describe_customer", "is described", command_id, as_, json, name=name, language=language)


def identify(
    number: Number,
    kind: IdentityKind,
    value: str,
    assurance: AssuranceOption = Assurance.UNVERIFIED,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away instead.")] = False,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Give a customer an identity (an address, a phone or contract number, ...), or take it away."""
    if not remove:
        values = {"kind": kind, "value": value, "assurance": assurance}
        change(number, "identify", "is identified", command_id, as_, json, **values)
        return
    identity = Identity(kind=kind, value=value)
    with opened() as core:
        known = core.show_customer(number, by=actor(as_, Role.AGENT)).identities
    found = next((one.id for one in known if (one.kind, one.value) == (identity.kind, identity.value)), None)
    if found is None:
        what = f"remove an identity of {number}"
        remedy = "see `customer show`; what a merged record holds is removed there"
        raise InvalidCommand(what, kind.value, "another's or nobody's", "an identity that it has", remedy)
    change(number, "remove_identity", "has it no more", command_id, as_, json, identity=found)


def domain(
    number: Number,
    domain: Annotated[str, typer.Argument(help="A mail domain (example.org).")],
    remove: Annotated[bool, typer.Option("--remove", help="Take it away instead; members stay.")] = False,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Give an organisation a mail domain: who becomes known with a verified address under it is a member."""
    if not remove:
        change(number, "add_domain", "has the domain", command_id, as_, json, domain=domain)
        return
    name = domain.strip().removeprefix("@").lower()
    with opened() as core:
        known = core.show_customer(number, by=actor(as_, Role.AGENT)).domains
    found = next((at for at, one in known.items() if one == name), None)
    if found is None:
        has = ", ".join(one for one in known.values() if one) or "none"
        raise InvalidCommand(
            f"remove a mail domain of {number}", "domain", domain, f"one that it has ({has})", "see it"
        )
    change(number, "remove_domain", "has it no more", command_id, as_, json, added=found)


def move(
    number: Number,
    organisation: Annotated[
        str | None, typer.Option(help="Number of the organisation, or a name of the host's.")
    ] = None,
    nowhere: Annotated[bool, typer.Option("--none", help="To no organisation.")] = False,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let a customer belong to another organisation, or to none."""
    if (organisation is None) != nowhere:
        what, remedy = f"move {number}", "give --organisation or --none"
        raise InvalidCommand(what, "--organisation", organisation, "an organisation or --none", remedy)
    change(number, "move_to_organisation", "is moved", command_id, as_, json, organisation_id=organisation)


def members(
    organisation: Annotated[str, typer.Argument(help="Number of an organisation, or the host's name of it.")],
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List who belongs to an organisation, oldest first."""
    with opened() as core:
        found = core.members(organisation, by=actor(as_, Role.AGENT))
    if json:
        print_json(list(found))
        return
    for one in found:
        say(one)


def merge(
    number: Number,
    into: Annotated[str, typer.Option(help="The record that stands for both.")],
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say that two records are one person; can be undone."""
    change(number, "merge_customers", f"is {into} too", command_id, as_, json, into=into)


def unmerge(number: Number, command_id: CommandIdOption = None, as_: AsOption = None, json: JsonOption = False) -> None:
    """Undo the merge that a record ended in: each has its own identities and tickets again."""
    change(number, "unmerge_customers", "stands alone again", command_id, as_, json)


def _print(view: CustomerView) -> None:
    console.print(f"[bold]{view.number}[/bold]  {escape(view.name or '(no name)')}")
    facts({
        "language": view.language,
        "organisation": view.organisation,
        "external number": view.external,
        "mail domains": ", ".join(one for one in view.domains.values() if one),
        "registered": f"{cell(view.registered_at)} UTC",
        "merged into": view.merged_into,
        "stands for": ", ".join(view.absorbed),
        "forgotten": "yes" if view.forgotten else None,
    })  # fmt: skip
    for identity in view.identities:
        fact(identity.kind.value, f"{identity.value or '[unreadable]'} ({identity.assurance.value})")


commands: list[Callable[..., None]] = [
    show, register, describe, identify, domain, move, members, merge, unmerge,
]  # fmt: skip
"""What is added to ``ticketcore customer``."""
