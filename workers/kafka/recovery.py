"""After a restore: what the topic and the read models hold that the log lost, and ending the epoch of the lost part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from projections.feed import Log
from ticketcore.errors import ConfigurationError, EpochMismatch
from ticketcore.ids import Kind
from workers.kafka.epochs import Restart, end_epoch, epochs_of
from workers.kafka.errors import KafkaUnavailable, told
from workers.kafka.leadership import check_epoch, progress
from workers.kafka.lost import Survey, survey
from workers.kafka.settings import KafkaSettings
from workers.kafka.tail import Held, Tail, check_topic, previous_at
from workers.kafka.topic import check_partitions, found_partitions, partitions_of

__all__ = ["Found", "found_in_topic", "go_on", "problem_of"]


class Found(NamedTuple):
    """What the topic says about its log.

    Attributes:
        topic: its name.
        partitions: how many it has; 0 where there is none.
        restored: the log was restored or replaced since the relay wrote.
        common: position up to which the log holds what the topic was given; ``None``: nothing says.
        survey: of the topic's ends; ``None`` where there is no topic.
    """

    topic: str
    partitions: int
    restored: bool
    common: int | None
    survey: Survey | None


def found_in_topic(dsn: str, log: Log, settings: KafkaSettings, each: Callable[[Held], None] = lambda _: None) -> Found:
    """Compare a log's topic with the log. *each* is called with each event that the log lost.

    Raises:
        KafkaUnavailable: the broker does not answer.
        ConfigurationError: the topic is another log's.
    """
    topic, head, epochs = settings.topic_of(log.name), log.head(), epochs_of(dsn)
    at = progress(dsn, topic)
    behind = at is not None and (at.epoch != epochs.now or at.position > head)
    partitions = found_partitions(settings, topic)
    if partitions == 0:
        return Found(topic, 0, behind, None, None)
    settled = set(epochs.former) - ({at.epoch} if at is not None else set())
    with told(f"read topic {topic!r}", settings), Tail(settings, topic, partitions, log.name) as tail:
        # The row was restored with the log: what it says was confirmed is in both.
        confirmed = at.position if at is not None and at.position <= head else 0
        found = survey(tail, log, epochs.now, settled, confirmed, each)
    common = max(found.common, confirmed)
    return Found(topic, partitions, behind or bool(found.lost or found.unknown), common, found)


def problem_of(dsn: str, log: Log, settings: KafkaSettings) -> str | None:
    """Return what would stop a relay of the log now, ``None`` where nothing would."""
    topic, at = settings.topic_of(log.name), progress(dsn, settings.topic_of(log.name))
    if at is None:
        return None
    epochs = epochs_of(dsn)
    try:
        check_epoch(topic, at, epochs.now)
        check_partitions(topic, partitions_of(settings, topic), len(at.previous))
        with told(f"read topic {topic!r}", settings), Tail(settings, topic, len(at.previous), log.name) as tail:
            check_topic(tail, log, epochs, at.position)
    except (EpochMismatch, ConfigurationError, KafkaUnavailable) as error:
        return str(error)
    return None


def go_on(dsn: str, log: Log, found: Found, ended: UUID, shown: Mapping[Kind, int] = MappingProxyType({})) -> UUID:
    """End the log's epoch and return the new one; the relay repeats the last common event of each partition in it.

    So each partition tells its readers at once that there is a new epoch, and from which position on the former is void.
    *shown*: the highest counter of a number that is known from elsewhere than the topic, by kind.
    """
    if found.survey is None or found.common is None:
        at = progress(dsn, found.topic)
        restart = None if at is None else Restart(found.topic, 0, (0,) * len(at.previous))
        return end_epoch(dsn, ended, (), shown, restart)
    last = previous_at(log, found.common, found.partitions)
    position = min((position for position in last if position), default=1) - 1
    lost = found.survey.counters
    counters = {kind: max(lost.get(kind, 0), shown.get(kind, 0)) for kind in Kind}
    restart = Restart(found.topic, position, previous_at(log, position, found.partitions))
    return end_epoch(dsn, ended, found.survey.unknown, counters, restart)
