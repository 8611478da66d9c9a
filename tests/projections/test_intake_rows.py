"""The read model *intake*: what became of each message, counted and listed, with nothing personal in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.intake import INTAKE, MessageRow
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.schema import connect, install, rebuilds_due
from projections.verify import verify
from tests.projections.given import ListLog, after, customer_id, tables_in, tables_in_memory, ticket_id
from ticketcore import Actor
from ticketcore.domain import message as fold
from ticketcore.domain import message_events as mv
from ticketcore.domain.base import Event, Meta
from ticketcore.domain.message_events import Outcome
from ticketcore.domain.types import Channel
from ticketcore.ids import Kind, Number, aggregate_id

INTAKE_ACTOR, ANA = Actor.system("intake"), Actor.agent("ana")


def message_id(counter: int) -> UUID:
    return aggregate_id(Number(Kind.MESSAGE, 2026, counter), "main")


def life(counter: int, decisions: Sequence[tuple[Outcome, str | None, Actor]], *, filed: bool) -> list[Event]:
    """A message that is received, decided any number of times, and filed or not, a minute each."""
    id_, events = message_id(counter), list[Event]()

    def then(cls: Any, by: Actor, **fields: Any) -> None:
        meta = Meta(occurred_at=after(minutes=counter * 10 + len(events)), actor=by, command_id=UUID(int=1))
        events.append(cls(originator_id=id_, originator_version=len(events) + 1, meta=meta, **fields))

    then(mv.Received, INTAKE_ACTOR, channel=Channel.MAIL, size=100 * counter, media_type="message/rfc822", blobs=())
    for outcome, reason, by in decisions:
        fields = {
            "outcome": outcome,
            "reason": reason,
            "rule": "new",
            "rules_version": "1",
            "customer_id": customer_id(1),
        }
        then(mv.Decided, by, ticket_id=None if outcome is Outcome.HELD else ticket_id(1), **fields)
    if filed:
        then(mv.Filed, INTAKE_ACTOR, ticket_id=ticket_id(2), ticket_version=3, created=True)
    return events


decisions = st.tuples(
    st.sampled_from(Outcome), st.sampled_from([None, "flood", "bounce"]), st.sampled_from([INTAKE_ACTOR, ANA])
)
lives = st.lists(st.tuples(st.lists(decisions, max_size=3), st.booleans()), min_size=1, max_size=6)


@given(lives)
def test_a_row_says_what_the_domains_state_says(
    told: list[tuple[list[tuple[Outcome, str | None, Actor]], bool]],
) -> None:
    log = ListLog([event for n, (decided, filed) in enumerate(told, 1) for event in life(n, decided, filed=filed)])
    rows = {row[0]: MessageRow(*row) for row in tables_in_memory(log)["intake.messages"]}
    for n in range(1, len(told) + 1):
        state = fold.project(None, [event for event in log.events if event.originator_id == message_id(n)])
        assert state is not None
        row = rows[message_id(n)]
        assert (row.version, row.number, row.bytes, row.ticket_id) == (
            state.version,
            state.number,
            state.size,
            state.ticket_id,
        )
        assert (row.outcome, row.reason, row.decisions) == (
            state.outcome and state.outcome.value,
            state.reason,
            state.decisions,
        )
        assert (row.customer_id, row.created, row.filed_at is not None) == (
            state.customer_id,
            state.created,
            state.filed,
        )


def every_way() -> ListLog:
    held, new = (Outcome.HELD, "flood", INTAKE_ACTOR), (Outcome.NEW, None, INTAKE_ACTOR)
    ways: list[tuple[list[tuple[Outcome, str | None, Actor]], bool]] = [([new], True), ([held], False), ([held, (Outcome.IGNORED, "spam", ANA)], False), ([new], False),
            ([(Outcome.IGNORED, "bounce", INTAKE_ACTOR)], False), ([(Outcome.IGNORED, "loop", INTAKE_ACTOR)], False)]  # fmt: skip
    return ListLog([event for n, (decided, filed) in enumerate(ways, 1) for event in life(n, decided, filed=filed)])


def selected(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def filled(dsn: str, log: ListLog) -> None:
    install(dsn)
    with Runner(dsn, log, log.decode) as runner:
        runner.catch_up()


@pytest.mark.servers
def test_the_views_list_what_waits_and_count_what_came(database: str) -> None:
    filled(database, every_way())
    numbers = dict(
        enumerate((row[0] for row in selected(database, "SELECT number FROM intake.messages ORDER BY 1")), 1)
    )
    assert selected(database, "SELECT number, reason, bytes FROM intake.held") == [(numbers[2], "flood", 200)]
    assert selected(database, "SELECT number FROM intake.unfinished") == [(numbers[4],), (numbers[5],)]
    counted = selected(
        database, "SELECT day::text, outcome, reason, messages, bytes, by_hand FROM intake.by_day ORDER BY 2, 3"
    )
    assert counted == [
        ("2026-03-02", "held", "flood", 1, 200, 0), ("2026-03-02", "ignored", "bounce", 1, 500, 0),
        ("2026-03-02", "ignored", "loop", 1, 600, 0), ("2026-03-02", "ignored", "spam", 1, 300, 1),
        ("2026-03-02", "new", None, 2, 500, 0),
    ]  # fmt: skip


@pytest.mark.servers
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5, deadline=None)
@given(lives)
def test_live_rebuilt_and_memory_rows_are_equal(
    database: str, told: list[tuple[list[tuple[Outcome, str | None, Actor]], bool]]
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS read_meta, queues, history, performance, intake, intake_prev CASCADE")
    log = ListLog([event for n, (decided, filed) in enumerate(told, 1) for event in life(n, decided, filed=filed)])
    filled(database, log)
    expected = tables_in_memory(log)["intake.messages"]
    assert tables_in(database)["intake.messages"] == expected
    assert rebuild(database, log, log.decode, INTAKE).generation == 2
    assert tables_in(database)["intake.messages"] == expected
    assert verify(database, log, log.decode).different == 0


@pytest.mark.servers
def test_where_the_model_is_new_a_rebuild_is_due_and_a_projector_fills_it_too(database: str) -> None:
    log = every_way()
    filled(database, log)
    with psycopg.connect(database, autocommit=True) as connection:  # as an older library leaves it
        connection.execute("DROP SCHEMA intake CASCADE")
        connection.execute("DELETE FROM read_meta.checkpoints WHERE model = 'intake'")
        connection.execute("DELETE FROM read_meta.models WHERE model = 'intake'")
    assert install(database) == ["intake 1"]
    with connect(database) as connection:
        assert rebuilds_due(connection) == ["intake"]
    with Runner(database, log, log.decode) as runner:
        runner.catch_up()
    with connect(database) as connection:
        assert rebuilds_due(connection) == []
    assert tables_in(database)["intake.messages"] == tables_in_memory(log)["intake.messages"]
