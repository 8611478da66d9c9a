"""The sections of a policy by which a ticket is classified, prioritised and routed.

In each of these lists the first rule whose condition holds is the one that counts.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import Field, model_validator

from ticketcore.domain.priority import Matrix
from ticketcore.domain.types import Frozen, Label, Level, Priority
from ticketcore.policy.conditions import Condition
from ticketcore.policy.duration import Duration
from ticketcore.policy.names import RuleName, TeamName, unfit

__all__ = [
    "Assign",
    "ClassificationRule",
    "Classify",
    "Prioritise",
    "PriorityMatrix",
    "PriorityRow",
    "PriorityRule",
    "PrioritySection",
    "Reopening",
    "RoutingRule",
    "Rule",
    "Team",
]  # fmt: skip


class Rule(Frozen):
    """What every rule has: a name, and when it counts.

    Attributes:
        rule: its name, once in its section.
        when: the condition; ``{}`` for every ticket.
    """

    rule: RuleName
    when: Condition


class Classify(Frozen):
    """What a classification rule sets; what it does not name stays."""

    category: Label | None = None
    subcategory: Label | None = None
    add_tags: Annotated[tuple[Label, ...], Field(max_length=50)] = ()
    impact: Level | None = None
    urgency: Level | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Classify:
        if not any(getattr(self, name) for name in Classify.model_fields):
            raise unfit("it sets nothing", f"one or more of {', '.join(Classify.model_fields)}", "add one")
        if self.subcategory is not None and self.category is None:
            raise unfit("it sets a subcategory alone", "its category too", "name the category")
        return self


class ClassificationRule(Rule):
    """Which category, tags, impact and urgency a ticket gets."""

    set: Classify


class PriorityRow(Frozen):
    """The priorities of one impact, by urgency."""

    high: Priority
    medium: Priority
    low: Priority


_ROWS = {
    "high": PriorityRow(high=Priority.CRITICAL, medium=Priority.HIGH, low=Priority.NORMAL),
    "medium": PriorityRow(high=Priority.HIGH, medium=Priority.NORMAL, low=Priority.LOW),
    "low": PriorityRow(high=Priority.NORMAL, medium=Priority.LOW, low=Priority.LOW),
}


class PriorityMatrix(Frozen):
    """Impact -> urgency -> priority, all nine."""

    high: PriorityRow
    medium: PriorityRow
    low: PriorityRow

    @cached_property
    def pairs(self) -> Matrix:
        """The matrix as :func:`ticketcore.domain.priority.priority_of` takes it."""
        return {(i, u): getattr(getattr(self, i.value), u.value) for i in Level for u in Level}


class Prioritise(Frozen):
    """What a priority rule sets."""

    priority: Priority


class PriorityRule(Rule):
    """Which tickets get a priority whatever the matrix says."""

    set: Prioritise


class PrioritySection(Frozen):
    """How urgent a ticket is: the first rule that fits, else the matrix, else the default.

    Attributes:
        matrix: by impact and urgency; ITIL's example where it is left out.
        default: where impact or urgency is not known.
        rules: they go before the matrix.
    """

    matrix: PriorityMatrix = PriorityMatrix(**_ROWS)
    default: Priority = Priority.NORMAL
    rules: tuple[PriorityRule, ...] = ()


class Assign(StrEnum):
    """How a team's next agent is found among those who are present, able and below their capacity."""

    LEAST_LOADED = "least_loaded"
    ROUND_ROBIN = "round_robin"
    NONE = "none"
    """Nobody is assigned; the team takes from its queue."""


class Team(Frozen):
    """A team to which tickets go.

    Attributes:
        assign: how the next agent is found.
        keep_last_agent: a ticket that comes back goes to who had it last, if present.
        redistribute_pending: tickets of absent agents that wait for others are given to somebody else too.
    """

    assign: Assign = Assign.LEAST_LOADED
    keep_last_agent: bool = True
    redistribute_pending: bool = False


class RoutingRule(Rule):
    """Which team a ticket goes to.

    Attributes:
        team: one of ``teams``.
        skills: what its agent must have, all of them.
        language: whether its agent must write the ticket's language.
    """

    team: TeamName
    skills: Annotated[tuple[Label, ...], Field(max_length=50)] = ()
    language: bool = False


class Reopening(Frozen):
    """How long after its closing a ticket is reopened by its customer's message; later ones open a follow-up.

    Attributes:
        window: 0s for never.
    """

    window: Duration
