"""What an event that fails leaves behind: nothing."""

from typing import Any

import pytest

from projections.base import Change, Model
from projections.memory import MemoryTables
from projections.performance import PERFORMANCE
from projections.queues import QUEUES
from tests.projections.given import Life, ListLog, after, ev, opened
from ticketcore.domain.base import Event


def poisoned(model: Model) -> Model:
    """*model*, whose fold fails at a pended ticket after it changed the state that it was given."""

    def evolve(state: Any, event: Event) -> Change:
        change = model.evolve(state, event)
        if isinstance(event, ev.Pended):
            raise RuntimeError("half done")  # noqa: TRY004 any error
        return change

    return model._replace(evolve=evolve)


@pytest.mark.parametrize("model", [QUEUES, PERFORMANCE])
@pytest.mark.parametrize("before", [1, 2])
def test_an_event_that_fails_amid_its_work_changes_no_row(model: Model, before: int) -> None:
    life = opened().then(ev.Assigned, after(hours=1), agent_id="ana")
    good = ListLog(life.events)
    expected = MemoryTables(model)
    expected.apply(good.decode, good.read(0, 2))
    life.then(ev.Pended, after(hours=2), reason="answer").then(ev.Resumed, after(hours=3))
    other = Life(opened(2).id)
    other.events = opened(2).events
    log = ListLog([*life.events, *other.events])
    tables = MemoryTables(poisoned(model))

    tables.apply(log.decode, log.read(0, before))
    tables.apply(log.decode, log.read(before, 9))

    assert [(event.version, event.cause.partition(" ")[0]) for event in tables.parked] == [
        (3, "RuntimeError:"),
        (4, "waits"),
    ]
    assert tables.state(life.id) == expected.state(life.id)
    assert tables.state(other.id) is not None
    assert {row for row in tables.rows.get("intervals", {}).values() if row.ticket_id == life.id} == set(
        expected.rows.get("intervals", {}).values()
    )
