"""A person's change lets rules decide anew: that counts from the change, whenever a worker came to it, and looked back at too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.policy.told import told
from ticketcore import Actor, Role, TicketCore
from ticketcore.domain.types import Direction
from ticketcore.policy.manager import PolicyManager
from ticketcore.policy.source import load_policy
from ticketcore.policy.what_if import what_if

MONDAY, HOUR = datetime(2024, 3, 4, 9, tzinfo=UTC), timedelta(hours=1)
LEAD, FORM, ANA = Actor(role=Role.TEAM_LEAD, id="lea"), Actor.system("form"), Actor.agent("ana")
AUDIT = Actor(role=Role.AUDITOR, id="aud")
POLICY = """
name: desk
calendar: always
calendars: {always: {zone: UTC, hours: always}}
teams: {desk: {assign: none}, parcels: {assign: least_loaded}}
default_team: desk
priority:
  default: normal
  matrix:
    high: {high: critical, medium: high, low: normal}
    medium: {high: high, medium: normal, low: low}
    low: {high: normal, medium: low, low: low}
  rules: [{rule: outage, when: {field: category, is: outage}, set: {priority: high}}]
routing: [{rule: parcels, when: {field: category, is: parcel}, team: parcels}]
sla:
  - rule: parcels
    when: {field: team, is: parcels}
    targets: {normal: {first_reply: 1h, resolution: 4h}}
  - rule: standard
    when: {}
    targets:
      high: {first_reply: 1h, resolution: 4h}
      normal: {first_reply: 8h, resolution: 24h}
"""


class Desk:
    """A log with one ticket, opened at *start* and looked at then; times are hours after that."""

    def __init__(self, policy: str = POLICY, start: datetime = MONDAY) -> None:
        self.core, self.start = TicketCore.in_memory(), start
        self.core.adopt_policy(policy, by=LEAD, effective_at=start - HOUR)
        self.core.describe_agent("bob", teams=["parcels"], capacity=5, by=LEAD)
        self.manager = PolicyManager(self.core, lambda: self.now)
        self.number = self.core.open_ticket(channel="mail", subject="Hello", by=FORM, occurred_at=start).number
        self.look(0.01)

    def look(self, *hours: float) -> None:
        for hour in hours:
            self.now = self.start + hour * HOUR
            self.manager.catch_up()

    def classified(self, hour: float, category: str) -> None:
        self.core.classify(self.number, category=category, by=ANA, occurred_at=self.start + hour * HOUR)

    def answered(self, hour: float) -> None:
        at = self.start + hour * HOUR
        self.core.comment(self.number, direction=Direction.OUTBOUND, body="Try this.", by=ANA, occurred_at=at)

    def promises(self) -> list[tuple[str, str, datetime | None]]:
        id_ = self.core._ticket(self.number)
        return told([self.manager._codec.decode(record) for record in self.core.log.load((id_,)).streams[id_]])

    def ends_by(self, policy: str) -> list[tuple[object, object]]:
        found = what_if(self.core, load_policy(policy), now=self.now)
        return [(group.was, group.would) for group in found.groups]


@pytest.mark.parametrize("category", ["outage", "parcel"])
def test_a_worker_that_was_down_for_days_records_the_breaches_of_one_in_time(category: str) -> None:
    in_time, late = Desk(), Desk()
    for desk in (in_time, late):
        desk.classified(3, category)
    in_time.look(3.01, 4.01, 72)
    late.look(72)
    for desk in (in_time, late):
        broken = [(target, at) for target, kind, at in desk.promises() if kind == "breached"]
        assert broken == [("first_reply", MONDAY + 3 * HOUR), ("resolution", MONDAY + 4 * HOUR)]
    assert late.promises() == in_time.promises()


@pytest.mark.parametrize("category", ["outage", "parcel"])
def test_looked_back_at_under_the_same_policy_the_promises_end_as_they_did(category: str) -> None:
    desk = Desk()
    desk.answered(2)
    desk.classified(3, category)
    desk.look(3.01, 72)
    for was, would in desk.ends_by(POLICY):
        assert would == was


@pytest.mark.parametrize("promises", [True, False])
def test_what_another_policy_decides_holds_from_then_on(promises: bool) -> None:
    plain, _, sla = POLICY.partition("sla:\n")
    urgent = plain.replace("default: normal", "default: high")
    end = f"sla:\n{sla}" if promises else ""
    desk = Desk(plain + end, datetime.now(UTC) - 12 * HOUR)
    desk.answered(2)
    desk.core.adopt_policy(urgent + end, by=LEAD)
    desk.now = datetime.now(UTC)
    desk.manager.catch_up()
    found = what_if(desk.core, load_policy(POLICY), now=desk.now)
    assert (found.groups[0].target, found.groups[0].priority, found.groups[0].would) == (
        "first_reply",
        "all",
        {"kept": 1},
    )
    assert desk.core.show_ticket(desk.number, by=AUDIT).priority == "high"
