"""What is to happen to whom, drawn from a seed: the same seed and cast give the same plan."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

__all__ = ["Act", "Blow", "Strike", "plan"]

Act = Literal["kill", "stop"]
"""SIGKILL, or SIGSTOP and SIGCONT afterwards."""
_PAUSE = (0.2, 4.0)
"""Seconds between two blows."""
_LONG = (8.0, 15.0)
"""Seconds that outlast a relay's lease and a projector's session."""
_WEIGHTS = {
    "writer": 5, "relay": 5, "projector": 6, "rebuilder": 3, "log": 3, "keys": 1, "read": 3, "backend": 3, "kafka": 4,
}  # fmt: skip
_EVERY = 4
"""Each so many blows one that falls on several at once, or lets a zombie wake."""


class Strike(NamedTuple):
    """``seconds``: until the victim is started again, or goes on."""

    victim: str
    act: Act
    seconds: float


class Blow(NamedTuple):
    """Strikes within milliseconds. ``after``: seconds since the blow before; ``what``: in words."""

    after: float
    what: str
    strikes: tuple[Strike, ...]


def plan(seed: str, kills: int, cast: Mapping[str, Sequence[str]]) -> list[Blow]:
    """Return blows with *kills* strikes in all; each kind is struck once before chance alone decides.

    Args:
        seed: any text.
        kills: 1 or more.
        cast: kind of victim -> names.
    """
    dice = random.Random(seed)
    first = dice.sample(sorted(cast), len(cast))
    several: dict[str, Callable[[], tuple[Strike, ...]]] = {
        "two at once": lambda: _two(dice, cast),
        "the broker, while no relay runs": lambda: _broker(dice, cast),
        "a zombie": lambda: (Strike(dice.choice(cast["projector"]), "stop", dice.uniform(*_LONG)),),
        "a leader that is silent for longer than its lease": lambda: (
            Strike(dice.choice(cast["relay"]), "stop", dice.uniform(*_LONG)),
        ),
    }
    turn = iter(several) if "kafka" in cast else iter(())
    blows: list[Blow] = []
    left, now = kills, 0.0
    busy: dict[str, float] = {}
    while left:
        after = dice.uniform(*_PAUSE)
        now += after
        what, strikes = "one", tuple[Strike, ...]()
        if len(blows) % _EVERY == _EVERY - 1:
            what = next(turn, None) or dice.choice(list(several))
            strikes = several[what]() if what != "the broker, while no relay runs" or "kafka" in cast else ()
        if not 0 < len(strikes) <= left:
            kind = first.pop() if first else dice.choices(list(cast), [_WEIGHTS[kind] for kind in cast])[0]
            idle = [name for name in cast[kind] if busy.get(name, 0) <= now] or cast[kind]
            what, strikes = "one", (_strike(dice, dice.choice(idle)),)
        busy.update({strike.victim: now + strike.seconds for strike in strikes})
        blows.append(Blow(after, what, strikes))
        left -= len(strikes)
    return blows


def _strike(dice: random.Random, victim: str, act: Act | None = None) -> Strike:
    if act is None:
        act = "kill" if dice.random() < 0.5 else "stop"
    if act == "kill":
        return Strike(victim, act, dice.uniform(0, 1))
    return Strike(victim, act, dice.uniform(0.2, 3) if dice.random() < 0.6 else dice.uniform(3, 15))


def _two(dice: random.Random, cast: Mapping[str, Sequence[str]]) -> tuple[Strike, ...]:
    one, other = dice.sample(sorted(cast), 2)
    return tuple(_strike(dice, dice.choice(cast[kind]), "kill") for kind in (one, other))


def _broker(dice: random.Random, cast: Mapping[str, Sequence[str]]) -> tuple[Strike, ...]:
    stops = tuple(Strike(name, "stop", dice.uniform(2, 10)) for name in cast["relay"])
    return (*stops, _strike(dice, cast["kafka"][0], "kill"))
