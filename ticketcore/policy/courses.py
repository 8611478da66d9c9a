"""The clocks of a ticket's promises, derived from its events and the policies in force, as they are at any instant.

docs/sla.md says in a table what happens when; its rows are tests.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain.types import SlaTarget, Status
from ticketcore.policy.segments import Matcher, segments
from ticketcore.policy.stretches import OVER, stretches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ticketcore.policy.clocks import Clocks
    from ticketcore.policy.segments import InForce, Segment
    from ticketcore.policy.terms import Match, Terms

__all__ = ["RUNNING", "Clock", "Course", "Entry", "course"]

RUNNING = ("active", "paused")
_NONE = timedelta(0)


class Entry(NamedTuple):
    """What happened to a promise at ``at``.

    Attributes:
        kind: ``applied``, ``paused``, ``resumed``, ``warned``, ``withdrawn``, ``fulfilled`` or ``breached``.
        due_at: of one that was applied, resumed or warned of; ``None`` where it stands still.
        policy: of one that was applied: name and version of who promises it.
        elapsed: of one that was paused: working time that it had run.
        reason: of one that was withdrawn.
    """

    target: SlaTarget
    kind: str
    at: datetime
    due_at: datetime | None = None
    policy: str = ""
    elapsed: timedelta = _NONE
    reason: str = ""


class Clock(NamedTuple):
    """A promise, from the instant at which what it is about began to be waited for.

    Attributes:
        state: ``active``, ``paused``, ``fulfilled``, ``breached``, ``withdrawn``; or ``none``: nothing was promised.
        started_at: when the wait began.
        terms: what is promised; the last that was, where nothing is any more.
        due_at: until when it is to be kept, or was; ``None`` while it stands still.
        since: when it was last set going; ``None`` where it stood still since. ``used``: working time that it had run until
            then.
        ended_at: when it was kept, broken or withdrawn.
        warns_at: when it is to be warned of next, where it is still running then.
    """

    target: SlaTarget
    state: str
    started_at: datetime
    terms: Terms | None = None
    due_at: datetime | None = None
    since: datetime | None = None
    used: timedelta = _NONE
    ended_at: datetime | None = None
    warns_at: datetime | None = None

    def elapsed(self, now: datetime) -> timedelta:
        """Return the working time that it ran until *now* or its end."""
        if self.terms is None or self.since is None:
            return self.used
        end = self.ended_at or now
        return self.used + (self.terms.calendar.business_time(self.since, end) if end > self.since else _NONE)


class Course(NamedTuple):
    """All that became of a ticket's promises until an instant.

    Attributes:
        clocks: every promise, in the order in which the waits began; the resolution first.
        entries: what happened to them, those of a target in order.
        matches: which rules the ticket fell under, in the order in which they were asked.
    """

    clocks: tuple[Clock, ...]
    entries: tuple[Entry, ...]
    matches: tuple[Match, ...]

    def latest(self, target: SlaTarget) -> Clock | None:
        """Return the newest clock of *target*."""
        return next((clock for clock in reversed(self.clocks) if clock.target is target), None)


def course(clocks: Clocks, schedule: InForce, now: datetime) -> Course:
    """Return what became of a ticket's promises.

    Args:
        clocks: the ticket.
        schedule: the policies, by when they decide.
        now: not before the ticket's newest event.
    """
    matcher = Matcher(clocks, schedule)
    entries: list[Entry] = []
    found = []
    for stretch in stretches(clocks.moments, clocks.opening):
        run = _Run(stretch.target, segments(clocks, stretch, matcher), entries)
        found.append(run.until(now))
    return Course(tuple(found), tuple(entries), tuple(matcher.matches.values()))


class _Run:
    """One wait, gone through segment by segment."""

    def __init__(self, target: SlaTarget, parts: Sequence[Segment], entries: list[Entry]) -> None:
        self.target = target
        self.parts = parts
        self.entries = entries
        self.state = "none"
        self.terms: Terms | None = None
        self.due: datetime | None = None
        self.since: datetime | None = None
        self.ended: datetime | None = None
        self.used = _NONE
        self.counted = 0  # how many segments are in it
        self.warned = _NONE  # after how much of it was warned since it was applied
        self.warns: datetime | None = None

    def until(self, now: datetime) -> Clock:
        """Return the clock at *now*."""
        parts, last = self.parts, len(self.parts) - 1
        for index, part in enumerate(parts):
            terms = None if part.match is None else part.match.terms.get(self.target)
            over = part.ended or part.status in OVER
            if not over and terms is not None and part.status is not Status.MERGED:
                self._run(index, parts[index + 1].at if index < last else now, terms)
            elif self.state in RUNNING:
                reason = "" if over else "merged" if part.status is Status.MERGED else "no promise"
                self._over("fulfilled" if over else "withdrawn", part.at, reason)
            if self.state == "breached":
                break
        warns = self.warns if self.state == "active" else None
        return Clock(
            self.target, self.state, parts[0].at, self.terms, self.due, self.since, self.used, self.ended, warns
        )

    def _run(self, index: int, until: datetime, terms: Terms) -> None:
        """Let the clock run, or stand still, under *terms* from a segment's beginning to *until*."""
        part, was, shown = self.parts[index], self.state, self.terms
        other = was not in RUNNING or not terms.same(shown)
        late = self._count(index, terms)
        self.terms = terms
        if part.status in terms.pauses:
            self.state, self.since, due = "paused", None, late
        else:
            self.state, self.since = "active", part.at
            due = late or terms.calendar.add_business_time(part.at, terms.promised - self.used)
        if other and (was, due, terms.policy) != ("active", self.due, shown and shown.policy):
            self._enter("applied", part.at, due_at=due, policy=terms.policy)
            was = "active"
        self.due = due
        if late is not None:
            self._over("breached", part.at)
        elif self.state == "paused":
            if was == "active":
                self._enter("paused", part.at, elapsed=self.used)
        else:
            if was == "paused":
                self._enter("resumed", part.at, due_at=due)
            self._warn(part.at, until, terms)
            if due is not None and due < until:
                self._over("breached", due)

    def _count(self, index: int, terms: Terms) -> datetime | None:
        """Count the working time used until a segment begins; return when it exceeded what is promised, where it did."""
        if not terms.same(self.terms):
            self.counted, self.used = 0, _NONE
        for part, following in zip(self.parts[self.counted : index], self.parts[self.counted + 1 :], strict=False):
            if _runs(terms, part.status) and part.at < following.at:
                time = terms.calendar.business_time(part.at, following.at)
                if self.used + time > terms.promised:
                    return terms.calendar.add_business_time(part.at, terms.promised - self.used)
                self.used += time
        self.counted = index
        return None

    def _warn(self, begin: datetime, until: datetime, terms: Terms) -> None:
        """Warn wherever so much of the time is used up before *until*; once, where several are at one instant."""
        self.warns = None
        for amount in terms.warns:
            if amount <= self.warned:
                continue
            at = begin if amount <= self.used else terms.calendar.add_business_time(begin, amount - self.used)
            if at >= until:
                self.warns = at
                break
            self.warned = amount
            last = self.entries[-1]
            if (last.target, last.kind, last.at) != (self.target, "warned", at):
                self._enter("warned", at, due_at=self.due)

    def _over(self, state: str, at: datetime, reason: str = "") -> None:
        self._enter(state, at, reason=reason)
        self.state, self.ended = state, at

    def _enter(self, kind: str, at: datetime, **more: Any) -> None:
        self.entries.append(Entry(self.target, kind, at, **more))
        if kind == "applied":
            self.warned = _NONE


def _runs(terms: Terms, status: Status) -> bool:
    return status not in terms.pauses and status is not Status.MERGED and status not in OVER
