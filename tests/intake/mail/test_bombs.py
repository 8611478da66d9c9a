"""Mails made to take long, to nest deeply, or to fill memory: linear time, a small multiple of their size.

Each is about half a megabyte, and takes tenths of a second; whatever takes the square of the time takes minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from base64 import encodebytes

import pytest

from tests.intake.mail.build import mail, sound
from ticketcore.intake.mail import parse_mail

BOUND = 20.0  # seconds of processor time
N = 50_000


def text(body: bytes, kind: str = "text/plain; charset=utf-8", *headers: str) -> bytes:
    return mail(f"Content-Type: {kind}", *headers, body=body)


def head(line: bytes) -> bytes:
    return line + b"\r\n\r\nx"


def nested(levels: int, *, same: bool = False) -> bytes:
    kind = b"Content-Type: multipart/mixed; boundary="
    names = [b"b" if same else b"b%d" % level for level in range(levels)]
    return b"".join(kind + name + b"\r\n\r\n--" + name + b"\r\n" for name in names) + b"\r\nHello\r\n"


BOMBS = {
    "multiparts nested": nested(5_000),
    "multiparts nested, one boundary": nested(5_000, same=True),
    "100,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n" * 2 * N,
    "a header of 10 MB": b"Subject: " + b"a" * 10_000_000 + b"\r\n\r\nx",
    "many headers": b"X-A: b\r\n" * 6 * N + b"\r\nx",
    "many folds": b"Subject: a" + b"\r\n a" * 4 * N + b"\r\n\r\nx",
    "many boundaries that are none": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bb\r\n" * 2 * N,
    "addresses": head(b"To: " + b"a@b.example, " * N),
    "angle brackets": head(b"To: " + b"<" * 10 * N),
    "comments": head(b"To: " + b"(" * 10 * N + b")"),
    "quotes": head(b"To: " + b'"a" ' * 2 * N),
    "colons": head(b"To: " + b"a@b:" * 2 * N + b";"),
    "encoded words": head(b"Subject: " + b"=?utf-8?q?=C3?= " * N),
    "encoded words, unended": head(b"Subject: " + b"=?a?q?" * 2 * N),
    "prefixes": head(b"Subject: " + b"Re: " * 2 * N),
    "tags": head(b"Subject: " + b"[" * 10 * N),
    "references": head(b"References: " + b" ".join(b"<%d@b>" % i for i in range(N))),
    "parameters": head(b"Content-Type: text/plain" + b";a*1*=x" * N),
    "a comment for a date": head(b"Date: " + b"(" * 10 * N),
    "1 MB of >": text(b">" * 1_000_000),
    "lines of >": text(b">\n" * 4 * N),
    "On ... wrote": text(b"On 1 May ... wrote " * N + b":\n"),
    "lines that introduce": text(b"x wrote:\n" * N),
    "introductions without end": text(b"On 1 May 2024\n" * N),
    "From lines": text(b"From: a\n" * N),
    "signature delimiters": text(b"-- \n" * N),
    "rules": text(b"____________\n" * N),
    "nested brackets": text(b"[(" * 5 * N),
    "spaces": text(b" " * 10 * N + b"x"),
    "empty lines": text(b"\n" * 5 * N),
    "carriage returns": text(b"\r" * 5 * N),
    "flowed": text(b"a \n" * 2 * N, "text/plain; format=flowed"),
    "begin": text(b"begin 644 a\nM\n" * N),
    "base64 in pieces": text(b"YQ==\r\n" * N, "text/plain", "Content-Transfer-Encoding: base64"),
    "equals signs": text(b"=" * 10 * N, "text/plain", "Content-Transfer-Encoding: quoted-printable"),
    "elements open": text(b"<div>" * N, "text/html"),
    "elements in a row": text(b"<div>x</div>" * N, "text/html"),
    "formatting unended": text(b"<b><p></b>" * N, "text/html"),
    "attributes": text(b"<a " + b"".join(b"a%d/" % i for i in range(N)) + b">x</a>", "text/html"),
    "less than": text(b"<" * 4 * N, "text/html"),
    "comments open": text(b"<!--" * 2 * N, "text/html"),
    "ampersands": text(b"&" * 4 * N, "text/html"),
    "no-break spaces": text(b"&nbsp;x" * 4 * N, "text/html"),
    "scripts": text(b"<script>" * N, "text/html"),
    "a report of many": text(b"Final-Recipient: rfc822;a@b\r\n\r\n" * N, "message/delivery-status"),
    "a failure of many": mail("Return-Path: <>", "Subject: Undeliverable", "From: mailer-daemon@a.example", body=b"550 5.1.1 <a@b.example>... User unknown\n" * N),
    "bytes of no charset": mail(body=bytes(range(128, 256)) * 4_000),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_linear_time(name: str) -> None:
    began = time.process_time()
    found = parse_mail(BOMBS[name])
    assert time.process_time() - began < BOUND
    sound(found)


MEMORY = """
import resource, sys
from ticketcore.intake.mail import parse_mail
raw = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = parse_mail(raw)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(grown * (1 if sys.platform == "darwin" else 1024) / len(raw), len(found.attachments[0].content))
"""


@pytest.mark.slow
def test_an_attachment_of_50_mb_takes_memory_of_a_small_multiple_of_it() -> None:
    data = os.urandom(1_000_000) * 50
    raw = (
        b"From: a@a.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(data).replace(b"\n", b"\r\n") + b"--b--\r\n"
    )
    done = subprocess.run([sys.executable, "-c", MEMORY], input=raw, capture_output=True, check=True)
    times, size = done.stdout.split()
    assert int(size) == len(data)
    assert float(times) < 3, "the raw bytes are read once; beside them lies the decoded file"
