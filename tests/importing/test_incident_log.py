"""The real incident log: what its events say equals what was counted from the file by other means."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.importing.given import Bench
from tests.support.shared import incident_log
from ticketcore.domain import ticket
from ticketcore.domain.base import Event
from ticketcore.importing.importer import ImportSummary

pytestmark = pytest.mark.slow

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@lru_cache(maxsize=1)
def _imported(path: Path) -> tuple[ImportSummary, dict[str, list[Event]], int]:
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        summary = bench.imports(path)
        lives: dict[Any, list[Event]] = {}
        for record in records(bench):
            event = bench.codec.decode(record)
            lives.setdefault(event.originator_id, []).append(event)
        named = {e[0].external: e for e in lives.values() if e[0].TOPIC == "ticket.opened"}  # type: ignore[attr-defined]
        return summary, named, len(bench.log.owners("identity:external"))


def records(bench: Bench) -> Iterator[Any]:
    after = 0
    while found := bench.log.read(after, 10_000):
        yield from found
        after = found[-1].position


@pytest.fixture
def summary() -> ImportSummary:
    return _imported(incident_log())[0]


@pytest.fixture
def lives() -> dict[str, list[Event]]:
    return _imported(incident_log())[1]


def stated(events: list[Event], name: str) -> str | None:
    found = [(e.meta.source.stated or {}).get(name) for e in events if e.meta.source]
    return next((text for text in reversed(found) if text is not None), None)


def states(events: list[Event]) -> list[tuple[str, datetime]]:
    """The source's states with the time of entering each; repeats are collapsed."""
    seen = [(e.meta.source.state, e.meta.occurred_at) for e in events if e.meta.source and e.meta.source.state]
    return [next(group) for _, group in groupby(seen, key=lambda pair: pair[0])]


def after_opening(lives: dict[str, list[Event]], state: str, unit: timedelta) -> list[float]:
    entered = [(e[0].meta.occurred_at, [at for s, at in states(e) if s == state]) for e in lives.values()]
    return [(times[-1] - opened) / unit for opened, times in entered if times]


def after_opening_stated(lives: dict[str, list[Event]], name: str, unit: timedelta) -> list[float]:
    found = [(e[0].meta.occurred_at, stated(e, name)) for e in lives.values()]
    return [(datetime.fromisoformat(text) - opened) / unit for opened, text in found if text is not None]


def test_every_row_of_every_incident_is_imported(summary: ImportSummary, lives: dict[str, list[Event]]) -> None:
    assert (summary.rows, summary.cases, summary.rejects, summary.held_back) == (141_712, 24_918, 0, 0)
    assert len(lives) == 24_918
    lines = {e.meta.source.line for events in lives.values() for e in events if e.meta.source}
    assert lines == set(range(2, 141_714))


def test_events_by_topic(summary: ImportSummary) -> None:
    assert summary.events == {
        "customer.identified": 5_244,
        "customer.registered": 5_244,
        "ticket.assigned": 32_553,
        "ticket.classified": 2_806,
        "ticket.closed": 24_930,
        "ticket.held": 546,
        "ticket.opened": 24_918,
        "ticket.pended": 5_852,
        "ticket.prioritised": 443,
        "ticket.reopened": 331,
        "ticket.requester_changed": 4,
        "ticket.resumed": 1_220,
        "ticket.sla_breached": 9_115,
        "ticket.solved": 25_236,
        "ticket.unassigned": 968,
        "ticket.updated": 62_439,
    }
    assert _imported(incident_log())[2] == 5_244


def test_irregular_transitions_are_counted(summary: ImportSummary, lives: dict[str, list[Event]]) -> None:
    assert summary.irregular == {
        "Active -> Closed": 1,
        "Awaiting Evidence -> Awaiting Vendor": 4,
        "Awaiting Problem -> Awaiting Evidence": 2,
        "Awaiting Problem -> Awaiting Vendor": 3,
        "Awaiting User Info -> Closed": 1,
        "Awaiting Vendor -> Awaiting Evidence": 9,
        "Awaiting Vendor -> Awaiting Problem": 1,
        "Closed -> Active": 12,
        "New -> Closed": 11,
        "closed + ticket.classified": 1,
    }
    marked = sum(event.meta.irregular for events in lives.values() for event in events)
    assert marked == sum(summary.irregular.values())


def test_changes_of_the_team(lives: dict[str, list[Event]]) -> None:
    changes = {}
    for name, events in lives.items():
        teams: list[Any] = [events[0].team_id]  # type: ignore[attr-defined]
        for event in events[1:]:
            if event.TOPIC == "ticket.assigned":
                teams.append(event.team_id)  # type: ignore[attr-defined]
            elif event.TOPIC == "ticket.unassigned":
                teams.append(None)
        changes[name] = sum(a != b for a, b in pairwise(teams))
    counted = {name: int(stated(events, "reassignments") or 0) for name, events in lives.items()}
    assert sum(changes.values()) == 23_321
    assert sum(counted.values()) == 23_414
    assert sum(changes[name] == counted[name] for name in lives) == 24_827


def test_reopenings_are_those_that_the_source_counts(lives: dict[str, list[Event]]) -> None:
    reopened = {name: sum(e.TOPIC == "ticket.reopened" for e in events) for name, events in lives.items()}
    assert sum(reopened.values()) == 331
    assert sum(count > 0 for count in reopened.values()) == 275
    assert all(int(stated(events, "reopens") or 0) == reopened[name] for name, events in lives.items())


def test_broken_promises(lives: dict[str, list[Event]]) -> None:
    breached = {name for name, events in lives.items() if any(e.TOPIC == "ticket.sla_breached" for e in events)}
    assert len(breached) == 9_115
    assert "INC0002588" in breached


def test_paths_of_states(lives: dict[str, list[Event]]) -> None:
    assert len({tuple(state for state, _ in states(events)) for events in lives.values()}) == 189
    starts = Counter(states(events)[0][0] for events in lives.values())
    assert starts == {
        "New": 16_397, "Active": 6_503, "Resolved": 1_819, "Awaiting User Info": 193, "Awaiting Problem": 6,
    }  # fmt: skip


def test_times_as_the_source_states_them(lives: dict[str, list[Event]]) -> None:
    closed = after_opening_stated(lives, "closed_at", DAY)
    assert (len(closed), round(fmean(closed), 4), round(median(closed), 4)) == (24_918, 13.1387, 6.0778)
    solved = after_opening_stated(lives, "resolved_at", HOUR)
    assert (len(solved), round(fmean(solved), 4), round(median(solved), 1)) == (24_918 - 1_556, 178.1716, 22.1)


def test_times_as_they_follow_from_the_events(lives: dict[str, list[Event]]) -> None:
    closed = after_opening(lives, "Closed", DAY)
    assert (len(closed), round(fmean(closed), 4), round(median(closed), 4)) == (24_918, 13.1052, 6.0743)
    solved = after_opening(lives, "Resolved", HOUR)
    assert (len(solved), round(fmean(solved), 4), round(median(solved), 2)) == (24_905, 165.4087, 15.15)


def test_priority_at_the_end_and_the_fold_of_every_ticket(lives: dict[str, list[Event]]) -> None:
    folded = [ticket.project(None, events) for events in lives.values()]
    assert Counter(t.priority for t in folded if t) == {"normal": 23_466, "low": 774, "high": 408, "critical": 270}
    assert {t.status for t in folded if t} == {"closed"}


def test_nothing_shows_before_its_time(lives: dict[str, list[Event]]) -> None:
    for events in lives.values():
        for event in events:
            given = (event.meta.source.stated or {}) if event.meta.source else {}
            for name in ("resolved_at", "closed_at"):
                assert name not in given or datetime.fromisoformat(given[name]) <= event.meta.occurred_at
            if "resolved_by" in given and stated(events, "resolved_at") is not None:
                assert "resolved_at" in given
        assert all(a.meta.occurred_at <= b.meta.occurred_at for a, b in pairwise(events))


def test_rows_before_their_tickets_opening_wait_for_it_and_keep_their_time(lives: dict[str, list[Event]]) -> None:
    raw = {name: e.meta.occurred_raw for name, events in lives.items() for e in events if e.meta.occurred_raw}
    assert raw == {
        "INC0000131": datetime.fromisoformat("2016-02-29T07:14:00Z"),
        "INC0000135": datetime.fromisoformat("2016-02-29T09:27:00Z"),
    }
