"""When promises begin and end by what happens in a ticket, before any policy is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.types import Direction, SlaTarget, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ticketcore.policy.clocks import Moment

__all__ = ["OVER", "Stretch", "stretches"]

OVER = (Status.SOLVED, Status.CLOSED)
_AT_REST = (*OVER, Status.MERGED)


class Stretch(NamedTuple):
    """Something that the customer waits for.

    Attributes:
        target: what.
        begin: index of the moment from which on.
        end: index of the moment at which it came; ``None`` while it did not. A resolution has none: the ticket may be
            reopened, and it goes on.
    """

    target: SlaTarget
    begin: int
    end: int | None = None


def stretches(moments: Sequence[Moment], opening: Direction) -> Iterator[Stretch]:
    """Yield what is waited for, in the order in which it began.

    The first reply is waited for from the opening, or, where staff opened the ticket with a note, from the first message
    of the customer; never where the opening or what followed it was a public message of staff. Once it came, each
    message of the customer that finds all answered begins the wait for a next reply. A public reply of staff ends both,
    and so does solving.
    """
    yield Stretch(SlaTarget.RESOLUTION, 0)
    target = SlaTarget.FIRST_REPLY
    begin: int | None = None
    if opening is Direction.INBOUND:
        begin = 0
    elif opening is Direction.OUTBOUND:
        target = SlaTarget.NEXT_REPLY
    for index, moment in enumerate(moments):
        if index and (moment.reply or moment.status in OVER):
            if begin is not None:
                yield Stretch(target, begin, index)
            begin, target = None, SlaTarget.NEXT_REPLY
        elif index and moment.inbound and begin is None and moment.status not in _AT_REST:
            begin = index
    if begin is not None:
        yield Stretch(target, begin)
