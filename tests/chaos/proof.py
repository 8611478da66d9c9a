"""What must be true when everything is calm again, whatever was killed and stopped."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg

from projections.verify import verify
from tests.chaos.topic import Heard, Reader, heard_of, partition_of, read
from tests.crash.proof import Told, assert_log_is_whole, assert_told_is_recorded, rows_of, told
from tests.crash.writer import give
from tests.projections.given import tables_in, tables_in_memory
from ticketcore import Settings, TicketCore
from ticketcore.ids import Kind, aggregate_id, parse_number
from ticketcore.store.codec import Codec

__all__ = ["Proven", "prove"]

_AGAIN = 200


class Proven(NamedTuple):
    """Figures of a run that was right.

    Attributes:
        commands: acknowledged, refused ones included.
        kinds: what was answered -> how often.
        repeated: how many were acknowledged by the receipt of an attempt whose answer was lost.
        events: of the log.
        rows: of all read models.
        duplicates, gaps: of the topic.
    """

    commands: int
    kinds: dict[str, int]
    repeated: int
    events: int
    rows: int
    duplicates: int
    gaps: int


def prove(core: TicketCore, settings: Settings, folder: Path, bootstrap: str, topic: str, patience: float) -> Proven:
    """Check log, topic and read models against each other and against what the writers were told.

    Raises:
        AssertionError: something was lost, doubled or is different.
    """
    said = told(folder)
    rows, receipts = rows_of(str(settings.dsn))
    assert_log_is_whole(rows, receipts)
    assert_told_is_recorded(said, rows, receipts, {a.number: _id(a.number) for a in said.answers.values() if a.number})
    _repeats_give_the_same(core, said)
    assert core.log.head() == len(rows), "repeating commands wrote events"
    duplicates, gaps = _topic_gives_every_event_once(str(settings.dsn), bootstrap, topic, patience)
    kinds = Counter(answer.refused or "recorded" for answer in said.answers.values())
    repeated = sum(answer.repeated for answer in said.answers.values())
    tables = _tables_are_what_the_log_says(core)
    return Proven(len(said.answers), dict(kinds), repeated, len(rows), tables, duplicates, gaps)


def _id(number: str) -> UUID:
    return aggregate_id(parse_number(number, Kind.TICKET if number.startswith("T") else Kind.CUSTOMER), "main")


def _repeats_give_the_same(core: TicketCore, said: Told) -> None:
    """Some acknowledged commands, given once more: the same receipts."""
    done = [answer for answer in said.answers.values() if not answer.refused]
    for answer in random.Random(len(done)).sample(done, min(_AGAIN, len(done))):
        again = give(core, said.wishes[answer.command_id])
        if answer.position is None:  # nothing was recorded: the version is that of now
            again = again._replace(version=answer.version)
        assert again == answer._replace(repeated=True), f"{answer} was repeated as {again}"


def _topic_gives_every_event_once(dsn: str, bootstrap: str, topic: str, patience: float) -> tuple[int, int]:
    """Return how many messages were duplicates, and how many gaps a reader had to fill from the log."""
    with psycopg.connect(dsn) as connection:
        events = [
            heard_of(*row)
            for row in connection.execute(
                "SELECT position, originator_id, originator_version, topic, state FROM log.events ORDER BY position"
            )
        ]
        [(previous,)] = connection.execute("SELECT previous FROM log.relays WHERE topic = %s", [topic]).fetchall()
    expected: dict[int, list[Heard]] = defaultdict(list)
    for event in events:
        expected[partition_of(event.id.partition(":")[0].encode(), len(previous))].append(event)
    readers = {
        n: Reader(lambda after, to, n=n: [e for e in expected[n] if after < e.position <= to])  # type: ignore[misc]
        for n in range(len(previous))
    }
    in_topic = set()
    for partition, key, event, before in read(bootstrap, topic, patience):
        assert event.id.startswith(key.decode()), event
        in_topic.add(event.position)
        readers[partition].take(event, before)
    for n, reader in readers.items():
        assert reader.events == expected[n], _difference(n, reader.events, expected[n])
        assert reader.unexplained == 0, (
            f"partition {n}: {reader.unexplained} messages name a predecessor that is not theirs"
        )
    assert in_topic == set(range(1, len(events) + 1)), "the topic lacks events that only filling from the log gives"
    return sum(r.duplicates for r in readers.values()), sum(r.gaps for r in readers.values())


def _difference(partition: int, got: list[Heard], expected: list[Heard]) -> str:
    for number, (have, want) in enumerate(zip(got, expected, strict=False)):
        if have != want:
            return f"partition {partition}, event {number}: got {have}, expected {want}"
    return f"partition {partition}: got {len(got)} events, expected {len(expected)}"


def _tables_are_what_the_log_says(core: TicketCore) -> int:
    dsn = str(core.settings.read_dsn)
    found = verify(dsn, core.log, Codec().decode)
    assert (found.different, found.differences, sum(found.parked.values())) == (0, [], 0), found
    in_tables, in_memory = tables_in(dsn), tables_in_memory(core.log, Codec().decode)
    for name, rows in in_memory.items():
        assert in_tables[name] == rows, f"{name}: {len(in_tables[name] ^ rows)} rows differ from a fold in memory"
    return sum(found.rows.values())
