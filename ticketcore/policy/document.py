"""A policy document: everything that is decided by rule, in one piece."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from ticketcore.domain.types import Frozen, Label
from ticketcore.policy.calendar_spec import CalendarSpec
from ticketcore.policy.errors import shown
from ticketcore.policy.follow_up_rules import Checklist, FollowUpRule
from ticketcore.policy.names import CalendarName, TeamName, unfit
from ticketcore.policy.sections import ClassificationRule, PrioritySection, Reopening, RoutingRule, Rule, Team
from ticketcore.policy.sla_rules import SlaRule

__all__ = ["PolicyDocument"]

_MOST = 500


class PolicyDocument(Frozen):
    """One version of a company's policy. Read it by :func:`ticketcore.policy.source.load_policy`, which tells lines.

    Attributes:
        name: names it in every decision, with the version.
        calendar: which of *calendars* counts where none is named; its zone is that of dates and times of day in conditions.
        calendars: name -> working time.
        teams: name -> how its agents are found.
        default_team: where a ticket goes that no routing rule fits.
        classification, priority, routing: what a ticket is, how urgent, and whose.
        sla: what is promised.
        follow_up: what happens later.
        checklists: name -> procedure.
        reopening: until when a closed ticket is reopened; the intake's own rule where it is left out.
    """

    name: Annotated[Label, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]
    calendar: CalendarName | None = None
    calendars: dict[Label, CalendarSpec] = Field(default_factory=dict)
    teams: dict[Label, Team] = Field(default_factory=dict)
    default_team: Annotated[TeamName | None, Field(validate_default=True)] = None
    classification: Annotated[tuple[ClassificationRule, ...], Field(max_length=_MOST)] = ()
    priority: PrioritySection = PrioritySection()
    routing: Annotated[tuple[RoutingRule, ...], Field(max_length=_MOST)] = ()
    sla: Annotated[tuple[SlaRule, ...], Field(max_length=_MOST)] = ()
    follow_up: Annotated[tuple[FollowUpRule, ...], Field(max_length=_MOST)] = ()
    checklists: dict[Label, Checklist] = Field(default_factory=dict)
    reopening: Reopening | None = None

    @field_validator("classification", "routing", "sla", "follow_up")
    @classmethod
    def _named_once(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        for index, rule in enumerate(rules):
            if any(rule.rule == other.rule for other in rules[:index]):
                problem = f"the rule {shown(rule.rule)} stands twice"
                raise unfit(problem, "each name once in its section", "name it otherwise", index)
        return rules

    @field_validator("default_team")
    @classmethod
    def _somewhere(cls, name: str | None, info: ValidationInfo) -> str | None:
        teams = (info.context or {}).get("teams")
        if name is None and teams:
            raise unfit("default_team is missing", f"one of {', '.join(teams)}", "say where all else goes")
        return name
