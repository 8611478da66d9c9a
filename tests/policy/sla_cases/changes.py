"""What a change of priority, requester, category, team or agent does to promises."""

from __future__ import annotations

from tests.domain.given import ANA, C1, C2
from tests.policy.life import PLAIN, Life
from tests.policy.sla_cases import document, row
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.types import Priority
from ticketcore.ids import number_of

WITHDRAWN = "withdrawn 09:30 no promise"


@row
def priority_up() -> None:
    life = Life(PLAIN).at("09:00").opened().look("09:00").at("09:10").prioritised("high").look("09:10")
    assert life.story("first_reply") == ["applied due 10:00", "applied due 09:30"]
    assert life.story("resolution") == ["applied due 17:00", "applied due 13:00"]


@row
def priority_up_too_late() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:40").prioritised("high").look("09:50")
    assert life.story("first_reply") == ["applied due 10:00", "applied due 09:30", "breached 09:40"]


@row
def priority_up_and_answered() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:10").prioritised("high").at("09:40").answered().look()
    assert life.story("first_reply") == ["applied due 10:00", "applied due 09:30", "breached 09:30"]


@row
def priority_down() -> None:
    life = Life(PLAIN).at("09:00").opened(priority=Priority.HIGH).at("09:20").prioritised("normal").look("09:50")
    assert life.story("first_reply") == ["applied due 09:30", "applied due 10:00"]


@row
def priority_up_and_down() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:10").prioritised("high").at("09:20").prioritised("normal")
    life.at("09:45").answered().look()
    assert life.story("first_reply") == [
        "applied due 10:00",
        "applied due 09:30",
        "applied due 10:00",
        "fulfilled 09:45",
    ]


@row
def priority_after_the_reply() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:40").answered().at("10:00").prioritised("high").look("10:00")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:40"]
    assert life.story("resolution") == ["applied due 17:00", "applied due 13:00"]


@row
def priority_after_the_breach() -> None:
    life = Life(PLAIN).at("09:00").opened(priority=Priority.HIGH).at("09:40").prioritised("normal").look("09:50")
    assert life.story("first_reply") == ["applied due 09:30", "breached 09:30"]
    assert life.story("resolution") == ["applied due 13:00", "applied due 17:00"]


@row
def priority_after_solving() -> None:
    life = Life(PLAIN).at("09:00").opened().answered().at("12:00").solved().at("15:00").prioritised("high").look()
    assert life.story("resolution") == ["applied due 17:00", "fulfilled 12:00"]
    life.at("16:00").reopened().look("16:00")
    assert life.story("resolution")[2:] == ["applied due 17:00"], "3 of its 4 hours are used"


@row
def priority_while_pending() -> None:
    life = Life(PLAIN).at("09:00").opened().answered().at("11:00").pended().at("12:00").prioritised("high")
    life.at("13:00").resumed().look("13:00")
    assert life.story("resolution") == [
        "applied due 17:00", "paused 11:00 after 120 min", "applied due none", "paused 12:00 after 120 min", "resumed 13:00 due 15:00",
    ]  # fmt: skip


@row
def priority_without_promise() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").prioritised("low").look("12:00")
    assert life.story() == [
        "first_reply applied due 10:00", "resolution applied due 17:00",
        f"first_reply {WITHDRAWN}", f"resolution {WITHDRAWN}",
    ]  # fmt: skip


@row
def priority_with_a_promise_again() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").prioritised("low").at("09:50").prioritised("normal").look()
    assert life.story("first_reply") == ["applied due 10:00", WITHDRAWN, "applied due 10:00"]


@row
def priority_by_a_rule() -> None:
    life = Life(PLAIN).at("09:00").opened(priority=None).at("09:45")
    life.policy("priority", tc.Prioritise, priority=Priority.HIGH).look("09:45")
    assert life.story("first_reply") == ["applied due 09:30", "breached 09:30"], "as if the worker had come at once"


@row
def change_that_a_rule_answers() -> None:
    life = Life(PLAIN).at("09:00").opened().answered().look().at("12:00").do(tc.Classify, category="outage")
    basis = life.events[-1].originator_version
    life.at("+1 12:00").policy("priority", tc.Prioritise, basis=basis, priority=Priority.HIGH).look()
    assert life.story("resolution") == ["applied due 17:00", "applied due 13:00", "breached 13:00"]


@row
def requester_changes() -> None:
    rules = document(
        f"when: {{field: requester, is: {number_of(C2)}}}, calendar: always, targets: {{normal: {{resolution: 4h}}}}",
        "when: {}, targets: {normal: {first_reply: 1h, resolution: 8h}}",
    )
    life = Life(rules).at("09:00").opened().at("09:30").belongs_to_other().look("09:30")
    assert life.story("resolution") == ["applied due 17:00", "applied due 13:00"]
    assert life.story("first_reply") == ["applied due 10:00", WITHDRAWN]


@row
def organisation_changes() -> None:
    rules = document(
        "when: {field: organisation, is: gold}, targets: {normal: {resolution: 2h}}",
        "when: {}, targets: {normal: {resolution: 8h}}",
    )
    life = Life(rules, organisations={C1: "plain", C2: "gold"}).at("09:00").opened().at("10:00").belongs_to_other()
    assert life.look("10:00").story("resolution") == ["applied due 17:00", "applied due 11:00"]


@row
def category_changes() -> None:
    rules = document(
        "when: {field: category, is: outage}, calendar: always, targets: {normal: {resolution: 12h}}",
        "when: {}, targets: {normal: {resolution: 8h}}",
    )
    life = Life(rules).at("09:00").opened().at("12:00").do(tc.Classify, category="outage", tags=()).look("12:00")
    assert life.story("resolution") == ["applied due 17:00", "applied due 21:00"]


@row
def team_changes() -> None:
    rules = document(
        "when: {field: team, is: night}, calendar: late, targets: {normal: {resolution: 8h}}",
        "when: {}, targets: {normal: {resolution: 8h}}",
    )
    life = Life(rules).at("09:00").opened().at("16:00").assigned("night").look("16:00")
    assert life.story("resolution") == ["applied due 17:00", "applied due 21:00"], "13:00 to 21:00, from the opening"


@row
def handed_over() -> None:
    life = Life(PLAIN).at("09:00").opened().look("09:00").at("09:10").assigned("billing")
    for agent in ("ana", "bob"):
        life.do(tc.Assign, team_id="billing", agent_id=agent)
    life.do(tc.Unassign).look("09:50")
    assert life.story() == ["first_reply applied due 10:00", "resolution applied due 17:00"]


@row
def same_terms() -> None:
    rules = document(
        "when: {field: category, is: outage}, targets: {normal: {resolution: 8h}}",
        "when: {}, targets: {normal: {resolution: 8h}}",
    )
    life = Life(rules).at("09:00").opened().look("09:00").at("12:00").do(tc.Classify, category="outage", tags=())
    assert life.look("12:00").story() == ["resolution applied due 17:00"]
    assert [one.rule for one in life.decisions()] == ["r1", "r0"]


@row
def what_no_rule_looks_at() -> None:
    life = Life(PLAIN).at("09:00").opened().look("09:00").at("10:00").do(tc.Classify, category="x", tags=("y",))
    life.belongs_to_other().look("10:00")
    assert len(life.decisions()) == 1


@row
def set_by_hand() -> None:
    at = Life(PLAIN).now.replace(hour=11)
    life = Life(PLAIN).at("09:00").opened()
    life.do(tc.ApplySla, ANA, target="first_reply", due_at=at, policy="by hand").look("10:30")
    assert life.story("first_reply") == ["applied due 11:00"], "nothing else is recorded of it"
    assert life.story("resolution") == ["applied due 17:00"]
