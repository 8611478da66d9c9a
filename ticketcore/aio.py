"""A thin async face of the synchronous core, for ASGI services."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from ticketcore.app import TicketCore

__all__ = ["AsyncTicketCore"]

P = ParamSpec("P")
T = TypeVar("T")


class AsyncTicketCore:
    """Runs the methods of a core in threads of its own, so that the event loop never waits for a data base.

    ::

        async with AsyncTicketCore(core) as tickets:
            opened = await tickets(core.open_ticket, channel="form", subject="Hello", by=actor)

    The call is typed as the method is. Commands that run at once share transactions (group commit), so *threads* may
    well be above the number of cores. A cancelled await does not undo a command that runs: give it a ``command_id``
    and repeat it to learn its result.

    Args:
        core: stays open; who opened it closes it.
        threads: commands and queries that run at once, from 1.
    """

    def __init__(self, core: TicketCore, *, threads: int = 32) -> None:
        self.core = core
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="ticketcore")

    async def __call__(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run *method* of the core in a thread and return what it returns; its errors pass through."""
        call = partial(method, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for running calls and end the threads; the core stays open."""
        await asyncio.to_thread(self._pool.shutdown)
