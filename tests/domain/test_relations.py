"""More than one ticket: merges, splits, links, follow-ups."""

import re

import pytest

from tests.domain.given import C1, C2, T1, T2, T3, closed, commented, fact, given, merged, opened, solved, told
from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Channel, LinkKind, Status
from ticketcore.errors import InvalidCommand, NotFound, TicketClosed, WrongState

NEW = {"new_ids": (T3,)}


def test_a_merge_writes_both_tickets() -> None:
    world = given(opened(T1), opened(T2))
    decision = world.when(cmd.Merge, ticket_id=T1, target_id=T2)
    assert told(decision) == ["T-2026-000001-5 ticket.merged", "T-2026-000002-8 ticket.absorbed"]
    world = world.after(*decision.events)
    assert world.ticket(T1).merged_into == T2
    assert world.ticket(T2).absorbed == {T1}
    assert world.when(cmd.Merge, ticket_id=T1, target_id=T2).events == (), "repeating is nothing"


def test_two_merges_that_cross_cannot_form_a_cycle() -> None:
    world = given(opened(T1), opened(T2), *merged(T1, T2))
    assert set(cmd.Merge(ticket_id=T2, target_id=T1).streams()) == {T1, T2}, "both versions are expected"
    with pytest.raises(TicketClosed, match=r"cannot merge into ticket T-2026-000001-5: its status is 'merged'"):
        world.when(cmd.Merge, ticket_id=T2, target_id=T1)


def test_a_merged_ticket_is_not_merged_elsewhere() -> None:
    world = given(opened(T1), opened(T2), opened(T3), *merged(T1, T2))
    with pytest.raises(
        TicketClosed, match=r"cannot merge ticket T-2026-000001-5: .* it ended in ticket T-2026-000002-8"
    ):
        world.when(cmd.Merge, ticket_id=T1, target_id=T3)


def test_a_ticket_is_not_merged_into_itself() -> None:
    with pytest.raises(InvalidCommand, match=r"target_id is .*, expected another ticket \(name the ticket to go on"):
        given(opened(T1)).when(cmd.Merge, ticket_id=T1, target_id=T1)


def test_unmerging_writes_both_tickets_and_brings_the_status_back() -> None:
    world = given(opened(T1), solved(T1), opened(T2), *merged(T1, T2))
    decision = world.when(cmd.Unmerge, ticket_id=T1)
    assert told(decision) == ["T-2026-000001-5 ticket.unmerged", "T-2026-000002-8 ticket.released"]
    world = world.after(*decision.events)
    assert (world.ticket(T1).status, world.ticket(T1).merged_into) == (Status.SOLVED, None)
    assert world.ticket(T2).absorbed == set()


def test_only_a_merged_ticket_is_unmerged() -> None:
    with pytest.raises(WrongState, match="only a merged ticket can be unmerged"):
        given(opened(T1)).when(cmd.Unmerge, ticket_id=T1)


def test_a_part_becomes_a_ticket_of_its_own() -> None:
    world = given(opened(T1, channel=Channel.CHAT, requester_id=C2), commented(T1))
    decision = world.when(cmd.SplitOff, ticket_id=T1, comments=(2,), subject="The other thing", context=NEW)
    assert told(decision) == ["T-2026-000003-1 ticket.opened", "T-2026-000001-5 ticket.split_off"]
    first, part = decision.events
    assert isinstance(first, ev.Opened)
    assert (first.split_from, first.requester_id, first.channel) == (T1, C2, Channel.CHAT)
    assert isinstance(part, ev.SplitOff)
    assert (part.new_id, part.comments) == (T3, (2,))


def test_a_split_is_about_comments_that_are_there() -> None:
    with pytest.raises(NotFound, match=r"no comment 5 of ticket T-2026-000001-5 .*\(its comments are 1\)"):
        given(opened(T1)).when(cmd.SplitOff, ticket_id=T1, comments=(5,), context=NEW)


def test_a_follow_up_takes_up_a_closed_ticket() -> None:
    world = given(opened(T1), solved(T1), closed(T1))
    decision = world.when(cmd.OpenFollowUp, ticket_id=T1, channel="mail", body="It is back.", context=NEW)
    assert told(decision) == ["T-2026-000003-1 ticket.opened", "T-2026-000001-5 ticket.follow_up_opened"]
    first = decision.events[0]
    assert isinstance(first, ev.Opened)
    assert (first.follow_up_of, first.requester_id, first.body) == (T1, C1, "It is back.")
    assert world.after(*decision.events).ticket(T1).follow_ups == (T3,)


def test_a_ticket_that_is_not_closed_needs_no_follow_up() -> None:
    message = "cannot open a follow-up of ticket T-2026-000001-5: its status is 'solved', expected one of 'closed'"
    with pytest.raises(WrongState, match=f"^{re.escape(message)} .write into the ticket itself"):
        given(opened(T1), solved(T1)).when(cmd.OpenFollowUp, ticket_id=T1, channel="mail", context=NEW)


def test_a_link_is_written_on_both_and_once() -> None:
    world = given(opened(T1), opened(T2))
    decision = world.when(cmd.Link, ticket_id=T1, other_id=T2, kind="caused_by")
    world = world.after(*decision.events)
    assert world.ticket(T1).links == {(T2, LinkKind.CAUSED_BY, False)}
    assert world.ticket(T2).links == {(T1, LinkKind.CAUSED_BY, True)}
    assert world.when(cmd.Link, ticket_id=T1, other_id=T2, kind="caused_by").events == ()


def test_being_related_is_the_same_from_both_sides() -> None:
    world = given(opened(T1), opened(T2))
    world = world.after(*world.when(cmd.Link, ticket_id=T1, other_id=T2).events)
    assert world.when(cmd.Link, ticket_id=T2, other_id=T1).events == ()
    world = world.after(*world.when(cmd.Unlink, ticket_id=T2, other_id=T1).events)
    assert world.ticket(T1).links == world.ticket(T2).links == set()


def test_a_link_that_stands_on_one_side_only_is_completed() -> None:
    half = fact(ev.Linked, T1, other_id=T2, kind=LinkKind.BLOCKED_BY)
    decision = given(opened(T1), opened(T2), half).when(cmd.Link, ticket_id=T1, other_id=T2, kind="blocked_by")
    assert told(decision) == ["T-2026-000002-8 ticket.linked"]


def test_unlinking_removes_it_from_both_and_once() -> None:
    world = given(opened(T1), opened(T2))
    world = world.after(*world.when(cmd.Link, ticket_id=T1, other_id=T2, kind="duplicate_of").events)
    assert world.when(cmd.Unlink, ticket_id=T1, other_id=T2, kind="related").events == (), "another relation"
    world = world.after(*world.when(cmd.Unlink, ticket_id=T1, other_id=T2, kind="duplicate_of").events)
    assert world.ticket(T1).links == world.ticket(T2).links == set()
    assert world.when(cmd.Unlink, ticket_id=T1, other_id=T2, kind="duplicate_of").events == ()


@pytest.mark.parametrize("cls", [cmd.Link, cmd.Unlink])
def test_a_ticket_has_no_relation_to_itself(cls: type[cmd.Link]) -> None:
    with pytest.raises(InvalidCommand, match=r"expected another ticket \(a ticket has no relation to itself\)"):
        given(opened(T1)).when(cls, ticket_id=T1, other_id=T1)
