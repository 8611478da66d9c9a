"""Decisions about customers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ticketcore.domain import customer_commands as cmd
from ticketcore.domain import customer_events as ev
from ticketcore.domain.commands import Command
from ticketcore.domain.context import Context, Digest
from ticketcore.domain.customer import Customer
from ticketcore.domain.decision import NOTHING, Decider, Decision, States, found_customer
from ticketcore.domain.types import Assurance, IdentityKind
from ticketcore.errors import Forgotten, NotFound, WrongState
from ticketcore.ids import number_of
from ticketcore.store.port import Claim, Release

__all__ = ["DECIDERS", "DOMAIN", "claim_keys", "identity_kind"]

DOMAIN = "domain"
"""Kind of the claim on a mail domain: it belongs to one organisation."""
_SUREST_FIRST = tuple(Assurance)


def identity_kind(kind: IdentityKind) -> str | None:
    """Return the kind of claim that makes an identity unique; ``None`` for those that many share."""
    return None if kind is IdentityKind.IP else f"identity:{kind.value}"


def claim_keys(command: Command, digest: Digest) -> tuple[tuple[str, bytes], ...]:
    """Return what ``Context.claimed`` should hold where it is claimed: (claim kind, digest)."""
    if isinstance(command, cmd.AddDomain):
        return ((DOMAIN, digest(DOMAIN, command.domain)),)
    if not isinstance(command, cmd.Identify):
        return ()
    kind = identity_kind(command.kind)
    return () if kind is None else ((kind, digest(kind, command.value)),)


def _usable(states: States, command: cmd.CustomerCommand) -> Customer:
    customer = found_customer(states, command.customer_id)
    _check(customer, command.NAME)
    return customer


def _check(customer: Customer, name: str) -> None:
    if customer.forgotten:
        raise Forgotten(f"customer {customer.number}")
    if customer.merged_into is not None:
        target = number_of(customer.merged_into)
        remedy = f"go on with {target}, or unmerge it first"
        raise WrongState(name, f"customer {customer.number}", f"it was merged into {target}", (), remedy)


def _identity_claims(context: Context, identity: cmd.Identity, event: ev.Identified) -> tuple[Claim, ...]:
    kind = identity_kind(identity.kind)
    return () if kind is None else (context.claim(kind, identity.value, event),)


def _register(command: cmd.RegisterCustomer, _: States, context: Context) -> Decision:
    id_ = context.new_ids[0]
    registered = context.stamp(
        ev.Registered,
        id_,
        name=command.name,
        language=command.language,
        organisation_id=command.organisation_id,
        external=command.external,
    )
    claims: list[Claim] = []
    if command.external:
        claims.append(context.claim("external:customer", command.external, registered))
    identified = []
    for identity in {(i.kind, i.value): i for i in command.identities}.values():
        fields = {"kind": identity.kind, "value": identity.value, "assurance": identity.assurance}
        event = context.stamp(ev.Identified, id_, **fields)
        identified.append(event)
        claims += _identity_claims(context, identity, event)
    return Decision((registered, *identified), tuple(claims))


def _line_from(owner: UUID, states: States) -> tuple[UUID, ...]:
    """Return *owner* and the records that it was merged into, one after the other, up to one that is not loaded."""
    line = [owner]
    while isinstance(record := states.get(line[-1]), Customer) and record.merged_into is not None:
        line.append(record.merged_into)
    return tuple(line)


def _surer(command: cmd.Identify, than: Assurance) -> bool:
    return _SUREST_FIRST.index(command.assurance) < _SUREST_FIRST.index(than)


def _identify(command: cmd.Identify, states: States, context: Context) -> Decision:
    customer = _usable(states, command)
    kind = identity_kind(command.kind)
    known = context.claimed.get((kind, context.digest_of(kind, command.value))) if kind else None
    line = () if known is None else _line_from(known.owner, states)
    if line and line[-1] not in states:
        return Decision(needs=(line[-1],))
    holder, old = customer, None
    if known is not None and line[-1] == customer.id:
        holder = found_customer(states, known.owner)
        old = next((i for i in holder.identities if i[0] == known.ref), None)
    if old is not None and (old[2] is command.assurance or (holder is not customer and not _surer(command, old[2]))):
        return NOTHING
    removed = () if old is None else (context.stamp(ev.IdentityRemoved, holder, identity=old[0]),)
    fields = {"kind": command.kind, "value": command.value, "assurance": command.assurance}
    event = context.stamp(ev.Identified, customer, **fields)
    releases = () if old is None else (Release(holder.id, old[0]),)
    return Decision((*removed, event), _identity_claims(context, command, event), releases)


def _remove_identity(command: cmd.RemoveIdentity, states: States, context: Context) -> Decision:
    customer = _usable(states, command)
    if command.identity > customer.version:
        known = ", ".join(str(version) for version, *_ in customer.identities) or "none"
        raise NotFound("identity", f"{command.identity} of customer {customer.number}", f"it has {known}")
    if all(version != command.identity for version, *_ in customer.identities):
        return NOTHING
    event = context.stamp(ev.IdentityRemoved, customer, identity=command.identity)
    return Decision((event,), releases=(Release(customer.id, command.identity),))


def _describe(command: cmd.DescribeCustomer, states: States, context: Context) -> Decision:
    customer = _usable(states, command)
    if command.name is None and command.language in (None, customer.language):
        return NOTHING
    return Decision((context.stamp(ev.Described, customer, name=command.name, language=command.language),))


def _add_domain(command: cmd.AddDomain, states: States, context: Context) -> Decision:
    customer = _usable(states, command)
    known = context.claimed.get((DOMAIN, context.digest_of(DOMAIN, command.domain)))
    if known is not None:
        line = _line_from(known.owner, states)
        if line[-1] not in states:
            return Decision(needs=(line[-1],))
        if line[-1] == customer.id:
            return NOTHING
    event = context.stamp(ev.DomainAdded, customer, domain=command.domain)
    return Decision((event,), (context.claim(DOMAIN, command.domain, event),))


def _remove_domain(command: cmd.RemoveDomain, states: States, context: Context) -> Decision:
    customer = _usable(states, command)
    if command.added > customer.version:
        known = ", ".join(map(str, customer.domains)) or "none"
        raise NotFound("mail domain", f"{command.added} of customer {customer.number}", f"it has {known}")
    if command.added not in customer.domains:
        return NOTHING
    event = context.stamp(ev.DomainRemoved, customer, added=command.added)
    return Decision((event,), releases=(Release(customer.id, command.added),))


def _move(command: cmd.MoveToOrganisation, states: States, context: Context) -> Decision:
    customer = _usable(states, command)
    if customer.organisation_id == command.organisation_id:
        return NOTHING
    return Decision((context.stamp(ev.Moved, customer, organisation_id=command.organisation_id),))


def _merge(command: cmd.MergeCustomers, states: States, context: Context) -> Decision:
    source, target = found_customer(states, command.customer_id), found_customer(states, command.target_id)
    if source.merged_into == target.id and not source.forgotten:
        return NOTHING
    _check(source, command.NAME)
    _check(target, "merge into")
    return Decision((
        context.stamp(ev.CustomerMerged, source, target_id=target.id),
        context.stamp(ev.CustomerAbsorbed, target, source_id=source.id),
    ))  # fmt: skip


def _unmerge(command: cmd.UnmergeCustomers, states: States, context: Context) -> Decision:
    source = found_customer(states, command.customer_id)
    if source.forgotten:
        raise Forgotten(f"customer {source.number}")
    if source.merged_into is None:
        remedy = "only a merged customer can be unmerged"
        raise WrongState(command.NAME, f"customer {source.number}", "it is not merged", ("merged",), remedy)
    if source.merged_into not in states:
        return Decision(needs=(source.merged_into,))
    target = found_customer(states, source.merged_into)
    return Decision((
        context.stamp(ev.CustomerUnmerged, source, target_id=target.id),
        context.stamp(ev.CustomerReleased, target, source_id=source.id),
    ))  # fmt: skip


def _forget(command: cmd.Forget, states: States, context: Context) -> Decision:
    customer = found_customer(states, command.customer_id)
    if customer.forgotten:
        return NOTHING
    _check(customer, command.NAME)
    person = [customer]
    needs = []
    for record in person:  # grows: who was merged into those merged into it is the same person too
        for id_ in sorted(record.absorbed):
            if id_ in states:
                person.append(found_customer(states, id_))
            else:
                needs.append(id_)
    if needs:
        return Decision(needs=tuple(needs))
    records = [record for record in person if not record.forgotten]
    return Decision(
        tuple(
            context.stamp(
                ev.CustomerForgotten, record, reason=command.reason, tickets=context.tickets.get(record.id, ())
            )
            for record in records
        ),
        releases=tuple(Release(record.id) for record in records),
        destroy_persons=tuple(record.id for record in records),
    )


DECIDERS: dict[type[Any], Decider] = {
    cmd.RegisterCustomer: _register,
    cmd.Identify: _identify,
    cmd.RemoveIdentity: _remove_identity,
    cmd.DescribeCustomer: _describe,
    cmd.AddDomain: _add_domain,
    cmd.RemoveDomain: _remove_domain,
    cmd.MoveToOrganisation: _move,
    cmd.MergeCustomers: _merge,
    cmd.UnmergeCustomers: _unmerge,
    cmd.Forget: _forget,
}
"""Command class -> its decider."""
