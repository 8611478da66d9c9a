"""``ticketcore policy dead-letters``: tickets for which policies do nothing more, and trying them again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ticketcore.domain.types import Role
from ticketcore.errors import NotFound
from ticketcore.ids import aggregate_id, number_of, parse_number
from ticketcore.permissions import Action, Facts, check
from ticketcore.policy.store_postgres import PostgresPolicyStore
from ticketcore.setup import resolve
from workers.cli.common import AsOption, JsonOption, actor, existing
from workers.cli.output import print_json, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.policy.store import Letter

__all__ = ["app"]

app = typer.Typer(help="Tickets that policies gave up.", no_args_is_help=True, add_completion=False)
_COLUMNS = ("ticket", "version", "policy", "since", "tried_last", "tries", "retried_by", "rules", "error")


@app.command("list")
def list_(as_: AsOption = None, json: JsonOption = False) -> None:
    """List them, the one that failed longest ago first."""
    check(actor(as_, Role.OPERATOR), Action.SHOW_POLICIES, Facts("what policies gave up"))
    found = [_row(letter) for letter in _letters()]
    if json:
        print_json(found)
        return
    names = [name for name in _COLUMNS if name not in {"version", "retried_by"}]
    table("Tickets that policies gave up", [name.replace("_", " ") for name in names],
          ([_cell(row[name]) for name in names] for row in found))  # fmt: skip


@app.command()
def show(
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="The ticket's number.")],
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Show one: the policy, the rules that decided last, what went wrong, what can be done."""
    check(actor(as_, Role.OPERATOR), Action.SHOW_POLICIES, Facts("what policies gave up"))
    [letter] = _named(_letters(), [ticket])
    row = _row(letter)
    row["remedy"] = (
        "mend the rules and `ticketcore policy adopt` them, or upgrade ticketcore, or do something on the ticket; then"
        f" `ticketcore policy dead-letters retry {row['ticket']}`; `ticketcore policy explain {row['ticket']}` says what"
        " was decided before"
    )
    if json:
        print_json(row)
        return
    table("Dead letter", ("what", "value"), ((name.replace("_", " "), _cell(value)) for name, value in row.items()))


@app.command()
def retry(
    tickets: Annotated[list[str] | None, typer.Argument(metavar="TICKET...", help="All without a number.")] = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let a worker look at them again at once; who asked is kept. What fails again stays."""
    by = actor(as_, Role.OPERATOR)
    check(by, Action.ADOPT_POLICY, Facts("a policy"))
    from workers.cli.working import opened_log

    with opened_log(resolve(existing())) as log:
        store = PostgresPolicyStore(log)
        letters = store.letters()
        chosen = _named(letters, tickets) if tickets else letters
        count = store.retry([one.ticket_id for one in chosen], datetime.now(UTC), f"{by.role}:{by.id}")
    if json:
        print_json({"retried": count, "tickets": [number_of(one.ticket_id) for one in chosen]})
    else:
        say(
            f"{count:,} tickets are due again: a policies' worker looks at them next"
            if count
            else "nothing to try again"
        )


def _letters() -> list[Letter]:
    from workers.cli.working import opened_log

    with opened_log(resolve(existing())) as log:
        return PostgresPolicyStore(log).letters()


def _named(letters: Sequence[Letter], tickets: Sequence[str]) -> list[Letter]:
    """Return those of *tickets*, whose numbers may be of any spelling.

    Raises:
        NotFound: one of them is none.
    """
    known = {one.ticket_id: one for one in letters}
    log = resolve(existing()).log_name
    found = []
    for ticket in tickets:
        id_ = aggregate_id(parse_number(ticket), log)
        if id_ not in known:
            raise NotFound("dead letter of ticket", ticket, "see `ticketcore policy dead-letters list`")
        found.append(known[id_])
    return found


def _row(letter: Letter) -> dict[str, Any]:
    return {
        "ticket": number_of(letter.ticket_id), "version": letter.version, "policy": letter.policy,
        "since": letter.since or letter.failed_at, "tried_last": letter.failed_at, "tries": letter.tries,
        "retried_by": letter.retried_by, "rules": list(letter.rules), "error": letter.error,
    }  # fmt: skip


def _cell(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
