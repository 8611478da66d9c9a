"""The facts of a message, asked fresh of the log and its claims; never of a read model, which may be behind."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from ticketcore.domain.commands import mailbox_of
from ticketcore.domain.decide_message import FLOOD, MESSAGE_ID, flood_value
from ticketcore.domain.message import Message
from ticketcore.domain.message_commands import FloodSlot
from ticketcore.domain.message_events import Received, RecipientKind
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.ticket_events import Closed
from ticketcore.domain.types import Actor, Assurance, Channel, IdentityKind, Status
from ticketcore.errors import BadNumber, LinkExpired, LinkForged, NotFound
from ticketcore.ids import Kind, aggregate_id, number_of, parse_number
from ticketcore.intake.bounces import bounced_mail
from ticketcore.intake.customers import match_customer, organisation_of, standing_customer
from ticketcore.intake.facts import Bounced, Facts, Pointer, Relation, TicketFacts, Way
from ticketcore.intake.message import Authentication
from ticketcore.intake.reopening import reopening_days

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ticketcore.app import TicketCore
    from ticketcore.execution import State
    from ticketcore.intake.message import InboundMessage
    from ticketcore.intake.rules import Rules
    from ticketcore.intake.tokens import Tokens

__all__ = ["INTAKE", "Gathered", "flood_slot", "gather", "standing_ticket", "with_slot"]

INTAKE = Actor.system("intake")
IDS = 50
"""How many of the Message-IDs that a message names are looked up, the newest ones."""
NUMBERS = 10
SEARCHED = 500_000
"""Characters of a text's beginning, and of its end, in which markers are looked for."""
_NUMBER = re.compile(r"\bT-\d{4}-\d{6,13}-\d\b", re.IGNORECASE | re.ASCII)


class Gathered(NamedTuple):
    """The facts of a message. ``claimed_id``: its own id where it is not another message's."""

    facts: Facts
    claimed_id: str | None


def gather(
    core: TicketCore, tokens: Tokens, message: InboundMessage, *, received_at: datetime, itself: UUID | None = None
) -> Gathered:
    """Return what is known of *message* now. Its place for a new ticket is not looked for: see :func:`with_slot`.

    Args:
        core: whose log is asked.
        tokens: verify what is signed.
        message: what came in.
        received_at: when it came.
        itself: the recorded message, where it is decided again.
    """
    return _Gathering(core, tokens, message, received_at, itself).result()


class _Gathering:
    """One message's facts being gathered."""

    def __init__(
        self, core: TicketCore, tokens: Tokens, message: InboundMessage, received_at: datetime, itself: UUID | None
    ) -> None:
        self.core, self.tokens, self.message = core, tokens, message
        self.received_at, self.itself = received_at, itself
        self.forged = False
        self.linked: UUID | None = None
        self.states: dict[UUID, State | None] = {}

    def result(self) -> Gathered:
        message = self.message
        named = self._named()
        customers, assurance = self._customers()
        about = self._about()
        duplicate, claimed_id = self._same_id(customers)
        self._load([pointer.named for pointer in named])
        pointers = tuple(pointer.model_copy(update={"stands": self._stands(pointer.named)}) for pointer in named)
        failed = message.authentication is Authentication.FAILED
        tickets = tuple(
            self._ticket(id_, customers) for id_ in dict.fromkeys(p.stands for p in pointers) if id_ is not None
        )
        closed = any(ticket.status is Status.CLOSED for ticket in tickets)
        facts = Facts(
            received_at=self.received_at,
            customers=customers,
            assurance=assurance,
            authentication=message.authentication,
            reachable=not failed and any(identity.kind is IdentityKind.MAIL for identity in message.identities),
            registrable=not failed and any(identity.kind is not IdentityKind.IP for identity in message.identities),
            own=message.own or self._signed(message.message_id) is not None,
            duplicate_of=duplicate.id if duplicate else None,
            duplicate_ticket=duplicate.ticket_id if duplicate else None,
            forged=self.forged,
            pointers=pointers,
            tickets=tickets,
            reopen_days=reopening_days(self.core.policies(by=INTAKE), self.received_at) if closed else None,
            about=about,
        )
        return Gathered(facts, claimed_id)

    def _customers(self) -> tuple[tuple[UUID, ...], Assurance]:
        """Return whose message it is; the bearer of a signed link is whom it was made for."""
        if self.linked is not None:
            return (self._standing_customer(self.linked),), Assurance.SIGNED_LINK
        identities = self.message.identities
        if self.message.authentication is Authentication.FAILED or not identities:
            return (), Assurance.UNVERIFIED
        found = match_customer(identities, log=self.core.log, sealer=self.core.sealer, load=self._load)
        shown = [identities[index].assurance for index, _ in found.found] or [i.assurance for i in identities]
        return found.customers, min(shown, key=tuple(Assurance).index)

    def _named(self) -> list[Pointer]:
        """Return the tickets that the message names, those that count most first, each once a way."""
        message, found = self.message, list[Pointer]()
        linked = self._link()
        if linked is not None:
            found.append(Pointer(way=Way.SIGNED_LINK, named=linked, stands=None, entitled=self._entitled(linked)))
        known: list[Pointer] = []
        for id_ in self._ids():
            ticket = self._signed(id_)
            if ticket is not None:
                found.append(Pointer(way=Way.SIGNED_REFERENCE, named=ticket[0], stands=None))
            elif self.tokens.is_ours(id_):
                self.forged = True
            else:
                known += self._known(id_)
        for recipient in message.recipients:
            to = self.tokens.ticket_of_address(recipient.address)
            if to is not None:
                found.append(Pointer(way=Way.REPLY_ADDRESS, named=to, stands=None))
        marked = self.tokens.tickets_in(f"{message.subject or ''}\n{_ends(message.text or '')}")
        found += [Pointer(way=Way.BODY_MARKER, named=ticket, stands=None) for ticket in marked]
        found += known
        found += [Pointer(way=Way.NUMBER, named=ticket, stands=None) for ticket in self._numbers()]
        return list({(pointer.way, pointer.named, pointer.message): pointer for pointer in found}.values())

    def _link(self) -> UUID | None:
        if self.message.link is None:
            return None
        try:
            ticket, self.linked = self.tokens.read_link(self.message.link, self.received_at)
        except (LinkExpired, LinkForged):
            self.forged = True
            return None
        return ticket

    def _entitled(self, ticket: UUID) -> bool:
        """Return whether the bearer of a link still has to do with its ticket, as whoever looks at its state by it must."""
        state = self._state(ticket)
        bearer = None if self.linked is None else self._standing_customer(self.linked)
        if bearer is None or not isinstance(state, Ticket):
            return False
        return self._relation(state, (bearer,)) in (Relation.REQUESTER, Relation.PARTICIPANT)

    def _ids(self) -> Iterable[str]:
        """Return the Message-IDs that the message names, newest first."""
        message = self.message
        return tuple(dict.fromkeys((*message.in_reply_to, *reversed(message.references))))[:IDS]

    def _signed(self, id_: str | None) -> tuple[UUID, int] | None:
        return None if id_ is None else self.tokens.ticket_of_message_id(id_)

    def _known(self, id_: str) -> list[Pointer]:
        """Return the ticket that the message with this id is in; whether it went to the sender too."""
        owner = self._owner(id_)
        state = None if owner is None else self._state(owner)
        if not isinstance(state, Message) or state.ticket_id is None or not state.filed or state.id == self.itself:
            return []
        addressed = self._addressed(state.id)
        return [
            Pointer(way=Way.KNOWN_MESSAGE, named=state.ticket_id, stands=None, message=state.id, addressed=addressed)
        ]

    def _addressed(self, id_: UUID) -> bool:
        mine = {identity.value for identity in self.message.identities if identity.kind is IdentityKind.MAIL}
        received = self._received(id_) if mine else None
        return received is not None and any(
            recipient.kind is not RecipientKind.ENVELOPE and recipient.address in mine
            for recipient in received.recipients or ()
        )

    def _numbers(self) -> list[UUID]:
        texts = _NUMBER.findall((self.message.subject or "")[:SEARCHED])[:NUMBERS]
        found = []
        for text in [*([self.message.ticket_number] if self.message.ticket_number else []), *texts]:
            try:
                found.append(aggregate_id(parse_number(text, Kind.TICKET), self.core.log.name))
            except BadNumber:
                continue
        return found

    def _about(self) -> Bounced | None:
        """Return our mail that a bounce or receipt is about: by our own signature alone."""
        message = self.message
        if message.bounce is not None:
            envelope_first = sorted(message.recipients, key=lambda one: one.kind is not RecipientKind.ENVELOPE)
            about = bounced_mail(self.tokens, message.bounce, [one.address for one in envelope_first])
        else:
            answered = self._signed(message.answers)
            about = None if answered is None else Bounced(ticket=answered[0], comment=answered[1])
        return about if about is not None and isinstance(self._state(about.ticket), Ticket) else None

    def _same_id(self, customers: tuple[UUID, ...]) -> tuple[Message | None, str | None]:
        """Return the same sender's message that has this one's id, and the id where it is nobody else's."""
        id_ = (self.message.message_id or "").strip(" <>\t\r\n")
        owner = self._owner(id_) if id_ else None
        if owner is None or owner == self.itself:
            return None, id_ or None
        state = self._state(owner)
        if not isinstance(state, Message):
            return None, None
        mine = {(identity.kind, identity.value) for identity in self.message.identities}
        received = self._received(owner)
        theirs = {(sender.kind, sender.value) for sender in (received.identities or ())} if received else set()
        same = bool(mine & theirs) or (mine == theirs == set()) or (state.customer_id in customers)
        if received and self._written_again(received):
            same = False
        return (state if same else None), None

    def _written_again(self, received: Received) -> bool:
        """Return whether a mail is another one under an old id (some programs give each of theirs the same)."""
        was, now = received.meta.claimed_at, self.message.claimed_at
        return self.message.channel is Channel.MAIL and was is not None and now is not None and was != now

    def _owner(self, id_: str) -> UUID | None:
        digest = self.core.sealer.identity_digest(MESSAGE_ID, id_.strip(" <>\t\r\n"))
        claim = self.core.log.owner(MESSAGE_ID, digest)
        return None if claim is None else claim.owner

    def _received(self, id_: UUID) -> Received | None:
        try:
            event = self.core.message_events(id_, by=INTAKE)[0].event
        except NotFound:
            return None
        return event if isinstance(event, Received) and event.identities is not None else None

    def _state(self, id_: UUID) -> State | None:
        return self._load((id_,))[id_]

    def _load(self, ids: Iterable[UUID]) -> dict[UUID, State | None]:
        """Return what aggregates are; each is asked of the log once."""
        wanted = tuple(dict.fromkeys(ids))
        missing = [id_ for id_ in wanted if id_ not in self.states]
        if missing:
            self.states.update(self.core.states(missing))
        return {id_: self.states[id_] for id_ in wanted}

    def _stands(self, id_: UUID) -> UUID | None:
        """Return the ticket that stands for another after all merges; ``None`` where there is none."""
        ticket = standing_ticket(id_, load=self._load)
        return None if ticket is None else ticket.id

    def _standing_customer(self, id_: UUID) -> UUID:
        return standing_customer(id_, load=self._load)

    def _ticket(self, id_: UUID, customers: tuple[UUID, ...]) -> TicketFacts:
        state = self._state(id_)
        assert isinstance(state, Ticket)  # noqa: S101 -- _stands() saw it
        closed_at = self._closed_at(id_) if state.status is Status.CLOSED else None
        return TicketFacts(id=id_, status=state.status, closed_at=closed_at, relation=self._relation(state, customers))

    def _relation(self, ticket: Ticket, customers: tuple[UUID, ...]) -> Relation | None:
        requester = None if ticket.requester_id is None else self._standing_customer(ticket.requester_id)
        if requester is not None and requester in customers:
            return Relation.REQUESTER
        if any(self._standing_customer(id_) in customers for id_ in ticket.participants):
            return Relation.PARTICIPANT
        theirs = self._organisation(requester) if requester is not None else None
        if theirs is not None and any(theirs in (self._organisation(id_), number_of(id_)) for id_ in customers):
            return Relation.ORGANISATION
        return None

    def _organisation(self, customer: UUID) -> str | None:
        return organisation_of(customer, log=self.core.log, load=self._load)

    def _closed_at(self, id_: UUID) -> datetime | None:
        for record in reversed(self.core.log.load((id_,)).streams.get(id_, ())):
            if record.topic == Closed.TOPIC:
                return self.core.decoded(record).meta.occurred_at
        return None


def standing_ticket(id_: UUID, *, load: Callable[[Iterable[UUID]], Mapping[UUID, State | None]]) -> Ticket | None:
    """Return the ticket that stands for another after all merges; ``None`` where there is none."""
    seen = set[UUID]()
    while isinstance(ticket := load((id_,))[id_], Ticket) and id_ not in seen:
        if ticket.merged_into is None:
            return ticket
        seen.add(id_)
        id_ = ticket.merged_into
    return None


def _ends(text: str) -> str:
    return text if len(text) <= 2 * SEARCHED else f"{text[:SEARCHED]}\n{text[-SEARCHED:]}"


def with_slot(core: TicketCore, message: InboundMessage, facts: Facts, rules: Rules) -> Facts:
    """Return *facts* with the sender's place for a new ticket: a free one, else one that is over, else none."""
    sender, now = _sender(message), facts.received_at
    over = now - timedelta(seconds=rules.window_seconds)
    holders: dict[UUID, int] = {}
    for number in range(1, rules.new_tickets_per_window + 1):
        claim = core.log.owner(FLOOD, core.sealer.identity_digest(FLOOD, flood_value(sender, number)))
        if claim is None:
            return facts.model_copy(update={"slot": number, "slot_holder": None, "slots_taken": len(holders)})
        holders[claim.owner] = number
    states: Mapping[UUID, State | None] = core.states(holders)
    came = {id_: state.received_at if isinstance(state, Message) else _LONG_AGO for id_, state in states.items()}
    oldest = min(holders, key=lambda id_: came[id_], default=None)
    if oldest is None or came[oldest] > over:
        return facts.model_copy(update={"slot": None, "slot_holder": None, "slots_taken": len(holders)})
    return facts.model_copy(update={"slot": holders[oldest], "slot_holder": oldest, "slots_taken": len(holders)})


def flood_slot(message: InboundMessage, facts: Facts) -> FloodSlot | None:
    """Return the place that the message takes."""
    if facts.slot is None:
        return None
    return FloodSlot(sender=_sender(message), number=facts.slot, holder=facts.slot_holder)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _sender(message: InboundMessage) -> str:
    """Return whose places a message takes: the sender's, and where the address is known to be forged the machine's."""
    failed = message.authentication is Authentication.FAILED
    for identity in () if failed else message.identities:
        if identity.kind is IdentityKind.MAIL:  # a robot may have a plus address for each mail
            return f"{identity.kind.value}:{mailbox_of(identity.value)}"
        if identity.kind is not IdentityKind.IP:
            return f"{identity.kind.value}:{identity.value}"
    return f"ip:{message.peer_ip}" if message.peer_ip else f"nobody:{'forged' if failed else ''}"
