"""What can go wrong with Kafka, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafka.errors import KafkaError

from ticketcore.errors import ConfigurationError, TicketCoreError
from workers.kafka.probe import denied, explained, first_failure

if TYPE_CHECKING:
    from workers.kafka.settings import KafkaSettings

__all__ = ["BrokerUnavailable", "KafkaUnavailable", "TopicMismatch", "refused", "told"]


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
def told(what: str, settings: KafkaSettings) -> Iterator[None]:
    """Turn what the client raises into :class:`KafkaUnavailable`; *what*: "create topic 'x'"."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise _unavailable(what, error, settings) from error


def refused(what: str, error: Exception, settings: KafkaSettings) -> KafkaUnavailable | None:
    """Return what to raise where the broker will not have this user, ``None`` where trying again may help."""
    return _unavailable(what, error, settings) if denied(error) else None


def _unavailable(what: str, error: Exception, settings: KafkaSettings) -> KafkaUnavailable:
    cause = explained(error, settings)
    if cause is None and (found := first_failure(settings)) is not None:
        cause = explained(found, settings)
        error = found
    cause = cause or (
        f"{str(error) or type(error).__name__} (is the broker up, and do TICKETCORE_KAFKA_BOOTSTRAP_SERVERS and the"
        " TICKETCORE_KAFKA_SSL_... and SASL_... settings fit it?)"
    )
    return KafkaUnavailable(f"cannot {what} at {settings.bootstrap_servers}: {cause}")
