"""What is adopted when, and who can take work."""

from datetime import timedelta
from typing import Any

import pytest

from tests.domain.given import ANA, LOG, START, World, given
from ticketcore.domain.agent import Agent
from ticketcore.domain.agent_commands import DescribeAgent, SetPresence
from ticketcore.domain.commands import build
from ticketcore.domain.decide_policy import AGENT
from ticketcore.domain.policies import Policies
from ticketcore.domain.policy_commands import LONGEST, AdoptPolicy
from ticketcore.errors import InvalidCommand, WrongState
from ticketcore.ids import agent_stream_id, policy_id
from ticketcore.store.port import Claim

HOUR = timedelta(hours=1)
POLICIES = policy_id(LOG)
ID = agent_stream_id("ana", LOG)


def adopt(world: World, document: str = "name: support\n", **more: Any) -> World:
    context = more.pop("context", None)
    decision = world.when(AdoptPolicy, policies=POLICIES, document=document, context=context, **more)
    return world.after(*decision.events)


def policies(world: World) -> Policies:
    state = world.states[POLICIES]
    assert isinstance(state, Policies)
    return state


def agent(world: World) -> Agent:
    state = world.states[ID]
    assert isinstance(state, Agent)
    return state


def set_presence(world: World, **values: Any) -> World:
    return world.after(*world.when(SetPresence, agent=ID, agent_id="ana", **values).events)


def test_adoptions_are_counted_and_the_last_effective_one_is_in_force() -> None:
    world = adopt(given(), "name: one\n")
    world = adopt(world, "name: two\n", effective_at=START + 2 * HOUR, note="new hours")
    world = adopt(world, "name: three\n", effective_at=START + HOUR)
    known = policies(world)
    assert [one.version for one in known.adopted] == [1, 2, 3]
    in_force = [known.in_force(START + shift) for shift in (-HOUR, 0 * HOUR, HOUR, 2 * HOUR)]
    assert [one and one.version for one in in_force] == [None, 1, 3, 2]
    assert known.adopted[1].note == "new hours"
    assert known.adopted[0].adopted_by == str(ANA)


def test_of_two_that_begin_at_once_the_later_adopted_is_in_force() -> None:
    world = adopt(given(), "name: one\n", effective_at=START + HOUR)
    world = adopt(world, "name: two\n", effective_at=START + HOUR)
    in_force = policies(world).in_force(START + HOUR)
    assert in_force is not None
    assert in_force.version == 2


def test_a_policy_does_not_begin_in_the_past() -> None:
    with pytest.raises(InvalidCommand, match="no time before now, 2026-03-02T09:00:00"):
        adopt(given(), effective_at=START - timedelta(seconds=1))


def test_saying_that_it_happened_before_does_not_put_it_in_force_before() -> None:
    world = adopt(given(), context={"occurred_at": START - HOUR})
    assert policies(world).adopted[0].effective_at == START


def test_in_an_empty_log_a_policy_may_begin_whenever() -> None:
    world = adopt(given(), effective_at=START - 1000 * HOUR, context={"log_is_empty": True})
    assert policies(world).in_force(START - HOUR) is not None


def test_adopting_what_is_in_force_is_nothing() -> None:
    world = adopt(given(), "name: one\n")
    assert world.when(AdoptPolicy, policies=POLICIES, document="name: one\n").events == ()
    world = adopt(world, "name: two\n", effective_at=world.now + HOUR)
    later: Any = {"effective_at": world.now + 2 * HOUR}
    back = world.when(AdoptPolicy, policies=POLICIES, document="name: one\n", **later)
    assert len(back.events) == 1, "after another one it is a change"


@pytest.mark.parametrize("document", ["", "  \n", "#" * (LONGEST + 1), "\0"])
def test_a_document_says_something_and_fits_into_its_event(document: str) -> None:
    with pytest.raises(InvalidCommand, match="cannot adopt a policy: document"):
        build(AdoptPolicy, policies=POLICIES, document=document)


def test_an_agent_is_described_whole_and_claims_the_name_once() -> None:
    values: Any = {"agent": ID, "agent_id": "ana", "teams": ("desk", "accounts"), "skills": ("refunds",), "capacity": 5}
    first = given().when(DescribeAgent, **values)
    assert first.claims == (Claim(AGENT, b"ana", ID, 1),)
    world = given().after(*first.events)
    assert agent(world).teams == ("desk", "accounts")
    assert world.when(DescribeAgent, **values).events == ()
    changed = world.when(DescribeAgent, agent=ID, agent_id="ana", languages=("de",))
    assert changed.claims == ()
    known = agent(world.after(*changed.events))
    assert (known.teams, known.skills, known.languages, known.capacity) == ((), (), ("de",), None)


def test_an_agent_is_back_by_themself_when_the_absence_ends() -> None:
    world = set_presence(given(), present=False, until=START + HOUR, reason="training")
    assert [agent(world).is_present(START + shift) for shift in (0 * HOUR, HOUR, 2 * HOUR)] == [False, True, True]
    assert agent(world).reason == "training"
    world = set_presence(world, present=True)
    assert (agent(world).is_present(START), agent(world).until, agent(world).reason) == (True, None, None)


def test_an_absence_ends_in_the_future() -> None:
    with pytest.raises(InvalidCommand, match="a time after 2026-03-02T09:00:00"):
        set_presence(given(), present=False, until=START)


@pytest.mark.parametrize("more", [{"until": START}, {"reason": "training"}])
def test_only_an_absence_has_an_end_and_a_reason(more: Any) -> None:
    with pytest.raises(InvalidCommand, match="with an agent who is there"):
        build(SetPresence, agent=ID, agent_id="ana", present=True, **more)


def test_two_names_with_one_digest_are_never_mixed_up() -> None:
    world = set_presence(given(), present=True)
    with pytest.raises(WrongState, match="agent 'bob': its stream belongs to agent 'ana'"):
        world.when(DescribeAgent, agent=ID, agent_id="bob")
