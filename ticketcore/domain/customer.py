"""The state of a customer as a fold over its events; it holds nothing personal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain import customer_events as ev
from ticketcore.domain.types import Assurance, IdentityKind
from ticketcore.ids import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event

__all__ = ["Customer", "evolve", "project"]


class Customer(NamedTuple):
    """What a customer is now.

    Attributes:
        identities: ``(version of the identifying event, kind, how sure)``, in order.
        domains: of an organisation: versions of the events that gave its mail domains.
        merged_into: the record that stands for this one too.
    """

    id: UUID
    version: int
    registered_at: datetime
    last_at: datetime
    language: str | None = None
    organisation_id: str | None = None
    external: str | None = None
    identities: tuple[tuple[int, IdentityKind, Assurance], ...] = ()
    domains: tuple[int, ...] = ()
    merged_into: UUID | None = None
    absorbed: frozenset[UUID] = frozenset()
    forgotten: bool = False

    @property
    def number(self) -> str:
        """The customer's number as people write it."""
        return number_of(self.id)


def project(state: Customer | None, events: Iterable[Event]) -> Customer | None:
    """Fold *events* into *state*; the repository's projector function."""
    for event in events:
        state = evolve(state, event)
    return state


def evolve(state: Customer | None, event: Event) -> Customer | None:
    """Return the state after *event*. Never raises. Events before the registration are passed over."""
    meta = event.meta
    if state is None:
        if not isinstance(event, ev.Registered):
            return None
        return Customer(
            id=event.originator_id,
            version=event.originator_version,
            registered_at=meta.occurred_at,
            last_at=meta.occurred_at,
            language=event.language,
            organisation_id=event.organisation_id,
            external=event.external,
        )
    changes: dict[str, Any] = {"version": event.originator_version, "last_at": meta.occurred_at}
    change = _CHANGES.get(event.TOPIC)
    if change is not None:
        changes.update(change(state, event))
    return state._replace(**changes)


_CHANGES: dict[str, Callable[[Customer, Any], Mapping[str, object]]] = {
    "customer.identified": lambda c, e: {
        "identities": (*c.identities, (e.originator_version, e.kind, e.assurance)),
    },
    "customer.identity_removed": lambda c, e: {"identities": tuple(i for i in c.identities if i[0] != e.identity)},
    "customer.described": lambda c, e: {"language": e.language or c.language},
    "customer.domain_added": lambda c, e: {"domains": (*c.domains, e.originator_version)},
    "customer.domain_removed": lambda c, e: {"domains": tuple(d for d in c.domains if d != e.added)},
    "customer.moved": lambda _, e: {"organisation_id": e.organisation_id},
    "customer.merged": lambda _, e: {"merged_into": e.target_id},
    "customer.unmerged": lambda *_: {"merged_into": None},
    "customer.absorbed": lambda c, e: {"absorbed": c.absorbed | {e.source_id}},
    "customer.released": lambda c, e: {"absorbed": c.absorbed - {e.source_id}},
    "customer.forgotten": lambda *_: {"forgotten": True, "identities": (), "domains": ()},
}
