"""A ticket as it would be under one policy that always was in force: a fold over its events, with no side effects.

What people set is taken for what the ticket tells: its category, tags, impact and urgency. Its priority and its team are
the policy's alone, whatever was said of them; so is what it promises. What policies recorded is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain.transitions import VISIBLE
from ticketcore.domain.types import Role
from ticketcore.policy.case import evolve_case
from ticketcore.policy.classification import classified, levelled
from ticketcore.policy.clocks import evolve_clocks
from ticketcore.policy.first_rule import fitting
from ticketcore.policy.known import facts_of
from ticketcore.policy.priority import priority_by
from ticketcore.policy.routing import WORKED_ON, team_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ticketcore.domain.base import Event
    from ticketcore.domain.ticket import Ticket
    from ticketcore.policy.case import Case
    from ticketcore.policy.clocks import Clocks
    from ticketcore.policy.facts import Facts
    from ticketcore.policy.outside import Outside
    from ticketcore.policy.schedule import Adopted
    from ticketcore.policy.sections import ClassificationRule

__all__ = ["AsIf", "Imagined", "Wanted"]

_ROUNDS = 10
"""So often rules are asked again because of what rules decided."""
_NEVER_CHANGE = frozenset({
    "subject", "body", "text", "language", "has_attachments", "channel", "external", "opened", "opened.time", "opened.weekday",
})  # fmt: skip
_PROMISES = ("ticket.policy_decided", "ticket.measured", "ticket.sla_")


class Wanted(NamedTuple):
    """What a policy wants of a ticket.

    Attributes:
        ticket: as it would be: category, tags, impact, urgency, priority and team are the policy's where it decides.
        classification: the rule that fits; ``None`` where none does.
        priority, routing: the rules that decide, ``matrix``, ``default`` and ``default_team`` among them; ``None`` where
            the policy does not decide.
    """

    ticket: Ticket
    classification: ClassificationRule | None = None
    priority: str | None = None
    routing: str | None = None


class Imagined(NamedTuple):
    """A ticket's life under a policy.

    Attributes:
        opening: what the policy wants at the opening, by what was known then.
        last: what it wants after the newest event.
        clocks: what its promises are derived from, see :func:`~ticketcore.policy.courses.course`.
        case: the ticket as it was.
    """

    opening: Wanted
    last: Wanted
    clocks: Clocks
    case: Case

    @property
    def told(self) -> bool:
        """Whether the ticket told its category at its opening, so that rules leave it alone."""
        opened = self.case.opened
        return opened.category is not None and opened.meta.actor.role is not Role.POLICY


class AsIf:
    """Asks one policy about whole tickets.

    Args:
        policy: asked as if it always was in force.
        outside: answers what the events do not tell.
    """

    def __init__(self, policy: Adopted, outside: Outside) -> None:
        self._policy, self._outside = policy, outside
        document = policy.document
        rules = (*document.classification, *document.priority.rules, *document.routing)
        looked_at = {"impact", "urgency"}.union(*(rule.when.fields for rule in rules))
        self._fields = tuple(sorted(looked_at - _NEVER_CHANGE))

    def imagine(self, events: Iterable[Event]) -> Imagined | None:
        """Return the life of the ticket of *events*, all of it in order; ``None`` where it was never opened."""
        case: Case | None = None
        clocks: Clocks | None = None
        wanted: Wanted | None = None
        opening: Wanted | None = None
        looked: object = None
        for event in events:
            case = evolve_case(case, event)
            if case is None or event.TOPIC.startswith(_PROMISES):
                continue
            at = event.meta.occurred_at
            wanted = _told(case, wanted, event)
            facts = self._facts(case, wanted, at)
            status = case.ticket.status
            if (status in VISIBLE, status in WORKED_ON, self._looks(facts)) != looked:
                wanted, facts = self._ask(case, wanted, facts, at)
                looked = status in VISIBLE, status in WORKED_ON, self._looks(facts)
            opening = opening or wanted
            clocks = evolve_clocks(clocks, event, facts)
        if case is None or opening is None or wanted is None or clocks is None:
            return None
        return Imagined(opening, wanted, clocks, case)

    def _facts(self, case: Case, wanted: Wanted, at: datetime) -> Facts:
        return facts_of(case._replace(ticket=wanted.ticket), self._policy, self._outside, at)

    def _looks(self, facts: Facts) -> tuple[Any, ...]:
        return tuple(map(facts.value, self._fields))

    def _ask(self, case: Case, wanted: Wanted, facts: Facts, at: datetime) -> tuple[Wanted, Facts]:
        """Return what the policy wants now, and what is known then: its sections are asked until nothing changes any more."""
        document, status = self._policy.document, case.ticket.status
        if status not in VISIBLE:
            return wanted, facts
        for _ in range(_ROUNDS):
            before = self._looks(facts)
            rule = fitting(document.classification, facts)
            if rule is not None:
                wanted = _classify(case, wanted, rule)
                facts = self._facts(case, wanted, at)
            name, priority, _ = priority_by(document.priority, wanted.ticket, facts)
            wanted = wanted._replace(ticket=wanted.ticket._replace(priority=priority), priority=name)
            facts = self._facts(case, wanted, at)
            if document.default_team is not None and status in WORKED_ON:
                name, team, _ = team_by(document.routing, document.default_team, facts)
                wanted = wanted._replace(ticket=wanted.ticket._replace(team_id=team), routing=name)
                facts = self._facts(case, wanted, at)
            if self._looks(facts) == before:
                break
        return wanted, facts


def _told(case: Case, before: Wanted | None, event: Event) -> Wanted:
    """Return what the policy wanted *before*, on the ticket as it is now, and as people say it is."""
    now = case.ticket
    if before is None:
        policy = event.meta.actor.role is Role.POLICY
        nothing: dict[str, Any] = {"category": None, "subcategory": None, "tags": (), "impact": None, "urgency": None}
        return Wanted(now._replace(**(nothing if policy else {}), priority=None, team_id=None, sla=()))
    then = before.ticket
    values: dict[str, Any] = {"priority": then.priority, "team_id": then.team_id, "sla": ()}
    if not case.category_by_hand:
        values |= {"category": then.category, "subcategory": then.subcategory, "tags": then.tags}
    if not case.levels_by_hand:
        values |= {"impact": then.impact, "urgency": then.urgency}
    return before._replace(ticket=now._replace(**values))


def _classify(case: Case, wanted: Wanted, rule: ClassificationRule) -> Wanted:
    """Return the ticket as a rule sets it, where it does not tell it itself."""
    ticket, values = wanted.ticket, dict[str, Any]()
    if not case.category_by_hand and (rule.set.category is not None or rule.set.add_tags):
        values |= classified(rule.set, ticket)
    if not case.levels_by_hand:
        impact, urgency = levelled(rule.set, ticket)
        values |= {"impact": impact, "urgency": urgency}
    return wanted._replace(ticket=ticket._replace(**values), classification=rule)
