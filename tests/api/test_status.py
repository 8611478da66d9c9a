"""How a ticket stands, for whoever is entitled: by a signed link, by role; nothing internal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ticketcore import Actor, Assurance, AttachmentContent, Role, TicketCore
from ticketcore.errors import InvalidCommand, LinkExpired, LinkForged, NotAllowed

ANA, SHOP = Actor.agent("ana"), Actor.system("shop")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")


def person(core: TicketCore) -> str:
    return core.register_customer(name="Zoë", by=SHOP).number


def ticket_of(core: TicketCore, requester: str | None) -> str:
    scan = AttachmentContent(name="scan.pdf", content=b"%PDF")
    opened = core.open_ticket(
        channel="mail", requester=requester, subject="Parcel", body="Where?", attachments=[scan], by=SHOP
    )
    core.assign(opened.number, team_id="parcels", agent_id="ana", by=ANA)
    core.comment(opened.number, direction="internal", body="A secret among staff.", by=ANA)
    core.comment(opened.number, direction="outbound", body="Tomorrow.", by=ANA)
    core.pend(opened.number, reason="a staff's reason", by=ANA)
    return opened.number


def test_a_link_shows_its_customer_the_state_and_nothing_internal(core: TicketCore) -> None:
    ticket = ticket_of(core, person(core))
    token, link = core.ticket_link(ticket, by=ANA)
    assert link is None
    status = core.ticket_status(token=token)
    assert core.ticket_status(ticket, token=token.upper()) == status
    assert (status.number, status.status, status.subject, status.waits_for) == (ticket, "pending", "Parcel", "customer")
    assert [(m.direction, m.by, m.body, m.attachments) for m in status.messages] == [
        ("inbound", "customer", "Where?", ("scan.pdf",)),
        ("outbound", "agent", "Tomorrow.", ()),
    ]
    text = status.model_dump_json()
    assert not any(word in text for word in ("secret", "staff", "ana", "parcels"))
    assert [m.body for m in core.ticket_status(token=token, messages=1).messages] == ["Tomorrow."]
    assert core.ticket_status(token=token, messages=0).messages == ()


def test_staff_see_it_by_their_role_and_others_do_not(core: TicketCore) -> None:
    zoe, eve = person(core), person(core)
    ticket = ticket_of(core, zoe)
    assert core.ticket_status(ticket, by=ANA).messages[-1].body == "Tomorrow."
    assert core.ticket_status(ticket, by=Actor.customer(zoe, Assurance.VERIFIED)).number == ticket
    for actor in (Actor.customer(zoe), Actor.customer(eve, Assurance.LOGGED_IN), Actor(role=Role.ANALYST, id="x")):
        with pytest.raises(NotAllowed):
            core.ticket_status(ticket, by=actor)
    with pytest.raises(InvalidCommand, match="expected a token, or a ticket and who asks"):
        core.ticket_status(ticket)


def test_a_forged_an_expired_and_another_tickets_token_are_told_apart(core: TicketCore) -> None:
    zoe = person(core)
    ticket, other = ticket_of(core, zoe), ticket_of(core, zoe)
    token, _ = core.ticket_link(ticket, by=ANA)
    changed = ("a" if token[0] != "a" else "b") + token[1:]
    for wrong in (changed, token[:-1], "", "x" * 56):
        with pytest.raises(LinkForged):
            core.ticket_status(token=wrong)
    ids = [core.ticket_status(one, by=ANA).number for one in (ticket, other)]
    assert ids == [ticket, other]
    with pytest.raises(NotAllowed, match="the ticket it was made for"):
        core.ticket_status(other, token=token)
    view = core.show_ticket(ticket, by=ANA)
    old = core.tokens.link_token(view.id, core._customer(zoe), datetime.now(UTC) - timedelta(seconds=5))  # type: ignore[arg-type]
    with pytest.raises(LinkExpired, match="ask for a new one"):
        core.ticket_status(token=old)


def test_a_link_ends_with_the_customers_part_in_the_ticket_and_follows_merges(core: TicketCore) -> None:
    zoe, kim, eve = person(core), person(core), person(core)
    ticket = ticket_of(core, zoe)
    with pytest.raises(NotAllowed, match="customer's own ticket"):
        core.ticket_link(ticket, by=ANA, customer=kim)
    core.add_participant(ticket, customer=kim, by=ANA)
    token, _ = core.ticket_link(ticket, by=ANA, customer=kim)
    core.merge_customers(kim, into=eve, by=ANA)
    assert core.ticket_status(token=token).number == ticket
    core.unmerge_customers(kim, by=ANA)
    core.remove_participant(ticket, customer=kim, by=ANA)
    with pytest.raises(NotAllowed):
        core.ticket_status(token=token)


def test_a_merged_ticket_shows_the_one_that_stands_for_it_where_that_is_the_customers_too(core: TicketCore) -> None:
    zoe, bob = person(core), person(core)
    first, own, others = ticket_of(core, zoe), ticket_of(core, zoe), ticket_of(core, bob)
    token, _ = core.ticket_link(first, by=ANA)
    core.merge(first, into=own, by=ANA)
    assert core.ticket_status(token=token).number == own
    core.unmerge(first, by=ANA)
    core.merge(first, into=others, by=ANA)
    status = core.ticket_status(token=token)
    assert (status.number, status.status) == (first, "merged")


def test_no_link_is_made_for_nobody_or_for_too_long(core: TicketCore) -> None:
    ticket = ticket_of(core, None)
    with pytest.raises(InvalidCommand, match="set the ticket's requester first"):
        core.ticket_link(ticket, by=ANA)
    with pytest.raises(InvalidCommand, match="expected 1 to 366"):
        core.ticket_link(ticket, by=ANA, days=0)
    with pytest.raises(NotAllowed):
        core.ticket_link(ticket, by=Actor(role=Role.ANALYST, id="x"))


def test_a_forgotten_customers_link_shows_no_words(core: TicketCore) -> None:
    zoe = person(core)
    ticket = ticket_of(core, zoe)
    token, _ = core.ticket_link(ticket, by=ANA)
    core.forget(zoe, reason="asked to", by=PRIVACY)
    status = core.ticket_status(token=token)
    assert (status.subject, [m.body for m in status.messages]) == (None, [None, None])


def test_a_customer_is_written_to_by_the_name_they_have_now(core: TicketCore) -> None:
    zoe = person(core)
    core.describe_customer(zoe, name="Zoë Ångström", by=ANA)
    assert core._people().name(core._customer(zoe)) == "Zoë Ångström"
