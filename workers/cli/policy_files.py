"""Policy documents as commands name them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ticketcore.errors import InvalidCommand
from ticketcore.intake.templating import Templates
from ticketcore.policy.shipped import default_policy
from ticketcore.policy.source import check_policy
from workers.cli.common import settings

if TYPE_CHECKING:
    from ticketcore.policy.document import PolicyDocument

__all__ = ["File", "checked", "text_of"]

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


def checked(text: str, file: str) -> PolicyDocument:
    """Return the policy that *text* states, where it can be adopted here: with the templates of mails that there are.

    Raises:
        BadPolicy: with every mistake, by line and column.
    """
    return check_policy(text, file, templates=Templates(settings().mail_templates).names("notices"))
