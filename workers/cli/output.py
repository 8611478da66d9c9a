"""How results are printed: tables as wide as they need, beside JSON; progress goes to standard error."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from rich.console import JustifyMethod
    from rich.progress import ProgressColumn

__all__ = ["cell", "console", "fact", "facts", "heading", "plain", "print_json", "progress_bar", "say", "table", "text"]

_WRAPPED = 30  # columns that the last cell needs at least, where it is wrapped
_PIPED_WIDTH = 400  # columns; a pipe or file has no edge, so nothing is cut or wrapped for it


def _console() -> Console:
    made = Console()
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _PIPED_WIDTH
    return made


console = _console()
_messages = Console(stderr=True)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Container[str] = ()
) -> None:
    """Print a table, the columns *numbers* flush right; ``None`` shows as a dash, times to the second, a column without any value not at all.

    Where the terminal is too narrow, each row is printed as a paragraph instead: its first cell, then ``name value``.
    """
    cells = [[escape(cell(value)) for value in row] for row in rows]
    if not cells:
        say(f"{title}: none")
        return
    console.print(title, style="bold", markup=False, highlight=False)
    kept = [at for at in range(len(columns)) if any(row[at] != "-" for row in cells)]
    grid = Table(header_style="bold")
    for at in kept:
        justify: JustifyMethod = "right" if columns[at] in numbers else "left"
        grid.add_column(columns[at], no_wrap=at != kept[-1], justify=justify)
    for row in cells:
        grid.add_row(*(row[at] for at in kept))
    needed = console.measure(grid, options=console.options.update(width=10_000)).maximum
    last = max(len(row[kept[-1]]) for row in cells)
    if needed - max(0, last - _WRAPPED) <= console.width:
        console.print(grid)
        return
    for row in cells:
        console.print(f"[bold]{row[kept[0]]}[/bold]", highlight=False)
        parts = (f"[dim]{columns[at]}[/dim] {row[at]}" for at in kept[1:] if row[at] not in {"", "-"})
        console.print(Padding(" · ".join(parts), (0, 0, 0, 2), expand=False), highlight=False)


def cell(value: object) -> str:
    """Return one value as people read it; an aware time in UTC."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        value = value.astimezone(UTC) if value.tzinfo else value
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


def facts(named: Mapping[str, object]) -> None:
    """Print what is known of one thing, a line each; what is ``None`` or empty is left out."""
    for name, value in named.items():
        if value not in (None, ""):
            fact(name, str(value))


def fact(name: str, value: str) -> None:
    """Print one of these lines."""
    console.print(f"  {name:<18}{escape(value)}")


def heading(line: str) -> None:
    """Print a line that sets what follows apart."""
    console.print(f"── {line}", style="bold", markup=False, highlight=False, soft_wrap=not console.is_terminal)


def text(body: str) -> None:
    """Print a person's words: wrapped by words on a terminal, as they are in a pipe."""
    console.print(body, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def say(message: str) -> None:
    """Print one message on standard output; never wrapped, so that it can be copied."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar(*columns: ProgressColumn, quiet: bool) -> Iterator[Progress]:
    """Show progress on standard error, where that is a terminal; nothing of it stays."""
    with Progress(*columns, console=_messages, transient=True, disable=quiet or not _messages.is_terminal) as bar:
        yield bar


def plain(value: Any) -> Any:
    """Return *value* as JSON knows it: models and tuples with names as objects, times as ISO 8601."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print *value* as JSON in UTF-8."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=indent))
