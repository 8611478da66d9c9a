"""``ticketcore db``: the embedded server and the migrations."""

from __future__ import annotations

from typing import Annotated

import typer

from ticketcore.embedded import EmbeddedPostgres
from ticketcore.errors import InvalidCommand
from ticketcore.setup import Work, migrate_all, pending_all, resolve
from workers.cli.common import JsonOption, existing, settings
from workers.cli.output import print_json, say

app = typer.Typer(
    help="The embedded PostgreSQL, and the migrations of any.", no_args_is_help=True, add_completion=False
)


@app.command()
def start() -> None:
    """Start the embedded PostgreSQL in ./.ticketcore (or TICKETCORE_HOME); it outlives this command."""
    dsn = EmbeddedPostgres(settings().home).start()
    say(f"The embedded PostgreSQL runs: {dsn}")


@app.command()
def stop() -> None:
    """Stop the embedded PostgreSQL."""
    stopped = EmbeddedPostgres(settings().home).stop()
    say("Stopped." if stopped else "It did not run.")


@app.command()
def status(json: JsonOption = False) -> None:
    """Say what runs, and which migrations are missing."""
    given = settings()
    found = EmbeddedPostgres(given.home).status() if given.dsn is None else None
    running = found is None or found.running
    missing = pending_all(resolve(given)) if running else []
    if json:
        print_json({"embedded": found and vars(found), "pending": missing})
    else:
        if found is not None:
            say(
                f"embedded PostgreSQL {found.version}, process {found.pid}: {found.dsn}"
                if found.running
                else f"no embedded PostgreSQL runs in {found.home} (start it: ticketcore db start)"
            )
        if running:
            say(
                f"missing migrations: {', '.join(missing)} (apply them: ticketcore db migrate)"
                if missing
                else "missing migrations: none"
            )
    raise typer.Exit(0 if running and not missing else 3)


@app.command()
def migrate(json: JsonOption = False) -> None:
    """Bring the schemas of all three stores up to date; repeating it changes nothing."""
    done = migrate_all(resolve(settings(), start=True))
    if json:
        print_json({"applied": done})
    else:
        say("\n".join(f"applied {name}" for name in done) or "nothing to do")


@app.command()
def grant(
    role: str,
    read_only: Annotated[bool, typer.Option("--read-only", help="An analyst's: the read models alone.")] = False,
    relay: Annotated[
        bool, typer.Option("--relay", help="A relay's: read the log, move the relays' positions.")
    ] = False,
    projector: Annotated[bool, typer.Option("--projector", help="A projector's: read the log.")] = False,
) -> None:
    """Give a PostgreSQL role what a service needs: append, read, never change; or what another work needs."""
    from ticketcore.setup import grant as give

    wanted: dict[Work, bool] = {"analyst": read_only, "relay": relay, "projector": projector}
    works: list[Work] = [work for work, asked in wanted.items() if asked] or ["service"]
    if len(works) > 1:
        raise InvalidCommand("grant", "the work", " and ".join(works), "one", "make a role for each")
    give(resolve(existing()), role, work=works[0])
    say(f"{role} may {_MAY[works[0]]} now.")


_MAY: dict[Work, str] = {
    "service": "append and read",
    "analyst": "read the read models",
    "relay": "relay the log",
    "projector": "read the log",
}

groups = {"db": app}
