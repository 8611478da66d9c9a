"""The state of a log's policies as a fold: what was adopted when."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.policy_events import PolicyAdopted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event

__all__ = ["Adoption", "Policies", "project"]


class Adoption(NamedTuple):
    """One adopted document.

    Attributes:
        version: 1, 2, 3, ... in the order of adoption.
        effective_at: from when it decides.
        adopted_at: when it was adopted.
        adopted_by: who did it.
        sha256: of the text's UTF-8 bytes, hex.
    """

    version: int
    effective_at: datetime
    adopted_at: datetime
    adopted_by: str
    sha256: str
    note: str | None
    document: str


class Policies(NamedTuple):
    """All that a log adopted, in order."""

    id: UUID
    version: int
    last_at: datetime
    adopted: tuple[Adoption, ...] = ()

    def in_force(self, at: datetime) -> Adoption | None:
        """Return what decides at *at*; ``None`` before the first."""
        due = [one for one in self.adopted if one.effective_at <= at]
        return max(due, key=lambda one: (one.effective_at, one.version), default=None)


def project(state: Policies | None, events: Iterable[Event]) -> Policies | None:
    """Fold *events* into *state*. Never raises."""
    for event in events:
        id_, version, at = event.originator_id, event.originator_version, event.meta.occurred_at
        known = () if state is None else state.adopted
        if isinstance(event, PolicyAdopted):
            fields = (
                event.version,
                event.effective_at,
                at,
                str(event.meta.actor),
                event.sha256,
                event.note,
                event.document,
            )
            known = (*known, Adoption(*fields))
        state = Policies(id_, version, at, known)
    return state
