"""Who feeds a read model: the log's own projector or the partitions of a topic, and the way from one to the other."""

import pytest

from projections.base import Model
from projections.checkpoints import CheckpointMoved
from projections.dead_letters import dead_letters
from projections.folding import decoded
from projections.partitions import give_to_log, give_to_partitions, partition_of
from projections.projector import Projector
from projections.rebuild import put_back, rebuild
from projections.runner import Runner
from projections.schema import MODELS, connect, install, live
from projections.verify import verify
from tests.projections.given import ListLog, after, execute, opened, ticket_id
from tests.projections.test_dead_letters import QUEUES, held_ticket
from ticketcore.errors import ConfigurationError

pytestmark = pytest.mark.servers


@pytest.fixture
def log(database: str) -> ListLog:
    """A ticket of one partition of two, then one of the other, whose third event can't be read."""
    install(database)
    other = next(n for n in range(2, 50) if partition_of(ticket_id(n), 2) != partition_of(ticket_id(1), 2))
    log = ListLog([*opened(other, after()).events, *held_ticket().events])
    log.unknown = {"ticket.held"}
    return log


def by_partitions(dsn: str, log: ListLog, model: Model, *only: int, of: int = 2) -> None:
    """Do what workers on some partitions of a topic do, each up to the log's end."""
    with connect(dsn) as connection:
        generation = live(connection, [model])[model.name].generation
        give_to_partitions(connection, model.name, generation, log.name, log.epoch(), of)
        for n in only:
            projector = Projector(model)
            at = projector.checkpoint(connection, generation, log.name, log.epoch(), n)
            records = [r for r in log.read(at.position, 1_000) if partition_of(r.originator_id, of) == n]
            projector.apply(connection, decoded(log.decode, records), at)


def hand_back(dsn: str, log: ListLog, model: Model = QUEUES) -> int | None:
    with connect(dsn) as connection:
        return give_to_log(connection, model.name, live(connection, [model])[model.name].generation, log.name)


def by_the_log(dsn: str, log: ListLog) -> None:
    with Runner(dsn, log, log.decode) as runner:
        assert runner.catch_up() == log.head()


def feeds(dsn: str) -> dict[int, int]:
    """Partition -> position, of the live queues."""
    with connect(dsn) as connection:
        return dict(
            connection.execute(
                "SELECT partition, position FROM read_meta.checkpoints"
                " WHERE model = 'queues' AND generation > 0 ORDER BY partition"
            ).fetchall()
        )


@pytest.mark.parametrize("way", ["hand-back", "put back"])
def test_what_a_waiting_tickets_row_holds_is_passed_over_when_it_is_read_again(
    database: str, log: ListLog, way: str
) -> None:
    for model in MODELS:  # the partition with the first events lags
        by_partitions(database, log, model, partition_of(ticket_id(1), 2))
    before = [letter[:6] for letter in dead_letters(database)]
    assert [letter[1] for letter in before] == [4, 5, 6] * 3
    if way == "hand-back":
        assert {hand_back(database, log, model) for model in MODELS} == {0}
        by_the_log(database, log)
    else:
        for model in MODELS:
            rebuild(database, log, log.decode, model)
            put_back(database, log, log.decode, model)
    assert [letter[:6] for letter in dead_letters(database)] == before
    assert verify(database, log, log.decode).different == 0


def test_a_topic_with_more_partitions_feeds_a_model_after_a_hand_back(database: str, log: ListLog) -> None:
    log.unknown = set()
    by_partitions(database, log, QUEUES, 0, 1)
    for refused in range(2):
        with pytest.raises(
            ConfigurationError,
            match=r"for 2 partitions of log 'main', but its topic has 4.*run `ticketcore kafka hand-back queues`",
        ):
            by_partitions(database, log, QUEUES, 0, 1, 2, 3, of=4)
        if not refused:
            rebuild(database, log, log.decode, QUEUES)  # which is fed as the former tables were
    reached = hand_back(database, log)
    assert reached == log.head()
    by_partitions(database, log, QUEUES, of=4)
    assert feeds(database) == dict.fromkeys(range(4), reached)
    log.events += [event for n in range(60, 80) for event in opened(n, after()).events]
    by_partitions(database, log, QUEUES, 0, 1, 2, 3, of=4)
    assert verify(database, log, log.decode, models=[QUEUES]).different == 0


def test_a_worker_that_still_runs_makes_no_second_feed_after_a_hand_back(database: str, log: ListLog) -> None:
    by_partitions(database, log, QUEUES, 0, 1)
    position = hand_back(database, log)
    with (
        connect(database) as connection,
        pytest.raises(CheckpointMoved, match=r"partition 0.*hand-back` gave the model back to the log"),
    ):
        Projector(QUEUES).checkpoint(connection, 1, log.name, log.epoch(), 0)
    assert feeds(database) == {-1: position}
    by_the_log(database, log)
    by_partitions(database, log, QUEUES, 0, 1)  # a worker that rejoins takes over as at its start
    assert feeds(database) == dict.fromkeys(range(2), log.head())


def test_a_hand_back_repairs_a_model_that_has_two_feeds(database: str, log: ListLog) -> None:
    by_the_log(database, log)
    execute(
        database,
        "INSERT INTO read_meta.checkpoints (model, generation, log, partition, position, epoch)"
        " SELECT model, generation, log, 0, 3, epoch FROM read_meta.checkpoints WHERE model = 'queues'",
    )
    with pytest.raises(ConfigurationError, match=r"itself and of 1 partitions, expected one feed.*hand-back queues"):
        by_partitions(database, log, QUEUES, 0, 1)
    assert hand_back(database, log) == 3
    assert feeds(database) == {-1: 3}
    assert hand_back(database, log) is None
    by_the_log(database, log)
    assert verify(database, log, log.decode).different == 0


def test_an_empty_partitions_checkpoint_takes_the_epoch_of_now(database: str, log: ListLog) -> None:
    by_partitions(database, log, QUEUES)
    log.current_epoch = ticket_id(9)
    with connect(database) as connection:
        assert Projector(QUEUES).checkpoint(connection, 1, log.name, log.epoch(), 1).epoch == ticket_id(9)
    by_partitions(database, log, QUEUES, 0, 1)
    assert verify(database, log, log.decode, models=[QUEUES]).different == 0
