"""``ticketcore intake``: mails in, and what became of every message that came in."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

from ticketcore.domain.types import Role
from ticketcore.errors import InvalidCommand, StoreUnavailable, TicketCoreError
from ticketcore.intake.mailbox import mails_in, size_of
from ticketcore.intake.rules import Rules
from ticketcore.intake.service import Intake
from workers.cli.app import print_error
from workers.cli.common import AsOption, JsonOption, actor, opened, parse_time
from workers.cli.output import console, print_json, progress_bar, say, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketcore.app import TicketCore
    from ticketcore.intake.explain import Explanation
    from ticketcore.intake.saga import Taken

__all__ = ["groups"]

app = typer.Typer(help="What customers send, and what became of it.", no_args_is_help=True, add_completion=False)
groups = {"intake": app}
TEMPORARY = 75
"""EX_TEMPFAIL of sysexits.h: a mail server that pipes mails keeps the mail and tries again."""
SOME_FAILED = 10

RulesOption = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="Rules in TOML; else those that TICKETCORE_INTAKE_RULES names."),
]
Message = Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's number, M-...")]


@contextmanager
def _intake(rules: Path | None = None, *, unlimited: bool = False) -> Iterator[Intake]:
    with opened() as core:
        yield Intake(core, _rules(core, rules, unlimited=unlimited))


def _rules(core: TicketCore, path: Path | None, *, unlimited: bool = False) -> Rules:
    rules = Rules.load(path or core.settings.intake_rules)
    return rules.model_copy(update={"new_tickets_per_window": 0}) if unlimited else rules


@app.command()
def mail(
    recipient: Annotated[
        list[str] | None, typer.Option("--recipient", metavar="ADDRESS", help="Of the envelope; may be repeated.")
    ] = None,
    peer_ip: Annotated[str | None, typer.Option("--peer-ip", metavar="IP", help="The machine that brought it.")] = None,
    rules: RulesOption = None,
    json: JsonOption = False,
) -> None:
    """Take one mail from standard input. Where it can't be recorded it ends with 75: a mail server that pipes tries again."""
    raw = sys.stdin.buffer.read()
    if not raw.strip():
        raise InvalidCommand("receive a mail", "standard input", "empty", "a mail", "pipe one in: < message.eml")
    try:
        with _intake(rules) as intake:
            taken = intake.receive_mail(raw, recipients=recipient or (), peer_ip=peer_ip)
    except Exception as error:  # noqa: BLE001 whatever hinders: any other code, and the mail server would give the mail up
        if isinstance(error, TicketCoreError):
            print_error(error.code, str(error))
        else:  # whose text may hold what somebody wrote
            print_error("error", f"the mail was not recorded: {type(error).__name__} (come again)")
        raise typer.Exit(TEMPORARY) from None
    _say(taken, json=json)


@app.command()
def mbox(
    file: Annotated[Path, typer.Argument(help="An mbox file, or a Maildir folder.")],
    rules: RulesOption = None,
    no_limit: Annotated[
        bool, typer.Option("--no-limit", help="Any number of new tickets of one sender: for archives.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    json: JsonOption = False,
) -> None:
    """Take all mails of a mailbox, which stays as it is. Killed or stopped, the same command goes on; nothing doubles."""
    counts: Counter[str] = Counter()
    failed: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with _intake(rules, unlimited=no_limit) as intake, progress_bar(*columns, quiet=quiet or json) as bar:
        for taken in intake.sweep():
            counts[f"finished: {taken.outcome.value}"] += 1
        task = bar.add_task(file.name, total=size_of(file) if file.exists() else None)
        for boxed in mails_in(file):
            try:
                taken = intake.receive_mail(boxed.raw)
            except StoreUnavailable:
                raise
            except TicketCoreError as error:  # one mail must not stop the others
                failed.append(f"{boxed.where}: {error}")
                continue
            finally:
                bar.update(task, completed=boxed.read)
            counts["mails"] += 1
            counts["there before" if taken.repeated else taken.outcome.value] += 1
    if json:
        print_json({"counts": dict(counts), "failed": failed})
    else:
        table("Taken", ("what", "count"), sorted(counts.items()), numbers=("count",))
        for line in failed:
            print(f"ticketcore: {line}", file=sys.stderr)
    if failed:
        raise typer.Exit(SOME_FAILED)


@app.command()
def explain(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Of a message (M-...) or a ticket (T-...).")],
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say why a message, or every message of a ticket, went where it is. What it says is not shown."""
    by = actor(as_, Role.AUDITOR)
    with _intake() as intake:
        found = intake.explain(number, by=by)
    if json:
        print_json(found)
        return
    if not found:
        say(f"No message of {number} came in by the intake.")
    for one in found:
        _show(one)


@app.command()
def replay(
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Messages received at or after this time, ISO 8601.")
    ],
    rules: RulesOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say which messages other rules would decide otherwise, by what was known then. Nothing is changed."""
    by, time = actor(as_, Role.AUDITOR), parse_time(since, "--since")
    assert time is not None  # noqa: S101 -- the option has no default
    with opened() as core:
        other = _rules(core, rules)
        found = list(Intake(core, other).replay(time, other, by=by))
    if json:
        print_json(found)
        return
    columns = ("message", "received", "was", "reason", "ticket", "would be", "reason now", "ticket now", "rule now")
    rows = (
        (d.number, d.received_at, d.recorded[0], d.recorded[1], d.recorded[2], d.now[0], d.now[1], d.now[2], d.now[3])
        for d in found
    )
    table("Decided otherwise", columns, rows)


@app.command()
def held(as_: AsOption = None, json: JsonOption = False) -> None:
    """List the messages that wait for a person, the longest waiting first."""
    by = actor(as_, Role.AGENT)
    with _intake() as intake:
        found = intake.held(by=by)
    if json:
        print_json(found)
        return
    columns = ("message", "received", "channel", "reason", "customer", "sender", "subject", "bytes")
    table("Held", columns, found, numbers=("bytes",))


@app.command()
def release(
    message: Message,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TICKET", help="Into this ticket; a new one without.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="NUMBER", help="Who sent it, where that is not clear.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Kept in clear.")] = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let a message that waits, or was ignored, become a ticket, or a message of a ticket."""
    by = actor(as_, Role.AGENT)
    with _intake() as intake:
        _say(intake.release(message, to=to, customer=customer, reason=reason, by=by), json=json)


@app.command()
def reject(
    message: Message,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept in clear.")],
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Let a message that waits go to no ticket; it stays recorded."""
    by = actor(as_, Role.AGENT)
    with _intake() as intake:
        _say(intake.reject(message, reason=reason, by=by), json=json)


@app.command()
def sweep(
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1_000,
    rules: RulesOption = None,
    json: JsonOption = False,
) -> None:
    """Bring to their ends the messages that a crash left on their way."""
    with _intake(rules) as intake:
        found = intake.sweep(limit)
    if json:
        print_json(found)
        return
    table(
        "Finished",
        ("message", "outcome", "reason", "ticket"),
        ((t.number, t.outcome.value, t.reason, t.ticket) for t in found),
    )


def _say(taken: Taken, *, json: bool) -> None:
    if json:
        print_json(taken)
    else:
        say(_told(taken))


def _told(taken: Taken) -> str:
    parts = [taken.number, taken.outcome.value]
    parts += [f"({taken.reason})"] if taken.reason else []
    parts += [taken.ticket] if taken.ticket else []
    return " ".join([*parts, *(["(received before)"] if taken.repeated else [])])


def _show(one: Explanation) -> None:
    where = f"in {one.ticket}, event {one.ticket_version}" if one.ticket else "in no ticket"
    sender = f"{one.customer or 'nobody known'} ({one.assurance})"
    console.print(one.number, style="bold", markup=False, highlight=False)
    signs = f" by {', '.join(one.signs)}" if one.signs else ""
    say(
        f"  {one.received_at:%Y-%m-%d %H:%M:%S} by {one.channel}, from {sender}, {one.automatic}{signs}, {one.size:,} bytes; {where}"
    )
    for decision in one.decisions:
        reason = f" ({decision.reason})" if decision.reason else ""
        target = f" {decision.ticket}" if decision.ticket else ""
        say(
            f"  {decision.outcome}{reason}{target}: rule {decision.rule}, rules {decision.rules_version}, {decision.by}"
        )
        for evidence in decision.evidence:
            say(f"    for: {evidence}")
        for ticket, rule, why in decision.rejected:
            say(f"    not {ticket} by {rule}: {why}")
