"""The readable text, html and attachments, of mails sound and broken."""

from __future__ import annotations

import struct

import pytest

from tests.intake.mail.build import b64, mail, multipart, part, read
from ticketcore.intake.mail import Attachment, CalendarItem, Limits, ParsedMail, parse_mail

PLAIN = "text/plain; charset=utf-8"


def body(text: bytes, kind: str, *headers: str) -> ParsedMail:
    return parse_mail(mail(f"Content-Type: {kind}", *headers, body=text))


@pytest.mark.parametrize(
    ("raw", "charset", "text", "told"),
    [
        ("Grüße".encode(), "utf-8", "Grüße", None),
        ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße", None),
        ("„Grüße“ €".encode("cp1252"), "iso-8859-1", "„Grüße“ €", None),  # Windows under the name of Latin-1
        ("Grüße".encode("latin-1"), "utf-8", "Grüße", "not utf-8, read as Windows-1252"),
        ("Grüße".encode(), "us-ascii", "Grüße", "no charset, read as UTF-8"),
        ("Grüße".encode(), "x-unknown", "Grüße", "no charset, read as UTF-8"),
        ("Grüße".encode(), "martian", "Grüße", "unknown charset 'martian', read as UTF-8"),
        (b"Hello", "martian", "Hello", "unknown charset 'martian', read as ASCII"),
        ("Grüße".encode("cp850"), "cp-850", "Grüße", None),
        ("和镕".encode("gb18030"), "gb2312", "和镕", None),
        ("テスト①".encode("cp932"), "shift_jis", "テスト①", None),
        ("テスト".encode("iso2022_jp"), "iso-2022-jp", "テスト", None),
        ("똠방각하".encode("cp949"), "ks_c_5601-1987", "똠방각하", None),
        ("ไทย".encode("cp874"), "windows-874", "ไทย", None),
        ("Grüße".encode("utf-16"), "utf-16", "Grüße", None),
        ("您好！今天好吗？".encode(), "big5", "您好！今天好吗？", "not big5, read as UTF-8"),
        ("Grüße aus Köln, schön".encode(), "windows-1252", "Grüße aus Köln, schön", "not windows-1252, read as UTF-8"),
        ("Größe".encode("latin-1"), "iso-8859-15", "Größe", None),
        ("Грамота".encode("koi8-r") * 20, "", "Грамота" * 20, "detected as"),
        ("Grüße".encode() + b" \xc3", "utf-8", "Grüße \ufffd", "1 characters are not utf-8, replaced"),
        (b"a\0b", "utf-8", "ab", None),
        (b"+2AA-", "utf-7", "\ufffd", None),  # a lone surrogate
        (b"x", "rot13", "x", "unknown charset 'rot13', read as ASCII"),
        (b"x", "base64", "x", "unknown charset 'base64', read as ASCII"),
    ],
)
def test_text_is_read_whatever_its_charset_is_called(raw: bytes, charset: str, text: str, told: str | None) -> None:
    found = body(raw, f"text/plain; charset={charset}")
    assert found.text == text
    assert (told is None and not found.defects) or any(told in defect for defect in found.defects if told), (
        found.defects
    )


@pytest.mark.parametrize(
    ("encoding", "raw", "text"),
    [
        ("base64", b"R3LDvMOfZQ==", "Grüße"),
        ("BASE64 ", b"R3LD\r\nvMOf\r\nZQ", "Grüße"),
        ("base64", b"R3*LDvM!OfZQ==\r\n-- footer", "Grüße"),
        ("base64", b"SGVs\r\nbG8=\r\nV29ybGQ=\r\n", "HelloWorld"),  # in pieces
        ("base64", b"Dear all, this is no base64 at all.", "Dear all, this is no base64 at all."),
        ("base64", b"R3LDvMOfZ", "Grüß"),
        ("quoted-printable", b"Gr=C3=BC=\r\n=C3=9Fe", "Grüße"),
        ("Quoted printable;", b"=C3=BC", "ü"),
        ("quoted-printable", b"100 % = all=", "100 % = all"),
        ("8bits", "Grüße".encode(), "Grüße"),
        ("nonsense", b"Hello", "Hello"),
        ("", b"Hello", "Hello"),
    ],
)
def test_transfer_encodings_are_undone(encoding: str, raw: bytes, text: str) -> None:
    assert body(raw, PLAIN, f"Content-Transfer-Encoding: {encoding}").text == text


def test_flowed_paragraphs_are_joined_quotes_and_signature_stay() -> None:
    sent = b"This is one \r\nparagraph.\r\n\r\n> quoted \r\n> text\r\n From here\r\n-- \r\nAna\r\n"
    found = body(sent, PLAIN + "; format=flowed")
    assert found.text == "This is one paragraph.\n\n> quoted text\nFrom here\n-- \nAna\n"
    assert body(b"Japan \r\nese\r\n", PLAIN + "; format=flowed; delsp=yes").text == "Japanese\n"


def test_of_two_forms_the_plain_one_is_the_text_and_the_other_the_html() -> None:
    found = read(content=multipart("alternative", part(PLAIN, "Hello\r\n"), part("text/html", "<p>Hello</p>")))
    assert (found.text, found.html, found.attachments) == ("Hello\n", "<p>Hello</p>", ())


def test_an_empty_plain_form_gives_way_to_the_html() -> None:
    found = read(content=multipart("alternative", part(PLAIN, "\r\n \r\n"), part("text/html", "<p>Hello</p>")))
    assert found.text == "Hello"


def test_html_becomes_text_with_quotes_lists_and_links() -> None:
    found = body(
        b"<html><head><title>t</title><style>p{}</style></head><body><div>Hello&nbsp;<b>Ana</b>,</div><p>one<br>two</p>"
        b"<ul><li>a<li>b<ul><li>c</ul></ul><ol start=3><li>x</ol><a href='https://a.example/x'>link</a> <a href='https://b.example/'>b.example</a>"
        b"<table><tr><td>1</td><td>2</td></tr></table><pre>  kept\n   as is</pre><img alt='Logo' src='cid:l'>"
        b"<div style='display: none'>preheader</div><blockquote><div>old</div><blockquote>older</blockquote></blockquote></body></html>",
        "text/html; charset=utf-8",
    )
    assert found.text == (
        "Hello Ana,\n\none\ntwo\n\n- a\n- b\n  - c\n3. x\nlink <https://a.example/x> b.example\n1 2\n  kept\n   as is\n[Logo]\n\n> old\n>\n>> older"
    )


def test_html_is_made_safe() -> None:
    found = body(
        b"<script>alert(1)</script><p onclick='x()' style='background:url(http://t.example)'>a</p><a href='javascript:x()'>b</a>"
        b"<a href='https://c.example'>c</a><img src='http://t.example/p.gif' alt='p'><img src='cid:logo@a.example'><iframe src='x'></iframe>"
        b"<form action='x'><input name='y'></form><a href='data:text/html,x'>d</a><svg onload=x()></svg>",
        "text/html",
    )
    html = found.html
    assert html is not None
    assert '<a href="https://c.example" rel="noopener noreferrer">c</a>' in html
    assert '<img src="cid:logo@a.example">' in html
    for bad in (
        "script",
        "alert",
        "onclick",
        "style",
        "javascript",
        "t.example",
        "iframe",
        "form",
        "input",
        "data:",
        "svg",
        "onload",
    ):
        assert bad not in html


def test_html_that_no_tree_should_be_built_of_is_stripped_of_its_tags() -> None:
    found = body(b"<div>" * 5_000 + b"Hello" + b"</div>" * 5_000 + b"<script>x</script>", "text/html")
    assert (found.text, found.html) == ("Hello", None)
    assert "html too large or nested too deeply to be rendered, its tags stripped" in found.defects


FILE = part(
    "application/pdf",
    b64(b"%PDF-1"),
    "Content-Transfer-Encoding: base64",
    'Content-Disposition: attachment; filename="a.pdf"',
)


def test_text_around_attachments_is_one_text() -> None:
    found = read(content=multipart("mixed", part(PLAIN, "above\r\n"), FILE, part(PLAIN, "below\r\n")))
    assert found.text == "above\n\nbelow"
    assert found.attachments == (Attachment("a.pdf", "application/pdf", b"%PDF-1", inline=False, content_id=None),)


def test_an_inline_image_is_marked_so() -> None:
    image = part(
        "image/png; name=l.png",
        b64(b"PNG"),
        "Content-Transfer-Encoding: base64",
        "Content-ID: <l@a.example>",
        "Content-Disposition: inline",
    )
    forms = multipart(
        "alternative", part(PLAIN, "x"), part("text/html", "<img src='cid:l@a.example'>"), boundary="=_b2"
    )
    found = read(content=multipart("related", forms, image))
    assert found.attachments == (Attachment("l.png", "image/png", b"PNG", inline=True, content_id="l@a.example"),)


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (['Content-Disposition: attachment; filename="a b.txt"'], "a b.txt"),
        (["Content-Disposition: attachment; filename=a b.txt"], "a b.txt"),
        (["Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt"], "Grüße.txt"),
        (["Content-Disposition: attachment; filename*0*=utf-8''Gr%C3;", " filename*1*=%BC%C3%9Fe; filename*2=.txt"], "Grüße.txt"),
        (['Content-Disposition: attachment; filename="=?utf-8?q?Gr=C3=BC=C3=9Fe.txt?="'], "Grüße.txt"),
        (['Content-Disposition: attachment; filename="Grüße.txt"'], "Grüße.txt"),
        (['Content-Disposition: attachment; filename="../../etc/passwd"'], "passwd"),
        (['Content-Disposition: attachment; filename="C:\\\\temp\\\\x.doc"'], "x.doc"),
        (['Content-Disposition: attachment; filename=".."'], "attachment-1.bin"),
        (['Content-Disposition: attachment; filename="a\u202etxt.exe"'], "atxt.exe"),
        (["Content-Disposition: attachment"], "attachment-1.bin"),
        (["Content-Location: https://a.example/d/p.bin?x=1"], "p.bin"),
        ([f'Content-Disposition: attachment; filename="{"n" * 300}.pdf"'], "n" * 196 + ".pdf"),
    ],
)  # fmt: skip
def test_a_file_s_name_is_read_and_harmless(headers: list[str], name: str) -> None:
    found = read(content=multipart("mixed", part(PLAIN, "x"), part("application/octet-stream", "y", *headers)))
    assert [one.name for one in found.attachments] == [name]


def test_a_text_with_a_file_name_is_the_text_if_it_comes_first() -> None:
    inline = part(PLAIN + "; name=text.txt", "Hello", "Content-Disposition: inline; filename=text.txt")
    more = part(PLAIN, "notes", "Content-Disposition: inline; filename=notes.txt")
    found = read(content=multipart("mixed", inline, FILE, more))
    assert (found.text, [one.name for one in found.attachments]) == ("Hello", ["a.pdf", "notes.txt"])


def test_what_is_only_indented_is_no_quote() -> None:
    found = body(
        b"<p>one</p><blockquote style='margin:0 0 0 40px;border:none;padding:0px'><p>two</p></blockquote>", "text/html"
    )
    assert found.reply_text == "one\n\ntwo"


def test_a_forwarded_mail_is_one_attachment_named_by_its_subject() -> None:
    inner = mail("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=") + FILE
    found = read(content=multipart("mixed", part(PLAIN, "see below"), part("message/rfc822", inner)))
    assert [(one.name, one.content) for one in found.attachments] == [("Grüße.eml", inner)]


def test_uuencoded_files_in_the_text_are_attachments() -> None:
    found = parse_mail(mail(body="See:\r\nbegin 644 hi.txt\r\n&2&5L;&\\*\r\n`\r\nend\r\nBye\r\n"))
    assert found.text == "See:\nBye\n"
    assert [(one.name, one.content) for one in found.attachments] == [("hi.txt", b"Hello\n")]
    assert (
        parse_mail(mail(body="begin 644 of the story\r\nit was dark\r\nend\r\n")).text
        == "begin 644 of the story\nit was dark\nend\n"
    )


def _tnef(*attributes: tuple[int, int, bytes]) -> bytes:
    head = struct.pack("<IH", 0x223E9F78, 1)
    return head + b"".join(
        struct.pack("<BHHI", level, number, 6, len(data)) + data + b"\0\0" for level, number, data in attributes
    )


def test_winmail_dat_is_unpacked_or_left() -> None:
    packed = _tnef(
        (1, 0x9006, b"\1\0"),
        (2, 0x9002, b"x"),
        (2, 0x8010, b"C:\\a\\r.doc\0"),
        (2, 0x800F, b"DOC"),
        (2, 0x9002, b"x"),
        (2, 0x800F, b"2"),
    )
    head = ("Content-Transfer-Encoding: base64", 'Content-Disposition: attachment; filename="winmail.dat"')
    found = read(content=multipart("mixed", part(PLAIN, "x"), part("application/ms-tnef", b64(packed), *head)))
    assert [(one.name, one.content) for one in found.attachments] == [("r.doc", b"DOC"), ("winmail-2.bin", b"2")]

    left = read(content=multipart("mixed", part(PLAIN, "x"), part("application/ms-tnef", b64(b"junk"), *head)))
    assert [(one.name, one.content) for one in left.attachments] == [("winmail.dat", b"junk")]


INVITATION = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1@a.example\r\nSUMMARY;LANGUAGE=en:Meet\\, the\r\n  team\r\nBEGIN:VALARM\r\nSUMMARY:no\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def test_an_invitation_is_seen_and_attached() -> None:
    found = read(
        content=multipart("alternative", part(PLAIN, "Come"), part("text/calendar; method=REQUEST", INVITATION))
    )
    assert found.calendar == (CalendarItem("REQUEST", "1@a.example", "Meet, the team"),)
    assert (found.text, [one.media_type for one in found.attachments]) == ("Come", ["text/calendar"])


def test_what_is_encrypted_or_signed_is_left_intact() -> None:
    cipher = multipart(
        "encrypted",
        part("application/pgp-encrypted", "Version: 1\r\n"),
        part("application/octet-stream", "-----BEGIN PGP MESSAGE-----\r\n"),
        extra='; protocol="application/pgp-encrypted"',
    )
    signed = multipart(
        "signed",
        part(PLAIN, "Hi"),
        part("application/pkcs7-signature; name=smime.p7s", b64(b"S"), "Content-Transfer-Encoding: base64"),
        extra='; protocol="application/pkcs7-signature"',
    )
    opaque = part(
        "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
        b64(b"E"),
        "Content-Transfer-Encoding: base64",
    )

    assert read(content=cipher).encrypted == "pgp"
    assert len(read(content=cipher).attachments) == 2
    assert (read(content=signed).signed, read(content=signed).text) == ("smime", "Hi")
    assert [one.content for one in read(content=signed).attachments] == [b"S"]
    assert (read(content=opaque).encrypted, read(content=opaque).attachments[0].content) == ("smime", b"E")
    assert parse_mail(mail(body="-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n")).encrypted == "pgp"
    assert parse_mail(mail(body="-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n")).signed == "pgp"


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHello\r\n",  # never closed
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--y\r\nContent-Type: text/plain\r\n\r\nHello\r\n--y--\r\n",  # another one
        b"Content-Type: multipart/mixed\r\n\r\n--y\r\nContent-Type: text/plain\r\n\r\nHello\r\n--y--\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nHello\r\n",  # no parts
        b'Content-Type: multipart/mixed; boundary="x"\r\nContent-Type: text/plain\r\n\r\n--x\r\n\r\nHello\r\n--x--\r\n',
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--xy\r\n--x\r\n\r\nHello\r\n--x-\r\n",
        b"Content-Type: text\r\n\r\nHello\r\n",
        b"Content-Type: nonsense\r\n\r\nHello\r\n",
        b"Content-Type: text/plain; charset\r\n\r\nHello\r\n",
    ],
)
def test_broken_structure_still_gives_the_text(content: bytes) -> None:
    assert read(content=content).text.strip() == "Hello"


def test_multiparts_nested_too_deep_are_kept_as_a_whole() -> None:
    content = part(PLAIN, "Hello")
    for level in range(60):
        content = multipart("mixed", content, boundary=f"b{level}")
    found = read(content=content)
    assert found.text == ""
    assert b"Hello" in found.attachments[0].content
    assert "multiparts nested deeper than 40, kept as one attachment" in found.defects


def test_parts_beyond_the_limit_are_kept_as_one() -> None:
    files = [
        part("application/x", str(number), f'Content-Disposition: attachment; filename="{number}"')
        for number in range(50)
    ]
    found = parse_mail(mail(body="").removesuffix(b"\r\n") + multipart("mixed", *files), limits=Limits(parts=10))
    assert len(found.attachments) == 10
    assert b"\r\n\r\n49\r\n" in found.attachments[-1].content
    assert "more parts than the limit, the rest kept as one attachment" in found.defects
