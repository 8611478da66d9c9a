"""Mails and messages that tests of the intake are written with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from ticketcore import Actor, Role, TicketCore
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import Channel, IdentityKind
from ticketcore.intake.message import InboundMessage
from ticketcore.replay import HistoryEntry

ANA, SHOP = Actor.agent("ana"), Actor.system("shop")
AUDIT = Actor(role=Role.AUDITOR, id="audit")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KIM, EVE = "kim@example.org", "eve@example.net"
_NUMBERS = count(1)


def mail(
    text: str = "Where is my parcel?",
    *,
    sender: str = KIM,
    subject: str = "Parcel",
    message_id: str | None = None,
    headers: Sequence[str] = (),
) -> bytes:
    """A mail; each has a Message-ID of its own unless one is given."""
    id_ = message_id or f"<m{next(_NUMBERS)}@mail.example.org>"
    lines = [
        f"From: Kim Lee <{sender}>", "To: help@example.com", f"Subject: {subject}", f"Message-ID: {id_}",
        "Date: Mon, 02 Mar 2026 10:00:00 +0100", *headers, "", text, "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def message(channel: str, kind: str, value: str, text: str = "Hello", **more: Any) -> InboundMessage:
    """A message of a channel that is no mail."""
    identity = Identity(kind=IdentityKind(kind), value=value)
    return InboundMessage(channel=Channel(channel), identities=(identity,), text=text, **more)


def history(core: TicketCore, ticket: str | None) -> Sequence[HistoryEntry]:
    assert ticket is not None
    return core.ticket_history(ticket, by=AUDIT)


def topics(entries: Iterable[HistoryEntry]) -> list[str]:
    return [entry.topic.partition(".")[2] for entry in entries]


def bodies(core: TicketCore, ticket: str | None) -> list[str | None]:
    assert ticket is not None
    return [shown.body for shown in core.show_ticket(ticket, by=ANA).messages]


def count_of(core: TicketCore, topic: str) -> int:
    return sum(entry.topic == topic for entry in core.read_events(by=AUDIT))
