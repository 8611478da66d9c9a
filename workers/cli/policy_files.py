"""Policy documents as commands name them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ticketcore.errors import InvalidCommand
from ticketcore.policy.shipped import default_policy

__all__ = ["File", "text_of"]

File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="YAML; - for standard input; `default` for the one that ships, if no file has the name."),
]  # fmt: skip


def text_of(file: str) -> str:
    """Return a document's text: of a file, of standard input for ``-``, or the one that ships for ``default``."""
    if file == "default" and not Path(file).exists():
        return default_policy()
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InvalidCommand(
            "read a policy", f"line {line} of {file}", raw[error.start : error.start + 1], "UTF-8", "save it so"
        ) from None
