"""The mails of a mailbox file or Maildir, one after the other, at any size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ticketcore.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Boxed", "mails_in", "size_of"]

_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


class Boxed(NamedTuple):
    """A mail of a mailbox. ``read``: how many bytes of the mailbox are behind it; *where* names it for messages."""

    raw: bytes
    read: int
    where: str


def size_of(path: Path) -> int:
    """Return how many bytes a mailbox has."""
    if path.is_dir():
        return sum(file.stat().st_size for file in _files(path))
    return path.stat().st_size


def mails_in(path: Path) -> Iterator[Boxed]:
    """Yield the mails of an mbox file (RFC 4155; ``>From `` is unquoted as mboxrd does) or of a Maildir, oldest name first.

    A mail is at most in memory itself. A file that does not begin with a ``From `` line is one mail.

    Raises:
        NotFound: there is no such mailbox, or the folder has neither ``cur`` nor ``new``.
    """
    if path.is_dir():
        yield from _maildir(path)
        return
    if not path.exists():
        raise NotFound("mailbox", str(path), "name an mbox file or a Maildir folder")
    with path.open("rb") as file:
        yield from _mbox(file)


def _files(path: Path) -> list[Path]:
    folders = [folder for folder in (path / "cur", path / "new") if folder.is_dir()]
    if not folders:
        raise NotFound("mailbox", str(path), "a Maildir has the folders cur and new")
    return sorted((file for folder in folders for file in folder.iterdir() if file.is_file()), key=lambda f: f.name)


def _maildir(path: Path) -> Iterator[Boxed]:
    read = 0
    for file in _files(path):
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            continue  # somebody read it meanwhile, and moved it
        read += len(raw)
        yield Boxed(raw, read, file.name)


def _mbox(file: BinaryIO) -> Iterator[Boxed]:
    lines: list[bytes] = []
    number, read, blank = 0, 0, True
    for line in file:
        if line.startswith(b"From ") and blank:
            if lines:
                number += 1
                yield Boxed(_mail(lines), read, f"mail {number:,}")
            lines = []
        read += len(line)
        blank = not line.strip(b"\r\n")
        lines.append(line)
    if lines and any(line.strip() for line in lines):
        yield Boxed(_mail(lines), read, f"mail {number + 1:,}")


def _mail(lines: list[bytes]) -> bytes:
    boxed = lines[0].startswith(b"From ")
    raw = b"".join(lines[1:] if boxed else lines)
    if not boxed:
        return raw
    if raw.endswith((b"\n\n", b"\r\n\r\n")):  # the line that parts it from the next one
        raw = raw[: -2 if raw.endswith(b"\r\n") else -1]
    return _QUOTED.sub(rb"\1", raw)
