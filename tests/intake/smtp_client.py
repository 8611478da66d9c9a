"""A mail server that queues: it sends each message again until somebody answers 250."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable

__all__ = ["PATIENCE", "deliver"]

PATIENCE = 300.0
"""Seconds for which one message is sent again and again."""


def deliver(
    port: Callable[[], int | None], raw: bytes, *, sender: str, recipients: list[str], lmtp: bool = False
) -> tuple[str, int]:
    """Send one message until it is taken; return the text of the reply and how often it was sent.

    Args:
        port: where the server listens now, ``None`` while it does not.
        raw: the message.
        sender: of the envelope.
        recipients: likewise.
        lmtp: by LMTP instead of SMTP.
    """
    deadline, tries = time.monotonic() + PATIENCE, 0
    while time.monotonic() < deadline:
        number = port()
        if number is None:
            time.sleep(0.02)
            continue
        tries += 1
        try:
            with (smtplib.LMTP if lmtp else smtplib.SMTP)("127.0.0.1", number, timeout=30) as client:
                client.ehlo()
                client.mail(sender)
                for recipient in recipients:
                    assert client.rcpt(recipient)[0] == 250
                code, text = client.data(raw)
                if code == 250:
                    return text.decode(), tries
                assert code == 451, (code, text)  # nothing of ours is refused for good
        except (smtplib.SMTPException, OSError):
            pass
        time.sleep(0.02)
    raise AssertionError(f"not taken within {PATIENCE:g} s, sent {tries} times")
