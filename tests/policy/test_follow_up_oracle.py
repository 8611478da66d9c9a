"""Follow-up against an oracle that walks through a ticket's life by quarters of an hour and knows docs/follow-up.md only.

Policies come and go, with rules that stay, change, leave and are back; working time is counted in zones whose clocks change.
Everything happens on full quarters; what people may do to a ticket is asked of the ticket itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import event, given
from hypothesis import strategies as st

from tests.policy.follow_up_life import DAY, HOUR, START, Life
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.base import Event
from ticketcore.domain.ticket import Ticket, evolve
from ticketcore.domain.types import Role, Status
from ticketcore.errors import WrongState

QUARTER = timedelta(minutes=15)
LAST = 4 * 24 * 35
"""From 2 March to 6 April: clocks change in New York on 8 March, in Berlin on 29 March."""
SILENT = "mail"


def _by_day(at: datetime) -> bool:
    local = at.astimezone(ZoneInfo("America/New_York"))
    return local.weekday() < 5 and 8 <= local.hour < 18


def _by_night(at: datetime) -> bool:
    return at.astimezone(ZoneInfo("Europe/Berlin")).hour < 5


HEAD = """
name: test
calendar: office
calendars:
  office: {zone: America/New_York, hours: {mon-fri: ["08:00-18:00"]}}
  nights: {zone: Europe/Berlin, hours: {mon-sun: ["00:00-05:00"]}}
teams: {desk: {}}
default_team: desk
follow_up:
"""
WORKED: Mapping[str, Sequence[int]] = {
    name: list(accumulate((is_open(START + QUARTER * n) for n in range(LAST)), initial=0))
    for name, is_open in {"office": _by_day, "nights": _by_night}.items()
}
"""Calendar -> how many quarters were worked before each."""


class Rule(NamedTuple):
    """``quarters`` of *calendar* after *since*; time on the clock where there is no calendar."""

    name: str
    statuses: tuple[str, ...]
    since: str
    quarters: int
    calendar: str | None
    repeat: int
    action: str

    def __str__(self) -> str:
        when = "{}" if not self.statuses else f"{{field: status, in: [{', '.join(self.statuses)}]}}"
        after = f"{self.quarters * 15}m"
        after = after if self.calendar is None else f"{{business: {after}, calendar: {self.calendar}}}"
        do = "{mail: reminder}" if self.action == SILENT else "{notify: ['team:desk']}"
        return f"{{rule: {self.name}, when: {when}, after: {after}, since: {self.since}, repeat: {self.repeat}, do: [{do}]}}"


class Past(NamedTuple):
    """An event of a person: its version and quarter, and what the ticket was afterwards."""

    version: int
    at: int
    inbound: bool
    reply: bool
    status: Status
    before: Status | None


class Oracle:
    """What rules do, and when, by the page's words."""

    def __init__(self, policies: Mapping[int, Sequence[Rule]]) -> None:
        self.policies = policies
        self.rules: Sequence[Rule] = ()
        self.stands: dict[str, int] = {}
        self.past: list[Past] = []
        self.done: Counter[tuple[str, int]] = Counter()
        self.last: dict[tuple[str, int], int] = {}
        self.told: list[tuple[datetime, str]] = []

    def tick(self, now: int) -> None:
        """Let the quarter *now* begin: a policy may come into force, and rules may be due."""
        if now in self.policies:
            self.rules = self.policies[now]
            self.stands = {rule.name: self.stands.get(rule.name, now) for rule in self.rules}
        self.follow(now)

    def follow(self, now: int) -> None:
        while any(self._followed(rule, now) for rule in self.rules):
            pass

    def _followed(self, rule: Rule, now: int) -> bool:
        if not self.past or (rule.statuses and self.past[-1].status.value not in rule.statuses):
            return False
        basis = self._basis(rule)
        if basis is None or self.done[rule.name, basis.version] >= rule.repeat:
            return False
        since = max(self.last.get((rule.name, basis.version), basis.at), self.stands[rule.name])
        if self._spent(rule.calendar, since, now) < rule.quarters:
            return False
        self.done[rule.name, basis.version] += 1
        self.last[rule.name, basis.version] = now
        self.told.append((START + QUARTER * now, rule.name))
        return True

    def _spent(self, calendar: str | None, since: int, now: int) -> int:
        if calendar is None:
            return now - since
        worked = WORKED[calendar]
        return worked[now] - worked[max(since, 0)]

    def _basis(self, rule: Rule) -> Past | None:
        inbound = self._newest(lambda one: one.inbound)
        reply = self._newest(lambda one: one.reply)
        found = {
            "opened": lambda: self.past[0],
            "status": lambda: self._newest(lambda one: one.status is not one.before),
            "solved": self._solved,
            "customer": lambda: inbound,
            "reply": lambda: reply,
            "unanswered": self._unanswered,
        }[rule.since]()
        if found is None or rule.action != SILENT or rule.since == "unanswered":
            return found
        if rule.since == "reply":
            return None if inbound is not None and inbound.version > found.version else found
        return max((one for one in (found, inbound, reply) if one is not None), key=lambda one: one.version)

    def _newest(self, fits: Callable[[Past], bool]) -> Past | None:
        return next((one for one in reversed(self.past) if fits(one)), None)

    def _solved(self) -> Past | None:
        if self.past[-1].status is not Status.SOLVED:
            return None
        return self._newest(lambda one: one.status is Status.SOLVED is not one.before)

    def _unanswered(self) -> Past | None:
        first: Past | None = None
        for one in self.past:
            if one.reply or (one.status is Status.SOLVED is not one.before):
                first = None
            elif one.inbound:
                first = first or one
        return first


ACTS = ("writes", "answers", "pends", "solves", "reopens", "holds")


def acted(ticket: Life, what: str) -> None:
    """Let somebody do something, where the ticket's state allows it."""
    deeds: dict[str, Callable[[], object]] = {
        "writes": ticket.writes, "answers": ticket.answers, "pends": lambda: ticket.does(tc.Pend),
        "solves": lambda: ticket.does(tc.Solve), "reopens": lambda: ticket.does(tc.Reopen), "holds": lambda: ticket.does(tc.Hold),
    }  # fmt: skip
    with suppress(WrongState):
        deeds[what]()


def past(events: Sequence[Event]) -> list[Past]:
    """Return what people did to a ticket."""
    found: list[Past] = []
    state: Ticket | None = None
    for one in events:
        before, state = state, evolve(state, one)
        if one.meta.actor.role is not Role.POLICY and state is not None:
            said = getattr(one, "direction", None)
            at = (one.meta.occurred_at - START) // QUARTER
            status = before.status if before else None
            found.append(Past(one.originator_version, at, said == "inbound", said == "outbound", state.status, status))
    return found


@st.composite
def rules(draw: st.DrawFn) -> Iterator[tuple[Rule, ...]]:
    """Return the rules of one policy: some of three names, in any order."""
    names = draw(st.lists(st.sampled_from("abc"), min_size=0, max_size=3, unique=True))
    statuses = st.sampled_from(((), ("pending",), ("open", "new"), ("solved",), ("open", "pending", "on_hold")))
    since = st.sampled_from(("opened", "status", "solved", "customer", "reply", "unanswered"))
    calendar = st.sampled_from((None, None, "office", "nights"))
    action = st.sampled_from((SILENT, "notify"))
    return tuple(  # type: ignore[return-value]
        Rule(name, draw(statuses), draw(since), draw(st.integers(1, 200)), draw(calendar), draw(st.integers(1, 4)), draw(action))
        for name in names
    )  # fmt: skip


POLICIES = st.dictionaries(st.integers(-100, 1_500), rules(), min_size=1, max_size=4)
COURSES = st.lists(st.tuples(st.integers(0, 2_500), st.sampled_from(ACTS)), max_size=9).map(sorted)


@given(POLICIES, COURSES)
def test_rules_are_followed_when_the_oracle_says_and_never_else(
    policies: Mapping[int, Sequence[Rule]], course: Sequence[tuple[int, str]]
) -> None:
    texts = {
        f"# {at}\n{HEAD.rstrip()}" + ("\n" + "".join(f"  - {rule}\n" for rule in known) if known else " []\n"): START + QUARTER * at
        for at, known in sorted(policies.items())
    }  # fmt: skip
    ticket, oracle = Life(texts), Oracle(policies)
    for before in range(min(0, *policies), 0):
        oracle.tick(before)
    oracle.past = past(ticket.events)
    left = list(course)
    for now in range(LAST):
        oracle.tick(now)
        while left and left[0][0] == now:
            ticket.passes(START + QUARTER * now - ticket.now)
            acted(ticket, left.pop(0)[1])
            oracle.past = past(ticket.events)
            oracle.follow(now)
    ticket.passes(START + QUARTER * (LAST - 1) - ticket.now)
    told = [
        (one.meta.occurred_at, decision.rule) for one in ticket.events for decision in getattr(one, "decisions", ())
    ]
    event(f"followed: {min(len(oracle.told), 6)}")
    assert told == oracle.told


def test_the_oracles_working_hours_hold_the_changes_of_clocks() -> None:
    worked = WORKED["nights"]
    nights = [worked[at + 96] - worked[at] for at in range(0, LAST - 96, 96)]
    assert Counter(nights) == {20: 33, 16: 1}
    assert WORKED["office"][4 * 24] == 4 * (DAY // HOUR - 14)
