"""``ticketcore policy dry-run``: what a policy would have decided about past tickets, beside what was done."""

from __future__ import annotations

import csv as csv_files
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ticketcore.domain.types import Role
from ticketcore.permissions import Action, Facts, check
from ticketcore.policy.beside import ASPECTS, differs
from ticketcore.policy.dry_run import dry_run
from ticketcore.policy.schedule import Schedule
from ticketcore.policy.shipped import default_policy
from ticketcore.policy.source import check_policy, load_policy
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.looking_back import counting, none_found, period
from workers.cli.output import print_json, say
from workers.cli.policy_dry_run_tables import print_dry_run
from workers.cli.policy_files import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ticketcore.app import TicketCore
    from ticketcore.domain.types import Actor
    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.dry_run import Judged

__all__ = ["dry_run_command"]

_DOING = "dry-run a policy"


def dry_run_command(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="YAML; - for standard input; `default` for the one that ships; else the one in force.",
        ),
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Tickets opened at or after.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Tickets opened before.")] = None,
    zone: Annotated[str, typer.Option(help="IANA zone of times without offset.")] = "UTC",
    limit: Annotated[int, typer.Option(min=0, help="At most so many groups of each difference; --json has all.")] = 5,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write one row a ticket.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a policy would have classified, prioritised, routed and broken, beside what was done. Changes nothing."""
    since, until = period(from_, to, zone, "dry-run a policy")
    document = None if file is None else check_policy(text_of(file), file)
    by = actor(as_, Role.AUDITOR)
    with opened() as core:
        check(by, Action.REPORT, Facts("what became of all tickets"))
        source = "the one that ships" if file == "default" else file
        if document is None:
            document, source = _in_force(core, by)
        with _rows(csv) as write, counting("tickets", quiet=quiet or json) as progress:
            found = dry_run(core, document, since=since, until=until, progress=progress, on_ticket=write)
    if not found.tickets and not found.unreadable:
        raise none_found(since, until)
    if json:
        print_json({"source": source, **found._asdict()})
        return
    print_dry_run(found, str(source), limit)
    if csv is not None:
        say(f"Every ticket is in {csv}.")


def _in_force(core: TicketCore, by: Actor) -> tuple[PolicyDocument, str]:
    """Return the policy in force and its name; the one that ships where there is none."""
    adopted = Schedule.of(core.policies(by=by)).in_force(datetime.now(UTC))
    if adopted is None:
        return load_policy(default_policy()), "the one that ships: none is in force"
    return adopted.document, f"version {adopted.version}, in force"


@contextmanager
def _rows(path: Path | None) -> Iterator[Callable[[Judged], None]]:
    """Open a file of comma-separated values; gives what writes a ticket into it, or nothing where there is no file."""
    if path is None:
        yield lambda _: None
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv_files.writer(file, lineterminator="\n")
        head: list[str] = []

        def write(one: Judged) -> None:
            row = _row(one)
            if not head:
                head.extend(row)
                writer.writerow(head)
            writer.writerow(row.values())

        yield write


def _row(one: Judged) -> dict[str, Any]:
    sides: dict[str, Any] = {"company": one.company, "policy": one.policy, "rule": one.rules}
    return {
        **{name: getattr(one, name) for name in ("number", "external")},
        "opened_at": one.opened_at.isoformat(),
        **{name: getattr(one, name) for name in ("status", "replies", "told")},
        **{f"{side}_{name}": value for side, values in sides.items() for name, value in values._asdict().items()},
        "differs": " ".join(name for name in ASPECTS if differs(name, getattr(one.company, name), getattr(one.policy, name))),
    }  # fmt: skip
