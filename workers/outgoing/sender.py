"""The outgoing worker: takes what is due, records the attempt, sends, records what became of it.

Whoever's attempt is recorded first sends, so any number of workers share the work without a leader. A worker that dies
after its attempt says nothing more; once its lease is over the mail is due again, with the same Message-ID. So a mail may
come twice, and never not at all.
"""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import structlog

from ticketcore.domain.types import Actor
from ticketcore.errors import (
    CommandReused,
    ConfigurationError,
    Conflict,
    KeyMissing,
    NotFound,
    StoreUnavailable,
    WrongState,
)
from ticketcore.ids import number_of
from ticketcore.intake.outgoing import Outdated, Unsendable
from workers.outgoing.server import MailServer, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ticketcore.api.correspondence import Parcel
    from ticketcore.app import TicketCore
    from ticketcore.domain.deliveries import Delivery, Due
    from workers.outgoing.settings import SmtpSettings

__all__ = ["OUTGOING", "Sender"]

OUTGOING = Actor.system("outgoing")
PAGE = 50
"""Mails that are looked up at a time."""
PATIENT = 3
"""Attempts in which a mail waits until the server takes all of its recipients; later it goes to the others without them."""
REST = timedelta(minutes=10)
"""How long a mail is left alone that could not be handled for a reason that nobody thought of; the others go on."""
LONGEST_PAUSE = 30.0
"""Seconds between tries of a server that is away."""
_OTHERS = (CommandReused, Conflict, NotFound, WrongState)
"""What says that another worker, or a person, was faster."""

log = structlog.get_logger("ticketcore.outgoing")


class Sender:
    """Sends what is due until it is told to stop.

    Args:
        core: opened with the keys: it opens texts and addresses.
        settings: of the mail server.
        on_due: told at each look at the queue when the first mail of it was due, ``None`` where none is.
        on_round: called where nothing is due, or the mail server takes mails.
        clock: gives the time, aware.
    """

    def __init__(
        self,
        core: TicketCore,
        settings: SmtpSettings,
        *,
        on_due: Callable[[datetime | None], None] = lambda _: None,
        on_round: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._core, self._settings, self._clock = core, settings, clock
        self._on_due, self._on_round = on_due, on_round
        self._server = MailServer(settings)
        self._failures = 0
        self._resting: dict[tuple[UUID, int], datetime] = {}
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Send until *stop* is set; the mail in hand is finished first.

        Raises:
            ConfigurationError: no sender is set, or a template can't be used.
        """
        self._stop = stop
        try:
            while not stop.is_set():
                pause = self._settings.poll
                try:
                    if self.round():
                        continue
                except (Unreachable, StoreUnavailable) as error:
                    self._failures += 1
                    pause = min(LONGEST_PAUSE, self._settings.poll * 2 ** min(self._failures, 12))
                    log.warning("outgoing.retry", error=error, failures=self._failures)
                stop.wait(pause)
        finally:
            self.close()

    def close(self) -> None:
        """End the connection to the mail server."""
        self._server.close()

    def round(self) -> int:
        """Send what is due now, one page of it; return how many mails were looked at.

        Raises:
            Unreachable: the mail server is away; nothing was recorded.
            StoreUnavailable: the log is.
        """
        now = self._clock()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        found = self._core.due_deliveries(now, PAGE + len(self._resting))
        due = [one for one in found if one[1:] not in self._resting]
        self._on_due(due[0].due_at if due else None)
        if not due:
            self._on_round()
        random.shuffle(due)  # of several workers each begins elsewhere
        for one in due:
            if self._stop.is_set():
                break
            self._server.ready()
            self._failures = 0
            self._on_round()
            try:
                self.deliver(one)
            except (ConfigurationError, KeyMissing, StoreUnavailable):
                raise
            except Exception:
                log.exception("outgoing.rests", ticket=number_of(one.ticket), comment=one.comment, seconds=REST.seconds)
                self._resting[one.ticket, one.comment] = self._clock() + REST
        return len(due)

    def deliver(self, due: Due) -> None:
        """Send one mail, where it is still due and nobody else has it."""
        ticket, comment = due.ticket, due.comment
        found = self._core.delivery(ticket, comment)
        now = self._clock()
        if found is None or found.due_at is None or found.due_at > now:
            return
        if now - found.since > self._settings.lifetime:
            text = f"not sent within {self._settings.days:g} days"
            self._failed(ticket, found, found.attempt, Refused("expired", text))
            return
        try:
            parcel = self._core.outgoing_mail(ticket, by=OUTGOING, comment=comment, now=now)
        except Outdated as error:
            self._dropped(ticket, comment, str(error))
            return
        except Unsendable as error:
            self._failed(ticket, found, found.attempt, Refused(error.reason, str(error), permanent=True))
            return
        attempt = found.attempt + 1
        if self._taken(ticket, comment, attempt, parcel):
            self._send(ticket, found, attempt, parcel)

    def _taken(self, ticket: UUID, comment: int, attempt: int, parcel: Parcel) -> bool:
        """Record the attempt; return whether it is ours."""
        try:
            done = self._core.attempt_delivery(
                ticket,
                by=OUTGOING,
                comment=comment,
                attempt=attempt,
                lease=self._settings.lease,
                message_id=parcel.message_id,
                to=parcel.to,
                recipients=[customer for customer, _ in parcel.recipients],
                command_id=uuid5(ticket, f"delivery {comment} attempt {attempt}"),
            )
        except _OTHERS:
            return False
        return not done.repeated

    def _send(self, ticket: UUID, found: Delivery, attempt: int, parcel: Parcel) -> None:
        named = {"ticket": number_of(ticket), "comment": found.comment, "attempt": attempt}
        addresses = [address for _, address in parcel.recipients]
        try:
            refused = self._server.send(parcel.return_path, addresses, parcel.content, partly=attempt > PATIENT)
        except Refused as refusal:
            self._failed(ticket, found, attempt, refusal)
            return
        known = [customer for customer, address in parcel.recipients if address in refused]
        while True:
            try:
                self._core.confirm_delivery(
                    ticket, by=OUTGOING, comment=found.comment, attempt=attempt, refused=known,
                    command_id=uuid5(ticket, f"delivery {found.comment} attempt {attempt} taken"),
                )  # fmt: skip
                break
            except StoreUnavailable as error:  # it is out: what is not recorded now is sent again after the lease
                log.warning("outgoing.retry", error=error, **named)
                if self._stop.wait(1.0):
                    raise
        log.info("outgoing.sent", bytes=len(parcel.content), refused=len(refused), **named)

    def _dropped(self, ticket: UUID, comment: int, reason: str) -> None:
        """Give a mail up that is over."""
        try:
            self._core.drop_delivery(ticket, by=OUTGOING, comment=comment, reason=reason)
        except _OTHERS:
            return
        log.info("outgoing.dropped", ticket=number_of(ticket), comment=comment, reason=reason)

    def _failed(self, ticket: UUID, found: Delivery, attempt: int, refusal: Refused) -> None:
        """Record a failure, and when the next attempt is due, if any is."""
        retry_at = None if refusal.permanent or refusal.reason == "expired" else self._next(found, attempt)
        try:
            self._core.fail_delivery(
                ticket,
                by=OUTGOING,
                comment=found.comment,
                attempt=attempt,
                permanent=refusal.permanent,
                reason=refusal.reason,
                code=refusal.code,
                text=str(refusal),
                retry_at=retry_at,
            )
        except _OTHERS:
            return
        event = "outgoing.failed" if retry_at is None else "outgoing.postponed"
        named = {"ticket": number_of(ticket), "comment": found.comment, "attempt": attempt, "reason": refusal.reason}
        log.warning(event, code_of_server=refusal.code, retry_at=retry_at, **named)

    def _next(self, found: Delivery, attempt: int) -> datetime | None:
        """Return when the attempt after *attempt* is due; ``None`` where the mail's time is over by then."""
        known = self._settings
        wait = min(known.retry_longest, known.retry_first * 2 ** min(attempt - 1, 30))
        at = self._clock() + timedelta(seconds=wait * random.uniform(0.75, 1.25))  # noqa: S311 -- jitter
        return at if at - found.since <= known.lifetime else None
