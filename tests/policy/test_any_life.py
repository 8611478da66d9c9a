"""Whatever happens to a ticket, and whenever the worker looks: what is recorded of promises is the same, and right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.life import CALENDARS, Life, instant, replayed
from tests.policy.minutes import Act, Deal, walked
from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Priority, Status
from ticketcore.policy.courses import course
from ticketcore.policy.document import PolicyDocument
from ticketcore.policy.schedule import Adopted
from ticketcore.policy.source import load_policy

MINUTES = 12 * 60
FIRST = f"""\
name: p
{CALENDARS}
sla:
  - rule: always
    when: {{field: team, is: vip}}
    calendar: always
    pause_on: []
    targets: {{high: {{first_reply: 20m, resolution: 2h}}}}
  - rule: standard
    when: {{}}
    calendar: lunch
    targets:
      high: {{first_reply: 30m, next_reply: 45m, resolution: 3h}}
      normal: {{next_reply: 1h30m, resolution: 5h}}
    warn: [50%, 10m]
""".replace("calendars:", 'calendars:\n  lunch: {zone: UTC, hours: {mon-fri: ["09:00-12:00", "12:30-16:00"]}}')
SECOND = f"""\
name: p
{CALENDARS}
sla:
  - rule: standard
    when: {{none: [{{field: priority, is: low}}]}}
    calendar: late
    pause_on: [pending, on_hold]
    pause_first_reply_on: [pending]
    targets:
      high: {{first_reply: 15m, next_reply: 30m, resolution: 1h}}
      normal: {{first_reply: 30m, next_reply: 1h, resolution: 2h}}
      low: {{first_reply: 8h}}
"""
PENDING, BOTH = ("pending",), ("pending", "on_hold")


def _open(*hours: tuple[float, float]) -> Callable[[datetime], bool]:
    """Return when a calendar of some hours of Monday to Friday is open."""

    def is_open(at: datetime) -> bool:
        hour = at.hour + at.minute / 60
        return at.weekday() < 5 and any(start <= hour < end for start, end in hours)

    return is_open


def _deal(policy: int, priority: str, team: str | None) -> Deal:
    """Say by hand what the policies above promise."""
    if policy == 1:
        fields = frozenset({"priority", "team"})
        pauses = {"first_reply": (), "next_reply": PENDING, "resolution": PENDING}
        if team == "vip":
            minutes = {"high": {"first_reply": 20, "resolution": 120}}.get(priority, {})
            return Deal(minutes, lambda _: True, dict.fromkeys(pauses, ()), fields)
        minutes = {
            "high": {"first_reply": 30, "next_reply": 45, "resolution": 180},
            "normal": {"next_reply": 90, "resolution": 300},
        }.get(priority, {})
        return Deal(minutes, _open((9, 12), (12.5, 16)), pauses, fields)
    minutes = {
        "high": {"first_reply": 15, "next_reply": 30, "resolution": 60},
        "normal": {"first_reply": 30, "next_reply": 60, "resolution": 120},
    }.get(priority, {})
    pauses = {"first_reply": PENDING, "next_reply": BOTH, "resolution": BOTH}
    return Deal(minutes, _open((13, 21)), pauses, frozenset({"priority"}))


class World(NamedTuple):
    """When a life begins, under which policies, and what they promise by hand: ``(version, priority, team) -> deal``."""

    start: datetime
    first: PolicyDocument
    second: PolicyDocument
    deal: Callable[[int, str, str | None], Deal]


DAYTIME = World(instant("09:00"), load_policy(FIRST), load_policy(SECOND), _deal)


class Happening(NamedTuple):
    """Something that somebody does after some minutes, where the ticket allows it."""

    after: int
    what: str


IN = {
    "wrote": (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.SOLVED),
    "answered": (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.SOLVED),
    "noted": (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.SOLVED),
    "pended": (Status.NEW, Status.OPEN, Status.ON_HOLD),
    "held": (Status.NEW, Status.OPEN, Status.PENDING),
    "resumed": (Status.PENDING, Status.ON_HOLD),
    "solved": (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD),
    "closed": (Status.SOLVED,),
    "reopened": (Status.SOLVED, Status.CLOSED),
    "merged": (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.SOLVED),
    "unmerged": (Status.MERGED,),
    **dict.fromkeys(
        ("high", "normal", "low", "vip", "billing"), (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD)
    ),
}
HAPPENINGS = st.lists(
    st.builds(Happening, st.one_of(st.just(0), st.integers(1, 20), st.integers(1, 240)), st.sampled_from(sorted(IN))),
    max_size=14,
)


def _act(life: Life, what: str) -> None:
    if what in ("high", "normal", "low"):
        life.prioritised(what)
    elif what in ("vip", "billing"):
        life.assigned(what)
    else:
        getattr(life, what)()


def lived(
    happenings: list[Happening],
    looks: list[int],
    change: int,
    priority: Priority,
    team: str | None,
    world: World = DAYTIME,
) -> tuple[Life, list[Act], datetime]:
    """Return the life with looks at these minutes after the opening, what happened in it, and its end."""
    changed_at = world.start + timedelta(minutes=change)
    life = Life(Adopted(1, world.start - timedelta(hours=9), world.first), Adopted(2, changed_at, world.second))
    life.at(world.start).opened(priority=priority, team_id=team)
    start = at = life.now
    acts: list[Act] = []
    due = sorted(looks)
    acts.append(_seen(life, world, changed_at, set()))
    for happening in happenings:
        at += timedelta(minutes=happening.after)
        while due and start + timedelta(minutes=due[0]) <= at:
            life.look(start + timedelta(minutes=due.pop(0)))
        assert life.ticket is not None
        if life.ticket.status not in IN[happening.what]:
            continue
        before = life.ticket
        life.at(at)
        _act(life, happening.what)
        changed = {"priority"} if life.ticket.priority != before.priority else set()
        changed |= {"team"} if life.ticket.team_id != before.team_id else set()
        acts.append(_seen(life, world, changed_at, changed, happening.what))
    end = max(start + timedelta(minutes=MINUTES), at)
    life.look(end)
    return life, acts, end


def _seen(life: Life, world: World, changed_at: datetime, changed: set[str], what: str = "") -> Act:
    ticket = life.ticket
    assert ticket is not None
    policy = 2 if life.now >= changed_at else 1
    deal = world.deal(policy, ticket.priority.value if ticket.priority else "none", ticket.team_id)
    return Act(life.now, ticket.status.value, what == "wrote", what == "answered", deal, frozenset(changed))


def facts_of(life: Life) -> list[tuple[str, str, datetime]]:
    """Return what was kept and broken when, by the log."""
    found = []
    for event in life.events:
        if isinstance(event, ev.SlaFulfilled):
            found.append((event.target.value, "fulfilled", event.fulfilled_at))
        elif isinstance(event, ev.SlaBreached):
            assert event.breached_at is not None
            found.append((event.target.value, "breached", event.breached_at))
    return sorted(found)


@settings(max_examples=250, deadline=None)
@given(
    HAPPENINGS,
    st.lists(st.integers(0, MINUTES), max_size=8),
    st.integers(1, MINUTES),
    st.sampled_from([Priority.HIGH, Priority.NORMAL, Priority.LOW]),
    st.sampled_from([None, "vip"]),
)
def test_what_is_recorded_is_right_and_the_same_whenever_somebody_looked(
    happenings: list[Happening], looks: list[int], change: int, priority: Priority, team: str | None
) -> None:
    often, acts, end = lived(happenings, looks, change, priority, team)
    once, _, _ = lived(happenings, [], change, priority, team)
    assert facts_of(often) == facts_of(once) == walked(acts, end)
    assert sorted(often.story()) == sorted(once.story()), "all that is recorded, warnings and pauses too"


@settings(max_examples=100, deadline=None)
@given(HAPPENINGS, st.lists(st.integers(0, MINUTES), max_size=8), st.integers(1, MINUTES))
def test_folding_the_first_events_gives_what_was_recorded_then(
    happenings: list[Happening], looks: list[int], change: int
) -> None:
    life, _, _ = lived(happenings, looks, change, Priority.HIGH, None)
    assert replayed(life) == life.clocks or replayed(life)._replace(points=()) == life.clocks._replace(points=())  # type: ignore[union-attr]
    by_look: dict[object, int] = {}
    for index, event in enumerate(life.events):
        if event.meta.actor.role.value == "policy":
            by_look[event.meta.command_id] = index
    for command, index in by_look.items():
        clocks = replayed(life, index + 1)
        found = course(clocks, life.schedule, life.events[index].meta.occurred_at)
        told = {(entry.target, entry.kind, entry.at) for entry in found.entries}
        for event in life.events[: index + 1]:
            if isinstance(event, ev.SlaFulfilled):
                assert (event.target, "fulfilled", event.fulfilled_at) in told, command
            elif isinstance(event, ev.SlaBreached):
                assert (event.target, "breached", event.breached_at) in told, command
            elif isinstance(event, sv.SlaWarned):
                assert (event.target, "warned", event.warned_at) in told, command
            elif isinstance(event, sv.SlaPaused | sv.SlaResumed | sv.SlaWithdrawn):
                assert (event.target, event.TOPIC.removeprefix("ticket.sla_"), event.at) in told, command
