"""Header values as mail programs write them, right and wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.intake.mail.build import header, mail
from ticketcore.intake.mail import Mailbox, Verdict, parse_mail


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?UTF-8?B?R3LDvMOfZQ?=", "Grüße"),  # without its padding
        ("=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"),  # cut within a character
        ("=?utf-8?q?a?= =?iso-8859-1?q?=FC?=", "aü"),
        ("=?utf-8?q?a?=b", "ab"),
        ("x =?utf-8?q?a?= y =?utf-8?q?b?=", "x a y b"),
        ("=?utf-8?q?two words?=", "two words"),  # a space that no standard allows
        ("=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=", "テスト"),
        ("=?gb2312?B?us0=?=", "和"),
        ("=?gb2312?B?gTCBMQ==?=", "\x81".encode("gb18030").decode("gb18030")),  # GB 18030 under the name of GB 2312
        ("=?utf8mb4?q?=C3=BC?=", "ü"),
        ("=?x-unknown?q?=FC?=", "ü"),
        ("=?ansi?q?=FC=80?=", "ü€"),
        ("=?cp-850?q?=81?=", "ü"),
        ("=?windows-874?q?=A1?=", "ก"),
        ("=?utf-8?B?!!!?=", ""),
        ("=?utf-8?q?open", "=?utf-8?q?open"),
        ("=?utf-8*de?q?=C3=BC?=", "ü"),  # RFC 2231 5
        ("Gr\xfc\xdfe".encode("latin-1"), "Grüße"),
        ("Grüße".encode(), "Grüße"),
        ("a\r\n  b\r\n\tc", "a b c"),
        ("a\x00b", "ab"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_subject_is_decoded(written: str | bytes, read: str) -> None:
    raw = written.encode() if isinstance(written, str) else written
    assert header(b"Subject: " + raw).subject == read


@pytest.mark.parametrize(
    ("subject", "base", "prefixes", "tags"),
    [
        ("Re: Printer", "Printer", ("Re",), ()),
        ("AW: WG: Re[2]: Drucker", "Drucker", ("AW", "WG", "Re"), ()),
        ("[list] Re: [T-2024-000001] SV: x", "x", ("Re", "SV"), ("list", "T-2024-000001")),
        ("回复：打印机", "打印机", ("回复",), ()),
        ("RE : TR: imprimante", "imprimante", ("RE", "TR"), ()),
        ("Reply to all", "Reply to all", (), ()),
        ("Re:", "", ("Re",), ()),
        ("[only a tag]", "", (), ("only a tag",)),
        ("Report: x", "Report: x", (), ()),
        ("FWD: Fw: RV: ENC: x", "x", ("FWD", "Fw", "RV", "ENC"), ()),
    ],
)
def test_prefixes_and_tags_are_told_from_the_subject(
    subject: str, base: str, prefixes: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    found = header(f"Subject: {subject}")
    assert (found.subject_base, found.subject_prefixes, found.subject_tags) == (base, prefixes, tags)
    assert found.subject == subject


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ana@a.example", [("", "ana@a.example")]),
        ("Ana <ana@a.example>", [("Ana", "ana@a.example")]),
        ('"Lima, Ana" <ana@a.example>', [("Lima, Ana", "ana@a.example")]),
        ("Lima, Ana <ana@a.example>", [("Lima, Ana", "ana@a.example")]),
        ("=?utf-8?q?Lima=2C_Ana?= <ana@a.example>", [("Lima, Ana", "ana@a.example")]),
        ("=?utf-8?q?Lima,_Ana?= <ana@a.example>", [("Lima, Ana", "ana@a.example")]),
        ('"=?utf-8?q?J=C3=B6rn?=" <j@a.example>', [("Jörn", "j@a.example")]),
        ("ana@a.example (Ana)", [("Ana", "ana@a.example")]),
        ("ana@a.example (=?utf-8?q?J=C3=B6rn?=), bo@a.example (Bo (old))", [("Jörn", "ana@a.example"), ("Bo (old)", "bo@a.example")]),
        ("a@a.example, b@b.example; c@c.example", [("", "a@a.example"), ("", "b@b.example"), ("", "c@c.example")]),
        ("a@a.example b@b.example", [("", "a@a.example"), ("", "b@b.example")]),
        ("A <a@a.example> B <b@b.example>", [("A", "a@a.example"), ("B", "b@b.example")]),
        ("undisclosed-recipients:;", []),
        ("Undisclosed recipients", []),
        ("Team: A <a@a.example>, b@b.example;", [("A", "a@a.example"), ("", "b@b.example")]),
        ("Desk: Ana <ana@a.example>", [("Desk: Ana", "ana@a.example")]),
        ("<@relay.example:ana@a.example>", [("", "ana@a.example")]),
        ("Ana <ana@a.example.>", [("Ana", "ana@a.example")]),
        ("Ana <ana@a.example", [("Ana", "ana@a.example")]),
        ("Ana ana@a.example>", [("Ana", "ana@a.example")]),
        ("Ana <<ana@a.example>>", [("Ana", "ana@a.example")]),
        ("'ana@a.example' <ana@a.example>", [("ana@a.example", "ana@a.example")]),
        ("<mailto:ana@a.example>", [("", "ana@a.example")]),
        ("ana @ a . example", [("", "ana@a.example")]),
        ("Ana (of (all) people) <ana(x)@a.example>", [("Ana", "ana@a.example")]),
        ("Ana <>", [("Ana", "")]),
        ("Ana", [("Ana", "")]),
        ("=?utf-8?q?Ana_=3Cana=40a.example=3E?=", [("Ana", "ana@a.example")]),
        ("jörn@büro.example", [("", "jörn@büro.example")]),
        (", , a@a.example,", [("", "a@a.example")]),
        ('"a\\"b" <a@a.example>', [('a"b', "a@a.example")]),
        ("(only a comment)", []),
        ('"unclosed <a@a.example>', [("unclosed", "a@a.example")]),
        ("a@b@c.example", [("", "a@b@c.example")]),
    ],
)  # fmt: skip
def test_addresses_are_read(written: str, read: list[tuple[str, str]]) -> None:
    assert list(header(f"To: {written}").to) == [Mailbox(*box) for box in read]


def test_all_who_are_named_are_there() -> None:
    found = parse_mail(mail(
        "From: a@a.example, B <b@a.example>", "Sender: S <s@a.example>", "Reply-To: r@a.example", "Cc: c@a.example", "Cc: d@a.example",
        "Delivered-To: x@desk.example", "X-Original-To: help@desk.example", "Envelope-To: x@desk.example", "Return-Path: <bounce@a.example>",
    ))  # fmt: skip

    assert [box.address for box in found.from_] == ["a@a.example", "b@a.example"]
    assert found.sender == Mailbox("S", "s@a.example")
    assert found.reply_to == (Mailbox("", "r@a.example"),)
    assert [box.address for box in found.cc] == ["c@a.example", "d@a.example"]
    assert found.delivered_to == ("x@desk.example", "help@desk.example")
    assert found.return_path == "bounce@a.example"


def test_a_mail_without_from_says_so() -> None:
    found = parse_mail(b"Subject: x\r\n\r\ny\r\n")
    assert (found.from_, found.defects) == ((), ("no From",))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<a@b.example>", ("a@b.example",)),
        ("a@b.example", ("a@b.example",)),
        ("<a@b.example> <c@d.example> <a@b.example>", ("a@b.example", "c@d.example")),
        ("<a@b.example>,<c@d.example>", ("a@b.example", "c@d.example")),
        ("<a\r\n @b.example>", ("a@b.example",)),
        ("Your mail of today <a@b.example> (Ana)", ("a@b.example",)),
        ("=?utf-8?q?=3Ca=40b.example=3E?=", ("a@b.example",)),
        ("<a@b.example>\r\nReferences: <c@d.example>", ("a@b.example", "c@d.example")),
        ("<a@b.example>, <c\r\nd@d.example>", ("a@b.example", "cd@d.example")),  # a fold without its white space
        ("nothing", ()),
        ("", ()),
    ],
)
def test_references_are_read_in_order_each_once(written: str, read: tuple[str, ...]) -> None:
    assert header(f"References: {written}").references == read


def test_raw_characters_in_a_subject_are_of_the_text_s_charset() -> None:
    raw = mail(
        b"Subject: " + "Привет".encode("koi8-r"),
        "Content-Type: text/plain; charset=koi8-r",
        body="Да",
        charset="koi8-r",
    )
    assert (parse_mail(raw).subject, parse_mail(raw).text) == ("Привет", "Да")


def test_of_very_many_references_the_first_and_the_newest_stay() -> None:
    found = header("References: " + " ".join(f"<{number}@a.example>" for number in range(1_000)))
    assert len(found.references) == 200
    assert (found.references[0], found.references[-1]) == ("0@a.example", "999@a.example")
    assert "references: 1000 ids, the first and the last 199 kept" in found.defects


CET = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Tue, 5 Mar 2024 09:12:42 +0100", datetime(2024, 3, 5, 9, 12, 42, tzinfo=CET)),
        ("5 Mar 2024 09:12 +0100 (CET)", datetime(2024, 3, 5, 9, 12, tzinfo=CET)),
        ("Tue, 05 Mar 24 09:12:42 GMT", datetime(2024, 3, 5, 9, 12, 42, tzinfo=UTC)),
        ("Tue, 5 Mar 2024 09:12:60 +0000", datetime(2024, 3, 5, 9, 12, 59, tzinfo=UTC)),
        ("Tue, 5 Mar 2024 09:12:42", datetime(2024, 3, 5, 9, 12, 42, tzinfo=UTC)),
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", datetime(1997, 11, 21, 9, 55, 6, tzinfo=timezone(timedelta(hours=-6)))),
        ("Tue, 31 Feb 2024 09:12:42 +0100", None),
        ("Mon, 1 Jan 0001 00:00:00 +0100", None),
        ("Fri, 31 Dec 9999 23:59:59 -0100", None),
        ("Tue, 5 Mar 2024 09:12:42 +9999", None),
        ("yesterday", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_claimed_time_is_read_or_none(written: str, read: datetime | None) -> None:
    assert header(f"Date: {written}").date == read


def test_authentication_results_are_kept_by_method_and_domain() -> None:
    found = header(
        "Authentication-Results: mx.desk.example; dkim=pass (2048-bit key) header.d=A.example header.i=@a.example;"
        "\r\n spf=softfail smtp.mailfrom=ana@b.example; dmarc = fail (p=none; dis=none) header.from=a.example; none"
    )
    assert found.authentication == (
        Verdict("mx.desk.example", "dkim", "pass", "a.example"),
        Verdict("mx.desk.example", "spf", "softfail", "b.example"),
        Verdict("mx.desk.example", "dmarc", "fail", "a.example"),
    )


def test_a_quoted_address_forges_no_authentication_result() -> None:
    forged = '"a; dkim=pass header.d=bank.example; (\\" "@evil.example'
    found = header(
        f"Authentication-Results: mx.desk.example; spf=fail (sender {forged}) smtp.mailfrom={forged}; dmarc=fail header.from=bank.example"
    )
    assert [(one.method, one.result, one.domain) for one in found.authentication] == [
        ("spf", "fail", "evil.example"), ("dmarc", "fail", "bank.example"),
    ]  # fmt: skip


def test_headers_are_kept_decoded_and_asked_for_by_name() -> None:
    found = parse_mail(mail("X-Thing: =?utf-8?q?=C3=BC?=", "x-thing: b", "X-Long: " + "y" * 30_000))
    assert found.values("X-THING") == ("ü", "b")
    assert len(found.values("x-long")[0]) == 20_000
    assert "x-long: a header of 30002 bytes, shown up to 20000 characters" in found.defects


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        (b"From ana@a.example Mon Mar  4 10:00:00 2024\nSubject: s\n\nt\n", "s", "t\n"),
        (b"\r\n\r\nSubject: s\r\n\r\nt\r\n", "s", "t\n"),
        (b"Subject: s\rFrom: a@a.example\r\rt\r", "s", "t\n"),
        (b"Subject: s\nFrom: a@a.example\r\n\nt\r\nu\rv\n", "s", "t\nu\nv\n"),
        (b"Subject : s\r\n\r\nt", "s", "t"),
        (b"\xef\xbb\xbfSubject: s\r\n\r\nt", "s", "t"),
        (b"junk line\r\nSubject: s\r\n\r\nt", "s", "t"),
        (b"From: a@a.example\r\nno header at all\r\nSubject: s\r\n\r\nt", "s", "t"),
        (
            b"Subject: s\r\nHello,\r\nI forgot the empty line.\r\n\r\nBye",
            "s",
            "Hello,\nI forgot the empty line.\n\nBye",
        ),
        (b"Subject: s\r\n \r\nFrom: a@a.example\r\n\r\nt", "s", "t"),
        (b"Subject: s", "s", ""),
        (b"Subject: s\r\n", "s", ""),
        (b"only text", "", "only text"),
        (b"", "", ""),
    ],
)
def test_broken_beginnings_are_read(raw: bytes, subject: str, text: str) -> None:
    found = parse_mail(raw)
    assert (found.subject, found.text) == (subject, text)
