"""What looks at all tickets of a log share: their period, progress, and what is said where there is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from ticketcore.errors import InvalidCommand, NotFound
from workers.cli.common import parse_time, parse_zone
from workers.cli.output import cell, progress_bar, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ticketcore.policy.dry_run import DryRun
    from ticketcore.policy.what_if import WhatIf

__all__ = ["counting", "none_found", "period", "what_was_read"]


def period(from_: str | None, to: str | None, zone: str, doing: str) -> tuple[datetime | None, datetime | None]:
    """Return the beginning and the end that the options ``--from``, ``--to`` and ``--zone`` name.

    *doing*: for the message.

    Raises:
        InvalidCommand: one can't be read, or the end is not after the beginning.
    """
    tz = parse_zone(zone)
    since, until = parse_time(from_, "--from", tz), parse_time(to, "--to", tz)
    if since is not None and until is not None and since >= until:
        after = f"a time after --from, {cell(since)} UTC"
        raise InvalidCommand(doing, "--to", to, after, "swap them, or leave one out")
    return since, until


@contextmanager
def counting(what: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show on standard error how many of *what* were looked at; gives what is to be told of each page."""
    columns = (SpinnerColumn(), TextColumn(what), MofNCompleteColumn(), TimeElapsedColumn())
    with progress_bar(*columns, quiet=quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)


def none_found(since: datetime | None, until: datetime | None) -> NotFound:
    """Return the error that there was no ticket to look at."""
    when = _words(since, until)
    remedy = "choose another period" if when else "open or import some first"
    return NotFound("ticket", f"opened {when}" if when else "at all", remedy)


def what_was_read(found: WhatIf | DryRun, source: str = "", more: str = "") -> None:
    """Print which tickets were looked at, and which were left out. *source*: where the policy is from; *more*: of them."""
    when = _words(found.since, found.until)
    say(f"{found.tickets:,} tickets{f' opened {when}' if when else ''}{more}; policy {found.policy!r}{source} as if always in force;"
        f" the log up to position {found.position:,}")  # fmt: skip
    if found.unreadable:
        numbers = ", ".join(found.unreadable)
        say(f"{len(found.unreadable)} tickets were left out, this release can't read them: {numbers}")


def _words(since: datetime | None, until: datetime | None) -> str:
    return " ".join(f"{word} {cell(at)} UTC" for word, at in (("from", since), ("to", until)) if at)
