"""What the read models need of a log: less than the whole port, so that anything that holds records can feed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from uuid import UUID

from ticketcore.domain.base import Event
from ticketcore.store.port import Record

if TYPE_CHECKING:
    from ticketcore.store.port import Loaded

__all__ = ["Decode", "Log", "Relayed", "by_name"]

Decode = Callable[[Record], Event]
"""Record -> event, as :meth:`ticketcore.store.codec.Codec.decode_to_fold` or ``decode``; raises for what it does not know."""


class Log(Protocol):
    """The reading half of :class:`ticketcore.store.port.EventLog`; see there."""

    @property
    def name(self) -> str: ...
    def epoch(self) -> UUID: ...
    def head(self) -> int: ...
    def read(self, after: int, limit: int, *, max_bytes: int = 16_777_216) -> list[Record]: ...
    def load(self, originator_ids: Sequence[UUID], command_id: UUID | None = None) -> Loaded: ...


@runtime_checkable
class Relayed(Protocol):
    """A log that knows how far topics hold it; see :meth:`ticketcore.store.postgres.PostgresLog.relayed`."""

    def relayed(self, partitions: int) -> tuple[int, Sequence[int]] | None: ...


def by_name(logs: Log | Sequence[Log]) -> Mapping[str, Log]:
    """Return name -> log of one log or several."""
    return {log.name: log for log in (logs if isinstance(logs, Sequence) else [logs])}
