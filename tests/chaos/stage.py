"""Carries out a plan: strikes, starts again what was killed, wakes what was stopped, and watches that all goes on."""

from __future__ import annotations

import heapq
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.chaos.cast import Backend, Program, Victim
from tests.chaos.plan import Blow
from tests.crash.processes import UNAVAILABLE
from ticketcore.errors import TicketCoreError

__all__ = ["PATIENCE", "Stage", "Wrong"]

PATIENCE = 300.0
"""Seconds after which something that does not go on is stuck, however slow the machine is."""


class Wrong(AssertionError):
    """Something that must not happen did."""


def _started(victim: Victim) -> None:
    """Start a server; on a machine that has no time for it, again and again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            victim.start()
        except TicketCoreError:
            if time.monotonic() > deadline:
                raise
        else:
            return


class Stage:
    """Everybody who can be struck, and what is to be done to them next.

    Args:
        cast: kind -> victims.
        schedule: a file that gets a JSON line for all that is done, to read a failure by.
        watch: raises where something is stuck; called all the time.
    """

    def __init__(
        self,
        cast: Mapping[str, Sequence[Victim]],
        schedule: Path,
        watch: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._victims = {victim.name: victim for victims in cast.values() for victim in victims}
        self._kinds = {victim.name: kind for kind, victims in cast.items() for victim in victims}
        self._file, self._watch, self._say = schedule.open("a", encoding="utf-8"), watch, say
        self._begun = time.monotonic()
        self._state = dict.fromkeys(self._victims, "up")
        self._due: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()
        self._starting: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(8)
        self.struck: Counter[tuple[str, str]] = Counter()
        """(kind, act) -> how often."""
        self.refused = 0
        """How often a program found no server at its start, and was started again."""

    def perform(self, blows: Sequence[Blow]) -> None:
        """Carry out all blows, then wait until everybody is up again."""
        for number, blow in enumerate(blows, 1):
            self._let_pass(blow.after)
            names = [strike.victim for strike in blow.strikes]
            self.wait(lambda names=names: all(map(self._is_up, names)), f"{', '.join(names)} up")  # type: ignore[misc]
            for strike in blow.strikes:
                victim = self._victims[strike.victim]
                (victim.kill if strike.act == "kill" else victim.stop)()
                self._state[strike.victim] = "down" if strike.act == "kill" else "stopped"
                self._later(strike.seconds, strike.victim)
                self.struck[self._kinds[strike.victim], strike.act] += 1
                self._note("strike", blow=number, what=blow.what, **strike._asdict())
            told = ", ".join(f"{s.act} {s.victim} {s.seconds:.1f} s" for s in blow.strikes)
            self._say(f"{self._at():6.1f} s  blow {number} of {len(blows)}, {blow.what}: {told}")
        self.wait(lambda: all(map(self._is_up, self._victims)), "everybody up after the last blow")
        self._note("calm")

    def wait(self, true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait until *true*, while the plan goes on.

        Raises:
            Wrong: not in time, or somebody ended by himself.
        """
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise Wrong(f"not within {seconds:g} s: {what}; now {self._state}")
            self._tick()

    def close(self) -> None:
        """Wake and start nobody any more; what was stopped goes on, so that it can be ended."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for name, state in self._state.items():
            if state == "stopped":
                self._victims[name].go_on()
        self._file.close()

    def _let_pass(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._tick()

    def _tick(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, name = heapq.heappop(self._due)
            self._bring_back(name)
        for name, future in list(self._starting.items()):
            if future.done():
                del self._starting[name]
                future.result()
                self._state[name] = "up"
                self._note("up", victim=name)
        for name, victim in self._victims.items():
            if isinstance(victim, Program) and self._state[name] == "up" and victim.code is not None:
                self._ended(victim)
        self._watch()
        time.sleep(0.02)

    def _bring_back(self, name: str) -> None:
        victim = self._victims[name]
        if self._state[name] == "stopped":
            victim.go_on()
            self._note("goes_on", victim=name)
        elif victim.is_server:
            self._state[name] = "starting"
            self._starting[name] = self._pool.submit(_started, victim)
            return
        else:
            victim.start()
            self._note("up", victim=name)
        self._state[name] = "up"

    def _ended(self, program: Program) -> None:
        """Start it again where it found no server when it started; any other end is wrong."""
        self._note("ended", victim=program.name, code=program.code)
        if program.code != UNAVAILABLE or program.worked:
            raise Wrong(f"{program.name} ended by itself with {program.code}: {program.said[-3_000:]}")
        self.refused += 1
        self._state[program.name] = "down"
        self._later(0.5, program.name)

    def _is_up(self, name: str) -> bool:
        victim = self._victims[name]
        return self._state[name] == "up" and (
            not isinstance(victim, Backend) or self._state[victim.server.name] == "up"
        )

    def _later(self, seconds: float, name: str) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), name))

    def _at(self) -> float:
        return time.monotonic() - self._begun

    def _note(self, event: str, **facts: Any) -> None:
        self._file.write(json.dumps({"at": round(self._at(), 3), "event": event, **facts}) + "\n")
        self._file.flush()
