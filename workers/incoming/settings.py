"""Settings of the server that takes incoming mail, by environment (``TICKETCORE_INTAKE_...``) or by argument."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ticketcore.domain.commands import mailbox_of
from ticketcore.errors import ConfigurationError
from workers.wrong_setting import wrong_setting

__all__ = ["IncomingSettings"]


class IncomingSettings(BaseSettings):
    """Where mail is listened for, and what is taken.

    Attributes:
        protocol: ``lmtp`` (RFC 2033) behind a mail server of one's own, which has looked at senders and queues what is
            not taken; or ``smtp`` (RFC 5321).
        listen: ``HOST:PORT`` or ``unix:PATH``; port 0 takes a free one and logs it.
        recipients: whose mail is taken: addresses, or domains (``example.org``), separated by commas; all where there is
            none, as behind a mail server that passes on the right ones only. Plus addresses count as their mailbox.
        max_size: the most bytes of a message, 1,024 to 1 GiB.
        max_connections: the most at once, 1 to 1,000; further ones are told to come again.
        threads: messages in hand at once, 1 to 64.
        timeout: seconds that a client may be silent, 1 to 3,600.
        certificate, key: files in PEM; with them STARTTLS is offered.
        sweep: seconds between looks for messages whose way was broken off, 1 to 3,600.
    """

    model_config = SettingsConfigDict(env_prefix="TICKETCORE_INTAKE_", extra="ignore", frozen=True)

    protocol: Literal["lmtp", "smtp"] = "lmtp"
    listen: Annotated[str, Field(pattern=r"^(unix:.+|\[[0-9A-Fa-f:.%]+\]:\d{1,5}|[^:\s]+:\d{1,5})$")] = "127.0.0.1:8024"
    recipients: Annotated[frozenset[str], NoDecode] = frozenset()
    max_size: Annotated[int, Field(ge=1_024, le=1_073_741_824)] = 104_857_600
    max_connections: Annotated[int, Field(ge=1, le=1_000)] = 50
    threads: Annotated[int, Field(ge=1, le=64)] = 4
    timeout: Annotated[float, Field(ge=1, le=3_600)] = 300.0
    certificate: Path | None = None
    key: Path | None = None
    sweep: Annotated[float, Field(ge=1, le=3_600)] = 60.0

    @field_validator("recipients", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return [name.strip().lower() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @classmethod
    def load(cls) -> Self:
        """Return the settings of the environment.

        Raises:
            ConfigurationError: a variable has a value that can't be taken.
        """
        try:
            return cls()
        except ValidationError as error:
            raise wrong_setting(error, "TICKETCORE_INTAKE_") from None

    @property
    def address(self) -> tuple[str, int] | Path:
        """Host and port, or the path of a Unix socket."""
        if self.listen.startswith("unix:"):
            return Path(self.listen.removeprefix("unix:"))
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    def takes(self, address: str) -> bool:
        """Return whether mail to *address* is taken."""
        if not self.recipients:
            return True
        address = address.lower()
        return bool({address.rpartition("@")[2], address, mailbox_of(address)} & self.recipients)

    def tls(self) -> ssl.SSLContext | None:
        """Return what STARTTLS is done with, ``None`` where it is not offered.

        Raises:
            ConfigurationError: a file is missing, or is no certificate or key.
        """
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise ConfigurationError(
                f"TICKETCORE_INTAKE_CERTIFICATE is {str(self.certificate)!r}: {error.strerror or error}, expected a"
                " certificate in PEM (with its key in TICKETCORE_INTAKE_KEY)"
            ) from None
        return context
