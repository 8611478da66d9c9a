"""Whatever comes in is kept whole, at any size; and goes whole when it is redacted or its person is forgotten."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.strategies import events
from ticketcore import Actor, AttachmentContent, Role, TicketCore
from ticketcore.blobs import LIMIT, OWN_BLOBS
from ticketcore.domain.base import Event
from ticketcore.errors import NotFound
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.prepare import Prepared
from ticketcore.store.codec import Codec
from ticketcore.store.port import MAX_EVENT_BYTES

ANA = Actor.agent("ana")
SHOP = Actor.system("shop")
AUDIT = Actor(role=Role.AUDITOR, id="audit")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")
T0 = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
NAMES = ("customer", "subject", "body", "author", "message id", "file", "correction", "reason", "remark", "note")


def huge(seed: str, characters: int = 100_000) -> str:
    """300 KB of Chinese characters that do not deflate well."""
    return "".join(map(chr, random.Random(seed).choices(range(0x4E00, 0x9FA5), k=characters)))


def shown(core: TicketCore, ticket: str, person: str) -> str:
    """Everything that the interface tells about the ticket and the person, as one text."""
    view = core.show_ticket(ticket, by=AUDIT)
    found: list[Any] = [view.model_dump(mode="json"), core.customer_history(person, by=AUDIT)]
    found += [entry.model_dump(mode="json") for entry in core.ticket_history(ticket, by=AUDIT)]
    found += [entry.model_dump(mode="json") for entry in core.read_events(by=AUDIT)]
    return json.dumps(found, ensure_ascii=False, default=str)


def life(core: TicketCore, words: dict[str, str]) -> tuple[str, str]:
    """A ticket and its customer, every text of it huge."""
    person = core.register_customer(name=words["customer"], by=SHOP).number
    opened = core.open_ticket(
        channel="mail", requester=person, subject=words["subject"], body=words["body"], by=SHOP, occurred_at=T0
    )
    core.comment(
        opened.number, direction="inbound", author=person, author_name=words["author"], message_id=words["message id"],
        attachments=[AttachmentContent(name=words["file"], content=b"scan")], by=SHOP,
        occurred_at=T0 + timedelta(hours=1),
    )  # fmt: skip
    core.comment(opened.number, direction="outbound", body="Morgen.", by=ANA, occurred_at=T0 + timedelta(hours=2))
    core.correct_comment(
        opened.number, comment=3, body=words["correction"], reason=words["reason"], by=ANA,
        occurred_at=T0 + timedelta(hours=3),
    )  # fmt: skip
    core.log_time(opened.number, seconds=60, agent_id="ana", note=words["note"], by=ANA)
    core.solve(opened.number, by=ANA)
    core.rate(opened.number, score=5, remark=words["remark"], by=SHOP)
    return opened.number, person


def test_texts_of_any_size_are_kept_and_given_back_whole(core: TicketCore) -> None:
    words = {name: huge(name) for name in NAMES}
    ticket, person = life(core, words)

    view = core.show_ticket(ticket, by=ANA)
    assert view.subject == words["subject"]
    assert view.messages[0].body == words["body"]
    assert view.messages[1].author_name == words["author"]
    assert [file["name"] for file in view.messages[1].attachments] == [words["file"]]
    assert (view.messages[2].body, view.messages[2].corrections[0].reason) == (words["correction"], words["reason"])
    assert all(message.complete and message.readable for message in view.messages)
    assert core.attachment(ticket, message=2, index=0, by=ANA) == b"scan"
    fields = [entry.fields for entry in core.ticket_history(ticket, by=AUDIT)]
    assert (fields[-1]["remark"], fields[4]["note"], fields[1]["message_id"]) == (
        words["remark"], words["note"], words["message id"],
    )  # fmt: skip
    assert next(iter(core.read_events(by=AUDIT, limit=1))).fields["name"] == words["customer"]
    assert core.customer_history(person, by=ANA)[-1].subject == words["subject"]

    earlier = core.show_ticket(ticket, at=T0, clock="occurred", by=ANA)
    assert (earlier.subject, earlier.messages[0].body) == (words["subject"], words["body"])
    before = core.show_ticket(ticket, at=T0 + timedelta(hours=2), clock="occurred", by=ANA)
    assert (before.messages[1].author_name, before.messages[2].body) == (words["author"], "Morgen.")


def test_no_part_of_a_huge_text_is_left_after_redaction_and_forgetting(core: TicketCore) -> None:
    words = {name: huge(name) for name in NAMES}
    ticket, person = life(core, words)
    parts = {name: (word[:20], word[50_000:50_020], word[-20:]) for name, word in words.items()}
    text = shown(core, ticket, person)
    assert all(part in text for found in parts.values() for part in found)

    core.redact(ticket, comment=2, reason="a card's number", by=PRIVACY)
    text = shown(core, ticket, person)
    gone = {name for name, found in parts.items() if not any(part in text for part in found)}
    assert gone == {"author", "message id", "file"}
    with pytest.raises(NotFound, match="no attachment 0 of message 2"):
        core.attachment(ticket, message=2, index=0, by=ANA)

    core.forget(person, reason="asked to", by=PRIVACY)
    text = shown(core, ticket, person)
    assert not any(part in text for found in parts.values() for part in found)
    assert not any(message.readable for message in core.show_ticket(ticket, by=AUDIT).messages)


def test_thousands_of_attachments_are_kept_each_with_its_name_and_content(core: TicketCore) -> None:
    contents = [b"%d " % n * (n % 7) for n in range(3_000)]
    files = [AttachmentContent(name=f"scan {n}.png", content=content) for n, content in enumerate(contents)]
    opened = core.open_ticket(channel="mail", subject="Scans", attachments=files, by=SHOP)

    [message] = core.show_ticket(opened.number, by=ANA).messages
    assert [file["name"] for file in message.attachments] == [f"scan {n}.png" for n in range(3_000)]
    assert [file["size"] for file in message.attachments] == [len(content) for content in contents]
    for n in (0, OWN_BLOBS - 1, OWN_BLOBS, OWN_BLOBS + 1, 2_345, 2_999):
        assert core.attachment(opened.number, message=1, index=n, by=ANA) == contents[n]
    with pytest.raises(NotFound, match="no attachment 3000"):
        core.attachment(opened.number, message=1, index=3_000, by=ANA)


def test_a_huge_address_is_found_again(core: TicketCore) -> None:
    address = f"{huge('address')}@example.org"
    person = core.register_customer(name="Zoë", by=SHOP).number
    core.identify(person, kind="mail", value=address, by=SHOP)
    assert core.find_customer("mail", address, by=ANA) == person


def test_only_what_is_too_large_has_an_overflow(core: TicketCore) -> None:
    small = core.open_ticket(channel="mail", subject="x" * 40_000, body="y" * 8_000, by=SHOP)
    large = core.open_ticket(channel="mail", subject="x" * 40_000, body="y" * 10_000, by=SHOP)
    codec = Codec()
    overflows = [codec.decode(core.log.load((one.id,)).streams[one.id][0]).overflow for one in (small, large)]
    assert overflows[0] is None
    assert core.log.get_blob(overflows[1] or "") is not None


TICKET = aggregate_id(Number(Kind.TICKET, 2026, 1), "main")
WIDE = st.sampled_from(["\x01", "\u4e00", "\U0001f642", '"', "x"])


@given(
    events("ticket.commented", attachments=st.none(), overflow=st.none(), originator_id=st.just(TICKET)),
    st.lists(st.tuples(WIDE, st.integers(0, 2 * LIMIT)), min_size=3, max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_every_event_fits_whatever_its_texts_are(event: Event, texts: list[tuple[str, int]]) -> None:
    core = TicketCore.in_memory()
    given_texts = {
        name: letter * size for name, (letter, size) in zip(("author_name", "body", "message_id"), texts, strict=True)
    }
    event = event.model_copy(update=given_texts)
    stored, key = Prepared(TICKET).stored(event, core.sealer, Codec(), core.log)
    assert key is not None
    core._keys.put_event_keys([key])
    assert len(stored.state) < MAX_EVENT_BYTES
    [opened] = core._opened([Codec().to_domain_event(stored)])
    assert {name: getattr(opened, name) for name in given_texts} == given_texts
