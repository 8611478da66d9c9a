"""``ticketcore schemas``: the published schemas of events and read models, generated and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ticketcore.errors import ConfigurationError
from workers.cli.common import JsonOption, console, print_json
from workers.schemas.check import check as check_all
from workers.schemas.files import generate as generate_all

app = typer.Typer(
    help="The published schemas of events and read models: generate, check.", no_args_is_help=True, add_completion=False
)

RootOption = Annotated[Path, typer.Option("--root", help="The repository, with the folders schemas and docs.")]
DsnOption = Annotated[
    str | None, typer.Option("--dsn", help="A data base for the read models' reference; else an embedded server.")
]
TablesOption = Annotated[bool, typer.Option("--tables/--no-tables", help="With the read models' reference or without.")]


@app.command()
def generate(
    root: RootOption = Path(), dsn: DsnOption = None, tables: TablesOption = True, json: JsonOption = False
) -> None:
    """Write schemas/ and docs/events.md from the code. Older versions' schemas and stored examples stay as they are."""
    written = generate_all(_repository(root), dsn, with_tables=tables)
    if json:
        print_json({"written": written})
    else:
        console.print("\n".join(f"wrote {path}" for path in written) or "nothing to do", markup=False)


@app.command()
def check(
    root: RootOption = Path(),
    dsn: DsnOption = None,
    tables: TablesOption = True,
    against: Annotated[
        list[str] | None,
        typer.Option(help="A git revision whose schemas are published; by default the last commit and newest release."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Exit with 0 where the stored schemas are what the code says and break no promise, else say what differs and 1."""
    problems = check_all(_repository(root), dsn, with_tables=tables, against=against or None)
    if json:
        print_json({"problems": problems})
    else:
        console.print(
            "\n".join(map(str, problems)) or "schemas: in order", markup=False, highlight=False, soft_wrap=True
        )
    raise typer.Exit(1 if problems else 0)


def _repository(root: Path) -> Path:
    if not (root / "schemas").is_dir():
        raise ConfigurationError(
            f"no folder schemas in {root.absolute()}: expected the repository of ticketcore (go there, or name it by --root)"
        )
    return root.absolute()


groups = {"schemas": app}
