"""The one object that a service embeds."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import WeakSet

from ticketcore.api.customer_queries import CustomerQueries
from ticketcore.api.deliveries import DeliveryCommands
from ticketcore.api.messages import MessageCommands
from ticketcore.api.notices import Notices
from ticketcore.api.policies import PolicyCommands
from ticketcore.api.senders import Senders
from ticketcore.api.tickets import TicketCommands
from ticketcore.cache import StateCache
from ticketcore.execute import Executor
from ticketcore.intake.directory import SqlDirectory
from ticketcore.numbers import NumberPool
from ticketcore.sealing.keyring import Keyring
from ticketcore.sealing.rotation import check_ring
from ticketcore.sealing.sealer import Sealer
from ticketcore.settings import Settings
from ticketcore.setup import create_keys, migrate_all, read_models_entry, resolve
from ticketcore.store.codec import Codec
from ticketcore.store.group import GroupCommit
from ticketcore.store.keys_memory import MemoryKeyStore
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.memory import MemoryLog
from ticketcore.store.postgres import PostgresLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from ticketcore.read_models import ReadModels
    from ticketcore.store.port import EventLog, KeyStore

__all__ = ["TicketCore"]

OPENING = 5.0
"""Seconds for which opening waits for a server that is away."""
P = ParamSpec("P")
T = TypeVar("T")
_OPEN: WeakSet[TicketCore] = WeakSet()


class TicketCore(TicketCommands, PolicyCommands, DeliveryCommands, Senders, CustomerQueries, MessageCommands, Notices):
    """Commands and queries of one log.

    Open it once per process and share it: it is thread-safe, and usable in a forked child. It leaves the host's
    logging, signals and event loop alone, and starts no threads but those of :meth:`submit`.
    """

    def __init__(self, settings: Settings, log: EventLog, keys: KeyStore, sealer: Sealer, read: ReadModels) -> None:
        """Wire a core from its parts; services use :meth:`open` or :meth:`in_memory`."""
        self._settings, self._log, self._keys, self._sealer, self._read = settings, log, keys, sealer, read
        self._codec = Codec()
        self._cache = StateCache(settings.cache_size)
        self._numbers = NumberPool(log)
        apart = isinstance(log, PostgresLog) and settings.keys_dsn != settings.dsn
        group = GroupCommit(log)
        self._executor = Executor(log, group, self._codec, sealer, self._cache, self._numbers, keys, keys_apart=apart)
        self._threads: ThreadPoolExecutor | None = None
        _OPEN.add(self)

    @classmethod
    def open(cls, settings: Settings | None = None, *, migrate: bool = False, make_keys: bool = False) -> Self:
        """Open the stores that *settings* name; by default those of the environment, else the embedded server.

        Args:
            settings: where the stores are and how to use them.
            migrate: bring the schemas up to date first (``ticketcore db migrate``).
            make_keys: make a key file where there is none (``ticketcore keys init``).
        Raises:
            StoreUnavailable: a data base can't be reached, is too old, or was not migrated.
            KeyMissing: there is no key-encryption key, or not the one that the stored keys need.
            ConfigurationError: a setting can't be taken.
        """
        given = settings or Settings()
        known = resolve(given).model_copy(update={"inline": given.projects_inline})
        if migrate:
            migrate_all(known)
        if make_keys and known.keys is None and known.key_file is not None and not known.key_file.exists():
            create_keys(known)
        keyring = Keyring.load(known)
        assert known.dsn is not None  # noqa: S101 -- resolve() names every store
        assert known.keys_dsn is not None  # noqa: S101 -- likewise
        log = PostgresLog(
            known.dsn, name=known.log_name, pool_size=known.pool_size, keys_here=known.keys_dsn == known.dsn
        )
        keys = PostgresKeyStore(known.keys_dsn)
        patience, keys.timeout = keys.timeout, OPENING
        try:
            check_ring(keyring, keys)
            keys.timeout = patience
        except BaseException:
            keys.close()
            log.close()
            raise
        read: ReadModels = read_models_entry("default")(known, log)
        core = cls(known, log, keys, Sealer(keyring, keys, Codec()), read)
        if known.directory_dsn is not None and known.directory_query is not None:
            dsn = known.directory_dsn.get_secret_value()
            core.directory = SqlDirectory(dsn, known.directory_query, timeout=known.directory_timeout)
        return core

    @classmethod
    def in_memory(cls, *, log_name: str = "main", settings: Settings | None = None) -> Self:
        """Return a core without any server, for the tests of services; it keeps the same contract, and nothing lasts.

        *settings*: those of mail and the like; what they say of stores is passed over.
        """
        settings = (settings or Settings()).model_copy(update={"log_name": log_name, "inline": True})
        keys = MemoryKeyStore()
        log = MemoryLog(log_name, keys)
        read: ReadModels = read_models_entry("memory")(log)
        return cls(settings, log, keys, Sealer(_throw_away_keys(), keys, Codec()), read)

    @property
    def log(self) -> EventLog:
        """The log itself, for workers and imports."""
        return self._log

    @property
    def sealer(self) -> Sealer:
        """What seals and opens personal content, for workers and imports."""
        return self._sealer

    @property
    def settings(self) -> Settings:
        """The settings, every store named."""
        return self._settings

    def submit(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a method of this core in a thread of its own pool and return its future."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="ticketcore")
        return self._threads.submit(method, *args, **kwargs)

    def close(self) -> None:
        """Finish what :meth:`submit` started and give back every connection. The embedded server keeps running."""
        if self._threads is not None:
            self._threads.shutdown()
        self._read.close()
        self._keys.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _after_fork(self) -> None:
        self._threads = None
        self._cache.renew_lock()
        self._numbers.after_fork()


def _throw_away_keys() -> Keyring:
    key = b64encode(os.urandom(32)).decode()
    return Keyring.from_json(json.dumps({"active": "memory", "keys": {"memory": key}}))


def _after_fork_in_child() -> None:
    for core in _OPEN:
        core._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
