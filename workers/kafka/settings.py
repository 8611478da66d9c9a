"""Settings of the Kafka client, by environment (``TICKETCORE_KAFKA_...``) or by argument."""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from ticketcore.errors import ConfigurationError

__all__ = ["KafkaSettings"]

_TLS = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_password")
_PACKAGES = {"lz4": "lz4", "zstd": "zstandard"}
_SASL = ("sasl_mechanism", "sasl_username", "sasl_password")


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
        compression: of the messages; ``none``, or ``gzip``; ``lz4`` and ``zstd`` need a package of their own.
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
        except SettingsError:
            raise ConfigurationError(
                f'{_variable("logs")} is no JSON: expected {{"NAME": "DSN"}} (correct or unset it)'
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            name = _variable(str(first["loc"][0]))
            if first["type"] == "missing":
                raise ConfigurationError(f"{name} is not set: expected host:port of a broker (set it)") from None
            got = "wrong" if first["loc"][0] == "logs" else repr(first["input"])  # DSNs hold passwords
            raise ConfigurationError(f"{name} is {got}: {first['msg']} (correct or unset it)") from None

    def topic_of(self, log: str) -> str:
        """Return the topic of a log."""
        return self.topic or f"ticketcore.{log}"

    def client(self) -> dict[str, Any]:
        """Return what every client of kafka-python is made with.

        Raises:
            ConfigurationError: a file is missing or not what it should be; SASL has no mechanism, name or password;
                something is set that the protocol makes no use of; or the compression's package is missing.
        """
        self._check_unused()
        self._check_compression()
        found: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "bootstrap_timeout_ms": int(self.timeout * 1000),
            "reconnect_backoff_max_ms": 1_000,  # by default it backs off to 30 s
            "security_protocol": self.security_protocol,
        }
        if "SSL" in self.security_protocol:
            found["ssl_context"] = self.tls()
        if "SASL" in self.security_protocol:
            for name in _SASL:
                if not getattr(self, name):
                    raise ConfigurationError(
                        f"{_variable(name)} is not set: expected with {self.security_protocol} (set it)"
                    )
            assert self.sasl_password is not None  # noqa: S101 -- looked at above
            found["sasl_mechanism"] = self.sasl_mechanism
            found["sasl_plain_username"] = self.sasl_username
            found["sasl_plain_password"] = self.sasl_password.get_secret_value()
        return found

    def _check_unused(self) -> None:
        """Refuse what would be passed over: who sets a password or an authority does not mean to go without."""
        for part, names in (("SSL", _TLS), ("SASL", _SASL)):
            given = [name for name in names if getattr(self, name) is not None]
            if given and part not in self.security_protocol:
                raise ConfigurationError(
                    f"{_variable(given[0])} is set, but {_variable('security_protocol')} is {self.security_protocol}: expected"
                    f" one with {part} (set the protocol, or unset {_variable(given[0])})"
                )
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ConfigurationError(
                f"{_variable('ssl_keyfile')} is set without {_variable('ssl_certfile')}: expected both (set the certificate)"
            )

    def _check_compression(self) -> None:
        package = _PACKAGES.get(self.compression)
        if package is not None and find_spec(package) is None:
            raise ConfigurationError(
                f"{_variable('compression')} is {self.compression!r}, but {package!r} is not installed: expected that package"
                f" (pip install {package}, or set none or gzip)"
            )

    def tls(self) -> ssl.SSLContext:
        """Return what TLS connections are made with; the client itself would read the files at each, and retry for ever.

        Raises:
            ConfigurationError: a file is missing or not what it should be.
        """
        for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
            path: Path | None = getattr(self, name)
            if path is not None:
                _check_readable(name, path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.ssl_check_hostname
        try:
            if self.ssl_cafile is None:
                context.load_default_certs()
            else:
                context.load_verify_locations(self.ssl_cafile)
        except ssl.SSLError as error:
            raise ConfigurationError(
                f"{_variable('ssl_cafile')} is {str(self.ssl_cafile)!r}, which holds no certificate: expected PEM"
                f" ({_reason(error)}; correct it)"
            ) from None
        if self.ssl_certfile is not None:
            # Never None: OpenSSL would ask the terminal for it.
            password = self.ssl_password.get_secret_value() if self.ssl_password else ""
            try:
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, lambda: password)
            except ssl.SSLError as error:
                raise ConfigurationError(
                    f"{_variable('ssl_certfile')} {str(self.ssl_certfile)!r} and its key"
                    f" {str(self.ssl_keyfile or self.ssl_certfile)!r} can't be used ({_reason(error)}): expected PEM, a key that"
                    f" fits, and its password in {_variable('ssl_password')} where it has one"
                    f" (correct them; {_variable('ssl_keyfile')} names a key in another file)"
                ) from None
        return context


def _variable(name: str) -> str:
    return f"TICKETCORE_KAFKA_{name.upper()}"


def _check_readable(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise ConfigurationError(
            f"{_variable(name)} is {str(path)!r}: expected a file that can be read ({error.strerror}; correct it)"
        ) from None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "nothing that can be read").replace("_", " ").lower()
