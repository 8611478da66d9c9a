"""A real Kafka of the tests' own, unless the environment names one."""

import itertools
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from kafka import KafkaAdminClient

from workers.kafka.broker import Broker, find

__all__ = ["Kafka"]


class Kafka:
    """One broker. A context manager: its exit stops the broker and removes its data.

    ``bootstrap``: ``host:port``; ``source``: where the broker comes from, in words.
    """

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ticketcore-kafka-"))
        try:
            self._broker = self._made()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _made(self) -> Broker:
        return find(self.folder)

    @property
    def bootstrap(self) -> str:
        return self._broker.bootstrap

    @property
    def source(self) -> str:
        return self._broker.source

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            with suppress(Exception):
                self._broker.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._broker.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start, also after :meth:`stop` or :meth:`kill9`, on the same port and data."""
        self._broker.start()

    def stop(self) -> None:
        self._broker.stop()

    def kill9(self) -> None:
        self._broker.kill9()

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the broker until :meth:`resume`."""
        self._broker.pause()

    def resume(self) -> None:
        self._broker.resume()

    def topic_name(self) -> str:
        """Return a name that no other test uses."""
        return f"t{os.getpid()}-{next(self._numbers)}"

    def create_topic(self, partitions: int = 6, configs: dict[str, str] | None = None) -> str:
        """Make a topic of a new name and return the name."""
        name = self.topic_name()
        with KafkaAdminClient(bootstrap_servers=self.bootstrap) as admin:
            wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": configs or {}}
            admin.create_topics({name: wanted}, wait_for_metadata=True)
        return name
