"""Answers as the common mail programs write them: their headers, their quotes, what they drop and rewrite."""

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple

from tests.support.smtp import Delivered

__all__ = ["PROGRAMS", "Answer"]


def _references(mail: EmailMessage) -> str | None:
    return f"{mail['References'] or ''} {mail['Message-ID']}".strip()


def _quoted(mail: EmailMessage, text: str) -> str:
    head = f"Am Mo., 2. März 2026 um 11:00 Uhr schrieb {mail['From']}:"
    return head + "\n" + "\n".join(f"> {line}" for line in text.splitlines())


def _as_outlook(mail: EmailMessage, text: str) -> str:
    return (
        f"________________________________\nVon: {mail['From']}\nGesendet: Montag, 2. März 2026 11:00\nAn: {mail['To']}\n"
        f"Betreff: {mail['Subject']}\n\n{text}"
    )


def _same(subject: str) -> str:
    return subject


class Answer(NamedTuple):
    """How a program answers.

    Attributes:
        message_id: of the answer.
        references: what it makes of ours.
        subject: what it makes of ours.
        quote: how it quotes our text.
        extra: headers of its own.
        in_reply_to: whether it says what it answers.
    """

    message_id: str
    references: Callable[[EmailMessage], str | None] = _references
    subject: Callable[[str], str] = _same
    quote: Callable[[EmailMessage, str], str] = _quoted
    extra: tuple[tuple[str, str], ...] = ()
    in_reply_to: bool = True

    def to(self, mail: Delivered, text: str, sender: str = "kim@example.net") -> bytes:
        """Return the answer to a mail of ours."""
        ours, answer = mail.message, EmailMessage(policy=SMTP)
        answer["From"] = f"Kim Öz <{sender}>"
        answer["To"] = ours["Reply-To"] or ours["From"]
        answer["Subject"] = self.subject(ours["Subject"])
        answer["Message-ID"] = self.message_id
        answer["Date"] = "Mon, 02 Mar 2026 12:00:00 +0100"
        if self.in_reply_to:
            answer["In-Reply-To"] = ours["Message-ID"]
        if (references := self.references(ours)) is not None:
            answer["References"] = references
        for name, value in self.extra:
            answer[name] = value
        answer.set_content(f"{text}\n\n{self.quote(ours, mail.text)}\n")
        return answer.as_bytes()


PROGRAMS = {
    "gmail": Answer("<CAJx=abc123+def@mail.gmail.com>"),
    "outlook": Answer(
        "<AM0PR01MB1234.eurprd01.prod.outlook.com>", subject=lambda s: s.replace("Re:", "AW:"), quote=_as_outlook,
        extra=(("Thread-Topic", "Drucker kaputt"), ("Thread-Index", "AdyqIvMx"), ("Accept-Language", "de-DE")),
    ),
    "apple mail": Answer("<1A2B3C4D-5E6F-7A8B-9C0D-1E2F3A4B5C6D@icloud.com>", extra=(("X-Mailer", "Apple Mail (2.3774)"),)),
    "thunderbird": Answer("<0d1c2b3a-4f5e-6d7c-8b9a-0f1e2d3c4b5a@example.net>", extra=(("User-Agent", "Mozilla Thunderbird"),)),
    "keeps in-reply-to only": Answer("<1@old.example>", references=lambda _: None),
    "keeps references only": Answer("<2@old.example>", in_reply_to=False),
    "upper case relay": Answer("<3@old.example>", references=lambda mail: str(mail["Message-ID"]).upper(), in_reply_to=False),
    "drops both": Answer("<4@phone.example>", references=lambda _: None, in_reply_to=False),
}  # fmt: skip
