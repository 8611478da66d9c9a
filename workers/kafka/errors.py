"""What can go wrong with Kafka, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.errors import KafkaError

from ticketcore.errors import ConfigurationError, TicketCoreError

__all__ = ["BrokerUnavailable", "KafkaUnavailable", "TopicMismatch", "told"]


class KafkaUnavailable(TicketCoreError):
    """Kafka can't be reached, or refuses what is asked of it."""

    code = "kafka_unavailable"
    exit_code = 3


class TopicMismatch(ConfigurationError):
    """The topic is missing, or has another number of partitions than its readers and its relay were made for."""

    code = "topic_mismatch"


class BrokerUnavailable(TicketCoreError):
    """No broker can be found or started on this machine."""

    code = "broker_unavailable"
    exit_code = 3


@contextmanager
def told(what: str, servers: str) -> Iterator[None]:
    """Turn what the client raises into :class:`KafkaUnavailable`; *what*: "create topic 'x'"."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(
            f"cannot {what} at {servers}: {error or type(error).__name__} (is the broker up, and do"
            " TICKETCORE_KAFKA_BOOTSTRAP_SERVERS and the TICKETCORE_KAFKA_SSL_... and SASL_... settings fit it?)"
        ) from error
