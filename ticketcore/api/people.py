"""How customers are written to: their names, languages and mail addresses, merged records taken together."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from ticketcore.domain import customer_events as ev
from ticketcore.domain.types import Assurance, IdentityKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ticketcore.domain.base import Event
    from ticketcore.domain.customer import Customer

    Known = tuple[Customer | None, Sequence[Event]]

__all__ = ["People"]

_SURE = (Assurance.LOGGED_IN, Assurance.SIGNED_LINK, Assurance.VERIFIED)


class People:
    """Customers as they are in the moment: made for one question, it reads each of them once.

    Args:
        load: gives a customer's state and opened events, fresh.
    """

    def __init__(self, load: Callable[[UUID], Known]) -> None:
        self._load = load
        self._known: dict[UUID, Known] = {}

    def standing(self, customer: UUID | None) -> UUID | None:
        """Return the record that stands for a customer after all merges."""
        while customer is not None and (state := self._customer(customer)[0]) and state.merged_into is not None:
            customer = state.merged_into
        return customer

    def name(self, customer: UUID | None) -> str | None:
        """Return the name that was last given, ``None`` where none is known."""
        if customer is None:
            return None
        names = [name for e in self._customer(customer)[1] if (name := getattr(e, "name", None))]
        return names[-1] if names else None

    def language(self, customer: UUID | None) -> str | None:
        """Return the language that the customer stated."""
        state = None if customer is None else self._customer(customer)[0]
        return state.language if state else None

    def forgotten(self, customer: UUID) -> bool:
        """Return whether the customer was forgotten, or there is no such customer."""
        state = self._customer(customer)[0]
        return state is None or state.forgotten

    def addresses(self, customer: UUID) -> list[str]:
        """Return a customer's mail addresses, the best to write to first: verified ones, then the latest."""
        found: list[tuple[bool, int, str]] = []
        todo, seen = [customer], set[UUID]()
        while todo:
            id_ = todo.pop(0)
            state, events = self._customer(id_)
            if state is None or state.forgotten or id_ in seen:
                continue
            seen.add(id_)
            todo += sorted(state.absorbed)
            sure = {version: a in _SURE for version, kind, a in state.identities if kind is IdentityKind.MAIL}
            found += [
                (sure[event.originator_version], event.originator_version, event.value)
                for event in events
                if isinstance(event, ev.Identified) and event.originator_version in sure and event.value
            ]
        return list(dict.fromkeys(value for _, _, value in sorted(found, reverse=True)))

    def _customer(self, id_: UUID) -> Known:
        if id_ not in self._known:
            self._known[id_] = self._load(id_)
        return self._known[id_]
