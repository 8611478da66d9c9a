"""Read models: ``status``, ``rebuild`` and ``verify``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from projections.dead_letters import dead_letters as list_dead_letters
from projections.rebuild import put_back, rebuild_all
from projections.schema import MODELS, connect, model_named, rebuilds_due
from projections.verify import Verified
from projections.verify import verify as verify_models
from ticketcore.domain.types import Role
from ticketcore.ids import kind_of, number_of
from ticketcore.permissions import Action, Facts, check
from ticketcore.store.codec import Codec
from workers.cli.common import AsOption, JsonOption, actor, opened
from workers.cli.output import cell, print_json, progress_bar, say, table
from workers.cli.working import other_logs

if TYPE_CHECKING:
    from ticketcore.app import TicketCore

QUIET = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]


def status(json: JsonOption = False) -> None:
    """Say how far the log and the read models are, and whose tables or views other SQL made than this release's."""
    with opened() as core:
        head, epoch, reached = core.log.head(), core.log.epoch(), core.read_position()
        parked = len(list_dead_letters(_read_dsn(core)))
        with connect(_read_dsn(core)) as connection:
            due = rebuilds_due(connection)
    found = {
        "log": core.log.name, "epoch": str(epoch), "position": head, "read_models": reached, "behind": head - reached,
        "dead_letters": parked, "rebuild_due": due,
    }  # fmt: skip
    if json:
        print_json(found)
    else:
        told = {**found, "rebuild_due": ", ".join(due) or "none"}
        table("Status", ("what", "value"), ((name, f"{v:,}" if isinstance(v, int) else v) for name, v in told.items()))


def rebuild(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="queues, history, performance, intake.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All read models.")] = False,
    back: Annotated[
        bool, typer.Option("--back", help="Put the tables that the last swap replaced in place again.")
    ] = False,
    drop_dependents: Annotated[
        bool,
        typer.Option(
            "--drop-dependents", help="Drop views and other objects of yours that show the tables replaced last."
        ),
    ] = False,
    quiet: QUIET = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Build read models anew from the log beside the live ones and swap them in; queries go on meanwhile.

    Other logs that feed the read models are named in TICKETCORE_KAFKA_LOGS, as for `worker project`.
    """
    check(actor(as_, Role.OPERATOR), Action.REBUILD, Facts("the read models"))
    if not names and not everything:
        raise typer.BadParameter("name a read model, or give --all")
    models = MODELS if everything else [model_named(name) for name in names or ()]
    if back and drop_dependents:
        raise typer.BadParameter("--back drops no tables, so it takes no --drop-dependents")
    with opened() as core, other_logs(core.settings) as others:
        dsn, logs, decode = _read_dsn(core), [core.log, *others], Codec().decode_to_fold
        with _bar(f"rebuild {', '.join(model.name for model in models)}", quiet=quiet or json) as progress:
            if back:
                done = [put_back(dsn, logs, decode, model, progress=progress) for model in models]
            else:
                done = rebuild_all(dsn, logs, decode, models, progress=progress, drop_dependents=drop_dependents)
    if json:
        print_json(done)
    else:
        for one in done:
            again = f", of version {one.version} again" if back else ""
            say(f"{one.model}: generation {one.generation} is live, made from {one.position:,} events{again}")
            if one.left_behind:
                say(
                    f"{one.model}: these show the replaced tables, drop and make them anew: {', '.join(one.left_behind)}"
                )


def verify(
    limit: Annotated[int, typer.Option(min=0, help="List at most so many differing rows of each table.")] = 20,
    quiet: QUIET = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Fold the log afresh and compare every row of every read model: exit 0 where all are equal, 1 where not.

    Only what is projected can be compared: events that are not projected yet are counted and no difference.
    """
    check(actor(as_, Role.AUDITOR), Action.VERIFY, Facts("the read models"))
    with opened() as core, other_logs(core.settings) as others:
        logs = [core.log, *others]
        if core.settings.projects_inline:
            core.catch_up()
        with _bar("verify", quiet=quiet or json) as progress:
            found = verify_models(_read_dsn(core), logs, Codec().decode_to_fold, limit=limit, progress=progress)
    if json:
        print_json(found)
    else:
        table(
            "Compared with a fresh fold of the log",
            ("table", "rows"),
            ((name, f"{count:,}") for name, count in found.rows.items()),
        )
        for d in found.differences:
            columns = ", ".join(f"{name}: table {got!r}, log {wanted!r}" for name, (got, wanted) in d.columns.items())
            say(f"{d.model}.{d.table} {_key(d.key)}: {d.problem} {columns}".rstrip())
        parked = sum(found.parked.values())
        say(_compared(found))
        if parked:
            say(f"{parked:,} events wait as dead letters (see them: ticketcore dead-letters list)")
        if left_out := sum(found.dropped.values()):
            say(f"{left_out:,} events are left out on an operator's word (see them: ticketcore dead-letters drops)")
    raise typer.Exit(1 if found.different else 0)


def _compared(found: Verified) -> str:
    """Return how far the comparison went, and what it found up to there."""
    reached = min(found.positions.values(), default=0)
    lines = [f"Compared up to position {reached:,} of {found.head:,}."]
    if found.different:
        lines.append(f"Rows that differ: {found.different:,}.")
    elif reached:
        lines.append("Every row is what the log says" + (" up to there." if reached < found.head else "."))
    if reached < found.head:
        behind = ", ".join(f"{name} {found.head - position:,}" for name, position in found.positions.items())
        lines.append(
            f"NOT COMPARED: {found.head - reached:,} events are not projected yet ({behind})."
            " Is `ticketcore worker project` running?"
        )
    return "\n".join(lines)


def _read_dsn(core: TicketCore) -> str:
    dsn = core.settings.read_dsn
    assert dsn is not None  # noqa: S101 -- an opened core has every store named
    return dsn


def _key(key: tuple[object, ...]) -> str:
    """Return a row's key as people read it: the ticket's or customer's number instead of its id."""
    parts = (number_of(part) if isinstance(part, UUID) and kind_of(part) else cell(part) for part in key)
    return ", ".join(parts)


@contextmanager
def _bar(title: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress_bar(*columns, quiet=quiet) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


commands: list[Callable[..., None]] = [status, rebuild, verify]
