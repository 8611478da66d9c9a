"""Settings of what a worker shows, by environment (``TICKETCORE_...``)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.wrong_setting import wrong_setting

__all__ = ["ObservingSettings"]


class ObservingSettings(BaseSettings):
    """How a worker is watched.

    Attributes:
        metrics_port: of ``/metrics`` and ``/healthz``, 0 to 65,535; 0 takes a free one and logs it; none where ``None``.
        metrics_host: address that they listen on.
        health_timeout: seconds without a finished round, or without an answer of a server, after which ``/healthz``
            says that the worker is stuck; 5 to 3,600.
        log_level: the least level that is logged; other libraries' lines only from ``WARNING`` on.
    """

    model_config = SettingsConfigDict(env_prefix="TICKETCORE_", extra="ignore", frozen=True)

    metrics_port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    metrics_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    health_timeout: Annotated[float, Field(ge=5, le=3_600)] = 60.0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def load(cls) -> Self:
        """Return the settings of the environment.

        Raises:
            ConfigurationError: a variable has a value that can't be taken.
        """
        try:
            return cls()
        except ValidationError as error:
            raise wrong_setting(error, "TICKETCORE_") from None
