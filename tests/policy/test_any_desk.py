"""Whatever agents and tickets do: what rules gave to whom is read from the log, and was right when it was given."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from hypothesis import given, note
from hypothesis import strategies as st

from tests.policy.routing_day import AUDIT, Day
from ticketcore.policy.desk import speaks

TEAMS = ("desk", "accounts", "parcels")
AGENTS = ("ana", "bob", "cem")
WORKED = {"new", "open"}


class Known(NamedTuple):
    """An agent as the log has them; what was never said is nothing."""

    teams: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    languages: tuple[str, ...] = ()
    capacity: int | None = None
    present: bool = True
    until: datetime | None = None

    def is_there(self, at: datetime) -> bool:
        return self.present or (self.until is not None and self.until <= at)


class Given(NamedTuple):
    """A ticket that rules gave to an agent: when, to whom, of which team, with how many tickets before; what the ticket needs."""

    at: datetime
    agent: str
    team: str
    load: int
    known: Known | None
    skills: frozenset[str]
    language: str | None


class Fold:
    """The log from its beginning, as an auditor reads it."""

    def __init__(self, day: Day) -> None:
        self.agents: dict[str, Known] = {}
        self.tickets: dict[str, dict[str, Any]] = {}
        self.given: list[Given] = []
        self.nowhere: list[str] = []
        needs: dict[str, frozenset[str]] = {}
        for entry in day.core.read_events(by=AUDIT):
            fields, ticket = dict(entry.fields), self.tickets.setdefault(str(entry.number), {})
            what = entry.topic.partition(".")[2]
            if entry.topic == "agent.described":
                values: Any = {name: fields.get(name) for name in ("teams", "skills", "languages", "capacity")}
                values |= {name: frozenset(values[name] or ()) for name in ("teams", "skills")}
                values["languages"] = tuple(values["languages"] or ())
                self._change(fields, **values)
            elif entry.topic == "agent.presence_changed":
                until: Any = fields.get("until")
                at = None if until is None else datetime.fromisoformat(until)
                self._change(fields, present=fields["present"], until=at)
            elif what == "opened":
                ticket |= {"status": "new", "team": fields.get("team_id"), "agent": fields.get("agent_id")}
                ticket |= {"language": fields.get("language"), "who": fields.get("agent_id") and "person"}
            elif what == "policy_decided":
                decisions: Any = fields["decisions"]
                for one in decisions:
                    if one["section"] == "routing":
                        needs[str(entry.number)] = frozenset({"refunds"} if one["rule"] == "billing" else ())
                        ticket["rule"] = one["rule"]
            elif what in ("assigned", "unassigned"):
                by_rule, agent = str(entry.actor).startswith("policy"), fields.get("agent_id")
                if by_rule and agent is not None and agent != ticket["agent"]:
                    load = sum(t.get("agent") == agent and t.get("status") in WORKED for t in self.tickets.values())
                    mine = ticket.get("rule") == "billing" and fields["team_id"] == "accounts"
                    self.given.append(
                        Given(
                            entry.occurred_at or day.now, str(agent), str(fields["team_id"]), load, self.agents.get(str(agent)),
                            needs.get(str(entry.number), frozenset()) if mine else frozenset(),
                            ticket["language"] if mine else None,
                        )
                    )  # fmt: skip
                ticket |= {"team": fields.get("team_id"), "agent": agent, "who": "rule" if by_rule else "person"}
            elif what in ("pended", "solved", "reopened", "resumed"):
                ticket["status"] = {"pended": "pending", "solved": "solved"}.get(what, "open")
        self.tickets = {number: one for number, one in self.tickets.items() if "status" in one}

    def _change(self, fields: dict[str, Any], **values: Any) -> None:
        agent = fields["agent_id"]
        self.agents[agent] = self.agents.get(agent, Known())._replace(**values)

    def load(self, agent: str) -> int:
        return sum(one["agent"] == agent and one["status"] in WORKED for one in self.tickets.values())


subjects = st.sampled_from(["refund", "a lost parcel", "Hello"])
numbers, agents = st.integers(0, 30), st.sampled_from(AGENTS)
opening = st.tuples(st.just("opens"), subjects, st.sampled_from([None, "de", "en"]))
described = st.tuples(
    st.just("described"), agents, st.lists(st.sampled_from(TEAMS), unique=True, min_size=1),
    st.sampled_from([(), ("refunds",)]), st.sampled_from([(), ("de",), ("de", "en")]), st.sampled_from([None, 0, 1, 2]),
)  # fmt: skip
acts = st.one_of(
    opening, opening, described,
    st.tuples(st.sampled_from(["away", "back"]), agents),
    st.tuples(st.just("away"), agents, st.sampled_from([1, 2, 3])),
    st.tuples(st.just("works"), st.sampled_from([0, 0.5, 1, 2])),
    st.tuples(st.sampled_from(["solve", "pend", "resume", "reopen", "unassign", "give"]), numbers, agents),
)  # fmt: skip


def act(day: Day, tickets: list[str], what: str, *more: Any) -> None:
    """Do it, where the ticket's state allows it."""
    if what == "opens":
        tickets.append(day.opens(more[0], language=more[1]))
    elif what == "described":
        name, teams, skills, languages, capacity = more
        day.agent(name, *teams, skills=list(skills), languages=list(languages), capacity=capacity)
    elif what in ("away", "back"):
        getattr(day, what)(*more)
    elif what == "works":
        day.works(*more)
    elif tickets:
        ticket = tickets[more[0] % len(tickets)]
        status = day.ticket(ticket).status
        allowed = {"solve": {*WORKED, "pending"}, "pend": WORKED, "resume": {"pending"}, "reopen": {"solved"}}
        if status in allowed.get(what, {*WORKED, "pending"}):
            what, values = ("assign", {"team_id": "desk", "agent_id": more[1]}) if what == "give" else (what, {})
            day.does(what, ticket, **values)


@given(
    st.lists(described, min_size=2, max_size=3),
    st.lists(opening, min_size=2, max_size=5),
    st.lists(acts, min_size=10, max_size=30),
)
def test_whatever_happens_whom_rules_gave_a_ticket_could_take_it_and_none_is_nowhere(
    known: list[Any], first: list[Any], happened: list[Any]
) -> None:
    day, tickets = Day(), list[str]()
    for one in (*known, *first, ("works",), *happened, ("works",), ("works", 5)):
        note(str(one))
        act(day, tickets, *one)
    log = Fold(day)
    for one in log.given:
        assert one.known is not None, "an agent whom nobody described"
        assert one.known.is_there(one.at)
        assert one.known.capacity is None or one.load < one.known.capacity
        assert one.team in one.known.teams
        assert one.known.skills >= one.skills
        assert one.language is None or speaks(one.known.languages, one.language)
    for number, ticket in log.tickets.items():
        if ticket["status"] in WORKED:
            assert ticket["team"] or ticket["who"] == "person", f"{number} is nowhere"
            holder = log.agents.get(ticket["agent"] or "")
            assert holder is None or holder.is_there(day.now), f"{number} lies with an absent agent"
    assert not day.manager.store.letters()
    assert_nobody_waits_for_who_is_free(day, log)
    head = day.core.log.head()
    day.manager.store.feed(day.now, 10_000)
    for number in log.tickets:
        day.does("comment", number, direction="internal", body="Hm.")
    assert day.works().commands == 0, "deciding again decides something"
    assert day.core.log.head() == head + len(log.tickets)


def assert_nobody_waits_for_who_is_free(day: Day, log: Fold) -> None:
    for number, ticket in log.tickets.items():
        if ticket["status"] not in WORKED or ticket["agent"] is not None or ticket["team"] not in TEAMS:
            continue
        mine = ticket.get("rule") == "billing" and ticket["team"] == "accounts"
        gave_back = day.decisions(number)[-1]["saw"].get("gave back") if day.decisions(number) else None
        for name, known in log.agents.items():
            able = ticket["team"] in known.teams and known.is_there(day.now) and name != gave_back
            able &= not mine or ("refunds" in known.skills)
            able &= not mine or ticket["language"] is None or speaks(known.languages, ticket["language"])
            has_room = known.capacity is None or log.load(name) < known.capacity
            last = [one for one in day.core.ticket_history(number, by=AUDIT) if one.topic.endswith("assigned")]
            by_hand = bool(last) and not str(last[-1].actor).startswith("policy")
            assert not (able and has_room and not by_hand), f"{number} waits though {name} is free"


@given(st.lists(st.sampled_from(["opens", "solves"]), max_size=40), st.integers(1, 4), st.booleans())
def test_in_turn_or_by_load_nobody_is_passed_over(happened: list[str], how_many: int, in_turn: bool) -> None:
    day, open_ = Day(), list[str]()
    names = [f"agent-{n}" for n in range(how_many)]
    for name in names:
        day.agent(name, "accounts" if in_turn else "desk", skills=["refunds"])
    had, loads = Counter(dict.fromkeys(names, 0)), Counter(dict.fromkeys(names, 0))
    for what in happened:
        if what == "solves" and open_:
            ticket = open_.pop(0)
            loads[day.owner(ticket)[1] or ""] -= 1
            day.does("solve", ticket)
        elif what == "opens":
            open_.append(day.open_and_work("refund" if in_turn else "Hello"))
            agent = day.owner(open_[-1])[1]
            assert agent is not None
            assert in_turn or loads[agent] == min(loads[name] for name in names)
            had[agent] += 1
            loads[agent] += 1
        assert not in_turn or max(had.values()) - min(had.values()) <= 1


@given(st.permutations(["low", "medium", "high"]), st.integers(1, 2))
def test_of_those_that_come_at_once_the_most_urgent_gets_the_only_place(levels: list[str], room: int) -> None:
    day = Day()
    day.agent("ana", capacity=room)
    tickets = {level: day.opens(impact=level, urgency=level) for level in levels}
    day.works()
    served = {level for level, ticket in tickets.items() if day.owner(ticket)[1] == "ana"}
    assert served == set(["high", "medium"][:room])
