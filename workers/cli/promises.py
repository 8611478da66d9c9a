"""``ticketcore sla``: what was promised, looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ticketcore.domain.types import Role
from ticketcore.errors import InvalidCommand
from ticketcore.permissions import Action, Facts, check
from ticketcore.policy.outcomes import Outcome
from ticketcore.policy.source import check_policy
from ticketcore.policy.what_if import what_if
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.looking_back import counting, none_found, period, what_was_read
from workers.cli.output import print_json, say, table
from workers.cli.policy_files import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ticketcore.policy.what_if import Group, WhatIf

__all__ = ["groups"]

app = typer.Typer(help="Service levels: what other promises would have come to.", no_args_is_help=True, add_completion=False)  # fmt: skip
groups = {"sla": app}
_COUNTS = ("kept", "broken", "running", "withdrawn", "not reported")


@app.callback()
def _root() -> None:
    """Service levels: what other promises would have come to."""


@app.command("what-if")
def what_if_(
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="FILE", help="YAML; - for standard input; `default` for the one that ships."),
    ],
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Tickets opened at or after.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Tickets opened before.")] = None,
    zone: Annotated[str, typer.Option(help="IANA zone of times without offset.")] = "UTC",
    limit: Annotated[int, typer.Option(min=0, help="At most so many changed tickets are listed.")] = 10,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Work out what a document's promises would have come to for past tickets, beside what is recorded. Changes nothing."""  # fmt: skip
    document = check_policy(text_of(policy), policy)
    if not document.sla:
        raise InvalidCommand(
            "look back", "--policy", policy, "a policy with a section `sla`", "add the promises to be tried"
        )
    since, until = period(from_, to, zone, "look back")
    with opened() as core:
        check(actor(as_, Role.ANALYST), Action.REPORT, Facts("the promises of all tickets"))
        with counting("tickets", quiet=quiet or json) as progress:
            found = what_if(core, document, since=since, until=until, progress=progress)
    if not found.tickets and not found.unreadable:
        raise none_found(since, until)
    if json:
        print_json(_as_json(found, limit))
    else:
        _print(found, limit)


def _print(found: WhatIf, limit: int) -> None:
    what_was_read(found)
    rows = [row for group in found.groups for row in _rows(group)]
    table(
        "Promises, by tickets",
        ("target", "priority", "", *_COUNTS, "no promise", "attained"),
        rows,
        numbers=(*_COUNTS, "no promise", "attained"),
    )
    if not found.changes:
        say("No ticket's promise would have come to another end.")
        return
    counts = {would: sum(one.would is would for one in found.changes) for would in (Outcome.KEPT, Outcome.BROKEN)}
    say(f"{counts[Outcome.BROKEN]:,} kept ones would have been broken, {counts[Outcome.KEPT]:,} broken ones kept.")
    if limit:
        table(
            f"The first {min(limit, len(found.changes))} of them",
            ("ticket", "target", "priority", "was", "would be", "rule", "due", "ended"),
            ((one.number, one.target, one.priority, _word(one.was), _word(one.would), one.rule, one.due_at, one.ended_at)
             for one in found.changes[:limit]),
        )  # fmt: skip


def _rows(group: Group) -> Iterator[tuple[object, ...]]:
    for name, counts, attained in (
        ("as it was", group.was, group.was_attained),
        ("what if", group.would, group.would_attain),
    ):
        if not counts.keys() - {Outcome.NONE}:
            continue
        share = None if attained is None else f"{attained:.1%}"
        outcomes = (
            Outcome.KEPT,
            Outcome.BROKEN,
            Outcome.RUNNING,
            Outcome.WITHDRAWN,
            Outcome.NOT_REPORTED,
            Outcome.NONE,
        )
        yield group.target, group.priority or "not set", name, *(_count(counts, one) for one in outcomes), share


def _count(counts: Mapping[Outcome, int], outcome: Outcome) -> str | None:
    return f"{counts[outcome]:,}" if outcome in counts else None


def _word(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def _as_json(found: WhatIf, limit: int) -> dict[str, Any]:
    groups_ = [
        {**group._asdict(), "was_attained": group.was_attained, "would_attain": group.would_attain}
        for group in found.groups
    ]
    changed = {
        would.value: sum(one.would is would for one in found.changes) for would in (Outcome.KEPT, Outcome.BROKEN)
    }
    return {**found._asdict(), "groups": groups_, "changed": changed, "changes": found.changes[:limit]}
