"""What was worked out by hand of promises in business time is what follows from the other events and the policy."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest

from tests.policy.told import derived, told
from tests.worked.business import BUSINESS, JOINED, LATE
from tests.worked.lives import moment
from ticketcore.domain.service_events import Measured
from ticketcore.domain.ticket import MEASURES
from ticketcore.domain.types import Role
from ticketcore.policy.desk import Desk
from ticketcore.policy.engine import reconcile
from ticketcore.policy.measures import measures
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.policy.source import load_policy

POLICY = """\
name: office
calendar: office
calendars: {office: {zone: UTC, hours: {mon-fri: ["09:00-17:00"]}}}
sla:
  - rule: all
    when: {}
    targets: {normal: {first_reply: 1h, resolution: 8h}}
"""
SCHEDULE = Schedule((Adopted(1, moment("2026-01-01 00:00"), load_policy(POLICY)),))
END = moment("2026-04-23 00:00")


@pytest.mark.parametrize("ticket", [LATE, JOINED])
def test_every_promise_of_the_worked_life_follows_from_its_other_events(ticket: UUID) -> None:
    events = [event for event in BUSINESS.events if event.originator_id == ticket]
    found = told(events)
    assert Counter(found) == Counter(set(found))
    assert set(found) == derived(events, SCHEDULE, END)


def test_every_measurement_of_the_worked_life_follows_from_the_events_before_it() -> None:
    events = [event for event in BUSINESS.events if event.originator_id == LATE]
    recorded = [(index, event) for index, event in enumerate(events) if isinstance(event, Measured)]
    assert len(recorded) == 2
    for index, event in recorded:
        before = [one for one in events[:index] if one.meta.actor.role is not Role.POLICY]
        view = reconcile(before, SCHEDULE, Desk(), event.meta.occurred_at, sections=()).view
        assert view is not None
        assert view.clocks is not None
        found = measures(view.clocks, SCHEDULE)
        assert found is not None
        assert found[1]._asdict() == {name: getattr(event, name) for name in MEASURES}
