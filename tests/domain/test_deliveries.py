"""Outgoing mails of a ticket: what is recorded of them, and the queue that workers find them by."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from tests.domain.given import (
    ANA,
    C1,
    MINUTE,
    START,
    T1,
    Fact,
    World,
    acknowledged,
    answered,
    closed,
    commented,
    given,
    opened,
    pended,
    solved,
    told,
)
from ticketcore.domain import delivery_commands as cmd
from ticketcore.domain import ticket_commands as tcmd
from ticketcore.domain.base import Source
from ticketcore.domain.commands import Command
from ticketcore.domain.decision import Decision
from ticketcore.domain.deliveries import OUTGOING, UNDELIVERED, claims_of, due_before, due_of, undelivered_of
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Channel, DeliveryState, Direction
from ticketcore.errors import NotFound, WrongState
from ticketcore.store.port import Claim

ATTEMPT: dict[str, Any] = {"comment": 2, "attempt": 1, "lease": 600, "message_id": "<T-2026-000001-5.2.x@example.org>"}
FAILED: dict[str, Any] = {"comment": 2, "attempt": 1, "permanent": False, "reason": "refused", "code": 451}


def replied(*more: Fact) -> World:
    return given(opened(), answered(), *more)


def ask(world: World, cls: type[Command], **values: Any) -> World:
    return world.after(*world.when(cls, ticket_id=T1, **values).events)


def queue(decision: Decision) -> list[tuple[str, datetime | None]]:
    return [(c.kind, due_of(c.value).due_at if c.kind == OUTGOING else None) for c in decision.claims]


def state(world: World) -> DeliveryState:
    return world.ticket().deliveries[0].state


@pytest.mark.parametrize(("direction", "channel", "goes"), [
    (Direction.OUTBOUND, Channel.MAIL, True), (Direction.OUTBOUND, Channel.PHONE, False), (Direction.OUTBOUND, None, True),
    (Direction.INBOUND, Channel.MAIL, False), (Direction.INTERNAL, None, False),
])  # fmt: skip
def test_an_outbound_comment_by_mail_is_queued(direction: Direction, channel: Channel | None, goes: bool) -> None:
    world = given(opened())
    decision = world.when(tcmd.Comment, ticket_id=T1, direction=direction, channel=channel, body="Try again.")
    assert queue(decision) == ([(OUTGOING, world.now)] if goes else [])
    if goes:
        assert due_of(decision.claims[0].value)[1:] == (T1, 2)
    assert len(world.after(*decision.events).ticket().deliveries) == goes


def test_a_ticket_that_staff_open_by_mail_is_queued_and_an_inquiry_is_not() -> None:
    out = given().when(tcmd.OpenTicket, channel="mail", direction="outbound", body="Your order is late.")
    assert [claim.kind for claim in out.claims] == [OUTGOING]
    assert given().when(tcmd.OpenTicket, channel="mail", body="Where is it?").claims == ()


def test_a_part_that_is_split_off_is_not_sent_again() -> None:
    assert replied().when(tcmd.SplitOff, ticket_id=T1, comments=(2,)).claims == ()


def test_what_an_import_brings_is_never_sent() -> None:
    event = given(opened(), answered()).events[1]
    old = event.model_copy(update={"meta": event.meta.model_copy(update={"source": Source(line=7)})})
    world = given(opened()).after(old)
    assert world.ticket().deliveries == ()
    with pytest.raises(NotFound, match=r"no outgoing mail 2 of ticket .*\(its outgoing mails are none\)"):
        world.when(cmd.AttemptDelivery, ticket_id=T1, **ATTEMPT)


def test_an_attempt_holds_the_mail_for_its_lease() -> None:
    world = replied()
    decision = world.when(cmd.AttemptDelivery, ticket_id=T1, to="kim@example.org", recipients=(C1,), **ATTEMPT)
    assert told(decision) == ["T-2026-000001-5 ticket.delivery_attempted"]
    assert queue(decision) == [(OUTGOING, world.now + timedelta(seconds=600))]
    assert decision.releases[0][:] == (T1, -2)
    assert state(world.after(*decision.events)) is DeliveryState.SENDING


def test_of_two_attempts_with_the_same_number_one_is_recorded() -> None:
    world = ask(replied(), cmd.AttemptDelivery, **ATTEMPT)
    with pytest.raises(WrongState) as refusal:
        world.when(cmd.AttemptDelivery, ticket_id=T1, **ATTEMPT)
    assert str(refusal.value) == (
        "cannot attempt the delivery of a comment of ticket T-2026-000001-5: mail 2 is 'sending' after attempt 1, expected"
        " one of 'attempt 2', 'waiting', 'sending', 'retrying' (somebody else was first: look at it again)"
    )
    assert ask(world, cmd.AttemptDelivery, **{**ATTEMPT, "attempt": 2}).ticket().deliveries[0].attempt == 2


def test_a_delivered_mail_leaves_the_queue() -> None:
    world = ask(replied(), cmd.AttemptDelivery, **ATTEMPT)
    decision = world.when(cmd.ConfirmDelivery, ticket_id=T1, comment=2, attempt=1)
    assert (decision.claims, decision.releases[0][:]) == ((), (T1, -2))
    after = world.after(*decision.events)
    assert state(after) is DeliveryState.DELIVERED
    assert after.when(cmd.ConfirmDelivery, ticket_id=T1, comment=2, attempt=1) == Decision()
    with pytest.raises(WrongState, match="mail 2 is 'delivered' after attempt 1"):
        after.when(cmd.RetryDelivery, ticket_id=T1, comment=2)
    with pytest.raises(WrongState, match="mail 2 is 'delivered' after attempt 1"):
        after.when(cmd.DropDelivery, ticket_id=T1, comment=2, reason="x")


def test_a_passing_failure_is_due_again_at_the_time_it_says() -> None:
    world = ask(replied(), cmd.AttemptDelivery, **ATTEMPT)
    retry_at = world.now + timedelta(minutes=2)
    decision = world.when(cmd.FailDelivery, ticket_id=T1, retry_at=retry_at, **FAILED)
    assert queue(decision) == [(OUTGOING, retry_at)]
    assert state(world.after(*decision.events)) is DeliveryState.RETRYING


def test_a_last_failure_is_listed_until_it_is_dropped_or_sent() -> None:
    world = ask(replied(), cmd.AttemptDelivery, **ATTEMPT)
    decision = world.when(cmd.FailDelivery, ticket_id=T1, **{**FAILED, "permanent": True})
    assert [(c.kind, undelivered_of(c.value)) for c in decision.claims] == [(UNDELIVERED, (T1, 2))]
    failed = world.after(*decision.events)
    assert state(failed) is DeliveryState.FAILED
    with pytest.raises(WrongState, match="mail 2 is 'failed'"):
        failed.when(cmd.AttemptDelivery, ticket_id=T1, **{**ATTEMPT, "attempt": 2})
    dropped = failed.when(cmd.DropDelivery, ticket_id=T1, comment=2, reason="told by phone")
    assert (dropped.claims, len(dropped.releases)) == ((), 1)
    again = failed.when(cmd.RetryDelivery, ticket_id=T1, comment=2)
    assert queue(again) == [(OUTGOING, failed.now)]
    after = failed.after(*again.events)
    assert after.ticket().deliveries[0].since == failed.now, "it is tried for its whole time again"
    assert after.when(cmd.RetryDelivery, ticket_id=T1, comment=2) == Decision()


def test_a_worker_that_comes_late_with_its_failure_changes_nothing() -> None:
    world = ask(ask(replied(), cmd.AttemptDelivery, **ATTEMPT), cmd.AttemptDelivery, **{**ATTEMPT, "attempt": 2})
    assert world.when(cmd.FailDelivery, ticket_id=T1, **FAILED) == Decision()
    delivered = ask(world, cmd.ConfirmDelivery, comment=2, attempt=1)
    assert delivered.when(cmd.FailDelivery, ticket_id=T1, **{**FAILED, "attempt": 2}) == Decision()


def test_a_hard_bounce_makes_a_delivery_a_failed_one_and_others_do_not() -> None:
    world = ask(ask(replied(), cmd.AttemptDelivery, **ATTEMPT), cmd.ConfirmDelivery, comment=2, attempt=1)
    for kind in ("soft", "delayed"):
        assert state(ask(world, cmd.RecordBounce, comment=2, kind=kind)) is DeliveryState.DELIVERED
    decision = world.when(cmd.RecordBounce, ticket_id=T1, comment=2, kind="hard", status="5.1.1")
    assert [claim.kind for claim in decision.claims] == [UNDELIVERED]
    assert ask(world, cmd.RecordBounce, kind="hard").ticket().deliveries == world.ticket().deliveries, "names no mail"


@pytest.mark.parametrize("more", [(), (pended(),), (solved(),), (solved(), closed())])
def test_deliveries_move_nothing_else(more: tuple[Fact, ...]) -> None:
    before = replied(*more)
    world = ask(before, cmd.AttemptDelivery, **ATTEMPT)
    world = ask(world, cmd.FailDelivery, retry_at=world.now, **FAILED)
    world = ask(world, cmd.RetryDelivery, comment=2)
    world = ask(world, cmd.AttemptDelivery, **{**ATTEMPT, "attempt": 2})
    world = ask(world, cmd.ConfirmDelivery, comment=2, attempt=2)
    world = ask(world, cmd.RecordBounce, comment=2, kind="hard")
    world = ask(world, cmd.DropDelivery, comment=2, reason="known")

    def kept(world: World) -> Ticket:
        return world.ticket()._replace(version=0, last_at=START, deliveries=())

    assert kept(world) == kept(before)
    assert (world.ticket().comments, world.ticket().reopens) == (before.ticket().comments, 0)


def test_an_acknowledgement_does_not_begin_the_work() -> None:
    assert given(opened(), acknowledged()).ticket().status.value == "new"
    assert given(opened(), answered()).ticket().status.value == "open"


times = st.timedeltas(timedelta(0), timedelta(days=2_000_000)).map(
    lambda since: datetime(1970, 1, 1, tzinfo=UTC) + since
)


@drawn(times, times)
def test_the_queue_is_in_order_of_the_due_times(a: datetime, b: datetime) -> None:
    assert (due_before(a) < due_before(b)) == (a < b)


steps = st.lists(
    st.tuples(
        st.sampled_from([
            (cmd.AttemptDelivery, {"lease": 600, "message_id": "<a@b>"}), (cmd.ConfirmDelivery, {}),
            (cmd.FailDelivery, {"permanent": True, "reason": "refused"}), (cmd.RetryDelivery, {}),
            (cmd.FailDelivery, {"permanent": False, "reason": "gone", "retry_at": START + 90 * MINUTE}),
            (cmd.DropDelivery, {"reason": "x"}), (cmd.RecordBounce, {"kind": "hard"}),
            (cmd.RecordBounce, {"kind": "soft"}), (tcmd.Comment, {"direction": "outbound", "body": "x"}),
        ]),
        st.integers(1, 6), st.integers(0, 4),
    ),
    max_size=40,
)  # fmt: skip


@settings(deadline=None)
@drawn(steps)
def test_the_queue_always_equals_the_state(
    asked: list[tuple[tuple[type[Command], Mapping[str, Any]], int, int]],
) -> None:
    world, held = given(opened(), answered(), commented(), acknowledged()), set[Claim]()
    held |= set(claims_of(T1, world.ticket().deliveries))
    for (cls, values), comment, attempt in asked:
        more: dict[str, Any] = dict(values)
        if cls is not tcmd.Comment:
            more["comment"] = comment
        if cls in (cmd.AttemptDelivery, cmd.ConfirmDelivery, cmd.FailDelivery):
            more["attempt"] = attempt or int(cls is not cmd.FailDelivery)
        try:
            decision = world.when(cls, ticket_id=T1, by=ANA, **more)
        except (NotFound, WrongState):
            continue
        held -= {claim for claim in held for release in decision.releases if release == (claim.owner, claim.ref)}
        held |= set(decision.claims)
        world = world.after(*decision.events)
        assert held == set(claims_of(T1, world.ticket().deliveries))
