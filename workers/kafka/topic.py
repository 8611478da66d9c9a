"""The topic of a log: made once with its partitions, which never change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

from workers.kafka.errors import TopicMismatch, told
from workers.kafka.settings import KafkaSettings

__all__ = ["check_partitions", "drop_before", "ensure_topic", "found_partitions", "partitions_of", "replace_topic"]

_CONFIGS = {"cleanup.policy": "delete"}  # compacting would keep a ticket's last event only


def ensure_topic(settings: KafkaSettings, topic: str, partitions: int) -> bool:
    """Make the topic where it is missing; return whether it was made now.

    Raises:
        TopicMismatch: it is there with another number of partitions.
        KafkaUnavailable: the broker does not answer or refuses.
    """
    with told(f"create topic {topic!r}", settings), KafkaAdminClient(**settings.client()) as admin:
        have = _partitions(admin, topic)
        if have is None:
            wanted = {
                "num_partitions": partitions,
                "replication_factor": settings.replication_factor or -1,
                "configs": _CONFIGS,
            }
            try:
                admin.create_topics({topic: wanted}, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                have = _partitions(admin, topic)
            else:
                return True
    check_partitions(topic, have, partitions)
    return False


def check_partitions(topic: str, have: int | None, partitions: int) -> None:
    """Raise :class:`TopicMismatch` where the topic has another number of partitions than *partitions*."""
    if have != partitions:
        raise TopicMismatch(
            f"topic {topic!r} has {have} partitions, expected {partitions}: they never change, since an event's partition"
            " depends on their number (name another topic in TICKETCORE_KAFKA_TOPIC, or set TICKETCORE_KAFKA_PARTITIONS"
            " to the topic's number before its first use; a topic that was made anew wrongly is put right by"
            " `ticketcore kafka create-topic --anew`)"
        )


def replace_topic(settings: KafkaSettings, topic: str, partitions: int) -> None:
    """Delete the topic, where there is one, and make it; its relay fills it from the log.

    Raises:
        KafkaUnavailable: the broker does not answer or refuses.
    """
    with told(f"make topic {topic!r} anew", settings), KafkaAdminClient(**settings.client()) as admin:
        if _partitions(admin, topic) is not None:
            admin.delete_topics([topic])
            deadline = time.monotonic() + settings.timeout
            while _partitions(admin, topic) is not None and time.monotonic() < deadline:
                time.sleep(0.05)
    ensure_topic(settings, topic, partitions)


def drop_before(settings: KafkaSettings, topic: str, offsets: Mapping[int, int]) -> None:
    """Delete the messages of each partition before an offset.

    Raises:
        KafkaUnavailable: the broker does not answer or refuses.
    """
    if not offsets:
        return
    with told(f"delete records of topic {topic!r}", settings), KafkaAdminClient(**settings.client()) as admin:
        admin.delete_records({TopicPartition(topic, partition): offset for partition, offset in offsets.items()})


def partitions_of(settings: KafkaSettings, topic: str) -> int:
    """Return how many partitions the topic has.

    Raises:
        TopicMismatch: there is no such topic.
        KafkaUnavailable: the broker does not answer or refuses.
    """
    have = found_partitions(settings, topic)
    if have == 0:
        raise TopicMismatch(
            f"there is no topic {topic!r} at {settings.bootstrap_servers}, expected the log's"
            " (run `ticketcore kafka create-topic` or start `ticketcore worker relay`; see TICKETCORE_KAFKA_TOPIC;"
            " a topic that this client may not describe looks as if it were not there)"
        )
    return have


def found_partitions(settings: KafkaSettings, topic: str) -> int:
    """Return how many partitions the topic has, 0 where there is no such topic.

    Raises:
        KafkaUnavailable: the broker does not answer or refuses.
    """
    with told(f"look at topic {topic!r}", settings), KafkaAdminClient(**settings.client()) as admin:
        return _partitions(admin, topic) or 0


def _partitions(admin: Any, topic: str) -> int | None:
    try:
        [found] = admin.describe_topics([topic])
    except UnknownTopicOrPartitionError:
        return None
    return len(found["partitions"]) or None
