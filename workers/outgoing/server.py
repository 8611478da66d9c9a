"""The mail server: one connection, kept while it is used, and what its answers mean."""

from __future__ import annotations

import contextlib
import re
import smtplib
import time
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.errors import TicketCoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.outgoing.settings import SmtpSettings

__all__ = ["MailServer", "Refused", "Unreachable"]

IDLE = 15.0
"""Seconds after which a connection is asked whether it is there still: servers close idle ones."""
MAILS = 100
"""Mails over one connection: many servers take no more."""
_LOGIN = (530, 534, 535, 538)
"""What a server says of our login (RFC 4954): no fault of the mail."""
_PERMANENT = 500
_CLOSING = 421


class Unreachable(TicketCoreError):
    """The server is away, or takes no mail from us at all; no mail was tried."""

    code = "mail_server_unavailable"
    exit_code = 3


class Refused(Exception):
    """A mail did not go out.

    Attributes:
        reason: ``refused`` by the server's answer, or ``connection`` where it broke off: then it may have gone out.
        permanent: trying again would not help.
        code: the server's reply, where there was one.
    """

    def __init__(self, reason: str, text: str, *, permanent: bool = False, code: int | None = None) -> None:
        self.reason, self.permanent, self.code = reason, permanent, code
        super().__init__(text)


class Answer(NamedTuple):
    """A reply: code and text."""

    code: int
    text: str


class MailServer:
    """A connection to the mail server, made when it is needed; not thread-safe."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._tls = None if settings.security == "none" else settings.tls()
        self._smtp: smtplib.SMTP | None = None
        self._used, self._mails = 0.0, 0

    def ready(self) -> None:
        """Return once there is a connection that takes mail.

        Raises:
            Unreachable: there is none.
        """
        if self._smtp is not None and self._mails < MAILS:
            if time.monotonic() - self._used < IDLE:
                return
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if self._smtp.noop()[0] == 250:  # noqa: PLR2004 RFC 5321, 4.2.3
                    self._used = time.monotonic()
                    return
        self.close()
        where = f"{self._settings.host}:{self._settings.server_port}"
        try:
            self._smtp = self._connected()
        except smtplib.SMTPAuthenticationError as error:
            raise Unreachable(f"{where} refused the login: {_answer(error)} (see TICKETCORE_SMTP_USERNAME)") from None
        except smtplib.SMTPResponseException as error:
            raise Unreachable(f"{where} takes no mail: {_answer(error)}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(f"{where}: {_told(error)}") from None
        self._used, self._mails = time.monotonic(), 0

    def send(self, sender: str, recipients: Sequence[str], content: bytes, *, partly: bool) -> tuple[str, ...]:
        """Hand a mail over; return the recipients that the server refused for good while it took the others.

        Args:
            sender: envelope sender, empty for none.
            recipients: addresses, at least one.
            content: the mail.
            partly: whether it goes to the others too where the server takes one of the recipients only later.
        Raises:
            Refused: the server did not take it, or broke off before it said so.
        """
        assert self._smtp is not None  # noqa: S101 -- ready() comes first
        try:
            return self._transaction(self._smtp, sender, recipients, content, partly=partly)
        except Refused as refusal:
            if refusal.code == _CLOSING:
                self.close()
            else:
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    self._smtp.rset()
            raise
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            self.close()
            raise Refused("connection", f"the connection broke off: {_told(error)}") from None
        finally:
            self._used = time.monotonic()
            self._mails += 1

    def close(self) -> None:
        """End the connection."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            smtp.close()

    def _connected(self) -> smtplib.SMTP:
        known = self._settings
        options = {"timeout": known.timeout, "local_hostname": known.helo}
        smtp: smtplib.SMTP
        if known.security == "tls":
            smtp = smtplib.SMTP_SSL(known.host, known.server_port, context=self._tls, **options)  # type: ignore[arg-type]  # options is of several types
        else:
            smtp = smtplib.SMTP(known.host, known.server_port, **options)  # type: ignore[arg-type]  # likewise
        try:
            smtp.ehlo_or_helo_if_needed()
            if known.security == "starttls":
                smtp.starttls(context=self._tls)
                smtp.ehlo_or_helo_if_needed()
            if known.username is not None and known.password is not None:
                smtp.login(known.username, known.password.get_secret_value())
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _transaction(
        self, smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], content: bytes, *, partly: bool
    ) -> tuple[str, ...]:
        size = [f"SIZE={len(content)}"] if smtp.has_extn("size") else []
        _expect(_read(smtp.mail(sender, size)), "the sender")
        refused: dict[str, Answer] = {}
        for recipient in recipients:
            answer = _read(smtp.rcpt(recipient))
            if answer.code not in (250, 251):
                refused[recipient] = answer
        later = [answer for answer in refused.values() if answer.code < _PERMANENT]
        if len(refused) == len(recipients) or (later and not partly):
            worst = (later or list(refused.values()))[0]
            _expect(worst, "the recipient")
        try:
            answer = _read(smtp.data(content))
        except smtplib.SMTPDataError as error:  # it did not want to hear it
            answer = Answer(error.smtp_code, _answer(error).partition(" ")[2])
        _expect(answer, "the mail")
        return tuple(refused)


def _expect(answer: Answer, what: str) -> None:
    """Raise where an answer is no consent."""
    if answer.code == 250:  # noqa: PLR2004 RFC 5321, 4.2.3
        return
    if answer.code < 0:
        raise smtplib.SMTPServerDisconnected("the server closed the connection")
    permanent = answer.code >= _PERMANENT and answer.code not in _LOGIN
    code = answer.code if 200 <= answer.code <= 599 else None  # noqa: PLR2004 RFC 5321, 4.2
    raise Refused("refused", f"{what}: {answer.code} {answer.text}", permanent=permanent, code=code)


def _read(reply: tuple[int, bytes]) -> Answer:
    code, text = reply
    return Answer(code, _clean(text))


def _answer(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
    return f"{error.smtp_code} {_clean(text)}"


def _told(error: Exception) -> str:
    return _clean(str(error).encode()) or type(error).__name__


def _clean(text: bytes) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text.decode("utf-8", "replace"))[:500]
