"""Given a ticket's events, when they are folded, then its facts and intervals are these."""

from typing import Any

import pytest

from projections.performance import PERFORMANCE, Facts
from tests.projections.given import SYSTEM, Life, after, ev, folded, opened, ticket_id
from ticketcore.domain.base import Source
from ticketcore.domain.types import Actor, Channel, Direction, Role, SlaTarget, Status


def facts(life: Life) -> Facts:
    row = folded(PERFORMANCE, life).state(life.id)
    assert isinstance(row, Facts)
    return row


def intervals(life: Life) -> list[tuple[Any, ...]]:
    rows = folded(PERFORMANCE, life).rows["intervals"].values()
    return [(r.seq, r.started_at, r.ended_at, r.status, r.team_id, r.started_version) for r in rows]


def said(life: Life, direction: Direction, at: Any, by: Actor | None = None) -> Life:
    return life.then(ev.Commented, at, by or Actor.agent("ana"), direction=direction, channel=Channel.MAIL)


def test_the_first_reply_is_the_first_public_reply_by_an_agent() -> None:
    life = opened()
    said(life, Direction.INTERNAL, after(minutes=1))
    said(life, Direction.OUTBOUND, after(minutes=2), Actor(role=Role.POLICY, id="greeting"))
    said(life, Direction.OUTBOUND, after(minutes=5))
    said(life, Direction.OUTBOUND, after(minutes=9))
    row = facts(life)
    assert row.first_reply_at == after(minutes=5)
    assert (row.public_replies, row.internal_notes, row.inbound_messages) == (2, 1, 1)
    assert row.status == "open"


def test_an_outbound_opening_is_no_inbound_message_and_no_reply() -> None:
    row = facts(opened(direction=Direction.OUTBOUND))
    assert (row.inbound_messages, row.public_replies, row.first_reply_at) == (0, 0, None)


def test_waits_are_counted_by_status() -> None:
    life = opened().then(ev.Assigned, after(hours=1), agent_id="ana")
    life.then(ev.Pended, after(hours=2)).then(ev.Resumed, after(hours=5)).then(ev.Held, after(hours=6))
    life.then(ev.Solved, after(hours=10)).then(ev.Closed, after(hours=20))
    row = facts(life)
    assert row.requester_wait_seconds == 7 * 3600
    assert row.on_hold_seconds == 4 * 3600
    assert row.agent_wait_seconds == 3 * 3600
    assert row.status_since == after(hours=20)
    assert row.requester_wait_business_seconds is None


def test_resolution_is_the_first_and_the_last_entry_into_solved() -> None:
    life = opened().then(ev.Solved, after(hours=1)).then(ev.Closed, after(hours=2)).then(ev.Reopened, after(hours=3))
    life.then(ev.Solved, after(hours=4)).then(ev.Closed, after(hours=5))
    row = facts(life)
    assert (row.first_solved_at, row.last_solved_at, row.closed_at) == (after(hours=1), after(hours=4), after(hours=5))
    assert row.reopens == 1
    assert row.requester_wait_seconds == 2 * 3600


@pytest.mark.parametrize(
    ("replies", "reopened", "expected"), [(1, False, True), (0, False, False), (2, False, False), (1, True, False)]
)
def test_one_touch_is_solved_with_one_reply_and_never_reopened(replies: int, reopened: bool, expected: bool) -> None:
    life = opened()
    for _ in range(replies):
        said(life, Direction.OUTBOUND, after(minutes=3))
    assert facts(life).one_touch is False
    life.then(ev.Solved, after(minutes=4))
    if reopened:
        life.then(ev.Reopened, after(minutes=5)).then(ev.Solved, after(minutes=6))
    assert facts(life).one_touch is expected


def test_changes_count_from_and_to_none_and_reassignments_do_not() -> None:
    life = opened(team_id="mail")
    life.then(ev.Assigned, after(minutes=1), team_id="billing", agent_id="ana")
    life.then(ev.Assigned, after(minutes=2), team_id="billing", agent_id="bo")
    life.then(ev.Unassigned, after(minutes=3)).then(ev.Assigned, after(minutes=4), team_id="mail")
    row = facts(life)
    assert (row.team_changes, row.team_reassignments) == (3, 1)
    assert (row.agent_changes, row.agent_reassignments) == (3, 1)
    assert (row.opening_team_id, row.team_id, row.agent_id) == ("mail", "mail", None)


def test_a_stretch_ends_where_status_state_team_or_agent_changes() -> None:
    life = opened(team_id="mail")
    said(life, Direction.INTERNAL, after(minutes=1))
    life.then(ev.Assigned, after(minutes=2), team_id="billing")
    life.then(ev.Assigned, after(minutes=2), team_id="billing", agent_id="ana")
    life.then(ev.Solved, after(minutes=5))
    assert intervals(life) == [
        (1, after(), after(minutes=2), "new", "mail", 1),
        (2, after(minutes=2), after(minutes=2), "new", "billing", 3),
        (3, after(minutes=2), after(minutes=5), "open", "billing", 4),
        (4, after(minutes=5), None, "solved", "billing", 5),
    ]


def test_a_merged_ticket_waits_no_more_and_unmerging_brings_its_status_back() -> None:
    life = opened().then(ev.Pended, after(hours=1)).then(ev.Merged, after(hours=2), target_id=ticket_id(2))
    assert facts(life).merged_into == ticket_id(2)
    life.then(ev.Unmerged, after(hours=9), target_id=ticket_id(2)).then(ev.Resumed, after(hours=10))
    row = facts(life)
    assert (row.merged_into, row.status, row.status_before_merge) == (None, "open", None)
    assert (row.requester_wait_seconds, row.agent_wait_seconds) == (3600, 2 * 3600)


def test_what_the_source_states_is_kept_beside_what_is_derived() -> None:
    first = Source(line=2, state="New", stated={"reopens": "0", "closed_at": "no time"})
    last = Source(
        line=3, state="Closed", stated={"reopens": "2", "reassignments": "5", "closed_at": "2026-03-04T10:00:00+01:00"}
    )
    life = opened(meta={"source": first})
    life.then(ev.Closed, after(hours=1), SYSTEM, meta={"source": last, "irregular": True})
    row = facts(life)
    assert (row.stated_reopens, row.stated_reassignments, row.stated_resolved_at) == (2, 5, None)
    assert row.stated_closed_at == after(days=2)
    assert (row.closed_at, row.reopens, row.irregular_events, row.source_state) == (after(hours=1), 0, 1, "Closed")


def test_a_broken_promise_stays_broken() -> None:
    life = opened().then(ev.SlaApplied, after(), target=SlaTarget.RESOLUTION, policy="p1")
    life.then(ev.SlaApplied, after(), target=SlaTarget.FIRST_REPLY, policy="p1")
    life.then(ev.SlaFulfilled, after(), target=SlaTarget.FIRST_REPLY, fulfilled_at=after())
    life.then(ev.SlaBreached, after(), target=SlaTarget.RESOLUTION)
    life.then(ev.SlaApplied, after(), target=SlaTarget.RESOLUTION, policy="p1")
    row = facts(life)
    assert (row.sla_first_reply, row.sla_next_reply, row.sla_resolution) == ("attained", None, "breached")
    assert (row.sla_attained, row.sla_breached) == (1, 1)


def test_ratings_and_logged_time_are_kept() -> None:
    life = opened().then(ev.Rated, after(), score=2).then(ev.Rated, after(), score=5)
    life.then(ev.TimeLogged, after(), seconds=90, agent_id="ana").then(
        ev.TimeLogged, after(), seconds=30, agent_id="bo"
    )
    assert (facts(life).score, facts(life).seconds_logged) == (5, 120)


def test_an_imported_update_may_move_the_status() -> None:
    life = opened().then(ev.Updated, after(hours=1), SYSTEM, status=Status.CLOSED)
    assert (facts(life).status, facts(life).closed_at) == ("closed", after(hours=1))
