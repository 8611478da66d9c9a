"""What goes out to customers: the mail of a comment, acknowledgements, agents' reply templates."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import UUID, uuid5

from ticketcore.api.people import People
from ticketcore.api.queries import Queries
from ticketcore.domain import message_events as mv
from ticketcore.domain import ticket_commands as tcmd
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.customer import Customer
from ticketcore.domain.delivery_events import DeliveryAttempted
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import Actor, Channel, Direction, IdentityKind, Role
from ticketcore.errors import CommandReused, ConfigurationError, Forgotten, NotFound, TicketClosed
from ticketcore.execution import project
from ticketcore.ids import Kind, kind_of, number_of
from ticketcore.intake.outgoing import Mail, Outdated, OutgoingFile, Unsendable, build, conversation, subject_of
from ticketcore.intake.outgoing.mail import mail_address
from ticketcore.intake.templating import Templates
from ticketcore.intake.tokens import SECRET, Tokens
from ticketcore.permissions import Action, Facts, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ticketcore.api.base import Name
    from ticketcore.domain.base import Event
    from ticketcore.execution import Recorded

__all__ = ["ACKNOWLEDGEMENT", "Correspondence", "Parcel", "language_of", "recipients_of"]

ACKNOWLEDGEMENT = Actor.system("acknowledgement")
"""Who writes acknowledgements: no agent, so they count as no reply."""
LINK_DAYS = timedelta(days=90)
"""How long after its opening the link to a ticket's state is valid."""


class Parcel(NamedTuple):
    """A mail, ready for a server.

    Attributes:
        content: its bytes.
        return_path: where bounces go; empty for acknowledgements (RFC 3834, 3.3).
        to: the requester's address, ``None`` where only participants have one.
        recipients: the customers that it goes to, and the address of each.
    """

    content: bytes
    message_id: str
    return_path: str
    to: str | None
    recipients: tuple[tuple[UUID, str], ...]


class Correspondence(Queries):
    """What goes out to customers."""

    _tokens: Tokens | None = None

    @property
    def tokens(self) -> Tokens:
        """What makes and verifies the signed names of tickets that travel with mail.

        Raises:
            KeyMissing: the key-encryption key of its secret is not there.
        """
        if self._tokens is None:
            known = self._settings
            secret = self._sealer.secret(SECRET)
            self._tokens = Tokens(secret, self._log.name, domain=known.message_domain, reply=known.plus_mailbox)
        return self._tokens

    @property
    def templates(self) -> Templates:
        """The texts that go out, by language."""
        return Templates(self._settings.mail_templates, self._settings.mail_language)

    def reply_template(self, name: str, ticket: Name, language: str | None = None, *, by: Actor) -> str:
        """Return an agents' reply template filled for a ticket, to be completed by the agent.

        Args:
            name: such as ``more-information``; :meth:`Templates.names` lists them.
            ticket: whose number, subject and requester it takes.
            language: BCP 47; the customer's where ``None``.
            by: who writes.
        Raises:
            NotFound: there is no such template, or no such ticket.
            ConfigurationError: the template's file has a placeholder that there is none of.
        """
        id_ = self._find_ticket(ticket)
        events = [r.event for r in self._recorded(id_, by, Action.SHOW_TICKET)]
        state, people = cast("Ticket", project(None, id_, events)), self._people()
        known = language or language_of(people, state, events)
        return self.templates.render(f"replies/{name}", known, self._values(people, state, events, by))

    def acknowledgement(
        self, ticket: Name, *, customer: Name | None = None, language: str | None = None
    ) -> tuple[str, str | None] | None:
        """Return what tells a customer that a new ticket was opened, and its language; ``None`` where no mail is sent."""
        if self._settings.message_domain is None:
            return None
        id_ = self._ticket(ticket)
        events = [r.event for r in self._recorded(id_, ACKNOWLEDGEMENT, Action.SHOW_TICKET)]
        state = cast("Ticket", project(None, id_, events))
        told, people = state._replace(requester_id=self._customer(customer) or state.requester_id), self._people()
        known = language_of(people, told, events, language)
        values = self._values(people, told, events, ACKNOWLEDGEMENT)
        return self.templates.render("acknowledgement", known, values), known

    def acknowledge(
        self, ticket: Name, *, customer: Name | None = None, language: str | None = None
    ) -> Recorded | None:
        """Tell a customer by mail that a new ticket was opened, and its number; once, however often it is called.

        Args:
            ticket: the new one.
            customer: who wrote; its requester where ``None``.
            language: of the message, where it was detected; the one that the customer stated goes before it.
        Returns:
            ``None`` where no sender of mail is set, the customer was told before in other words, was forgotten, or the
            ticket is over already.
        """
        written = self.acknowledgement(ticket, customer=customer, language=language)
        if written is None:
            return None
        id_ = self._ticket(ticket)
        try:
            return self._do(
                tcmd.Comment, ACKNOWLEDGEMENT, {"command_id": uuid5(id_, "acknowledgement")}, ticket_id=id_,
                direction=Direction.OUTBOUND, channel=Channel.MAIL, body=written[0], language=written[1],
            )  # fmt: skip
        except (CommandReused, Forgotten, TicketClosed):
            return None

    def outgoing_mail(self, ticket: Name, *, by: Actor, comment: int, now: datetime) -> Parcel:
        """Return the mail of a comment as it is to be sent; for the outgoing worker.

        Raises:
            Unsendable: it has no readable text, or nobody it could go to.
            Outdated: a rule wrote it, and the customer wrote since.
            ConfigurationError: no sender is set.
            NotFound: there is no such ticket or comment.
        """
        id_ = self._ticket(ticket)
        check(by, Action.ATTEMPT_DELIVERY, Facts(f"ticket {number_of(id_)}"))
        events = [r.event for r in self._recorded(id_, by, Action.SHOW_TICKET)]
        state, people = cast("Ticket", project(None, id_, events)), self._people()
        event = _message(events, comment)
        if comment in state.redacted or (event.sealed is not None and event.body is None and not event.attachments):
            raise Unsendable("unreadable", "the comment was redacted or its customer forgotten")
        sources = self._sources(events)
        found = recipients_of(people, state, events, sources)
        acknowledgement, notice = event.meta.actor == ACKNOWLEDGEMENT, event.meta.actor.role is Role.POLICY
        if notice and any(_is_from_customer(e) for e in events if e.originator_version > comment):
            raise Outdated
        if acknowledgement or notice:  # its link is the requester's own
            found = [one for one in found if one[0] == people.standing(state.requester_id)]
        if not found:
            raise Unsendable("no_address", "neither the requester nor a participant has a mail address")
        subject, topic = subject_of(events[0].subject, state.number, first=comment == 1)
        sender = self._sender()
        tokens, plus = self.tokens, self._settings.plus_mailbox is not None
        message_id = _known_id(events, comment) or tokens.message_id(id_, comment)
        language = event.language or language_of(people, state, events)
        origins = {version: source.message_id for version, source in sources.items() if source.message_id}
        mail = Mail(
            ticket=id_,
            number=state.number,
            message_id=message_id,
            sender=sender,
            to=[(name, address) for _, name, address in found[:1]],
            cc=[(name, address) for _, name, address in found[1:]],
            reply_to=tokens.reply_address(id_) if plus else _plain(self._settings.mail_reply_to),
            subject=subject,
            topic=topic,
            text=self._text(people, state, events, event, language),
            marker=tokens.marker(id_),
            conversation=conversation(events, comment, origins),
            date=now,
            opened_at=state.opened_at,
            language=language,
            acknowledgement=acknowledgement,
            notice=notice,
            attachments=self._files(event),
        )
        bounces = tokens.bounce_address(id_, comment) if plus else sender[1]
        return Parcel(
            build(mail),
            message_id,
            "" if acknowledgement else bounces,
            found[0][2] if found[0][0] == people.standing(state.requester_id) else None,
            tuple((customer, address) for customer, _, address in found),
        )

    def mail_addresses(self, customer: UUID) -> Sequence[str]:
        """Return a customer's mail addresses, opened, the best to write to first: verified ones, then the latest."""
        return self._people().addresses(customer)

    def _people(self) -> People:
        return People(self._customer_events)

    def _sender(self) -> tuple[str, str]:
        if self._settings.mail_from is None:
            raise ConfigurationError(
                "no sender of mail is set: expected TICKETCORE_MAIL_FROM, as in 'Support <support@example.org>' (set it)"
            )
        return parseaddr(self._settings.mail_from)

    def _text(self, people: People, state: Ticket, events: Sequence[Event], event: Event, language: str | None) -> str:
        """Return what the mail says: an agent's text in the frame of ``reply.txt``, any other as it is."""
        changes = [e for e in events if isinstance(e, ev.CommentCorrected) and e.comment == event.originator_version]
        text: str = cast("ev.Commented", self._whole(changes[-1] if changes else event)).body or ""
        if not event.meta.actor.is_staff:
            return text
        values = {**self._values(people, state, events, event.meta.actor), "text": text}
        return self.templates.render("reply", language, values)

    def _values(self, people: People, state: Ticket, events: Sequence[Event], by: Actor) -> dict[str, str | None]:
        """Return the placeholders' values for a ticket."""
        requester = people.standing(state.requester_id)
        base, link = self._settings.base_url, None
        if base is not None and requester is not None:
            link = f"{base.rstrip('/')}/{self.tokens.link_token(state.id, requester, state.opened_at + LINK_DAYS)}"
        name, address = parseaddr(self._settings.mail_from or "")
        return {
            "number": state.number,
            "subject": cast("ev.Opened", events[0]).subject,
            "customer_name": people.name(requester),
            "company": name or address.rpartition("@")[2] or None,
            "agent": by.id if by.is_staff else None,
            "status_link": link,
        }

    def _sources(self, events: Sequence[Event]) -> dict[int, mv.Received]:
        """Return the inbound messages that the ticket's messages came with, opened, by the latter's version."""
        ids = {
            e.originator_version: e.meta.causation_id
            for e in events
            if isinstance(e, ev.Opened | ev.Commented)
            and e.direction is Direction.INBOUND
            and e.meta.causation_id is not None
            and kind_of(e.meta.causation_id) is Kind.MESSAGE
        }
        if not ids:
            return {}
        streams = self._log.load(tuple(set(ids.values()))).streams
        received = {id_: self._codec.decode(records[0]) for id_, records in streams.items() if records}
        opened = dict(zip(received, self._opened(list(received.values())), strict=True))
        found = {version: opened.get(id_) for version, id_ in ids.items()}
        return {version: event for version, event in found.items() if isinstance(event, mv.Received)}

    def _files(self, event: ev.Opened | ev.Commented) -> list[OutgoingFile]:
        files = []
        for index, file in enumerate(event.attachments or ()):
            try:
                content = b"".join(self._attached(event, index))
            except NotFound as error:
                raise Unsendable("no_attachment", f"attachment {index} is not there: {error.remedy}") from None
            files.append(OutgoingFile(file.name, file.media_type, content))
        return files

    def _customer_events(self, customer: UUID) -> tuple[Customer | None, list[Event]]:
        records = self._log.load((customer,)).streams.get(customer, ())
        events = [self._codec.decode(record) for record in records]
        state = project(None, customer, events)
        return (state if isinstance(state, Customer) else None), self._opened(events)


def language_of(people: People, state: Ticket, events: Sequence[Event], detected: str | None = None) -> str | None:
    """Return the customer's language: as stated, else of the message, else of the ticket."""
    stated = people.language(people.standing(state.requester_id))
    return stated or detected or cast("ev.Opened", events[0]).language


def recipients_of(
    people: People, state: Ticket, events: Sequence[Event], sources: dict[int, mv.Received]
) -> list[tuple[UUID, str, str]]:
    """Return customer, name and address of whoever a mail goes to, the requester first; who has none is left out."""
    wanted = [state.requester_id, *sorted(state.participants)]
    found: dict[str, tuple[UUID, str, str]] = {}
    for customer in dict.fromkeys(filter(None, map(people.standing, wanted))):
        own = people.addresses(customer)
        for address in (*_last_used(own, events, sources), *own):
            usable = mail_address(address)
            if usable is not None and usable.isascii():
                found.setdefault(usable, (customer, people.name(customer) or "", usable))
                break
    return list(found.values())


def _last_used(own: Sequence[str], events: Sequence[Event], sources: dict[int, mv.Received]) -> Iterable[str]:
    """Return which of a customer's *own* addresses the newest message of theirs in the ticket came from."""
    for event in reversed(events):
        source = sources.get(event.originator_version)
        for sender in source.identities or () if source is not None else ():
            if sender.kind is IdentityKind.MAIL and sender.value in own:
                return (sender.value,)
    return ()


def _is_from_customer(event: Event) -> bool:
    return isinstance(event, ev.Commented) and event.direction is Direction.INBOUND


def _message(events: Iterable[Event], version: int) -> ev.Opened | ev.Commented:
    for event in events:
        if event.originator_version == version and isinstance(event, ev.Opened | ev.Commented):
            return event
    raise NotFound("comment", version, "see `ticket show`")


def _known_id(events: Iterable[Event], comment: int) -> str | None:
    """Return the Message-ID of an earlier attempt: the next has the same, though the domain may be another now."""
    ids = (e.message_id for e in events if isinstance(e, DeliveryAttempted) and e.comment == comment and e.message_id)
    return next(ids, None)


def _plain(mailbox: str | None) -> str | None:
    return parseaddr(mailbox)[1] if mailbox else None
