"""A file system of some megabytes in memory, to be filled: what is written beyond it really gets ENOSPC.

Root mounts it. Anybody else gets it in a user namespace of a process that does nothing, and reaches it through that
process's root in ``/proc``; it is gone when that process is.
"""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support import unavailable

__all__ = ["SmallDisk"]

_BLOCK = bytes(65_536)


class SmallDisk:
    """A context manager; ``path`` is its folder. Where neither way works the test is skipped, under ``CI=true`` failed.

    Args:
        megabytes: its size.
    """

    def __init__(self, megabytes: int) -> None:
        self._megabytes = megabytes
        self._folder = Path(tempfile.mkdtemp(prefix="ticketcore-disk-"))
        self._folder.chmod(0o711)
        self._holder: subprocess.Popen[str] | None = None
        self.path = self._folder / "disk"

    def __enter__(self) -> Self:
        self.path.mkdir()
        options = f"size={self._megabytes}m,mode=0777"
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)]
        said = _run(mount) if os.geteuid() == 0 else "not root"
        if said is not None:
            script = f"{' '.join(mount)} && echo ready && exec cat"
            self._holder = subprocess.Popen(
                ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            assert self._holder.stdout is not None
            if (line := self._holder.stdout.readline().strip()) != "ready":
                self.__exit__()
                unavailable(f"no small file system can be mounted: as root: {said}; in a user namespace: {line}")
            self.path = Path(f"/proc/{self._holder.pid}/root{self.path}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._holder is None:
            _run(["umount", "--lazy", str(self.path)])
        else:
            self._holder.communicate()  # its input ends, and so does it
        shutil.rmtree(self._folder, ignore_errors=True)

    def take(self, folder: Path) -> None:
        """Move *folder*, which may be missing, to this disk; a symbolic link stays in its place."""
        there = self.path / folder.name
        if folder.exists():
            subprocess.run(["cp", "--archive", str(folder), str(there)], check=True)
            shutil.rmtree(folder)
        else:
            there.mkdir()
        folder.symlink_to(there)

    def fill(self, leave: int = 0) -> None:
        """Fill it up to *leave* bytes."""
        ballast = self.path / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(_BLOCK)
        if leave:
            os.truncate(ballast, ballast.stat().st_size - leave)

    def free(self) -> None:
        """Take away what :meth:`fill` wrote."""
        (self.path / "ballast").unlink()


def _run(command: list[str]) -> str | None:
    """Return ``None`` where *command* succeeds, else what it says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip()
