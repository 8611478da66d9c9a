"""Configuration by environment (``TICKETCORE_...``) or by argument; policies are not configuration."""

from __future__ import annotations

import re
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticketcore.errors import ConfigurationError

__all__ = ["Settings"]


_SHOWN = frozenset({
    "base_url", "cache_size", "dangerous_files", "home", "inline", "intake_rules", "key_file", "log_name", "mail_domain", "mail_from",
    "mail_language", "mail_plus", "mail_reply_to", "mail_templates", "max_file_bytes", "max_message_bytes", "pool_size",
    "wait_timeout",
})  # fmt: skip
"""Settings without secrets: a message may repeat their value."""
_LONGEST_LOCAL = 64
_LONGEST_TOKEN = 42
"""A bounce address's token: ``+T-2026-000042-6.17.SIG`` with counters of up to 9 digits and versions of up to 5."""
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def _mailbox(text: str) -> str:
    if not text.isprintable() or not _MAILBOX.fullmatch(parseaddr(text)[1]):
        raise ValueError(
            "expected an ASCII address without '+', as in support@example.org or Support <support@example.org>"
        )
    return text


Mailbox = Annotated[str, AfterValidator(_mailbox)]
"""One address, with or without a name before it."""


class Settings(BaseSettings):
    """Where the stores are and how to use them.

    Three stores, each with its own DSN: the log, the keys, the read models. By default they are three schemas of one
    data base; without any DSN that is the embedded PostgreSQL in the folder ``home``. A variable that is empty counts as
    not set.

    Attributes:
        dsn: of the log, a libpq connection string or URI; ``None`` for the embedded server.
        keys_dsn: of the keys; the log's where ``None``.
        read_dsn: of the read models; the log's where ``None``.
        log_name: names the log in ids, messages and checkpoints; 1 to 60 characters, never changed afterwards.
        home: folder of the embedded server and of its key file.
        key_file: file of key-encryption keys; ``home/keys.json`` with the embedded server.
        keys: the same content in a variable; goes before the file.
        pool_size: connections per process to the log, 1 to 100.
        cache_size: how many aggregates' states are kept hot per process; 0 for none.
        inline: whether queries project what is new by themselves; by default with the embedded server, where no
            worker needs to run.
        wait_timeout: seconds that a query waits for a read model to reach the asked position.
        max_file_bytes: the most bytes of one attachment; a larger one is withheld by intake and refused from callers.
        max_message_bytes: likewise of all attachments of one message together.
        dangerous_files: attachments that are risky to open (executables, scripts, macros, ...) are kept as any
            (``keep``), kept and marked (``mark``), or withheld and refused (``refuse``).
        directory_dsn: of a customer data base outside that unknown senders are looked up in; ``None`` for none.
        directory_query: the query that looks them up; see :class:`ticketcore.intake.directory.SqlDirectory`.
        directory_timeout: seconds that a look-up may take.
        mail_from: who outgoing mail is from, with or without a name (``Example Support <support@example.org>``).
        mail_domain: of our Message-IDs; by default that of ``mail_from``.
        mail_reply_to: the mailbox whose plus addresses answers and bounces go to (``support+TOKEN@example.org``), its
            local part at most 22 characters; by default ``mail_from``.
        mail_plus: whether the mailbox takes plus addresses; without, answers are known by Message-ID and marker alone.
        mail_templates: a folder of one's own templates, ``LANGUAGE/NAME.txt``; they go before the built-in ones.
        mail_language: in which customers are written to whose language is not known.
        base_url: of the page that shows a ticket's state to who has its link; ``None``: mails hold no link.
        intake_rules: a TOML file with the rules of intake; see docs/intake.md.
    """

    model_config = SettingsConfigDict(env_prefix="TICKETCORE_", extra="ignore", frozen=True, env_ignore_empty=True)

    dsn: str | None = None
    keys_dsn: str | None = None
    read_dsn: str | None = None
    log_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")] = "main"
    home: Path = Path(".ticketcore")
    key_file: Path | None = None
    keys: SecretStr | None = None
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    cache_size: Annotated[int, Field(ge=0)] = 10_000
    inline: bool | None = None
    wait_timeout: Annotated[float, Field(gt=0)] = 10.0
    max_file_bytes: Annotated[int, Field(ge=1)] = 52_428_800
    max_message_bytes: Annotated[int, Field(ge=1)] = 104_857_600
    dangerous_files: Literal["keep", "mark", "refuse"] = "mark"
    directory_dsn: SecretStr | None = None
    directory_query: str | None = None
    directory_timeout: Annotated[float, Field(gt=0, le=60)] = 2.0
    mail_from: Mailbox | None = None
    mail_domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$", max_length=200)] | None = None
    mail_reply_to: Mailbox | None = None
    mail_plus: bool = True
    mail_templates: Path | None = None
    mail_language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    base_url: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=500)] | None = None
    intake_rules: Path | None = None

    @model_validator(mode="after")
    def _directory(self) -> Self:
        if (self.directory_dsn is None) != (self.directory_query is None):
            raise ValueError(
                "directory_dsn (TICKETCORE_DIRECTORY_DSN) and directory_query (TICKETCORE_DIRECTORY_QUERY) go together:"
                " expected both or none (set the other one too)"
            )
        return self

    @model_validator(mode="after")
    def _room_for_tokens(self) -> Self:
        local = (self.plus_mailbox or "").rpartition("@")[0]
        if len(local) + _LONGEST_TOKEN > _LONGEST_LOCAL:
            raise ValueError(
                f"mail_reply_to (TICKETCORE_MAIL_REPLY_TO) has {len(local)} characters before its @, expected at most"
                f" {_LONGEST_LOCAL - _LONGEST_TOKEN}, so that signed addresses keep within {_LONGEST_LOCAL}"
                " (name a shorter mailbox, or set TICKETCORE_MAIL_PLUS=false)"
            )
        return self

    def __init__(self, **values: Any) -> None:
        """Take *values*, and what is not among them from the environment.

        Raises:
            ConfigurationError: the first value that can't be taken; secrets are not repeated.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"]:
                raise ConfigurationError(first["msg"].removeprefix("Value error, ")) from None
            name = ".".join(map(str, first["loc"]))
            shown = f"is {first['input']!r}" if name in _SHOWN else "can't be taken"
            raise ConfigurationError(
                f"{name} (TICKETCORE_{name.upper()}) {shown}: {first['msg']} (correct or unset it)"
            ) from None

    @property
    def projects_inline(self) -> bool:
        """Whether queries project what is new by themselves."""
        return self.dsn is None if self.inline is None else self.inline

    @property
    def message_domain(self) -> str | None:
        """The domain of our Message-IDs; ``None`` where neither it nor a sender is set."""
        return self.mail_domain or (parseaddr(self.mail_from)[1].rpartition("@")[2] if self.mail_from else None)

    @property
    def plus_mailbox(self) -> str | None:
        """The mailbox whose plus addresses are ours; ``None`` where none is set or it takes none."""
        named = self.mail_reply_to or self.mail_from
        return parseaddr(named)[1] if named and self.mail_plus else None
