"""The parts of a run that need no server: the plan, and the reader of the topic."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.plan import plan
from tests.chaos.topic import Heard, Reader

CAST = {
    "writer": ["writer0", "writer1"], "relay": ["relay0", "relay1"], "projector": ["queues0", "all"],
    "rebuilder": ["rebuilder"], "log": ["log"], "keys": ["keys"], "read": ["read"], "backend": ["a backend of log"],
    "kafka": ["kafka"],
}  # fmt: skip
LOG = [Heard(position, f"a:{position}", "ticket.opened", b"{}") for position in range(1, 30)]


@given(st.text(max_size=5), st.integers(1, 60))
def test_a_plan_has_as_many_strikes_as_asked_and_is_the_same_for_the_same_seed(seed: str, kills: int) -> None:
    blows = plan(seed, kills, CAST)
    assert sum(len(blow.strikes) for blow in blows) == kills
    assert blows == plan(seed, kills, CAST)


@given(st.text(max_size=5))
def test_a_plan_of_24_strikes_everybody_and_several_at_once_and_lets_zombies_wake(seed: str) -> None:
    blows = plan(seed, 24, CAST)
    struck = {strike.victim for blow in blows for strike in blow.strikes}
    assert all(struck & set(names) for names in CAST.values())
    assert {"one", "two at once", "the broker, while no relay runs", "a zombie"} <= {blow.what for blow in blows}


def test_without_a_broker_of_its_own_a_plan_leaves_kafka_alone() -> None:
    blows = plan("x", 100, {kind: names for kind, names in CAST.items() if kind != "kafka"})
    assert sum(len(blow.strikes) for blow in blows) == 100
    assert all(strike.victim != "kafka" for blow in blows for strike in blow.strikes)


def heard(order: list[int], *, fill: Callable[[int, int], list[Heard]] | None = None) -> Reader:
    """A reader of a topic that holds these positions; each message names the one before it in the log."""
    reader = Reader(fill or (lambda after, to: LOG[after:to]))
    for position in order:
        reader.take(LOG[position - 1], position - 1)
    return reader


@given(st.integers(0, 1_000))
def test_a_reader_has_every_event_once_however_often_parts_come_again_or_are_missing(seed: int) -> None:
    dice, order, at = Random(seed), list[int](), 1
    while at <= len(LOG):
        until = min(len(LOG), at + dice.randint(0, 6))
        if dice.random() < 0.7 or until == len(LOG):
            order += range(at, until + 1)
        at = until + 1 if dice.random() < 0.6 else max(1, at - dice.randint(0, 5)) if order else at
        if len(order) > 500:
            order += range(at, len(LOG) + 1)
            break
    assert heard(order).events == LOG[: max(order, default=0)]


def test_a_reader_sees_what_a_fill_does_not_bring() -> None:
    reader = heard([1, 2, 5], fill=lambda *_: [])
    assert reader.events == [LOG[0], LOG[1], LOG[4]]
    assert reader.gaps == 1


@pytest.mark.parametrize(("previous", "unexplained"), [(2, 0), (1, 1)])
def test_a_reader_notices_a_predecessor_that_is_not_its_own(previous: int, unexplained: int) -> None:
    reader = heard([1, 2])
    reader.take(LOG[2], previous)
    assert reader.unexplained == unexplained
