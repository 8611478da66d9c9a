"""Mails that rules write to customers, and the rating by the link that one of them carries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import uuid5

from ticketcore.api.correspondence import language_of, recipients_of
from ticketcore.api.status import StatusQueries
from ticketcore.domain import delivery_events as dv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.message import Message
from ticketcore.domain.message_events import Automatic
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.ticket_commands import Rate
from ticketcore.domain.types import Actor, Assurance, BounceKind, Channel, Direction, Role
from ticketcore.errors import CommandReused, NotAllowed, NotFound, WrongState
from ticketcore.execution import project
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.permissions import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.api.base import Name
    from ticketcore.api.people import People
    from ticketcore.domain.base import Event
    from ticketcore.execution import Options, Recorded

__all__ = ["MOST_A_DAY", "SURVEY", "SURVEY_DAYS", "Letter", "Notices"]

SURVEY = "survey"
"""The template whose mail asks for a rating."""
SURVEY_DAYS = timedelta(days=30)
"""How long the link in it is valid."""
MOST_A_DAY = 10
"""So many mails of rules a ticket's requester gets within a day: a robot that answers each of them without saying that it is one
would otherwise be written to, and answer, for ever."""


class Letter(NamedTuple):
    """What a rule may write to a ticket's requester.

    Attributes:
        text: the whole of it; ``None`` where nothing is to be written.
        language: BCP 47, where it is known.
        withheld: why not: ``no_sender``, ``no_requester``, ``forgotten``, ``machine`` (a machine wrote the ticket), ``no_address``,
            ``bounced``, ``too_many`` (:data:`MOST_A_DAY` within a day), ``no_template``; of a survey ``no_link`` (no base_url is set) and ``not_solved``.
    """

    text: str | None = None
    language: str | None = None
    withheld: str | None = None


class Notices(StatusQueries):
    """Mails by rules, and ratings by link."""

    def notice(
        self, ticket: Name, template: str, *, by: Actor, now: datetime, reopening: timedelta | None = None
    ) -> Letter:
        """Return what a rule writes to a ticket's requester, or why it must not; nothing is recorded.

        Args:
            ticket: which.
            template: a name in ``notices``, such as ``reminder``.
            by: the policy.
            now: aware; the link of a survey is valid for :data:`SURVEY_DAYS` from then.
            reopening: how long after its closing an answer reopens the ticket, where the policy says so.
        Raises:
            ConfigurationError: the template's file can't be used.
        """
        id_ = self._ticket(ticket)
        events = [r.event for r in self._recorded(id_, by, Action.SHOW_TICKET)]
        state, people = cast("Ticket", project(None, id_, events)), self._people()
        why = self._withheld(people, state, events, now)
        if why is not None:
            return Letter(withheld=why)
        values = self._values(people, state, events, by)
        if reopening is not None and reopening >= timedelta(days=1):
            values["reopen_days"] = str(reopening.days)
        if template == SURVEY:
            solved, base = _solved(events), self._settings.base_url
            requester = people.standing(state.requester_id)
            if solved is None or requester is None:
                return Letter(withheld="not_solved")
            if base is None:
                return Letter(withheld="no_link")
            expires = now + SURVEY_DAYS
            token = self.tokens.rating_token(id_, requester, solved, expires)
            values |= {
                "rating_link": f"{base.rstrip('/')}/rate/{token}",
                "expires": expires.astimezone(UTC).date().isoformat(),
            }
        language = language_of(people, state, events)
        try:
            return Letter(self.templates.render(f"notices/{template}", language, values), language)
        except NotFound:
            return Letter(withheld="no_template")

    def rate_by_link(
        self, token: str, *, score: int, remark: str | None = None, ticket: Name | None = None
    ) -> Recorded:
        """Record the customer's satisfaction by the link of a survey: once for each time that the ticket was solved.

        Args:
            token: as the link carries it; who has it acts as its customer.
            score: 1 (bad) to 5 (good).
            remark: anything more the customer says.
            ticket: which; may be left out, and must be the token's own otherwise.
        Raises:
            LinkForged, LinkExpired: the token is not valid (any more).
            NotAllowed: the ticket is another's, or the customer is neither requester nor participant any more.
            WrongState: the solution was rated otherwise before, or the ticket was solved again since.
            TicketClosed: the ticket was merged.
        """
        of, customer, solved = self.tokens.read_rating(token, datetime.now(UTC))
        which = f"ticket {number_of(of)}"
        if ticket is not None and self._find_ticket(ticket) != of:
            given, remedy = number_of(self._find_ticket(ticket)), "open the link as it was sent"
            raise NotAllowed("this link", "rate", f"ticket {given}", f"the ticket it was made for ({remedy})")
        by = Actor.customer(number_of(customer), Assurance.SIGNED_LINK)
        if solved != _solved([r.event for r in self._recorded(of, by, Action.SHOW_TICKET)]):
            raise WrongState("rate", which, "it was solved again since", (), "follow the link in the newer mail")
        try:
            once: Options = {"command_id": uuid5(of, f"rating of {solved}")}
            return self._do(Rate, by, once, ticket_id=of, score=score, remark=remark)
        except CommandReused:
            remedy = "each solution is rated once: answer the mail to say more"
            raise WrongState("rate", which, "its solution was rated already", (), remedy) from None

    def _withheld(self, people: People, state: Ticket, events: Sequence[Event], now: datetime) -> str | None:
        """Return why no rule may write to the requester."""
        if self._settings.message_domain is None:
            return "no_sender"
        requester = people.standing(state.requester_id)
        if requester is None:
            return "no_requester"
        if people.forgotten(requester):
            return "forgotten"
        if self._by_machine(events):
            return "machine"
        sources = self._sources(events)
        found = [one for one in recipients_of(people, state, events, sources) if one[0] == requester]
        if not found:
            return "no_address"
        if found[0][2].lower() in _dead(events):
            return "bounced"
        return "too_many" if _written_since(events, now - timedelta(days=1)) >= MOST_A_DAY else None

    def _by_machine(self, events: Sequence[Event]) -> bool:
        """Return whether the newest message that came in, or the opening, was written by a machine."""
        came = [e for e in events if isinstance(e, ev.Opened | ev.Commented) and e.direction is Direction.INBOUND]
        causes = {e.meta.causation_id for e in (*came[:1], *came[-1:])}
        ids = tuple(id_ for id_ in causes if id_ is not None and kind_of(id_) is Kind.MESSAGE)
        states = self._executor.load(ids) if ids else {}
        return any(isinstance(m, Message) and m.automatic is not Automatic.ORDINARY for m in states.values())


def _solved(events: Sequence[Event]) -> int | None:
    """Return the version of the event that last solved the ticket."""
    return next((e.originator_version for e in reversed(events) if isinstance(e, ev.Solved)), None)


def _written_since(events: Sequence[Event], since: datetime) -> int:
    """Return how many mails rules wrote since."""
    by_rule = (e for e in events if isinstance(e, ev.Commented) and e.meta.actor.role is Role.POLICY)
    return sum(e.direction is Direction.OUTBOUND and e.meta.occurred_at > since for e in by_rule)


def _dead(events: Sequence[Event]) -> set[str]:
    """Return the addresses from which mail of this ticket came back for good since the customer last wrote by mail."""
    to: dict[int, str | None] = {}
    dead = set[str]()
    for event in events:
        if isinstance(event, dv.DeliveryAttempted):
            to[event.comment] = event.to
        elif isinstance(event, dv.Bounced) and event.kind is BounceKind.HARD:
            dead.add(event.recipient or to.get(event.comment or 0) or "")
        elif isinstance(event, dv.DeliveryFailed) and event.permanent and event.code is not None:
            dead.add(to.get(event.comment) or "")
        elif isinstance(event, ev.Commented) and (event.direction, event.channel) == (Direction.INBOUND, Channel.MAIL):
            dead.clear()
    return {address.lower() for address in dead}
