"""The bytes of outgoing mails: read back by the standard library they say what was meant, whatever that was."""

import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.given import T1, T2, acknowledged, answered, commented, fact
from tests.domain.given import given as world_of
from tests.domain.given import opened as opening
from ticketcore.domain.base import Event
from ticketcore.domain.delivery_events import DeliveryAttempted
from ticketcore.domain.types import Direction
from ticketcore.ids import number_of
from ticketcore.intake.mail import MailKind, parse_mail
from ticketcore.intake.outgoing import Conversation, Mail, OutgoingFile, Unsendable, build, conversation, subject_of
from ticketcore.intake.outgoing.mail import mail_address
from ticketcore.intake.tokens import Tokens

TOKENS = Tokens(bytes(32), "main", domain="example.org", reply="support@example.org")
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NUMBER = number_of(T1)
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)


def a_mail(**changes: Any) -> Mail:
    subject, topic = subject_of("Drucker kaputt", NUMBER, first=False)
    return Mail(
        ticket=T1, number=NUMBER, message_id=TOKENS.message_id(T1, 3), sender=("Example Støtte", "support@example.org"),
        to=[("Kim Öz", "kim@example.net")], reply_to=TOKENS.reply_address(T1), subject=subject, topic=topic,
        text="Guten Tag,\n\nes geht wieder.", marker=TOKENS.marker(T1), date=AT + timedelta(hours=1), opened_at=AT,
        conversation=Conversation("<a@x>", ("<a@x>",)), language="de",
    )._replace(**changes)  # fmt: skip


def read(mail: Mail) -> EmailMessage:
    raw = build(mail)
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n")), "RFC 5322, 2.1.1"
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def content(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


def test_a_reply_has_what_programs_show_one_conversation_by() -> None:
    message = read(a_mail())
    assert message["From"] == "Example Støtte <support@example.org>"
    assert message["To"] == "Kim Öz <kim@example.net>"
    assert message["Reply-To"] == f"Example Støtte <{TOKENS.reply_address(T1)}>"
    assert message["Subject"] == f"Re: Drucker kaputt [{NUMBER}]"
    assert message["Message-ID"] == TOKENS.message_id(T1, 3)
    assert (message["In-Reply-To"], message["References"]) == ("<a@x>", "<a@x>")
    assert message["Thread-Topic"] == "Drucker kaputt"
    assert TOKENS.tickets_in(message["X-Ticketcore-Ticket"]) == (T1,)
    assert message["Content-Language"] == "de"
    assert content(message, "plain") == f"Guten Tag,\n\nes geht wieder.\n\n{TOKENS.marker(T1)}\n"
    assert "<p>Guten Tag,</p>\n<p>es geht wieder.</p>" in content(message, "html")
    assert TOKENS.marker(T1) in content(message, "html")


def test_only_an_acknowledgement_says_that_a_robot_wrote_it() -> None:
    names = ("Auto-Submitted", "X-Auto-Response-Suppress", "Precedence")
    assert [read(a_mail())[name] for name in names] == [None, None, None]
    assert [read(a_mail(acknowledgement=True))[name] for name in names] == ["auto-replied", "All", "bulk"]
    assert parse_mail(build(a_mail(acknowledgement=True))).kind is MailKind.AUTO_REPLY
    assert parse_mail(build(a_mail())).kind is MailKind.ORDINARY


def test_outlooks_index_begins_the_same_in_all_mails_of_a_ticket_and_differs_between_tickets() -> None:
    def index(**changes: Any) -> bytes:
        return b64decode(read(a_mail(**changes))["Thread-Index"])

    first, later, other = index(), index(date=AT + timedelta(days=900)), index(ticket=T2)
    assert len(first) == 27
    assert first[0] == 1
    assert first[:22] == later[:22] != other[:22]
    assert first[22:] != later[22:]
    filetime = 116_444_736_000_000_000 + int(AT.timestamp()) * 10_000_000  # MS-DTYP 2.3.3
    assert int.from_bytes(first[:6], "big") << 16 <= filetime <= (int.from_bytes(first[:6], "big") + 1) << 16


@settings(deadline=None)
@given(any_text, any_text, any_text, any_text, st.lists(any_text, max_size=3))
def test_no_value_can_begin_a_header_or_a_part_of_its_own(
    name: str, subject: str, text: str, file: str, ids: list[str]
) -> None:
    events = [commented(message_id=id_) for id_ in ids]
    found = conversation(world_of(opening(), *events).events, 99)
    whole, topic = subject_of(subject, NUMBER, first=False)
    mail = a_mail(
        sender=(name, "support@example.org"), to=[(name, "kim@example.net")], subject=whole, topic=topic, text=text,
        conversation=found, attachments=[OutgoingFile(file, subject, b"\x00\xff")],
    )  # fmt: skip
    message = read(mail)
    assert set(message.keys()) <= {
        "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Thread-Topic",
        "Thread-Index", "X-Ticketcore-Ticket", "Content-Language", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert message["To"].addresses[0].addr_spec == "kim@example.net"
    assert message["Subject"].endswith(f"[{NUMBER}]")
    assert [part.get_content_type() for part in message.walk()][:4] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html"
    ]  # fmt: skip
    assert next(part.get_content() for part in message.iter_attachments()) == b"\x00\xff"
    assert TOKENS.tickets_in(content(message, "plain")) == (T1,)


@settings(deadline=None)
@given(any_text)
def test_the_text_arrives_as_it_was(text: str) -> None:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    got = content(read(a_mail(text=plain)), "plain")
    assert got == f"{plain.rstrip()}\n\n{TOKENS.marker(T1)}\n".lstrip("\n")


def test_html_is_escaped_and_links_can_be_clicked() -> None:
    html = content(
        read(a_mail(text="<script>alert(1)</script> https://x.example/a?b=1&c=2. Go!\n  two  spaces")), "html"
    )
    assert "<script>" not in html
    assert '<a href="https://x.example/a?b=1&amp;c=2">https://x.example/a?b=1&amp;c=2</a>. Go!<br>' in html
    assert "\u00a0\u00a0two \u00a0spaces" in html


def test_long_lines_and_long_ids_stay_whole() -> None:
    ids = tuple(f"<{'x' * 200}{n}@mail.example.com>" for n in range(20))
    message = read(a_mail(text="word " * 5_000, conversation=Conversation(ids[-1], ids)))
    assert tuple(message["References"].split()) == ids
    assert message["In-Reply-To"] == ids[-1]
    assert content(message, "plain").startswith("word " * 4_999)


def test_attachments_keep_their_names_and_bytes() -> None:
    files = [
        OutgoingFile("Rechnung März – 2026 (Kopie).pdf", "application/pdf", bytes(range(256))),
        OutgoingFile("../../etc/passwd", "text/plain; charset=utf-8", b"line\nline\r\n"),
        OutgoingFile("mail.eml", "message/rfc822", b"Subject: x\n\ny"),
        OutgoingFile("\u202egnp.exe\r\nX: y", "no type", b""),
        OutgoingFile("", "", b"x"),
    ]
    found = [
        (part.get_filename(), part.get_content_type()) for part in read(a_mail(attachments=files)).iter_attachments()
    ]
    assert found == [
        ("Rechnung März – 2026 (Kopie).pdf", "application/pdf"), ("passwd", "text/plain"),
        ("mail.eml", "application/octet-stream"), ("gnp.exe X: y", "application/octet-stream"),
        ("attachment", "application/octet-stream"),
    ]  # fmt: skip
    raw = build(a_mail(attachments=files[:1]))
    assert b"filename*0*=utf-8''" in raw or b"filename*=utf-8''" in raw, "RFC 2231"
    assert next(iter(read(a_mail(attachments=files)).iter_attachments())).get_content() == bytes(range(256))


@pytest.mark.parametrize(("address", "expected"), [
    ("kim@example.net", "kim@example.net"), ("kim@bücher.example", "kim@xn--bcher-kva.example"), ("öz@example.net", "öz@example.net"),
    ("kim@example.net\r\nBcc: x@y.example", None), ("kim", None), ("@example.net", None), ("a b@example.net", None),
    ("kim@-x.example", None), ("kim@" + "x" * 64 + ".example", None), ("a..b@example.net", None), ("<kim@example.net>", None),
])  # fmt: skip
def test_an_address_goes_to_a_server_or_not_at_all(address: str, expected: str | None) -> None:
    assert mail_address(address) == expected


def test_an_address_that_no_mail_can_go_to_is_told() -> None:
    with pytest.raises(Unsendable, match="none that a mail can go to") as refusal:
        build(a_mail(to=[("", "kim@example.net\nBcc: x@y.example")]))
    assert refusal.value.reason == "bad_address"


@pytest.mark.parametrize(("subject", "expected"), [
    ("Printer", "Re: Printer [T-2026-000001-5]"), ("RE: AW: Fwd: Printer", "Re: Printer [T-2026-000001-5]"),
    ("Re[2]: Printer [T-2026-000001-5]", "Re: Printer [T-2026-000001-5]"), (None, "Re: [T-2026-000001-5]"),
    ("Re: [T-2026-000009-9] SV: x", "Re: x [T-2026-000001-5]"), ("a\r\nBcc: b", "Re: a Bcc: b [T-2026-000001-5]"),
    ("Report: it", "Re: Report: it [T-2026-000001-5]"), ("x" * 300, f"Re: {'x' * 199}… [T-2026-000001-5]"),
])  # fmt: skip
def test_the_subject_stays_the_same_all_along(subject: str | None, expected: str) -> None:
    assert subject_of(subject, NUMBER, first=False)[0] == expected
    again, _ = subject_of(f"Aw: {expected}", NUMBER, first=False)
    assert again == expected
    assert subject_of(subject, NUMBER, first=True)[0] == expected.removeprefix("Re: ")


def attempted(comment: int, **more: Any) -> Any:
    return fact(DeliveryAttempted, comment=comment, attempt=1, lease_until=AT, message_id=f"<ours-{comment}@x>", **more)


def test_references_hold_the_whole_conversation_oldest_first() -> None:
    world = world_of(
        opening(), acknowledged(), attempted(2), commented(message_id="<c4@mua>"), answered(), attempted(5), attempted(5),
        commented(message_id="c8@mua"), answered(),
    )  # fmt: skip
    events: tuple[Event, ...] = world.events
    assert conversation(events, 2, {1: "<first@mua>"}) == Conversation("<first@mua>", ("<first@mua>",))
    assert conversation(events, 9, {1: "<first@mua>"}) == Conversation(
        "<c8@mua>", ("<first@mua>", "<ours-2@x>", "<c4@mua>", "<ours-5@x>", "<c8@mua>")
    )
    assert conversation(events, 1) == Conversation(None, ())


def test_a_conversation_that_we_began_goes_on_from_our_own_mail() -> None:
    events = world_of(opening(direction=Direction.OUTBOUND), attempted(1), answered()).events
    assert conversation(events, 3) == Conversation("<ours-1@x>", ("<ours-1@x>",))


def test_of_a_long_conversation_the_first_and_the_newest_are_named() -> None:
    world = world_of(opening(), *(commented(message_id=f"<c{n}@mua>") for n in range(60)), answered())
    found = conversation(world.events, 62, {1: "<first@mua>"})
    assert len(found.references) == 20
    assert (found.references[0], found.references[-1]) == ("<first@mua>", "<c59@mua>")
    assert re.fullmatch(r"<c59@mua>", found.in_reply_to or "")
