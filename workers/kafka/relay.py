"""The relay: carries the log to its topic, in order, each event at least once.

One relay leads, others stand by with a producer that is connected already. The position moves when Kafka has confirmed
everything up to it, so whatever dies, a following leader begins at or before the first event that is missing. A leader
compares the topic with the log before it writes: a log that was restored stops it, a topic that was lost is filled again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import psycopg
import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from projections.feed import Log
from projections.observing import told as text_of
from projections.partitions import partition_of
from projections.runner import pause_after
from ticketcore.errors import EpochMismatch, StoreUnavailable
from ticketcore.store.port import Record
from workers.kafka.errors import KafkaUnavailable, TopicMismatch, refused, told
from workers.kafka.leadership import Leadership, LeadershipLost, Progress, check_epoch
from workers.kafka.message import message_of, source_of
from workers.kafka.settings import KafkaSettings
from workers.kafka.tail import Tail, check_topic, lacks, previous_at
from workers.kafka.topic import drop_before, ensure_topic

__all__ = ["Relay"]

_PAGE, _PAGE_BYTES = 1_000, 4_194_304
_SHORTEST, _LONGEST = 0.004, 0.05
"""Seconds between two looks at the log: at once after events came, and longer and longer where none come."""
_LIVE_EVERY = 64
"""Events of a page between two looks at the clock for a sign of life."""
_IN_FLIGHT = 3
"""Pages that are on their way at once."""
_CONFIRMED_WITHIN = 35.0
"""Seconds: a little more than ``delivery_timeout_ms``, after which the client may leave messages open for ever."""
_LEFT_WITHIN = 5.0
"""The same once the relay is told to stop."""
_STANDBY = 0.25
"""Seconds between two looks of a standby."""
_WATCH = 2.0
"""Seconds between two looks of the leader at the topic's ends: an idle one would not notice that the topic is gone."""
_PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    StoreUnavailable,
    KafkaError,
    KafkaUnavailable,
    LeadershipLost,
)
_PRODUCER: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 2,
    "batch_size": 262_144,
    "delivery_timeout_ms": 30_000,
    "request_timeout_ms": 10_000,
    "max_block_ms": 10_000,
    "allow_auto_create_topics": False,
}

logger = structlog.get_logger(__name__)


class Relay:
    """Carries one log to one topic, in the calling thread.

    Args:
        dsn: of the log, for the leader's session and its position.
        log: the log.
        settings: of Kafka.
        page: events that are read and confirmed together, 1 to 10,000.
        on_round: called after every round that ended well, as leader and as standby.
        on_page: called with the events of a page that Kafka has confirmed, and the seconds since its first was produced.
    """

    def __init__(
        self, dsn: str, log: Log, settings: KafkaSettings, *, page: int = _PAGE,
        on_round: Callable[[], None] = lambda: None, on_page: Callable[[int, float], None] = lambda *_: None,
    ) -> None:  # fmt: skip
        self._on_round, self._on_page = on_round, on_page
        self._dsn, self._log, self._settings, self._page = dsn, log, settings, page
        self.topic = settings.topic_of(log.name)
        self.leads = False
        self.carried = 0
        self._ends: list[int] = []
        self._watched = 0.0

    def run(self, stop: threading.Event) -> None:
        """Relay until *stop* is set. What fails is retried for ever, visibly, once the topic was found.

        Raises:
            TopicMismatch: the topic has another number of partitions than its relay's position, or was made anew with one.
            EpochMismatch: the log was restored: it does not hold what the topic holds. Or it has a hole.
            KafkaUnavailable: the broker did not answer at the start, or has refused so far.
        """
        self._ensure_topic()
        attempt = 0
        while not stop.is_set():
            carried = self.carried
            try:
                if attempt:
                    self._ensure_topic()
                self._stand_by_and_lead(stop)
            except _PASSING as error:
                if not self.carried and (refusal := refused(f"write topic {self.topic!r}", error, self._settings)):
                    raise refusal from error
                attempt = 1 if self.carried > carried else attempt + 1
                pause = pause_after(attempt)
                logger.warning(
                    "relay.retry",
                    attempt=attempt,
                    pause=round(pause, 3),
                    error=text_of(error),
                    kind=type(error).__name__,
                )
                stop.wait(pause)
            finally:
                self.leads = False

    def _stand_by_and_lead(self, stop: threading.Event) -> None:
        compression = None if self._settings.compression == "none" else self._settings.compression
        with told("reach Kafka", self._settings):
            producer = KafkaProducer(**self._settings.client(), **_PRODUCER, compression_type=compression)
        try:
            with (
                Tail(self._settings, self.topic, self._settings.partitions, self._log.name) as tail,
                Leadership(self._dsn, self.topic, self._settings.lease) as leadership,
            ):
                while (at := leadership.attempt(self._settings.partitions)) is None:
                    self._on_round()
                    if stop.wait(_STANDBY):
                        return
                self._check(at)
                at = self._begin(leadership, tail, at)
                self.leads = True
                logger.info("relay.leads", topic=self.topic, position=at.position, term=at.term)
                self._lead(leadership, producer, tail, at, stop)
        finally:
            _close(producer)

    def _ensure_topic(self) -> None:
        if ensure_topic(self._settings, self.topic, self._settings.partitions):
            logger.warning("relay.topic_created", topic=self.topic, partitions=self._settings.partitions)

    def _begin(self, leadership: Leadership, tail: Tail, at: Progress) -> Progress:
        """Compare the topic with the log, and go back to where the topic lacks something."""
        epochs = leadership.epochs()
        check_topic(tail, self._log, epochs, at.position, lambda: leadership.live(at))
        back, headless = lacks(tail, epochs, at.previous)
        if back is not None:
            logger.warning("relay.refills", topic=self.topic, position=at.position, back_to=back)
            drop_before(self._settings, self.topic, headless)  # first: a row that moved tells nobody of them any more
            at = leadership.move(at, back, previous_at(self._log, back, len(at.previous), lambda: leadership.live(at)))
        self._ends, self._watched = tail.ends(), time.monotonic()
        return at

    def _watch(self, tail: Tail) -> None:
        """Notice a topic that was deleted or made anew while nothing is produced.

        Raises:
            KafkaUnavailable, KafkaTimeoutError: it was.
        """
        if time.monotonic() - self._watched < _WATCH:
            return
        for partition, end in enumerate(tail.ends(self._settings.lease / 2)):
            self._check_end(partition, end)
        self._watched = time.monotonic()

    def _check_end(self, partition: int, end: int) -> None:
        if end < self._ends[partition]:
            raise KafkaUnavailable(
                f"topic {self.topic!r} ends at offset {end} in partition {partition}, expected {self._ends[partition]} at least:"
                " it was made anew (nothing is to be done: the relay fills it again)"
            )

    def _check(self, at: Progress) -> None:
        if len(at.previous) != self._settings.partitions:
            raise TopicMismatch(
                f"topic {self.topic!r} was written in {len(at.previous)} partitions, expected {self._settings.partitions}:"
                " they never change (set TICKETCORE_KAFKA_PARTITIONS to the former number, or name another topic in"
                " TICKETCORE_KAFKA_TOPIC)"
            )
        check_epoch(self.topic, at, self._log.epoch())
        if at.position > (head := self._log.head()):
            raise EpochMismatch(
                f"topic {self.topic!r} holds the log up to position {at.position}, but the log ends at {head}: it was restored"
                " from a backup (run `ticketcore recover --dry-run` to see what it lost, then `ticketcore recover`)"
            )

    def _lead(
        self, leadership: Leadership, producer: KafkaProducer, tail: Tail, at: Progress, stop: threading.Event
    ) -> None:
        """Produce pages while those before them are being confirmed; move the position page by page."""
        source = source_of(self._log.name, at.epoch)
        sent: deque[_Page] = deque()
        pause = _SHORTEST
        while not stop.is_set():
            position, previous = (sent[-1].position, sent[-1].previous) if sent else (at.position, at.previous)
            records = self._log.read(position, self._page, max_bytes=_PAGE_BYTES)
            if records:
                pause = _SHORTEST
                live = partial(leadership.live, at)
                live()
                sent.append(self._produce(producer, records, position, previous, source, live))
            if sent and (not records or len(sent) >= _IN_FLIGHT):
                at = self._confirm(leadership, at, sent.popleft(), stop)
                self._watch(tail)
                self._on_round()
            elif not records:
                self._on_round()
                leadership.live(at)
                self._watch(tail)
                stop.wait(pause)
                pause = min(_LONGEST, pause * 1.5)
        for page in sent:
            at = self._confirm(leadership, at, page, stop)

    def _produce(
        self, producer: KafkaProducer, records: Sequence[Record], after: int, before: Sequence[int], source: bytes,
        live: Callable[[], None],
    ) -> _Page:  # fmt: skip
        previous, partitions, began = list(before), len(before), time.monotonic()
        topic, send = self.topic, producer.send
        futures = []
        for number, record in enumerate(records, after + 1):
            if record.position != number:
                raise EpochMismatch(
                    f"log {self._log.name!r} has no position {number}: got {record.position}, expected contiguous positions"
                    " (records were removed: restore the log)"
                )
            partition = partition_of(record.originator_id, partitions)
            key, value, headers = message_of(record, source, previous[partition])
            futures.append(send(topic, value, key, headers, partition))
            if not number % _LIVE_EVERY:
                live()  # where a page takes longer than the lease two relays would take turns for ever
            previous[partition] = number
        return _Page(records[-1].position, tuple(previous), futures, began)

    def _confirm(self, leadership: Leadership, at: Progress, page: _Page, stop: threading.Event) -> Progress:
        """Wait until Kafka has confirmed a page, then move the position.

        Raises:
            KafkaError: a message failed for good; later ones may be in the topic, and are produced again.
            KafkaUnavailable: Kafka neither took nor refused it in time.
        """
        ends = self._ends
        for future in page.futures:
            while not future.is_done:
                with suppress(KafkaTimeoutError):
                    future.get(timeout=self._settings.lease / 4)
                leadership.live(at)  # Kafka may be away; the lead is not
                if (waited := time.monotonic() - page.began) > (_LEFT_WITHIN if stop.is_set() else _CONFIRMED_WITHIN):
                    raise KafkaUnavailable(
                        f"Kafka at {self._settings.bootstrap_servers} has not confirmed positions {at.position + 1} to"
                        f" {page.position} of topic {self.topic!r} for {waited:.0f} s: expected an answer (is the broker up,"
                        " has it space left? they are produced again until it answers)"
                    )
            if future.exception is not None:
                raise future.exception
            partition, offset = future.value.partition, future.value.offset
            if offset < ends[partition]:
                self._check_end(partition, offset + 1)
            ends[partition] = offset + 1
        at, before = leadership.move(at, page.position, page.previous), at.position
        self.carried += at.position - before
        self._on_page(at.position - before, time.monotonic() - page.began)
        return at


class _Page(NamedTuple):
    """Events on their way to Kafka. ``position``: of the last one; ``previous``: then the last of each partition; ``began``: monotonic."""

    position: int
    previous: tuple[int, ...]
    futures: list[Any]
    began: float


def _close(producer: KafkaProducer) -> None:
    """End the client's thread, whatever is still on its way: left alone it would produce that some time later."""
    try:
        producer.close(timeout=1)
    except KafkaTimeoutError:  # raised before it ends anything
        producer._sender.force_close()
        producer._sender.join(1)
        producer.close(timeout=0)
