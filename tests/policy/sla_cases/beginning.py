"""When promises begin, and when they are kept or broken."""

from __future__ import annotations

from tests.domain.given import C1
from tests.policy.life import PLAIN, Life
from tests.policy.sla_cases import document, row
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.types import Actor, Channel, Direction, Role
from ticketcore.ids import number_of


@row
def first_reply() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().look("12:00")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:30"]
    assert life.story("resolution") == ["applied due 17:00"]


@row
def late_reply() -> None:
    life = Life(PLAIN).at("09:00").opened().at("11:00").answered().look("12:00")
    assert life.story("first_reply") == ["applied due 10:00", "breached 10:00"]


@row
def reply_at_the_due_time() -> None:
    life = Life(PLAIN).at("09:00").opened().look("10:00").answered().look("10:01")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 10:00"]


@row
def next_reply() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("11:00").wrote()
    life.look("11:00").at("12:00").answered().look("17:00")
    assert life.story("next_reply") == ["applied due 13:00", "fulfilled 12:00"]


@row
def next_reply_late() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("11:00").wrote().at("14:00").answered()
    life.at("15:00").wrote().look("15:00")
    assert life.story("next_reply") == ["applied due 13:00", "breached 13:00", "applied due 17:00"]


@row
def several_messages() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("11:00").wrote().at("11:30").wrote()
    life.at("12:30").wrote().look("12:45")
    assert life.story("next_reply") == ["applied due 13:00"]


@row
def messages_before_the_first_reply() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:20").wrote().at("09:40").wrote().look("09:50")
    assert life.story() == ["first_reply applied due 10:00", "resolution applied due 17:00"]


@row
def several_replies() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:20").answered().at("09:40").answered().look("16:00")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:20"]
    assert life.story("next_reply") == []


@row
def solved() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("15:00").solved().look("16:00").closed()
    life.look("+3 12:00")
    assert life.story("resolution") == ["applied due 17:00", "fulfilled 15:00"]


@row
def solved_late() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("+1 10:00").solved().look()
    assert life.story("resolution") == ["applied due 17:00", "breached 17:00"]


@row
def solved_without_reply() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:40").solved().look("+1 12:00")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:40"]
    assert life.story("resolution") == ["applied due 17:00", "fulfilled 09:40"]


@row
def next_reply_solved() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").answered().at("11:00").wrote().at("12:00").solved().look()
    assert life.story("next_reply") == ["applied due 13:00", "fulfilled 12:00"]


@row
def junk() -> None:
    life = Life(PLAIN).at("09:00").opened().at("10:30").do(tc.Solve, resolution="spam").closed().look()
    assert life.story("first_reply") == ["applied due 10:00", "breached 10:00"]
    assert life.story("resolution") == ["applied due 17:00", "fulfilled 10:30"]


@row
def internal_note() -> None:
    life = Life(PLAIN).at("09:00").opened().at("09:30").noted().look("09:50")
    assert life.story("first_reply") == ["applied due 10:00"]


@row
def machine_writes() -> None:
    life = Life(PLAIN).at("09:00").opened()
    for robot in (Actor.system("acknowledgement"), Actor(role=Role.POLICY, id="plain", version="1")):
        life.at("09:30").answered(by=robot)
    assert life.look("09:50").story("first_reply") == ["applied due 10:00"]
    life.at("09:55").answered().at("10:00").answered(by=Actor.system("acknowledgement")).at("11:00").wrote().look()
    life.at("11:30").answered(by=Actor.system("acknowledgement")).look("12:00")
    assert life.story("next_reply") == ["applied due 13:00"]


@row
def staff_opens_by_writing() -> None:
    life = Life(PLAIN).at("09:00").opened(direction=Direction.OUTBOUND).look("12:00")
    assert life.story() == ["resolution applied due 17:00"]
    life.at("12:00").wrote().look("12:00").at("13:00").answered().look()
    assert life.story("next_reply") == ["applied due 14:00", "fulfilled 13:00"]
    assert life.story("first_reply") == []


@row
def staff_opens_with_a_note() -> None:
    life = Life(PLAIN).at("09:00").opened(direction=Direction.INTERNAL).look("10:00").at("11:00").wrote().look("11:00")
    assert life.story("first_reply") == ["applied due 12:00"]
    other = (
        Life(PLAIN)
        .at("09:00")
        .opened(direction=Direction.INTERNAL)
        .at("10:00")
        .answered()
        .at("11:00")
        .wrote()
        .look("11:00")
    )
    assert (other.story("first_reply"), other.story("next_reply")) == ([], ["applied due 13:00"])


@row
def phone_call() -> None:
    life = Life(PLAIN).at("09:00").opened(channel=Channel.PHONE).look("09:00")
    assert life.story("first_reply") == ["applied due 10:00"]
    life.do(tc.Comment, direction=Direction.OUTBOUND, channel=Channel.PHONE, body="Told at once.").look("09:10")
    assert life.story("first_reply") == ["applied due 10:00", "fulfilled 09:00"]


@row
def outside_of_the_hours() -> None:
    life = Life(PLAIN).at("+4 16:30").opened().look("+5 12:00")  # Friday
    assert life.story("first_reply") == ["applied due +7 09:30"]
    assert Life(PLAIN).at("+5 12:00").opened().look("+5 12:00").story("first_reply") == ["applied due +7 10:00"]


@row
def no_rule_fits() -> None:
    life = Life(document("when: {field: team, is: vip}, targets: {normal: {first_reply: 1h}}"))
    life.at("09:00").opened().look("12:00")
    assert (life.story(), [one.rule for one in life.decisions()]) == ([], ["none"])


@row
def first_rule_that_fits() -> None:
    life = Life(
        document(
            f"when: {{field: requester, is: {number_of(C1)}}}, calendar: always, targets: {{normal: {{first_reply: 15m}}}}",
            "when: {}, targets: {normal: {first_reply: 1h, resolution: 8h}}",
        )
    )
    life.at("09:00").opened().look("09:00")
    assert life.story() == ["first_reply applied due 09:15"], "of the first rule alone"
    assert [(one.rule, one.outcome["calendar"]) for one in life.decisions()] == [("r0", "always")]


@row
def no_priority() -> None:
    life = Life(PLAIN).at("09:00").opened(priority=None).look("09:10")
    assert life.story("first_reply") == ["applied due 10:00"]
    assert life.decisions()[0].saw == {"priority": "not set: normal"}
    life.at("09:20").prioritised("normal").look("09:20")
    assert life.story("first_reply") == ["applied due 10:00"]
    urgent = (
        f"{PLAIN}priority: {{rules: [{{rule: chat, when: {{field: channel, is: chat}}, set: {{priority: high}}}}]}}\n"
    )
    life = Life(urgent).at("09:00").opened(priority=None, channel=Channel.CHAT).look("09:10")
    assert life.story("first_reply") == ["applied due 09:30"]


@row
def by_channel() -> None:
    fast = document(
        "when: {field: channel, is: chat}, calendar: always, targets: {normal: {first_reply: 5m}}",
        "when: {}, targets: {normal: {first_reply: 4h}}",
    )
    assert Life(fast).at("20:00").opened(channel=Channel.CHAT).look("20:00").story() == [
        "first_reply applied due 20:05"
    ]
    assert Life(fast).at("20:00").opened().look("20:00").story() == ["first_reply applied due +1 13:00"]


@row
def by_customer_and_organisation() -> None:
    rules = document(
        "when: {field: organisation, is: gold}, targets: {normal: {first_reply: 10m}}",
        "when: {}, targets: {normal: {first_reply: 1h}}",
    )
    assert Life(rules, organisations={C1: "gold"}).opened().look("09:00").story() == ["first_reply applied due 09:10"]
    assert Life(rules).opened().look("09:00").story() == ["first_reply applied due 10:00"]
