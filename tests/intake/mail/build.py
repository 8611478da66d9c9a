"""Mails as bytes, built by hand, so that whatever is wrong in them stays wrong."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from ticketcore.intake.mail import ParsedMail, parse_mail
from ticketcore.intake.mail.charset import storable

__all__ = ["b64", "header", "mail", "multipart", "part", "read", "sound", "texts"]


def mail(*headers: str | bytes, body: str | bytes = "Hello\n", charset: str = "utf-8") -> bytes:
    """Return a mail with CRLF after each header; the usual ones stand before *headers*."""
    lines = [b"From: Ana Lima <ana@customer.example>", b"To: help@desk.example", b"Message-ID: <1@customer.example>"]
    given = [line.encode() if isinstance(line, str) else line for line in headers]
    names = {line.partition(b":")[0].lower() for line in given}
    kept = [line for line in lines if line.partition(b":")[0].lower() not in names]
    text = body.encode(charset) if isinstance(body, str) else body
    return b"\r\n".join([*kept, *given, b"", text])


def header(line: str | bytes) -> ParsedMail:
    return parse_mail(mail(line))


def part(kind: str, body: str | bytes, *headers: str) -> bytes:
    lines = [f"Content-Type: {kind}".encode(), *(line.encode() for line in headers), b""]
    return b"\r\n".join([*lines, body.encode() if isinstance(body, str) else body])


def multipart(kind: str, *parts: bytes, boundary: str = "=_b1", extra: str = "") -> bytes:
    """Return the lines from Content-Type on of a multipart; usable as a part, or behind other headers."""
    mark = f"--{boundary}".encode()
    inner = b"".join(b"\r\n" + mark + b"\r\n" + one for one in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"{extra}\r\n'.encode()
    return head + inner + b"\r\n" + mark + b"--\r\n"


def read(*headers: str, content: bytes) -> ParsedMail:
    """Read a mail whose last lines are *content*, as `multipart` or `part` gives them."""
    return parse_mail(mail(*headers, body="").removesuffix(b"\r\n") + content)


def b64(data: bytes) -> str:
    return base64.encodebytes(data).decode()


def texts(found: ParsedMail) -> Iterator[str]:
    """Every text in what was read, however deep."""
    todo: list[object] = [getattr(found, name) for name in ParsedMail.__slots__]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            todo += value


def sound(found: ParsedMail) -> None:
    """Assert what holds of every mail, whatever its bytes."""
    assert all(storable(text) for text in texts(found))
    assert "".join(fragment.text for fragment in found.fragments) == found.text
    assert "\r" not in found.text
    assert all(attachment.name for attachment in found.attachments)
    assert all("/" not in one.name and "\\" not in one.name and len(one.name) <= 200 for one in found.attachments)
