"""A look back at a log: its tickets one after the other, under a policy taken as if it always was in force. Only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.collector import no_collection
from ticketcore.policy.around import Around
from ticketcore.policy.past import Past, always, past
from ticketcore.policy.past_history import PastHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ticketcore.app import TicketCore
    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.past import Told

__all__ = ["LookBack"]


class LookBack:
    """One look at the log as it is when this is made.

    Args:
        core: opened with the keys where rules look at texts.
        document: the policy that is tried.
        since, until: only tickets that were opened in ``[since, until)``; aware; ``None``: at any time.

    Attributes:
        position: of the log, up to which it is read.
        schedule: the policy's alone.
        outside: answers what the events do not tell, as it stood then where the log tells that.
    """

    def __init__(
        self, core: TicketCore, document: PolicyDocument, since: datetime | None, until: datetime | None
    ) -> None:
        self.position = core.log.head()
        self.schedule = always(document)
        self.outside = Around(core, PastHistory(core.log, self.position), self.schedule)
        self._log, self._selection = core.log, Past(self.position, since, until)

    def tickets(self, progress: Callable[[int], None]) -> Iterator[Told]:
        """Yield the tickets in the order of their numbers; *progress* is told how many more were gone through.

        Raises:
            StoreUnavailable: the log is away.
        """
        with no_collection():
            for page in past(self._log, self._selection):
                self.outside.turn_to(told.events[0] for told in page if told.events)
                yield from page
                progress(len(page))
