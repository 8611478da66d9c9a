"""Rows that are activities, by the example that ships and by small logs."""

from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.importing.given import Bench
from ticketcore.domain import ticket
from ticketcore.domain import ticket_events as ev
from ticketcore.importing.errors import ImportStopped
from ticketcore.importing.mapping_files import LoadedMapping, parse_mapping

MAPPING = """\
rows: activities
system: demo
case: case
activity: what
time: at
actor: who
requester: {column: customer, identity: mail, name: name}
file: {null: [""]}
activities:
  Assign: {event: assigned, team: team, agent: agent}
  Classify: {event: classified, category: team}
  Prioritise: {event: prioritised, priority: team}
  Say: {event: commented, body: text}
  Write: {event: commented, by: customer, body: text}
  Hand over: {event: requester_changed, requester: {column: text, identity: phone}}
  Rate: {event: rated, score: text}
  Work: {event: time_logged, seconds: text}
  Kept: {event: sla_fulfilled, target: {const: first_reply}}
  Close: closed
  Print: {event: updated, changes: [text, team]}
others: reject
"""
HEAD = "case,what,at,who,customer,name,team,agent,text\n"


def mapping(change: tuple[str, str] = ("", "")) -> LoadedMapping:
    return parse_mapping(MAPPING.replace(*change))


def imported(bench: Bench, *lines: str, change: tuple[str, str] = ("", "")) -> list[Any]:
    rows = [
        f"1,{line.split(',', 1)[0]},2024-01-01T00:00:{n:02},eva,,,{line.split(',', 1)[1]}"
        for n, line in enumerate(lines)
    ]
    bench.imports(HEAD + "\n".join(rows) + "\n", mapping(change))
    return bench.events()


def test_the_example_that_ships_tells_two_lives(bench: Bench) -> None:
    folder = resources.files("ticketcore.importing") / "mappings"
    with resources.as_file(folder / "activities_example.csv") as path:
        summary = bench.imports(Path(path), "activities_example", zone=ZoneInfo("Europe/Berlin"))
    assert (summary.rows, summary.cases, summary.rejects, summary.irregular) == (23, 2, 0, {})
    lives: dict[object, list[Any]] = {}
    for event in bench.events():
        lives.setdefault(event.originator_id, []).append(event)
    parcel, invoice = lives.values()
    assert [e.TOPIC.removeprefix("ticket.") for e in parcel] == [
        "opened", "assigned", "assigned", "commented", "held", "commented", "resumed", "commented", "solved", "closed",
    ]  # fmt: skip
    assert parcel[0].subject == "Parcel missing"
    assert parcel[0].body.endswith("It was due on Monday.")
    assert parcel[5].meta.occurred_at.isoformat() == "2026-03-29T01:30:00+00:00"  # 02:30 does not exist that night
    folded = ticket.project(None, invoice)
    assert folded is not None
    assert (folded.status, folded.reopens, folded.score, folded.category) == ("closed", 1, 4, "refund")
    assert (folded.priority, folded.agent_id, folded.seconds_logged) == ("critical", "dan", 900)


def test_words_and_addresses_are_sealed(bench: Bench) -> None:
    bench.imports(HEAD + "1,Write,2024-01-01T00:00:00,eva,Eva@Example.org,Eva E,,,words of eva\n", mapping())
    stored = b"".join(record.state for record in bench.log.read(0, 100))
    for word in (b"Eva@", b"eva@example.org", b"Eva E", b"words of eva"):
        assert word not in stored
    registered, identified, _, commented = bench.events(None)
    assert (registered.name, identified.value) == ("Eva E", "eva@example.org")  # type: ignore[attr-defined]
    assert (commented.body, commented.author_id) == ("words of eva", registered.originator_id)  # type: ignore[attr-defined]
    assert commented.meta.actor.id.startswith("C-2024-")


def test_a_customer_who_is_not_known_goes_by_no_name(bench: Bench) -> None:
    events = imported(bench, "Write,,,words")
    assert [str(event.meta.actor) for event in events] == ["agent eva", "system demo"]


def test_the_first_row_opens_the_case_whatever_it_is(bench: Bench) -> None:
    events = imported(bench, "Say,,,hello")
    assert [event.TOPIC for event in events] == ["ticket.opened", "ticket.commented"]
    assert (events[1].direction, events[1].channel, events[1].body) == ("outbound", "internal", "hello")


def test_what_a_row_does_not_tell_stays_as_it_was(bench: Bench) -> None:
    events = imported(
        bench, "Assign,A,ann,", "Assign,B,,", "Classify,C,,", "Prioritise,high,,",
        change=("team: team, agent: agent", "team: team"),
    )  # fmt: skip
    folded = ticket.project(None, events)
    assert folded is not None
    assert (folded.team_id, folded.agent_id, folded.category, folded.priority) == ("B", None, "C", "high")


def test_assigning_nobody_is_unassigning(bench: Bench) -> None:
    assert [event.TOPIC for event in imported(bench, "Assign,A,,", "Assign,,,")][-1] == "ticket.unassigned"


def test_fields_of_the_rarer_events(bench: Bench) -> None:
    events = imported(bench, "Hand over,,,+49 30 1234", "Rate,,,5", "Work,,,60", "Kept,,,", "Print,T,,x")
    _, handed, rated, worked, kept, printed = events
    assert isinstance(handed, ev.RequesterChanged)
    assert handed.requester_id is not None
    assert (rated.score, worked.seconds, worked.agent_id) == (5, 60, "eva")
    assert (kept.target, kept.fulfilled_at) == ("first_reply", kept.meta.occurred_at)
    assert printed.changes == {"activity": "Print", "text": "x", "team": "T"}


def test_an_activity_that_the_table_would_refuse_is_marked_and_counted(bench: Bench) -> None:
    bench.imports(HEAD + "1,Close,2024-01-01,eva,,,,,\n1,Say,2024-01-02,eva,,,,,more\n", mapping())
    assert [event.meta.irregular for event in bench.events()] == [False, True, True]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,Dance,2024-01-01,eva,,,,,", "column what is 'Dance', expected one of 'Assign', 'Classify'"),
        ("1,Rate,2024-01-01,eva,,,,,6", "column text is '6', expected a whole number from 1 to 5"),
        ("1,Rate,2024-01-01,eva,,,,,", "activity 'Rate' has no score"),
        ("1,Prioritise,2024-01-01,eva,,,soon,,", "column team is 'soon', expected one of 'critical', 'high'"),
        ("1,Say,2024-01-01,eva,nobody,,,,", "column customer is 'nobody', expected a mail address"),
        (",Say,2024-01-01,eva,,,,,", "column case is empty"),
    ],
)
def test_a_row_that_does_not_fit_is_rejected(bench: Bench, line: str, reason: str) -> None:
    with pytest.raises(ImportStopped, match="nothing was imported, all of its 1 rows were rejected"):
        bench.imports(f"{HEAD}{line}\n", mapping())
    [(number, why)] = bench.rejected()
    assert (number, bench.events(None)) == (2, [])
    assert why.startswith(reason)


def test_other_activities_can_be_kept_as_they_stand(bench: Bench) -> None:
    events = imported(bench, "Dance,,,", change=("others: reject", "others: update"))
    assert events[-1].changes == {"activity": "Dance"}


def test_long_words_go_to_a_blob_and_leave_their_beginning(bench: Bench) -> None:
    words = "Müsli " * 20_000
    [_, commented] = imported(bench, f"Say,,,{words.strip()}")
    assert commented.body_blob == 0
    assert words.startswith(commented.body)
    stored = bench.log.get_blob(commented.blobs[0].digest)
    assert stored is not None
    record = bench.log.read(0, 10)[-1]
    opened = bench.sealer.open_blobs(bench.codec.decode(record), {0: stored})
    assert opened[0] == words.strip().encode()


def test_remarks_and_names_of_any_length_are_kept_whole(bench: Bench) -> None:
    words = "\u6f22".join(map(str, range(60_000)))
    rows = f"1,Say,2024-01-01,eva,eva@example.org,{words},,,hi\n1,Rate,2024-01-02,eva,,,,,5\n"
    change = ("{event: rated, score: text}", "{event: rated, score: text, body: name}")
    bench.imports(HEAD + rows.replace("eva,,,,,5", f"eva,,{words},,,5"), mapping(change))
    assert bench.rejected() == []
    records = bench.log.read(0, 100)
    found = {}
    for event in map(bench.codec.decode, records):
        if event.overflow is not None:
            stored = bench.log.get_blob(event.overflow)
            assert stored is not None
            whole: Any = bench.sealer.open_overflow(bench.sealer.open(event), stored)
            found[event.TOPIC] = whole.name if event.TOPIC == "customer.registered" else whole.remark
    assert found == {"customer.registered": words, "ticket.rated": words}


def test_an_imported_activity_is_what_validation_would_have_made(bench: Bench) -> None:
    imported(
        bench, "Assign,A,ann,", "Say,,,hi", "Hand over,,,+49 30 1", "Rate,,,5", "Work,,,60", "Kept,,,", "Print,T,,x"
    )
    for event in bench.events(None):
        assert type(event).model_validate(event.model_dump()) == event
