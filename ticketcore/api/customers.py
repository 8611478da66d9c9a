"""Commands to customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from ticketcore.api.base import Api, Name
from ticketcore.domain import customer_commands as cmd
from ticketcore.domain.types import Actor, Assurance, IdentityKind
from ticketcore.execution import Options, Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CustomerCommands"]


class CustomerCommands(Api):
    """One method per command to a customer."""

    def register_customer(
        self,
        *,
        by: Actor,
        name: str | None = None,
        language: str | None = None,
        organisation_id: str | None = None,
        external: str | None = None,
        identities: Sequence[cmd.Identity] = (),
        **options: Unpack[Options],
    ) -> Recorded:
        """Make a person known, with any identities at once.

        Raises:
            ClaimTaken: an identity or the outside number belongs to another customer.
        """
        return self._do(
            cmd.RegisterCustomer, by, options, name=name, language=language, organisation_id=organisation_id,
            external=external, identities=identities,
        )  # fmt: skip

    def identify(
        self,
        customer: Name,
        *,
        by: Actor,
        kind: IdentityKind | str,
        value: str,
        assurance: Assurance | str = Assurance.UNVERIFIED,
        **options: Unpack[Options],
    ) -> Recorded:
        """Record that the customer is reached or recognised by *value*; all but IP addresses belong to one customer.

        What a record that was merged into this one holds is this customer's already, and nothing is recorded; where
        it is surer now it moves to this record, and stays here if the merge is undone.

        Raises:
            ClaimTaken: it belongs to another customer: merge the two, or remove it there.
        """
        id_ = self._customer(customer)
        return self._do(cmd.Identify, by, options, customer_id=id_, kind=kind, value=value, assurance=assurance)

    def remove_identity(self, customer: Name, *, by: Actor, identity: int, **options: Unpack[Options]) -> Recorded:
        """Take away the identity that the event of version *identity* gave."""
        return self._do(cmd.RemoveIdentity, by, options, customer_id=self._customer(customer), identity=identity)

    def describe_customer(
        self,
        customer: Name,
        *,
        by: Actor,
        name: str | None = None,
        language: str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Say what the customer is called and in which language they write; ``None`` leaves it as it is."""
        id_ = self._customer(customer)
        return self._do(cmd.DescribeCustomer, by, options, customer_id=id_, name=name, language=language)

    def add_domain(self, customer: Name, *, by: Actor, domain: str, **options: Unpack[Options]) -> Recorded:
        """Say that the customer is an organisation whose people write from this mail domain.

        Senders with a verified address under it join the organisation when they become known.

        Raises:
            ClaimTaken: it is another organisation's.
            InvalidCommand: it is no domain, or a public provider's.
        """
        return self._do(cmd.AddDomain, by, options, customer_id=self._customer(customer), domain=domain)

    def remove_domain(self, customer: Name, *, by: Actor, added: int, **options: Unpack[Options]) -> Recorded:
        """Take away the mail domain that the event of version *added* gave; members stay members."""
        return self._do(cmd.RemoveDomain, by, options, customer_id=self._customer(customer), added=added)

    def move_to_organisation(
        self, customer: Name, *, by: Actor, organisation_id: str | None, **options: Unpack[Options]
    ) -> Recorded:
        """Let the customer belong to another organisation, or to none."""
        id_ = self._customer(customer)
        return self._do(cmd.MoveToOrganisation, by, options, customer_id=id_, organisation_id=organisation_id)

    def merge_customers(self, customer: Name, *, by: Actor, into: Name, **options: Unpack[Options]) -> Recorded:
        """Say that both records are one person; *into* stands for both."""
        id_, target = self._customer(customer), self._customer(into)
        return self._do(cmd.MergeCustomers, by, options, customer_id=id_, target_id=target)

    def unmerge_customers(self, customer: Name, *, by: Actor, **options: Unpack[Options]) -> Recorded:
        """Undo the merge that *customer* ended in."""
        return self._do(cmd.UnmergeCustomers, by, options, customer_id=self._customer(customer))

    def forget(self, customer: Name, *, by: Actor, reason: str, **options: Unpack[Options]) -> Recorded:
        """Destroy the person's keys, those of merged records, and of text on tickets that were nobody's before theirs.

        There is no way back. Text sealed for other persons (an answer in another customer's ticket) stays. *reason* is
        recorded in clear.
        """
        return self._do(cmd.Forget, by, options, customer_id=self._customer(customer), reason=reason)
