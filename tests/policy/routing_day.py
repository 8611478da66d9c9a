"""A day at the desk: a log in memory under a policy, agents, tickets, and a worker with a clock of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ticketcore import TicketCore
from ticketcore.domain.types import Actor, Channel, Direction, Role
from ticketcore.policy.manager import Counts, PolicyManager

ANA, LEAD, SHOP = Actor.agent("ana"), Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("shop")
AUDIT = Actor(role=Role.AUDITOR, id="aud")
HOUR = timedelta(hours=1)
POLICY = """
name: desk
teams:
  desk: {}
  accounts: {assign: round_robin}
  parcels: {redistribute_pending: true, keep_last_agent: false}
  complaints: {assign: none}
default_team: desk
classification:
  - {rule: refunds, when: {field: text, contains: refund}, set: {category: billing, add_tags: [refund], impact: medium, urgency: high}}
  - {rule: lost, when: {field: text, contains_any: [lost, "parcel*"]}, set: {category: parcel, subcategory: lost}}
priority:
  matrix:
    high: {high: critical, medium: high, low: normal}
    medium: {high: critical, medium: normal, low: low}
    low: {high: normal, medium: low, low: low}
  default: low
  rules:
    - {rule: phone, when: {field: channel, is: phone}, set: {priority: high}}
routing:
  - {rule: billing, when: {field: category, is: billing}, team: accounts, skills: [refunds], language: true}
  - {rule: parcel, when: {field: category, is: parcel}, team: parcels}
  - {rule: angry, when: {field: tags, contains: angry}, team: complaints}
"""
"""What docs/routing.md shows."""


class Day:
    """Everything goes through the core and the worker, as it does in production; only the clock is the day's own."""

    def __init__(self, policy: str = POLICY) -> None:
        self.now = datetime.now(UTC) - timedelta(days=2)
        self.core = TicketCore.in_memory()
        self.core.adopt_policy(policy, by=LEAD, effective_at=self.now - HOUR)
        self.manager = PolicyManager(self.core, lambda: self.now)

    def agent(self, name: str, *teams: str, **more: Any) -> None:
        """Describe an agent, of the desk unless said."""
        self.core.describe_agent(name, teams=teams or ("desk",), by=LEAD, occurred_at=self.now, **more)

    def away(self, name: str, hours: float | None = None) -> None:
        until = None if hours is None else self.now + hours * HOUR
        self.core.set_presence(name, present=False, until=until, by=LEAD, occurred_at=self.now)

    def back(self, name: str) -> None:
        self.core.set_presence(name, present=True, by=LEAD, occurred_at=self.now)

    def opens(self, subject: str = "Hello", *, by: Actor = SHOP, **more: Any) -> str:
        """Somebody opens a ticket, a second after what was before; return its number."""
        self.now += timedelta(seconds=1)
        values: dict[str, Any] = {
            "channel": Channel.MAIL, "direction": Direction.INBOUND, "subject": subject, "occurred_at": self.now, **more,
        }  # fmt: skip
        return self.core.open_ticket(by=by, **values).number

    def does(self, what: str, ticket: str, **values: Any) -> None:
        """A person does something, named as the core's method."""
        self.now += timedelta(seconds=1)
        getattr(self.core, what)(ticket, by=ANA, occurred_at=self.now, **values)

    def works(self, hours: float = 0) -> Counts:
        """Time passes, and the worker does all there is to do."""
        self.now += hours * HOUR
        return self.manager.catch_up()

    def open_and_work(self, subject: str = "Hello", **more: Any) -> str:
        ticket = self.opens(subject, **more)
        self.works()
        return ticket

    def ticket(self, number: str) -> Any:
        return self.core.show_ticket(number, by=AUDIT)

    def owner(self, number: str) -> tuple[str | None, str | None]:
        """Return whose it is: team and agent."""
        found = self.ticket(number)
        return found.team_id, found.agent_id

    def decisions(self, number: str, section: str | None = None) -> list[dict[str, Any]]:
        """Return what rules decided, in order, each with its policy."""
        found: list[dict[str, Any]] = []
        for entry in self.core.ticket_history(number, by=AUDIT):
            if entry.topic == "ticket.policy_decided":
                decided: Any = entry.fields["decisions"]
                found += ({**one, "policy": entry.fields["policy"]} for one in decided)
        return [one for one in found if section in (None, one["section"])]

    def rules(self, number: str, section: str | None = None) -> list[str]:
        return [one["rule"] for one in self.decisions(number, section)]

    def given(self, number: str) -> list[str | None]:
        """Return who was given the ticket by rule, in order; ``None`` where it went back to its team."""
        return [one["outcome"].get("agent") for one in self.decisions(number, "assignment")]
