"""``ticketcore demo``: the whole way of the data, on a synthetic sample or on a log of your own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from projections.report import report
from projections.report_query import rows
from ticketcore.app import TicketCore
from ticketcore.domain.types import Actor
from ticketcore.errors import InvalidCommand
from ticketcore.ids import number_of
from ticketcore.importing.importer import import_file
from ticketcore.policy.manager import PolicyManager
from ticketcore.policy.shipped import default_policy
from ticketcore.replay import Clock
from ticketcore.setup import create_keys, migrate_all, resolve
from ticketcore.store.codec import Codec
from workers.cli import customers, queue, tickets
from workers.cli.common import console, parse_zone, settings, table
from workers.cli.output import progress_bar
from workers.cli.report import page, read_models
from workers.cli.report_tables import print_report
from workers.demo_plan import make_plan
from workers.demo_sample import commands_of, play

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_SHOWN = 8
_PIPED_WIDTH = 140
_PICKS = {
    "customer": "SELECT requester_id AS id FROM performance.tickets WHERE requester_id IS NOT NULL GROUP BY 1"
    " ORDER BY count(DISTINCT channel) DESC, count(*) DESC, 1 LIMIT 1",
    "ticket": "SELECT number, first_solved_at AS at FROM performance.tickets WHERE first_solved_at IS NOT NULL"
    " ORDER BY reopens > 0 DESC, public_replies DESC, reopens DESC, number LIMIT 1",
    "figure": "SELECT count(*) FILTER (WHERE external IS NOT NULL AND team_changes <> stated_reassignments) > 0 AS differs"
    " FROM performance.tickets",
}


def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="Import this log instead of making a sample (the incident log, .csv or .csv.xz)."),
    ] = None,
    mapping: Annotated[str, typer.Option(help="Mapping of --data: a shipped one's name or a file.")] = "incident_log",
    zone: Annotated[str, typer.Option(help="IANA zone of the times in --data.")] = "UTC",
    html: Annotated[Path, typer.Option(help="Where the report is written as a page.")] = Path("ticketcore.report.html"),
    kafka: Annotated[bool, typer.Option("--kafka", help="Every event goes through a real Kafka.")] = False,
) -> None:
    """Go the whole way: start PostgreSQL, record, project, queue, history, replay, report. Repeating doubles nothing."""
    if data is not None and not data.is_file():
        raise InvalidCommand("import", "--data", str(data), "a file", "check the path")
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    steps = _Steps()
    try:
        _demo(steps, data, mapping, parse_zone(zone), html, kafka=kafka)
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing is lost or doubled: run the same command again, it goes on.")
        raise


def _demo(steps: _Steps, data: Path | None, mapping: str, zone: ZoneInfo, html: Path, *, kafka: bool) -> None:
    with steps("start PostgreSQL"):
        known = resolve(settings(), start=True)
    with steps("migrate"):
        migrate_all(known)
    with steps("make or find the key file"):
        if known.keys is None and known.key_file is not None and not known.key_file.exists():
            console.print(f"  made {create_keys(known)}: back it up, without it no text can be read", markup=False)
    with ExitStack() as stack:
        way = None
        if kafka:
            from workers.demo_kafka import through_kafka

            through = stack.enter_context(ExitStack())
            with steps("start Kafka, relays and projectors"):
                way = through.enter_context(through_kafka(known))
        core = stack.enter_context(TicketCore.open(settings()))
        before = core.log.head()
        with steps("adopt the default policy", "ticketcore policy adopt default"):
            _adopt(core)
        if data is None:
            with steps("record the sample"):
                _record_sample(core)
        else:
            with steps(f"import {data.name}"):
                _import(core, data, mapping, zone)
        with steps("follow the policy"):
            _follow(core)
        events = core.log.head() - before
        if way is not None:
            with steps("through Kafka"):
                way.wait(core.log.head())
                through.close()
        with steps("project"), console.status(f"projecting {core.log.head():,} events"):
            dsn = read_models(core)
        console.print(f"  {events:,} new events, {core.log.head():,} in the log; the read models hold them all")
        with steps("report"):
            made = report(dsn)
            html.parent.mkdir(parents=True, exist_ok=True)
            html.write_text(page(dsn, made), encoding="utf-8")
        picked = {name: rows(dsn, statement) for name, statement in _PICKS.items()}
    customer = number_of(picked["customer"][0]["id"]) if picked["customer"] else None
    ticket, at = (picked["ticket"][0]["number"], picked["ticket"][0]["at"]) if picked["ticket"] else (None, None)
    _show(steps, customer, ticket, at)
    print_report(made)
    table("What took how long", ("step", "seconds"), ((name, f"{seconds:.2f}") for name, seconds in steps.taken))
    differs = bool(picked["figure"] and picked["figure"][0]["differs"])
    _what_next(html, customer, ticket, at, "reassignments_differ_tickets" if differs else "reopenings")


def _adopt(core: TicketCore) -> None:
    """Put the default policy in force from the beginning, which only an empty log allows."""
    if core.log.head() == 0:
        core.adopt_policy(default_policy(), effective_at=_BEGINNING, note="demo", by=Actor.system("demo"))
    adopted = core.policies(by=Actor.system("demo"))
    if adopted:
        last = adopted[-1]
        console.print(f"  version {last.version} decides from {last.effective_at:%Y-%m-%d} on: ticketcore policy show")
    else:
        console.print(
            "  not done: this log has a past, and none is rewritten; by hand: ticketcore policy adopt default"
        )


def _follow(core: TicketCore) -> None:
    """Do what the policy in force wants done by now; imported tickets are another system's to act on."""
    with console.status("looking at tickets"):
        done = PolicyManager(core).catch_up()
    console.print(
        f"  {done.tickets:,} looks at tickets, {done.commands:,} commands recorded, {done.dead:,} dead letters"
    )


def _record_sample(core: TicketCore) -> None:
    plan = make_plan()
    with _progress("commands") as (bar, task):
        bar.update(task, total=commands_of(plan))
        played = play(core, plan, progress=lambda count: bar.advance(task, count))
    console.print(
        f"  {len(played.tickets):,} tickets of {len(played.persons):,} customers by {played.commands:,} commands"
        + (f"; {played.repeated:,} of them had been recorded before" if played.repeated else "")
    )


def _import(core: TicketCore, data: Path, mapping: str, zone: ZoneInfo) -> None:
    with _progress("bytes") as (bar, task):

        def progress(rows_read: int, bytes_read: int, size: int) -> None:
            bar.update(task, total=size, completed=bytes_read, description=f"{rows_read:,} rows; bytes")

        rejects = Path(f"{data.name}.rejects.csv")
        done = import_file(
            data, mapping, zone=zone, rejects=rejects, log=core.log, sealer=core.sealer,
            codec=Codec(), by=Actor.system("import"), progress=progress,
        )  # fmt: skip
    if not done.rejects and not done.already_imported:
        rejects.unlink(missing_ok=True)  # nothing but a header
    console.print(
        f"  {done.rows:,} rows, {done.cases:,} tickets, {sum(done.events.values()):,} events,"
        f" {sum(done.irregular.values()):,} irregular, {done.rejects:,} rejected"
        + ("; all of it had been imported before" if done.already_imported else "")
    )


@contextmanager
def _progress(unit: str) -> Iterator[tuple[Progress, Any]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with progress_bar(*columns, quiet=False) as bar:
        yield bar, bar.add_task(unit, total=None)


def _show(steps: _Steps, customer: str | None, ticket: str | None, at: datetime | None) -> None:
    with steps("queue", f"ticketcore queue --limit {_SHOWN}"):
        queue.queue(limit=_SHOWN)
    if customer is not None:
        with steps("customer history", f"ticketcore customer history {customer} --limit {_SHOWN}"):
            customers.history(customer, limit=_SHOWN)
    if ticket is not None and at is not None:
        earlier = _before(at)
        with steps("replay", f"ticketcore ticket show {ticket} --by occurred --at {earlier}"):
            tickets.show(ticket, at=earlier, by=Clock.OCCURRED)
        with steps("the ticket now", f"ticketcore ticket show {ticket}"):
            tickets.show(ticket)


def _before(at: datetime) -> str:
    return (at - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _what_next(html: Path, customer: str | None, ticket: str | None, at: datetime | None, figure: str) -> None:
    lines = [
        f"open {html} in a browser",
        "ticketcore report --by month                   (or week, team, category, channel, priority)",
        f"ticketcore report --explain {figure}",
        "ticketcore report --json",
        *([f"ticketcore ticket history {ticket}", f"ticketcore policy explain {ticket}"] if ticket else []),
        *([f"ticketcore ticket show {ticket} --by occurred --at {_before(at)}"] if ticket and at else []),
        *([f"ticketcore customer history {customer} --text"] if customer else []),
        "ticketcore queue --team parcels" if figure == "reopenings" else "ticketcore queue",
        "ticketcore policy show",
        "ticketcore events --from 1 --json | head",
        "ticketcore verify",
        "ticketcore db stop",
    ]
    console.print(
        "\nWhat to type next, in this folder (with .venv/bin/ in front, unless it is on the PATH):", style="bold"
    )
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


class _Steps:
    """Names and times the steps: ``with steps("project"): ...``."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, float]] = []

    @contextmanager
    def _timed(self, name: str, command: str | None) -> Iterator[None]:
        console.rule(f"[bold]{name}[/bold]", align="left")
        if command is not None:
            console.print(f"$ {command}", style="dim", markup=False, highlight=False, soft_wrap=True)
        began = time.perf_counter()
        yield
        self.taken.append((name, time.perf_counter() - began))

    def __call__(self, name: str, command: str | None = None) -> Any:
        """Return a context manager for one step; *command*: what to type for it alone."""
        return self._timed(name, command)


commands: list[Callable[..., None]] = [demo]
