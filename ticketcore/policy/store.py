"""What the process manager keeps beside the log: how far it read, each ticket with its timer, and what it gave up.

Everything here is made of the log, and made again where it is lost: only the log says what was decided.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ticketcore.domain.types import Status
from ticketcore.policy.desk import COUNTED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.types import Priority
    from ticketcore.policy.desk import Held, Waiting
    from ticketcore.policy.outside import History
    from ticketcore.store.port import Append, Outcome

__all__ = ["OVER", "Batch", "Done", "Fed", "Letter", "PolicyStore", "Seen", "Waits"]

OVER = (Status.CLOSED, Status.MERGED)
"""Tickets of these statuses are not looked at because a policy was adopted."""


class Seen(NamedTuple):
    """A ticket as policies last saw it. ``version`` 0 and nothing else where they never did."""

    ticket_id: UUID
    version: int = 0
    status: Status | None = None
    priority: Priority | None = None
    agent_id: str | None = None
    requester_id: UUID | None = None
    opened_at: datetime | None = None
    wish: Waiting | None = None

    @property
    def counts_for(self) -> str | None:
        """The agent whose load it is part of."""
        return self.agent_id if self.status in COUNTED else None


class Letter(NamedTuple):
    """A ticket for which nothing more is done until something happens to it, or it is tried again.

    Attributes:
        failed_at: aware.
        version: the ticket's.
        policy: name and version of the policy in force, where known.
        rules: the last that decided, as ``section: rule``, where that is what went wrong.
        error: what went wrong, nothing personal in it.
        since: when it failed first; the store fills it in, and the following.
        tries: how often it failed in a row.
        retried_by: who asked for the last try.
    """

    ticket_id: UUID
    failed_at: datetime
    version: int
    policy: str | None
    rules: tuple[str, ...]
    error: str
    since: datetime | None = None
    tries: int = 1
    retried_by: str | None = None


class Done(NamedTuple):
    """What becomes of one ticket of a batch.

    Attributes:
        seen: how it is afterwards.
        due_at: when to look at it next; ``None`` for never.
        append: what is recorded of it.
        position: of the last event before that.
        letter: why it was given up.
    """

    seen: Seen
    due_at: datetime | None = None
    append: Append | None = None
    position: int = 0
    letter: Letter | None = None


class Fed(NamedTuple):
    """What was read of the log. ``busy``: another worker reads."""

    events: int
    busy: bool = False


class Waits(NamedTuple):
    """What is to be done: tickets that are due, since when the first is, and when the next timer is."""

    due: int
    since: datetime | None
    next_at: datetime | None


class Batch(Protocol):
    """Tickets that are due, held by this worker alone until it is done; one transaction. Left by an error, all is undone."""

    tickets: Sequence[Seen]

    def desk_changed(self) -> bool:
        """Return whether agents came, went or were described anew since :meth:`rest`."""

    def lock_desk(self) -> bool:
        """Wait until no other worker gives tickets to agents; return as :meth:`desk_changed`."""

    def desk(self) -> tuple[Mapping[str, int], Mapping[str, int], Sequence[Waiting]]:
        """Return agent -> tickets that are worked on, agent -> position of the last one they were given, and who waits."""

    def held(self, agents: Collection[str]) -> Sequence[Held]:
        """Return the tickets of agents that are not over."""

    def finish(self, done: Sequence[Done], wake: Sequence[UUID], now: datetime) -> list[Outcome | None]:
        """Keep what became of each ticket, and append what is to be recorded; one outcome for each.

        A ticket whose append is refused stays due. The tickets *wake* are due at *now*, but for those that another worker
        holds. The desk is locked.
        """

    def rest(self, until: datetime | None) -> None:
        """Note that waiting tickets were looked at since agents changed, and let them be due at *until*. The desk is locked.

        *until*: when the next absent agent is back by themself. Who waits did not know of that one before.
        """


class PolicyStore(Protocol):
    """One per log. Thread-safe."""

    def feed(self, now: datetime, limit: int) -> Fed:
        """Read events after the checkpoint and let their tickets be due at *now*; move the checkpoint, in one transaction.

        What a policy recorded itself makes nothing due. After a recovery of the log all is read again.
        """

    def batch(self, now: datetime, limit: int) -> AbstractContextManager[Batch]:
        """Take tickets that are due at *now*, the longest due first, at most *limit*, none that another worker holds."""

    def history(self, requesters: Collection[UUID], opened_at: datetime, but: UUID) -> History:
        """Return what customers asked before *opened_at*, the ticket *but* apart."""

    def loads(self) -> Mapping[str, int]:
        """Return agent -> tickets that are worked on, as policies saw them last."""

    def waits(self, now: datetime) -> Waits:
        """Return what is due at *now*."""

    def position(self) -> int:
        """Return up to which position events were read."""

    def letters(self) -> list[Letter]:
        """Return all tickets that were given up, the first one first."""

    def retry(self, tickets: Sequence[UUID], now: datetime, by: str) -> int:
        """Let tickets that were given up be due at *now*, and note who asked for it; return how many there were.

        They are dead letters until they were looked at and all went well.
        """
