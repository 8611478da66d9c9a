"""Configuration by environment (``TICKETCORE_...``) or by argument; policies are not configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticketcore.errors import ConfigurationError

__all__ = ["Settings"]


_SHOWN = frozenset({"cache_size", "home", "inline", "key_file", "log_name", "pool_size", "wait_timeout"})
"""Settings without secrets: a message may repeat their value."""


class Settings(BaseSettings):
    """Where the stores are and how to use them.

    Three stores, each with its own DSN: the log, the keys, the read models. By default they are three schemas of one
    data base; without any DSN that is the embedded PostgreSQL in the folder ``home``.

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
    """

    model_config = SettingsConfigDict(env_prefix="TICKETCORE_", extra="ignore", frozen=True)

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

    def __init__(self, **values: Any) -> None:
        """Take *values*, and what is not among them from the environment.

        Raises:
            ConfigurationError: the first value that can't be taken; secrets are not repeated.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            shown = f"is {first['input']!r}" if name in _SHOWN else "can't be taken"
            raise ConfigurationError(
                f"{name} (TICKETCORE_{name.upper()}) {shown}: {first['msg']} (correct or unset it)"
            ) from None

    @property
    def projects_inline(self) -> bool:
        """Whether queries project what is new by themselves."""
        return self.dsn is None if self.inline is None else self.inline
