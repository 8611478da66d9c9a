"""The plan of the synthetic sample: who writes when, and what happens then. Pure, seeded, the same every time.

A *life* is one inquiry with all that comes of it (its duplicate, its follow-up): steps in order of time, each a call of
the public API. Lives do not depend on each other, so they can be played at the same time.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from workers.demo_texts import Texts

__all__ = ["ANCHOR", "DAYS", "Life", "Person", "Plan", "Step", "make_plan"]

ANCHOR = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
"""The sample's last moment."""
DAYS = 122
_HOURS = (1, 1, 1, 1, 1, 2, 4, 9, 16, 22, 24, 22, 18, 18, 20, 20, 18, 16, 14, 13, 12, 9, 5, 2)
_WEEK = (20, 19, 17, 16, 15, 8, 5)
_CHANNELS = {"mail": 44, "form": 22, "chat": 14, "phone": 14, "letter": 6}
_LEVELS = ("high", "medium", "low")
_LONG_MAIL, _SCAN = 40, 60
_COMES_BACK, _THANKS = 0.11, 0.05


class Person(NamedTuple):
    """A customer: ``identities`` as ``(kind, value, assurance)``; ``same_as``: key of the record they turn out to be."""

    key: str
    name: str
    language: str
    identities: tuple[tuple[str, str, str], ...]
    registered_at: datetime
    same_as: str | None = None


class Step(NamedTuple):
    """One call. ``method`` of the API; ``ticket``: the local name of the ticket that it is about or makes.

    Attributes:
        by: ``customer``, ``agent:ID``, ``policy:NAME``, ``system:NAME`` or ``privacy_officer:ID``.
        fields: arguments; ``into``, ``other`` name tickets of the life, ``requester`` and ``author`` persons.
    """

    at: datetime
    method: str
    ticket: str
    by: str
    fields: Mapping[str, Any]


class Life(NamedTuple):
    """One inquiry and all that comes of it; ``person``: key of the requester."""

    key: str
    person: str
    steps: tuple[Step, ...]


class Plan(NamedTuple):
    """The whole sample."""

    persons: tuple[Person, ...]
    lives: tuple[Life, ...]


@cache
def _data() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(files("workers").joinpath("demo_data.yaml").read_text(encoding="utf-8"))
    return loaded


def make_plan(tickets: int = 400, seed: int = 2026) -> Plan:
    """Return the plan of about *tickets* tickets over :data:`DAYS` days up to :data:`ANCHOR`."""
    rng = random.Random(seed)
    persons = _persons(rng, max(3, tickets * 2 // 5))
    starts = sorted(_arrival(rng) for _ in range(tickets))
    lives = tuple(
        _Writer(random.Random(rng.random()), f"life-{n:04d}", persons, at).life(n) for n, at in enumerate(starts)
    )
    return Plan(persons, lives)


def _persons(rng: random.Random, count: int) -> tuple[Person, ...]:
    languages = _data()["languages"]
    names = list(languages)
    weights = [languages[name]["weight"] for name in names]
    first = ANCHOR - timedelta(days=DAYS + 1)
    persons: list[Person] = []
    for n in range(count):
        language = rng.choices(names, weights)[0]
        given, family = rng.choice(languages[language]["first"]), rng.choice(languages[language]["last"])
        sure = rng.choice(("verified", "unverified", "logged_in"))
        identities = [("mail", f"kunde{n:03d}@example.org", sure)]
        if _chance(rng, 45):
            identities.append(("phone", f"+49 30 555{n:04d}", "unverified"))
        if _chance(rng, 30):
            identities.append(("chat", f"guest-{n:04d}", "unverified"))
        if _chance(rng, 20):
            identities.append(("contract", f"K-{70000 + n * 7}", "verified"))
        persons.append(Person(f"person-{n:03d}", f"{given} {family}", language, tuple(identities), first))
    for n, twin in enumerate(persons[:3]):  # called once under a number nobody knew, recognised later
        identity = ("phone", f"+49 171 555{n:04d}", "unverified")
        persons.append(Person(f"twin-{n:03d}", twin.name, twin.language, (identity,), first, twin.key))
    return tuple(persons)


def _chance(rng: random.Random, percent: float) -> bool:
    return rng.random() * 100 < percent


def _arrival(rng: random.Random) -> datetime:
    day = (ANCHOR - timedelta(days=DAYS)).replace(hour=0, minute=0)
    while True:
        at = day + timedelta(days=rng.randrange(DAYS + 1))
        if rng.random() * max(_WEEK) < _WEEK[at.weekday()]:
            break
    at += timedelta(hours=rng.choices(range(24), _HOURS)[0], minutes=rng.randrange(60), seconds=rng.randrange(60))
    return min(at, ANCHOR - timedelta(minutes=rng.randrange(5, 600)))


def at_work(at: datetime) -> datetime:
    """Return *at*, or the next moment at which somebody works: Monday to Friday, 8 to 18 o'clock."""
    if at.hour >= 18:  # noqa: PLR2004 end of work
        at = (at + timedelta(days=1)).replace(hour=8)
    elif at.hour < 8:  # noqa: PLR2004 begin of work
        at = at.replace(hour=8)
    while at.weekday() > 4:  # noqa: PLR2004 Saturday and Sunday
        at = (at + timedelta(days=1)).replace(hour=8)
    return at


class _Writer:
    """Writes one life, step by step."""

    def __init__(self, rng: random.Random, key: str, persons: Sequence[Person], at: datetime) -> None:
        self.rng, self.key, self.at = rng, key, at
        self.person = rng.choice(persons)
        data = _data()
        language = data["languages"][self.person.language]
        self.topic = rng.choices(list(language["topics"]), (32, 18, 16, 17, 10, 9))[0]
        self.team = next(name for name, team in data["teams"].items() if self.topic in team["topics"])
        self.agent = self._agent(self.team)
        self.channel = rng.choices(list(_CHANNELS), list(_CHANNELS.values()))[0]
        self.texts = Texts(rng, language, self.topic, self.person.name, data["products"], at)
        self.steps: list[Step] = []
        self.subcategory = rng.choice(data["subcategories"][self.topic])

    def life(self, n: int) -> Life:
        self._open("main", n)
        opened = self.at
        self._sort_in()
        if n % 33 == 7:  # noqa: PLR2004 how often somebody writes twice
            self._duplicate(unmerge=n % 66 == 7)  # noqa: PLR2004 likewise
        if _chance(self.rng, 93) or (ANCHOR - opened).days > 14:  # noqa: PLR2004 old ones were all taken
            self._work(n)
        self._promises(opened)
        steps = sorted((step for step in self.steps if step.at <= ANCHOR), key=lambda step: step.at)
        return Life(self.key, self.person.key, tuple(steps))

    def _agent(self, team: str) -> str:
        return f"{team}-{self.rng.randrange(1, _data()['teams'][team]['agents'] + 1):02d}"

    def _step(self, method: str, by: str, *, ticket: str = "main", **fields: Any) -> None:
        self.steps.append(Step(self.at, method, ticket, by, fields))

    def _later(self, low: float, high: float, *, work: bool = False) -> None:
        """Let between *low* and *high* minutes pass; with *work*, until somebody works."""
        self.at += timedelta(seconds=round(60 * self.rng.triangular(low, high, low + (high - low) / 5)))
        if work:
            self.at = at_work(self.at)

    def _open(self, ticket: str, n: int) -> None:
        body = self.texts.inquiry()
        fields: dict[str, Any] = {
            "channel": self.channel,
            "requester": self.person.key,
            "language": self.person.language,
        }
        if n % _LONG_MAIL == 11 and self.channel == "mail":  # noqa: PLR2004 one in so many
            body = self.texts.with_long_quote(body)
        if n % _SCAN == 5 or self.channel == "letter":  # noqa: PLR2004 likewise
            fields["attachments"] = [(f"scan-{n:04d}.pdf", "application/pdf", self.texts.scan())]
        by = "customer"
        if self.channel in ("phone", "letter"):
            self.at, by = at_work(self.at), f"agent:{self.agent}"
        claimed = (
            {"claimed_at": self.at - timedelta(seconds=self.rng.randrange(2, 90))} if self.channel == "mail" else {}
        )
        self._step("open_ticket", by, ticket=ticket, subject=self.texts.subject(), body=body, **fields, **claimed)

    def _sort_in(self) -> None:
        self._later(0.2, 2)
        tags = tuple(sorted({self.topic, self.person.language} | ({"long"} if _chance(self.rng, 5) else set())))
        self._step("classify", "system:intake", category=self.topic, subcategory=self.subcategory, tags=tags)
        impact, urgency = self.rng.choices(_LEVELS, (1, 5, 6))[0], self.rng.choices(_LEVELS, (2, 6, 4))[0]
        self._step("prioritise", "system:intake", impact=impact, urgency=urgency)
        self._step("assign", "system:intake", team_id=self.team)

    def _duplicate(self, *, unmerge: bool) -> None:
        self._later(20, 300)
        other = "form" if self.channel != "form" else "chat"
        self._step("open_ticket", "customer", ticket="again", channel=other, requester=self.person.key,
                   language=self.person.language, subject=self.texts.subject(), body=self.texts.still())  # fmt: skip
        self._later(5, 60)
        self._step("merge", f"agent:{self.agent}", ticket="again", into="main")
        if unmerge:
            self._later(5, 60)
            self._step("unmerge", f"agent:{self.agent}", ticket="again")
            self._step("link", f"agent:{self.agent}", ticket="again", other="main", kind="related")
            self._finish("again")

    def _reply(self, body: str, *, direction: str = "outbound") -> None:
        by = f"agent:{self.agent}"
        if direction == "internal":
            self._step("comment", by, direction=direction, body=body)
        else:
            channel = "mail" if self.channel in ("form", "letter", "phone") else self.channel
            self._step("comment", by, direction=direction, channel=channel, body=body)

    def _write(self, body: str, channel: str | None = None) -> None:
        self._step("comment", "customer", direction="inbound", channel=channel or self.channel, body=body,
                   author=self.person.key)  # fmt: skip

    def _take(self) -> None:
        quick = self.channel in ("chat", "phone")
        self._later(1 if quick else 15, 25 if quick else 900, work=True)
        self._step("assign", f"agent:{self.agent}", team_id=self.team, agent_id=self.agent)

    def _work(self, n: int) -> None:
        self._take()
        way = self.rng.choices(("answer", "ask", "hold", "elsewhere"), (46, 27, 14, 13))[0]
        if way == "elsewhere":
            self._later(5, 120, work=True)
            other = self.rng.choice([name for name in _data()["teams"] if name != self.team])
            self._reply(self.rng.choice(_data()["notes"]), direction="internal")
            self._step("assign", f"agent:{self.agent}", team_id=other)
            self.team, self.agent = other, self._agent(other)
            self._take()
        elif way == "hold":
            self._later(3, 60, work=True)
            self._reply(self.rng.choice(_data()["notes"]), direction="internal")
            self._step("hold", f"agent:{self.agent}", reason=self.rng.choice(("carrier", "vendor", "workshop")))
            self._later(240, 4_000, work=True)
            self._step("resume", f"agent:{self.agent}")
        elif way == "ask":
            self._later(2, 90, work=True)
            self._reply(self.texts.ask())
            self._step("pend", f"agent:{self.agent}", reason="details")
            self._later(30, 4_300)
            self._write(self.texts.details(), "mail" if self.channel == "phone" else None)
            if _chance(self.rng, 6):
                return  # forgotten since
        self._later(3, 240, work=True)
        if n % 50 == 20:  # noqa: PLR2004 one in so many
            self._step("split_off", f"agent:{self.agent}", ticket="part", of="main", subject=self.texts.subject())
            self._finish("part")
        self._solve()
        if n % 45 == 13:  # noqa: PLR2004 likewise
            self._later(5, 40)
            self._step(
                "correct_comment", f"agent:{self.agent}", comment="last", body=self.texts.answer(), reason="wrong day"
            )
        if n % 200 == 77:  # noqa: PLR2004 likewise
            self._reply(self.texts.note_with_card(), direction="internal")
            self._later(5, 90)
            self._step("redact", "privacy_officer:po-01", comment="last", reason="card number written down")
        self._after()

    def _solve(self) -> None:
        self._reply(self.texts.answer())
        self._later(0.5, 4)
        self._step("solve", f"agent:{self.agent}", resolution=self.subcategory)
        if _chance(self.rng, 40):
            self._step("log_time", f"agent:{self.agent}", seconds=60 * self.rng.randrange(3, 45), agent_id=self.agent)

    def _finish(self, ticket: str) -> None:
        """Answer and solve a ticket beside the main one, without hurry; the main one goes on where it was."""
        now, agent = self.at, f"agent:{self.agent}"
        self._later(30, 900, work=True)
        self._step("assign", agent, ticket=ticket, team_id=self.team, agent_id=self.agent)
        self._later(5, 600, work=True)
        self._step("comment", agent, ticket=ticket, direction="outbound", channel="mail", body=self.texts.answer())
        self._step("solve", agent, ticket=ticket, resolution=self.subcategory)
        self.at = now

    def _after(self) -> None:
        again = self.rng.random()
        if again < _COMES_BACK:
            self._later(60, 2_500)
            self._write(self.texts.still())  # reopens it
            self._later(20, 600, work=True)
            self._solve()
        elif again < _COMES_BACK + _THANKS:
            self._later(20, 900)
            self._step("comment", f"agent:{self.agent}", direction="internal", body=self.texts.thanks())
        solved_at = self.at
        if _chance(self.rng, 38):
            self._later(10, 3_000)
            score = self.rng.choices((1, 2, 3, 4, 5), (5, 6, 12, 30, 47))[0]
            remark = self.texts.remark(score) if _chance(self.rng, 50) else None
            self._step("rate", "customer", score=score, remark=remark)
        self.at = max(self.at, solved_at + timedelta(days=4))
        self._step("close_ticket", "policy:auto-close")
        if _chance(self.rng, 6):
            self._later(1_500, 20_000)
            self._step("open_follow_up", "customer", ticket="follow-up", of="main", channel=self.channel,
                       requester=self.person.key, subject=self.texts.subject(), body=self.texts.still())  # fmt: skip
            self._later(30, 900, work=True)
            self._finish("follow-up")

    def _promises(self, opened: datetime) -> None:
        """Add the service levels, now that it is known when the first reply and the solution come."""
        if any(step.ticket == "again" for step in self.steps):
            return
        main = [step for step in self.steps if step.ticket == "main"]
        closed = next((s.at for s in main if s.method == "close_ticket"), None)
        for target, method, hours in (("first_reply", "comment", 24), ("resolution", "solve", 72)):
            done = next(
                (s.at for s in main if s.method == method and s.fields.get("direction", "outbound") == "outbound"), None
            )
            due = at_work(opened + timedelta(hours=hours))
            self.at = opened
            self._step("apply_sla", "policy:service-levels", target=target, policy="service-levels 1", due_at=due)
            if done is not None and done <= due:
                self.at = done
                self._step("fulfil_sla", "policy:service-levels", target=target, fulfilled_at=done)
            elif closed is None or due <= closed:
                self.at = due
                self._step("breach_sla", "policy:service-levels", target=target, breached_at=due)
