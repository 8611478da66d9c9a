"""Two versions of the library at one log, as during every rolling upgrade."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from projections.dead_letters import dead_letters, retry_dead_letters
from projections.verify import verify
from tests.support.shared import REPOSITORY
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.errors import UnknownEvent
from ticketcore.ids import number_of
from ticketcore.store.codec import Codec

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ANA = Actor.agent("ana")
AUDIT = Actor(role=Role.AUDITOR, id="audit")
MODELS = 3


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return Settings(dsn=database, key_file=tmp_path / "keys.json", inline=True, pool_size=4)


@pytest.fixture
def core(settings: Settings) -> Iterator[TicketCore]:
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        yield core


def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "TICKETCORE_DSN": str(settings.dsn),
        "TICKETCORE_KEY_FILE": str(settings.key_file),
        "TICKETCORE_INLINE": "true",
    }


def start_newer(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.api.newer_library", *arguments]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment(settings), stdout=subprocess.PIPE, text=True)


def newer(settings: Settings, *arguments: str) -> Any:
    with start_newer(settings, *arguments) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(output)


def cli(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from workers.cli import main; main()", *arguments]
    return subprocess.run(
        command, env=environment(settings), capture_output=True, text=True, check=False, timeout=60
    )  # fmt: skip


def opened(core: TicketCore) -> str:
    return core.open_ticket(channel="form", subject="Hello", body="Text", by=ANA).number


def parked(core: TicketCore) -> dict[str, set[int]]:
    """Ticket -> versions that wait as dead letters; every read model must say the same."""
    found: dict[str, dict[str, set[int]]] = {}
    for letter in dead_letters(str(core.settings.read_dsn)):
        found.setdefault(letter.model, {}).setdefault(number_of(letter.aggregate_id), set()).add(letter.version)
    assert len(found) in (0, MODELS)
    models = list(found.values())
    assert all(model == models[0] for model in models)
    return models[0] if models else {}


def assert_equal_to_the_log(core: TicketCore) -> None:
    found = verify(str(core.settings.read_dsn), core.log, Codec().decode)
    assert (found.different, found.differences) == (0, [])
    assert set(found.positions.values()) == {core.log.head()}


def test_an_older_library_parks_what_it_does_not_know_and_goes_on_with_all_else(
    core: TicketCore, settings: Settings
) -> None:
    escalated, assigned, other = opened(core), opened(core), opened(core)
    core.catch_up()
    newer(settings, "escalate", escalated)
    newer(settings, "assign", assigned)
    newer(settings, "escalate", escalated)

    assert core.catch_up() == core.log.head() == 6
    assert parked(core) == {escalated: {2, 3}, assigned: {2}}
    causes = {letter.version: letter.cause for letter in dead_letters(str(settings.dsn)) if letter.position == 4}
    assert "cannot read event 'ticket.escalated' version 1" in causes[2]
    waiting = [letter.cause for letter in dead_letters(str(settings.dsn)) if letter.position == 6]
    assert waiting == ["waits behind version 2"] * MODELS
    assert_equal_to_the_log(core)

    core.solve(other, by=ANA)
    late = opened(core)
    assert {entry.number for entry in core.queue(by=ANA)} >= {late}
    assert parked(core) == {escalated: {2, 3}, assigned: {2}}
    assert_equal_to_the_log(core)


def test_an_older_library_neither_shows_nor_decides_on_what_it_cannot_read(
    core: TicketCore, settings: Settings
) -> None:
    escalated, assigned, other = opened(core), opened(core), opened(core)
    newer(settings, "escalate", escalated)
    newer(settings, "assign", assigned)
    head = core.log.head()

    with pytest.raises(UnknownEvent, match=r"'ticket\.escalated' version 1: .+ \(upgrade ticketcore here\)"):
        core.show_ticket(escalated, by=ANA)
    with pytest.raises(UnknownEvent, match=r"'ticket\.assigned' version 2: this library knows version 1 \(upgrade"):
        core.show_ticket(assigned, by=ANA)
    for number in (escalated, assigned):  # hot in this process's cache, as they were before the newer events
        with pytest.raises(UnknownEvent, match="upgrade ticketcore here"):
            core.assign(number, agent_id="bob", by=ANA)
        with pytest.raises(UnknownEvent, match="upgrade ticketcore here"):
            core.merge(other, into=number, by=ANA)
    assert core.log.head() == head
    core.comment(other, direction="outbound", body="Done.", by=ANA)
    core.solve(other, by=ANA)
    assert core.show_ticket(other, by=ANA).status == "solved"

    refused = cli(settings, "ticket", "show", escalated)
    assert refused.returncode == 8, refused
    assert "upgrade ticketcore here" in refused.stderr
    assert cli(settings, "ticket", "show", other).returncode == 0
    assert cli(settings, "verify", "--quiet").returncode == 0


def test_an_older_library_reads_the_log_past_what_it_does_not_know(core: TicketCore, settings: Settings) -> None:
    escalated, assigned = opened(core), opened(core)
    newer(settings, "escalate", escalated)
    newer(settings, "assign", assigned)
    late = opened(core)

    entries = list(core.read_events(by=AUDIT))
    assert [(e.position, e.number, e.version, e.topic) for e in entries] == [
        (1, escalated, 1, "ticket.opened"),
        (2, assigned, 1, "ticket.opened"),
        (3, escalated, 2, "ticket.escalated"),
        (4, assigned, 2, "ticket.assigned"),
        (5, late, 1, "ticket.opened"),
    ]
    assert [e.fields.get("subject") for e in entries] == ["Hello", "Hello", None, None, "Hello"]
    unknown = entries[2]
    assert (unknown.readable, unknown.fields, unknown.actor, unknown.occurred_at) == (False, {}, None, None)
    assert unknown.recorded_at >= entries[1].recorded_at
    assert unknown.note is not None
    assert "upgrade ticketcore here" in unknown.note
    assert [e.readable for e in core.ticket_history(assigned, by=AUDIT)] == [True, False]

    listed = cli(settings, "events", "--json")
    assert listed.returncode == 0, listed
    assert [json.loads(line)["topic"] for line in listed.stdout.splitlines()] == [e.topic for e in entries]
    for arguments in (["events"], ["ticket", "history", escalated]):
        table = cli(settings, *arguments)
        assert table.returncode == 0, table
        assert "ticket.escalated" in table.stdout
    assert "upgrade ticketcore here" in " ".join(cli(settings, "ticket", "history", escalated).stdout.split())


def test_once_the_newer_version_is_here_the_dead_letters_fold_and_nothing_is_missing(
    core: TicketCore, settings: Settings
) -> None:
    escalated, assigned, other = opened(core), opened(core), opened(core)
    newer(settings, "escalate", escalated)
    newer(settings, "assign", assigned)
    core.solve(other, by=ANA)
    core.catch_up()
    assert retry_dead_letters(str(settings.dsn), core.log, Codec().decode) == dict.fromkeys(
        ("queues", "history", "performance", "intake"), 0
    )
    assert parked(core) == {escalated: {2}, assigned: {2}}

    upgraded = newer(settings, "retry")

    assert upgraded["retried"] == {"queues": 2, "history": 2, "performance": 2, "intake": 0}
    assert (upgraded["left"], upgraded["different"]) == (0, 0)
    assert newer(settings, "retry")["retried"] == dict.fromkeys(("queues", "history", "performance", "intake"), 0)


def test_both_versions_append_at_once_and_nothing_is_lost(core: TicketCore, settings: Settings) -> None:
    shared, turns = opened(core), 40
    ours = [core.log.head()]
    with start_newer(settings, "mix", shared, str(turns)) as process:
        for turn in range(2 * turns):
            recorded = core.open_ticket(channel="form", by=ANA)
            commented = core.comment(recorded.number, direction="outbound", body=f"{turn}", by=ANA)
            assert recorded.position is not None
            assert commented.position is not None
            ours += [recorded.position, commented.position]
            if turn % 10 == 0:
                core.catch_up()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    theirs = json.loads(output)

    assert sorted([*ours, *theirs]) == list(range(1, core.log.head() + 1))
    core.catch_up()
    waiting = parked(core)
    assert len(waiting) == 1 + turns
    assert waiting.pop(shared) == set(range(2, 2 + turns // 5))
    assert all(versions == {2} for versions in waiting.values())
    assert_equal_to_the_log(core)
    upgraded = newer(settings, "retry")
    assert (upgraded["left"], upgraded["different"]) == (0, 0)
    per_model = dict.fromkeys(("queues", "history", "performance"), turns + turns // 5)
    assert upgraded["retried"] == {**per_model, "intake": 0}
