"""Whom a message is from: matched, else registered, and completed by what is learned later."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from ticketcore.api.customers import CustomerCommands
from ticketcore.api.given import MatchCustomer, asked
from ticketcore.domain.customer import Customer
from ticketcore.domain.decide_customer import identity_kind
from ticketcore.domain.types import Actor, Assurance, IdentityKind, Label
from ticketcore.errors import ClaimTaken, Forgotten
from ticketcore.ids import number_of
from ticketcore.intake.customers import Match, join_by_domain, match_customer, organisation_of
from ticketcore.permissions import Action, Facts, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.api.base import Name
    from ticketcore.domain.customer_commands import Identity
    from ticketcore.intake.directory import CustomerDirectory, Found

__all__ = ["Sender", "Senders"]

_SUREST_FIRST = tuple(Assurance)
_ATTEMPTS = 5


class Sender(NamedTuple):
    """Who a sender is.

    Attributes:
        match: whom the identities lead to, after a registration.
        registered: whether the customer became known by this.
        directory: what the directory outside said: ``found``, ``unknown``, ``away``; ``None`` where it was not asked.
    """

    match: Match
    registered: bool = False
    directory: str | None = None

    @property
    def customer(self) -> UUID | None:
        """The customer; ``None`` where it is ambiguous, or nobody could be registered."""
        return self.match.customer


class Senders(CustomerCommands):
    """Matching, registering and completing of senders."""

    directory: CustomerDirectory | None = None
    """A customer data base outside that unknown senders are looked up in."""

    def match_customer(self, identities: Sequence[Identity], *, by: Actor) -> Match:
        """Return whom a sender's *identities* lead to: nobody, one customer, or several; see :class:`Match`."""
        asked(MatchCustomer, by=by, identities=tuple(identities))
        check(by, Action.FIND_CUSTOMER, Facts("customers"))
        return self._match(identities)

    def organisation_of(self, customer: Name, *, by: Actor) -> str | None:
        """Return which organisation a customer belongs to now: its customer number, or the host's own name for it."""
        id_ = self._customer(customer)
        check(by, Action.FIND_CUSTOMER, Facts("customers"))
        return None if id_ is None else organisation_of(id_, log=self._log, load=self._executor.load)

    def know_sender(
        self,
        identities: Sequence[Identity],
        *,
        by: Actor,
        command_id: UUID,
        name: str | None = None,
        language: str | None = None,
    ) -> Sender:
        """Return who a sender is; whoever is unknown is registered with all identities.

        An unknown sender is looked up in the directory outside first: where that knows them under an identity of
        somebody known here, it is that one. Where it is away, they are registered as they are, and completed when they
        write again. A verified address under an organisation's mail domain makes them a member. Of somebody known, an
        address that is surer now is recorded as such, and a sure one that is new where a sure one is theirs already:
        not where only an unverified number or address, which anybody can write, leads to them. Identities that nobody
        can own alone (``ip``) register nobody.

        Args:
            identities: how the sender is known, surest first or not.
            by: who registers.
            command_id: names the registration; repeating it registers nobody twice.
            name: as the message gives it.
            language: of the message; a BCP 47 tag.
        """
        asked(MatchCustomer, by=by, identities=tuple(identities))
        check(by, Action.FIND_CUSTOMER, Facts("customers"))
        said: str | None = None
        for attempt in range(_ATTEMPTS):
            match = self._match(identities)
            if match.ambiguous or not any(identity_kind(identity.kind) for identity in identities):
                return Sender(match, directory=said)
            id_ = match.customer
            found: Found | None = None
            if id_ is None or not self._is_complete(id_):
                theirs = identities if id_ is None else [identities[at] for at, who in match.found if who == id_]
                found, said = self._looked_up(theirs)
            wider = (*identities, *_others(found, identities))
            if id_ is None and found is not None:
                known = self._match(wider)
                if known.customer is not None:
                    id_ = known.customer
                elif known.ambiguous:  # the directory says one, the log says two: only what the message says counts
                    wider, found = tuple(identities), None
            if id_ is not None:
                with suppress(ClaimTaken, Forgotten):  # somebody else was faster: the next message completes it
                    self._complete(id_, wider, found, by, command_id)
                return Sender(self._match(identities), directory=said)
            step = uuid5(command_id, f"register {attempt}") if attempt else command_id
            with suppress(ClaimTaken):
                self.register_customer(
                    by=by, name=(found and found.name) or name, language=(found and found.language) or language,
                    organisation_id=(found and found.organisation_id) or self._joined(wider),
                    identities=wider, command_id=step,
                )  # fmt: skip
                return Sender(self._match(identities), registered=True, directory=said)
        return Sender(self._match(identities), directory=said)

    def _match(self, identities: Sequence[Identity]) -> Match:
        return match_customer(identities, log=self._log, sealer=self._sealer, load=self._executor.load)

    def _joined(self, identities: Sequence[Identity]) -> Label | None:
        return join_by_domain(identities, log=self._log, sealer=self._sealer, load=self._executor.load)

    def _state(self, id_: UUID) -> Customer | None:
        state = self._executor.load((id_,))[id_]
        return state if isinstance(state, Customer) else None

    def _is_complete(self, id_: UUID) -> bool:
        """Return whether a directory has nothing to add: there is none, or the customer is known by its number in it."""
        state = None if self.directory is None else self._state(id_)
        return state is None or any(kind is IdentityKind.EXTERNAL for _, kind, _ in state.identities)

    def _looked_up(self, identities: Sequence[Identity]) -> tuple[Found | None, str | None]:
        if self.directory is None:
            return None, None
        for identity in identities:
            if identity_kind(identity.kind) is None:
                continue
            try:
                found = self.directory.lookup(identity)
            except Exception:  # noqa: BLE001 -- whatever fails outside, the message is taken in
                return None, "away"
            if found is not None:
                return found, "found"
        return None, "unknown"

    def _complete(
        self, id_: UUID, identities: Sequence[Identity], found: Found | None, by: Actor, command_id: UUID
    ) -> None:
        """Record of a known customer what is new: identities, surer ones, organisation; each step repeatable."""
        state = self._state(id_)
        if state is None or state.forgotten:
            return
        number = number_of(id_)
        news, shown = False, self._is_shown(id_, identities)
        for at, identity in enumerate(identities):
            kind = identity_kind(identity.kind)
            claim = None if kind is None else self._log.owner(kind, self._sealer.identity_digest(kind, identity.value))
            if claim is None:
                # A stranger could write another's number beside an own address that is verified: what is sure is added to
                # whom something sure leads to, else what is known outside.
                sure = shown and identity.assurance is not Assurance.UNVERIFIED
                is_new = sure or (found and identity in found.identities)
            else:
                is_new = self._is_surer(identity, claim.owner, claim.ref)
            if kind is None or not is_new:
                continue
            step = uuid5(command_id, f"identify {at}")
            self.identify(
                number, by=by, kind=identity.kind, value=identity.value, assurance=identity.assurance, command_id=step
            )
            news = True
        organisation = (found and found.organisation_id) or (self._joined(identities) if news else None)
        if organisation and state.organisation_id is None and organisation != number and not state.domains:
            step = uuid5(command_id, "join")
            self.move_to_organisation(number, by=by, organisation_id=organisation, command_id=step)
        if found is not None and found.name is not None:
            step = uuid5(command_id, "describe")
            self.describe_customer(number, by=by, name=found.name, language=found.language, command_id=step)

    def _is_shown(self, id_: UUID, identities: Sequence[Identity]) -> bool:
        """Return whether a sure identity among *identities* is the customer's already: it is them who write."""
        sure = [identity for identity in identities if identity.assurance is not Assurance.UNVERIFIED]
        return id_ in self._match(sure).customers

    def _is_surer(self, identity: Identity, owner: UUID, version: int) -> bool:
        state = self._state(owner)
        known = next((sure for at, _, sure in state.identities if at == version), None) if state else None
        return known is not None and _SUREST_FIRST.index(identity.assurance) < _SUREST_FIRST.index(known)


def _others(found: Found | None, identities: Sequence[Identity]) -> tuple[Identity, ...]:
    known = {(identity.kind, identity.value) for identity in identities}
    return () if found is None else tuple(i for i in found.identities if (i.kind, i.value) not in known)
