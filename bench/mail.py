"""Mail: messages read per second of processor time, against the standard library's parser on the same bytes.

That parser only cuts a message into headers and parts. Ours also decodes the headers and the text, reads addresses, ids
and dates, tells who wrote and cuts the reply from its quotes.
"""

from __future__ import annotations

import base64
import email
import email.policy
import random
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from bench.harness import Result, compare, scaled, turns
from ticketcore.domain.types import Status
from ticketcore.intake.engine import Known, decide
from ticketcore.intake.facts import Facts, Pointer, Relation, TicketFacts, Way
from ticketcore.intake.mail import parse_mail
from ticketcore.intake.received_mail import received_mail
from ticketcore.intake.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.place import Place
    from ticketcore.domain.message_events import Verdict

__all__ = ["mail"]

_HEADERS = """Return-Path: <ana{n}@customer.example>
Delivered-To: help@desk.example
Received: from mx1.customer.example (mx1.customer.example [192.0.2.10])
        by mail.desk.example (Postfix) with ESMTPS id 4ABCDE{n}
        for <help@desk.example>; Tue, 5 Mar 2024 09:12:44 +0100 (CET)
Received: from [192.168.1.20] (unknown [198.51.100.7])
        by mx1.customer.example (Postfix) with ESMTPSA id 9F8E7D{n};
        Tue, 5 Mar 2024 09:12:43 +0100 (CET)
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=customer.example;
        s=mail; t=1709626363; h=from:to:subject:date:message-id;
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=abcd{n}
Authentication-Results: mail.desk.example; dkim=pass header.d=customer.example;
        spf=pass smtp.mailfrom=ana{n}@customer.example
Message-ID: <7c1f0b3a-9d2e-4f5a-8b6c-{n}@customer.example>
Date: Tue, 5 Mar 2024 09:12:42 +0100
MIME-Version: 1.0
User-Agent: Mozilla Thunderbird
Subject: Re: [Parcel {n}] It has not arrived
From: Ana Lima <ana{n}@customer.example>
To: Help Desk <help@desk.example>
In-Reply-To: <20240304.{n}@desk.example>
References: <20240301.{n}@desk.example> <20240304.{n}@desk.example>
"""
_PLAIN = """Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 8bit

Hello,

thank you, but parcel {n} is still in transit. The neighbours have nothing
either, and the page has said the same since last Tuesday.

Can you find out where it is? It is a present.

Kind regards
Ana

On 04.03.24 16:20, Help Desk wrote:
> Hello Ana,
> we have asked the carrier. Has it arrived in the meantime?
> Your Help Desk
"""


def _plain(number: int) -> bytes:
    return (_HEADERS + _PLAIN).format(n=number).replace("\n", "\r\n").encode()


def _attached(number: int) -> bytes:
    text = _PLAIN.format(n=number)
    html = (
        "Content-Type: text/html; charset=UTF-8\n\n<div>"
        + text.partition("\n\n")[2].replace("\n", "<br>\n")
        + "</div>\n"
    )
    file = base64.encodebytes(random.Random(number).randbytes(100_000)).decode()
    whole = (
        _HEADERS.format(n=number)
        + 'Content-Type: multipart/mixed; boundary="=_a"\n\n--=_a\nContent-Type: multipart/alternative; boundary="=_b"\n\n'
        f"--=_b\n{text}\n--=_b\n{html}\n--=_b--\n\n--=_a\nContent-Type: image/jpeg; name=parcel.jpg\nContent-Transfer-Encoding: base64\n"
        f"Content-Disposition: attachment; filename=parcel.jpg\n\n{file}\n--=_a--\n"
    )
    return whole.replace("\n", "\r\n").encode()


def mail(place: Place) -> list[Result]:  # noqa: ARG001 - every part gets the place
    """Return the figures; they need no server."""
    plain = [_plain(number) for number in range(scaled(1_000))]
    attached = [_attached(number) for number in range(scaled(50))]
    found = []
    for name, messages, goal in (("plain mail", plain, 0.5), ("mail with html and a file of 100 KB", attached, None)):
        sides: dict[str, Callable[[int], float]] = {
            "ours": partial(_rate, messages, parse_mail),
            "bare": partial(_rate, messages, email.message_from_bytes),
            "modern": partial(_rate, messages, _modern),
        }
        rates = turns(f"mail, {name}", sides, 9)
        found += [
            compare(
                f"read: {name}",
                "messages/s",
                rates["ours"],
                rates["bare"],
                "email.message_from_bytes, nothing decoded",
                goal,
            ),
            compare(
                f"read: {name}",
                "messages/s",
                rates["ours"],
                rates["modern"],
                "the same with email.policy.default, nothing decoded",
            ),
        ]
    sides = {
        "ours": partial(_rate, plain, _decided),
        "bare": partial(_rate, plain, email.message_from_bytes),
        "modern": partial(_rate, plain, _modern),
    }
    rates = turns("mail, read and decided", sides, 9)
    for side, peer, goal in (
        ("bare", "email.message_from_bytes, nothing decoded", 0.5),
        ("modern", "the same with email.policy.default, nothing decoded", None),
    ):
        found.append(compare("read and decided: plain mail", "messages/s", rates["ours"], rates[side], peer, goal))
    return found


def _decided(raw: bytes) -> Verdict:
    """Read a mail and decide it, an answer to a message that is in a ticket of its sender; the facts are given."""
    message = received_mail(raw, _RULES)
    return decide(Known(message.channel, message.automatic), _FACTS, _RULES)


_RULES = Rules(trusted_servers=("mail.desk.example",))
_TICKET, _CUSTOMER, _MESSAGE = UUID(int=1), UUID(int=2), UUID(int=3)
_FACTS = Facts(
    received_at=datetime(2024, 3, 5, 9, 12, 44, tzinfo=UTC),
    customers=(_CUSTOMER,),
    reachable=True,
    registrable=True,
    pointers=(Pointer(way=Way.KNOWN_MESSAGE, named=_TICKET, stands=_TICKET, message=_MESSAGE),),
    tickets=(TicketFacts(id=_TICKET, status=Status.OPEN, relation=Relation.REQUESTER),),
)


def _modern(raw: bytes) -> object:
    return email.message_from_bytes(raw, policy=email.policy.default)


def _rate(messages: list[bytes], read: Callable[[bytes], object], turn: int) -> float:  # noqa: ARG001 - given to every side
    began = time.process_time()
    for raw in messages:
        read(raw)
    return len(messages) / (time.process_time() - began)
