"""The HTTP server of a worker: ``/metrics`` and ``/healthz``, in daemon threads."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from ticketcore.errors import ConfigurationError
from workers.observing.health import Health

__all__ = ["serving"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        self.registry, self.health = registry, health
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, *_, address = found[0]
        super().__init__((str(address[0]), int(address[1])), _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # the HTTP server's own asks the name service about itself

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a client that left."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10
    server_version = "ticketcore"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, kind, encode(self.server.registry))
        elif path == "/healthz":
            well, told = self.server.health.report()
            self._answer(200 if well else 503, "application/json", json.dumps(told).encode())
        else:
            self._answer(404, "text/plain; charset=utf-8", b"there are /metrics and /healthz\n")

    do_HEAD = do_GET  # noqa: N815 the base calls it so

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base names it so
        """Say nothing: scrapes come every few seconds."""

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serving(host: str, port: int, registry: CollectorRegistry, health: Health) -> Iterator[tuple[str, int]]:
    """Serve until the end of the block; gives host and port that are listened on.

    Raises:
        ConfigurationError: the address can't be listened on.
    """
    try:
        server = _Server(host, port, registry, health)
    except OSError as error:
        raise ConfigurationError(
            f"cannot serve metrics on {host}:{port}: {error.strerror or error}, expected a free port of this machine"
            " (set TICKETCORE_METRICS_PORT to another one or to 0 for any, and see TICKETCORE_METRICS_HOST)"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True, name="ticketcore-http")
    thread.start()
    try:
        yield str(server.server_address[0]), int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
