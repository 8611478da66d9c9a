"""Settings of the mail server that takes outgoing mail, by environment (``TICKETCORE_SMTP_...``) or by argument."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticketcore.errors import ConfigurationError
from workers.wrong_setting import wrong_setting

__all__ = ["SmtpSettings"]

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class SmtpSettings(BaseSettings):
    """Where the mail server is, and how long it is tried.

    Attributes:
        host: of the server that takes mail to anywhere (a submission server or relay).
        port: 587, 465 or 25 by *security* where ``None``.
        security: ``starttls`` (RFC 3207, refused where the server lacks it), ``tls`` from the first byte (RFC 8314), or
            ``none``.
        username, password: both or neither; only sent over TLS.
        cafile: authorities to trust, in PEM; the system's where ``None``.
        helo: the name that we greet with; this machine's where ``None``.
        timeout: seconds that the server may take for one answer, 1 to 600.
        lease: seconds after which a worker that said nothing more is taken to have died, and the mail is tried again;
            10 to 86,400, and above what the server takes for a whole mail.
        retry_first: seconds until the second attempt, 1 to 86,400; each further one waits twice as long, give or take a
            quarter.
        retry_longest: the most of these, 1 to 604,800.
        days: how long a mail is tried, in days, above 0 to 60.
        poll: seconds between looks for new mails, 0.05 to 60.
    """

    model_config = SettingsConfigDict(env_prefix="TICKETCORE_SMTP_", extra="ignore", frozen=True, env_ignore_empty=True)

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    cafile: Path | None = None
    helo: str | None = None
    timeout: Annotated[float, Field(ge=1, le=600)] = 60.0
    lease: Annotated[int, Field(ge=10, le=86_400)] = 600
    retry_first: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    retry_longest: Annotated[float, Field(ge=1, le=604_800)] = 14_400.0
    days: Annotated[float, Field(gt=0, le=60)] = 5.0
    poll: Annotated[float, Field(ge=0.05, le=60)] = 0.5

    @classmethod
    def load(cls) -> Self:
        """Return the settings of the environment.

        Raises:
            ConfigurationError: a variable is missing or has a value that can't be taken.
        """
        try:
            known = cls()
        except ValidationError as error:
            raise wrong_setting(error, "TICKETCORE_SMTP_", needed="the host of a mail server") from None
        known.check()
        return known

    def check(self) -> None:
        """Return where the settings fit each other.

        Raises:
            ConfigurationError: a name without a password, a password without TLS, or a file of authorities that is none.
        """
        if (self.username is None) != (self.password is None):
            missing = "PASSWORD" if self.password is None else "USERNAME"
            raise ConfigurationError(
                f"TICKETCORE_SMTP_{missing} is not set: expected with the other (set both or none)"
            )
        if self.password is not None and self.security == "none":
            raise ConfigurationError(
                "TICKETCORE_SMTP_SECURITY is 'none' and a password is set: expected 'starttls' or 'tls', since it would be"
                " sent in the clear (set it, or unset the password)"
            )
        if self.security != "none":
            self.tls()

    @property
    def server_port(self) -> int:
        """The port, by what is set or by *security*."""
        return self.port or _PORTS[self.security]

    @property
    def lifetime(self) -> timedelta:
        """How long a mail is tried."""
        return timedelta(days=self.days)

    def tls(self) -> ssl.SSLContext:
        """Return what connections are protected by: the server's certificate and name are checked.

        Raises:
            ConfigurationError: the file of authorities can't be used.
        """
        try:
            return ssl.create_default_context(cafile=None if self.cafile is None else str(self.cafile))
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                f"TICKETCORE_SMTP_CAFILE is {str(self.cafile)!r}: {error} (expected authorities in PEM)"
            ) from None
