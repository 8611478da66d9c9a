"""Whatever is given, the answer is one of the library's own errors, and it repeats nothing personal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from ticketcore import Actor, AttachmentContent, Identity, Role, Settings, TicketCore, TicketCoreError
from ticketcore.errors import BadNumber, ConfigurationError, InvalidCommand, NotAllowed, NotFound

ANA = Actor.agent("ana")
SHOP = Actor.system("shop")
AUDIT = Actor(role=Role.AUDITOR, id="audit")
NAIVE = datetime(2026, 5, 1)  # noqa: DTZ001 -- on purpose
BEFORE_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
AFTER_TIME = datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))
PERSONAL = ("anna", "schmidt")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Identity(kind="mail", value="anna schmidt"), "cannot make an identity: value is a value of 12 char"),  # type: ignore[arg-type]
        (lambda: AttachmentContent(name="a\0b", content=b""), "name is text of 3 characters with a NUL at index 1"),
        (lambda: Actor.agent(""), "cannot make an actor: id is '', expected at least 1"),
        (lambda: Actor(role="anna@example.org", id="x"), "role is a value of 16 characters, expected one of"),  # type: ignore[arg-type]
        (lambda: Actor(role=Role.AGENT, id="x", who="Anna Schmidt"), "who is a value of 12 characters, expected no"),  # type: ignore[call-arg]
    ],
)
def test_a_value_that_can_not_be_made_says_why_and_repeats_nothing(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidCommand) as refused:
        make()
    assert message in str(refused.value)
    assert not any(word in str(refused.value).lower() for word in PERSONAL)


def test_a_setting_out_of_range_is_named_with_its_variable() -> None:
    with pytest.raises(
        ConfigurationError, match=r"pool_size \(TICKETCORE_POOL_SIZE\) is 0: .*greater than or equal to 1"
    ):
        Settings(pool_size=0)
    with pytest.raises(ConfigurationError) as refused:
        Settings(dsn=5, keys=["secret-key"])
    assert "secret-key" not in str(refused.value)


QUERIES: list[tuple[Callable[[TicketCore, str], Any], type[TicketCoreError], str]] = [
    (lambda c, _: c.find_customer("mail", "anna.schmidt at x", by=ANA), InvalidCommand, "value is a value of 17"),
    (lambda c, _: c.find_customer("fax", "anna", by=ANA), InvalidCommand, "kind is 'fax', expected one of 'mail'"),
    (lambda c, _: c.find_customer("anna@example.org", "mail", by=ANA), InvalidCommand, "kind is a value of 16"),
    (lambda c, _: c.find_customer("chat", "an\ud800na", by=ANA), InvalidCommand, "a lone surrogate at index 2"),
    (lambda c, _: c.find_customer("chat", None, by=ANA), InvalidCommand, "value is None, expected text"),  # type: ignore[arg-type]
    (lambda c, _: c.show_ticket("a\ud800", by=ANA), InvalidCommand, "a ticket's number or id"),
    (lambda c, _: c.show_ticket("a\0", by=ANA), InvalidCommand, "a ticket's number or id"),
    (lambda c, _: c.show_ticket(None, by=ANA), InvalidCommand, "ticket is None, expected a ticket's number"),  # type: ignore[arg-type]
    (lambda c, _: c.show_ticket("anna@example.org", by=ANA), NotFound, "no ticket named by a text of 16 characters"),
    (lambda c, _: c.show_ticket("INC0012", by=ANA), NotFound, "no ticket INC0012 is recorded"),
    (lambda c, n: c.show_ticket(n, by="ana"), InvalidCommand, "expected an Actor (as in Actor.agent"),  # type: ignore[arg-type]
    (lambda c, n: c.show_ticket(n, by=ANA, clock="foo"), InvalidCommand, "clock is 'foo', expected one of 'record'"),
    (lambda c, n: c.show_ticket(n, by=ANA, at="2026-01-01"), InvalidCommand, "at is a value of 10 ch"),  # type: ignore[arg-type]
    (lambda c, n: c.show_ticket(n, by=ANA, at=NAIVE), InvalidCommand, "expected a time with its zone"),
    (lambda c, n: c.show_ticket(n, by=ANA, at=AFTER_TIME), InvalidCommand, "a time from year 1 to 9999"),
    (lambda c, _: c.queue(by=ANA, limit=-1), InvalidCommand, "limit is -1, expected at least 0"),
    (lambda c, _: c.queue(by=ANA, limit=2**70), InvalidCommand, "expected at most"),
    (lambda c, _: c.queue(by=ANA, team_id="a\0"), InvalidCommand, "team_id is text of 2 characters with a NUL"),
    (lambda c, _: c.queue(by=ANA, seen=4), InvalidCommand, "expected a Recorded (give what a command returned)"),  # type: ignore[arg-type]
    (lambda c, _: c.customer_history(customer(c), by=ANA, limit=-1), InvalidCommand, "limit is -1"),
    (lambda c, _: c.customer_history(customer(c), by=ANA, before=NAIVE), InvalidCommand, "with its zone"),
    (lambda c, _: c.customer_history(uuid4(), by=ANA), NotFound, "no customer"),
    (lambda c, n: c.customer_history(c._ticket(n), by=ANA), NotFound, "no customer T-"),
    (lambda c, _: c.ticket_history(uuid4(), by=ANA), NotFound, "no ticket"),
    (lambda c, _: c.read_events(by=AUDIT, after="x"), InvalidCommand, "after is 'x', expected a whole number"),  # type: ignore[arg-type]
    (lambda c, n: c.attachment(n, by=ANA, message="1", index=0), InvalidCommand, "expected a whole number"),  # type: ignore[arg-type]
]


def customer(core: TicketCore) -> str:
    return core.register_customer(by=SHOP).number


@pytest.mark.parametrize(("ask", "error", "message"), QUERIES)
def test_a_query_that_can_not_be_asked_says_why(
    core: TicketCore, ask: Callable[[TicketCore, str], Any], error: type[TicketCoreError], message: str
) -> None:
    number = core.open_ticket(channel="form", by=SHOP).number
    with pytest.raises(error) as refused:
        ask(core, number)
    assert message in str(refused.value)
    assert not any(word in str(refused.value).lower() for word in PERSONAL)


COMMANDS: list[tuple[dict[str, Any], str]] = [
    ({"by": "anna"}, "by is a value of 4 characters, expected an Actor"),
    ({"command_id": "abc"}, "command_id is 'abc', expected a UUID"),
    ({"command_id": 5}, "command_id is 5, expected a UUID"),
    ({"causation_id": "zz"}, "causation_id is 'zz', expected a UUID"),
    (
        {"occurred_at": "2026-01-01"},
        "cannot comment on a ticket: occurred_at is a value of 10 characters, expected a time",
    ),
    (
        {"occurred_at": NAIVE},
        "cannot comment on a ticket: occurred_at is datetime.datetime(2026, 5, 1, 0, 0), expected a",
    ),
    ({"occurred_at": BEFORE_TIME}, "expected a time from year 1 to 9999 in UTC"),
    ({"claimed_at": AFTER_TIME}, "expected a time from year 1 to 9999 in UTC"),
    ({"expected_version": "3"}, "expected_version is '3', expected a whole number"),
    (
        {"occured_at": "Anna"},
        "occured_at is given, expected no such argument (beside its own arguments a command takes comm",
    ),
    ({"body": b"\xff\xfe"}, "body is 2 bytes, expected text"),
    ({"body": b"valid"}, "body is 5 bytes, expected text"),
    ({"attachments": "anna"}, "attachments is a value of 4 characters, expected a list or tuple"),
    ({"attachments": [5]}, "attachments.0 is 5, expected an AttachmentContent"),
    ({"ticket": 5}, "ticket is 5, expected a ticket's number or id"),
    ({"author": "anna.schmidt@example.org"}, "a text of 24 characters is no valid number"),
]


@pytest.mark.parametrize(("given", "message"), COMMANDS)
def test_a_command_that_can_not_be_taken_says_why_and_records_nothing(
    core: TicketCore, given: dict[str, Any], message: str
) -> None:
    number = core.open_ticket(channel="form", by=SHOP).number
    values = {"ticket": number, "by": SHOP, "direction": "inbound", "body": "text", **given}
    with pytest.raises((InvalidCommand, BadNumber)) as refused:
        core.comment(**values)
    assert message in str(refused.value)
    assert not any(word in str(refused.value).lower() for word in PERSONAL)
    assert len(list(core.read_events(by=AUDIT))) == 1


def test_one_text_is_no_list_of_texts(core: TicketCore) -> None:
    with pytest.raises(InvalidCommand, match="tags is a value of 3 characters, expected a list or tuple"):
        core.open_ticket(channel="form", tags="vip", by=SHOP)
    with pytest.raises(InvalidCommand, match="identities is a value of 16 characters, expected a list or tuple"):
        core.register_customer(identities="anna@example.org", by=SHOP)  # type: ignore[arg-type]
    number = core.open_ticket(channel="form", tags=["vip"], by=SHOP).number
    with pytest.raises(InvalidCommand, match="comments is a value of 2 characters, expected a list or tuple"):
        core.split_off(number, comments="12", by=ANA)  # type: ignore[arg-type]
    assert core.show_ticket(number, by=ANA).tags == ("vip",)


def test_a_customer_states_neither_when_it_was_received_nor_what_staff_decide(core: TicketCore) -> None:
    number = customer(core)
    herself = Actor.customer(number)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(NotAllowed, match="may not give occurred_at: expected the time of reception"):
        core.open_ticket(channel="form", requester=number, body="late", by=herself, occurred_at=past)
    for field, value in (("tags", ["vip"]), ("category", "vip"), ("subcategory", "x"), ("urgency", "high")):
        with pytest.raises(NotAllowed, match="staff decide these"):
            core.open_ticket(channel="form", requester=number, by=herself, **{field: value})  # type: ignore[arg-type]
    opened = core.open_ticket(channel="form", requester=number, body="late", by=herself, claimed_at=past)
    assert opened.events[0].meta.claimed_at == past


def test_a_refusal_reads_as_a_sentence(core: TicketCore) -> None:
    number = core.open_ticket(channel="form", by=SHOP).number
    zoe = customer(core)
    analyst = Actor(role=Role.ANALYST, id="ann")
    with pytest.raises(NotAllowed, match=f"analyst ann may not see the history of customer {zoe}: "):
        core.customer_history(zoe, by=analyst)
    with pytest.raises(NotAllowed, match=f"analyst ann may not see the history of ticket {number}: "):
        core.ticket_history(number, by=analyst)
    with pytest.raises(NotAllowed, match="analyst ann may not read events of the log: "):
        core.read_events(by=analyst)
    core.register_customer(external="A-1", by=SHOP)
    with pytest.raises(TicketCoreError, match="this outside number belongs to customer C-"):
        core.register_customer(external="A-1", by=SHOP)
