"""Asking a broker whether it answers: one small request that needs no login, on a connection of its own."""

from __future__ import annotations

import socket
import struct

from ticketcore.errors import ConfigurationError
from workers.kafka.settings import KafkaSettings

__all__ = ["ask"]

_PATIENCE = 3.0
_NAME = b"ticketcore-health"
_REQUEST = struct.pack(">hhih", 18, 0, 1, len(_NAME)) + _NAME
"""ApiVersions, version 0: the Kafka protocol's first request of every connection, before any authentication."""


def ask(settings: KafkaSettings) -> None:
    """Return once one of the bootstrap servers has answered.

    Raises:
        OSError: none of them did, each given three seconds.
    """
    trouble: OSError | None = None
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            _ask(settings, host.strip("[]"), int(port))
        except (OSError, ValueError, ConfigurationError) as error:
            trouble = OSError(f"{server.strip()}: {str(error) or type(error).__name__}")
        else:
            return
    assert trouble is not None  # noqa: S101 -- there is at least one server
    raise trouble


def _ask(settings: KafkaSettings, host: str, port: int) -> None:
    with socket.create_connection((host, port), _PATIENCE) as plain:
        plain.settimeout(_PATIENCE)
        connection = plain
        if "SSL" in settings.security_protocol:
            connection = settings.tls().wrap_socket(plain, server_hostname=host)
        connection.sendall(struct.pack(">i", len(_REQUEST)) + _REQUEST)
        if not connection.recv(8):
            raise ConnectionError("the connection was closed before an answer")
