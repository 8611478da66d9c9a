"""``ticketcore keys``: the key-encryption keys."""

from __future__ import annotations

from typing import Annotated

import typer

from ticketcore import setup
from ticketcore.domain.types import Role
from ticketcore.permissions import Action, Facts, check
from workers.cli.common import AsOption, JsonOption, actor, existing, settings
from workers.cli.output import print_json, say

app = typer.Typer(
    help="The key-encryption keys: make, rotate, retire; the files of the keys: scrub.", no_args_is_help=True
)


@app.command()
def init() -> None:
    """Make a key file; refuses where one is. Back it up: without it nothing personal can be read again."""
    path = setup.create_keys(settings())
    say(f"Made {path}. Back it up apart from the data base.")


@app.command()
def status(as_: AsOption = None, json: JsonOption = False) -> None:
    """Say how many keys are wrapped by which key-encryption key."""
    _ask(as_)
    counts, active = setup.key_status(setup.resolve(existing()))
    if json:
        print_json({"active": active, "wrapped": counts})
        return
    say(f"active: {active}")
    for key_id, count in sorted(counts.items()):
        say(f"{key_id}: {count:,} wrapped keys")


@app.command()
def rotate(as_: AsOption = None) -> None:
    """Add a new active key and wrap every person's key with it; can be repeated after any interruption."""
    _ask(as_)
    new, count = setup.rotate_keys(setup.resolve(existing()))
    say(f"{new} is active, {count:,} keys were wrapped anew. Retire the old one: ticketcore keys retire ID")


@app.command()
def retire(
    key_id: Annotated[str, typer.Argument(help="The key's id, see `ticketcore keys status`.")], as_: AsOption = None
) -> None:
    """Remove a key from the file once nothing is wrapped by it."""
    _ask(as_)
    setup.retire_key(setup.resolve(existing()), key_id)
    say(f"{key_id} is gone from the key file.")


@app.command()
def scrub(as_: AsOption = None, json: JsonOption = False) -> None:
    """Rewrite the key tables' files, so that destroyed keys are not in them any more; keys can't be used meanwhile."""
    _ask(as_)
    gone = setup.scrub_keys(setup.resolve(existing()))
    if json:
        print_json({"scrubbed": True, "checkpointed": gone})
        return
    say("The key tables' files hold no destroyed key any more.")
    if not gone:
        say("The old files go with the server's next checkpoint: this role may not ask for one.")
    say("WAL, replicas and backups of the key store may: see docs/privacy.md.")


def _ask(as_: str | None) -> None:
    check(actor(as_, Role.OPERATOR), Action.MANAGE_KEYS, Facts("the keys"))


groups = {"keys": app}
