"""What can be done to a customer."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from ticketcore.domain.commands import Command, CustomerId, normalise
from ticketcore.domain.domains import own_domain
from ticketcore.domain.invalid import Value
from ticketcore.domain.types import Assurance, IdentityKind, Label, Text
from ticketcore.ids import Kind
from ticketcore.permissions import Action

__all__ = [
    "AddDomain", "CustomerCommand", "DescribeCustomer", "Forget", "Identify", "Identity", "MergeCustomers", "MoveToOrganisation", "RegisterCustomer",
    "RemoveDomain", "RemoveIdentity", "UnmergeCustomers",
]  # fmt: skip

_MERGING = frozenset(f"customer.{name}" for name in ("merged", "unmerged", "absorbed", "released", "forgotten"))


class Identity(Value):
    """By what a customer is recognised; ``value`` is normalised when it is built."""

    WHAT: ClassVar[str] = "an identity"

    kind: IdentityKind
    value: Text
    assurance: Assurance = Assurance.UNVERIFIED

    @model_validator(mode="before")
    @classmethod
    def _normalised(cls, values: object) -> object:
        if not isinstance(values, dict) or not isinstance(values.get("value"), str):
            return values
        try:
            kind = IdentityKind(values.get("kind", ""))
        except ValueError:
            return values  # the field's own error says more
        try:
            return {**values, "kind": kind, "value": normalise(kind, values["value"])}
        except ValueError as error:
            context = {"field": "value", "got": values["value"], "expected": str(error), "remedy": "correct it"}
            raise PydanticCustomError("wrong", "{field}: expected {expected} ({remedy})", context) from None


class CustomerCommand(Command):
    """Base of the commands to an existing customer."""

    NOUN: ClassVar[str] = "a customer"
    customer_id: CustomerId

    def streams(self) -> tuple[UUID, ...]:
        return (self.customer_id,)


class RegisterCustomer(Command):
    """Make a person known. ``external``: the number in another system, unique among customers."""

    NAME: ClassVar[str] = "register"
    NOUN: ClassVar[str] = "a customer"
    ACTION: ClassVar[Action] = Action.REGISTER_CUSTOMER
    CREATES: ClassVar[tuple[Kind, ...]] = (Kind.CUSTOMER,)
    name: Text | None = None
    language: Label | None = None
    organisation_id: Label | None = None
    external: Label | None = None
    identities: tuple[Identity, ...] = ()


class Identify(CustomerCommand, Identity):
    """Record that the customer is reached or recognised by a value; its kind and value belong to one customer only.

    Addresses of the kind ``ip`` are shared by many and belong to nobody. What a record that was merged into this one
    holds is this customer's already: it stays there, unless it is surer now, then it moves here, and stays here when
    the merge is undone.
    """

    NAME: ClassVar[str] = "identify"
    ACTION: ClassVar[Action] = Action.IDENTIFY
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"customer.merged", "customer.forgotten"})


class RemoveIdentity(CustomerCommand):
    """Take an identity away. ``identity``: version of the event that gave it."""

    NAME: ClassVar[str] = "remove an identity of"
    ACTION: ClassVar[Action] = Action.REMOVE_IDENTITY
    identity: Annotated[StrictInt, Field(ge=1)]


class DescribeCustomer(CustomerCommand):
    """Say what the customer is called, in which language they write; ``None`` leaves it as it is."""

    NAME: ClassVar[str] = "describe"
    ACTION: ClassVar[Action] = Action.DESCRIBE_CUSTOMER
    name: Text | None = None
    language: Label | None = None


class AddDomain(CustomerCommand):
    """Say that the customer is an organisation whose people write from a mail domain; it is one organisation's only.

    A public provider's domain is nobody's. ``domain`` is normalised: lower case, without ``@`` in front, IDNA.
    """

    NAME: ClassVar[str] = "add a mail domain to"
    ACTION: ClassVar[Action] = Action.ADD_DOMAIN
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"customer.merged", "customer.forgotten"})
    domain: Annotated[Text, AfterValidator(own_domain)]


class RemoveDomain(CustomerCommand):
    """Take a mail domain away. ``added``: version of the event that gave it."""

    NAME: ClassVar[str] = "remove a mail domain of"
    ACTION: ClassVar[Action] = Action.REMOVE_DOMAIN
    added: Annotated[StrictInt, Field(ge=1)]


class MoveToOrganisation(CustomerCommand):
    """Let the customer belong to another organisation, or to none."""

    NAME: ClassVar[str] = "move"
    ACTION: ClassVar[Action] = Action.MOVE_TO_ORGANISATION
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"customer.moved"})
    organisation_id: Label | None


class MergeCustomers(CustomerCommand):
    """Say that two records are one person; ``target_id`` stands for both from then on."""

    NAME: ClassVar[str] = "merge"
    ACTION: ClassVar[Action] = Action.MERGE_CUSTOMERS
    conflicts_with: ClassVar[frozenset[str]] = _MERGING
    target_id: CustomerId

    def streams(self) -> tuple[UUID, ...]:
        return (self.customer_id, self.target_id)

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.customer_id == self.target_id:
            context = {
                "field": "target_id", "got": self.target_id,
                "expected": "another customer", "remedy": "name the record to go on with",
            }  # fmt: skip
            raise PydanticCustomError("wrong", "{field}: expected {expected} ({remedy})", context)
        return self


class UnmergeCustomers(CustomerCommand):
    """Undo a merge: both records stand alone again. Undoing it twice is refused."""

    NAME: ClassVar[str] = "unmerge"
    ACTION: ClassVar[Action] = Action.UNMERGE_CUSTOMERS
    conflicts_with: ClassVar[frozenset[str]] = _MERGING


class Forget(CustomerCommand):
    """Destroy the keys of a person, all records merged into this one included: nothing personal can be read again."""

    NAME: ClassVar[str] = "forget"
    ACTION: ClassVar[Action] = Action.FORGET
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"customer.absorbed", "customer.released", "customer.merged"})
    reason: Label
