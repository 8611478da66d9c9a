"""A customer as people read it: a fold over opened events."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ticketcore.domain import customer_events as ev
from ticketcore.domain.invalid import Frozen
from ticketcore.domain.types import Assurance, IdentityKind
from ticketcore.ids import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketcore.domain.base import Event
    from ticketcore.domain.customer import Customer

__all__ = ["CustomerView", "IdentityView", "customer_view"]


class IdentityView(Frozen):
    """By what a customer is recognised.

    Attributes:
        id: version of the event that gave it.
        value: ``None`` where its key is gone.
    """

    id: int
    kind: IdentityKind
    value: str | None
    assurance: Assurance


class CustomerView(Frozen):
    """A customer, or an organisation, now.

    Attributes:
        name: ``None`` where none is known, or its key is gone.
        organisation: customer number of the organisation, or the host's own name of it.
        domains: of an organisation: its mail domains by the version of the event that gave them.
        merged_into: number of the record that stands for this one too.
        absorbed: numbers of the records that were merged into this one.
    """

    number: str
    version: int
    name: str | None
    language: str | None
    organisation: str | None
    external: str | None
    identities: tuple[IdentityView, ...]
    domains: dict[int, str | None]
    registered_at: datetime
    last_at: datetime
    merged_into: str | None
    absorbed: tuple[str, ...]
    forgotten: bool


def customer_view(state: Customer, events: Iterable[Event]) -> CustomerView:
    """Return what *events*, opened as far as their keys are there, say of a customer in *state*."""
    name: str | None = None
    values: dict[int, str | None] = {}
    for event in events:
        if isinstance(event, ev.Registered | ev.Described):
            name = event.name or name
        elif isinstance(event, ev.Identified):
            values[event.originator_version] = event.value
        elif isinstance(event, ev.DomainAdded):
            values[event.originator_version] = event.domain
    return CustomerView(
        number=state.number,
        version=state.version,
        name=name,
        language=state.language,
        organisation=state.organisation_id,
        external=state.external,
        identities=tuple(
            IdentityView(id=at, kind=kind, value=values.get(at), assurance=sure) for at, kind, sure in state.identities
        ),
        domains={at: values.get(at) for at in state.domains},
        registered_at=state.registered_at,
        last_at=state.last_at,
        merged_into=number_of(state.merged_into) if state.merged_into else None,
        absorbed=tuple(sorted(map(number_of, state.absorbed))),
        forgotten=state.forgotten,
    )
