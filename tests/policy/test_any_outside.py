"""What lies outside of a ticket changes (organisations, holidays): what is recorded stays, and where it stands is mended."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.given import C1, C2
from tests.policy.life import MONDAY, Life, replayed
from tests.policy.sla_cases import document
from tests.policy.test_any_life import IN
from tests.policy.told import told
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.types import SlaTarget
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.policy.source import load_policy

POLICY = load_policy(
    document(
        "when: {field: organisation, is: gold}, calendar: always, pause_on: [], warn: [50%], "
        "targets: {normal: {first_reply: 30m, next_reply: 30m}, high: {first_reply: 10m, resolution: 2h}}",
        "when: {field: organisation, is: none}, targets: {low: {resolution: 1h}}",
        "when: {}, warn: [25%, 75%], targets: {normal: {first_reply: 1h, next_reply: 1h, resolution: 8h}, "
        "high: {first_reply: 20m, next_reply: 20m, resolution: 2h}}",
    )
)
ELSEWHERE = {**POLICY.calendars, "office": POLICY.calendars["office"].model_copy(update={"zone": "Asia/Tokyo"})}
UPDATED = POLICY.model_copy(update={"calendars": ELSEWHERE})
"""As if the machine's zones or holidays were others now."""
OUTSIDE = ("organisation", "calendar")
ACTS = (*sorted(set(IN) - {"vip", "billing"}), "other", "same", "look", *OUTSIDE)


@settings(max_examples=250, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(ACTS), st.sampled_from(["gold", "none", "plain"])), max_size=16
    )
)
def test_where_a_promise_stands_is_mended_and_what_happens_later_is_recorded(steps: list[tuple[int, str, str]]) -> None:
    organisations = {C1: "plain", C2: "gold"}
    life = Life(Adopted(1, MONDAY, POLICY), organisations=organisations).at("09:00").opened()
    changed, now = life.now, POLICY
    for after, what, organisation in (*steps, (600, "look", "")):
        life.at(life.now + timedelta(minutes=after))
        assert life.ticket is not None
        if what in OUTSIDE:
            changed = life.now
        if what == "organisation":
            organisations[C2 if organisation == "gold" else C1] = organisation
        elif what == "calendar":
            now = POLICY if now is UPDATED else UPDATED
            life.schedule = Schedule((Adopted(1, MONDAY, now),))
        elif what == "look":
            life.clocks = replayed(life)  # with what is known outside now
            life.look()
            stands(life, changed)
        elif what in ("other", "same"):
            if life.ticket.status in IN["high"]:
                life.do(tc.ChangeRequester, requester_id=C2 if what == "other" else C1)
        elif life.ticket.status in IN[what]:
            life.prioritised(what) if what in ("high", "normal", "low") else getattr(life, what)()


def stands(life: Life, changed: object) -> None:
    """Assert that the log says of every promise what its clock says, and all that ended since the last change outside."""
    assert life.ticket is not None
    course, recorded = life.course(), dict(life.ticket.sla)
    for target in SlaTarget:
        clock = course.latest(target)
        if clock is None or clock.state not in ("active", "paused"):
            assert recorded.get(target) not in ("active", "paused")
            continue
        assert recorded[target] == clock.state
        if clock.state == "active":
            assert [due for known, due, _ in life.ticket.sla_terms if known is target] == [clock.due_at]
    known = set(told(life.events))
    ended = {(one.target.value, one.kind, one.at) for one in course.entries if one.kind in ("fulfilled", "breached")}
    assert {one for one in ended if one[2] > changed} <= known  # type: ignore[operator]
