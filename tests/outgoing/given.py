"""A service desk with a customer, and a worker that sends its mails."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.smtp import Mailserver
from ticketcore import TicketCore
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import Actor, Assurance, IdentityKind
from ticketcore.settings import Settings
from workers.outgoing.sender import Sender
from workers.outgoing.settings import SmtpSettings

ANA, GATEWAY = Actor.agent("ana"), Actor.system("gateway")
MAIL = Settings(mail_from="Example Støtte <support@example.org>")


class Clock:
    """Tells the time that it is set to."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def smtp(server: Mailserver, **changes: Any) -> SmtpSettings:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "security": "none", "timeout": 5, "poll": 0.05}
    return SmtpSettings(**{**values, **changes})


def a_customer(core: TicketCore, address: str = "kim@example.net", *, name: str | None = "Kim Öz", **more: Any) -> str:
    identity = Identity(kind=IdentityKind.MAIL, value=address, assurance=Assurance.VERIFIED)
    return core.register_customer(by=ANA, name=name, identities=[identity], **more).number


def a_ticket(core: TicketCore, customer: str | None = None, **more: Any) -> str:
    values = {"subject": "Drucker kaputt", "body": "Er druckt nicht.", **more}
    return core.open_ticket(by=GATEWAY, channel="mail", requester=customer or a_customer(core), **values).number


def reply(core: TicketCore, ticket: str, body: str = "Bitte neu starten.", **more: Any) -> int:
    return core.comment(ticket, by=ANA, direction="outbound", body=body, **more).version


def sending(core: TicketCore, settings: SmtpSettings, clock: Clock | None = None) -> Sender:
    sender = Sender(core, settings, clock=clock or Clock())
    SENDERS.append(sender)
    return sender


SENDERS: list[Sender] = []
"""Those that a test made: their connections are ended after it."""
