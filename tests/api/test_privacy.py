"""Customers see and lose what is theirs, and only that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from ticketcore import Actor, Assurance, AttachmentContent, Role, TicketCore
from ticketcore.errors import Forgotten, NotAllowed, NotFound

ANA, SHOP = Actor.agent("ana"), Actor.system("shop")
AUDIT, PRIVACY = Actor(role=Role.AUDITOR, id="audit"), Actor(role=Role.PRIVACY_OFFICER, id="dpo")


def person(core: TicketCore, name: str = "Zoë") -> str:
    return core.register_customer(name=name, by=SHOP).number


def acting(number: str) -> Actor:
    return Actor.customer(number, Assurance.LOGGED_IN)


def readable(core: TicketCore, ticket: str) -> list[str | None]:
    return [message.body for message in core.show_ticket(ticket, by=AUDIT).messages]


def test_a_customer_reads_no_note_no_note_s_attachment_and_nothing_of_the_staff_s_work(core: TicketCore) -> None:
    zoe, max_ = person(core), person(core, "Max")
    ticket = core.open_ticket(channel="form", requester=zoe, subject="S", body="B", tags=["fraud?"], by=SHOP).number
    other = core.open_ticket(channel="form", requester=max_, by=SHOP).number
    core.merge(other, into=ticket, by=ANA)
    core.assign(ticket, agent_id="ana", team_id="risk", by=ANA)
    core.log_time(ticket, seconds=9, agent_id="ana", by=ANA)
    file = AttachmentContent(name="file.txt", media_type="text/plain", content=b"INTERNAL FILE")
    note = core.comment(ticket, direction="internal", body="note", attachments=[file], by=ANA)
    core.correct_comment(ticket, comment=note.version, body="corrected note", by=ANA)
    core.hold(ticket, reason="fraud check", by=ANA)

    seen = core.show_ticket(ticket, by=acting(zoe))

    assert [message.body for message in seen.messages] == ["B"]
    said = seen.model_dump_json()
    assert not any(word in said for word in ("fraud", "ana", "risk", "note", other, max_))
    with pytest.raises(NotFound, match="attachment"):
        core.attachment(ticket, message=note.version, index=0, by=acting(zoe))
    assert core.attachment(ticket, message=note.version, index=0, by=ANA) == b"INTERNAL FILE"


def test_an_undone_merge_ends_access_in_every_process(core: TicketCore, twin: TicketCore) -> None:
    zoe, max_ = person(core), person(core, "Max")
    ticket = core.open_ticket(channel="form", requester=max_, body="Max's secret", by=SHOP).number
    core.merge_customers(zoe, into=max_, by=ANA)
    assert twin.show_ticket(ticket, by=acting(zoe)).messages[0].body == "Max's secret"
    core.unmerge_customers(zoe, by=ANA)
    for each in (core, twin):
        with pytest.raises(NotAllowed):
            each.show_ticket(ticket, by=acting(zoe))
        with pytest.raises(NotAllowed):
            each.comment(ticket, direction="inbound", body="?", by=acting(zoe))


GHOST = "C-2026-999999-"


def ghost() -> str:
    from ticketcore.ids import Kind, Number

    return str(Number(Kind.CUSTOMER, 2026, 999_999))


@pytest.mark.parametrize(
    "command",
    [
        lambda core, _: core.open_ticket(channel="form", requester=ghost(), by=SHOP),
        lambda core, ticket: core.add_participant(ticket, customer=ghost(), by=ANA),
        lambda core, ticket: core.change_requester(ticket, requester=ghost(), by=ANA),
        lambda core, ticket: core.comment(ticket, direction="inbound", body="x", author=ghost(), by=SHOP),
        lambda core, _: core.open_ticket(channel="form", body="x", by=acting(ghost())),
    ],
)
def test_a_customer_who_is_not_there_is_named(core: TicketCore, command: Callable[[TicketCore, str], object]) -> None:
    ticket = core.open_ticket(channel="form", by=SHOP).number
    with pytest.raises(NotFound, match=f"no customer {GHOST}"):
        command(core, ticket)
    assert core.show_ticket(ticket, by=ANA).version == 1


def test_a_forgotten_customer_gets_no_new_ticket(core: TicketCore) -> None:
    zoe = person(core)
    core.forget(zoe, reason="asked to", by=PRIVACY)
    with pytest.raises(Forgotten, match="register the person anew"):
        core.open_ticket(channel="form", requester=zoe, by=SHOP)


def test_repeating_a_command_of_a_customer_who_was_forgotten_since_returns_its_first_result(core: TicketCore) -> None:
    zoe, id_ = person(core), uuid4()
    first = core.open_ticket(channel="form", requester=zoe, body="B", by=SHOP, command_id=id_)
    core.forget(zoe, reason="asked to", by=PRIVACY)
    again = core.open_ticket(channel="form", requester=zoe, body="B", by=SHOP, command_id=id_)
    assert (again.number, again.repeated) == (first.number, True)


def test_text_of_a_ticket_that_was_nobody_s_goes_with_every_later_requester(core: TicketCore) -> None:
    zoe, max_ = person(core), person(core, "Max")
    ticket = core.open_ticket(channel="mail", body="ZOE WROTE", by=SHOP).number
    core.change_requester(ticket, requester=zoe, by=ANA)
    core.change_requester(ticket, requester=max_, by=ANA)
    forgotten = core.forget(zoe, reason="asked to", by=PRIVACY)
    assert readable(core, ticket) == [None]
    core.comment(ticket, direction="inbound", body="Max writes", by=SHOP)
    assert readable(core, ticket) == [None, "Max writes"]
    assert [str(e) for e in forgotten.events[0].model_dump()["tickets"]] == [str(core._ticket(ticket))]


def test_forgetting_needs_no_read_model_and_no_projector(core: TicketCore, monkeypatch: pytest.MonkeyPatch) -> None:
    zoe = person(core)
    ticket = core.open_ticket(channel="mail", body="ZOE WROTE", by=SHOP).number
    core.change_requester(ticket, requester=zoe, by=ANA)
    monkeypatch.setattr(core, "_read", None)
    core.forget(zoe, reason="asked to", by=PRIVACY)
    assert readable(core, ticket) == [None]


def test_a_correction_goes_with_the_author_of_what_it_corrects(core: TicketCore) -> None:
    zoe, pia, max_ = person(core), person(core, "Pia"), person(core, "Max")
    ticket = core.open_ticket(channel="mail", requester=zoe, body="ZOE WROTE", by=SHOP).number
    core.add_participant(ticket, customer=pia, by=ANA)
    core.comment(ticket, direction="inbound", body="PIA WROTE", author=pia, by=SHOP)
    core.change_requester(ticket, requester=max_, by=ANA)
    core.correct_comment(ticket, comment=1, body="ZOE WROTE, corrected", by=ANA)
    core.correct_comment(ticket, comment=3, body="PIA WROTE, corrected", by=ANA)
    core.forget(pia, reason="asked to", by=PRIVACY)
    assert readable(core, ticket) == ["ZOE WROTE, corrected", None]
    core.forget(zoe, reason="asked to", by=PRIVACY)
    assert readable(core, ticket) == [None, None]


def test_who_acts_is_the_author_of_what_they_write(core: TicketCore) -> None:
    zoe, pia = person(core), person(core, "Pia")
    ticket = core.open_ticket(channel="form", body="ZOE WROTE", by=acting(zoe)).number
    core.add_participant(ticket, customer=pia, by=ANA)
    core.comment(ticket, direction="inbound", body="PIA WROTE", by=acting(pia))
    view = core.show_ticket(ticket, by=ANA)
    assert (view.requester, [message.author for message in view.messages]) == (zoe, [zoe, pia])
    core.forget(zoe, reason="asked to", by=PRIVACY)
    assert readable(core, ticket) == [None, "PIA WROTE"]
    core.forget(pia, reason="asked to", by=PRIVACY)
    assert readable(core, ticket) == [None, None]


def test_a_process_with_cached_keys_goes_on_writing_after_a_forgetting(core: TicketCore, twin: TicketCore) -> None:
    zoe = person(core)
    ticket = core.open_ticket(channel="mail", requester=zoe, body="ZOE WROTE", by=SHOP).number
    twin.comment(ticket, direction="inbound", body="more", by=SHOP)
    core.forget(zoe, reason="asked to", by=PRIVACY)
    for each in (twin, core):
        each.comment(ticket, direction="inbound", body="after", by=SHOP)
    assert readable(core, ticket) == [None, None, "after", "after"]


def test_repeating_a_forgetting_finishes_what_a_crash_left(core: TicketCore) -> None:
    zoe, id_ = person(core), uuid4()
    ticket = core.open_ticket(channel="mail", body="ZOE WROTE", by=SHOP).number
    core.change_requester(ticket, requester=zoe, by=ANA)
    keys = core._keys
    if core.settings.keys_dsn not in (None, core.settings.dsn):
        destroy, keys.destroy = keys.destroy, lambda *_: None  # type: ignore[method-assign]  # killed before it
        core.forget(zoe, reason="asked to", by=PRIVACY, command_id=id_)
        assert readable(core, ticket) == ["ZOE WROTE"]
        keys.destroy = destroy  # type: ignore[method-assign]
    core.forget(zoe, reason="asked to", by=PRIVACY, command_id=id_)
    assert readable(core, ticket) == [None]


def test_unmerging_brings_back_the_reason_too(core: TicketCore) -> None:
    one, two = (core.open_ticket(channel="form", by=SHOP).number for _ in range(2))
    core.hold(one, reason="waiting for part", by=ANA)
    core.merge(one, into=two, by=ANA)
    core.unmerge(one, by=ANA)
    view = core.show_ticket(one, by=ANA)
    assert (view.status, view.reason) == ("on_hold", "waiting for part")


def test_a_ticket_opened_by_a_note_shows_its_requester_no_note(core: TicketCore) -> None:
    zoe = person(core)
    opened = core.open_ticket(channel="internal", direction="internal", requester=zoe, body="suspicious", by=ANA)
    view = core.show_ticket(opened.number, by=acting(zoe), at=datetime.now(UTC))
    assert [message.body for message in view.messages] == [None]
