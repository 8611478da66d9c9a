"""Settings of the Kafka client, by environment (``TICKETCORE_KAFKA_...``) or by argument."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticketcore.errors import ConfigurationError

__all__ = ["KafkaSettings"]


class KafkaSettings(BaseSettings):
    """Where Kafka is, and how to speak to it.

    Attributes:
        bootstrap_servers: ``host:port``, several split by commas.
        topic: of the log; ``ticketcore.LOGNAME`` where ``None``.
        partitions: of a topic that is made; one that is there must have as many as it was made with. 1 to 1,000.
        replication_factor: of a topic that is made; the broker's default where ``None``.
        group: begins the names of the consumer groups: ``GROUP.MODEL.vVERSION``. Read models in different data bases that
            read the same topic need different ones.
        logs: other logs that feed the same read models: name -> DSN, as JSON; their topics are ``ticketcore.NAME``.
        compression: of the messages; ``none``, or ``gzip``; others need a package of their own.
        timeout: seconds to wait for a first answer from the broker.
        lease: seconds after which a relay that says nothing is replaced, 2 to 600.
        session_timeout: seconds after which a projector that says nothing loses its partitions, 6 to 300.
        security_protocol, ssl_..., sasl_...: as the client and the broker's documentation have them.
    """

    model_config = SettingsConfigDict(env_prefix="TICKETCORE_KAFKA_", extra="ignore", frozen=True)

    bootstrap_servers: Annotated[str, Field(min_length=1)]
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")] | None = None
    partitions: Annotated[int, Field(ge=1, le=1_000)] = 6
    replication_factor: Annotated[int, Field(ge=1, le=10)] | None = None
    group: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "ticketcore"
    logs: dict[str, SecretStr] = {}
    compression: Literal["none", "gzip", "lz4", "zstd"] = "none"
    timeout: Annotated[float, Field(gt=0, le=300)] = 10.0
    lease: Annotated[float, Field(ge=2, le=600)] = 6.0
    session_timeout: Annotated[float, Field(ge=6, le=300)] = 10.0
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: SecretStr | None = None
    ssl_check_hostname: bool = True
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None

    @classmethod
    def load(cls) -> Self:
        """Return the settings of the environment.

        Raises:
            ConfigurationError: a variable is missing or has a value that can't be taken.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = f"TICKETCORE_KAFKA_{'_'.join(map(str, first['loc'])).upper()}"
            if first["type"] == "missing":
                raise ConfigurationError(f"{name} is not set: expected host:port of a broker (set it)") from None
            raise ConfigurationError(f"{name} is {first['input']!r}: {first['msg']} (correct or unset it)") from None

    def topic_of(self, log: str) -> str:
        """Return the topic of a log."""
        return self.topic or f"ticketcore.{log}"

    def client(self) -> dict[str, Any]:
        """Return what every client of kafka-python is made with.

        Raises:
            ConfigurationError: a file is missing, or SASL has no mechanism, name or password.
        """
        found: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "bootstrap_timeout_ms": int(self.timeout * 1000),
            "reconnect_backoff_max_ms": 1_000,  # by default it backs off to 30 s
            "security_protocol": self.security_protocol,
        }
        if "SSL" in self.security_protocol:
            for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
                path: Path | None = getattr(self, name)
                if path is not None and not path.is_file():
                    raise ConfigurationError(
                        f"TICKETCORE_KAFKA_{name.upper()} is {str(path)!r}: expected a file that can be read (correct it)"
                    )
                found[name] = str(path) if path else None
            found["ssl_check_hostname"] = self.ssl_check_hostname
            found["ssl_password"] = self.ssl_password.get_secret_value() if self.ssl_password else None
        if "SASL" in self.security_protocol:
            for name in ("sasl_mechanism", "sasl_username", "sasl_password"):
                if getattr(self, name) is None:
                    raise ConfigurationError(
                        f"TICKETCORE_KAFKA_{name.upper()} is not set: expected with {self.security_protocol} (set it)"
                    )
            assert self.sasl_password is not None  # noqa: S101 -- looked at above
            found["sasl_mechanism"] = self.sasl_mechanism
            found["sasl_plain_username"] = self.sasl_username
            found["sasl_plain_password"] = self.sasl_password.get_secret_value()
        return found
