"""Who gets the next ticket."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ticketcore.domain.agent import Agent
from ticketcore.domain.types import Priority, Status
from ticketcore.ids import agent_stream_id
from ticketcore.policy.desk import Colleague, Desk, Held, Waiting, speaks

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEAMS, SKILLS, LANGUAGES = ("desk", "accounts"), ("refunds", "hardware"), ("de", "en-GB")


def wish(n: int = 1, team: str = "desk", priority: Priority | None = Priority.NORMAL, **more: object) -> Waiting:
    return Waiting(UUID(int=n), team, priority, NOW + n * HOUR, **more)  # type: ignore[arg-type]


def desk(*colleagues: Colleague, waiting: tuple[Waiting, ...] = ()) -> Desk:
    return Desk({c.agent_id: c for c in colleagues}, {one.ticket_id: one for one in waiting})


def one(name: str, *, load: int = 0, turn: int = 0, teams: tuple[str, ...] = ("desk",), **more: object) -> Colleague:
    return Colleague(name, frozenset(teams), load=load, turn=turn, **more)  # type: ignore[arg-type]


names = st.sampled_from(["ana", "bob", "cem", "dee"])
colleagues = st.builds(
    Colleague,
    names,
    st.frozensets(st.sampled_from(TEAMS)),
    st.frozensets(st.sampled_from(SKILLS)),
    st.frozensets(st.sampled_from(LANGUAGES)),
    st.none() | st.integers(0, 3),
    st.booleans(),
    st.none(),
    st.integers(0, 4),
    st.integers(0, 9),
)
wishes = st.builds(
    Waiting,
    st.integers(1, 40).map(lambda n: UUID(int=n)),
    st.sampled_from(TEAMS),
    st.none() | st.sampled_from(Priority),
    st.integers(0, 5).map(lambda n: NOW + n * HOUR),
    st.lists(st.sampled_from(SKILLS), unique=True, max_size=1).map(tuple),
    st.none() | st.sampled_from(("de-AT", "en", "fr")),
    st.sampled_from(("least_loaded", "round_robin")),
    st.none() | names,
)
desks = st.builds(
    lambda known, waiting: desk(*known, waiting=tuple(waiting)),
    st.lists(colleagues, max_size=4),
    st.lists(wishes, max_size=6),
)


@given(desks, wishes, st.none() | names)
def test_nobody_absent_unable_or_at_capacity_is_ever_given_a_ticket(
    at: Desk, wanted: Waiting, keep: str | None
) -> None:
    choice = at.choose(wanted, keep)
    if choice.agent_id is not None:
        chosen = at.colleagues[choice.agent_id]
        assert chosen.present
        assert chosen.capacity is None or chosen.load < chosen.capacity
        assert chosen.is_able(wanted)
        assert wanted.team in chosen.teams


@given(desks, wishes, st.none() | names, st.randoms())
def test_a_choice_depends_on_nothing_but_the_desk(at: Desk, wanted: Waiting, keep: str | None, chance: object) -> None:
    known, waiting = list(at.colleagues.items()), list(at.waiting.items())
    chance.shuffle(known)  # type: ignore[attr-defined]
    chance.shuffle(waiting)  # type: ignore[attr-defined]
    other = Desk(dict(known), dict(waiting)).choose(wanted, keep)
    assert (other.agent_id, other.rule) == (at.choose(wanted, keep)[:2])


@given(desks, wishes)
def test_whoever_is_free_is_not_left_idle_while_nothing_waits(at: Desk, wanted: Waiting) -> None:
    alone = Desk(at.colleagues)
    somebody = any(c.has_room and c.is_able(wanted) for c in at.colleagues.values())
    assert (alone.choose(wanted).agent_id is not None) == somebody


@given(desks)
def test_handing_out_what_is_due_leaves_nobody_waiting_who_could_be_served(at: Desk) -> None:
    due = at.to_look_at(())
    for id_ in due:
        wanted = at.waiting[id_]
        choice = at.choose(wanted)
        assert choice.agent_id is not None, "in order each one that is due is served"
        at = at.given(choice.agent_id).with_waiting(id_, None)
    assert at.to_look_at(()) == []
    assert all(c.capacity is None or c.load <= max(c.capacity, 4) for c in at.colleagues.values())


@given(st.integers(1, 5), st.integers(1, 40), st.lists(st.integers(0, 9), min_size=5, max_size=5))
def test_round_robin_gives_everyone_as_many_as_the_others_but_one(agents: int, tickets: int, turns: list[int]) -> None:
    at = desk(*(one(f"agent-{n}", turn=turns[n], load=n) for n in range(agents)))
    counts = Counter(dict.fromkeys(at.colleagues, 0))
    for n in range(tickets):
        choice = at.choose(wish(n, method="round_robin"))
        assert choice.agent_id is not None
        counts[choice.agent_id] += 1
        at = at.given(choice.agent_id)
    assert max(counts.values()) - min(counts.values()) <= 1


@given(st.integers(1, 5), st.integers(1, 40))
def test_the_least_loaded_gets_the_next_so_that_loads_differ_by_one_at_most(agents: int, tickets: int) -> None:
    at = desk(*(one(f"agent-{n}") for n in range(agents)))
    for n in range(tickets):
        choice = at.choose(wish(n))
        assert choice.agent_id is not None
        assert at.colleagues[choice.agent_id].load == min(c.load for c in at.colleagues.values())
        at = at.given(choice.agent_id)
    loads = [c.load for c in at.colleagues.values()]
    assert max(loads) - min(loads) <= 1


def test_of_equals_the_one_who_was_given_nothing_for_longest_is_next_and_then_by_name() -> None:
    assert desk(one("bob", load=2, turn=5), one("ana", load=2, turn=7)).choose(wish()).agent_id == "bob"
    assert desk(one("bob", load=2, turn=5), one("ana", load=2, turn=5)).choose(wish()).agent_id == "ana"
    assert desk(one("bob", load=1, turn=9), one("ana", load=2, turn=5)).choose(wish()).agent_id == "bob"
    assert (
        desk(one("bob", load=1, turn=9), one("ana", load=2, turn=5)).choose(wish(method="round_robin")).agent_id
        == "ana"
    )


def test_skills_and_the_language_are_needed_where_asked() -> None:
    at = desk(
        one("ana", skills=frozenset({"refunds"}), languages=frozenset({"en"})),
        one("bob", load=5, skills=frozenset({"refunds", "hardware"}), languages=frozenset({"de"})),
    )
    assert at.choose(wish()).agent_id == "ana"
    assert at.choose(wish(skills=("hardware", "refunds"))).agent_id == "bob"
    assert at.choose(wish(language="de-CH")).agent_id == "bob"
    assert at.choose(wish(language="fr"))[:2] == (None, "nobody_able")


def test_a_language_serves_for_its_regions_both_ways() -> None:
    assert speaks(["de"], "de-AT")
    assert speaks(["en-GB"], "EN")
    assert not speaks(["den"], "de")


def test_why_nobody_gets_a_ticket_is_said() -> None:
    away, full = one("ana", present=False), one("bob", load=2, capacity=2)
    assert desk(away).choose(wish()).rule == "nobody_present"
    assert desk(away, full).choose(wish()).rule == "at_capacity"
    assert desk(full).choose(wish(team="accounts")).rule == "nobody_able"


def test_a_ticket_that_comes_back_goes_to_who_had_it_last_when_free() -> None:
    assert desk(one("ana", load=4), one("bob")).choose(wish(), keep="ana")[:2] == ("ana", "keep_last_agent")
    for taken in (one("ana", present=False), one("ana", load=4, capacity=4), one("ana", teams=("accounts",))):
        assert desk(taken, one("bob")).choose(wish(), keep="ana")[:2] == ("bob", "least_loaded")


def test_whoever_gave_a_ticket_back_does_not_get_it_again() -> None:
    assert desk(one("ana"), one("bob", load=9)).choose(wish(avoid="ana")).agent_id == "bob"
    assert desk(one("ana")).choose(wish(avoid="ana")).agent_id is None


def test_a_more_urgent_ticket_that_waits_gets_the_only_free_place_before_a_new_one() -> None:
    urgent = wish(9, priority=Priority.CRITICAL)
    at = desk(one("ana", load=1, capacity=2), waiting=(urgent,))
    assert at.choose(wish(1, priority=Priority.LOW))[:2] == (None, "more_urgent_first")
    assert at.choose(urgent).agent_id == "ana"
    assert at.to_look_at(()) == [urgent.ticket_id]


def test_a_more_urgent_ticket_that_is_for_others_delays_nobody() -> None:
    urgent = wish(9, team="accounts", priority=Priority.CRITICAL)
    at = desk(one("ana", capacity=1), waiting=(urgent,))
    assert at.choose(wish(1, priority=Priority.LOW)).agent_id == "ana"


def test_tickets_are_handed_out_most_urgent_first_then_oldest_as_far_as_there_is_room() -> None:
    waiting = (
        wish(1, priority=None),
        wish(2, priority=Priority.HIGH),
        wish(3, priority=Priority.CRITICAL),
        wish(4, priority=Priority.HIGH),
    )
    at = desk(one("ana", capacity=2), one("bob", capacity=1), waiting=waiting)
    assert at.to_look_at(()) == [UUID(int=3), UUID(int=2), UUID(int=4)]


def test_what_absent_agents_hold_is_looked_at_and_what_waits_elsewhere_only_where_the_team_says_so() -> None:
    at = desk(one("ana", present=False), one("bob"))
    held = [
        Held(UUID(int=1), "ana", Status.OPEN, Priority.LOW, NOW),
        Held(UUID(int=2), "ana", Status.NEW, Priority.CRITICAL, NOW),
        Held(UUID(int=3), "ana", Status.PENDING, Priority.HIGH, NOW),
        Held(UUID(int=4), "ana", Status.ON_HOLD, Priority.HIGH, NOW, pending_too=True),
        Held(UUID(int=5), "ana", Status.SOLVED, Priority.HIGH, NOW, pending_too=True),
        Held(UUID(int=6), "bob", Status.OPEN, Priority.HIGH, NOW),
        Held(UUID(int=7), "somebody nobody described", Status.OPEN, Priority.HIGH, NOW),
    ]
    assert at.to_look_at(held) == [UUID(int=2), UUID(int=4), UUID(int=1)]


def test_an_agent_is_back_by_themself_when_the_absence_ends() -> None:
    def agent(name: str, **more: object) -> Agent:
        return Agent(agent_stream_id(name, "main"), 1, NOW, name, ("desk",), **more)  # type: ignore[arg-type]

    agents = [agent("ana", present=False, until=NOW + HOUR), agent("bob", present=False), agent("cem")]
    before, after = Desk.of(agents, NOW, {"ana": 3}, {"ana": 17}), Desk.of(agents, NOW + HOUR)
    assert [before.is_absent(name) for name in ("ana", "bob", "cem", "nobody")] == [True, True, False, False]
    assert before.next_return() == NOW + HOUR
    assert (before.colleagues["ana"].load, before.colleagues["ana"].turn) == (3, 17)
    assert not after.is_absent("ana")
    assert after.next_return() is None


@given(desks, names, names)
def test_a_ticket_that_moves_is_one_agents_load_less_and_the_others_more(at: Desk, before: str, after: str) -> None:
    moved = at.moved(before, after)
    for name, colleague in at.colleagues.items():
        change = (name == after) - (name == before and colleague.load > 0)
        assert moved.colleagues[name].load == colleague.load + change


def test_a_colleague_is_shown_with_load_and_limit() -> None:
    assert [str(c) for c in (one("ana", load=2, capacity=5), one("bob"), one("cem", present=False))] == [
        "ana 2/5", "bob 0", "cem 0 absent",
    ]  # fmt: skip


@given(desks, wishes, st.none() | names)
def test_who_is_served_is_as_if_each_before_was_given_one_by_one(at: Desk, wanted: Waiting, keep: str | None) -> None:
    left, served = Desk(at.colleagues), []
    for ahead in sorted(at.waiting.values(), key=lambda ahead: ahead.order):
        agent = left.choose(ahead).agent_id
        if agent is not None:
            left = left.given(agent)
            served.append(ahead.ticket_id)
    assert at.to_look_at(()) == served
    left = Desk(at.colleagues)
    for ahead in sorted(at.waiting.values(), key=lambda ahead: ahead.order):
        if ahead.order < wanted.order and ahead.ticket_id != wanted.ticket_id:
            agent = left.choose(ahead).agent_id
            left = left if agent is None else left.given(agent)
    assert at.choose(wanted, keep).agent_id == left.choose(wanted, keep).agent_id
