"""The events of a customer."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from ticketcore.domain.base import Event
from ticketcore.domain.ticket_events import PersonalText
from ticketcore.domain.types import Assurance, IdentityKind, Label


class CustomerEvent(Event):
    """Base of all events of a customer."""


class Registered(CustomerEvent):
    """A customer became known."""

    TOPIC: ClassVar[str] = "customer.registered"
    name: PersonalText = None
    language: Label | None = None
    organisation_id: Label | None = None
    external: Label | None = None


class Identified(CustomerEvent):
    """The customer is reached or recognised by this; the identity's id is the event's version.

    ``value`` is normalised: a mail address in lower case, a phone number as digits with a leading ``+``.
    """

    TOPIC: ClassVar[str] = "customer.identified"
    kind: IdentityKind
    value: PersonalText = None
    assurance: Assurance


class IdentityRemoved(CustomerEvent):
    """An identity is the customer's no more; ``identity``: version of the event that gave it."""

    TOPIC: ClassVar[str] = "customer.identity_removed"
    identity: Annotated[int, Field(ge=1)]


class Described(CustomerEvent):
    """What is known of the customer changed; ``name`` and ``language`` are the new values, ``None`` where unchanged."""

    TOPIC: ClassVar[str] = "customer.described"
    name: PersonalText = None
    language: Label | None = None


class DomainAdded(CustomerEvent):
    """The customer is an organisation whose people write from this mail domain; its id is the event's version."""

    TOPIC: ClassVar[str] = "customer.domain_added"
    domain: PersonalText = None


class DomainRemoved(CustomerEvent):
    """A mail domain is the organisation's no more; ``added``: version of the event that gave it."""

    TOPIC: ClassVar[str] = "customer.domain_removed"
    added: Annotated[int, Field(ge=1)]


class Moved(CustomerEvent):
    """The customer belongs to another organisation, or to none."""

    TOPIC: ClassVar[str] = "customer.moved"
    organisation_id: Label | None


class CustomerMerged(CustomerEvent):
    """This customer is the same person as ``target_id``, who stands for both from now on."""

    TOPIC: ClassVar[str] = "customer.merged"
    target_id: UUID


class CustomerAbsorbed(CustomerEvent):
    """Another record of the same person was merged into this one."""

    TOPIC: ClassVar[str] = "customer.absorbed"
    source_id: UUID


class CustomerUnmerged(CustomerEvent):
    """The merge into ``target_id`` was undone."""

    TOPIC: ClassVar[str] = "customer.unmerged"
    target_id: UUID


class CustomerReleased(CustomerEvent):
    """A record that had been merged into this one stands alone again."""

    TOPIC: ClassVar[str] = "customer.released"
    source_id: UUID


class CustomerForgotten(CustomerEvent):
    """The person's key was destroyed: nothing personal about them can be read any more, anywhere.

    ``tickets``: those, and inbound messages, whose own keys went along, since they had belonged to nobody known before
    they were this customer's.
    """

    TOPIC: ClassVar[str] = "customer.forgotten"
    reason: Label
    tickets: tuple[UUID, ...] = ()
