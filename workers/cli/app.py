"""The root command: groups, errors and exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

import click
import typer

from ticketcore.errors import TicketCoreError
from workers.cli import customers, db, demo, importing, keys, log, models, queue, report, schemas, tickets

__all__ = ["app", "main"]

app = typer.Typer(
    name="ticketcore",
    help="An event-sourced ticket core: record, project, replay, report, prove.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(db.app, name="db")
app.add_typer(keys.app, name="keys")
app.add_typer(tickets.app, name="ticket")
app.add_typer(customers.app, name="customer")
app.add_typer(schemas.app, name="schemas")
app.add_typer(models.dead_letters, name="dead-letters")
app.add_typer(models.workers, name="worker")
COMMANDS: tuple[Callable[..., None], ...] = (
    *log.commands,
    *queue.commands,
    *importing.commands,
    *report.commands,
    *models.commands,
    *demo.commands,
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line; every expected error is one message on standard error and its own exit code."""
    try:
        code = app(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except TicketCoreError as error:
        _report(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _report(error: TicketCoreError) -> None:
    if "--json" in sys.argv:
        print(json.dumps({"error": error.code, "message": str(error)}), file=sys.stderr)
    else:
        print(f"ticketcore: {error}", file=sys.stderr)
