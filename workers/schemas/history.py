"""What the repository's history says: a version that was published keeps its schema's shape and its example for ever.

Generated files can be generated anew after being removed; only history knows what they were.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from workers.schemas.catalogue import SchemaError
from workers.schemas.checks import Problem
from workers.schemas.shapes import differences

__all__ = ["default_bases", "history_problems"]

_FOLDERS = ("schemas/events", "schemas/examples")


def default_bases(root: Path) -> list[str]:
    """Return the revisions that count as published: the last commit and the newest release tag (``v...``).

    Empty where *root* is no checkout of its own, or has no commit yet.
    """
    if shutil.which("git") is None or not (root / ".git").exists():
        return []
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    tag = _git(root, "describe", "--tags", "--abbrev=0", "--match", "v*")
    return [name for name in ("HEAD" if head else "", (tag or b"").decode().strip()) if name]


def history_problems(root: Path, bases: Sequence[str]) -> Iterator[Problem]:
    """Yield which schemas and examples differ from those at the revisions *bases*, or are gone since.

    Raises:
        SchemaError: a revision is unknown to git.
    """
    for base in bases:
        listing = _git(root, "ls-tree", "-r", "-z", "--name-only", base, "--", *_FOLDERS)
        if listing is None:
            raise SchemaError(f"git knows no revision {base!r} here: expected a commit, branch or tag (fetch it first)")
        paths = [path for path in listing.decode().split("\0") if path]
        for path, before in zip(paths, _contents(root, base, paths), strict=True):
            yield from _compare(root, base, path, before)


def _compare(root: Path, base: str, path: str, before: bytes) -> Iterator[Problem]:
    advice = f"git checkout {base} -- {path}"
    try:
        now = (root / path).read_bytes()
    except FileNotFoundError:
        yield Problem(path, f"is gone since {base} ({advice})")
        return
    if now == before:
        return
    if path.startswith("schemas/examples/"):
        yield Problem(path, f"was changed since {base}; a stored example never changes ({advice})")
        return
    try:
        found = list(differences(json.loads(before), json.loads(now)))
    except ValueError as error:
        found = [f"is no JSON: {error}"]
    for difference in found:
        yield Problem(path, f"{difference} since {base} (a new class_version is needed; {advice})")


def _contents(root: Path, base: str, paths: Sequence[str]) -> list[bytes]:
    asked = "".join(f"{base}:{path}\n" for path in paths).encode()
    answer = _git(root, "cat-file", "--batch", given=asked) or b""
    found = []
    for _ in paths:
        header, _, answer = answer.partition(b"\n")
        size = int(header.rsplit(b" ", 1)[1])
        found.append(answer[:size])
        answer = answer[size + 1 :]
    return found


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """Return what git prints, ``None`` where it fails."""
    done = subprocess.run(["git", "-C", str(root), *arguments], input=given, capture_output=True, check=False)  # noqa: S607
    return done.stdout if done.returncode == 0 else None
