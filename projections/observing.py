"""What a projector tells whoever watches it; watching changes nothing, and nothing has to watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import psycopg

from ticketcore.errors import TicketCoreError

__all__ = ["UNWATCHED", "Batch", "Observer", "told"]


class Batch(NamedTuple):
    """What a transaction did for one model.

    Attributes:
        events: partition -> events of it.
        load, fold, write: seconds of its parts.
        whole: seconds of the transaction, with the commit and what it did for other models.
    """

    model: str
    log: str
    events: Mapping[int, int]
    load: float
    fold: float
    write: float
    whole: float


class Observer(Protocol):
    """Called in the worker's thread; must be quick and never raise."""

    def round(self, loop: str) -> None:
        """A round of *loop* (a read model, ``relay`` or ``log``) ended well, whether or not there was something to do."""

    def projected(self, batch: Batch) -> None:
        """A batch was committed."""

    def filled(self, model: str, log: str, partition: int, events: int) -> None:
        """Events of a partition were read from the log, since Kafka did not hold them."""

    def dropped(self, model: str, log: str, partition: int, messages: int) -> None:
        """Messages were passed over that had come before."""


class _Unwatched:
    def round(self, loop: str) -> None: ...
    def projected(self, batch: Batch) -> None: ...
    def filled(self, model: str, log: str, partition: int, events: int) -> None: ...
    def dropped(self, model: str, log: str, partition: int, messages: int) -> None: ...


UNWATCHED: Observer = _Unwatched()


def told(error: BaseException) -> str:
    """Return what may stand in a log of *error*: no value that an event or a row holds.

    Our own messages are built without content, and what a connection or a server says when it breaks knows of none. Any other
    text may repeat what it was given: the name of its class stays, with the SQLSTATE of a data base's error.
    """
    if isinstance(error, psycopg.Error) and error.sqlstate:
        primary = f": {error.diag.message_primary}" if isinstance(error, psycopg.OperationalError) else ""
        return f"{type(error).__name__} (SQLSTATE {error.sqlstate}){primary}"
    spoken = isinstance(error, (TicketCoreError, psycopg.OperationalError, psycopg.InterfaceError, OSError))
    if spoken or type(error).__module__.startswith("kafka."):
        return str(error).strip().replace("\n", " ") or type(error).__name__
    return type(error).__name__
