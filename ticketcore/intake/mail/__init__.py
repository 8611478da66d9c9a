"""Mail as it really is: raw bytes to what they say. Pure: no I/O, no clock, no store."""

from __future__ import annotations

from ticketcore.intake.mail.model import (
    Attachment,
    Bounce,
    CalendarItem,
    Disposition,
    Evidence,
    Failure,
    Feedback,
    Fragment,
    FragmentKind,
    Limits,
    Mailbox,
    MailKind,
    ParsedMail,
    Verdict,
)
from ticketcore.intake.mail.parse import parse_mail

__all__ = [
    "Attachment", "Bounce", "CalendarItem", "Disposition", "Evidence", "Failure", "Feedback", "Fragment", "FragmentKind", "Limits",
    "MailKind", "Mailbox", "ParsedMail", "Verdict", "parse_mail",
]  # fmt: skip
