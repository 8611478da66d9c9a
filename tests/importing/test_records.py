"""Rows that are whole records: what changed since the row before is what happened."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.importing.given import IMPORTER, Bench, life
from ticketcore.domain import customer_events as cust
from ticketcore.domain import ticket, types
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.ids import Kind, number_of


def day(hour: int, minute: int = 0, of: int = 1) -> datetime:
    return datetime(2024, 2, of, hour, minute, tzinfo=UTC)


def last(bench: Bench) -> Any:
    return bench.events()[-1]


def state_of(event: Event) -> str | None:
    return event.meta.source.state if event.meta.source else None


def stated(event: Event) -> dict[str, str]:
    return dict((event.meta.source and event.meta.source.stated) or {})


def test_the_first_row_opens_the_ticket(bench: Bench) -> None:
    bench.imports(life(u_symptom="Symptom 3", location="Location 9", assigned_to="Resolver 2"))
    [opened] = bench.events()
    assert isinstance(opened, ev.Opened)
    assert (opened.meta.occurred_at, opened.meta.actor) == (
        day(8),
        types.Actor(role=types.Role.AGENT, id="Opened by 1"),
    )
    assert (opened.external, opened.channel, opened.category, opened.tags) == (
        "INC1", types.Channel.PHONE, "Category 1", ("Symptom 3",),
    )  # fmt: skip
    assert (opened.team_id, opened.agent_id) == ("Group 1", "Resolver 2")
    assert (opened.impact, opened.urgency, opened.priority) == ("medium", "medium", "normal")
    assert (state_of(opened), opened.meta.source.line if opened.meta.source else 0) == ("New", 2)
    assert stated(opened) == {"reassignments": "0", "reopens": "0", "contact_type": "Phone", "location": "Location 9"}


def test_the_caller_becomes_a_customer_with_a_sealed_identity(bench: Bench) -> None:
    bench.imports([*life(), *life(number="INC2")])
    registered, identified = bench.events(Kind.CUSTOMER)
    assert isinstance(registered, cust.Registered)
    assert isinstance(identified, cust.Identified)
    assert (identified.kind, identified.value, registered.meta.actor) == ("external", "servicenow:Caller 1", IMPORTER)
    assert {e.requester_id for e in bench.events() if isinstance(e, ev.Opened)} == {registered.originator_id}
    stored = b"".join(record.state for record in bench.log.read(0, 100))
    assert b"Caller 1" not in stored


def test_another_caller_is_another_requester(bench: Bench) -> None:
    bench.imports(life({"caller_id": "Caller 2", "at": "1/2/2024 09:00"}, {"caller_id": "?", "at": "1/2/2024 10:00"}))
    _, changed, gone = bench.events()
    assert isinstance(changed, ev.RequesterChanged)
    assert isinstance(gone, ev.RequesterChanged)
    assert changed.requester_id == bench.events(Kind.CUSTOMER)[-1].originator_id
    assert gone.requester_id is None


def test_a_row_that_changes_nothing_is_an_update(bench: Bench) -> None:
    bench.imports(life({"at": "1/2/2024 09:00"}))
    assert bench.told() == ["opened", "updated"]
    assert (last(bench).changes, last(bench).status, last(bench).meta.occurred_at) == ({}, None, day(9))


def test_columns_without_an_event_are_kept_as_changes(bench: Bench) -> None:
    bench.imports(life({"location": "Location 2", "vendor": "Vendor 1"}, {"location": "?"}))
    assert [event.changes for event in bench.events() if isinstance(event, ev.Updated)] == [
        {"location": "Location 2", "vendor": "Vendor 1"},
        {"location": None},
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"category": "Category 2"}, {"category": "Category 2", "subcategory": None, "tags": ()}),
        ({"u_symptom": "S"}, {"category": "Category 1", "subcategory": None, "tags": ("S",)}),
        ({"priority": "2 - High"}, {"priority": "high", "impact": "medium", "by_hand": False}),
        ({"impact": "1 - High", "priority": "?"}, {"priority": "normal", "impact": "high"}),
        ({"assigned_to": "R"}, {"team_id": "Group 1", "agent_id": "R"}),
        ({"assignment_group": "?", "assigned_to": "R"}, {"team_id": None, "agent_id": "R"}),
    ],
)
def test_a_change_becomes_its_event_with_the_whole_new_value(
    bench: Bench, changes: dict[str, str], expected: dict[str, object]
) -> None:
    bench.imports(life({**changes, "at": "1/2/2024 09:00"}))
    assert len(bench.events()) == 2
    assert {name: getattr(last(bench), name) for name in expected} == expected


def test_nobody_responsible_any_more_is_unassigned(bench: Bench) -> None:
    bench.imports(life({"assignment_group": "?"}))
    assert bench.told() == ["opened", "unassigned"]


@pytest.mark.parametrize(
    ("states", "topics", "status"),
    [
        (["Active"], ["updated"], "open"),
        (["Awaiting User Info"], ["pended"], "pending"),
        (["Awaiting Vendor"], ["held"], "on_hold"),
        (["Awaiting User Info", "Active"], ["pended", "resumed"], "open"),
        (["Awaiting Problem", "Resolved"], ["held", "solved"], "solved"),
        (["Resolved", "Closed"], ["solved", "closed"], "closed"),
        (["Resolved", "Active"], ["solved", "reopened"], "open"),
        (["Resolved", "Awaiting User Info"], ["solved", "reopened", "pended"], "pending"),
        (["Active", "-100", "Resolved"], ["updated", "updated", "solved"], "solved"),
    ],
)
def test_a_state_becomes_the_event_that_leads_to_it(
    bench: Bench, states: list[str], topics: list[str], status: str
) -> None:
    summary = bench.imports(life(*({"state": state} for state in states)))
    assert bench.told() == ["opened", *topics]
    folded = ticket.project(None, bench.events())
    assert folded is not None
    assert (folded.status, folded.source_state) == (status, states[-1])
    assert summary.irregular == {}


def test_the_sources_state_is_the_reason_of_a_waiting(bench: Bench) -> None:
    bench.imports(life({"state": "Awaiting Vendor"}))
    assert (last(bench).reason, state_of(last(bench))) == ("Awaiting Vendor", "Awaiting Vendor")


def test_a_first_row_in_another_state_tells_it_at_the_rows_own_time(bench: Bench) -> None:
    bench.imports(life(state="Resolved"))
    opened, solved = bench.events()
    assert (state_of(opened), state_of(solved)) == (None, "Resolved")
    assert (opened.meta.occurred_at, solved.meta.occurred_at) == (day(8), day(8, 5))


@pytest.mark.parametrize(
    ("states", "name"), [(["Closed"], "New -> Closed"), (["Resolved", "Closed", "Active"], "Closed -> Active")]
)
def test_what_the_table_would_refuse_is_recorded_marked_and_counted(bench: Bench, states: list[str], name: str) -> None:
    summary = bench.imports(life(*({"state": state} for state in states)))
    assert summary.irregular == {name: 1}
    assert [event.meta.irregular for event in bench.events()] == [*[False] * len(states), True]


def test_a_closed_ticket_is_reopened_before_it_is_assigned(bench: Bench) -> None:
    bench.imports(life({"state": "Resolved"}, {"state": "Closed"}, {"state": "Active", "assigned_to": "R"}))
    assert bench.told()[-2:] == ["reopened", "assigned"]
    assert [event.meta.irregular for event in bench.events()[-2:]] == [True, False]


def test_other_changes_come_before_the_move_of_their_row(bench: Bench) -> None:
    bench.imports(life({"state": "Resolved"}, {"state": "Closed", "assigned_to": "R", "made_sla": "false"}))
    assert bench.told() == ["opened", "solved", "assigned", "sla_breached", "closed"]


def test_a_broken_promise_is_noticed_and_not_dated(bench: Bench) -> None:
    bench.imports(life({"made_sla": "false", "at": "2/2/2024 09:00"}, {"made_sla": "true"}))
    breached = bench.events()[1]
    assert isinstance(breached, ev.SlaBreached)
    assert (breached.target, breached.breached_at, breached.meta.occurred_at) == ("resolution", None, day(9, of=2))
    assert bench.told() == ["opened", "sla_breached", "updated"]


def test_a_ticket_may_open_breached_already(bench: Bench) -> None:
    bench.imports(life(made_sla="false", state="Active"))
    assert bench.told() == ["opened", "sla_breached", "updated"]
    assert bench.events()[1].meta.occurred_at == day(8, 5)


def test_a_row_before_the_row_before_keeps_its_raw_time(bench: Bench) -> None:
    bench.imports(life({"at": "1/2/2024 12:00"}, {"at": "1/2/2024 11:00"}, {"at": "1/2/2024 12:30"}))
    times = [(event.meta.occurred_at, event.meta.occurred_raw) for event in bench.events()]
    assert times == [(day(8), None), (day(12), None), (day(12), day(11)), (day(12, 30), None)]


def test_an_opening_after_its_first_row_holds_and_the_row_waits_for_it(bench: Bench) -> None:
    bench.imports(life(opened_at="1/2/2024 10:00", state="Active"))
    opened, updated = bench.events()
    assert opened.meta.occurred_at == day(10)
    assert (updated.meta.occurred_at, updated.meta.occurred_raw) == (day(10), day(8, 5))


def test_counts_of_the_source_stand_on_the_first_event_of_the_row_that_changed_them(bench: Bench) -> None:
    bench.imports(
        life({"reassignment_count": "1", "assignment_group": "G2", "state": "Active"}, {"at": "1/2/2024 09:00"})
    )
    assert [stated(event) for event in bench.events()[1:]] == [{"reassignments": "1"}, {}, {}]


def test_what_knows_the_future_stands_on_the_event_it_belongs_to(bench: Bench) -> None:
    known = {
        "resolved_at": "1/2/2024 11:00",
        "resolved_by": "R",
        "closed_at": "5/2/2024 11:00",
        "closed_code": "code 6",
    }
    moves = [
        {"state": "Active", "at": "1/2/2024 10:00"},
        {"state": "Resolved", "at": "1/2/2024 11:00"},
        {"state": "Closed", "at": "5/2/2024 11:30"},
    ]
    bench.imports(life(*moves, **known))
    solved, closed = bench.events()[2:]
    assert stated(solved) == {"resolved_at": "2024-02-01T11:00:00Z", "resolved_by": "R"}
    assert stated(closed) == {"closed_at": "2024-02-05T11:00:00Z", "closed_code": "code 6"}
    assert not {"resolved_at", "closed_at"} & stated(bench.events()[0]).keys()


def test_a_stated_time_that_is_still_to_come_waits_for_a_row_at_or_past_it(bench: Bench) -> None:
    moves = [
        {"state": "Resolved", "at": "1/2/2024 11:00"},
        {"at": "1/2/2024 11:59"},
        {"assignment_group": "G2", "state": "Active", "at": "1/2/2024 12:00"},
    ]
    summary = bench.imports(life(*moves, resolved_at="1/2/2024 12:00", resolved_by="R"))
    _, solved, updated, assigned, reopened = bench.events()
    assert [stated(e) for e in (solved, updated, reopened)] == [{}, {}, {}]
    assert stated(assigned) == {"resolved_at": "2024-02-01T12:00:00Z", "resolved_by": "R"}
    assert summary.held_back == 0


def test_a_stated_time_that_never_comes_is_counted(bench: Bench) -> None:
    summary = bench.imports(life({"state": "Resolved", "at": "1/2/2024 11:00"}, resolved_at="3/2/2024 12:00"))
    assert summary.held_back == 1
    assert all("resolved_at" not in stated(event) for event in bench.events())


def test_cases_may_be_interleaved(bench: Bench) -> None:
    first, second = life({"state": "Active"}), life({"state": "Resolved"}, number="INC2")
    bench.imports([first[0], second[0], second[1], first[1]])
    assert bench.told() == ["opened", "opened", "solved", "updated"]


def test_numbers_have_the_year_of_the_opening(bench: Bench) -> None:
    bench.imports(life(opened_at="31/12/2019 23:30"))
    assert number_of(bench.events()[0].originator_id).startswith("T-2019-")


def test_nobody_named_means_the_source_itself(bench: Bench) -> None:
    bench.imports(life({"sys_updated_by": "?"}, opened_by="?"))
    assert [str(event.meta.actor) for event in bench.events()] == ["agent Updated by 1", "system servicenow"]


def test_an_imported_event_is_what_validation_would_have_made(bench: Bench) -> None:
    bench.imports(
        life(
            {
                "state": "Awaiting Vendor",
                "assigned_to": "R",
                "priority": "2 - High",
                "category": "C",
                "made_sla": "false",
            },
            {"state": "Resolved", "at": "1/2/2024 07:00", "location": "L", "caller_id": "Caller 2"},
            {"state": "Active", "assignment_group": "?", "assigned_to": "?"},
        )
    )
    assert len(bench.events(None)) == 15
    for event in bench.events(None):
        assert type(event).model_validate(event.model_dump()) == event
