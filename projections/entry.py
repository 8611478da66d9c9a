"""What ``ticketcore`` finds through the entry points of the group ``ticketcore.read_models``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.memory import open_memory_read_models
from projections.queries import PostgresReadModels
from projections.schema import MODELS, connect, install, installed
from ticketcore.errors import StoreUnavailable
from ticketcore.store.codec import Codec

if TYPE_CHECKING:
    from ticketcore.settings import Settings
    from ticketcore.store.port import EventLog

__all__ = ["install_read_models", "open_memory_read_models", "open_read_models"]


def open_read_models(settings: Settings, log: EventLog) -> PostgresReadModels:
    """Return the read models of *settings*, whose DSNs are all named.

    Raises:
        StoreUnavailable: the server does not answer, or the tables are not there.
    """
    dsn = _dsn(settings)
    with connect(dsn) as connection:
        if not installed(connection):
            raise StoreUnavailable(
                f"the read models' tables are missing: expected the schemas {', '.join(model.name for model in MODELS)}"
                " (run `ticketcore db migrate`)"
            )
    return PostgresReadModels(dsn, log, Codec().decode_to_fold, projects=settings.projects_inline)


def install_read_models(settings: Settings) -> list[str]:
    """Make the read models' tables where there are none; return what was made."""
    dsn = _dsn(settings)
    with connect(dsn) as connection:
        there = installed(connection)
    install(dsn)
    return [] if there else ["tables"]


def _dsn(settings: Settings) -> str:
    dsn = settings.read_dsn or settings.dsn
    assert dsn is not None  # noqa: S101 -- ticketcore.setup.resolve() names every store
    return dsn
