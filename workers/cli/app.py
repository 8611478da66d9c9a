"""The root command: what there is, errors and exit codes. A command's module is imported when the command runs."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

__all__ = ["COMMANDS", "app", "main", "print_error"]

COMMANDS = {
    "demo": ("demo", "Go the whole way on a sample, or on a log of your own; repeating doubles nothing."),
    "queue": ("queue", "List the tickets that wait, next to take first."),
    "ticket": ("tickets", "A ticket now, as it was at an instant, its history; entry by staff."),
    "customer": (
        "customers",
        "Customers and organisations: who they are, their correspondence, merging, import, forgetting.",
    ),
    "policy": ("policies", "Policies: check, compare, adopt, show; explain what rules decided about a ticket."),
    "agent": ("agents", "Agents: what they can do, who is there; policies give tickets by it."),
    "sla": ("promises", "Promises looked at again: what another policy's would have come to."),
    "report": ("report", "Figures from the read models: per team, never per agent."),
    "events": ("log", "List events of the log by position; with --json one object a line."),
    "import": ("importing", "Import another system's log; killed, the same command goes on."),
    "status": ("models", "Say how far the log and the read models are."),
    "verify": ("models", "Fold the log afresh and compare every row of every read model."),
    "rebuild": ("models", "Build read models anew beside the live ones and swap them in."),
    "dead-letters": ("dead_letters", "Events that could not be projected."),
    "recover": ("recover", "After a restore of the log: relay and read models follow; says what was lost."),
    "intake": ("intake", "Mails in; what became of a message and why; held ones: release, reject."),
    "outgoing": ("outgoing", "Mails that wait to be sent or were given up: list, show, retry, drop."),
    "worker": ("working", "Programs that run until they are stopped."),
    "kafka": ("kafka", "The topic of the log, and who feeds the read models."),
    "db": ("db", "The embedded PostgreSQL, and the migrations of any."),
    "keys": ("keys", "The key-encryption keys: make, rotate, retire, scrub."),
    "schemas": ("schemas", "The published schemas of events and read models: generate, check."),
}
"""Command -> its module in this package and its line in ``ticketcore --help``."""

USAGE_ERROR = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
"""The base of what typer raises for wrong options; typer brings it along or takes it from click, by version."""


class _Lazy(TyperGroup):
    """Imports a command's module when the command is called: ``--help`` alone loads none of them."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, _load(str(name)), rest

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        with _reader_may_leave():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _reader_may_leave():
            result = super().invoke(ctx)
            sys.stdout.flush()
        return result


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """End with 0 where the reader of a pipe has what it wanted: ``ticketcore events --json | head``."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise  # rich makes SystemExit(1) of a broken pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


def _load(name: str) -> Any:
    module = import_module(f"workers.cli.{COMMANDS[name][0]}")
    groups = getattr(module, "groups", {})
    if name in groups:
        return get_group(groups[name])
    single = typer.Typer(add_completion=False)
    single.command(name)(next(one for one in module.commands if one.__name__ == name))
    return get_command(single)


app = typer.Typer(name="ticketcore", cls=_Lazy, no_args_is_help=True, add_completion=False)


def _version(asked: bool) -> None:
    if asked:
        print(f"ticketcore {version('ticketcore')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """An event-sourced ticket core: record, project, replay, report, prove."""


def _named(text: str) -> Any:
    def placeholder() -> None: ...

    placeholder.__doc__ = text
    return placeholder


for _name, (_, _help) in COMMANDS.items():
    app.command(_name)(_named(_help))


def main() -> None:
    """Run the command line; every expected error is one message on standard error and its own exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no umlaut gets an escape, not a stack trace
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = lambda message, *_, **__: f"ticketcore: {message}\n"
    try:
        code = app(standalone_mode=False)
    except typer.Abort:
        code = 130
    except Exception as error:  # noqa: BLE001 what is not expected is raised again
        code = _told(error)
    if code == 130:  # noqa: PLR2004 as a shell says it: 128 + SIGINT
        print("ticketcore: interrupted", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception) -> int:
    """Print an expected error and return its exit code; raise any other again."""
    if isinstance(error, USAGE_ERROR):
        return _usage(error)
    from psycopg import Error as DataBaseError

    from ticketcore.errors import TicketCoreError

    if isinstance(error, TicketCoreError):
        print_error(error.code, str(error))
        return error.exit_code
    if isinstance(error, DataBaseError):
        print_error("store_unavailable", f"the data base says: {str(error).strip() or type(error).__name__}")
        return 3
    if isinstance(error, OSError) and error.filename is not None:
        print_error("invalid", f"cannot use {error.filename}: {error.strerror} (check the path and its permissions)")
        return 2
    raise error


def _usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        path = error.ctx.command_path if error.ctx else "ticketcore"
        print_error("invalid", f"{error.format_message().rstrip('.')} (see `{path} --help`)")
    return int(error.exit_code)


def print_error(code: str, message: str) -> None:
    """Print an error on standard error: one line, with ``--json`` an object."""
    if "--json" in sys.argv:
        print(json.dumps({"error": code, "message": message}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"ticketcore: {message}", file=sys.stderr)
