"""The topic of a log: made once with its partitions, which never change."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

from workers.kafka.errors import TopicMismatch, told
from workers.kafka.settings import KafkaSettings

__all__ = ["ensure_topic", "partitions_of"]

_CONFIGS = {"cleanup.policy": "delete"}  # compacting would keep a ticket's last event only


def ensure_topic(settings: KafkaSettings, topic: str, partitions: int) -> bool:
    """Make the topic where it is missing; return whether it was made now.

    Raises:
        TopicMismatch: it is there with another number of partitions.
        KafkaUnavailable: the broker does not answer or refuses.
    """
    with told(f"create topic {topic!r}", settings.bootstrap_servers), KafkaAdminClient(**settings.client()) as admin:
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
    if have != partitions:
        raise TopicMismatch(
            f"topic {topic!r} has {have} partitions, expected {partitions}: they never change, since an event's partition"
            " depends on their number (name another topic in TICKETCORE_KAFKA_TOPIC, or set TICKETCORE_KAFKA_PARTITIONS"
            " to the topic's number before its first use)"
        )
    return False


def partitions_of(settings: KafkaSettings, topic: str) -> int:
    """Return how many partitions the topic has.

    Raises:
        TopicMismatch: there is no such topic.
        KafkaUnavailable: the broker does not answer or refuses.
    """
    with told(f"look at topic {topic!r}", settings.bootstrap_servers), KafkaAdminClient(**settings.client()) as admin:
        have = _partitions(admin, topic)
    if have is None:
        raise TopicMismatch(
            f"there is no topic {topic!r} at {settings.bootstrap_servers}, expected the log's"
            " (run `ticketcore kafka create-topic` or start `ticketcore worker relay`; see TICKETCORE_KAFKA_TOPIC)"
        )
    return have


def _partitions(admin: Any, topic: str) -> int | None:
    try:
        [found] = admin.describe_topics([topic])
    except UnknownTopicOrPartitionError:
        return None
    return len(found["partitions"]) or None
