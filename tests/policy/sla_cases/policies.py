"""What a change of policy does to promises."""

from __future__ import annotations

from tests.policy.life import PLAIN, Life, adopted
from tests.policy.sla_cases import document, row
from ticketcore.domain import ticket_commands as tc

FIRST = document("when: {}, targets: {normal: {first_reply: 1h, resolution: 8h}, high: {resolution: 4h}}")
FASTER = FIRST.replace("1h", "30m").replace("8h", "6h")
WITHOUT = document("when: {}, targets: {normal: {resolution: 8h}}")
LATER = FIRST.replace("calendar: office", "calendar: late")
"""13:00 to 21:00 instead of 09:00 to 17:00."""


@row
def policy_before_the_opening() -> None:
    life = Life(adopted(FIRST), adopted(FASTER, since="08:00", version=2)).at("09:00").opened().look("09:00")
    assert life.story("first_reply") == ["applied due 09:30"]


@row
def policy_while_it_runs() -> None:
    life = Life(adopted(FIRST), adopted(FASTER, since="09:20", version=2)).at("09:00").opened().look("09:50")
    assert life.story() == ["first_reply applied due 10:00", "resolution applied due 17:00"]


@row
def policy_before_the_next_wait() -> None:
    rules = PLAIN.replace("next_reply: 2h", "next_reply: 3h")
    life = Life(adopted(PLAIN), adopted(rules, since="10:00", version=2)).at("09:00").opened().answered()
    life.at("09:30").wrote().at("10:30").answered().at("11:00").wrote().look("11:00")
    assert life.story("next_reply") == ["applied due 11:30", "fulfilled 10:30", "applied due 14:00"]


@row
def policy_then_a_change() -> None:
    life = Life(adopted(FIRST), adopted(FASTER, since="09:20", version=2)).at("09:00").opened().look("09:00")
    life.at("10:00").prioritised("high").at("11:00").prioritised("normal").look("11:00")
    told = ["applied due 17:00", "applied due 13:00", "applied due 15:00"]
    assert life.story("resolution") == told, "from then on under the new policy, counted from the opening"
    assert [one.outcome["policy"] for one in life.decisions()] == ["plain/1", "plain/2", "plain/2"]


@row
def policy_then_another_change() -> None:
    life = Life(adopted(FIRST), adopted(FASTER, since="09:20", version=2)).at("09:00").opened()
    life.at("09:30").do(tc.Classify, category="x", tags=()).assigned("billing").look("09:50")
    assert life.story("first_reply") == ["applied due 10:00"], "no rule of either looks at these"


@row
def policy_after_the_end() -> None:
    life = Life(adopted(FIRST), adopted(FASTER, since="11:00", version=2)).at("09:00").opened().at("10:30").solved()
    assert life.look("12:00").story() == [
        "first_reply applied due 10:00", "resolution applied due 17:00", "first_reply breached 10:00", "resolution fulfilled 10:30",
    ]  # fmt: skip
    life.at("14:00").reopened().look("14:00")
    assert life.story("resolution")[2:] == ["applied due +1 12:30"], "the promise goes on as it was made"


@row
def target_removed() -> None:
    life = Life(adopted(FIRST), adopted(WITHOUT, since="09:10", version=2)).at("09:00").opened().look("09:20")
    assert life.story("first_reply") == ["applied due 10:00"]
    life.at("09:30").prioritised("high").look("09:30")
    assert life.story() == [
        "first_reply applied due 10:00", "resolution applied due 17:00",
        "first_reply withdrawn 09:30 no promise", "resolution withdrawn 09:30 no promise",
    ]  # fmt: skip


@row
def target_added() -> None:
    life = Life(adopted(WITHOUT), adopted(FIRST, since="09:10", version=2)).at("09:00").opened().look("09:20")
    assert life.story("first_reply") == []
    life.at("09:30").prioritised("high").prioritised("normal").look("09:30")
    assert life.story("first_reply") == ["applied due 10:00"]


@row
def calendar_changed() -> None:
    life = Life(adopted(FIRST), adopted(LATER, since="12:00", version=2)).at("09:00").opened().look("14:00")
    assert life.story("resolution") == ["applied due 17:00"]
    life.at("15:00").prioritised("high").look("15:00")
    assert life.story("resolution") == ["applied due 17:00", "applied due 17:00"], "4 hours of 13:00 to 21:00"


@row
def first_policy_after_the_opening() -> None:
    life = Life(adopted(FIRST, since="12:00")).at("09:00").opened().look("13:00")
    assert life.story() == []
    life.at("13:00").prioritised("high").look("13:00")
    assert life.story() == ["resolution applied due 13:00"], "counted from the opening"
    assert life.look("13:01").story()[1:] == ["resolution breached 13:00"]


@row
def first_policy_before_the_next_wait() -> None:
    life = Life(adopted(PLAIN, since="12:00")).at("09:00").opened().at("10:00").answered().at("13:00").wrote()
    assert life.look("13:00").story() == ["next_reply applied due 15:00"]


@row
def decided_late() -> None:
    life = Life(adopted(FIRST), adopted(FASTER, since="09:20", version=2)).at("09:00").opened().look("+2 09:00")
    assert [(one.rule, one.outcome["policy"]) for one in life.decisions()] == [("r0", "plain/1")]
    assert life.story("first_reply") == ["applied due 10:00", "breached 10:00"], "by the policy of its day"
