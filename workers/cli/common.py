"""What the commands share: settings, the opened core, who asks, times and zones."""

from __future__ import annotations

import getpass
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from ticketcore.app import TicketCore
from ticketcore.domain.types import Actor, Assurance, Role
from ticketcore.errors import InvalidCommand, StoreUnavailable
from ticketcore.settings import Settings
from workers.cli.output import cell, console, plain, print_json, table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AsOption", "JsonOption", "actor", "cell", "console", "existing", "opened", "parse_time", "parse_zone", "plain", "print_json",
    "settings", "table",
]  # fmt: skip

AsOption = Annotated[
    str | None,
    typer.Option("--as", metavar="ROLE:ID", help="In whose name; by default the role that the command needs."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def settings() -> Settings:
    """Return the settings of the environment.

    Raises:
        ConfigurationError: a variable has a value that can't be taken.
    """
    return Settings()


def existing() -> Settings:
    """Return the settings of the environment, where their data base was made before: asking makes none by accident.

    Raises:
        StoreUnavailable: the embedded server is meant, and its folder holds no data.
    """
    given = settings()
    if given.dsn is None and not (given.home / "pgdata").exists():
        raise StoreUnavailable(
            f"no data base in {given.home.absolute()} (go to the folder that has it, name it by TICKETCORE_HOME, or make"
            " one: ticketcore demo; or, empty: ticketcore db migrate, then ticketcore keys init)"
        )
    return given


@contextmanager
def opened() -> Iterator[TicketCore]:
    """Open the core that the environment names and close it afterwards."""
    core = TicketCore.open(existing())
    try:
        yield core
    finally:
        core.close()


def actor(given: str | None, default: Role) -> Actor:
    """Return who asks: ``ROLE:ID`` as given, else the system's user in the *default* role."""
    if given is None:
        return Actor(role=default, id=f"cli-{_user()}", assurance=Assurance.LOGGED_IN)
    role, colon, id_ = given.partition(":")
    if not colon or not id_ or role not in set(Role):
        raise InvalidCommand("act", "--as", given, f"ROLE:ID with a role of {', '.join(Role)}", "as in agent:ana")
    return Actor(role=Role(role), id=id_, assurance=Assurance.LOGGED_IN)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def parse_time(text: str | None, option: str, zone: ZoneInfo | None = None) -> datetime | None:
    """Return an aware time from ISO 8601 text; one without offset is taken in *zone*, UTC by default."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidCommand(
            "read a time", option, text, "ISO 8601", "as in 2026-05-01T12:00:00Z or 2026-05-01 14:00:00+02:00"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=zone or UTC)


def parse_zone(name: str) -> ZoneInfo:
    """Return an IANA zone by name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidCommand(
            "use a zone", "--zone", name, "an IANA zone", "as in Europe/Berlin; see the tz database"
        ) from None
