"""How far the read models are, as `ticketcore status` tells it, where Kafka's partitions feed them."""

from pathlib import Path

import psycopg
import pytest

from projections.queries import PostgresReadModels
from tests.kafka.given import Way, append_lives, opened_log
from tests.support.kafka import Kafka
from ticketcore.store.codec import Codec


@pytest.mark.servers
@pytest.mark.slow
def test_idle_partitions_are_no_lag(database: str, kafka: Kafka, tmp_path: Path) -> None:
    way = Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path, partitions=3)
    with opened_log(way.dsn) as log:
        models = PostgresReadModels(way.dsn, log, Codec().decode, projects=False)
        try:
            with way.running(log):
                head = append_lives(log, range(1, 20))
                way.caught_up(log)
            assert min(way.checkpoints().values()) < head
            assert models.position() == head
            [behind] = [n for (model, n), at in way.checkpoints().items() if model == "queues" and at == head]
            with psycopg.connect(way.dsn) as connection:
                connection.execute(
                    "UPDATE read_meta.checkpoints SET position = 3 WHERE model = 'queues' AND partition = %s", [behind]
                )
            assert models.position() == 3
            with psycopg.connect(way.dsn) as connection:  # what is not in the topic is not in the read models
                connection.execute("UPDATE read_meta.checkpoints SET position = %s WHERE position = 3", [head])
            assert append_lives(log, range(20, 25), seed=2) > head
            assert models.position() == head
        finally:
            models.close()
