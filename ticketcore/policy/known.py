"""What rules know of a ticket: every field that conditions can ask for, from its case and from what lies outside of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.policy.facts import Facts
from ticketcore.policy.fields import FIELDS, WEEKDAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ticketcore.policy.case import Case
    from ticketcore.policy.outside import History, Outside, Requester, Words
    from ticketcore.policy.schedule import Adopted

__all__ = ["facts_of"]


def facts_of(case: Case, policy: Adopted, outside: Outside, now: datetime) -> Facts:
    """Return what rules of *policy* know of a ticket at *now*; what lies outside is asked for when a rule looks at it."""
    known = _Known(case, policy, outside, now)
    return Facts(_Bound(known), policy.calendars, policy.zone, lambda: known.words.found)


class _Bound(Mapping[str, "Callable[[], Any]"]):
    """The sources of one ticket's values. A source is made when it is asked for: most never are, and a ticket's history
    has facts for each of its events.
    """

    __slots__ = ("_known",)

    def __init__(self, known: _Known) -> None:
        self._known = known

    def __getitem__(self, field: str) -> Callable[[], Any]:
        return partial(_SOURCES[field], self._known)

    def __iter__(self) -> Iterator[str]:
        return iter(_SOURCES)

    def __len__(self) -> int:
        return len(_SOURCES)


class _Known(NamedTuple):
    case: Case
    policy: Adopted
    outside: Outside
    now: datetime

    @property
    def words(self) -> Words:
        return self.outside.words(self.case.opened)

    @property
    def requester(self) -> Requester | None:
        customer = self.case.ticket.requester_id
        return None if customer is None else self.outside.requester(customer)

    @property
    def history(self) -> History:
        return self.outside.history(self.case.ticket)

    @property
    def local(self) -> datetime:
        return self.case.ticket.opened_at.astimezone(self.policy.zone)


def _of_ticket(name: str) -> Callable[[_Known], Any]:
    return lambda known: getattr(known.case.ticket, name)


def _of_requester(name: str) -> Callable[[_Known], Any]:
    return lambda known: getattr(known.requester, name, None)


def _promise(target: str) -> Callable[[_Known], Any]:
    return lambda known: next((state for of, state in known.case.ticket.sla if of == target), None)


def _texts(known: _Known, *names: str) -> tuple[str, ...] | None:
    words = known.words
    return tuple(text for name in names if (text := getattr(words, name)) is not None) or None


_SOURCES: dict[str, Callable[[_Known], Any]] = {
    "subject": lambda known: _texts(known, "subject"),
    "body": lambda known: _texts(known, "body"),
    "text": lambda known: _texts(known, "subject", "body"),
    "language": lambda known: known.case.opened.language,
    "tags": lambda known: frozenset(known.case.ticket.tags),
    "team": _of_ticket("team_id"),
    "agent": _of_ticket("agent_id"),
    "requester": _of_requester("number"),
    "organisation": _of_requester("organisation"),
    "requester.language": _of_requester("language"),
    "age": lambda known: known.now - known.case.ticket.opened_at,
    "opened": _of_ticket("opened_at"),
    "opened.time": lambda known: known.local.time(),
    "opened.weekday": lambda known: WEEKDAYS[known.local.weekday()],
    "replies": lambda known: known.case.replies,
    "has_attachments": lambda known: known.words.has_attachments,
    "history.tickets": lambda known: known.history.tickets,
    "history.open": lambda known: known.history.open,
    "history.had_agent": lambda known: known.history.agents,
    **{
        name: _of_ticket(name)
        for name in (
            "channel", "category", "subcategory", "priority", "impact", "urgency", "status", "external", "reopens", "score",
        )
    },
    **{name: _promise(name.removeprefix("sla.")) for name in FIELDS if name.startswith("sla.")},
}  # fmt: skip
"""Field -> its value; all that conditions can ask for."""
