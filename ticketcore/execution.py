"""What a command brings along, what it is decided on, and what it gives back."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypedDict
from uuid import UUID

from ticketcore.domain import agent, customer, message, policies, ticket
from ticketcore.domain.context import Context
from ticketcore.domain.types import Actor
from ticketcore.errors import Conflict, InvalidCommand
from ticketcore.ids import NUMBERED, Kind, kind_of, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ticketcore.domain.base import Event
    from ticketcore.domain.commands import Command
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.port import Receipt, Record

__all__ = [
    "FUTURE", "Options", "Recorded", "State", "View", "check_between", "check_expected", "context_of", "project",
    "which_of",
]  # fmt: skip

State = ticket.Ticket | customer.Customer | message.Message | policies.Policies | agent.Agent
FUTURE = timedelta(minutes=5)
"""How far ahead of this machine's clock ``occurred_at`` may be. Clocks of two machines differ by seconds; a time that is
really ahead would hold the ticket's time there, since that never goes back, and make every later event look late."""


class Options(TypedDict, total=False):
    """What every command takes beside its own content.

    Keys:
        command_id: names the command; repeating it returns the first result and records nothing.
        occurred_at: when it was received or done; now where not given. Aware, at most :data:`FUTURE` ahead of now.
        claimed_at: a mail's own Date or the like; orders nothing. Aware.
        correlation_id: the first command of the conversation.
        causation_id: the event or command that caused this one.
        expected_version: refuse with :class:`Conflict` where the aggregate has another version.
    """

    command_id: UUID | None
    occurred_at: datetime | None
    claimed_at: datetime | None
    correlation_id: UUID | None
    causation_id: UUID | None
    expected_version: int | None


class Recorded(NamedTuple):
    """What a command recorded.

    Attributes:
        id: of the aggregate that the command is about; the new one's where it made one.
        version: the aggregate's after the command.
        position: in the log, of the command's last event; ``None`` where the command changed nothing.
        events: as recorded; empty where the command changed nothing. A repeat has them without personal content.
        repeated: the command had been recorded before, and this is its first result.
    """

    id: UUID
    version: int
    position: int | None
    events: tuple[Event, ...]
    repeated: bool = False

    @property
    def number(self) -> str:
        """The aggregate's number as people write it."""
        return number_of(self.id)


class View(NamedTuple):
    """The states that a decision is made on.

    ``records``: the streams as loaded; ``None`` where they were hot. ``incarnation``: of the log, before they were read.
    """

    states: dict[UUID, State | None]
    receipt: Receipt | None
    records: dict[UUID, Sequence[Record]] | None
    incarnation: int


def project(state: State | None, id_: UUID, events: Iterable[Event]) -> State | None:
    """Fold *events* into the state of the aggregate *id_*."""
    kind = kind_of(id_)
    if kind is Kind.CUSTOMER:
        return customer.project(state, events)  # type: ignore[arg-type]
    if kind is Kind.POLICY:
        return policies.project(state, events)  # type: ignore[arg-type]
    if kind is Kind.AGENT:
        return agent.project(state, events)  # type: ignore[arg-type]
    if kind is Kind.MESSAGE:
        return message.project(state, events)  # type: ignore[arg-type]
    return ticket.project(state, events)  # type: ignore[arg-type]


def context_of(command: Command, by: Actor, options: Options, sealer: Sealer) -> Context:
    """Return what the decision knows beside the command and the states.

    Raises:
        InvalidCommand: ``occurred_at`` is more than :data:`FUTURE` ahead.
    """
    context = Context(
        actor=by,
        command_id=options.get("command_id") or _new_command_id(),
        now=datetime.now(UTC),
        occurred_at=options.get("occurred_at"),
        claimed_at=options.get("claimed_at"),
        correlation_id=options.get("correlation_id"),
        causation_id=options.get("causation_id"),
        digest=sealer.identity_digest,
    )
    if context.occurred_at is not None and context.at > context.now + FUTURE:
        raise InvalidCommand(
            f"{command.NAME} {command.NOUN}",
            "occurred_at",
            context.at.isoformat(),
            f"at most {FUTURE} after now, {context.now.isoformat(timespec='seconds')}",
            "give the time of reception, or leave it out; what a mail says of itself is claimed_at",
        )
    return context


def _new_command_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, 5.7): ids made one after the other lie together in the index of the receipts."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62))


def which_of(id_: UUID) -> str:
    """Return an aggregate as messages name it: ``ticket T-2026-000042-6``."""
    kind = kind_of(id_) or Kind.TICKET
    if kind not in NUMBERED:
        return "the policies" if kind is Kind.POLICY else "the agent"
    return f"{kind.name.lower()} {number_of(id_)}"


def check_expected(command: Command, view: View, expected: int | None) -> None:
    """Raise where the caller expects another version than the leading aggregate has."""
    if expected is None or not command.streams():
        return
    main = command.streams()[0]
    state = view.states.get(main)
    actual = state.version if state else 0
    if actual != expected:
        records = (view.records or {}).get(main, ())
        between = [r.topic for r in records if r.originator_version > expected]
        raise Conflict(command.NAME, which_of(main), expected, actual, between)


def check_between(command: Command, before: View, view: View, began: datetime) -> None:
    """Raise where what was recorded since *before*, and while the command ran, does not commute with it.

    A hot state may have been old before the command *began*; what was recorded before that is no conflict.
    """
    for id_, records in (view.records or {}).items():
        known = before.states.get(id_)
        expected = known.version if known else 0
        between = [
            r.topic
            for r in records
            if r.originator_version > expected and (before.records is not None or r.recorded_at >= began)
        ]
        if command.conflicts_with.intersection(between):
            raise Conflict(command.NAME, which_of(id_), expected, records[-1].originator_version, between)
