"""What becomes of a message that a client hands over: the reply says 250 only once it is recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import structlog

from ticketcore.errors import StoreUnavailable

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

    from workers.incoming.settings import IncomingSettings

__all__ = ["Accepted", "Receive", "Reception"]


class Accepted(Protocol):
    """What is known of a message that was recorded."""

    @property
    def number(self) -> str:
        """The message's number."""

    @property
    def outcome(self) -> str:
        """What was decided."""

    @property
    def repeated(self) -> bool:
        """Whether it had been recorded before."""


class Receive(Protocol):
    """Records one message.

    Args:
        raw: the message with its ``Return-Path``.
        recipients: of the envelope.
        peer_ip: the client's, where it is the sender's own server.
    """

    def __call__(self, raw: bytes, /, *, recipients: Sequence[str], peer_ip: str | None) -> Accepted: ...


class _Reply(NamedTuple):
    code: int
    text: str


class Reception:
    """Answers the commands of clients; the messages themselves are worked on by threads.

    A message is refused for good (5yz) for its recipient or size only. Whatever else hinders is told as temporary (451),
    so the client keeps the message and comes again: nothing is lost where this process or a data base ends.

    Args:
        settings: what is taken.
        receive: records a message; returns once it is committed.
        on_taken: told of each reply: what was decided (or ``refused``), and the seconds that it took.
    """

    def __init__(
        self, settings: IncomingSettings, receive: Receive, on_taken: Callable[[str, float], None] | None = None
    ) -> None:
        self._settings, self._receive, self._on_taken = settings, receive, on_taken
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="intake")
        self._logger = structlog.get_logger("ticketcore.intake")
        self.in_hand = 0

    async def handle_RCPT(  # noqa: N802 the server calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if not self._settings.takes(address):
            return "550 5.1.1 no such mailbox here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 recipient taken"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 likewise
        """Record the message and reply; by LMTP once for each recipient (RFC 2033, 4.2)."""
        recipients = list(envelope.rcpt_tos)
        raw = _return_path(envelope.mail_from) + (envelope.original_content or b"")
        envelope.content = envelope.original_content = None  # held once only
        lmtp = self._settings.protocol == "lmtp"
        peer = None if lmtp or not session.peer else str(session.peer[0])
        began = time.perf_counter()
        self.in_hand += 1
        try:
            reply, outcome = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._take, raw, recipients, peer
            )
        finally:
            self.in_hand -= 1
        if self._on_taken:
            self._on_taken(outcome, time.perf_counter() - began)
        line = f"{reply.code} {reply.text}"
        return "\r\n".join([line] * (len(recipients) if lmtp else 1))

    def close(self) -> None:
        """Finish what is in hand."""
        self._threads.shutdown()

    def _take(self, raw: bytes, recipients: Sequence[str], peer: str | None) -> tuple[_Reply, str]:
        facts: dict[str, Any] = {"bytes": len(raw), "recipients": len(recipients)}
        try:
            taken = self._receive(raw, recipients=recipients, peer_ip=peer)
        except StoreUnavailable as error:
            self._logger.warning("intake.retry", error=error, **facts)
            return _Reply(451, "4.3.0 the store is away, come again"), "deferred"
        except Exception:
            self._logger.exception("intake.failed", **facts)
            return _Reply(451, "4.3.0 not recorded, come again"), "failed"
        self._logger.info("intake.taken", message=taken.number, outcome=taken.outcome, repeated=taken.repeated, **facts)
        return _Reply(250, f"2.0.0 recorded as {taken.number}"), taken.outcome


def _return_path(sender: str | None) -> bytes:
    """Return the line that says who sent it, as the last server on a message's way adds it (RFC 5321, 4.4)."""
    return b"Return-Path: <" + (sender or "").strip("<>").encode("utf-8", "surrogateescape") + b">\r\n"
