"""Progress of a look at all tickets of a log."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from workers.cli.output import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["counting"]


@contextmanager
def counting(what: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show on standard error how many of *what* were looked at; gives what is to be told of each page."""
    columns = (SpinnerColumn(), TextColumn(what), MofNCompleteColumn(), TimeElapsedColumn())
    with progress_bar(*columns, quiet=quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)
