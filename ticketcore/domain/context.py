"""What a decision knows beside the command and the states: who, when, new ids, prepared text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from ticketcore.domain.agent import Agent
from ticketcore.domain.base import Event, Meta
from ticketcore.domain.customer import Customer
from ticketcore.domain.message import Message
from ticketcore.domain.policies import Policies
from ticketcore.domain.priority import ITIL, Matrix
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.ticket_events import Attachment, BlobRef
from ticketcore.domain.types import Actor
from ticketcore.errors import InvalidCommand
from ticketcore.store.port import Claim

__all__ = ["EXCERPT_BYTES", "Content", "Context", "Digest", "excerpt"]

EXCERPT_BYTES = 32_768
"""The most bytes of UTF-8 that a text has inside an event; a longer one is a blob, and the event holds its beginning."""

Digest = Callable[[str, str], bytes]
"""(claim kind, normalised value) -> keyed digest."""

E = TypeVar("E", bound=Event)
_meta = Meta.__pydantic_validator__.validate_python


class Content(NamedTuple):
    """A command's text and files as an event holds them.

    Attributes:
        body: the whole text, or its beginning where ``body_blob`` is set.
        body_blob: index into ``blobs`` of the whole text.
        attachments: each names its blob by index; ``None`` where there are none.
    """

    body: str | None = None
    body_blob: int | None = None
    blobs: tuple[BlobRef, ...] = ()
    attachments: tuple[Attachment, ...] | None = None


def excerpt(text: str, limit: int = EXCERPT_BYTES) -> str:
    """Return the longest beginning of *text* with at most *limit* bytes of UTF-8, cut between characters."""
    if len(text) * 4 <= limit:
        return text
    return text.encode()[:limit].decode(errors="ignore")


@dataclass(slots=True)
class Context:
    """Who decides when, with what. Not frozen, since that costs ten times as much to make; nobody changes it but its maker.

    Attributes:
        now: when the command came to be decided; aware.
        occurred_at: when it was received or done, where that was before; aware.
        claimed_at: a mail's own Date or the like; aware.
        content: the command's text and files, prepared; where ``None`` its plain ``body`` is used.
        new_ids: ids for the aggregates that the command makes, in the order of its ``CREATES``.
        digest: keyed digest of a claimed value.
        claimed: (claim kind, digest) -> the claim, as far as it was looked up; so that repeating an identity is seen.
        tickets: of customers that may be forgotten: the tickets whose own text goes with them.
        matrix: priority by impact and urgency.
        log_is_empty: nothing at all is recorded yet; asked for the adoption of a policy.
    """

    actor: Actor
    command_id: UUID
    now: datetime
    occurred_at: datetime | None = None
    claimed_at: datetime | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    content: Content | None = None
    new_ids: tuple[UUID, ...] = ()
    digest: Digest | None = None
    claimed: Mapping[tuple[str, bytes], Claim] = field(default_factory=dict)
    tickets: Mapping[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    matrix: Matrix = field(default_factory=lambda: ITIL)
    log_is_empty: bool = False
    _ends: dict[UUID, tuple[int, datetime | None]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("now", "occurred_at", "claimed_at"):
            value = getattr(self, name)
            if value is not None and value.utcoffset() is None:
                raise InvalidCommand(
                    "decide",
                    name,
                    value.isoformat(),
                    "a time with its zone",
                    "say the zone, for example 2026-11-22T09:00:00+01:00",
                )

    @property
    def at(self) -> datetime:
        """When it happened, as given."""
        return self.occurred_at or self.now

    def restart(self) -> Context:
        """Forget what was stamped, so that the next decision depends on nothing of an earlier one; return the context."""
        self._ends.clear()
        return self

    def stamp(self, cls: type[E], of: Ticket | Customer | Message | Policies | Agent | UUID, /, **payload: Any) -> E:
        """Return the next event of an aggregate; *of*: its state, or the id of a new one.

        Versions follow each other, also when one decision records several events of an aggregate. ``occurred_at``
        never goes back within an aggregate; a time that would is kept in ``occurred_raw``.
        """
        if isinstance(of, UUID):
            id_, (version, last) = of, self._ends.get(of, (0, None))
        else:
            id_, (version, last) = of.id, self._ends.get(of.id, (of.version, of.last_at))
        at = self.occurred_at or self.now
        late = last is not None and at < last
        occurred_at = last if late and last is not None else at
        self._ends[id_] = (version + 1, occurred_at)
        meta = _meta({
            "occurred_at": occurred_at,
            "occurred_raw": at if late else None,
            "claimed_at": self.claimed_at,
            "actor": self.actor,
            "command_id": self.command_id,
            "correlation_id": self.correlation_id,
            "causation_id": self.causation_id,
        })  # fmt: skip
        event: E = cls.__pydantic_validator__.validate_python(
            {"originator_id": id_, "originator_version": version + 1, "meta": meta, **payload}
        )
        return event

    def claim(self, kind: str, value: str, ref: Event) -> Claim:
        """Return the claim of the aggregate of *ref* on a value; *ref* is the event that tells it."""
        return Claim(kind, self.digest_of(kind, value), ref.originator_id, ref.originator_version)

    def digest_of(self, kind: str, value: str) -> bytes:
        """Return the keyed digest of a claimed value."""
        if self.digest is None:
            raise ValueError(f"cannot claim a value of kind {kind!r}: the context has no digest, expected a function")
        return self.digest(kind, value)
