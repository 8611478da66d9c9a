"""The server: sockets, sessions and an orderly end, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from ticketcore.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    from workers.incoming.reception import Reception
    from workers.incoming.settings import IncomingSettings

__all__ = ["listening"]

LONGEST_PATIENCE = 60.0
"""Seconds that messages in hand have when the server ends; a client that then hears nothing comes again."""

PARTING = 5.0
"""Seconds that clients have to take leave then: what was said last goes out, TLS is ended."""


@contextmanager
def listening(settings: IncomingSettings, reception: Reception) -> Iterator[str]:
    """Take mail until the end of the block, then finish what is in hand; gives the address that is listened on.

    Raises:
        ConfigurationError: the address can't be listened on.
    """
    server = _Server(settings, reception)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()


class _Server:
    def __init__(self, settings: IncomingSettings, reception: Reception) -> None:
        self._settings, self._reception = settings, reception
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="intake-server", daemon=True)
        self._sessions: set[Any] = set()
        self.address = ""

    def start(self) -> None:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except OSError as error:
            self._end_loop()
            raise ConfigurationError(
                f"cannot listen on {self._settings.listen}: {error.strerror or error}, expected a free address of this"
                " machine (set TICKETCORE_INTAKE_LISTEN to HOST:PORT or unix:PATH)"
            ) from None

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._reception.close()
        self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        tls, address = self._settings.tls(), self._settings.address
        if isinstance(address, Path):
            _clear(address)
            self._listener: asyncio.Server = await self._loop.create_unix_server(lambda: self._session(tls), address)
            self.address = f"unix:{address}"
            return
        self._listener = await self._loop.create_server(lambda: self._session(tls), *address)
        host, port, *_ = self._listener.sockets[0].getsockname()
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def _close(self) -> None:
        for each in self._listener.sockets:
            self._loop.remove_reader(each.fileno())
        await asyncio.sleep(0)  # a connection that was just taken fails for good where the listener is closed first
        self._listener.close()
        deadline = self._loop.time() + LONGEST_PATIENCE
        while self._reception.in_hand and self._loop.time() < deadline:  # noqa: ASYNC110 nothing happens often here
            await asyncio.sleep(0.02)
        await self._part()

    async def _part(self) -> None:
        """See all clients off, those too that were let in a moment ago; who does not take leave in time is cut off."""
        deadline = self._loop.time() + PARTING
        while self._hold() and self._loop.time() < deadline:
            for session in list(self._sessions):
                session.leave()
            await asyncio.sleep(0.01)
        for session in list(self._sessions):
            session.cut()
        while self._hold() and self._loop.time() < deadline + PARTING:  # noqa: ASYNC110 callbacks end them
            await asyncio.sleep(0.01)

    def _hold(self) -> bool:
        """Return whether there are sessions, or tasks that end some or take a connection."""
        return bool(self._sessions) or len(asyncio.all_tasks(self._loop)) > 1

    def _session(self, tls: ssl.SSLContext | None) -> SMTP:
        kind = _Lmtp if self._settings.protocol == "lmtp" else _Session
        return kind(
            self._reception, self._sessions, self._settings.max_connections, max_size=self._settings.max_size,
            data_size_limit=self._settings.max_size, timeout=self._settings.timeout, tls_context=tls, loop=self._loop,
            enable_SMTPUTF8=True, ident="ticketcore", auth_exclude_mechanism=("LOGIN", "PLAIN"), hostname=None,
        )  # fmt: skip


class _Session(SMTP):
    """A client's session. Lines may be as long as the message: real mail keeps to no limit."""

    def __init__(self, reception: Reception, sessions: set[Any], most: int, *, max_size: int, **given: Any) -> None:
        self.line_length_limit = max_size
        super().__init__(reception, **given)
        self._sessions, self._most = sessions, most

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or tell the client to come again where there are too many."""
        super().connection_made(transport)
        self._sessions.add(self)
        if len(self._sessions) > self._most:
            self._say(b"421 4.3.2 too many connections, come again\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the session."""
        self._sessions.discard(self)
        super().connection_lost(error)

    def leave(self) -> None:
        """Tell the client that the service ends."""
        self._say(b"421 4.3.2 the service ends, come again\r\n")

    def cut(self) -> None:
        """Close the connection at once."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def _say(self, line: bytes) -> None:
        if isinstance(self.transport, asyncio.WriteTransport) and not self.transport.is_closing():
            with contextlib.suppress(OSError, RuntimeError):
                self.transport.write(line)
            self.transport.close()


class _Lmtp(_Session, LMTP):
    pass


def _clear(path: Path) -> None:
    """Remove a socket that a killed server left; one that somebody listens on stays.

    Raises:
        OSError: somebody listens there.
    """
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
        else:
            raise OSError(errno.EADDRINUSE, "somebody listens there already")
