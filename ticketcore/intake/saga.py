"""From the decision to the ticket: each step has a command id of its own, so that a crash between any two costs nothing.

====================  ==========================================  ============================================
step                  command id made from                        repeated after a crash
====================  ==========================================  ============================================
register the sender   the message's key, ``register``             the sender is known by then
receive and decide    the message's key itself                    gives the recorded message
open, comment         the message's id, ``ticket``                gives the recorded ticket and version
acknowledge           the ticket's id                             is there already
file                  the message's id, ``file``                  is there already
====================  ==========================================  ============================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5

from ticketcore.attachments import Limits, judged
from ticketcore.domain.commands import build
from ticketcore.domain.message import Message
from ticketcore.domain.message_commands import DecideMessage, FileMessage
from ticketcore.domain.message_events import Decided, Outcome, Received
from ticketcore.domain.types import BounceKind, Direction, Status
from ticketcore.errors import CommandReused, Conflict, Forgotten, NotFound, StoreUnavailable, TicketClosed, WrongState
from ticketcore.ids import number_of
from ticketcore.intake.bounces import BOUNCES, record_bounce
from ticketcore.intake.engine import Known, decide
from ticketcore.intake.facts import Bounced
from ticketcore.intake.gather import INTAKE, gather, with_slot
from ticketcore.intake.message import JSON_TYPE, InboundMessage
from ticketcore.intake.received_mail import received_mail

if TYPE_CHECKING:
    from collections.abc import Callable

    from ticketcore.app import TicketCore
    from ticketcore.domain.message_events import Verdict
    from ticketcore.execution import Recorded
    from ticketcore.intake.facts import Facts
    from ticketcore.intake.rules import Rules
    from ticketcore.intake.tokens import Tokens

__all__ = ["Saga", "Taken", "judge"]

ATTEMPTS = 20


class Taken(NamedTuple):
    """What became of a message.

    Attributes:
        number: the message's.
        outcome: new, comment, follow_up, ignored or held.
        reason: why it is ignored or held.
        ticket: number of the ticket that it is in or about, where there is one.
        created: the ticket was made for it.
        repeated: it had been received before.
    """

    id: UUID
    number: str
    outcome: Outcome
    reason: str | None
    ticket: str | None
    created: bool
    repeated: bool


def judge(core: TicketCore, message: InboundMessage, facts: Facts, rules: Rules) -> tuple[Verdict, Facts]:
    """Return the decision; a place for a new ticket is looked for where it needs one."""
    known = Known(message.channel, message.automatic)
    verdict = decide(known, facts, rules)
    if verdict.outcome is Outcome.HELD and verdict.reason == "flood":
        facts = with_slot(core, message, facts, rules)
        verdict = decide(known, facts, rules)
    return verdict, facts


class Saga:
    """Carries out what was decided about recorded messages."""

    def __init__(
        self,
        core: TicketCore,
        rules: Rules,
        tokens: Tokens,
        own: tuple[str, ...],
        language: Callable[[str], str | None],
    ) -> None:
        self._core, self._rules, self._tokens, self._own = core, rules, tokens, own
        self._language = language

    def finish(self, id_: UUID, message: InboundMessage | None = None, *, repeated: bool = False) -> Taken:
        """Bring a recorded message to its end and say where that is.

        Args:
            id_: the message's.
            message: its content, where it is at hand.
            repeated: it had been received before; what may have been done is looked for first.
        """
        again = repeated or message is None
        refused: Exception | None = None
        for _ in range(ATTEMPTS):
            state = self._core.message_state(id_)
            if state.done:
                return taken(state, repeated=repeated)
            message = message or self.content(id_)
            try:
                self._step(state, message, again=again)
            except (TicketClosed, NotFound) as change:
                refused, again = change, True
                self._decide_again(state, message, str(change.code))
            except (Conflict, CommandReused, WrongState) as change:
                refused, again = change, True  # another process was faster: see what it did
        raise StoreUnavailable(
            f"cannot bring message {number_of(id_)} to its end after {ATTEMPTS} tries: {refused} (run `ticketcore intake sweep`)"
        )

    def content(self, id_: UUID) -> InboundMessage:
        """Return the message as it came; empty where its sender was forgotten."""
        received = self._core.message_events(id_, by=INTAKE)[0].event
        assert isinstance(received, Received)  # noqa: S101 -- a stream begins so
        raw = self._core.raw_message(received)
        at = received.meta.occurred_at
        if raw is None:
            return InboundMessage(channel=received.channel, automatic=received.automatic, received_at=at)
        if received.media_type == JSON_TYPE:
            return InboundMessage.restored(raw)
        envelope = [r.address for r in received.recipients or () if r.kind == "envelope"]
        return received_mail(
            raw,
            self._rules,
            own=self._own,
            tokens=self._tokens,
            recipients=envelope,
            peer_ip=received.peer_ip,
            received_at=at,
        )

    def _step(self, state: Message, message: InboundMessage, *, again: bool) -> None:
        """Put the message where it belongs, and say so."""
        command_id = uuid5(state.id, "ticket")
        placed = self._placed(command_id) if again else None
        created = state.outcome in (Outcome.NEW, Outcome.FOLLOW_UP)
        if state.outcome is Outcome.IGNORED:
            placed = self._bounce(state, message)
        if placed is None:
            recorded = self._place(state, message, command_id)
            placed = recorded.id, next(e.originator_version for e in recorded.events if e.originator_id == recorded.id)
        ticket, version = placed
        if created and state.acknowledge and self._alive(state.customer_id) is not None:
            self._core.acknowledge(ticket, language=self._written(message))
        filing = build(FileMessage, message=state.id, ticket_id=ticket, ticket_version=version, created=created)
        self._core.record_message(filing, by=INTAKE, command_id=uuid5(state.id, "file"), causation_id=state.id)

    def _placed(self, command_id: UUID) -> tuple[UUID, int] | None:
        """Return the ticket, and the version of its event, that an earlier try recorded."""
        receipt = self._core.log.load((), command_id).receipt
        if receipt is None or receipt.position is None:
            return None
        for record in self._core.log.read(receipt.position - receipt.count, receipt.count):
            if record.originator_id == receipt.originator_id:
                return record.originator_id, record.originator_version
        return None

    def _place(self, state: Message, message: InboundMessage, command_id: UUID) -> Recorded:
        core = self._core
        options: Any = {
            "by": INTAKE, "command_id": command_id, "causation_id": state.id, "occurred_at": state.received_at,
            "claimed_at": message.claimed_at,
        }  # fmt: skip
        customer = self._alive(state.customer_id)
        # What is withheld is listed with its reason, and stays in the message as it came.
        files = judged(message.attachments, Limits.of(core.settings))
        content: dict[str, Any] = {"body": message.text, "attachments": files}
        if state.outcome is Outcome.COMMENT:
            assert state.ticket_id is not None  # noqa: S101 -- decided so
            if state.reason == "reopens":
                self._reopen(state, state.ticket_id)
            return core.comment(
                state.ticket_id, direction=Direction.INBOUND, channel=state.channel, author=customer,
                author_name=message.name, message_id=message.message_id, language=self._written(message), **content, **options,
            )  # fmt: skip
        content |= {"channel": state.channel, "requester": customer, "subject": message.subject}
        if state.outcome is Outcome.FOLLOW_UP:
            assert state.ticket_id is not None  # noqa: S101 -- likewise
            return core.open_follow_up(state.ticket_id, **content, **options)
        return core.open_ticket(language=self._written(message), **content, **options)

    def _bounce(self, state: Message, message: InboundMessage) -> tuple[UUID, int]:
        """Record on the ticket that its mail came back. It opens, resumes and reopens nothing."""
        assert state.ticket_id is not None  # noqa: S101 -- else it was at its end
        events = self._core.message_events(state.id, by=INTAKE)
        decided = next(event for r in reversed(events) if isinstance(event := r.event, Decided))
        about = Bounced(ticket=state.ticket_id, comment=decided.facts.get("about", {}).get("comment"))
        told = record_bounce(self._core, about, message.bounce, message=state.id) if message.bounce else ()
        if not told:  # it names no recipient
            told = [
                self._core.record_bounce(
                    state.ticket_id, by=BOUNCES, kind=BounceKind.HARD, message=state.id, command_id=uuid5(state.id, "bounce")
                )
            ]  # fmt: skip
        return state.ticket_id, told[0].events[0].originator_version

    def _reopen(self, state: Message, ticket: UUID) -> None:
        now = self._core.states((ticket,))[ticket]
        if getattr(now, "status", None) is Status.CLOSED:
            self._core.reopen(
                ticket, by=INTAKE, reason="answered", command_id=uuid5(state.id, "reopen"), causation_id=state.id
            )

    def _alive(self, customer: UUID | None) -> UUID | None:
        """Return the customer, ``None`` where they were forgotten since."""
        known = None if customer is None else self._core.states((customer,))[customer]
        return None if known is None or getattr(known, "forgotten", True) else customer

    def _written(self, message: InboundMessage) -> str | None:
        return message.language or self._language(message.text or "")

    def _decide_again(self, state: Message, message: InboundMessage, why: str) -> None:
        """Decide on a message whose ticket was closed, merged or is not there (any more)."""
        facts, _ = gather(self._core, self._tokens, message, received_at=state.received_at, itself=state.id)
        verdict, _ = judge(self._core, message, facts, self._rules)
        reopens = verdict.reason == "reopens"
        if (verdict.outcome, verdict.ticket_id, reopens) == (state.outcome, state.ticket_id, state.reason == "reopens"):
            return  # it has changed once more meanwhile
        verdict = verdict.model_copy(update={"reason": verdict.reason or why})
        command = build(DecideMessage, message=state.id, verdict=verdict, customer_id=self._alive(state.customer_id))
        try:
            self._core.record_message(command, by=INTAKE, causation_id=state.id)
        except (Conflict, Forgotten):
            return  # somebody else decided: look again


def taken(state: Message, *, repeated: bool) -> Taken:
    """Return what became of a message."""
    assert state.outcome is not None  # noqa: S101 -- received and decided in one step
    return Taken(
        state.id,
        state.number,
        state.outcome,
        state.reason,
        number_of(state.ticket_id) if state.ticket_id else None,
        created=state.created,
        repeated=repeated,
    )
