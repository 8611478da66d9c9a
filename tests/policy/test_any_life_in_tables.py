"""Whatever happens, and whenever the worker looks: the read models' due times and counts of promises are the clocks'."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from projections.performance import PERFORMANCE, Facts
from projections.queues import QUEUES, QueueRow
from tests.policy.life import Life
from tests.policy.test_any_life import HAPPENINGS, MINUTES, Happening, lived
from ticketcore.domain.types import Priority, SlaTarget, Status

DUE = {target: f"{target.value}_due_at" for target in SlaTarget}
COUNTED = [
    name
    for name in Facts._fields
    if (name.startswith("sla_") and name != "sla_breach_noticed_at") or name.endswith("_business_seconds")
]
STANDS = {
    "active": "active",
    "paused": "paused",
    "fulfilled": "attained",
    "breached": "breached",
    "withdrawn": "withdrawn",
}


def rows(life: Life) -> tuple[QueueRow, Facts]:
    """Return the ticket's rows, folded from its events."""
    queue = facts = None
    for event in life.events:
        queue, _ = QUEUES.evolve(queue, event)
        facts, _ = PERFORMANCE.evolve(facts, event)
    return QUEUES.row(queue), PERFORMANCE.row(facts)


@settings(max_examples=150, deadline=None)
@given(
    HAPPENINGS,
    st.lists(st.integers(0, MINUTES), max_size=8),
    st.integers(1, MINUTES),
    st.sampled_from([Priority.HIGH, Priority.NORMAL, Priority.LOW]),
    st.sampled_from([None, "vip"]),
)
@example([Happening(31, "solved"), Happening(0, "merged")], [0], 1, Priority.HIGH, None)
def test_the_tables_say_what_the_clocks_say_whenever_somebody_looked(
    happenings: list[Happening], looks: list[int], change: int, priority: Priority, team: str | None
) -> None:
    often, _, _ = lived(happenings, looks, change, priority, team)
    once, _, _ = lived(happenings, [], change, priority, team)
    (queue, facts), (late_queue, late_facts) = rows(often), rows(once)
    for name in ("due_at", *DUE.values()):
        assert getattr(queue, name) == getattr(late_queue, name), name
    for name in COUNTED:
        assert getattr(facts, name) == getattr(late_facts, name), name
    course = often.course()
    for target, name in DUE.items():
        clock = course.latest(target)
        state = "none" if clock is None else clock.state
        if clock is not None and state == "active":
            assert getattr(queue, name) == clock.due_at
        elif state != "breached" or queue.status in (Status.SOLVED.value, Status.CLOSED.value):
            assert getattr(queue, name) is None, (target, state)
    ends = [clock.state for clock in course.clocks]
    assert (facts.sla_attained, facts.sla_breached) == (ends.count("fulfilled"), ends.count("breached"))
    resolution = course.latest(SlaTarget.RESOLUTION)
    assert resolution is not None
    assert facts.sla_resolution == STANDS.get(resolution.state)
