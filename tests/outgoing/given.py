"""A service desk with a customer, and a worker that sends its mails."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.smtp import Mailserver
from ticketcore import TicketCore
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import Actor, Assurance, IdentityKind
from ticketcore.settings import Settings
from ticketcore.setup import create_keys, migrate_all
from workers.outgoing.sender import Sender
from workers.outgoing.settings import SmtpSettings

ANA, GATEWAY = Actor.agent("ana"), Actor.system("gateway")
SENDER = "Example Støtte <support@example.org>"
MAIL = Settings(mail_from=SENDER)


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


def set_up(dsn: str, folder: Path) -> Settings:
    """Return the settings of a data base that was migrated, with keys."""
    known: dict[str, Any] = {"dsn": dsn, "keys_dsn": dsn, "read_dsn": dsn, "key_file": folder / "keys.json"}
    settings = Settings(**known, inline=False, mail_from=SENDER)
    create_keys(settings)
    migrate_all(settings)
    return settings


def worker(settings: Settings, server: Mailserver, said: Path, **more: str) -> subprocess.Popen[bytes]:
    """Start ``ticketcore worker outgoing``, its lease and retries short; *said* gets what it logs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
    environment = {
        **kept, "TICKETCORE_DSN": str(settings.dsn), "TICKETCORE_KEY_FILE": str(settings.key_file),
        "TICKETCORE_MAIL_FROM": SENDER, "TICKETCORE_SMTP_HOST": "127.0.0.1", "TICKETCORE_SMTP_PORT": str(server.port),
        "TICKETCORE_SMTP_SECURITY": "none", "TICKETCORE_SMTP_LEASE": "10", "TICKETCORE_SMTP_RETRY_FIRST": "1",
        "TICKETCORE_SMTP_RETRY_LONGEST": "2", "TICKETCORE_SMTP_POLL": "0.1", "TICKETCORE_SMTP_TIMEOUT": "5", **more,
    }  # fmt: skip
    command = [sys.executable, "-c", "from workers.cli import main; main()", "worker", "outgoing"]
    with said.open("ab") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)
