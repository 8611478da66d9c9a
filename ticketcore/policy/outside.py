"""What rules know of a ticket that is not in its own events, as the engine asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.ticket import Ticket
    from ticketcore.domain.ticket_events import Opened

__all__ = ["NOWHERE", "History", "Letter", "Nowhere", "Outside", "Requester", "Words"]


@dataclass(frozen=True, slots=True)
class Words:
    """What a ticket's first message says; ``None`` where it was not given or can't be read any more.

    ``found``: what was worked out of it, so that many looks at one ticket fold and search its text once.
    """

    subject: str | None = None
    body: str | None = None
    has_attachments: bool = False
    found: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


class Requester(NamedTuple):
    """A customer as conditions name one, merged records taken together.

    Attributes:
        number: the customer's (``C-2026-000007-C``).
        organisation: the number of the organisation that the customer belongs to.
        language: that the customer stated, BCP 47.
    """

    number: str | None = None
    organisation: str | None = None
    language: str | None = None


class History(NamedTuple):
    """The tickets that a ticket's requester opened before it: how many, how many are not solved, whose they were."""

    tickets: int = 0
    open: int = 0
    agents: frozenset[str] = frozenset()


class Letter(NamedTuple):
    """What a rule may write to a ticket's requester.

    Attributes:
        text: the whole of it; ``None`` where nothing is to be written.
        language: BCP 47, where it is known.
        withheld: why nothing is to be written, in a word.
    """

    text: str | None = None
    language: str | None = None
    withheld: str | None = None


class Outside(Protocol):
    """Answers when first asked, so that what no rule looks at costs nothing."""

    def words(self, opened: Opened) -> Words:
        """Return what the first message says."""

    def requester(self, customer: UUID) -> Requester:
        """Return what is known of a customer."""

    def history(self, ticket: Ticket) -> History:
        """Return what the ticket's requester asked before."""

    def letter(self, ticket: UUID, template: str, now: datetime) -> Letter:
        """Return the mail that a template makes for a ticket's requester."""


class Nowhere:
    """Nothing is known beside the ticket's events; letters are named, not written."""

    def words(self, opened: Opened) -> Words:
        return Words(opened.subject, opened.body, bool(opened.attachments))

    def requester(self, customer: UUID) -> Requester:
        return Requester()

    def history(self, ticket: Ticket) -> History:
        return History()

    def letter(self, ticket: UUID, template: str, now: datetime) -> Letter:
        return Letter(template)


NOWHERE = Nowhere()
