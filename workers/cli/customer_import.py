"""``ticketcore customer import``: customers of another data base, from a file or a query."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from ticketcore.domain.types import Role
from ticketcore.errors import InvalidCommand
from ticketcore.importing.customer_mapping import load_customers_mapping
from ticketcore.importing.customer_sources import SQL, from_file, from_query
from ticketcore.importing.customers import import_customers
from ticketcore.importing.rejects import RejectFile
from ticketcore.permissions import Action, Facts, check
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.output import print_json, progress_bar, say, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ticketcore.importing.customers import SourceRow

__all__ = ["commands"]


def import_(
    mapping: Annotated[Path, typer.Option(help="A mapping file; docs/customers.md describes it.")],
    file: Annotated[Path | None, typer.Argument(help="CSV: plain, .gz or .xz.")] = None,
    sql: Annotated[
        str | None,
        typer.Option(
            "--sql", metavar="DSN", envvar="TICKETCORE_CUSTOMERS_DSN", help="Of a PostgreSQL data base, instead."
        ),
    ] = None,
    query: Annotated[str | None, typer.Option(help="With --sql: a SELECT whose columns the mapping names.")] = None,
    rejects: Annotated[Path | None, typer.Option(help="Bad rows go here; without it the first one stops.")] = None,
    max_rejects: Annotated[int | None, typer.Option(min=0, help="Stop when more rows are bad.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Bring customers in, and afterwards only what changed of them. Killed, the same command goes on; nothing doubles."""
    what = "import customers"
    if file is not None:
        sql = None if query is None else sql  # the variable may be set for other runs
    if (file is None) == (sql is None):
        raise InvalidCommand(what, "FILE", file, "a file, or --sql and --query", "give one of them")
    if (sql is None) != (query is None):
        raise InvalidCommand(what, "--query", query, "a query with --sql, and none with a file", "give both or none")
    check(actor(as_, Role.OPERATOR), Action.IMPORT, Facts("customers"))
    known = load_customers_mapping(mapping)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with ExitStack() as stack:
        core = stack.enter_context(opened())
        bar = stack.enter_context(progress_bar(*columns, quiet=quiet or json))
        task = bar.add_task("customers", total=None)
        rows: Iterable[SourceRow]
        if file is not None:
            rows, reader = stack.enter_context(from_file(file, known))
        else:
            assert sql is not None  # noqa: S101 -- checked above
            assert query is not None  # noqa: S101 -- likewise
            rows, reader = stack.enter_context(from_query(sql, query, known)), None
        bad = stack.enter_context(RejectFile(rejects, file or SQL, max_rejects))

        def progress(count: int) -> None:
            done, size = (None, None) if reader is None else (reader.bytes_done(), reader.size)
            bar.update(task, description=f"customers: {count:,} rows", completed=done, total=size)

        done = import_customers(core, rows, known, bad, dry_run=dry_run, progress=progress)
    if json:
        print_json({**done._asdict(), "dry_run": dry_run})
        return
    title = "Would be imported" if dry_run else "Imported"
    table(
        title,
        ("what", "count"),
        [(name, f"{value:,.6g}") for name, value in done._asdict().items()],
        numbers=("count",),
    )
    if done.rejects and rejects is not None:
        say(f"The rejected rows are in {rejects}, each with its line and the reason.")


import_.__name__ = "import"
commands: list[Callable[..., None]] = [import_]
"""What is added to ``ticketcore customer``."""
