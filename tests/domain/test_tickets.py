"""One ticket: its work, its messages, its states, its promises."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.domain.given import (
    ANA,
    BOB,
    C1,
    C2,
    KIM,
    MINUTE,
    START,
    T1,
    Fact,
    answered,
    assigned,
    closed,
    commented,
    corrected,
    digest,
    given,
    opened,
    participant_added,
    pended,
    rated,
    redacted,
    sla_applied,
    sla_breached,
    sla_fulfilled,
    solved,
    topics,
)
from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.context import Content
from ticketcore.domain.types import Channel, Direction, Level, Priority, SlaTarget, Status
from ticketcore.errors import InvalidCommand, NotFound, TicketClosed, WrongState
from ticketcore.store.port import Claim

REPLY = SlaTarget.FIRST_REPLY


def test_an_inquiry_becomes_a_ticket() -> None:
    world = given()
    decision = world.when(
        cmd.OpenTicket,
        by=KIM,
        channel="mail",
        requester_id=C1,
        subject="Printer",
        body="It burns.",
        tags=("printer", "fire", "printer"),
        impact="high",
        urgency="medium",
        context={"new_ids": (T1,)},
    )
    (event,) = decision.events
    assert isinstance(event, ev.Opened)
    assert (event.originator_id, event.originator_version) == (T1, 1)
    assert (event.subject, event.body, event.tags) == ("Printer", "It burns.", ("printer", "fire"))
    assert event.priority is Priority.HIGH, "by the matrix, from impact and urgency"
    assert event.meta.actor == KIM
    assert event.meta.occurred_at == START
    assert decision.claims == ()
    assert world.after(event).ticket().status is Status.NEW


def test_an_outside_number_belongs_to_one_ticket() -> None:
    decision = given().when(cmd.OpenTicket, channel="api", external="INC0000045", context={"new_ids": (T1,)})
    assert decision.claims == (Claim("external", digest("external", "INC0000045"), T1, 1),)


def test_prepared_content_goes_into_the_event() -> None:
    blob = ev.BlobRef(digest="a" * 64, size=40_000)
    content = Content("The beginning", 0, (blob,), None)
    decision = given(opened()).when(
        cmd.Comment, ticket_id=T1, direction="inbound", body="x" * 40_000, context={"content": content}
    )
    (event,) = decision.events
    assert isinstance(event, ev.Commented)
    assert (event.body, event.body_blob, event.blobs) == ("The beginning", 0, (blob,))


def test_attachments_without_prepared_content_are_a_mistake_of_the_caller() -> None:
    file = {"name": "a.txt", "content": b"x"}
    with pytest.raises(ValueError, match="expected a context with prepared content"):
        given(opened()).when(cmd.Comment, ticket_id=T1, direction="outbound", attachments=(file,))


def test_classifying_sets_all_three_and_repeating_it_nothing() -> None:
    world = given(opened(tags=("old",)))
    decision = world.when(cmd.Classify, ticket_id=T1, category="printer", tags=("new",))
    ticket = world.after(*decision.events).ticket()
    assert (ticket.category, ticket.subcategory, ticket.tags) == ("printer", None, ("new",))
    assert (
        world.after(*decision.events).when(cmd.Classify, ticket_id=T1, category="printer", tags=("new",)).events == ()
    )


def test_a_priority_by_hand_keeps_impact_and_urgency() -> None:
    world = given(opened(impact=Level.LOW, urgency=Level.LOW, priority=Priority.LOW))
    (event,) = world.when(cmd.Prioritise, ticket_id=T1, priority="critical").events
    assert isinstance(event, ev.Prioritised)
    assert event.by_hand
    assert (event.impact, event.urgency, event.priority) == (Level.LOW, Level.LOW, Priority.CRITICAL)
    assert world.after(event).when(cmd.Prioritise, ticket_id=T1, priority="critical").events == ()


def test_a_priority_follows_from_the_matrix_in_force() -> None:
    world = given(opened())
    (event,) = world.when(cmd.Prioritise, ticket_id=T1, impact="high", urgency="high").events
    assert isinstance(event, ev.Prioritised)
    assert (event.priority, event.by_hand) == (Priority.CRITICAL, False)
    flat = {(a, b): Priority.LOW for a in Level for b in Level}
    (event,) = world.when(cmd.Prioritise, ticket_id=T1, impact="high", urgency="high", context={"matrix": flat}).events
    assert isinstance(event, ev.Prioritised)
    assert event.priority is Priority.LOW


def test_assigning_an_agent_begins_the_work() -> None:
    world = given(opened())
    decision = world.when(cmd.Assign, ticket_id=T1, agent_id="ana")
    assert topics(decision) == ["ticket.assigned"]
    assert world.after(*decision.events).ticket().status is Status.OPEN


def test_assigning_the_same_again_records_nothing() -> None:
    world = given(opened(), assigned(agent_id="ana", team_id="desk"))
    assert world.when(cmd.Assign, ticket_id=T1, agent_id="ana", team_id="desk").events == ()
    assert topics(world.when(cmd.Assign, ticket_id=T1, agent_id="ana")) == ["ticket.assigned"], "the team goes"


def test_nobody_is_responsible_after_unassigning() -> None:
    world = given(opened(), assigned())
    decision = world.when(cmd.Unassign, ticket_id=T1)
    assert world.after(*decision.events).ticket().agent_id is None
    assert world.after(*decision.events).when(cmd.Unassign, ticket_id=T1).events == ()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ((), ["ticket.commented"]),
        ((pended(),), ["ticket.commented", "ticket.resumed"]),
        ((solved(),), ["ticket.commented", "ticket.reopened"]),
    ],
)
def test_a_customers_message_wakes_a_ticket_that_waits_or_is_solved(
    status: tuple[Fact, ...], expected: list[str]
) -> None:
    world = given(opened(), *status)
    decision = world.when(cmd.Comment, by=KIM, ticket_id=T1, direction="inbound", body="It still fails.")
    assert topics(decision) == expected
    versions = [event.originator_version for event in decision.events]
    assert versions == list(range(len(status) + 2, len(status) + 2 + len(expected)))


@pytest.mark.parametrize("direction", ["outbound", "internal"])
def test_staffs_words_wake_nothing(direction: str) -> None:
    world = given(opened(), pended())
    decision = world.when(cmd.Comment, ticket_id=T1, direction=direction, body="Any news?")
    assert topics(decision) == ["ticket.commented"]


def test_a_message_to_a_closed_ticket_is_told_to_open_a_follow_up() -> None:
    world = given(opened(), solved(), closed())
    with pytest.raises(TicketClosed, match="or open a follow-up"):
        world.when(cmd.Comment, by=KIM, ticket_id=T1, direction="inbound", body="Again!")


def test_a_first_answer_begins_the_work_and_takes_the_tickets_channel() -> None:
    world = given(opened(channel=Channel.CHAT))
    (event,) = world.when(cmd.Comment, ticket_id=T1, direction="outbound", body="On it.").events
    assert isinstance(event, ev.Commented)
    assert event.channel is Channel.CHAT
    assert world.after(event).ticket().status is Status.OPEN


def test_a_note_is_internal() -> None:
    (event,) = given(opened()).when(cmd.Comment, ticket_id=T1, direction="internal", body="Rude.").events
    assert isinstance(event, ev.Commented)
    assert event.channel is Channel.INTERNAL


@pytest.mark.parametrize("body", [None, "", " \n\t"])
@pytest.mark.parametrize("direction", Direction)
def test_an_agent_who_says_nothing_is_refused(direction: Direction, body: str | None) -> None:
    expected = re.escape("expected a text or an attachment (write something, or leave the comment out)")
    with pytest.raises(InvalidCommand, match=f"^cannot comment on .*: body is .*, {expected}$") as refusal:
        given(opened()).when(cmd.Comment, by=ANA, ticket_id=T1, direction=direction, body=body)
    assert refusal.value.field == "body"


@pytest.mark.parametrize("body", [None, "", "x" * 5_000_000])
def test_whatever_a_customer_sends_is_kept(body: str | None) -> None:
    decision = given(opened()).when(cmd.Comment, by=KIM, ticket_id=T1, direction="inbound", body=body)
    assert topics(decision) == ["ticket.commented"]


def test_a_correction_names_its_comment() -> None:
    world = given(opened(), commented())
    (event,) = world.when(cmd.CorrectComment, ticket_id=T1, comment=2, body="It fails.", reason="typing error").events
    assert isinstance(event, ev.CommentCorrected)
    assert (event.comment, event.body, event.originator_version) == (2, "It fails.", 3)
    assert world.after(event).ticket().corrections == ((3, 2),)


def test_only_a_comment_can_be_corrected() -> None:
    world = given(opened(), assigned(), commented())
    with pytest.raises(NotFound) as refusal:
        world.when(cmd.CorrectComment, ticket_id=T1, comment=2, body="x")
    assert str(refusal.value) == "no comment 2 of ticket T-2026-000001-5 is recorded here (its comments are 1, 3)"


def test_a_redacted_comment_is_not_corrected() -> None:
    world = given(opened(), commented(), redacted(version=2, reason="card number"))
    expected = "cannot correct a comment of ticket T-2026-000001-5: comment 2 was redacted"
    with pytest.raises(WrongState, match=re.escape(f"{expected} (write a new comment)")):
        world.when(cmd.CorrectComment, ticket_id=T1, comment=2, body="x")


def test_redacting_destroys_the_keys_of_a_comment_and_of_its_corrections() -> None:
    world = given(opened(), commented(), corrected(comment=2), commented(), corrected(comment=4), corrected(comment=2))
    decision = world.when(cmd.Redact, ticket_id=T1, comment=2, reason="card number")
    assert decision.destroy_events == ((T1, 2), (T1, 3), (T1, 6))
    assert [event.version for event in decision.events if isinstance(event, ev.Redacted)] == [2, 3, 6]
    again = world.after(*decision.events).when(cmd.Redact, ticket_id=T1, comment=2, reason="card number")
    assert again == type(again)()


def test_only_a_comment_can_be_redacted() -> None:
    with pytest.raises(NotFound, match="no comment 7 of ticket T-2026-000001-5 is recorded here"):
        given(opened()).when(cmd.Redact, ticket_id=T1, comment=7, reason="card number")


def test_participants_come_and_go_once() -> None:
    world = given(opened())
    added = world.after(*world.when(cmd.AddParticipant, ticket_id=T1, customer_id=C2).events)
    assert added.ticket().participants == {C2}
    assert added.when(cmd.AddParticipant, ticket_id=T1, customer_id=C2).events == ()
    removed = added.after(*added.when(cmd.RemoveParticipant, ticket_id=T1, customer_id=C2).events)
    assert removed.ticket().participants == set()
    assert removed.when(cmd.RemoveParticipant, ticket_id=T1, customer_id=C2).events == ()


def test_a_ticket_can_belong_to_another_customer_or_to_nobody() -> None:
    world = given(opened(requester_id=C1), participant_added(customer_id=C2))
    assert topics(world.when(cmd.ChangeRequester, ticket_id=T1, requester_id=C2)) == ["ticket.requester_changed"]
    assert topics(world.when(cmd.ChangeRequester, ticket_id=T1, requester_id=None)) == ["ticket.requester_changed"]
    assert world.when(cmd.ChangeRequester, ticket_id=T1, requester_id=C1).events == ()


def test_pending_again_is_nothing_and_for_another_reason_is_refused() -> None:
    world = given(opened(), pended(reason="photo"))
    assert world.when(cmd.Pend, ticket_id=T1).events == ()
    assert world.when(cmd.Pend, ticket_id=T1, reason="photo").events == ()
    with pytest.raises(WrongState, match=r"its status is 'pending', .*\(reopen or resume it first\)"):
        world.when(cmd.Pend, ticket_id=T1, reason="invoice")


def test_a_life_from_opening_to_the_end() -> None:
    world = given(opened())
    life: list[tuple[type[cmd.TicketCommand], Status]] = [
        (cmd.Pend, Status.PENDING),
        (cmd.Resume, Status.OPEN),
        (cmd.Hold, Status.ON_HOLD),
        (cmd.Solve, Status.SOLVED),
        (cmd.Reopen, Status.OPEN),
        (cmd.Solve, Status.SOLVED),
        (cmd.Close, Status.CLOSED),
        (cmd.Reopen, Status.OPEN),
    ]
    for cls, status in life:
        world = world.after(*world.when(cls, ticket_id=T1).events)
        assert world.ticket().status is status
        assert world.when(cls, ticket_id=T1).events == (), "repeating is nothing"
    assert world.ticket().reopens == 2


def test_a_rating_is_recorded_once_and_can_change() -> None:
    world = given(opened(), solved(), rated(score=4))
    assert world.when(cmd.Rate, by=KIM, ticket_id=T1, score=4).events == ()
    assert topics(world.when(cmd.Rate, by=KIM, ticket_id=T1, score=5)) == ["ticket.rated"]
    assert topics(world.when(cmd.Rate, by=KIM, ticket_id=T1, score=4, remark="Thanks")) == ["ticket.rated"]


def test_time_is_logged_as_often_as_it_is_worked() -> None:
    world = given(opened())
    for _ in range(2):
        decision = world.when(cmd.LogTime, by=BOB, ticket_id=T1, seconds=90, agent_id="bob", note="on the phone")
        world = world.after(*decision.events)
    assert world.ticket().seconds_logged == 180


def test_a_promise_is_applied_once_and_its_terms_can_change() -> None:
    world = given(opened(), sla_applied(target=REPLY, due_at=START + MINUTE, policy="gold 1"))
    same: dict[str, Any] = {"ticket_id": T1, "target": REPLY, "policy": "gold 1"}
    assert world.when(cmd.ApplySla, due_at=START + MINUTE, **same).events == ()
    decision = world.when(cmd.ApplySla, due_at=START + 2 * MINUTE, **same)
    assert topics(decision) == ["ticket.sla_applied"]
    assert world.after(*decision.events).ticket().sla_terms == ((REPLY, START + 2 * MINUTE, "gold 1"),)


def test_a_promise_is_kept_at_the_commands_time_unless_another_is_given() -> None:
    world = given(opened(), sla_applied(target=REPLY, policy="gold 1"), answered())
    (event,) = world.when(cmd.FulfilSla, ticket_id=T1, target=REPLY).events
    assert isinstance(event, ev.SlaFulfilled)
    assert event.fulfilled_at == world.now
    (event,) = world.when(cmd.FulfilSla, ticket_id=T1, target=REPLY, fulfilled_at=START).events
    assert isinstance(event, ev.SlaFulfilled)
    assert event.fulfilled_at == START
    assert world.after(event).when(cmd.FulfilSla, ticket_id=T1, target=REPLY).events == ()


@pytest.mark.parametrize(
    ("before", "cls", "actual"),
    [
        ((), cmd.FulfilSla, "not applied"),
        ((), cmd.BreachSla, "not applied"),
        ((sla_applied(target=REPLY, policy="p"), sla_breached(target=REPLY)), cmd.FulfilSla, "breached"),
        (
            (sla_applied(target=REPLY, policy="p"), sla_fulfilled(target=REPLY, fulfilled_at=START)),
            cmd.BreachSla,
            "fulfilled",
        ),
    ],
)
def test_only_a_promise_that_holds_is_kept_or_broken(
    before: tuple[Fact, ...], cls: type[cmd.TicketCommand], actual: str
) -> None:
    world = given(opened(), *before)
    message = f"its target 'first_reply' is '{actual}', expected one of 'active', 'paused' (apply it first)"
    with pytest.raises(WrongState, match=re.escape(message)):
        world.when(cls, ticket_id=T1, target=REPLY)


def test_breaking_a_promise_twice_is_nothing() -> None:
    world = given(opened(), sla_applied(target=REPLY, policy="p"), sla_breached(target=REPLY))
    assert world.when(cmd.BreachSla, ticket_id=T1, target=REPLY).events == ()


def test_time_never_goes_back_within_a_ticket() -> None:
    world = given(opened(), commented(), pended())
    early = START - timedelta(days=1)
    decision = world.when(
        cmd.Comment, by=KIM, ticket_id=T1, direction="inbound", body="Late mail", context={"occurred_at": early}
    )
    last = world.ticket().last_at
    assert [event.meta.occurred_at for event in decision.events] == [last, last]
    assert [event.meta.occurred_raw for event in decision.events] == [early, early]


def test_the_time_of_reception_counts_and_not_the_mails_own() -> None:
    claimed = START - timedelta(days=400)
    received = START + timedelta(hours=1)
    context = {"occurred_at": received, "claimed_at": claimed, "now": START + timedelta(hours=2)}
    (event,) = given(opened()).when(cmd.Comment, ticket_id=T1, direction="inbound", body="Hi", context=context).events
    assert (event.meta.occurred_at, event.meta.occurred_raw, event.meta.claimed_at) == (received, None, claimed)


@pytest.mark.parametrize("field", ["now", "occurred_at", "claimed_at"])
def test_a_naive_time_is_refused(field: str) -> None:
    context = {field: START.replace(tzinfo=None)}
    with pytest.raises(InvalidCommand, match=f"{field} is '2026-03-02T09:00:00', expected a time with its zone"):
        given(opened()).when(cmd.Solve, ticket_id=T1, context=context)
