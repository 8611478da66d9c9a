"""How far ahead a time may be that a command states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ticketcore import Actor, Role, TicketCore
from ticketcore.errors import InvalidCommand

ANA = Actor.agent("ana")
SHOP = Actor.system("shop")
AUDIT = Actor(role=Role.AUDITOR, id="audit")


def ahead(**delta: float) -> datetime:
    return datetime.now(UTC) + timedelta(**delta)


def test_a_time_far_in_the_future_is_refused_and_nothing_is_recorded(core: TicketCore) -> None:
    with pytest.raises(
        InvalidCommand,
        match=r"cannot open a ticket: occurred_at is '.+', expected at most 0:05:00 after now, .+ \(give the time of",
    ):
        core.open_ticket(channel="mail", by=SHOP, occurred_at=ahead(minutes=6))
    with pytest.raises(InvalidCommand, match="cannot register a customer: occurred_at is '9999"):
        core.register_customer(by=SHOP, occurred_at=datetime.max.replace(tzinfo=UTC))
    assert list(core.read_events(by=AUDIT)) == []


def test_a_refused_future_does_not_hold_the_tickets_time_there(core: TicketCore) -> None:
    number = core.open_ticket(channel="mail", by=SHOP).number
    with pytest.raises(InvalidCommand, match="cannot comment on a ticket: occurred_at"):
        core.comment(number, direction="inbound", body="from 2099", by=SHOP, occurred_at=ahead(days=20_000))
    before = datetime.now(UTC)
    meta = core.comment(number, direction="inbound", body="from now", by=SHOP).events[0].meta
    assert before <= meta.occurred_at <= datetime.now(UTC)
    assert meta.occurred_raw is None


def test_a_clock_that_is_some_minutes_ahead_is_taken_as_it_is(core: TicketCore) -> None:
    at = ahead(minutes=4)
    assert core.open_ticket(channel="mail", by=SHOP, occurred_at=at).events[0].meta.occurred_at == at


def test_a_zone_does_not_make_a_time_the_future(core: TicketCore) -> None:
    for hours in (-12, 14):
        at = datetime.now(timezone(timedelta(hours=hours)))
        core.open_ticket(channel="mail", by=SHOP, occurred_at=at)
    assert len(list(core.read_events(by=AUDIT))) == 2


def test_a_mails_own_date_may_be_any(core: TicketCore) -> None:
    claimed = ahead(days=20_000)
    opened = core.open_ticket(channel="mail", by=SHOP, claimed_at=claimed)
    assert opened.events[0].meta.claimed_at == claimed
    assert opened.events[0].meta.occurred_at <= datetime.now(UTC)
