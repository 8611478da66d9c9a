"""What looks at all tickets of a log share: progress, and what is said where there is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from ticketcore.errors import NotFound
from workers.cli.output import cell, progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

__all__ = ["counting", "none_found"]


@contextmanager
def counting(what: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show on standard error how many of *what* were looked at; gives what is to be told of each page."""
    columns = (SpinnerColumn(), TextColumn(what), MofNCompleteColumn(), TimeElapsedColumn())
    with progress_bar(*columns, quiet=quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)


def none_found(since: datetime | None, until: datetime | None) -> NotFound:
    """Return the error that there was no ticket to look at."""
    period = " ".join(f"{word} {cell(at)} UTC" for word, at in (("from", since), ("to", until)) if at)
    remedy = "choose another period" if period else "open or import some first"
    return NotFound("ticket", f"opened {period}" if period else "at all", remedy)
