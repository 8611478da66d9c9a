"""Group commit and group load: the commands that wait are appended in one call, and what they wait for is loaded in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.store.appends import check_append
from ticketcore.store.together import Together

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from ticketcore.store.port import Append, EventLog, Loaded, Outcome, Wanted  # noqa: F401 -- named in the base's brackets

__all__ = ["GroupCommit", "GroupLoad"]


class GroupCommit(Together["Append", "Outcome"]):
    """Appends commands of many threads together.

    Args:
        log: where to append.
        max_commands: the most commands of one call.
        max_bytes: the most bytes of events of one call, beside its first command.
    """

    def __init__(self, log: EventLog, *, max_commands: int = 256, max_bytes: int = 4_194_304) -> None:
        call = lambda batch: log.append(batch)  # noqa: E731, PLW0108 -- looked up at each call, so that it can be timed
        super().__init__(call, "an append", max_commands, max_bytes)

    def submit(self, append: Append) -> Outcome:
        """Append one command and return its own outcome; blocks until it is recorded or refused.

        Raises:
            EventTooLarge, ValueError: the append itself is wrong; others are not touched.
            StoreUnavailable: the server is away; repeating the same command id records nothing twice.
        """
        check_append(append)
        return self.ask(append, sum([len(event.state) for event in append.events]))


class GroupLoad(Together["Wanted", "Loaded"]):
    """Loads streams for many threads together. What it returns was read after it was asked for.

    Args:
        log: where to load from.
        max_commands: the most commands of one call.
    """

    def __init__(self, log: EventLog, *, max_commands: int = 64) -> None:
        call = lambda wanted: log.load_many(wanted)  # noqa: E731, PLW0108 -- likewise
        super().__init__(call, "a load", max_commands, 0)

    def load(self, streams: Sequence[UUID], command_id: UUID | None = None) -> Loaded:
        """Return whole streams and the command's receipt; see :meth:`EventLog.load`."""
        return self.ask((streams, command_id))
