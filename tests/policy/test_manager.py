"""The process manager on both backends: events in, commands out, each once, in one transaction with its timer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from ticketcore import Settings, TicketCore
from ticketcore.domain import service_commands as sc
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.commands import build
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.types import Actor, Channel, Direction, Role, Status
from ticketcore.errors import StoreUnavailable
from ticketcore.policy.desk import COUNTED, Waiting
from ticketcore.policy.engine import Part
from ticketcore.policy.manager import PolicyManager
from ticketcore.policy.steps import Step, View
from ticketcore.store.port import Appended
from ticketcore.store.postgres import PostgresLog

DESK, LEAD = Actor.agent("ana"), Actor(role=Role.TEAM_LEAD, id="lea")
POLICY = "name: test\nteams: {desk: {}}\ndefault_team: desk\n"
HOUR = timedelta(hours=1)


def decided(section: Section, rule: str, *commands: Any, basis: int | None = None) -> Step:
    return Step(PolicyDecision(section=section, rule=rule, basis=basis), commands)


def route(view: View) -> list[Step]:
    """Every ticket goes to the desk."""
    if view.case.ticket.team_id is not None:
        return []
    return [decided(Section.ROUTING, "all", build(tc.Assign, ticket_id=view.case.ticket.id, team_id="desk"), basis=1)]


def wish(view: View) -> Waiting | None:
    ticket = view.case.ticket
    if ticket.team_id is None or ticket.status not in COUNTED:
        return None
    if ticket.agent_id is not None and not view.desk.is_absent(ticket.agent_id):
        return None
    return Waiting(ticket.id, "desk", ticket.priority, ticket.opened_at)


def give(view: View) -> list[Step]:
    """Whoever is free gets it; absent agents' tickets go to others."""
    wanted = wish(view)
    choice = None if wanted is None else view.desk.choose(wanted)
    if choice is None or choice.agent_id is None:
        return []
    values = {"ticket_id": view.case.ticket.id, "team_id": "desk", "agent_id": choice.agent_id}
    return [decided(Section.ASSIGNMENT, choice.rule, build(tc.Assign, **values))]


def notice(view: View) -> list[Step]:
    """An hour after the customer wrote last the desk is told, once."""
    inbound = view.case.inbound
    if inbound is None or view.now < inbound.at + HOUR or view.case.fired(Section.FOLLOW_UP, "tell", inbound.version):
        return []
    tell = build(sc.Notify, ticket_id=view.case.ticket.id, to=("team:desk",), about="silence", rule="tell")
    return [decided(Section.FOLLOW_UP, "tell", tell, basis=inbound.version)]


def notice_wake(view: View) -> datetime | None:
    inbound = view.case.inbound
    due = None if inbound is None else inbound.at + HOUR
    return due if due is not None and due > view.now else None


SECTIONS = (
    Part(Section.ROUTING, route),
    Part(Section.ASSIGNMENT, give, None, wish),
    Part(Section.FOLLOW_UP, notice, notice_wake),
)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC) - timedelta(days=2)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(
    params=[
        "memory",
        pytest.param("postgres", marks=pytest.mark.servers),
        pytest.param("keys apart", marks=pytest.mark.servers),
    ]
)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TicketCore]:
    if request.param == "memory":
        with TicketCore.in_memory() as opened:
            yield opened
        return
    settings = Settings(dsn=request.getfixturevalue("database"), key_file=tmp_path / "keys.json", pool_size=6)
    server = request.getfixturevalue("postgres")
    other = server.create_database() if request.param == "keys apart" else None
    with TicketCore.open(settings.model_copy(update={"keys_dsn": other}), migrate=True, make_keys=True) as opened:
        yield opened
    if other:
        server.drop(other)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manager(core: TicketCore, clock: Clock) -> PolicyManager:
    core.adopt_policy(POLICY, by=LEAD, effective_at=clock.now - HOUR)
    return PolicyManager(core, clock, sections=SECTIONS)


def opened(core: TicketCore, clock: Clock, **more: Any) -> Any:
    values = {
        "channel": Channel.MAIL,
        "direction": Direction.INBOUND,
        "subject": "Help",
        "occurred_at": clock.now,
        **more,
    }
    return core.open_ticket(by=Actor.system("form"), **values)


def topics(core: TicketCore, ticket: Any) -> list[str]:
    found = core.ticket_history(ticket.number, by=Actor(role=Role.AUDITOR, id="aud"))
    return [entry.topic.removeprefix("ticket.") for entry in found]


def state(core: TicketCore, ticket: Any) -> Any:
    return core._executor.load((ticket.id,))[ticket.id]


def test_what_a_ticket_needs_is_recorded_by_one_command_and_a_second_look_records_nothing(
    core: TicketCore, manager: PolicyManager, clock: Clock
) -> None:
    core.describe_agent("ana", by=LEAD, teams=["desk"])
    ticket = opened(core, clock)
    done = manager.catch_up()
    assert (done.events, done.commands, done.dead, done.conflicts) == (core.log.head(), 1, 0, 0)
    assert topics(core, ticket) == ["opened", "policy_decided", "assigned", "assigned"]
    records = core.log.load((ticket.id,)).streams[ticket.id]
    events = [manager._codec.decode(record) for record in records]
    assert len({event.meta.command_id for event in events[1:]}) == 1
    assert {str(event.meta.actor) for event in events[1:]} == {"policy test"}
    assert events[1].meta.causation_id == events[0].meta.command_id
    assert core.log.load((), events[1].meta.command_id).receipt is not None
    again = manager.catch_up()
    assert (again.tickets, again.commands) == (0, 0)
    assert manager.store.position() == core.log.head()


def test_a_timer_fires_once_when_its_time_has_come_and_is_set_anew_by_what_happens(
    core: TicketCore, manager: PolicyManager, clock: Clock
) -> None:
    ticket = opened(core, clock)
    manager.catch_up()
    assert manager.store.waits(clock.now).next_at == clock.now + HOUR
    clock.now += HOUR - timedelta(seconds=1)
    assert manager.catch_up().tickets == 0
    core.comment(ticket.number, by=Actor.system("form"), direction=Direction.INBOUND, body="?", occurred_at=clock.now)
    clock.now += timedelta(seconds=1)
    manager.catch_up()
    assert topics(core, ticket).count("notified") == 0
    clock.now += HOUR
    assert manager.catch_up().commands == 1
    assert topics(core, ticket).count("notified") == 1
    clock.now += 10 * HOUR
    assert manager.catch_up() == (0, 0, 0, 0, 0, 0) or topics(core, ticket).count("notified") == 1
    assert manager.store.waits(clock.now) == (0, None, None)


def test_waiting_tickets_are_given_out_when_an_agent_comes_or_has_room_again(
    core: TicketCore, manager: PolicyManager, clock: Clock
) -> None:
    first, second = opened(core, clock), opened(core, clock)
    manager.catch_up()
    assert [state(core, one).agent_id for one in (first, second)] == [None, None]
    core.describe_agent("ana", by=LEAD, teams=["desk"], capacity=1)
    manager.catch_up()
    assert [state(core, one).agent_id for one in (first, second)] == ["ana", None]
    core.solve(first.number, by=DESK)
    manager.catch_up()
    assert [state(core, one).agent_id for one in (first, second)] == ["ana", "ana"]


def test_who_waits_is_woken_when_an_absence_ends_that_was_said_after_they_began_to_wait(
    core: TicketCore, manager: PolicyManager, clock: Clock
) -> None:
    core.describe_agent("ana", by=LEAD, teams=["desk"])
    core.set_presence("ana", by=DESK, present=False, occurred_at=clock.now)
    ticket = opened(core, clock)
    manager.catch_up()
    core.set_presence("ana", by=DESK, present=False, until=clock.now + 3 * HOUR, occurred_at=clock.now)
    manager.catch_up()
    assert state(core, ticket).agent_id is None
    clock.now += 3 * HOUR
    manager.catch_up()
    assert state(core, ticket).agent_id == "ana"


def test_tickets_of_an_agent_who_leaves_go_to_others_and_two_of_one_batch_see_each_other(
    core: TicketCore, manager: PolicyManager, clock: Clock
) -> None:
    core.describe_agent("ana", by=LEAD, teams=["desk"])
    core.describe_agent("bob", by=LEAD, teams=["desk"])
    tickets = [opened(core, clock) for _ in range(4)]
    manager.catch_up()
    assert sorted(state(core, one).agent_id for one in tickets) == ["ana", "ana", "bob", "bob"]
    core.set_presence("ana", by=DESK, present=False)
    manager.catch_up()
    assert [state(core, one).agent_id for one in tickets] == ["bob"] * 4


def test_an_agent_who_leaves_while_another_worker_has_their_ticket_in_hand_loses_it_all_the_same(
    core: TicketCore, manager: PolicyManager, clock: Clock
) -> None:
    core.describe_agent("ana", by=LEAD, teams=["desk"])
    core.describe_agent("bob", by=LEAD, teams=["desk"], capacity=0)
    ticket, left = opened(core, clock), list[int]()
    manager.catch_up()

    def leaves(view: View) -> list[Step]:
        if not left:
            core.set_presence("ana", by=DESK, present=False)
            core.describe_agent("bob", by=LEAD, teams=["desk"])
            left.append(manager.catch_up().woken)  # the first worker wakes what it can lay hands on
        return give(view)

    sections = (Part(Section.ASSIGNMENT, leaves, None, wish),)
    second = PolicyManager(core, clock, store=manager.store, sections=sections)
    core.comment(ticket.number, by=DESK, direction=Direction.INTERNAL, body="Hm.", occurred_at=clock.now)
    second.catch_up()
    manager.catch_up()
    assert left == [1]
    assert state(core, ticket).agent_id == "bob"


def test_a_ticket_that_fails_is_given_up_with_its_cause_and_the_others_go_on(
    core: TicketCore, clock: Clock, manager: PolicyManager
) -> None:
    broken = [True]

    def breaks(view: View) -> list[Step]:
        if broken[0] and view.case.ticket.category == "odd":
            raise ZeroDivisionError("no such calendar")
        return route(view)

    manager = PolicyManager(core, clock, store=manager.store, sections=(Part(Section.ROUTING, breaks),))
    odd, plain = opened(core, clock, category="odd"), opened(core, clock)
    assert manager.catch_up().dead == 1
    assert (state(core, odd).team_id, state(core, plain).team_id) == (None, "desk")
    [letter] = manager.store.letters()
    assert (letter.ticket_id, letter.version, letter.policy) == (odd.id, 1, "test/1")
    assert re.fullmatch(r"ZeroDivisionError in test_manager\.py:\d+ \(breaks\)", letter.error), letter.error
    assert (letter.since, letter.tries, letter.retried_by) == (clock.now, 1, None)
    assert manager.catch_up().tickets == 0
    began = clock.now
    clock.now += HOUR
    assert manager.store.retry([odd.id, plain.id], clock.now, "operator:ole") == 1
    assert manager.catch_up().dead == 1
    [letter] = manager.store.letters()
    assert (letter.since, letter.failed_at, letter.tries, letter.retried_by) == (began, clock.now, 2, "operator:ole")
    broken[0] = False
    assert manager.store.retry([odd.id], clock.now, "operator:ole") == 1
    assert manager.catch_up().commands == 1
    assert (state(core, odd).team_id, manager.store.letters()) == ("desk", [])


def test_rules_that_go_round_end_as_a_dead_letter_that_names_them(
    core: TicketCore, clock: Clock, manager: PolicyManager
) -> None:
    def again(view: View) -> list[Step]:
        last = view.case.decisions[-1].at if view.case.decisions else None
        if last is not None and view.now - last < timedelta(seconds=1):
            return []
        return [decided(Section.FOLLOW_UP, "again", basis=1)]

    sections = (Part(Section.FOLLOW_UP, again, lambda view: view.now + timedelta(seconds=1)),)
    manager = PolicyManager(core, clock, store=manager.store, sections=sections)
    ticket = opened(core, clock)
    for _ in range(15):
        manager.catch_up()
        clock.now += timedelta(seconds=2)
    assert topics(core, ticket).count("policy_decided") == 10
    [letter] = manager.store.letters()
    assert set(letter.rules) == {"follow_up: again"}
    assert "rules answered rules 10 times in a row" in letter.error
    core.comment(ticket.number, by=DESK, direction=Direction.INTERNAL, body="Hm.", occurred_at=clock.now)
    clock.now += timedelta(seconds=2)
    manager.catch_up()
    assert topics(core, ticket).count("policy_decided") == 11
    assert manager.store.letters() == []


def test_a_policy_decides_about_all_tickets_that_are_not_over_once_it_is_in_force(
    core: TicketCore, clock: Clock
) -> None:
    clock.now = datetime.now(UTC)
    manager = PolicyManager(core, clock, sections=SECTIONS)
    waits, over = opened(core, clock), opened(core, clock)
    core.solve(over.number, by=DESK)
    core.close_ticket(over.number, by=DESK)
    assert manager.catch_up().commands == 0
    core.adopt_policy(POLICY, by=LEAD, effective_at=clock.now + HOUR)
    clock.now += timedelta(minutes=1)
    assert manager.catch_up()[1:3] == (1, 0)
    at = manager.store.waits(clock.now).next_at
    assert at is not None
    assert at > clock.now + HOUR / 2
    assert (state(core, waits).team_id, state(core, over).status) == (None, Status.CLOSED)


def test_what_a_person_did_meanwhile_is_not_overwritten_and_looked_at_next(
    core: TicketCore, clock: Clock, manager: PolicyManager
) -> None:
    ticket = opened(core, clock)
    raced: list[Any] = []

    def races(view: View) -> list[Step]:
        if not raced:
            raced.append(core.assign(ticket.number, by=DESK, team_id="second", occurred_at=clock.now))
        return route(view)

    manager = PolicyManager(core, clock, store=manager.store, sections=(Part(Section.ROUTING, races),))
    done = manager.catch_up()
    assert (done.conflicts, done.commands, done.dead) == (1, 0, 0)
    assert (state(core, ticket).team_id, topics(core, ticket)) == ("second", ["opened", "assigned"])
    assert manager.store.waits(clock.now).due == 0


def test_where_the_server_is_lost_after_the_append_nothing_is_kept_and_the_ticket_stays_due(
    core: TicketCore, clock: Clock, manager: PolicyManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(core.log, PostgresLog):
        pytest.skip("in memory nothing is lost")
    ticket = opened(core, clock)
    manager.feed()
    before, append = core.log.head(), core.log.append_within

    def lost(connection: Any, batch: Any) -> Any:
        assert isinstance(append(connection, batch)[0], Appended)
        raise psycopg.OperationalError("the line is cut")

    with monkeypatch.context() as patched:
        patched.setattr(core.log, "append_within", lost)
        with pytest.raises(psycopg.OperationalError):
            manager.work()
    assert (core.log.head(), state(core, ticket).team_id) == (before, None)
    assert manager.store.waits(clock.now).due == 1
    assert manager.catch_up().commands == 1
    assert topics(core, ticket) == ["opened", "policy_decided", "assigned"]


def test_a_server_that_is_away_is_no_ticket_s_fault(core: TicketCore, clock: Clock, manager: PolicyManager) -> None:
    def away(_: View) -> list[Step]:
        raise StoreUnavailable("the keys are away")

    opened(core, clock)
    other = PolicyManager(core, clock, store=manager.store, sections=(Part(Section.ROUTING, away),))
    with pytest.raises(StoreUnavailable):
        other.catch_up()
    assert manager.store.letters() == []
    assert manager.catch_up().commands == 1


@pytest.mark.servers
def test_any_number_of_managers_do_each_ticket_and_each_timer_once(database: str, tmp_path: Path, clock: Clock) -> None:
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", pool_size=12)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        core.adopt_policy(POLICY, by=LEAD, effective_at=clock.now - HOUR)
        for agent in ("ana", "bob", "cem"):
            core.describe_agent(agent, by=LEAD, teams=["desk"], capacity=20)
        tickets = [opened(core, clock) for _ in range(60)]
        managers = [PolicyManager(core, clock, sections=SECTIONS) for _ in range(4)]

        def all_at_once() -> int:
            done: list[int] = []
            threads = [Thread(target=lambda m=m: done.append(_till_done(m, clock))) for m in managers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return sum(done)

        assert all_at_once() == 60
        clock.now += HOUR
        assert all_at_once() == 60
        agents = [state(core, one).agent_id for one in tickets]
        assert {agent: agents.count(agent) for agent in set(agents)} == {"ana": 20, "bob": 20, "cem": 20}
        assert all(
            topics(core, one) == ["opened", "policy_decided", "assigned", "assigned", "policy_decided", "notified"]
            for one in tickets
        )


def _till_done(manager: PolicyManager, clock: Clock) -> int:
    done = 0
    while manager.store.position() < manager._core.log.head() or manager.store.waits(clock.now).due:
        done += manager.catch_up().commands
    return done
