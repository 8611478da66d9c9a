"""The one entrance for whatever customers send: received and decided in one step, then brought to its ticket."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parseaddr
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from ticketcore.domain.commands import build
from ticketcore.domain.decide_message import UNFINISHED
from ticketcore.domain.message import FILED
from ticketcore.domain.message_commands import ReceiveMessage
from ticketcore.domain.message_events import Outcome, Sender
from ticketcore.domain.types import Assurance
from ticketcore.errors import ClaimTaken, CommandReused, Forgotten, NotFound, StoreUnavailable
from ticketcore.intake.gather import INTAKE, flood_slot, gather
from ticketcore.intake.language import detect_language
from ticketcore.intake.received_mail import received_mail
from ticketcore.intake.review import Review
from ticketcore.intake.rules import Rules
from ticketcore.intake.saga import Saga, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketcore.app import TicketCore
    from ticketcore.domain.message_events import Verdict
    from ticketcore.intake.facts import Facts
    from ticketcore.intake.message import InboundMessage
    from ticketcore.intake.saga import Taken
    from ticketcore.intake.tokens import Tokens
    from ticketcore.settings import Settings

__all__ = ["Intake"]

ATTEMPTS = 60
_ALL = b"\xff" * 17


class Intake(Review):
    """Takes messages of every channel. Thread-safe; any number of processes may share the work.

    Args:
        core: where everything is recorded.
        rules: the company's; by default those of the file that ``Settings.intake_rules`` names, else of
            :class:`~ticketcore.intake.rules.Rules`.
        tokens: verify what is signed; the core's where not given.
    """

    def __init__(self, core: TicketCore, rules: Rules | None = None, tokens: Tokens | None = None) -> None:
        rules = rules or Rules.load(core.settings.intake_rules)
        tokens = tokens or core.tokens
        self._own = _own(core.settings)
        saga = Saga(core, rules, tokens, self._own, detect_language)
        super().__init__(core, rules, tokens, saga)

    def receive(self, message: InboundMessage) -> Taken:
        """Record a message, decide and carry out what becomes of it.

        Repeating it, here or in another process, gives the same result and records nothing: once this returned, the
        message is in the log once and for all. After an error it may be; repeat it.

        Raises:
            CommandReused: the caller's ``command_id`` was used for another message.
            StoreUnavailable: the data base can't be reached: the sender must try again.
        """
        key = message.key(self._core.log.name)
        # A key from the caller is no proof of the content: recording compares that, and says what is there already.
        known = None if message.command_id else self._core.log.load((), key).receipt
        if known is not None:
            return self._saga.finish(known.originator_id, message, repeated=True)
        id_, repeated = self._record(message, key)
        return self._saga.finish(id_, message, repeated=repeated)

    def receive_mail(
        self,
        raw: bytes,
        *,
        recipients: Sequence[str] = (),
        peer_ip: str | None = None,
        received_at: datetime | None = None,
    ) -> Taken:
        """Take a mail as it came; see :meth:`receive`. *recipients*: of the envelope; *peer_ip*: who brought it."""
        return self.receive(self.read_mail(raw, recipients=recipients, peer_ip=peer_ip, received_at=received_at))

    def read_mail(
        self,
        raw: bytes,
        *,
        recipients: Sequence[str] = (),
        peer_ip: str | None = None,
        received_at: datetime | None = None,
    ) -> InboundMessage:
        """Return a mail as :meth:`receive` takes it, recording nothing."""
        return received_mail(
            raw,
            self._rules,
            own=self._own,
            tokens=self._tokens,
            recipients=recipients,
            peer_ip=peer_ip,
            received_at=received_at,
        )

    def sweep(self, limit: int = 1_000) -> list[Taken]:
        """Bring messages to their ends that a crash left on their way, the oldest first; at most *limit*."""
        claims = self._core.log.claims_below(UNFINISHED, _ALL, limit)
        return [self._saga.finish(claim.owner, repeated=True) for claim in claims]

    def _record(self, message: InboundMessage, key: UUID) -> tuple[UUID, bool]:
        """Record reception and decision in one append, decided anew where somebody else was faster."""
        received_at = message.received_at or datetime.now(UTC)
        raw, media_type = message.as_it_came()
        refused: Exception | None = None
        for _ in range(ATTEMPTS):
            facts, claimed_id = gather(self._core, self._tokens, message, received_at=received_at)
            verdict, facts = judge(self._core, message, facts, self._rules)
            try:
                customer = self._sender(message, facts, verdict, key)
                command = build(
                    ReceiveMessage,
                    fingerprint=message.fingerprint,
                    channel=message.channel,
                    customer_id=customer,
                    assurance=facts.assurance,
                    automatic=message.automatic,
                    signs=message.signs,
                    raw=raw,
                    media_type=media_type,
                    identities=tuple(Sender(kind=i.kind, value=i.value) for i in message.identities),
                    name=message.name,
                    recipients=message.recipients,
                    subject=message.subject,
                    message_id=message.message_id,
                    in_reply_to=" ".join(message.in_reply_to) or None,
                    references=message.references,
                    peer_ip=message.peer_ip,
                    verdict=verdict,
                    claimed_id=claimed_id,
                    slot=flood_slot(message, facts) if verdict.outcome in (Outcome.NEW, Outcome.FOLLOW_UP) else None,
                )
                done = self._core.record_message(
                    command, by=INTAKE, command_id=key, occurred_at=received_at, claimed_at=message.claimed_at
                )
            except (ClaimTaken, Forgotten, NotFound) as change:
                refused = change  # the sender, the id or the place went to another message meanwhile
                continue
            except CommandReused:
                if message.command_id is not None:
                    raise
                continue
            return done.id, done.repeated
        raise StoreUnavailable(
            f"cannot receive a message: others came first {ATTEMPTS} times in a row ({refused}), expected a pause (repeat it)"
        )

    def _sender(self, message: InboundMessage, facts: Facts, verdict: Verdict, key: UUID) -> UUID | None:
        """Return the sender, registered or completed where the message goes to a ticket.

        Raises:
            NotFound: a directory outside knows them as a customer of ours: what is theirs must be looked at again.
        """
        nobody, sure = not facts.customers, facts.assurance is not Assurance.UNVERIFIED
        news = nobody or sure or self._core.directory is not None
        if not news or not facts.registrable or len(facts.customers) > 1 or verdict.outcome not in FILED:
            return facts.customer
        sender = self._core.know_sender(
            message.identities,
            by=INTAKE,
            command_id=uuid5(key, "register"),
            name=message.name,
            language=message.language,
        )
        if nobody and not sender.registered and sender.match.customers:
            raise NotFound("unknown sender", "any more", "decide again")
        return sender.customer


def _own(settings: Settings) -> tuple[str, ...]:
    """Return our own addresses, in lower case."""
    named = (settings.mail_from, settings.mail_reply_to)
    return tuple(parseaddr(address)[1].lower() for address in named if address)
