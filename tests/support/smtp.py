"""A real mail server for tests: takes mails over SMTP, and misbehaves as it is told."""

import ssl
from asyncio import Transport
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

__all__ = ["DROP", "DROP_AFTER", "Delivered", "Mailserver", "mailserver"]

DROP = "drop"
"""Break the connection off without an answer."""
DROP_AFTER = "drop after"
"""Take the mail, and break the connection off before saying so."""


class Delivered(NamedTuple):
    """A mail that the server took."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        found = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        """What its plain text says, lines ended by a line feed."""
        part = self.message.get_body(("plain",))
        assert part is not None
        text: str = part.get_content()
        return text.replace("\r\n", "\n")


class _Handler:
    def __init__(self, server: "Mailserver") -> None:
        self.server = server

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.server.dialogues += 1
        envelope.mail_from = address
        return self.server.on_mail(address)

    async def handle_RCPT(  # noqa: N802 - likewise
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.server.on_recipient(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        content = envelope.content
        assert isinstance(content, bytes)
        mail = Delivered((envelope.mail_from or "").strip("<>"), list(envelope.rcpt_tos), content)
        answer = self.server.on_data(mail)
        if answer.startswith("250") or answer == DROP_AFTER:
            self.server.mails.append(mail)
        if answer in (DROP, DROP_AFTER):
            assert isinstance(smtp.transport, Transport)
            smtp.transport.abort()
            return "421 gone"
        return answer


class Mailserver:
    """What it took, and what it says.

    Attributes:
        mails: those it took, in order.
        on_mail, on_recipient, on_data: give its answers.
    """

    def __init__(self) -> None:
        self.mails: list[Delivered] = []
        self.dialogues = 0
        self.logins: list[tuple[bytes, bytes]] = []
        self.on_mail: Callable[[str], str] = lambda _: "250 OK"
        self.on_recipient: Callable[[str], str] = lambda _: "250 OK"
        self.on_data: Callable[[Delivered], str] = lambda _: "250 OK"
        self._controller: Controller | None = None
        self.port = 0

    def start(self, **options: Any) -> None:
        """Listen; at the port it had before, if any."""
        self._controller = Controller(_Handler(self), hostname="127.0.0.1", port=self.port or _free_port(), **options)
        self._controller.start()
        self.port = self._controller.port

    def stop(self) -> None:
        """Go away."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def password_is(self, name: str, password: str) -> dict[str, Any]:
        """Return the options of a server that takes this login only."""

        def check(*given: Any) -> AuthResult:
            data = given[-1]
            assert isinstance(data, LoginPassword)
            self.logins.append((data.login, data.password))
            right = (data.login, data.password) == (name.encode(), password.encode())
            return AuthResult(success=right, handled=False)

        return {"authenticator": check, "auth_required": True}

    def answers(self, *answers: str) -> None:
        """Answer the next mails so, then take them."""
        left = list(answers)
        self.on_data = lambda _: left.pop(0) if left else "250 OK"


@contextmanager
def mailserver(tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[Mailserver]:
    """Give a server that runs until the end of the block. *tls*: for STARTTLS."""
    server = Mailserver()
    server.start(**({"tls_context": tls} if tls else {}), **options)
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
