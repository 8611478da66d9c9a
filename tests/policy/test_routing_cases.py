"""The table of docs/routing.md, row by row: given the page's policy, agents and what happens, then whose the ticket is, and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.policy.routing_day import ANA, LEAD, POLICY, SHOP, Day
from ticketcore.domain.types import Channel, Level, Priority

PAGE = (Path(__file__).parents[2] / "docs" / "routing.md").read_text(encoding="utf-8")
CASES: dict[str, Callable[[Day], None]] = {}
REFUNDS = ["refunds"]


def row(test: Callable[[Day], None]) -> Callable[[Day], None]:
    """Let a case stand for the row of the page that has its name."""
    CASES[test.__name__.replace("_", "-")] = test
    return test


@row
def classified(day: Day) -> None:
    ticket = day.open_and_work("My parcel is lost, a refund please", tags=("web",))
    found = day.ticket(ticket)
    assert (found.category, found.tags) == ("billing", ("web", "refund"))
    assert (found.impact, found.urgency) == (Level.MEDIUM, Level.HIGH)
    assert day.rules(ticket, "classification") == ["refunds"]


@row
def classified_by_hand(day: Day) -> None:
    given = day.open_and_work("refund", category="praise")
    later = day.open_and_work("refund")
    day.does("classify", later, category="praise")
    day.works()
    assert [day.ticket(one).category for one in (given, later)] == ["praise", "praise"]
    assert day.owner(later)[0] == "desk"  # routed anew by what a person said it is


@row
def classified_by_no_rule(day: Day) -> None:
    ticket = day.open_and_work("Hello")
    assert (day.ticket(ticket).category, day.rules(ticket, "classification")) == (None, [])


@row
def matrix(day: Day) -> None:
    rows = yaml.safe_load(POLICY)["priority"]["matrix"]
    for impact in Level:
        for urgency in Level:
            ticket = day.open_and_work(impact=impact, urgency=urgency)
            assert day.ticket(ticket).priority == rows[impact][urgency], (impact, urgency)
            assert day.rules(ticket, "priority") == ["matrix"]


@row
def priority_rule(day: Day) -> None:
    ticket = day.open_and_work("refund", channel=Channel.PHONE)
    assert (day.ticket(ticket).priority, day.rules(ticket, "priority")) == (Priority.HIGH, ["phone"])


@row
def priority_rule_on_priority(_: Day) -> None:
    raised = "{rule: vip, when: {all: [{field: tags, contains: vip}, {field: priority, in: [low, normal]}]}, set: {priority: high}}"
    day = Day(POLICY.replace("  rules:\n", f"  rules:\n    - {raised}\n"))
    plain, vip = day.open_and_work(), day.open_and_work(tags=("vip",))
    urgent = day.open_and_work(tags=("vip",), impact="high", urgency="high")
    assert [day.ticket(one).priority for one in (plain, vip, urgent)] == ["low", "high", "critical"]
    assert day.rules(vip, "priority") == ["vip"]
    assert "low" in day.decisions(vip, "priority")[0]["saw"]["priority"]
    assert day.works().commands == 0


@row
def priority_default(day: Day) -> None:
    for levels in ({}, {"impact": Level.HIGH}, {"urgency": Level.HIGH}):
        ticket = day.open_and_work(**levels)
        assert (day.ticket(ticket).priority, day.rules(ticket, "priority")) == (Priority.LOW, ["default"])


@row
def priority_by_hand(day: Day) -> None:
    given, later = day.open_and_work("refund", priority=Priority.NORMAL), day.open_and_work("refund")
    day.does("prioritise", later, priority=Priority.LOW)
    day.works()
    assert [day.ticket(one).priority for one in (given, later)] == [Priority.NORMAL, Priority.LOW]


@row
def levels_by_hand(day: Day) -> None:
    ticket = day.open_and_work("refund")
    day.does("prioritise", ticket, impact=Level.LOW, urgency=Level.MEDIUM)
    day.works()
    found = day.ticket(ticket)
    assert (found.impact, found.urgency, found.priority) == (Level.LOW, Level.MEDIUM, Priority.LOW)


@row
def team_by_rule(day: Day) -> None:
    refund, both = day.open_and_work("refund"), day.open_and_work("refund", tags=("angry",))
    angry = day.open_and_work(tags=("angry",))
    assert [day.owner(one)[0] for one in (refund, both, angry)] == ["accounts", "accounts", "complaints"]
    assert [day.rules(one, "routing") for one in (refund, both, angry)] == [["billing"], ["billing"], ["angry"]]


@row
def default_team(day: Day) -> None:
    ticket = day.open_and_work("Hello")
    assert (day.owner(ticket)[0], day.rules(ticket, "routing")) == ("desk", ["default_team"])


@row
def routed_anew(day: Day) -> None:
    day.agent("ana")
    day.agent("bob", "parcels")
    ticket = day.open_and_work("Hello")
    assert day.owner(ticket) == ("desk", "ana")
    day.does("classify", ticket, category="parcel")
    day.works()
    assert day.owner(ticket) == ("parcels", "bob")


@row
def team_by_hand(day: Day) -> None:
    day.agent("ana")
    given = day.open_and_work("refund", team_id="desk")
    later = day.open_and_work("refund")
    day.does("assign", later, team_id="desk")
    day.works()
    assert [day.owner(one) for one in (given, later)] == [("desk", "ana"), ("desk", "ana")]
    assert day.rules(given, "routing") == []


@row
def agent_by_hand(day: Day) -> None:
    day.agent("ana", capacity=0)
    ticket = day.open_and_work("refund")
    day.does("assign", ticket, team_id="desk", agent_id="ana")
    day.works()
    assert day.owner(ticket) == ("desk", "ana")
    unknown = day.open_and_work("refund", team_id="desk", agent_id="somebody")
    assert day.owner(unknown) == ("desk", "somebody")


@row
def left_to_nobody(day: Day) -> None:
    day.agent("bob", "complaints")
    ticket = day.open_and_work("Hello")
    day.does("assign", ticket, team_id="complaints", agent_id="bob")
    day.does("unassign", ticket)
    day.works()
    assert day.owner(ticket) == ("desk", None)


@row
def skills(day: Day) -> None:
    day.agent("ana", "accounts")
    day.agent("bob", "accounts", skills=["hardware", "refunds"])
    assert [day.owner(day.open_and_work("refund")) for _ in range(2)] == [("accounts", "bob")] * 2


@row
def language(day: Day) -> None:
    day.agent("ana", "accounts", skills=REFUNDS, languages=["en"])
    day.agent("bob", "accounts", skills=REFUNDS, languages=["fr", "de-AT"])
    swiss, unknown = day.open_and_work("refund", language="de-CH"), day.open_and_work("refund")
    assert day.owner(swiss)[1] == "bob"
    assert day.owner(unknown)[1] == "ana"


@row
def other_teams(day: Day) -> None:
    day.agent("ana", "parcels", "complaints")
    assert day.owner(day.open_and_work("Hello")) == ("desk", None)


@row
def presence(day: Day) -> None:
    day.agent("ana")
    day.agent("bob")
    day.away("ana")
    assert [day.owner(day.open_and_work())[1] for _ in range(3)] == ["bob"] * 3


@row
def least_loaded(day: Day) -> None:
    for name in ("ana", "bob", "cem"):
        day.agent(name)
    tickets = [day.open_and_work() for _ in range(6)]
    assert [day.owner(one)[1] for one in tickets] == ["ana", "bob", "cem"] * 2
    for one in (tickets[2], tickets[5]):
        day.does("solve", one)
    assert [day.owner(day.open_and_work())[1] for _ in range(3)] == ["cem", "cem", "ana"]


@row
def load(day: Day) -> None:
    day.agent("ana")
    day.agent("bob")
    mine = [day.open_and_work(team_id="desk", agent_id="ana") for _ in range(2)]
    assert day.owner(day.open_and_work())[1] == "bob"
    for one in mine:
        day.does("pend", one)
    assert [day.owner(day.open_and_work())[1] for _ in range(2)] == ["ana", "bob"]


@row
def round_robin(day: Day) -> None:
    for name in ("ana", "bob", "cem"):
        day.agent(name, "accounts", skills=REFUNDS)
    tickets = [day.open_and_work("refund") for _ in range(4)]
    for one in tickets:
        day.does("solve", one)  # how many they have does not count
    tickets += [day.open_and_work("refund") for _ in range(3)]
    assert [day.owner(one)[1] for one in tickets] == ["ana", "bob", "cem", "ana", "bob", "cem", "ana"]


@row
def capacity(day: Day) -> None:
    day.agent("ana", capacity=2)
    day.agent("bob", capacity=1)
    tickets = [day.open_and_work() for _ in range(4)]
    assert [day.owner(one)[1] for one in tickets] == ["ana", "bob", "ana", None]
    assert day.rules(tickets[3], "assignment") == ["at_capacity"]


@row
def one_batch(day: Day) -> None:
    day.agent("ana", capacity=2)
    day.agent("bob")
    tickets = [day.opens() for _ in range(6)]
    day.works()
    assert sorted(day.owner(one)[1] or "" for one in tickets) == ["ana"] * 2 + ["bob"] * 4


@row
def at_once(day: Day) -> None:
    day.agent("ana", capacity=1)
    low, urgent = day.opens(), day.opens(impact="high", urgency="high")
    day.works()
    assert [day.owner(one)[1] for one in (low, urgent)] == [None, "ana"]


@row
def given_meanwhile(day: Day) -> None:
    day.agent("ana", capacity=1)
    ticket = day.opens()
    day.opens(team_id="desk", agent_id="ana")
    day.works()
    assert (day.owner(ticket), day.rules(ticket, "assignment")) == (("desk", None), ["at_capacity"])


@row
def room_again(day: Day) -> None:
    day.agent("ana", capacity=1)
    first, second, third = (day.open_and_work() for _ in range(3))
    day.does("solve", first)
    day.works()
    assert [day.owner(one)[1] for one in (second, third)] == ["ana", None]
    day.agent("ana", capacity=2)
    day.works()
    assert day.owner(third)[1] == "ana"
    assert day.rules(third, "assignment") == ["at_capacity", "least_loaded"]


@row
def somebody_comes(day: Day) -> None:
    day.agent("ana")
    day.away("ana")
    ticket = day.open_and_work()
    assert (day.owner(ticket), day.rules(ticket, "assignment")) == (("desk", None), ["nobody_present"])
    day.back("ana")
    day.works()
    assert day.owner(ticket) == ("desk", "ana")


@row
def somebody_learns(day: Day) -> None:
    day.agent("ana", "accounts")
    ticket = day.open_and_work("refund")
    assert (day.owner(ticket), day.rules(ticket, "assignment")) == (("accounts", None), ["nobody_able"])
    day.agent("ana", "accounts", skills=REFUNDS)
    day.works()
    assert day.owner(ticket) == ("accounts", "ana")


@row
def back_by_themself(day: Day) -> None:
    day.agent("ana")
    day.away("ana", hours=4)
    ticket = day.open_and_work()
    assert day.works(hours=3.9).commands == 0
    day.works(hours=0.2)
    assert day.owner(ticket) == ("desk", "ana")


@row
def return_told_later(day: Day) -> None:
    day.agent("ana")
    day.away("ana")
    ticket = day.open_and_work()
    day.away("ana", hours=4)
    day.works()
    day.works(hours=4.1)
    assert day.owner(ticket) == ("desk", "ana")


@row
def leaves_for_a_while(day: Day) -> None:
    day.agent("ana", capacity=1)
    day.agent("bob", capacity=1)
    _, second, waits = (day.open_and_work() for _ in range(3))
    day.away("bob", hours=4)
    day.does("solve", second)
    day.works()
    assert day.owner(waits) == ("desk", None)
    day.works(hours=4.1)
    assert day.owner(waits) == ("desk", "bob")


@row
def most_urgent_first(day: Day) -> None:
    day.agent("ana", capacity=1)
    day.open_and_work()
    old, urgent, newest = day.open_and_work(), day.open_and_work(impact="high", urgency="high"), day.open_and_work()
    for number, served in enumerate((urgent, old, newest), 2):
        assert day.owner(served)[1] is None
        day.agent("ana", capacity=number)
        day.works()
        assert day.owner(served)[1] == "ana"


@row
def absent_agent(day: Day) -> None:
    for name in ("ana", "bob", "cem"):
        day.agent(name)
    by_rule = [day.open_and_work() for _ in range(6)]
    by_hand = day.open_and_work(team_id="desk", agent_id="ana")
    day.away("ana")
    day.works()
    assert sorted(day.owner(one)[1] or "" for one in (*by_rule, by_hand)) == ["bob"] * 4 + ["cem"] * 3
    assert [day.given(one)[1:] for one in by_rule if day.given(one)[0] == "ana"] == [["bob"], ["cem"]]
    assert day.decisions(by_hand)[-1]["saw"]["absent"] == "ana"


@row
def absent_and_nobody_else(day: Day) -> None:
    day.agent("ana")
    ticket = day.open_and_work()
    day.away("ana")
    day.works()
    assert (day.owner(ticket), day.given(ticket)) == (("desk", None), ["ana", None])
    day.agent("bob")
    day.back("ana")
    day.works()
    assert day.owner(ticket) == ("desk", "ana")  # who had it
    assert day.rules(ticket, "assignment")[-1] == "keep_last_agent"


@row
def absent_while_pending(day: Day) -> None:
    day.agent("ana", "desk", "parcels")
    desk, parcel = day.open_and_work("Hello"), day.open_and_work("a lost parcel")
    for one in (desk, parcel):
        day.does("pend", one)
    day.agent("bob", "desk", "parcels")
    day.away("ana")
    day.works()
    assert (day.owner(desk), day.owner(parcel)) == (("desk", "ana"), ("parcels", "bob"))
    day.does("resume", desk)
    day.works()
    assert day.owner(desk) == ("desk", "bob")


@row
def keep_last_agent(day: Day) -> None:
    day.agent("ana")
    day.agent("bob")
    ticket = day.open_and_work()
    day.away("ana")
    day.works()
    day.away("bob")
    day.works()
    assert day.owner(ticket) == ("desk", None)
    day.open_and_work(team_id="desk", agent_id="bob")
    day.back("ana")
    day.back("bob")
    day.works()
    assert day.owner(ticket) == ("desk", "bob")


@row
def follow_up_ticket(day: Day) -> None:
    day.agent("ana")
    day.agent("bob")
    customer = day.core.register_customer(name="Zoe", by=ANA).number
    day.open_and_work()
    first = day.open_and_work(requester=customer)
    assert day.owner(first)[1] == "bob"
    for what in ("solve", "close_ticket"):
        day.does(what, first)
    for _ in range(3):
        day.open_and_work(team_id="desk", agent_id="bob")
    again = day.core.open_follow_up(first, channel=Channel.MAIL, by=SHOP, occurred_at=day.now).number
    day.works()
    assert (day.owner(again)[1], day.rules(again)[-1]) == ("bob", "keep_last_agent")


@row
def given_back(day: Day) -> None:
    day.agent("ana")
    day.agent("bob")
    ticket = day.open_and_work()
    day.open_and_work(team_id="desk", agent_id="bob")
    day.does("assign", ticket, team_id="desk", agent_id=None)
    day.works()
    assert day.owner(ticket) == ("desk", "bob")
    assert day.decisions(ticket)[-1]["saw"]["gave back"] == "ana"


@row
def team_takes(day: Day) -> None:
    day.agent("ana", "complaints")
    ticket = day.open_and_work(tags=("angry",))
    assert (day.owner(ticket), day.rules(ticket, "assignment")) == (("complaints", None), [])
    day.does("assign", ticket, team_id="complaints", agent_id="ana")
    day.away("ana")
    day.works()
    assert (day.owner(ticket), day.rules(ticket, "assignment")) == (("complaints", None), ["team_takes"])


@row
def over(day: Day) -> None:
    day.agent("ana")
    solved, closed, merged = (day.opens("refund") for _ in range(3))
    for one in (solved, closed):
        day.does("solve", one)
    day.does("close_ticket", closed)
    day.does("merge", merged, into=solved)
    day.works()
    assert [day.owner(one) for one in (solved, closed, merged)] == [(None, None)] * 3
    assert [day.rules(one) for one in (closed, merged)] == [[], []]


@row
def reopened(day: Day) -> None:
    day.agent("ana")
    ticket = day.open_and_work()
    day.does("solve", ticket)
    day.works()
    day.away("ana")
    day.agent("bob")
    day.works()
    assert day.owner(ticket) == ("desk", "ana")
    day.does("reopen", ticket)
    day.works()
    assert day.owner(ticket) == ("desk", "bob")


@row
def another_policy(day: Day) -> None:
    day.agent("ana")
    day.agent("bob", "second-line")
    by_rule, by_hand = day.open_and_work(), day.open_and_work(team_id="desk")
    new = POLICY.replace("default_team: desk", "default_team: second-line").replace(
        "  desk: {}", "  desk: {}\n  second-line: {}"
    )
    day.core.adopt_policy(new, by=LEAD)
    day.now = day.core.policies(by=ANA)[-1].effective_at
    day.works()
    assert [day.owner(one) for one in (by_rule, by_hand)] == [("second-line", "bob"), ("desk", "ana")]
    assert [one["policy"] for one in day.decisions(by_rule, "routing")] == ["desk/1", "desk/2"]


@row
def explained(day: Day) -> None:
    day.agent("bob", "accounts", skills=REFUNDS, languages=["de"], capacity=3)
    ticket = day.open_and_work("Refund please, Kim", language="de")
    found = [(one["section"], one["rule"], one["saw"], one["outcome"]) for one in day.decisions(ticket)]
    assert found == [
        (
            "classification", "refunds", {"text": "found 'refund'"},
            {"category": "billing", "add_tags": "refund", "impact": "medium", "urgency": "high"},
        ),
        ("priority", "matrix", {"channel": "mail", "impact": "medium", "urgency": "high"}, {"priority": "critical"}),
        ("routing", "billing", {"category": "billing"}, {"team": "accounts"}),
        (
            "assignment", "round_robin",
            {"skills": "refunds", "language": "de", "priority": "critical", "agents": "bob 0/3"},
            {"team": "accounts", "agent": "bob"},
        ),
    ]  # fmt: skip
    assert {one["policy"] for one in day.decisions(ticket)} == {"desk/1"}


@row
def decided_again(day: Day) -> None:
    day.agent("ana")
    day.agent("bob", "accounts", skills=REFUNDS)
    tickets = [day.open_and_work(subject) for subject in ("refund", "a lost parcel", "Hello")]
    head = day.core.log.head()
    for one in tickets:
        day.does("comment", one, direction="internal", body="Hm.")
    done = day.works(hours=1)
    assert (done.tickets, done.commands, day.core.log.head()) == (3, 0, head + 3)


def test_every_row_of_the_page_is_a_test_and_every_test_a_row() -> None:
    assert re.findall(r"^\| ([a-z-]+) \| [^|]+ \| [^|]+ \|$", PAGE.partition("## Cases")[2], re.MULTILINE)[1:] == list(
        CASES
    )


def test_the_page_shows_the_policy_of_its_cases() -> None:
    [shown] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert yaml.safe_load(shown) == yaml.safe_load(POLICY)


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_the_page(name: str) -> None:
    CASES[name](Day())
