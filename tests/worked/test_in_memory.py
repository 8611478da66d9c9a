"""Every worked life, folded in memory, gives what was worked out by hand."""

from collections.abc import Sequence

import pytest

from projections.memory import MemoryReadModels
from projections.schema import MODELS
from tests.projections.given import ListLog
from tests.worked import business, calendar, promises, relations, reopening, replies, waits, work
from tests.worked.lives import Worked, moment
from tests.worked.reading import backlog_of, figures_of

GROUPS = (replies, waits, reopening, relations, calendar, work, promises, business)
LIVES: Sequence[Worked] = [life for group in GROUPS for life in group.LIVES]


def folded(*lives: Worked) -> MemoryReadModels:
    log = ListLog([event for life in lives for event in life.events])
    models = MemoryReadModels(log, log.decode, batch=7)
    models.catch_up()
    assert [tables.parked for tables in models.tables.values()] == [[]] * len(MODELS)
    return models


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.title)
def test_every_figure_is_what_was_worked_out_by_hand(life: Worked) -> None:
    models = folded(life)
    rows = {name: tables.rows for name, tables in models.tables.items()}
    queue = {entry.ticket_id: entry for entry in models.queue()}
    for id_, expected in life.figures.items():
        found = figures_of(
            rows["performance"]["tickets"][(id_,)],
            [row for row in rows["performance"]["intervals"].values() if row.ticket_id == id_],
            queue.get(id_),
            [row for row in rows["history"]["correspondence"].values() if row.ticket_id == id_],
        )
        assert found == expected


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.title)
def test_the_backlog_at_an_instant_is_what_waited_then(life: Worked) -> None:
    rows = folded(life).tables["performance"].rows
    for instant, expected in life.backlog.items():
        assert (instant, backlog_of(rows, moment(instant))) == (instant, expected)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.title)
def test_waits_and_times_out_of_work_together_are_the_whole_life(life: Worked) -> None:
    for row in folded(life).tables["performance"].rows["tickets"].values():
        own = [entry for entry in life.figures[row.ticket_id].stretches if entry[1] is not None]
        idle = sum(
            (moment(end or start) - moment(start)).total_seconds()
            for start, end, status, *_ in own
            if status in ("solved", "closed", "merged")
        )
        whole = (row.status_since - row.opened_at).total_seconds()
        assert row.requester_wait_seconds + row.agent_wait_seconds + idle == whole


def test_the_lives_are_told_apart_by_title_and_ticket() -> None:
    assert len({life.title for life in LIVES}) == len(LIVES) == 25
    assert len({id_ for life in LIVES for id_ in life.figures}) == sum(len(life.figures) for life in LIVES) == 34
