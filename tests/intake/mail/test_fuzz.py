"""Whatever the bytes: no exception, storable text, nothing of the text lost between its fragments."""

from __future__ import annotations

import random
from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.intake.mail.build import b64, mail, multipart, part, sound
from ticketcore.intake.mail import parse_mail
from ticketcore.intake.mail.addresses import parse_addresses
from ticketcore.intake.mail.fields import message_ids, parse_authentication, parse_date, split_subject
from ticketcore.intake.mail.html_text import html_to_text
from ticketcore.intake.mail.reply import fragments, split_reply
from ticketcore.intake.mail.tnef import unpack
from ticketcore.intake.mail.transfer import split_uuencoded
from ticketcore.intake.mail.words import decode_words, parameters

_PIECES = st.sampled_from([
    b"From:", b"To:", b"Subject:", b"Date:", b"Content-Type:", b"Content-Transfer-Encoding:", b"Content-Disposition:", b"References:",
    b"\r\n", b"\n", b"\r", b"\n\n", b"\r\n\r\n", b"\0", b" ", b"\t", b";", b",", b":", b"<", b">", b'"', b"(", b")", b"\\", b"@", b"=", b"--", b"--x",
    b"multipart/mixed; boundary=x", b"multipart/alternative; boundary=x", b"multipart/report; boundary=x; report-type=delivery-status",
    b"message/delivery-status", b"message/rfc822", b"text/plain", b"text/html", b"text/calendar; method=REQUEST", b"application/ms-tnef",
    b"charset=", b"utf-8", b"utf-16", b"utf-7", b"iso-2022-jp", b"hz", b"punycode", b"rot13", b"x-unknown", b"gb2312", b"+2AA-", b"\xff\xfe",
    b"base64", b"quoted-printable", b"x-uuencode", b"=?utf-8?q?", b"=?utf-8?b?", b"?=", b"=E4", b"\xe4", b"\xf0\x9f", b"filename*0*=", b"name*=",
    b"''", b"%", b"format=flowed; delsp=yes", b"begin 644 a\n", b"M", b"end\n", b"<html>", b"<blockquote>", b"</", b"<a href=", b"&#0;", b"&#xD800;",
    b"> ", b"On 1 May 2024, a@b.example wrote:", b"-- \n", b"From me", b"Final-Recipient: rfc822;", b"Action: failed", b"Status: 5.1.1",
    b"BEGIN:VEVENT\n", b"Auto-Submitted: auto-replied", b"Return-Path: <>", b"Undeliverable", b"mailer-daemon@",
])  # fmt: skip
_MESSY = st.lists(_PIECES | st.binary(max_size=6), max_size=60).map(b"".join)


@given(_MESSY | st.binary(max_size=300))
@example(b"")
@example(b"\0")
@example(b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\n----\r\n')
@example(b"Content-Type: text/plain; charset=utf-7\n\n+2AA-")
@settings(max_examples=600, deadline=None)
def test_any_bytes_are_read(raw: bytes) -> None:
    sound(parse_mail(raw))


@cache
def _real() -> list[bytes]:
    file = part(
        "application/pdf",
        b64(b"%PDF" * 30),
        "Content-Transfer-Encoding: base64",
        'Content-Disposition: attachment; filename="a.pdf"',
    )
    both = multipart(
        "alternative",
        part("text/plain", "Grüße\r\n> alt\r\n"),
        part("text/html; charset=utf-8", "<p>Grüße</p>"),
        boundary="=_b2",
    )
    status = part(
        "message/delivery-status",
        "Reporting-MTA: dns; a.example\r\n\r\nFinal-Recipient: rfc822; b@c.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    )
    back = part("message/rfc822", "Message-ID: <0@desk.example>\r\nSubject: x\r\n\r\ny\r\n")
    plain = mail(
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        "References: <a@b> <c@d>",
        "Date: Fri, 21 Nov 1997 09:55:06 -0600",
        body="Hallo\r\n\r\nAm 1.2.2024 schrieb Bo <b@c.example>:\r\n> x\r\n",
    )
    head = mail(
        "Subject: [list] Re: AW: x", "Authentication-Results: mx.example; dkim=pass header.d=a.example", body=""
    ).removesuffix(b"\r\n")
    return [
        plain,
        head + multipart("mixed", both, file),
        head + multipart("report", part("text/plain", "sorry"), status, back, extra="; report-type=delivery-status"),
    ]


@given(st.integers(0, 2**32), st.integers(0, 2), st.integers(1, 30))
@settings(max_examples=400, deadline=None)
def test_mutated_mails_are_read(seed: int, which: int, changes: int) -> None:
    chance = random.Random(seed)
    raw = bytearray(_real()[which])
    for _ in range(changes):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(5):
            case 0:
                raw[at:at] = chance.randbytes(chance.randrange(1, 4))
            case 1:
                del raw[at : at + chance.randrange(1, 40)]
            case 2:
                raw[at : at + 1] = chance.choice([b"\r", b"\n", b"\0", b"=", b"?", b"<", b'"', b":", b"\xff"])
            case 3:
                other = chance.randrange(len(raw) + 1)
                raw[at:at] = raw[other : other + chance.randrange(1, 80)]
            case _:
                raw = raw[: max(1, at)] if chance.random() < 0.1 else raw
    sound(parse_mail(bytes(raw)))


_TEXT = st.text(max_size=200) | st.lists(
    st.sampled_from(list('<>",;:()@=?\\ ')) | st.text(max_size=3), max_size=60
).map("".join)


@given(_TEXT)
@settings(max_examples=400, deadline=None)
def test_any_header_value_is_read(text: str) -> None:
    defects: list[str] = []
    parse_addresses(text, "to", 50, defects)
    message_ids(text, 10, "references", defects)
    parse_date(text, defects)
    split_subject(text)
    parse_authentication(text)
    decode_words(text, "subject", defects)
    parameters(text, "content-type", defects)


_LINES = st.lists(
    st.sampled_from([
        "> a", ">", "", "-- ", "--", "On 1 May 2024, A wrote:", "On 1 May 2024,", "A <a@b.example> wrote:", "From: a", "Sent: b", "To: c", "Subject: d",
        "-----Original Message-----", "_" * 40, "Sent from my iPhone", "- one", "-Ana", "text", " > x", "Begin forwarded message:", "\x0b", "\u2028", "：",
    ]),
    max_size=40,
)  # fmt: skip


@given(_LINES.map("\n".join) | st.text(max_size=300).map(lambda text: text.replace("\r", "\n")))
@settings(max_examples=800, deadline=None)
def test_no_character_is_lost_between_reply_quote_and_signature(text: str) -> None:
    cut = fragments(text)
    assert "".join(one.text for one in cut) == text
    shown = "".join(split_reply(cut))
    assert sorted(shown.split()) == sorted(text.split()) or "".join(sorted("".join(shown.split()))) == "".join(
        sorted("".join(text.split()))
    )


@given(
    st.lists(
        st.sampled_from(
            [
                "<",
                ">",
                "</",
                "div",
                "blockquote",
                "a href='http://x.example'",
                "p",
                "li",
                "ol start=3",
                "pre",
                "td",
                "br",
                "&lt;",
                "&nbsp;",
                " ",
                "\n",
                "x",
                "!--",
                "script",
                "style='display:none'",
                "\0",
            ]
        ),
        max_size=80,
    ).map("".join)
)
@settings(max_examples=400, deadline=None)
def test_any_html_becomes_text(html: str) -> None:
    html_to_text(html)


@given(st.binary(max_size=200).map(lambda tail: b"\x78\x9f\x3e\x22\x01\x00" + tail))
@settings(max_examples=200, deadline=None)
def test_any_winmail_dat_is_unpacked_or_left(raw: bytes) -> None:
    unpack(raw, 200, [])


@given(st.text(max_size=200).map(lambda tail: "a\nbegin 644 b\n" + tail))
@settings(max_examples=200, deadline=None)
def test_what_only_looks_uuencoded_stays_in_the_text(text: str) -> None:
    kept, files = split_uuencoded(text)
    assert files or kept == text
