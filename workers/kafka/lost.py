"""What a topic holds and its log lost: found from the ends of the partitions, after a restore."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from projections.feed import Log
from ticketcore.domain.customer_events import CustomerForgotten
from ticketcore.domain.ticket_events import Redacted
from ticketcore.ids import Kind, kind_of, number_in
from workers.kafka.tail import Held, Tail, held_by

__all__ = ["LostInPartition", "Survey", "line_of", "survey"]

_CLOCKS_DIFFER = timedelta(days=1)
"""How far clocks may be apart; generous, as a recovery is rare."""
_ERASURES = {CustomerForgotten.TOPIC, Redacted.TOPIC}


class LostInPartition(NamedTuple):
    """Where lost events lie in the topic. Offsets and positions: of the first and the last of them."""

    partition: int
    events: int
    first_offset: int
    last_offset: int
    first_position: int
    last_position: int


class Survey(NamedTuple):
    """What was found.

    Attributes:
        common: position of the last event that both hold; 0 for none.
        lost: of each partition that holds lost events.
        types: type -> lost events of it.
        erasures: numbers of the tickets that were redacted and the customers who were forgotten by lost events.
        counters: the highest counter of a number among the lost events.
        unknown: epochs of messages that the log never had.
    """

    common: int
    lost: list[LostInPartition]
    types: dict[str, int]
    erasures: list[str]
    counters: dict[Kind, int]
    unknown: set[UUID]

    @property
    def events(self) -> int:
        """How many events were lost."""
        return sum(part.events for part in self.lost)


def survey(
    tail: Tail,
    log: Log,
    epoch: UUID,
    settled: Collection[UUID],
    after: int = 0,
    each: Callable[[Held], None] = lambda _: None,
) -> Survey:
    """Go back from the end of each partition, over all that was produced since *after* was recorded, less a day.

    An event that the log holds does not end it: a former leader can have produced it again behind lost ones, and a
    recovery that this log knows nothing of repeated it.

    Args:
        tail: of the topic.
        log: the log.
        epoch: its epoch.
        settled: epochs that an earlier recovery ended: what they lost was told then.
        after: a position that the log held when it was backed up; 0 reads the whole topic.
        each: called with each lost event, once, in no order.
    """
    common, lost = 0, list[LostInPartition]()
    types: Counter[str] = Counter()
    erasures: set[str] = set()
    counters: dict[Kind, int] = {}
    unknown: set[UUID] = set()
    begins, ends = tail.since(log, after, _CLOCKS_DIFFER), tail.ends()
    for partition in range(tail.partitions):
        positions: set[int] = set()
        seen: set[int] = set()
        offsets: set[int] = set()
        for chunk in tail.backwards(partition, begins[partition], ends[partition]):
            fresh = [held for held in chunk if held.epoch not in settled]
            there = held_by(log, fresh)
            unknown.update(held.epoch for held in fresh if held.epoch != epoch)
            for held in fresh:
                record = held.message.record
                if held.offset in there:
                    common = max(common, record.position)
                elif hash(record) not in seen:  # two restores can have lost two events of one position
                    seen.add(hash(record))
                    positions.add(record.position)
                    offsets.add(held.offset)
                    types[record.topic] += 1
                    kind = kind_of(record.originator_id)
                    if kind is not None:
                        number = number_in(record.originator_id)
                        counters[kind] = max(counters.get(kind, 0), number.counter)
                        if record.topic in _ERASURES:
                            erasures.add(str(number))
                    each(held)
        if positions:
            lost.append(
                LostInPartition(partition, len(seen), min(offsets), max(offsets), min(positions), max(positions))
            )
    return Survey(common, lost, dict(types.most_common()), sorted(erasures), counters, unknown)


def line_of(held: Held) -> str:
    """Return a lost event as one line of JSON: where it lies, the message's headers, its key and its value."""
    found: dict[str, Any] = {
        "partition": held.partition,
        "offset": held.offset,
        "position": held.message.record.position,
        "headers": {name: value.decode() for name, value in held.raw.headers},
        "key": str(held.message.record.originator_id),
        "value": json.loads(held.message.record.state),
    }
    return json.dumps(found, ensure_ascii=False)
