"""Whatever bytes come in: recorded as they came, decided, brought to an end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.intake.given import AUDIT
from tests.support.shared import shared_folder
from ticketcore import TicketCore
from ticketcore.domain.message_events import Received
from ticketcore.intake.message import InboundMessage
from ticketcore.intake.rules import Rules
from ticketcore.intake.service import Intake

NO_LIMIT = Rules(new_tickets_per_window=0, trusted_servers=("mx.example.com",))
FILES = sorted(path for path in (shared_folder() / "data" / "mail").rglob("*") if path.is_file())

names = st.sampled_from([
    "From", "To", "Cc", "Subject", "Message-ID", "In-Reply-To", "References", "Date", "Reply-To", "Sender", "Auto-Submitted",
    "List-Id", "Content-Type", "Authentication-Results", "Return-Path", "Delivered-To", "X-Ticketcore-Ticket", "Content-Language",
])  # fmt: skip
values = st.one_of(
    st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"<a@b>", b"kim@example.org", b"Kim <kim@example.org>, <x>", b"=?utf-8?q?=00=ff?=", b"<T-2026-000001-5.1.aaaaaaaaaaaaaaaa@x>",
                     b"mx.example.com; dmarc=fail header.from=example.org", b"multipart/mixed; boundary=b", b"Mon, 99 Foo 99999 25:61 +9999"]),
)  # fmt: skip
raws = st.one_of(
    st.binary(max_size=400),
    st.builds(
        lambda headers, body: b"".join(n.encode() + b": " + v.replace(b"\n", b" ") + b"\r\n" for n, v in headers) + b"\r\n" + body,
        st.lists(st.tuples(names, values), max_size=12), st.binary(max_size=200),
    ),
)  # fmt: skip


def taken_whole(core: TicketCore, raw: bytes) -> None:
    taken = Intake(core, NO_LIMIT).receive_mail(raw)
    received = core.message_events(taken.number, by=AUDIT)[0].event
    assert isinstance(received, Received)
    assert core.raw_message(received) == raw
    assert core.message_state(taken.number).done


@settings(max_examples=150)
@given(raws)
def test_any_bytes_are_recorded_as_they_came_and_brought_to_an_end(raw: bytes) -> None:
    with TicketCore.in_memory() as core:
        taken_whole(core, raw)


@given(raws)
def test_what_is_read_of_a_mail_is_what_a_message_of_any_channel_may_be(raw: bytes) -> None:
    with TicketCore.in_memory() as core:
        read = Intake(core, NO_LIMIT).read_mail(raw)
    checked = InboundMessage(**{name: getattr(read, name) for name in InboundMessage.model_fields})
    assert checked == read
    assert checked.fingerprint == read.fingerprint


@pytest.mark.skipif(not FILES, reason="the shared input is not here")
def test_every_shared_mail_is_taken() -> None:
    with TicketCore.in_memory() as core:
        seen = set()
        for path in FILES:
            raw = path.read_bytes()
            if raw not in seen and raw.strip():
                seen.add(raw)
                Intake(core, NO_LIMIT).receive_mail(raw)
        assert Intake(core).sweep() == []
