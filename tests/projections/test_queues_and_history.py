"""Queues and customer history: by fold, in memory and in PostgreSQL."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from projections.memory import MemoryReadModels
from projections.queries import PostgresReadModels
from projections.queues import QUEUES, QueueRow
from projections.schema import install
from tests.projections.given import Life, ListLog, after, customer_id, cv, ev, folded, opened, ticket_id
from ticketcore.domain.types import Channel, Direction, Priority, SlaTarget
from ticketcore.errors import WaitTimeout
from ticketcore.read_models import ReadModels


def place(life: Life) -> QueueRow:
    row = folded(QUEUES, life).state(life.id)
    assert isinstance(row, QueueRow)
    return row


def test_waiting_begins_with_the_first_message_that_nobody_answered() -> None:
    life = opened()
    assert place(life).waiting_since == after()
    life.then(ev.Commented, after(hours=1), direction=Direction.INBOUND, channel=Channel.MAIL)
    assert place(life).waiting_since == after()
    life.then(ev.Commented, after(hours=2), direction=Direction.OUTBOUND, channel=Channel.MAIL)
    assert (place(life).unanswered_since, place(life).waiting_since) == (None, after(hours=2))
    life.then(ev.Commented, after(hours=3), direction=Direction.INTERNAL, channel=Channel.MAIL)
    life.then(ev.Commented, after(hours=4), direction=Direction.INBOUND, channel=Channel.CHAT)
    life.then(ev.Commented, after(hours=5), direction=Direction.INBOUND, channel=Channel.CHAT)
    assert place(life).waiting_since == after(hours=4)


def test_the_nearest_deadline_counts_until_it_is_met() -> None:
    life = opened()
    assert place(life).due_at is None
    life.then(ev.SlaApplied, after(), target=SlaTarget.RESOLUTION, due_at=after(hours=8), policy="p1")
    life.then(ev.SlaApplied, after(), target=SlaTarget.FIRST_REPLY, due_at=after(hours=1), policy="p1")
    assert place(life).due_at == after(hours=1)
    life.then(ev.Commented, after(minutes=5), direction=Direction.OUTBOUND, channel=Channel.MAIL)
    assert place(life).due_at == after(hours=8)
    life.then(ev.Solved, after(minutes=6))
    assert place(life).due_at is None


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def log_and_models(request: pytest.FixtureRequest) -> Iterator[tuple[ListLog, ReadModels]]:
    log = ListLog()
    models: ReadModels
    if request.param == "memory":
        models = MemoryReadModels(log, log.decode)
    else:
        dsn = request.getfixturevalue("database")
        install(dsn)
        models = PostgresReadModels(dsn, log, log.decode)
    yield log, models
    models.close()


def numbers(models: ReadModels, **only: Any) -> list[int]:
    return [int(entry.number.split("-")[2]) for entry in models.queue(**only)]


def test_the_queue_is_ordered_by_due_time_priority_and_wait(log_and_models: tuple[ListLog, ReadModels]) -> None:
    log, models = log_and_models
    lives = [
        opened(1, after(minutes=9), team_id="mail", priority=Priority.HIGH),
        opened(2, after(minutes=8), team_id="mail"),
        opened(3, after(minutes=7), team_id="billing", priority=Priority.HIGH),
        opened(4, after(minutes=6), team_id="mail").then(ev.Pended, after(minutes=7)),
        opened(5, after(minutes=5), team_id="mail").then(ev.Solved, after(minutes=6)),
        opened(6, after(minutes=4), team_id="mail", agent_id="ana", priority=Priority.CRITICAL),
        opened(7, after(minutes=3), team_id="mail").then(
            ev.SlaApplied, after(minutes=4), target=SlaTarget.FIRST_REPLY, due_at=after(hours=1), policy="p1"
        ),
        opened(8, after(minutes=2), team_id="mail").then(ev.Merged, after(minutes=3), target_id=ticket_id(1)),
    ]
    log.events = [event for life in lives for event in life.events]
    assert models.position() == 0
    assert models.catch_up() == len(log.events)
    assert models.position() == len(log.events)
    assert numbers(models) == [7, 6, 3, 1, 2, 4]
    assert numbers(models, team_id="billing") == [3]
    assert numbers(models, agent_id="ana") == [6]
    assert [entry.due_at for entry in models.queue(limit=2)] == [after(hours=1), None]


def kinds(models: ReadModels, customer: int) -> Sequence[tuple[str, str, str, int]]:
    found = models.history(customer_id(customer))
    return [(e.number.split("-")[2][-1], e.kind, e.direction, e.version) for e in found]


def test_a_history_spans_tickets_channels_and_merged_identities(log_and_models: tuple[ListLog, ReadModels]) -> None:
    log, models = log_and_models
    first = opened(1, sealed="QQ==").then(
        ev.Commented, after(hours=1), direction=Direction.INTERNAL, channel=Channel.MAIL
    )
    first.then(ev.Commented, after(hours=2), direction=Direction.OUTBOUND, channel=Channel.PHONE)
    first.then(ev.CommentCorrected, after(hours=9), comment=3)
    second = opened(2, after(hours=3), channel=Channel.CHAT, requester_id=customer_id(2))
    people = [Life(customer_id(n)).then(cv.Registered, after()) for n in (1, 2, 3)]
    log.events = [event for life in (*people, first, second) for event in life.events]
    models.catch_up()
    own = [("1", "comment_corrected", "outbound", 4), ("1", "commented", "outbound", 3), ("1", "opened", "inbound", 1)]
    assert kinds(models, 1) == own
    assert models.history(customer_id(1))[-1].sealed == "QQ=="
    assert models.history(customer_id(1), before=after(hours=1))[0].version == 1

    people[1].then(cv.CustomerMerged, after(hours=4), target_id=customer_id(3))
    people[0].then(cv.CustomerMerged, after(hours=5), target_id=customer_id(3))
    log.events += [people[1].events[-1], people[0].events[-1]]
    models.catch_up()
    both = [own[0], ("2", "opened", "inbound", 1), *own[1:]]
    assert kinds(models, 1) == kinds(models, 2) == kinds(models, 3) == both
    assert models.tickets_of(customer_id(2)) == [first.id, second.id]

    people[1].then(cv.CustomerUnmerged, after(hours=6), target_id=customer_id(3))
    log.events.append(people[1].events[-1])
    models.catch_up()
    assert kinds(models, 3) == own
    assert models.tickets_of(customer_id(2)) == [second.id]


def test_a_changed_requester_moves_the_ticket_and_leaves_the_first_their_own_words(
    log_and_models: tuple[ListLog, ReadModels],
) -> None:
    log, models = log_and_models
    life = opened().then(ev.Commented, after(minutes=1), direction=Direction.OUTBOUND, channel=Channel.MAIL)
    life.then(ev.RequesterChanged, after(hours=1), requester_id=customer_id(2))
    life.then(ev.Commented, after(hours=2), direction=Direction.OUTBOUND, channel=Channel.MAIL)
    log.events = life.events
    models.catch_up()
    assert kinds(models, 1) == [("1", "opened", "inbound", 1)]
    whole = [("1", "commented", "outbound", 4), ("1", "commented", "outbound", 2), ("1", "opened", "inbound", 1)]
    assert kinds(models, 2) == whole
    assert [(e.requester_id, e.author_id) for e in models.history(customer_id(1))] == [(customer_id(2), customer_id(1))]
    assert models.tickets_of(customer_id(1)) == []


def test_what_a_customer_wrote_in_others_tickets_is_in_their_history_with_its_corrections(
    log_and_models: tuple[ListLog, ReadModels],
) -> None:
    log, models = log_and_models
    people = [Life(customer_id(n)).then(cv.Registered, after()) for n in (1, 2, 3)]
    life = opened(1).then(ev.ParticipantAdded, after(), customer_id=customer_id(2))
    said: dict[str, Any] = {"direction": Direction.INBOUND, "channel": Channel.MAIL, "author_id": customer_id(2)}
    life.then(ev.Commented, after(hours=1), **said, overflow="ab" * 32)
    life.then(ev.Commented, after(hours=2), direction=Direction.OUTBOUND, channel=Channel.MAIL)
    life.then(ev.CommentCorrected, after(hours=3), comment=3)
    life.then(ev.CommentCorrected, after(hours=4), comment=4)
    nobodys = opened(2, after(hours=5), requester_id=None).then(ev.Commented, after(hours=6), **said)
    log.events = [event for one in (*people, life, nobodys) for event in one.events]
    models.catch_up()
    own = [
        ("2", "commented", "inbound", 2), ("1", "comment_corrected", "inbound", 5), ("1", "commented", "inbound", 3),
    ]  # fmt: skip
    assert kinds(models, 2) == own
    assert [(e.requester_id, e.author_id, e.overflow) for e in models.history(customer_id(2))] == [
        (None, customer_id(2), None), (customer_id(1), customer_id(2), None),
        (customer_id(1), customer_id(2), "ab" * 32),
    ]  # fmt: skip
    assert [version for *_, version in kinds(models, 1)] == [6, 5, 4, 3, 1]

    people[1].then(cv.CustomerMerged, after(hours=7), target_id=customer_id(3))
    log.events.append(people[1].events[-1])
    models.catch_up()
    assert kinds(models, 3) == own
    people[2].then(cv.CustomerMerged, after(hours=8), target_id=customer_id(1))
    log.events.append(people[2].events[-1])
    models.catch_up()
    assert kinds(models, 1) == kinds(models, 2)
    assert len(kinds(models, 1)) == 6


def test_a_query_waits_for_its_tickets_version_and_says_what_it_waited_for(
    log_and_models: tuple[ListLog, ReadModels],
) -> None:
    log, models = log_and_models
    life = opened().then(ev.Held, after())
    log.events = life.events
    models.wait_for(life.id, 2, 5.0)
    assert [entry.version for entry in models.queue()] == [2]
    with pytest.raises(WaitTimeout, match=r"T-2026-000001-\d in read model"):
        models.wait_for(life.id, 3, 0.05)
