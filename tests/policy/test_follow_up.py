"""The table of docs/follow-up.md, row by row: given a policy and what happens, then what the rules record, and when."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.domain import given as g
from tests.policy.follow_up_life import DAY, HOUR, MINUTE, START, Life, life, rules
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.service_events import Section
from ticketcore.domain.types import Actor, Direction, Priority, Status
from ticketcore.policy.engine import LONGEST_CHAIN
from ticketcore.policy.errors import PolicyLoop

SHOP = Actor.system("shop")
PAGE = (Path(__file__).parents[2] / "docs" / "follow-up.md").read_text(encoding="utf-8")
CASES: dict[str, Callable[[], None]] = {}
PENDING, SOLVED, OPEN = (f"when: {{field: status, is: {status}}}" for status in ("pending", "solved", "open"))
REMIND = f"{{rule: remind, {PENDING}, after: 3d, repeat: 2, do: [{{mail: reminder}}]}}"
CLOSE = f"{{rule: auto-close, {SOLVED}, after: 7d, since: solved, do: [{{mail: closing}}, close]}}"
SURVEY = f"{{rule: ask, {SOLVED}, after: 1d, since: solved, do: [survey]}}"
NUDGE = "{rule: nudge, when: {}, after: 1d, since: unanswered, do: [{notify: ['team:leads']}]}"
ESCALATE = (
    "{rule: escalate, when: {field: sla.resolution, is: breached}, after: 0s, since: opened, "
    "do: [{raise_priority: 1}, {assign: {team: second-line}}, {notify: ['team:leads']}]}"
)


def row(test: Callable[[], None]) -> Callable[[], None]:
    """Let a case stand for the row of the page that has its name."""
    CASES[test.__name__.replace("_", "-")] = test
    return test


@row
def reminders() -> None:
    ticket = life(REMIND)
    ticket.does(tc.Pend)
    assert ticket.passes(3 * DAY - MINUTE).told() == []
    assert ticket.passes(MINUTE).told() == ["+3d remind: mail=reminder"]
    assert ticket.passes(30 * DAY).told() == ["+3d remind: mail=reminder", "+6d remind: mail=reminder"]
    assert ticket.done() == ["commented", "commented"]


@row
def customer_answers() -> None:
    ticket = life(REMIND)
    ticket.does(tc.Pend)
    ticket.passes(2 * DAY).writes()
    assert ticket.passes(30 * DAY).told() == []


@row
def pending_again() -> None:
    ticket = life(REMIND)
    ticket.does(tc.Pend)
    ticket.passes(4 * DAY).writes()
    ticket.does(tc.Pend)
    told = ["+3d remind: mail=reminder", "+7d remind: mail=reminder", "+10d remind: mail=reminder"]
    assert ticket.passes(30 * DAY).told() == told
    assert [one.basis for one in ticket.decisions()] == [2, 7, 7]


@row
def staff_writes() -> None:
    ticket = life(REMIND)
    ticket.does(tc.Pend)
    ticket.passes(2 * DAY).answers()
    assert ticket.passes(3 * DAY).told() == ["+5d remind: mail=reminder"]


@row
def auto_close() -> None:
    ticket = life(CLOSE)
    ticket.does(tc.Solve)
    assert ticket.passes(30 * DAY).told() == ["+7d auto-close: mail=closing, close=closed"]
    assert ticket.done() == ["commented", "closed"]


@row
def auto_close_cancelled() -> None:
    ticket = life(CLOSE)
    ticket.does(tc.Solve)
    ticket.passes(6 * DAY).writes()
    assert ticket.passes(30 * DAY).told() == []
    assert ticket.status is Status.OPEN


@row
def auto_close_put_off() -> None:
    ticket = life(CLOSE)
    ticket.does(tc.Solve)
    ticket.passes(6 * DAY).answers()
    assert ticket.passes(30 * DAY).told() == ["+13d auto-close: mail=closing, close=closed"]


@row
def escalation() -> None:
    ticket = life(ESCALATE)
    ticket.does(tc.ApplySla, by=SHOP, target="resolution", policy="test/1", due_at=START + HOUR)
    ticket.passes(HOUR).does(tc.BreachSla, by=SHOP, target="resolution", breached_at=START + HOUR)
    said = "+0d01:00 escalate: raise_priority=high, assign=team second-line, notify=team:leads"
    assert ticket.told() == [said]
    assert ticket.done() == ["prioritised", "assigned", "notified"]
    assert (ticket.case.ticket.priority, ticket.case.ticket.team_id) == (Priority.HIGH, "second-line")
    assert ticket.decisions()[0].saw == {"sla.resolution": "breached"}
    ticket.writes()
    ticket.answers()
    assert ticket.passes(9 * DAY).told() == [said]


@row
def unanswered() -> None:
    ticket = life(NUDGE)
    ticket.passes(23 * HOUR).writes()
    assert ticket.passes(HOUR).told() == ["+1d nudge: notify=team:leads"], "impatience puts nothing off"
    ticket.answers()
    ticket.passes(DAY).writes()
    assert ticket.passes(30 * DAY).told() == ["+1d nudge: notify=team:leads", "+3d nudge: notify=team:leads"]


@row
def since_our_reply() -> None:
    chase = f"{{rule: chase, {OPEN}, after: 2d, since: reply, do: [{{mail: reminder}}]}}"
    ticket = life(chase)
    assert ticket.passes(5 * DAY).told() == []
    ticket.answers()
    assert ticket.passes(2 * DAY).told() == ["+7d chase: mail=reminder"]
    ticket.answers()
    ticket.passes(DAY).writes()
    assert ticket.passes(9 * DAY).told() == ["+7d chase: mail=reminder"], "the customer answered"


@row
def since_the_customer() -> None:
    ticket = life("{rule: end, when: {}, after: 14d, since: customer, do: [solve]}")
    ticket.passes(13 * DAY).answers()
    assert ticket.passes(30 * DAY).told() == ["+27d end: solve=solved"]


@row
def business_time() -> None:
    ticket = life(f"{{rule: remind, {PENDING}, after: {{business: 16h}}, repeat: 2, do: [{{mail: reminder}}]}}")
    ticket.passes(3 * DAY + HOUR).does(tc.Pend)  # Thursday 10:00
    assert ticket.passes(30 * DAY).told() == ["+7d01:00 remind: mail=reminder", "+9d01:00 remind: mail=reminder"]


@row
def condition_false_when_due() -> None:
    ticket = life(
        "{rule: late, when: {field: tags, contains: vip}, after: 2d, since: opened, do: [{set_priority: high}]}"
    )
    assert ticket.passes(5 * DAY).told() == []
    ticket.does(tc.Classify, tags=["vip"])
    assert ticket.told() == ["+5d late: set_priority=high"]
    assert ticket.decisions()[0].outcome["due"] == "2026-03-04T09:00:00+00:00"


@row
def by_age() -> None:
    ticket = life("{rule: old, when: {field: age, above: 5d}, after: 1d, since: opened, do: [{add_tags: [old]}]}")
    assert ticket.passes(5 * DAY).told() == []
    assert ticket.passes(MINUTE).told() == ["+5d old: add_tags=old"]


@row
def late_worker() -> None:
    ticket = life(REMIND)
    ticket.does(tc.Pend)
    ticket.stops()
    ticket.passes(8 * DAY).starts()
    assert ticket.told() == ["+8d remind: mail=reminder"], "two were due, one is sent"
    assert ticket.decisions()[0].outcome["due"] == "2026-03-05T09:00:00+00:00"
    assert ticket.passes(30 * DAY).told() == ["+8d remind: mail=reminder", "+11d remind: mail=reminder"]


@row
def too_late() -> None:
    ticket = life(REMIND)
    ticket.does(tc.Pend)
    ticket.stops()
    ticket.passes(8 * DAY).writes()
    ticket.starts()
    assert ticket.passes(30 * DAY).told() == []


@row
def several_at_once() -> None:
    first = f"{{rule: first, {OPEN}, after: 1d, since: opened, do: [pend, {{note: We wait.}}]}}"
    second = f"{{rule: second, {OPEN}, after: 1d, since: opened, do: [{{add_tags: [open]}}]}}"
    third = f"{{rule: third, {PENDING}, after: 1d, since: opened, do: [{{add_tags: [waits]}}]}}"
    ticket = life(first, second, third)
    ticket.does(tc.Assign, agent_id="ana")
    assert ticket.passes(DAY).told() == ["+1d first: pend=pending, note=written", "+1d third: add_tags=waits"]
    assert ticket.case.ticket.tags == ("waits",)


@row
def refused_by_the_state() -> None:
    ticket = life(
        "{rule: end, when: {}, after: 1d, since: opened, do: [close, {mail: closing}, reopen, resume, unassign]}"
    )
    said = "close=not done: its status is 'new', mail=closing, reopen=not done: its status is 'new', "
    said += "resume=not done: its status is 'new', unassign=nothing to do"
    assert ticket.passes(9 * DAY).told() == [f"+1d end: {said}"]
    assert (ticket.done(), ticket.status) == (["commented"], Status.NEW)


@row
def each_action_sees_those_before() -> None:
    ticket = life("{rule: end, when: {}, after: 1d, since: opened, do: [solve, close, {mail: closing}, {note: Over.}]}")
    said = "solve=solved, close=closed, mail=closing not sent: its status is 'closed', note=not done: its status is 'closed'"
    assert ticket.passes(DAY).told() == [f"+1d end: {said}"]


@row
def all_actions() -> None:
    do = (
        "[hold, resume, pend, {raise_priority: 3}, {assign: {agent: ana}}, {assign: {team: desk, agent: ben}}, unassign"
    )
    do += ", {add_tags: [a]}, {checklist: return}, {note: Text.}, {notify: ['agent:ana']}, {set_priority: low}]"
    ticket = life(f"{{rule: all, when: {{}}, after: 1h, since: opened, do: {do}}}")
    said = "hold=on hold, resume=open, pend=pending, raise_priority=critical, assign=agent ana, assign 2=team desk, agent ben"
    said += ", unassign=nobody, add_tags=a, checklist=return, note=written, notify=agent:ana, set_priority=low"
    assert ticket.passes(HOUR).told() == [f"+0d01:00 all: {said}"]
    after = ticket.case.ticket
    assert (after.status, after.priority, after.team_id, after.tags) == (Status.PENDING, Priority.LOW, None, ("a",))
    assert [known.name for known in after.checklists] == ["return"]


@row
def no_mail_can_go() -> None:
    ticket = life(CLOSE, SURVEY, withheld={"closing": "bounced", "survey": "no_link"})
    ticket.does(tc.Solve)
    told = ["+1d ask: survey=not asked: no_link", "+7d auto-close: mail=closing not sent: bounced, close=closed"]
    assert ticket.passes(9 * DAY).told() == told


@row
def survey_once() -> None:
    again = f"{{rule: ask-again, {SOLVED}, after: 2d, since: solved, do: [survey]}}"
    ticket = life(SURVEY, again)
    ticket.does(tc.Solve)
    told = ["+1d ask: survey=asked", "+2d ask-again: survey=not asked: it was before"]
    assert ticket.passes(3 * DAY).told() == told
    ticket.does(tc.Reopen)
    ticket.does(tc.Solve)
    assert ticket.passes(DAY).told() == [*told, "+4d ask: survey=asked"]


@row
def reopened() -> None:
    ticket = life("{rule: thanks, when: {}, after: 1d, since: solved, do: [{note: Solved.}]}")
    ticket.does(tc.Solve)
    ticket.does(tc.Reopen)
    assert ticket.passes(9 * DAY).told() == []


@row
def merged() -> None:
    ticket = life("{rule: old, when: {}, after: 1d, since: opened, do: [{add_tags: [old]}]}")
    meta = ticket.events[0].meta.model_copy(update={"actor": g.ANA})
    ticket.events.append(ev.Merged(originator_id=g.T1, originator_version=2, meta=meta, target_id=g.T2))
    assert ticket.passes(9 * DAY).told() == []


@row
def imported() -> None:
    ticket = life("{rule: old, when: {}, after: 1d, since: opened, do: [{add_tags: [old]}]}")
    ticket.imports()
    assert ticket.passes(9 * DAY).told() == []
    ticket.answers()
    assert ticket.told() == ["+9d old: add_tags=old"]


@row
def adopted_later() -> None:
    ticket = Life({rules(CLOSE): START + 60 * DAY})
    ticket.does(tc.Solve)
    ticket.passes(60 * DAY)
    assert ticket.told() == []
    assert ticket.passes(9 * DAY).told() == ["+67d auto-close: mail=closing, close=closed"]


@row
def rule_added_later() -> None:
    ticket = Life({rules(REMIND): START - DAY, rules(REMIND, CLOSE): START + 60 * DAY})
    ticket.does(tc.Solve)
    assert ticket.passes(90 * DAY).told() == ["+67d auto-close: mail=closing, close=closed"]


@row
def policy_changed() -> None:
    later = REMIND.replace("3d", "4d")
    ticket = Life({rules(REMIND): START - DAY, rules(CLOSE, later): START + 2 * DAY})
    ticket.does(tc.Pend)
    assert ticket.passes(30 * DAY).told() == ["+4d remind: mail=reminder", "+8d remind: mail=reminder"]
    assert [event.policy for event in ticket.events if hasattr(event, "policy")] == ["test/2", "test/2"]


@row
def own_action() -> None:
    ticket = life("{rule: call, when: {}, after: 1d, since: status, repeat: 3, do: [{note: Call.}, {mail: reminder}]}")
    assert [said.partition(" ")[0] for said in ticket.passes(30 * DAY).told()] == ["+1d", "+2d", "+3d"]


@row
def checklist() -> None:
    more = "  exchange: {when: {field: tags, contains: hardware}, steps: [packed, sent], required: true}\n"
    ticket = life(REMIND, more=more)
    ticket.does(tc.Classify, tags=["hardware"])
    assert ticket.told() == ["+0d exchange: checklist=exchange"]
    assert ticket.decisions()[0].section is Section.CHECKLIST
    ticket.does(tc.Classify, tags=[])
    ticket.does(tc.Classify, tags=["hardware"])
    assert ticket.passes(9 * DAY).done() == ["checklist_added"]


def test_every_row_has_a_case_and_every_case_a_row_in_the_same_order() -> None:
    assert re.findall(r"^\| ([a-z-]+) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)[1:] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_the_page(name: str) -> None:
    CASES[name]()


def test_a_machines_notice_is_a_mail_by_the_policy_in_its_language() -> None:
    ticket = life(REMIND)
    ticket.does(tc.Pend)
    ticket.passes(3 * DAY)
    [mail] = [event for event in ticket.events if isinstance(event, ev.Commented)]
    assert (mail.direction, mail.channel, mail.body, mail.language) == (
        Direction.OUTBOUND,
        "mail",
        "the reminder",
        "en",
    )
    assert str(mail.meta.actor) == "policy test"
    assert mail.meta.actor.version == "1"


def test_a_worker_that_looks_too_often_does_nothing_more() -> None:
    ticket = life(REMIND, CLOSE, ESCALATE)
    ticket.does(tc.Pend)
    ticket.passes(3 * DAY)
    assert [ticket.works() for _ in range(3)] == [0, 0, 0]


def test_a_team_that_has_a_ticket_keeps_its_agent() -> None:
    ticket = life("{rule: up, when: {}, after: 1h, since: opened, do: [{assign: {team: second-line}}]}")
    ticket.does(tc.Assign, team_id="second-line", agent_id="ben")
    assert ticket.passes(HOUR).told() == ["+0d01:00 up: assign=nothing to do"]
    assert ticket.case.ticket.agent_id == "ben"


def test_what_is_notified_says_how_the_ticket_stands() -> None:
    ticket = life(NUDGE)
    [told] = [event for event in ticket.passes(DAY).events if event.TOPIC == "ticket.notified"]
    assert (told.to, told.about, told.rule) == (("team:leads",), "new, no priority", "nudge")  # type: ignore[attr-defined]


def test_a_rule_that_was_left_out_for_a_while_counts_from_when_it_is_back() -> None:
    first, without, again = rules(CLOSE), rules(REMIND), rules(REMIND, CLOSE)
    ticket = Life({first: START - DAY, without: START + 2 * DAY, again: START + 20 * DAY})
    ticket.does(tc.Solve)
    assert ticket.passes(timedelta(days=60)).told() == ["+27d auto-close: mail=closing, close=closed"]


def test_a_rule_that_was_followed_and_then_left_out_is_repeated_only_after_its_time_since_it_is_back() -> None:
    first, without, again = rules(REMIND), rules(CLOSE), rules(CLOSE, REMIND)
    ticket = Life({first: START - DAY, without: START + 4 * DAY, again: START + 20 * DAY})
    ticket.does(tc.Pend)
    assert ticket.passes(60 * DAY).told() == ["+3d remind: mail=reminder", "+23d remind: mail=reminder"]


def test_a_rule_that_asks_twice_asks_once_for_each_solution() -> None:
    ticket = life("{rule: end, when: {}, after: 1h, since: opened, do: [solve, survey, survey, reopen, solve, survey]}")
    said = "solve=solved, survey=asked, survey 2=not asked: it was before, reopen=open, solve 2=solved, survey 3=asked"
    assert ticket.passes(HOUR).told() == [f"+0d01:00 end: {said}"]
    again = life(f"{{rule: twice, {SOLVED}, after: 1h, since: solved, do: [survey, {{note: Hm.}}, survey]}}", SURVEY)
    again.does(tc.Solve)
    said = "survey=asked, note=written, survey 2=not asked: it was before"
    assert again.passes(9 * DAY).told() == [f"+0d01:00 twice: {said}", "+1d ask: survey=not asked: it was before"]


def test_a_checklist_that_a_ticket_has_keeps_its_steps_whatever_a_later_policy_adds() -> None:
    add = "{rule: add, when: {}, after: 1h, since: opened, repeat: 2, do: [{checklist: return}]}"
    other = rules(add).replace("device wiped", "device burnt")
    ticket = Life({rules(add): START - DAY, other: START + HOUR + MINUTE})
    assert ticket.passes(DAY).told() == ["+0d01:00 add: checklist=return", "+0d02:00 add: checklist=nothing to do"]
    [known] = ticket.case.ticket.checklists
    assert known.steps == ("label printed", "device wiped")


def test_a_rule_that_solves_and_asks_asks_once_for_that_solution() -> None:
    ticket = life("{rule: end, when: {}, after: 1d, since: opened, do: [solve, survey]}", SURVEY)
    told = ["+1d end: solve=solved, survey=asked", "+2d ask: survey=not asked: it was before"]
    assert ticket.passes(9 * DAY).told() == told


FIGHT = (
    f"{{rule: ping, {OPEN}, after: 2h, do: [{{mail: reminder}}, pend]}}",
    f"{{rule: pong, {PENDING}, after: 2h, do: [{{mail: reminder}}, resume]}}",
)
"""Hours apart, so that each command is far from the one before."""


def fought(ticket: Life) -> PolicyLoop:
    ticket.does(tc.Assign, agent_id="ana")
    with pytest.raises(PolicyLoop) as refused:
        ticket.passes(90 * DAY)
    return refused.value


def test_two_rules_that_answer_each_other_end_however_slowly_they_do() -> None:
    ticket = life(*FIGHT)
    loop = fought(ticket)
    assert (loop.times, loop.rules) == (LONGEST_CHAIN, ("follow_up: pong", "follow_up: ping"))
    assert len(ticket.decisions()) == LONGEST_CHAIN
    with pytest.raises(PolicyLoop):
        ticket.passes(90 * DAY)


def test_a_delivery_or_a_bounce_does_not_let_rules_go_on_that_answer_each_other_and_a_person_does() -> None:
    ticket = life(*FIGHT)
    ticket.mails_go_out = True
    fought(ticket)
    assert len(ticket.decisions()) == LONGEST_CHAIN
    ticket.now += HOUR
    ticket.stops()
    ticket.writes(Direction.INTERNAL, g.ANA)
    ticket.starts()
    assert ticket.works() == 0
    assert len(ticket.decisions()) == LONGEST_CHAIN + 1


def test_another_policy_begins_anew() -> None:
    calm = "{rule: thanks, when: {}, after: 1h, since: status, do: [{note: Hm.}]}"
    ticket = Life({rules(*FIGHT): START - DAY, rules(calm): START + 2 * DAY})
    fought(ticket)
    ticket.now = START + 2 * DAY
    assert ticket.passes(9 * DAY).told()[LONGEST_CHAIN:] == ["+2d01:00 thanks: note=written"]


def test_what_is_repeated_often_or_begun_anew_by_people_is_no_loop() -> None:
    ticket = life(f"{{rule: call, {PENDING}, after: 1d, repeat: 40, do: [{{note: Call.}}]}}")
    ticket.does(tc.Pend)
    assert len(ticket.passes(60 * DAY).told()) == 40
    ticket = life(f"{{rule: ping, {OPEN}, after: 2h, do: [pend]}}")
    for _ in range(2 * LONGEST_CHAIN):
        ticket.writes()
        ticket.answers()
        ticket.passes(DAY)
    assert len(ticket.decisions()) == 2 * LONGEST_CHAIN
