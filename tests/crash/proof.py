"""What must be true of a log, read as plain rows, whatever was killed while it was written."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from tests.crash.journal import Answer, Wish, read_journal

__all__ = ["Row", "Told", "assert_log_is_whole", "assert_told_is_recorded", "rows_of", "told"]


class Row(NamedTuple):
    """A row of ``log.events``; ``command_id`` out of its state."""

    position: int
    recorded_at: Any
    stream: UUID
    version: int
    topic: str
    command_id: UUID


class Told(NamedTuple):
    """What the writers meant and were told, of all journals."""

    wishes: dict[UUID, Wish]
    answers: dict[UUID, Answer]


def told(folder: Path) -> Told:
    wishes: dict[UUID, Wish] = {}
    answers: dict[UUID, Answer] = {}
    for path in sorted(folder.glob("*.journal")):
        meant, heard = read_journal(path)
        assert not wishes.keys() & meant.keys(), "two writers used one command id: the test's seeds are wrong"
        wishes |= meant
        answers |= heard
    return Told(wishes, answers)


def rows_of(dsn: str) -> tuple[list[Row], dict[UUID, tuple[int | None, int, UUID]]]:
    """Return the log by position, and its receipts: command id -> position, count, stream."""
    with psycopg.connect(dsn) as connection:
        events = connection.execute(
            "SELECT position, recorded_at, originator_id, originator_version, topic, state FROM log.events"
            " ORDER BY position"
        ).fetchall()
        receipts = connection.execute("SELECT command_id, position, count, originator_id FROM log.receipts").fetchall()
    rows = [Row._make((*event, UUID(json.loads(state)["meta"]["command_id"]))) for *event, state in events]
    return rows, {command_id: (position, count, stream) for command_id, position, count, stream in receipts}


def assert_log_is_whole(rows: list[Row], receipts: dict[UUID, tuple[int | None, int, UUID]]) -> None:
    """Positions and versions are contiguous, times monotone, and every event belongs to one receipt of its command."""
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    assert all(earlier.recorded_at <= later.recorded_at for earlier, later in pairwise(rows))
    versions: dict[UUID, list[int]] = defaultdict(list)
    by_command: dict[UUID, list[int]] = defaultdict(list)
    for row in rows:
        versions[row.stream].append(row.version)
        by_command[row.command_id].append(row.position)
    for stream, found in versions.items():
        assert found == list(range(1, len(found) + 1)), stream
    expected = {
        command_id: list(range(position - count + 1, position + 1))
        for command_id, (position, count, _) in receipts.items()
        if position is not None
    }
    assert by_command == expected
    assert all(count == 0 for position, count, _ in receipts.values() if position is None)


def assert_told_is_recorded(
    said: Told, rows: list[Row], receipts: dict[UUID, tuple[int | None, int, UUID]], ids: dict[str, UUID]
) -> None:
    """Every answer is in the log as it was given, nothing refused is, and nothing is there that nobody meant.

    *ids*: number -> aggregate id, of all numbers that were told.
    """
    assert said.answers.keys() == said.wishes.keys(), "a writer ended without an answer to its last command"
    refused = {command_id for command_id, answer in said.answers.items() if answer.refused}
    assert receipts.keys() == said.answers.keys() - refused
    for command_id, answer in said.answers.items():
        if command_id in refused:
            continue
        position, count, stream = receipts[command_id]
        assert answer.position == position, answer
        assert ids[answer.number] == stream, answer
        if position is not None:
            own = [row for row in rows[position - count : position] if row.stream == stream]
            assert own[-1].version == answer.version, answer
