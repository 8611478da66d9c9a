"""Queries about customers: who they are, and who belongs to an organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.api.base import Api, Name
from ticketcore.api.given import ShowCustomer, asked
from ticketcore.customer_view import CustomerView, customer_view
from ticketcore.domain.customer import Customer
from ticketcore.errors import NotFound
from ticketcore.execution import project
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.permissions import Action, Facts, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.domain.types import Actor
    from ticketcore.read_models import ReadModels
    from ticketcore.settings import Settings
    from ticketcore.store.codec import Codec

__all__ = ["CustomerQueries"]


class CustomerQueries(Api):
    """One method per query; each asks the permission of *by* first."""

    _codec: Codec
    _read: ReadModels
    _settings: Settings

    def show_customer(self, customer: Name, *, by: Actor) -> CustomerView:
        """Return who a customer is: name, language, organisation, identities, merges; from the log, so never stale.

        Raises:
            NotFound: no such customer.
        """
        asked(ShowCustomer, by=by)
        id_ = self._id(customer, Kind.CUSTOMER)
        events = [self._codec.decode(record) for record in self._log.load((id_,)).streams.get(id_, ())]
        state = project(None, id_, events)
        if not isinstance(state, Customer):
            raise NotFound("customer", number_of(id_) if kind_of(id_) is not None else id_)
        own = id_ in self._executor.identities(by)
        check(by, Action.SHOW_CUSTOMER, Facts(f"customer {state.number}", own=own))
        return customer_view(state, self._opened(events))

    def members(self, organisation: Name, *, by: Actor) -> Sequence[str]:
        """Return the numbers of the customers that belong to an organisation, oldest first; from the read models.

        Args:
            organisation: its customer number or id, or the name that the host gave as ``organisation_id``.
            by: who asks.
        """
        asked(ShowCustomer, by=by)
        check(by, Action.FIND_CUSTOMER, Facts("customers"))
        names = [str(organisation)]
        if kind_of_name(organisation):
            todo = [self._id(organisation, Kind.CUSTOMER)]
            names = []
            while todo:  # who belongs to a record that was merged into it is its member too
                state = self._executor.load((todo[-1],))[todo.pop()]
                if isinstance(state, Customer):
                    names.append(state.number)
                    todo += state.absorbed
        if self._settings.projects_inline:
            self._read.catch_up()
        return [number_of(id_) for id_ in self._read.members(names)]


def kind_of_name(name: Name) -> bool:
    """Return whether *name* is a customer's number or id, rather than a host's own name of an organisation."""
    return not isinstance(name, str) or name.strip()[:2].upper() == "C-"
