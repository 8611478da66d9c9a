"""Why the client does not get through: it retries whatever happened until its time is up, and keeps the cause to itself."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from kafka.errors import (
    IllegalSaslStateError,
    InvalidReceiveError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

if TYPE_CHECKING:
    from workers.kafka.settings import KafkaSettings

__all__ = ["denied", "explained", "first_failure"]

_SET = "TICKETCORE_KAFKA_"
_LOGIN = f"correct {_SET}SASL_USERNAME and {_SET}SASL_PASSWORD, or the user at the broker"
_DENIED = re.compile(r"\w+AuthorizationFailedError")
"""A producer's first refusal is a plain error that names the class in its text."""
_WRONG_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


class _Manager(KafkaConnectionManager):  # type: ignore[misc]  # the client ships no types
    """The client's, but it hears an answer that comes together with the connection's end, as a refusal often does."""

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        receive = transport._sock_recv

        def first_what_came() -> tuple[bytes, Exception | None]:
            data, error = receive()
            return data, None if data else error

        transport._sock_recv = first_what_came
        return transport


def first_failure(settings: KafkaSettings) -> Exception | None:
    """Try each bootstrap server, then each broker that they name, once; return what failed first, ``None`` for nothing."""
    # In a thread of its own: an error raised anew while another is handled forgets what it was raised from.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_attempt, settings).result()


def _attempt(settings: KafkaSettings) -> Exception | None:
    net = NetworkSelector()
    manager = _Manager(net, **settings.client())

    async def reach(node: Any) -> None:
        milliseconds = min(settings.timeout, 5.0) * 1000
        await manager.get_connection(
            node.node_id, timeout_ms=milliseconds, pop_on_close=False, refresh_metadata_on_err=False
        )

    async def attempt() -> None:
        for server in manager.cluster.bootstrap_brokers():
            await reach(server)
            await manager.cluster.refresh_metadata(server.node_id)
        for broker in manager.cluster.brokers():
            await reach(broker)

    try:
        net.run(attempt)
    except (KafkaError, OSError) as error:
        return error
    finally:
        manager.close()
        net.close()
    return None


def explained(error: BaseException, settings: KafkaSettings) -> str | None:
    """Return what an error means and what to do, ``None`` where its own words are all that is known."""
    way = settings.security_protocol
    if isinstance(error, SaslAuthenticationFailedError):
        said = str(error.args[0] if error.args else error).rpartition("Error: ")[2]
        return f"the broker refused user {settings.sasl_username!r} by {settings.sasl_mechanism}: {said} ({_LOGIN})"
    if (right := _DENIED.search(f"{type(error).__name__}: {error}")) is not None:
        return (
            f"the broker denies it to {_who(settings)}: {right[0]}, expected the rights that docs/kafka.md lists"
            " (grant them at the broker)"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return (
            f"the broker does not take SASL mechanism {settings.sasl_mechanism!r}, expected one that its listener enables"
            f" (correct {_SET}SASL_MECHANISM)"
        )
    tls = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return _untrusted(tls, settings)
    if tls is not None and "ALERT" in (tls.reason or ""):
        return (
            f"the broker refused the client's certificate ({_plain(tls.reason)}): got {settings.ssl_certfile or 'none'},"
            f" expected one that the broker trusts (see {_SET}SSL_CERTFILE and {_SET}SSL_KEYFILE)"
        )
    if tls is not None:
        return (
            f"the TLS handshake failed ({_plain(tls.reason)}): got {_SET}SECURITY_PROTOCOL={way}, expected a listener that"
            " speaks TLS (correct the port or the protocol)"
        )
    closed = "socket disconnected" in str(error)
    if closed and "SASL" in way:
        return (
            f"the broker closed the connection of user {settings.sasl_username!r} by {settings.sasl_mechanism}: expected a"
            f" listener that speaks {way} and knows mechanism, user and password (correct the port, {_SET}SECURITY_PROTOCOL or"
            f" {_SET}SASL_MECHANISM; {_LOGIN})"
        )
    if closed or isinstance(error, (IllegalSaslStateError, InvalidReceiveError)):
        return (
            f"the broker {'closed the connection' if closed else 'answered in another protocol'}: got {_SET}SECURITY_PROTOCOL="
            f"{way}, expected what its listener speaks (correct the port or the protocol)"
        )
    return None


def denied(error: BaseException) -> bool:
    """Return whether the broker knows better than to let this user in, so that trying again won't help."""
    return isinstance(error, SaslAuthenticationFailedError) or _DENIED.search(repr(error)) is not None


def _causes(error: BaseException) -> Iterator[object]:
    """Yield an error, what it carries and what it was raised from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        yield from found.args
        found = found.__cause__ or found.__context__


def _untrusted(error: ssl.SSLCertVerificationError, settings: KafkaSettings) -> str:
    said = f"the broker's certificate is not accepted: {error.verify_message.rstrip('.')}"
    if error.verify_code in _WRONG_NAME:
        return f"{said}; expected the name in {_SET}BOOTSTRAP_SERVERS (use a name that it holds, or set {_SET}SSL_CHECK_HOSTNAME=false)"
    if error.verify_code == _EXPIRED:
        return f"{said}; expected a valid one (renew it at the broker; check this machine's clock)"
    authority = settings.ssl_cafile or "the system's authorities"
    return f"{said}; expected one signed by {authority} (name the authority that signed it in {_SET}SSL_CAFILE)"


def _who(settings: KafkaSettings) -> str:
    if "SASL" in settings.security_protocol:
        return f"user {settings.sasl_username!r}"
    return f"the holder of {settings.ssl_certfile}" if settings.ssl_certfile else "a client without a name"


def _plain(reason: str | None) -> str:
    return (reason or "no reason given").replace("_", " ").lower()
