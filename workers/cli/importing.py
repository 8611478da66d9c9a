"""``ticketcore import``: another system's log becomes tickets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

from ticketcore.domain.types import Role
from ticketcore.importing.importer import import_file
from ticketcore.permissions import Action, Facts, check
from ticketcore.store.codec import Codec
from workers.cli.common import AsOption, JsonOption, actor, opened, parse_zone
from workers.cli.output import print_json, progress_bar, say, table

if TYPE_CHECKING:
    from ticketcore.importing.importer import ImportSummary


def import_(
    file: Annotated[Path, typer.Argument(help="CSV: plain, .gz or .xz.")],
    mapping: Annotated[str, typer.Option(help="A shipped mapping's name (incident_log), or a mapping file.")],
    zone: Annotated[str, typer.Option(help="IANA zone of times that name none.")] = "UTC",
    rejects: Annotated[Path | None, typer.Option(help="Bad rows go here; without it the first one stops.")] = None,
    max_rejects: Annotated[int | None, typer.Option(min=0, help="Stop when more rows are bad.")] = None,
    chunk_rows: Annotated[int, typer.Option(min=1, help="Rows appended together; a rerun must say the same.")] = 5_000,
    project: Annotated[bool, typer.Option(help="Bring the read models up to date afterwards.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Import another system's log. Killed or stopped, the same command goes on where it was; nothing doubles."""
    by = actor(as_, Role.OPERATOR)
    check(by, Action.IMPORT, Facts(str(file)))
    tz = parse_zone(zone)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with opened() as core, progress_bar(*columns, quiet=quiet or json) as bar:
        task = bar.add_task(f"import {file.name}", total=None)
        done = import_file(
            file, mapping, zone=tz, rejects=rejects, max_rejects=max_rejects, chunk_rows=chunk_rows,
            log=core.log, sealer=core.sealer, codec=Codec(), by=by,
            progress=lambda rows, read, total: bar.update(
                task, completed=read, total=total, description=f"import {file.name}: {rows:,} rows"
            ),
        )  # fmt: skip
        if project and core.settings.projects_inline:
            bar.update(task, description="project", total=None)
            core.catch_up()
    if json:
        print_json({**vars_of(done), "already_imported": done.already_imported})
    else:
        print_summary(done)
        if done.rejects and rejects is not None:
            say(f"The rejected rows are in {rejects}, each with its line and the reason.")


def vars_of(done: ImportSummary) -> dict[str, object]:
    """Return the summary's fields."""
    return {name: getattr(done, name) for name in done.__dataclass_fields__}


def print_summary(done: ImportSummary) -> None:
    """Print what an import did."""
    if done.already_imported:
        say("All of it was imported before; nothing was written.")
    events = sum(done.events.values())
    table(
        "Imported",
        ("what", "count"),
        (
            ("rows", f"{done.rows:,}"),
            ("tickets", f"{done.cases:,}"),
            ("events", f"{events:,}"),
            *((f"  {topic}", f"{count:,}") for topic, count in sorted(done.events.items())),
            *((f"irregular: {what}", f"{count:,}") for what, count in sorted(done.irregular.items())),
            ("rejected rows", f"{done.rejects:,}"),
            ("stated values whose time never came", f"{done.held_back:,}"),
            ("chunks written, found", f"{done.chunks:,}, {done.skipped:,}"),
            ("seconds", f"{done.seconds:.1f}"),
        ),
    )


import_.__name__ = "import"
commands = [import_]
