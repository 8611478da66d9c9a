"""Dead letters: what waits is listed, tried again, or left out for good with a reason, and no rebuild forgets that."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from projections.dead_letters import DeadLetter, dead_letters, find_letters, retry_dead_letters
from projections.drops import drop, dropped, undrop
from projections.folding import Folded
from projections.projector import Projector
from projections.queries import PostgresReadModels
from projections.rebuild import rebuild
from projections.runner import Runner, read_batch
from projections.schema import MODELS, connect, install
from projections.tables import Tables
from projections.verify import verify
from tests.projections.given import Life, ListLog, after, customer_id, cv, ev, execute, opened, tables_in, ticket_id
from ticketcore.domain.base import Event
from ticketcore.domain.types import Channel, Direction
from ticketcore.errors import EpochMismatch, InvalidCommand, NotFound, StoreUnavailable, WaitTimeout

pytestmark = pytest.mark.servers

QUEUES = MODELS[0]


def held_ticket() -> Life:
    """Opened, answered, held (which the older library does not know), resumed, solved."""
    life = opened(1, after()).then(ev.Commented, after(hours=1), direction=Direction.OUTBOUND, channel=Channel.MAIL)
    life.then(ev.Held, after(hours=2), reason="vendor").then(ev.Resumed, after(hours=3)).then(ev.Solved, after(hours=4))
    return life


@pytest.fixture
def log(database: str) -> ListLog:
    install(database)
    customer = Life(customer_id(1)).then(cv.Registered, after())
    log = ListLog([*customer.events, *held_ticket().events, *opened(2, after()).events])
    log.unknown = {"ticket.held"}
    return log


@pytest.fixture
def dsn(database: str, log: ListLog) -> str:
    """A data base whose read models have parked the held ticket."""
    catch_up(database, log)
    return database


def catch_up(dsn: str, log: ListLog) -> None:
    with Runner(dsn, log, log.decode) as runner:
        assert runner.catch_up() == log.head()


def give_up(dsn: str, log: ListLog, which: int = 4, reason: str = "The vendor's pause counts for nothing here") -> int:
    letters = find_letters(dsn, QUEUES, which)
    return drop(dsn, log, log.decode, letters, by="operator:kim", reason=reason)


def without(log: ListLog, *left_out: int) -> dict[str, set[tuple[Any, ...]]]:
    """What the fold in memory gives where the model *queues* leaves positions out."""
    from projections.memory import MemoryTables

    tables = MemoryTables(QUEUES)
    for position in left_out:
        event = log.events[position - 1]
        tables.left_out.setdefault(event.originator_id, set()).add(event.originator_version)
    tables.apply(log.decode, log.read(0, log.head()))
    assert tables.parked == []
    return {f"queues.{name}": {tuple(row) for row in rows.values()} for name, rows in tables.rows.items()}


def queues_in(dsn: str) -> dict[str, set[tuple[Any, ...]]]:
    return {name: rows for name, rows in tables_in(dsn).items() if name.startswith("queues.")}


def test_a_dead_letter_says_what_waits_since_when_and_behind_what(dsn: str) -> None:
    letters = find_letters(dsn, QUEUES, ticket_id(1))
    assert [(d.position, d.version, d.topic, d.log, d.tries) for d in letters] == [
        (4, 3, "ticket.held", "main", 1),
        (5, 4, "ticket.resumed", "main", 1),
        (6, 5, "ticket.solved", "main", 1),
    ]
    assert letters[0].cause.startswith("UnknownEvent: cannot read event 'ticket.held' version 2")
    assert {d.cause for d in letters[1:]} == {"waits behind version 3"}
    assert letters[0].parked_at <= letters[0].tried_at
    assert find_letters(dsn, QUEUES, 6) == letters


def test_a_retry_counts_and_keeps_since_when_it_waits(dsn: str, log: ListLog) -> None:
    [before, *_] = find_letters(dsn, QUEUES, 4)
    assert retry_dead_letters(dsn, log, log.decode, models=[QUEUES]) == {"queues": 0}
    [now, *_] = find_letters(dsn, QUEUES, 4)
    assert (now.tries, now.parked_at) == (2, before.parked_at)
    assert now.tried_at > before.tried_at


def test_one_model_and_one_ticket_can_be_retried_alone(dsn: str, log: ListLog) -> None:
    log.unknown = set()
    assert retry_dead_letters(dsn, log, log.decode, models=[QUEUES], ids=[ticket_id(2)]) == {"queues": 0}
    assert retry_dead_letters(dsn, log, log.decode, models=[QUEUES], ids=[ticket_id(1)]) == {"queues": 3}
    assert {letter.model for letter in dead_letters(dsn)} == {"history", "performance"}
    assert queues_in(dsn) == without(log)


def test_a_dropped_event_is_left_out_and_those_behind_it_are_folded(dsn: str, log: ListLog) -> None:
    assert give_up(dsn, log) == 2
    assert find_letters(dsn, MODELS[1], 4) != []
    with pytest.raises(NotFound, match=r"no dead letter at position 4 in read model 'queues'.*dead-letters list"):
        find_letters(dsn, QUEUES, 4)
    assert queues_in(dsn) == without(log, 4)
    [row] = [row for row in queues_in(dsn)["queues.tickets"] if row[0] == ticket_id(1)]
    assert (row[1], row[6]) == (5, "solved")
    [gone] = dropped(dsn)
    assert gone[:4] == ("queues", 4, ticket_id(1), 3)
    assert (gone.dropped_by, gone.reason) == ("operator:kim", "The vendor's pause counts for nothing here")
    assert gone.cause.startswith("UnknownEvent")


def test_what_comes_after_a_drop_is_folded_on_top(dsn: str, log: ListLog) -> None:
    give_up(dsn, log)
    life = held_ticket()
    log.events.append(life.then(ev.Reopened, after(hours=9)).events[-1])
    catch_up(dsn, log)
    assert queues_in(dsn) == without(log, 4)
    checked = verify(dsn, log, log.decode)
    assert (checked.different, checked.parked["queues"], checked.dropped) == (
        0, 0, {"queues": 1, "history": 0, "performance": 0, "intake": 0},
    )  # fmt: skip


def test_an_event_that_ended_the_ticket_so_far_can_be_dropped_before_anything_follows(
    database: str, log: ListLog
) -> None:
    del log.events[4:6]
    catch_up(database, log)
    assert give_up(database, log) == 0
    log.events.insert(5, held_ticket().events[3])
    catch_up(database, log)
    assert dead_letters(database, models=[QUEUES]) == []
    assert queues_in(database) == without(log, 4)


def test_a_ticket_whose_first_event_is_dropped_has_no_row_whatever_follows(database: str, log: ListLog) -> None:
    log.unknown = {"ticket.opened"}
    catch_up(database, log)
    assert give_up(database, log, 2) == 4
    log.events.append(held_ticket().then(ev.Reopened, after(hours=9)).events[-1])
    catch_up(database, log)
    assert [letter.position for letter in dead_letters(database, models=[QUEUES])] == [7]
    log.unknown = set()
    retry_dead_letters(database, log, log.decode)
    assert queues_in(database) == without(log, 2)
    assert verify(database, log, log.decode).different == 0
    reading = PostgresReadModels(database, log, log.decode)
    with pytest.raises(WaitTimeout, match=r"left out of read model 'queues' \(The vendor's pause"):
        reading.wait_for(ticket_id(1), 3, 1.0)
    reading.close()


def test_a_rebuild_leaves_it_out_too_and_keeps_the_record(dsn: str, log: ListLog) -> None:
    give_up(dsn, log)
    log.unknown = set()
    retry_dead_letters(dsn, log, log.decode)
    for generation in (2, 3):
        assert rebuild(dsn, log, log.decode, QUEUES).generation == generation
        assert queues_in(dsn) == without(log, 4)
        assert [gone.position for gone in dropped(dsn)] == [4]
        assert verify(dsn, log, log.decode).different == 0


def test_a_drop_that_comes_while_a_rebuild_runs_counts_for_its_tables(
    dsn: str, log: ListLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.rebuild._BATCH", 7)
    given_up: list[int] = []

    def progress(reached: int, _: int) -> None:
        if reached == 7 and not given_up:  # the new tables have parked it by now
            given_up.append(give_up(dsn, log))

    rebuild(dsn, log, log.decode, QUEUES, progress=progress)
    assert given_up == [2]
    assert dead_letters(dsn, models=[QUEUES]) == []
    assert queues_in(dsn) == without(log, 4)


def test_a_drop_is_taken_back_and_the_ticket_folded_from_its_first_event(dsn: str, log: ListLog) -> None:
    give_up(dsn, log)
    assert undrop(dsn, log, log.decode, QUEUES, 4) == 3
    assert dropped(dsn) == []
    assert [letter.position for letter in dead_letters(dsn, models=[QUEUES])] == [4, 5, 6]
    give_up(dsn, log)
    log.unknown = set()
    assert undrop(dsn, log, log.decode, QUEUES, 4) == 0
    assert queues_in(dsn) == without(log)
    with pytest.raises(NotFound, match=r"no drop at position 4 in read model 'queues'.*dead-letters drops"):
        undrop(dsn, log, log.decode, QUEUES, 4)


def test_a_restored_log_that_holds_another_event_there_is_not_left_out(dsn: str, log: ListLog) -> None:
    give_up(dsn, log)
    restored = ListLog([*log.events[:3], *opened(3, after()).events])
    restored.current_epoch = ticket_id(9)
    rebuild(dsn, restored, restored.decode, QUEUES)
    assert dropped(dsn) == []
    assert queues_in(dsn) == without(restored)


@pytest.mark.parametrize(("reason", "got"), [("", "''"), ("  \n", "''"), ("x" * 501, "'xxx")])
def test_a_drop_needs_a_reason_of_some_length(dsn: str, log: ListLog, reason: str, got: str) -> None:
    with pytest.raises(InvalidCommand, match=rf"--reason is {got}.*expected 1 to 500 characters"):
        give_up(dsn, log, reason=reason)
    assert dropped(dsn) == []


def test_what_was_retried_meanwhile_is_not_dropped(dsn: str, log: ListLog) -> None:
    letters = find_letters(dsn, QUEUES, 4)
    log.unknown = set()
    retry_dead_letters(dsn, log, log.decode)
    with pytest.raises(NotFound, match=r"holds up its ticket is recorded here \(somebody retried or dropped it"):
        drop(dsn, log, log.decode, letters, by="operator:kim", reason="late")
    assert dropped(dsn) == []
    assert queues_in(dsn) == without(log)


def test_an_event_that_only_waits_is_not_dropped(dsn: str, log: ListLog) -> None:
    letters = find_letters(dsn, QUEUES, 4)
    with pytest.raises(InvalidCommand, match="POSITION is 5, expected 4, which holds up the ticket"):
        drop(dsn, log, log.decode, letters[1:], by="operator:kim", reason="the wrong one")
    assert dropped(dsn) == []


def test_what_waits_by_mistake_is_not_taken_for_what_holds_up_its_ticket(dsn: str, log: ListLog) -> None:
    """Releases before parked again what the row held already, where it was read once more after a hand-back."""
    execute(
        dsn,
        "INSERT INTO read_meta.dead_letters (model, generation, log, position, aggregate_id, version, topic, cause)"
        f" VALUES ('queues', 1, 'main', 2, '{ticket_id(1)}', 1, 'ticket.opened', 'waits behind version 3')",
    )
    letters = find_letters(dsn, QUEUES, ticket_id(1))
    assert [letter.position for letter in letters] == [4, 2, 5, 6]
    with pytest.raises(InvalidCommand, match="POSITION is 2, expected 4"):
        drop(dsn, log, log.decode, letters[1:], by="operator:kim", reason="the wrong one")
    assert drop(dsn, log, log.decode, letters, by="operator:kim", reason="the right one") == 3
    assert dead_letters(dsn, models=[QUEUES]) == []
    assert queues_in(dsn) == without(log, 4)


def test_what_a_restored_log_lost_is_neither_dropped_nor_folded_and_the_remedy_is_told(dsn: str, log: ListLog) -> None:
    letters = dead_letters(dsn)
    lost = r"dead letter at position 4 of log 'main', which does not hold that event.*ticketcore recover"
    for restored in (log.events[:2], [*log.events[:3], *opened(3, after()).events]):
        log.events = restored
        with pytest.raises(EpochMismatch, match=lost):
            give_up(dsn, log)
        with pytest.raises(EpochMismatch, match=lost):
            retry_dead_letters(dsn, log, log.decode)
    assert (dead_letters(dsn), dropped(dsn)) == (letters, [])


def test_what_the_data_base_refuses_is_dropped_like_any_other(database: str, log: ListLog) -> None:
    log.unknown = set()
    poison = held_ticket().then(ev.Classified, after(hours=2), category="c").events[-1]
    log.events[3] = poison.model_copy(update={"originator_version": 3, "category": "a\0b"})
    catch_up(database, log)
    assert "NUL" in find_letters(database, QUEUES, 4)[0].cause
    assert retry_dead_letters(database, log, log.decode, models=[QUEUES]) == {"queues": 0}
    [first, second, _] = find_letters(database, QUEUES, 4)
    assert ("NUL" in first.cause, first.tries, second.cause) == (True, 2, "waits behind version 3")
    assert give_up(database, log) == 2
    assert queues_in(database) == without(log, 4)


def test_positions_are_each_logs_own(dsn: str) -> None:
    execute(
        dsn,
        "INSERT INTO read_meta.dead_letters (model, generation, log, position, aggregate_id, version, topic, cause)"
        f" VALUES ('queues', 1, 'south', 4, '{ticket_id(77)}', 1, 'ticket.opened', 'ValueError: no')",
    )
    with pytest.raises(InvalidCommand, match=r"--log is None, expected one of main, south"):
        find_letters(dsn, QUEUES, 4)
    assert [letter.aggregate_id for letter in find_letters(dsn, QUEUES, 4, "south")] == [ticket_id(77)]
    assert len(find_letters(dsn, QUEUES, 4, "main")) == 3


def test_tables_of_the_release_before_get_what_is_new_and_keep_their_letters(dsn: str, log: ListLog) -> None:
    execute(dsn, "DROP TABLE read_meta.dropped")
    execute(dsn, "ALTER TABLE read_meta.dead_letters DROP parked_at, DROP tries, DROP tried_at")
    with pytest.raises(StoreUnavailable, match=r"lack read_meta\.dropped, expected it \(run `ticketcore db migrate`\)"):
        dead_letters(dsn)
    install(dsn)
    install(dsn)
    assert [letter.tries for letter in dead_letters(dsn, models=[QUEUES])] == [1, 1, 1]
    assert give_up(dsn, log) == 2


def test_a_worker_folds_nothing_between_the_steps_of_a_drop(
    dsn: str, log: ListLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drop holds the checkpoints: a worker that comes in the middle waits, and then finds the ticket whole."""
    log.events.append(held_ticket().then(ev.Reopened, after(hours=9)).events[-1])
    refused: list[str] = []
    real = Tables.write

    def write(self: Tables, connection: Any, folded: Folded, known: Any) -> None:
        if not refused:
            with connect(dsn) as other:
                other.execute("SET lock_timeout = '100ms'")
                projector = Projector(QUEUES)
                at = projector.checkpoint(other, 1, "main", log.epoch())
                try:
                    projector.apply(other, read_batch(log, log.decode, at.position, 10), at)
                except Exception as error:  # noqa: BLE001 looked at below
                    refused.append(type(error).__name__)
        real(self, connection, folded, known)

    with monkeypatch.context() as patched:
        patched.setattr(Tables, "write", write)
        give_up(dsn, log)
    assert refused == ["LockNotAvailable"]
    catch_up(dsn, log)
    assert queues_in(dsn) == without(log, 4)


_KILLED = """
import os, signal, sys
from projections.dead_letters import find_letters
from projections.drops import drop
from projections.tables import Tables
from tests.projections.test_dead_letters import QUEUES, log_as_it_was
log = log_as_it_was()
if sys.argv[2] == "killed":
    real = Tables.write
    def write(*arguments):
        real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    Tables.write = write
drop(sys.argv[1], log, log.decode, find_letters(sys.argv[1], QUEUES, 4), by="operator:kim", reason="Not needed")
"""


def log_as_it_was() -> ListLog:
    customer = Life(customer_id(1)).then(cv.Registered, after())
    events: list[Event] = [*customer.events, *held_ticket().events, *opened(2, after()).events]
    log = ListLog(events)
    log.unknown = {"ticket.held"}
    return log


@pytest.fixture
def untouched(dsn: str) -> list[DeadLetter]:
    return dead_letters(dsn)


def test_a_drop_that_is_killed_in_the_middle_has_changed_nothing(
    dsn: str, log: ListLog, untouched: list[DeadLetter]
) -> None:
    def run(how: str) -> int:
        command = [sys.executable, "-c", _KILLED, dsn, how]
        return subprocess.run(command, cwd=Path(__file__).parents[2], env={**os.environ}, check=False).returncode

    rows = queues_in(dsn)
    assert run("killed") == -signal.SIGKILL
    assert (dead_letters(dsn), dropped(dsn), queues_in(dsn)) == (untouched, [], rows)
    assert run("whole") == 0
    assert queues_in(dsn) == without(log, 4)
