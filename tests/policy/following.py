"""Given a policy, agents and what happened: sections are asked in turn, and what they want is decided by the domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.domain import given as g
from ticketcore.domain.service_commands import FollowPolicy
from ticketcore.domain.types import Actor, Role
from ticketcore.policy.assignment import assignment_steps
from ticketcore.policy.case import Case, evolve_case, project_case
from ticketcore.policy.classification import classification_steps
from ticketcore.policy.clocks import Clocks, evolve_clocks
from ticketcore.policy.desk import Colleague, Desk
from ticketcore.policy.facts import Facts
from ticketcore.policy.outside import Letter
from ticketcore.policy.priority import priority_steps
from ticketcore.policy.routing import routing_steps
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.policy.source import load_policy
from ticketcore.policy.steps import Section, Step, View

NOW = g.START + timedelta(hours=1)
SECTIONS: tuple[Section, ...] = (classification_steps, priority_steps, routing_steps, assignment_steps)
POLICY = Actor(role=Role.POLICY, id="default", version="1")


def colleague(name: str, *teams: str, **more: Any) -> Colleague:
    sets: dict[str, Any] = {key: frozenset(more.pop(key, ())) for key in ("skills", "languages")}
    return Colleague(name, frozenset(teams or ("desk",)), **sets, **more)


@dataclass
class Following:
    """A ticket that follows a policy. ``desk`` may be changed between two turns, and facts happen in between."""

    policy: str
    desk: Desk = field(default_factory=Desk)
    happened: tuple[g.Fact, ...] = (g.opened(),)
    had: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.adopted = Adopted(1, g.START, load_policy(self.policy))

    @property
    def case(self) -> Case:
        found = project_case(None, g.given(*self.happened).events)
        assert found is not None
        return found

    def view(self, now: datetime = NOW) -> View:
        case = self.case
        clocks, facts = self._clocks(), self._facts(case)
        return View(case, clocks, self.adopted, Schedule((self.adopted,)), facts, self.desk, now, lambda _: Letter())

    def _clocks(self) -> Clocks | None:
        case = clocks = None
        for event in g.given(*self.happened).events:
            case = evolve_case(case, event)
            assert case is not None
            clocks = evolve_clocks(clocks, event, self._facts(case))
        return clocks

    def _facts(self, case: Case) -> Facts:
        ticket, opened = case.ticket, case.opened
        values: dict[str, Callable[[], Any]] = {
            "subject": lambda: (opened.subject or "",),
            "language": lambda: opened.language,
            "history.had_agent": lambda: self.had,
            "tags": lambda: frozenset(ticket.tags),
            "team": lambda: ticket.team_id,
            "agent": lambda: ticket.agent_id,
            **{
                name: lambda name=name: getattr(ticket, name)  # type: ignore[misc]
                for name in ("channel", "category", "subcategory", "priority", "impact", "urgency", "status")
            },
        }
        return Facts(values, self.adopted.calendars, self.adopted.zone)

    def turn(self, sections: Sequence[Section] = SECTIONS) -> list[Step]:
        """Ask each section once, and record what it wants; return all of it."""
        done: list[Step] = []
        for section in sections:
            for step in section(self.view()):
                decisions = () if step.decision is None else (step.decision,)
                values: dict[str, Any] = {
                    "ticket_id": g.T1,
                    "policy": "default/1",
                    "decisions": decisions,
                    "commands": step.commands,
                }
                decided = g.given(*self.happened).when(FollowPolicy, by=POLICY, **values)
                self.then(*(g.Fact(type(e), e.originator_id, _payload(e), by=POLICY) for e in decided.events))
                done.append(step)
        return done

    def then(self, *facts: g.Fact) -> Following:
        self.happened += facts
        return self

    def rules(self) -> list[tuple[str, str]]:
        """Return section and rule of all that was decided."""
        return [(one.section.value, one.rule) for one in self.case.decisions]


def _payload(event: Any) -> dict[str, Any]:
    own = {"originator_id", "originator_version", "timestamp", "meta"}
    return {name: getattr(event, name) for name in type(event).model_fields if name not in own}
