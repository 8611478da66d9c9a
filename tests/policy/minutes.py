"""An oracle for SLA clocks: it walks through a ticket's life minute by minute and counts, and knows nothing else.

Everything happens on full minutes, calendars open and close on them, and promises are whole minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

MINUTE = timedelta(minutes=1)


class Deal(NamedTuple):
    """What is promised: minutes by target, when the calendar is open, in which statuses each target pauses.

    ``fields``: what the policy's rules look at.
    """

    minutes: Mapping[str, int]
    is_open: Callable[[datetime], bool]
    pauses: Mapping[str, Sequence[str]]
    fields: frozenset[str]


class Act(NamedTuple):
    """What happened at ``at``: the status after it, who wrote, and what changed.

    ``deal``: what the policy then in force promises for what is then known; ``None`` where there is none in force.
    """

    at: datetime
    status: str
    inbound: bool
    reply: bool
    deal: Deal | None
    changed: frozenset[str] = frozenset()


@dataclass
class Wait:
    """Something waited for, and the status in each minute since."""

    target: str
    deal: Deal | None
    minutes: list[tuple[datetime, str]] = field(default_factory=list)
    state: str = "none"
    ended: bool = False
    facts: list[tuple[str, str, datetime]] = field(default_factory=list)

    @property
    def promised(self) -> int | None:
        return None if self.deal is None else self.deal.minutes.get(self.target)

    def used(self) -> int:
        assert self.deal is not None
        is_open = self.deal.is_open
        return sum(self.counts(status) and is_open(at) for at, status in self.minutes)

    def counts(self, status: str) -> bool:
        assert self.deal is not None
        return status not in ("solved", "closed", "merged", *self.deal.pauses[self.target])

    def arrive(self, act: Act, *, over: bool = False, begins: bool = False) -> None:
        """Take note of what happened."""
        looked_at = {name for deal in (act.deal, self.deal) if deal is not None for name in deal.fields}
        if not begins and act.changed & looked_at:
            self.deal = act.deal
        if self.ended or self.state == "breached":
            return
        if over or act.status in ("solved", "closed"):
            if self.state == "running":
                self.facts.append((self.target, "fulfilled", act.at))
            self.state = "over"
        elif act.status == "merged" or self.promised is None:
            self.state = "none"
        else:
            self.state = "running"
            if self.used() > self.promised:
                self.breach(act.at)

    def rest(self, at: datetime, status: str) -> None:
        """Take note that the instant *at* is over, with *status* at its end."""
        if self.state == "running" and not self.ended and self.counts(status) and self.used() >= (self.promised or 0):
            self.breach(at)

    def breach(self, at: datetime) -> None:
        self.state = "breached"
        self.facts.append((self.target, "breached", at))


def walked(acts: Sequence[Act], now: datetime) -> list[tuple[str, str, datetime]]:
    """Return what was kept and broken when until *now*, of a ticket that a customer opened by the first act."""
    at, status, left = acts[0].at, acts[0].status, list(acts[1:])
    waits = [Wait("resolution", acts[0].deal), Wait("first_reply", acts[0].deal)]
    answer: Wait | None = waits[1]
    for wait in waits:
        wait.arrive(acts[0], begins=True)
    while True:
        while left and left[0].at == at:
            act = left.pop(0)
            status = act.status
            answers = act.reply or status in ("solved", "closed")
            for wait in waits:
                wait.arrive(act, over=wait is answer and answers)
            if answers and answer is not None:
                answer.ended, answer = True, None
            elif act.inbound and answer is None and status not in ("solved", "closed", "merged"):
                answer = Wait("next_reply", act.deal)
                waits.append(answer)
                answer.arrive(act, begins=True)
        if at >= now:
            return sorted(fact for wait in waits for fact in wait.facts)
        for wait in waits:
            wait.rest(at, status)
            wait.minutes.append((at, status))
        at += MINUTE
