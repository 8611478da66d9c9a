"""Which customer a sender is: asked of the claims and the log, so it is never stale; merged records lead to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.customer import Customer
from ticketcore.domain.decide_customer import DOMAIN, identity_kind
from ticketcore.domain.domains import domain_of
from ticketcore.domain.types import Assurance, IdentityKind
from ticketcore.errors import BadNumber
from ticketcore.ids import Kind, aggregate_id, number_of, parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from uuid import UUID

    from ticketcore.domain.customer_commands import Identity
    from ticketcore.execution import State
    from ticketcore.sealing.sealer import Sealer
    from ticketcore.store.port import EventLog

__all__ = ["Match", "join_by_domain", "match_customer", "organisation_of", "standing_customer"]

_States = dict["UUID", "State | None"]


class Match(NamedTuple):
    """Whom a sender's identities lead to.

    Attributes:
        customers: the records that stand, in the order of the identities; none: nobody known, several: ambiguous.
        found: per identity that is somebody's: its index among the given ones, and the record that stands for it.
    """

    customers: tuple[UUID, ...] = ()
    found: tuple[tuple[int, UUID], ...] = ()

    @property
    def customer(self) -> UUID | None:
        """The one customer, ``None`` where nobody is known or it is ambiguous."""
        return self.customers[0] if len(self.customers) == 1 else None

    @property
    def ambiguous(self) -> bool:
        """Whether the identities belong to several customers: a person has to decide."""
        return len(self.customers) > 1


def match_customer(
    identities: Sequence[Identity],
    *,
    log: EventLog,
    sealer: Sealer,
    load: Callable[[Iterable[UUID]], Mapping[UUID, State | None]],
) -> Match:
    """Return whom *identities* belong to; addresses of the kind ``ip`` belong to nobody.

    An organisation's identity (its contract number) beside one of its members' says nothing against the member.

    Args:
        identities: normalised, as any :class:`~ticketcore.domain.customer_commands.Identity` is.
        log: whose claims are asked.
        sealer: whose keyed digests they are.
        load: states as the log has them now.
    """
    owners: dict[int, UUID] = {}
    for index, identity in enumerate(identities):
        kind = identity_kind(identity.kind)
        claim = None if kind is None else log.owner(kind, sealer.identity_digest(kind, identity.value))
        if claim is not None:
            owners[index] = claim.owner
    if not owners:
        return Match()
    states = _with_targets(owners.values(), load)
    found = {index: _standing(owner, states) for index, owner in owners.items()}
    customers = tuple(dict.fromkeys(found.values()))
    if len(customers) > 1:
        theirs = {state.organisation_id for id_ in customers if isinstance(state := states.get(id_), Customer)}
        persons = tuple(id_ for id_ in customers if number_of(id_) not in theirs)
        customers = persons or customers
    return Match(customers, tuple(found.items()))


def organisation_of(
    customer: UUID, *, log: EventLog, load: Callable[[Iterable[UUID]], Mapping[UUID, State | None]]
) -> str | None:
    """Return which organisation a customer belongs to now, merges of both resolved; ``None`` for none.

    Two customers are of one organisation where it is equal, and not ``None``. An organisation belongs to itself.

    Returns:
        The organisation's customer number; or whatever name the host gave as ``organisation_id``, as it is.
    """
    states = _with_targets((customer,), load)
    state = states[_standing(customer, states)]
    if not isinstance(state, Customer):
        return None
    if state.domains:
        return state.number
    label = state.organisation_id
    if label is None:
        return None
    try:
        organisation = aggregate_id(parse_number(label, Kind.CUSTOMER), log.name)
    except BadNumber:
        return label
    return number_of(standing_customer(organisation, load=load))


def join_by_domain(
    identities: Iterable[Identity],
    *,
    log: EventLog,
    sealer: Sealer,
    load: Callable[[Iterable[UUID]], Mapping[UUID, State | None]],
) -> str | None:
    """Return the number of the organisation whose mail domain one of *identities* lies under, ``None`` for none.

    Only an address that is verified counts: anybody can write any address into a mail.
    """
    for identity in identities:
        sure = identity.assurance is not Assurance.UNVERIFIED
        domain = domain_of(identity.value) if sure and identity.kind is IdentityKind.MAIL else None
        claim = None if domain is None else log.owner(DOMAIN, sealer.identity_digest(DOMAIN, domain))
        if claim is not None:
            return number_of(standing_customer(claim.owner, load=load))
    return None


def standing_customer(id_: UUID, *, load: Callable[[Iterable[UUID]], Mapping[UUID, State | None]]) -> UUID:
    """Return the record that stands for a customer after all merges; any other aggregate stands for itself."""
    return _standing(id_, _with_targets((id_,), load))


def _with_targets(ids: Iterable[UUID], load: Callable[[Iterable[UUID]], Mapping[UUID, State | None]]) -> _States:
    """Return the states of *ids* and of all that they were merged into."""
    states: _States = {}
    todo = set(ids)
    while todo:
        states.update(load(todo))
        merged = (state.merged_into for id_ in todo if isinstance(state := states[id_], Customer))
        todo = {id_ for id_ in merged if id_ is not None and id_ not in states}
    return states


def _standing(id_: UUID, states: Mapping[UUID, State | None]) -> UUID:
    seen = {id_}
    while (
        isinstance(state := states[id_], Customer) and state.merged_into is not None and state.merged_into not in seen
    ):
        id_ = state.merged_into
        seen.add(id_)
    return id_
