"""However a file is cut into chunks, and wherever an import dies: run again, it ends with the same events."""

import csv
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importing.given import Bench, Line, as_csv, life, plain
from ticketcore.domain import ticket
from ticketcore.domain.base import Event
from ticketcore.domain.transitions import is_regular
from ticketcore.domain.types import Status
from ticketcore.importing.cases import Case
from ticketcore.importing.desk import Desk
from ticketcore.importing.errors import ImportRefused, ImportStopped
from ticketcore.store.port import Append

STATES = ["New", "Active", "Awaiting User Info", "Awaiting Vendor", "Resolved", "Closed", "-100", "Nonsense"]
changes = st.fixed_dictionaries(
    {"state": st.sampled_from(STATES)},
    optional={
        "at": st.sampled_from(["1/2/2024 07:00", "1/2/2024 09:00", "2/2/2024 09:00", "when?"]),
        "caller_id": st.sampled_from(["Caller 1", "Caller 2", "?"]),
        "assignment_group": st.sampled_from(["Group 1", "Group 2", "?"]),
        "assigned_to": st.sampled_from(["Resolver 1", "?"]),
        "priority": st.sampled_from(["2 - High", "3 - Moderate", "?"]),
        "category": st.sampled_from(["Category 1", "?"]),
        "made_sla": st.sampled_from(["true", "false"]),
        "location": st.sampled_from(["Location 1", "?"]),
        "reopen_count": st.sampled_from(["0", "1"]),
        "resolved_at": st.sampled_from(["?", "1/2/2024 08:30", "2/2/2024 08:30"]),
    },
)


@st.composite
def logs(draw: st.DrawFn) -> list[Line]:
    """Rows of a few cases, interleaved."""
    lives = [
        life(*draw(st.lists(changes, max_size=5)), number=f"INC{n}", **draw(changes))
        for n in range(draw(st.integers(1, 4)))
    ]
    lives.append(life(number="INC9"))  # a good row, without which an import ends with an error
    order = draw(st.permutations([n for n, rows in enumerate(lives) for _ in rows]))
    left = [iter(rows) for rows in lives]
    return [next(left[n]) for n in order]


@given(logs(), st.integers(1, 30), st.integers(1, 30))
def test_any_split_into_chunks_gives_the_same_events(rows: list[Line], one: int, other: int) -> None:
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        benches = Bench(Path(first)), Bench(Path(second))
        summaries = [bench.imports(rows, chunk_rows=n) for bench, n in zip(benches, (one, other), strict=True)]
        assert plain(benches[0].events(None)) == plain(benches[1].events(None))
        assert benches[0].rejected() == benches[1].rejected()
        assert summaries[0].events == summaries[1].events
        assert summaries[0].irregular == summaries[1].irregular


@given(logs(), st.integers(1, 5), st.integers(0, 20), st.booleans())
def test_any_kill_point_and_a_second_run_give_the_same_events(
    rows: list[Line], chunk_rows: int, appends: int, after_commit: bool
) -> None:
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        whole, killed = Bench(Path(first)), Bench(Path(second))
        expected = whole.imports(rows, chunk_rows=chunk_rows)
        killed.log.appends_left, killed.log.dies_after_commit = appends, after_commit
        if appends < expected.chunks + 1:  # the import's beginning is recorded before its first chunk
            with pytest.raises(KeyboardInterrupt):
                killed.imports(rows, chunk_rows=chunk_rows)
            killed.log.appends_left = None
        again = killed.imports(rows, chunk_rows=chunk_rows)
        assert plain(killed.events(None)) == plain(whole.events(None))
        assert killed.rejected() == whole.rejected()
        assert (again.rows, again.cases, again.events) == (expected.rows, expected.cases, expected.events)
        assert again.skipped + again.chunks == expected.chunks


COMPARED = (
    "version", "status", "last_at", "channel", "requester_id", "team_id", "agent_id", "category", "subcategory", "tags",
    "impact", "urgency", "priority",
)  # fmt: skip


def compare_with_fold(bench: Bench, cases: list[Case]) -> None:
    """The case of every ticket says what the domain's fold over its events says, and so does every irregular mark."""
    lives: dict[object, list[Event]] = {}
    for event in bench.events():
        lives.setdefault(event.originator_id, []).append(event)
    assert {case.id for case in cases} == lives.keys()
    for case in cases:
        folded: ticket.Ticket | None = None
        for event in lives[case.id]:
            if folded is not None:
                closed = folded.status is Status.CLOSED and event.TOPIC == "ticket.reopened"
                assert event.meta.irregular is (closed or not is_regular(event.TOPIC, folded.status))
                assert event.meta.occurred_at >= folded.last_at
                assert event.originator_version == folded.version + 1
            folded = ticket.evolve(folded, event)
        assert {name: getattr(case, name) for name in COMPARED} == {name: getattr(folded, name) for name in COMPARED}


@contextmanager
def cases_opened() -> Iterator[list[Case]]:
    """The cases that imports work on inside the block."""
    found: list[Case] = []
    opens = Desk.open

    def spy(desk: Desk, *args: Any) -> Case:
        found.append(opens(desk, *args))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Desk, "open", spy)
        yield found


@given(logs())
def test_a_case_of_records_is_what_the_domains_fold_says(rows: list[Line]) -> None:
    with TemporaryDirectory() as folder, cases_opened() as cases:
        bench = Bench(Path(folder))
        bench.imports(rows, chunk_rows=3)
        compare_with_fold(bench, cases)


def test_a_case_of_activities_is_what_the_domains_fold_says(bench: Bench) -> None:
    example = resources.files("ticketcore.importing") / "mappings" / "activities_example.csv"
    with resources.as_file(example) as path, cases_opened() as cases:
        bench.imports(path, "activities_example")
        compare_with_fold(bench, cases)
        assert len(cases) == 2


def test_a_file_that_is_imported_wholly_says_so(bench: Bench) -> None:
    rows = life({"state": "Active"}, {"state": "Resolved"})
    assert not bench.imports(rows, chunk_rows=2).already_imported
    head = bench.log.head()
    again = bench.imports(rows, chunk_rows=2)
    assert again.already_imported
    assert (again.chunks, again.skipped, again.cases, bench.log.head()) == (0, 2, 1, head)


def test_a_case_that_another_import_brought_is_rejected_row_by_row(bench: Bench) -> None:
    bench.imports(life())
    both = [*life({"state": "Active"}), *life(number="INC2")]
    for _ in range(2):  # the second run passes over what the first wrote and rejects the same
        summary = bench.imports(both, chunk_rows=2)
        assert (summary.cases, summary.rejects) == (1, 2)
        reason = "case 'INC1' was brought by another import, expected a case that is new here"
        assert bench.rejected() == [(2, reason), (3, reason)]
    assert len(bench.events()) == 2


def test_customers_of_an_earlier_import_are_known(bench: Bench) -> None:
    bench.imports(life())
    summary = bench.imports(life(number="INC2"))
    assert "customer.registered" not in summary.events
    assert len({event.requester_id for event in bench.events()}) == 1  # type: ignore[attr-defined]


def test_bad_rows_go_to_the_reject_file_with_line_and_reason(bench: Bench) -> None:
    rows = life(
        {"state": "Lost"}, {"state": "Active", "at": "soon"}, {"at": "1/2/2024 09:00"}, {"number": "?"},
        {"number": "INC1", "made_sla": "perhaps"}, {"made_sla": "true", "priority": "9"}, {"priority": "2 - High"},
    )  # fmt: skip
    summary = bench.imports(rows)
    assert (summary.rows, summary.rejects) == (8, 5)
    lines, reasons = zip(*bench.rejected(), strict=True)
    assert lines == (3, 4, 6, 7, 8)
    assert reasons[0].startswith("column incident_state is 'Lost', expected one of 'New', 'Active'")
    assert reasons[1] == "column sys_updated_at is 'soon', expected a time like %d/%m/%Y %H:%M"
    assert reasons[2] == "column number is empty, expected the case that the row belongs to"
    assert reasons[3].startswith("column made_sla is 'perhaps', expected one of 'true', 'false'")
    assert reasons[4].endswith("(or add it to `priority.values`)")
    assert bench.told() == ["opened", "updated", "prioritised"]


def test_the_rejected_row_is_kept_as_it_stood(bench: Bench) -> None:
    rows = [*life(), *life(number="INC2")]
    rows[0]["sys_updated_at"] = 'no "time", no'
    bench.imports(rows)
    with bench.rejects.open(newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert row["row"] == (bench.folder / "log.csv").read_text().splitlines()[1]
    assert '"no ""time"", no"' in row["row"]


def test_a_file_of_bad_rows_only_imports_nothing_and_ends_with_an_error(bench: Bench) -> None:
    with pytest.raises(ImportStopped, match=r"nothing was imported, all of its 2 rows .*first, line 2: .*'soon'") as e:
        bench.imports(life({"at": "later"}, at="soon"))
    assert (e.value.exit_code, bench.log.head(), len(bench.rejected())) == (10, 0, 2)


def test_more_rejects_than_allowed_stop_the_import_before_its_chunk(bench: Bench) -> None:
    rows = [*life(), *life({"at": "later"}, {"at": "never"}, number="INC2")]
    with pytest.raises(ImportStopped, match=r"stopped at line 5: 2 rows were rejected, expected at most 1") as caught:
        bench.imports(rows, chunk_rows=2, max_rejects=1)
    assert caught.value.exit_code == 10
    assert len(bench.rejected()) == 2
    assert len(bench.events()) == 2  # the first chunk stays


def test_without_a_reject_file_the_first_bad_row_stops(bench: Bench) -> None:
    with pytest.raises(ImportStopped, match="no reject file was named"):
        bench.imports(life(at="soon"), rejects=None)


def test_a_full_disk_under_the_rejects_stops_before_the_chunk_and_loses_nothing(bench: Bench) -> None:
    rows = [*life(), *life({"at": "soon"}, number="INC2")]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    (bench.folder / "log.csv").write_text(as_csv(rows), encoding="utf-8")
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
    try:
        with pytest.raises(ImportStopped, match=r"at line 4: the reject file .* can't be written \(File too large\)"):
            bench.imports(bench.folder / "log.csv", chunk_rows=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(bench.events()) == 2
    summary = bench.imports(rows, chunk_rows=1)
    assert (summary.skipped, summary.chunks, summary.rejects, len(bench.events())) == (2, 0, 1, 2)
    assert [line for line, _ in bench.rejected()] == [4]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_is_full_from_the_start_is_refused_before_anything(bench: Bench) -> None:
    with pytest.raises(ImportRefused, match=r"the reject file /dev/full can't be written \(No space left"):
        bench.imports(life(), rejects="/dev/full")
    assert bench.log.head() == 0


def test_a_reject_file_that_cannot_be_made_is_refused_before_anything(bench: Bench) -> None:
    with pytest.raises(ImportRefused, match=r"the reject file .* can't be written"):
        bench.imports(life(), rejects=bench.folder / "none" / "rejects.csv")
    assert bench.log.head() == 0


def test_the_reject_file_may_not_be_the_file_itself(bench: Bench) -> None:
    with pytest.raises(ImportRefused, match="the reject file is the file itself"):
        bench.imports(life(), rejects=bench.folder / "log.csv")
    assert (bench.folder / "log.csv").stat().st_size > 0


def test_a_file_without_a_column_that_the_mapping_names_is_refused(bench: Bench) -> None:
    with pytest.raises(
        ImportRefused, match=r"it has no column 'caller_id', expected one, because .*`requester.column`"
    ):
        bench.imports("number,incident_state,sys_updated_at,sys_updated_by,contact_type\n")


def test_a_ticket_that_was_changed_meanwhile_stops_the_import(bench: Bench) -> None:
    rows = life({"state": "Active"})
    bench.log.appends_left = 2
    with pytest.raises(KeyboardInterrupt):
        bench.imports(rows, chunk_rows=1)
    bench.log.appends_left = None
    [record] = [r for r in bench.log.read(0, 10) if r.topic == "ticket.opened"]
    event = bench.codec.decode(record)
    changed = type(event).model_validate(event.model_dump() | {"originator_version": 2})
    stored = bench.codec.to_stored_event(changed)
    bench.log.append([Append(uuid4(), os.urandom(16), ((record.originator_id, 1),), (stored,))])
    with pytest.raises(ImportStopped, match="was changed by others: expected version 1, actual version 2"):
        bench.imports(rows, chunk_rows=1)


def test_progress_is_told_in_rows_and_bytes(bench: Bench) -> None:
    told: list[tuple[int, int, int]] = []
    bench.imports(life({"state": "Active"}), chunk_rows=1, progress=lambda *args: told.append(args))
    size = (bench.folder / "log.csv").stat().st_size
    assert [(rows, total) for rows, _, total in told] == [(1, size), (2, size)]
    assert told[-1][1] == size


NOW = datetime(2024, 2, 1, 9, tzinfo=UTC)


def test_a_row_from_the_future_is_rejected_and_the_ticket_goes_on(bench: Bench) -> None:
    rows = life({"at": "1/2/2042 09:00"}, {"state": "Active", "at": "1/2/2024 09:05"}, {"at": "1/2/2024 09:06"})
    bench.imports(rows, now=NOW)
    assert [line for line, _ in bench.rejected()] == [3, 5]
    assert bench.rejected()[0][1].startswith(
        "column sys_updated_at is '1/2/2042 09:00', a time in the future, expected at most 2024-02-01T09:05:00+00:00"
    )
    assert [event.meta.occurred_at.hour for event in bench.events()] == [8, 9]


def test_an_opening_in_the_future_is_rejected(bench: Bench) -> None:
    bench.imports([*life(opened_at="1/2/2042 08:00"), *life(number="INC2")])
    [(line, reason)] = bench.rejected()
    assert line == 2
    assert reason.startswith("column opened_at is '1/2/2042 08:00', a time in the future")


def test_a_stated_time_in_the_future_is_held_back_and_its_row_taken(bench: Bench) -> None:
    summary = bench.imports(life({"state": "Resolved"}, resolved_at="1/2/2042 08:00"))
    assert (summary.rejects, summary.held_back) == (0, 1)


@pytest.mark.parametrize("appends", [2, 3])
def test_a_row_that_the_first_run_found_in_the_future_stays_rejected(bench: Bench, appends: int) -> None:
    """The first chunk and the third have only such rows, so they are not in the log."""
    rows = [*life(number="INC2", at="1/2/2024 10:00"), *life({"at": "1/2/2024 10:00"}, {"state": "Active"})]
    rows[-1]["sys_updated_at"] = "1/2/2024 08:30"
    bench.log.appends_left = appends
    stopped = nullcontext() if appends > 2 else pytest.raises(KeyboardInterrupt)
    with stopped:
        bench.imports(rows, chunk_rows=1, now=NOW)
    bench.log.appends_left = None
    summary = bench.imports(rows, chunk_rows=1, now=NOW + timedelta(days=1))
    assert [line for line, _ in bench.rejected()] == [2, 4]
    assert (summary.rows, summary.cases, summary.rejects) == (4, 1, 2)
    assert summary.skipped + summary.chunks == 2
    assert bench.told() == ["opened", "updated"]


def test_a_run_that_took_no_row_binds_no_later_one(bench: Bench) -> None:
    rows = life(at="1/2/2024 10:00")
    with suppress(ImportStopped):
        bench.imports(rows, now=NOW)
    assert bench.imports(rows, now=NOW + timedelta(days=1)).rejects == 0


EVIL = "\x1b[2J\u202e" + "x" * 5_000


def test_what_a_file_holds_is_shown_without_control_bytes_and_cut(bench: Bench) -> None:
    said = []
    for column in ("incident_state", "sys_updated_at", "number", "made_sla", "priority"):
        with pytest.raises(ImportStopped) as stopped:
            bench.imports(life({column: EVIL}), rejects=None, mapping="incident_log")
        said.append(str(stopped.value))
    for header in (f"a,{EVIL}", f"{EVIL},{EVIL}", ",".join(f"{n}{EVIL}" for n in range(100))):
        with pytest.raises(ImportRefused) as refused:
            bench.imports(f"{header}\n1,2\n")
        said.append(str(refused.value))
    for message in said:
        assert "\x1b" not in message
        assert "\u202e" not in message
        assert len(message) < 6_000
    assert r"\x1b[2J\u202e" in said[0]
    assert "and 60 more" in said[-1]


def test_the_name_of_a_case_is_shown_without_control_bytes(bench: Bench) -> None:
    bench.imports(life(number="\x1bINC"))
    bench.imports([*life(number="\x1bINC"), *life(number="INC2")])
    assert bench.rejected() == [(2, r"case '\x1bINC' was brought by another import, expected a case that is new here")]
