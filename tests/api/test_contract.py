"""What every core promises, in memory and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ticketcore import Actor, Assurance, AttachmentContent, Role, TicketCore
from ticketcore.aio import AsyncTicketCore
from ticketcore.errors import (
    BadNumber,
    ClaimTaken,
    CommandReused,
    Conflict,
    InvalidCommand,
    NotAllowed,
    NotFound,
    TicketClosed,
    WrongState,
)
from ticketcore.store.port import Append, Outcome

ANA, BOB = Actor.agent("ana"), Actor.agent("bob")
SHOP = Actor.system("shop")
AUDIT = Actor(role=Role.AUDITOR, id="audit")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")
T0 = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def person(core: TicketCore, name: str = "Zoë Ångström", mail: str | None = None) -> str:
    registered = core.register_customer(name=name, by=SHOP)
    if mail:
        core.identify(registered.number, kind="mail", value=mail, assurance="verified", by=SHOP)
    return registered.number


def test_a_ticket_is_opened_answered_solved_and_shown_with_its_text(core: TicketCore) -> None:
    customer = person(core)
    opened = core.open_ticket(
        channel="mail", requester=customer, subject="Wo ist mein Paket?", body="Grüße 🙂", by=SHOP, occurred_at=T0
    )
    core.assign(opened.number, team_id="parcels", agent_id="ana", by=ANA, occurred_at=T0 + timedelta(minutes=5))
    core.comment(opened.number, direction="outbound", body="Morgen.", by=ANA, occurred_at=T0 + timedelta(minutes=6))
    solved = core.solve(opened.number, by=ANA, occurred_at=T0 + timedelta(minutes=7))

    view = core.show_ticket(opened.number, by=ANA)

    assert view.number == opened.number
    assert view.status == "solved"
    assert view.subject == "Wo ist mein Paket?"
    assert [m.body for m in view.messages] == ["Grüße 🙂", "Morgen."]
    assert view.requester == customer
    assert (solved.version, view.version) == (4, 4)
    assert solved.position == view.position


def test_positions_grow_by_one_for_every_event(core: TicketCore) -> None:
    first = core.open_ticket(channel="form", by=SHOP)
    second = core.open_ticket(channel="form", by=SHOP)
    assert first.position is not None
    assert second.position == first.position + 1
    assert [e.position for e in core.read_events(by=AUDIT)] == [1, 2]


def test_a_ticket_can_be_seen_as_it_was_at_any_instant(core: TicketCore) -> None:
    opened = core.open_ticket(channel="mail", subject="Hello", body="first", by=SHOP, occurred_at=T0)
    core.comment(opened.number, direction="inbound", body="second", by=SHOP, occurred_at=T0 + timedelta(hours=1))
    core.correct_comment(opened.number, comment=2, body="2nd", by=ANA, occurred_at=T0 + timedelta(hours=2))

    at = T0 + timedelta(minutes=59, seconds=59)
    assert [m.body for m in core.show_ticket(opened.number, at=at, clock="occurred", by=ANA).messages] == ["first"]
    at = T0 + timedelta(hours=1)
    assert [m.body for m in core.show_ticket(opened.number, at=at, clock="occurred", by=ANA).messages][1] == "second"
    now = core.show_ticket(opened.number, by=ANA)
    assert (now.messages[1].body, now.messages[1].first_body) == ("2nd", "second")
    with pytest.raises(NotFound, match="ask for a later instant"):
        core.show_ticket(opened.number, at=T0 - timedelta(seconds=1), clock="occurred", by=ANA)


def test_repeating_a_command_id_returns_the_first_result(core: TicketCore) -> None:
    id_ = uuid4()
    first = core.open_ticket(channel="form", subject="Once", by=SHOP, command_id=id_)
    again = core.open_ticket(channel="form", subject="Once", by=SHOP, command_id=id_)
    assert (again.number, again.position, again.version) == (first.number, first.position, first.version)
    assert again.repeated
    assert not first.repeated
    assert len(list(core.read_events(by=AUDIT))) == 1


def test_repeating_a_recorded_close_returns_the_first_result_not_an_error(core: TicketCore) -> None:
    number = core.open_ticket(channel="form", by=SHOP).number
    core.solve(number, by=ANA)
    id_ = uuid4()
    first = core.close_ticket(number, by=ANA, command_id=id_)
    again = core.close_ticket(number, by=ANA, command_id=id_)
    assert again.repeated
    assert again.position == first.position


def test_a_command_id_with_other_content_is_an_error(core: TicketCore) -> None:
    id_ = uuid4()
    core.open_ticket(channel="form", subject="One", by=SHOP, command_id=id_)
    with pytest.raises(CommandReused, match=str(id_)):
        core.open_ticket(channel="form", subject="Two", by=SHOP, command_id=id_)


def test_a_command_that_changes_nothing_records_nothing_and_leaves_a_receipt(core: TicketCore) -> None:
    number = core.open_ticket(channel="form", by=SHOP).number
    core.assign(number, agent_id="ana", by=ANA)
    id_ = uuid4()
    nothing = core.assign(number, agent_id="ana", by=ANA, command_id=id_)
    assert nothing.position is None
    assert nothing.events == ()
    core.assign(number, agent_id="bob", by=ANA)
    assert core.assign(number, agent_id="ana", by=ANA, command_id=id_).repeated
    assert core.show_ticket(number, by=ANA).agent_id == "bob"


def test_a_stale_expected_version_is_a_conflict_that_names_both(core: TicketCore) -> None:
    opened = core.open_ticket(channel="form", by=SHOP)
    core.assign(opened.number, agent_id="ana", by=ANA, expected_version=1)
    with pytest.raises(Conflict, match="expected version 1, actual version 2") as caught:
        core.assign(opened.number, agent_id="bob", by=BOB, expected_version=1)
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert caught.value.between == ("ticket.assigned",)


def test_many_comments_at_once_never_fail_each_other(core: TicketCore) -> None:
    number = core.open_ticket(channel="chat", by=SHOP).number
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda i: core.comment(number, direction="inbound", body=f"line {i}", by=SHOP), range(64)))
    assert sorted(r.version for r in done) == list(range(2, 66))
    assert len(core.show_ticket(number, by=ANA).messages) == 65


def interleave(core: TicketCore, monkeypatch: pytest.MonkeyPatch, other: Callable[[], object]) -> None:
    """Let *other* be recorded after the next command was decided and before it is appended."""
    group = core._executor._group
    submit = group.submit

    def first_the_other(append: Append) -> Outcome:
        monkeypatch.setattr(group, "submit", submit)
        other()
        return submit(append)

    monkeypatch.setattr(group, "submit", first_the_other)


@pytest.mark.parametrize("hot", [True, False])
def test_of_two_assignments_at_once_the_later_gets_a_conflict(
    core: TicketCore, monkeypatch: pytest.MonkeyPatch, hot: bool
) -> None:
    number = core.open_ticket(channel="form", by=SHOP).number
    if not hot:
        core._cache.drop([core._ticket(number)])
    interleave(core, monkeypatch, lambda: core.assign(number, agent_id="bob", by=BOB))
    with pytest.raises(Conflict, match=r"expected version 1, actual version 2 by ticket\.assigned") as caught:
        core.assign(number, agent_id="ana", by=ANA)
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert core.show_ticket(number, by=ANA).agent_id == "bob"


@pytest.mark.parametrize("hot", [True, False])
def test_a_comment_and_an_assignment_at_once_do_not_fail_each_other(
    core: TicketCore, monkeypatch: pytest.MonkeyPatch, hot: bool
) -> None:
    number = core.open_ticket(channel="form", by=SHOP).number
    if not hot:
        core._cache.drop([core._ticket(number)])
    interleave(core, monkeypatch, lambda: core.comment(number, direction="inbound", body="still there?", by=SHOP))
    assert core.assign(number, agent_id="ana", by=ANA).version == 3


def test_a_hot_state_that_was_old_before_the_command_began_is_no_conflict(core: TicketCore) -> None:
    number = core.open_ticket(channel="form", by=SHOP).number
    old = core._cache.get([core._ticket(number)])
    core.assign(number, agent_id="bob", by=BOB)
    core._cache.drop(old)
    for state in old.values():
        assert state is not None
        core._cache.put(state)
    assert core.assign(number, agent_id="ana", by=ANA).version == 3


def test_merges_that_cross_end_in_one_merge_and_no_cycle(core: TicketCore) -> None:
    for _ in range(5):
        a, b = core.open_ticket(channel="form", by=SHOP).number, core.open_ticket(channel="form", by=SHOP).number

        def merge(pair: tuple[str, str]) -> str:
            try:
                core.merge(pair[0], into=pair[1], by=ANA)
            except (Conflict, TicketClosed):
                return "refused"
            return "merged"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(merge, [(a, b), (b, a)])) == ["merged", "refused"]
        views = [core.show_ticket(n, by=ANA) for n in (a, b)]
        assert sorted(bool(v.merged_into) for v in views) == [False, True]


def test_a_merged_ticket_points_at_its_target_and_can_be_unmerged(core: TicketCore) -> None:
    a, b = core.open_ticket(channel="form", by=SHOP).number, core.open_ticket(channel="form", by=SHOP).number
    core.merge(a, into=b, by=ANA)
    assert core.show_ticket(a, by=ANA).merged_into == b
    assert core.show_ticket(b, by=ANA).absorbed == (a,)
    with pytest.raises(TicketClosed, match=b):
        core.comment(a, direction="outbound", body="?", by=ANA)
    core.unmerge(a, by=ANA)
    assert core.show_ticket(a, by=ANA).status == "new"
    assert core.show_ticket(b, by=ANA).absorbed == ()


def test_long_text_and_attachments_come_back_whole(core: TicketCore) -> None:
    text = "Ünï " * 50_000
    files = [AttachmentContent(name="φ.pdf", media_type="application/pdf", content=bytes(range(256)) * 20_000)]
    number = core.open_ticket(channel="mail", subject="Long", body=text, attachments=files, by=SHOP).number
    view = core.show_ticket(number, by=ANA)
    assert view.messages[0].body == text
    assert view.messages[0].complete
    assert view.messages[0].attachments[0]["name"] == "φ.pdf"
    assert core.attachment(number, message=1, index=0, by=ANA) == files[0].content
    with pytest.raises(NotFound, match="attachment"):
        core.attachment(number, message=1, index=1, by=ANA)


def test_identities_belong_to_one_customer(core: TicketCore) -> None:
    zoe, max_ = person(core, mail="Zoe@Example.org"), person(core, "Max")
    assert core.find_customer("mail", " zoe@example.ORG", by=ANA) == zoe
    assert core.find_customer("mail", "nobody@example.org", by=ANA) is None
    with pytest.raises(ClaimTaken, match=zoe):
        core.identify(max_, kind="mail", value="zoe@example.org", by=SHOP)


def test_the_history_of_a_customer_spans_channels_and_merged_records(core: TicketCore) -> None:
    zoe, also_zoe = person(core), person(core, "Z. Angstrom")
    one = core.open_ticket(channel="mail", requester=zoe, subject="A", body="by mail", by=SHOP, occurred_at=T0)
    core.open_ticket(
        channel="phone", requester=also_zoe, subject="B", body="by phone", by=SHOP, occurred_at=T0 + timedelta(1)
    )
    merged = core.merge_customers(also_zoe, into=zoe, by=ANA)
    assert len(core.customer_history(zoe, by=ANA, seen=merged)) == 2
    last = core.comment(
        one.number, direction="outbound", channel="mail", body="answer", by=ANA, occurred_at=T0 + timedelta(2)
    )
    for name in (zoe, also_zoe):
        messages = core.customer_history(name, by=ANA, seen=last)
        assert [m.body for m in messages] == ["answer", "by phone", "by mail"]
        assert [m.channel for m in messages] == ["mail", "phone", "mail"]
    core.unmerge_customers(also_zoe, by=ANA)
    assert [m.body for m in core.customer_history(also_zoe, by=ANA)] == ["by phone"]


def test_a_customer_s_history_is_paged_without_losing_messages_of_one_instant(core: TicketCore) -> None:
    zoe = person(core)
    number = core.open_ticket(channel="mail", requester=zoe, body="0", by=SHOP, occurred_at=T0).number
    for i in range(1, 6):
        core.comment(number, direction="inbound", body=str(i), by=SHOP, occurred_at=T0)
    pages: list[str | None] = []
    last = None
    while page := core.customer_history(zoe, by=ANA, limit=2, after=last):
        pages += [message.body for message in page]
        last = page[-1]
    assert pages == ["5", "4", "3", "2", "1", "0"]


def test_a_customer_s_history_holds_long_texts_whole(core: TicketCore) -> None:
    zoe, text = person(core), "Ünï " * 20_000
    core.open_ticket(channel="mail", requester=zoe, subject="Long", body=text, by=SHOP)
    [message] = core.customer_history(zoe, by=ANA)
    assert (message.subject, message.body) == ("Long", text)


def test_the_queue_shows_what_waits_and_reads_its_own_writes(core: TicketCore) -> None:
    low = core.open_ticket(channel="form", priority="low", team_id="a", by=ANA, occurred_at=T0)
    high = core.open_ticket(channel="form", priority="critical", team_id="a", by=ANA, occurred_at=T0 + timedelta(1))
    other = core.open_ticket(channel="form", team_id="b", by=ANA, occurred_at=T0)
    assert [e.number for e in core.queue(team_id="a", by=ANA, seen=other)] == [high.number, low.number]
    solved = core.solve(high.number, by=ANA)
    assert [e.number for e in core.queue(team_id="a", by=ANA, seen=solved)] == [low.number]


def test_forgetting_a_customer_makes_their_words_unreadable_everywhere(core: TicketCore) -> None:
    zoe, max_ = person(core, mail="zoe@example.org"), person(core, "Max")
    hers = core.open_ticket(channel="mail", requester=zoe, subject="My secret", body="my words", by=SHOP)
    his = core.open_ticket(channel="mail", requester=max_, subject="Public", body="his words", by=SHOP)
    early = core.open_ticket(channel="mail", subject="Unknown sender", body="early words", by=SHOP)
    core.change_requester(early.number, requester=zoe, by=ANA)
    core.forget(zoe, reason="asked to", by=PRIVACY)

    for number in (hers.number, early.number):
        view = core.show_ticket(number, by=AUDIT)
        assert view.subject is None
        assert [(m.body, m.readable) for m in view.messages] == [(None, False)]
    assert core.show_ticket(his.number, by=AUDIT).messages[0].body == "his words"
    assert [m.body for m in core.customer_history(zoe, by=AUDIT)] == [None, None]
    assert core.find_customer("mail", "zoe@example.org", by=AUDIT) is None
    said = str([e.model_dump() for e in core.read_events(by=AUDIT)])
    assert "his words" in said
    assert not any(word in said for word in ("my words", "early words", "My secret", "Zoë", "zoe@"))


def test_a_forgotten_customers_ticket_can_still_be_worked_on(core: TicketCore) -> None:
    zoe = person(core)
    number = core.open_ticket(channel="mail", requester=zoe, subject="S", body="B", by=SHOP).number
    core.forget(zoe, reason="asked to", by=PRIVACY)
    core.comment(number, direction="internal", body="note after", by=ANA)
    assert [m.body for m in core.show_ticket(number, by=ANA).messages] == [None, "note after"]


def test_redacting_a_comment_takes_its_corrections_along(core: TicketCore) -> None:
    number = core.open_ticket(channel="mail", subject="S", body="keep", by=SHOP).number
    core.comment(number, direction="inbound", body="card 4111", by=SHOP)
    core.correct_comment(number, comment=2, body="card 4112", by=ANA)
    core.redact(number, comment=2, reason="card number", by=PRIVACY)
    view = core.show_ticket(number, by=ANA)
    assert [(m.body, m.readable) for m in view.messages] == [("keep", True), (None, False)]
    assert view.messages[1].corrections[0].body is None


def test_customers_see_and_write_only_their_own_tickets(core: TicketCore) -> None:
    zoe, max_ = person(core), person(core, "Max")
    number = core.open_ticket(channel="form", requester=zoe, subject="S", body="B", by=SHOP).number
    core.comment(number, direction="internal", body="between us", by=ANA)
    herself = Actor.customer(zoe, Assurance.LOGGED_IN)
    core.comment(number, direction="inbound", body="more", by=herself)
    assert [m.body for m in core.show_ticket(number, by=herself).messages] == ["B", "more"]
    for other in (Actor.customer(max_, Assurance.LOGGED_IN), Actor.customer(zoe, Assurance.UNVERIFIED)):
        with pytest.raises(NotAllowed, match="may not show ticket"):
            core.show_ticket(number, by=other)
    with pytest.raises(NotAllowed, match="may not assign"):
        core.assign(number, agent_id="ana", by=herself)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channel": "telex"}, "channel is 'telex', expected one of"),
        ({"subject": "a\0b"}, "NUL"),
        ({"occurred_at": datetime(2026, 5, 1)}, "expected a time with its zone"),  # noqa: DTZ001 -- naive on purpose
        ({"body": "\ud800"}, "surrogate"),
        ({"requester": "C-2026-000001-1"}, "check digit"),
    ],
)
def test_bad_values_get_a_clear_error_and_nothing_is_recorded(
    core: TicketCore, wrong: dict[str, object], message: str
) -> None:
    values = {"channel": "form", **wrong}
    with pytest.raises((InvalidCommand, BadNumber), match=message):
        core.open_ticket(by=SHOP, **values)  # type: ignore[arg-type]
    assert list(core.read_events(by=AUDIT)) == []


def test_unknown_tickets_wrong_states_and_bad_numbers_are_named(core: TicketCore) -> None:
    with pytest.raises(NotFound, match=r"no ticket T-2026-999999-\d is recorded"):
        core.show_ticket(core_number(999_999), by=ANA)
    with pytest.raises(NotFound):
        core.assign(core_number(999_999), agent_id="ana", by=ANA)
    number = core.open_ticket(channel="form", by=SHOP).number
    with pytest.raises(WrongState, match=r"its status is 'new', expected one of 'solved' \(solve it first\)"):
        core.close_ticket(number, by=ANA)
    with pytest.raises(BadNumber, match="check digit"):
        core.show_ticket(number[:-1] + str((int(number[-1]) + 1) % 10), by=ANA)
    with pytest.raises(InvalidCommand, match="a text or an attachment"):
        core.comment(number, direction="outbound", body="  ", by=ANA)


def core_number(counter: int) -> str:
    from ticketcore.ids import Kind, Number

    return str(Number(Kind.TICKET, 2026, counter))


def test_late_news_keeps_its_raw_time_and_does_not_go_back(core: TicketCore) -> None:
    number = core.open_ticket(channel="form", by=SHOP, occurred_at=T0).number
    late = core.comment(number, direction="inbound", body="late", by=SHOP, occurred_at=T0 - timedelta(hours=1))
    meta = late.events[0].meta
    assert (meta.occurred_at, meta.occurred_raw) == (T0, T0 - timedelta(hours=1))


def test_the_async_face_runs_many_commands_at_once(core: TicketCore) -> None:
    async def scenario() -> list[str]:
        async with AsyncTicketCore(core, threads=8) as tickets:
            done = await asyncio.gather(*(tickets(core.open_ticket, channel="form", by=SHOP) for _ in range(20)))
            return [d.number for d in done]

    assert len(set(asyncio.run(scenario()))) == 20


def test_commands_can_return_futures(core: TicketCore) -> None:
    futures = [core.submit(core.open_ticket, channel="form", by=SHOP) for _ in range(5)]
    assert len({f.result().number for f in futures}) == 5
