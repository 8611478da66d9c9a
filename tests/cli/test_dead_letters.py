"""``dead-letters``: list, show, retry, drop, drops, undrop, on a ticket that a newer library wrote to."""

from __future__ import annotations

import json
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from tests.cli.conftest import ANA, Cli, Desk
from ticketcore import Settings, TicketCore
from ticketcore.ids import aggregate_id, parse_number
from ticketcore.store.port import Append

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def position(own_cli: Cli, desk: Desk) -> int:
    """The position of an event that nobody here can read; two more events of its ticket follow."""
    settings = Settings.model_validate(
        {
            "dsn": own_cli.settings["TICKETCORE_DSN"],
            "key_file": own_cli.settings["TICKETCORE_KEY_FILE"],
            "inline": False,
        }
    )
    with TicketCore.open(settings) as core:
        id_ = aggregate_id(parse_number(desk.waiting), core.log.name)
        version = len(core.log.load([id_]).streams[id_])
        state = b'{"sealed":"c2VhbGVk","meta":{"class_version":1}}'
        events = [
            StoredEvent(id_, version + n, topic, state) for n, topic in ((1, "ticket.of_tomorrow"), (2, "ticket.odd"))
        ]
        core.log.append([Append(uuid4(), b"0123456789abcdef", ((id_, version),), tuple(events))])
        head = core.log.head()
        core.assign(desk.fresh, team_id="chat", by=ANA)
        core.catch_up()
    return head - 1


def test_a_dead_letter_is_listed_shown_retried_dropped_and_taken_back(own_cli: Cli, desk: Desk, position: int) -> None:
    listed = own_cli.json("dead-letters", "list", "--model", "queues")
    assert [(d["position"], d["topic"], d["tries"]) for d in listed] == [
        (position, "ticket.of_tomorrow", 1), (position + 1, "ticket.odd", 1),
    ]  # fmt: skip
    assert "waits behind version" in own_cli.ok("dead-letters", "list")
    shown = own_cli.json("dead-letters", "show", "queues", position)
    assert shown["number"] == desk.waiting
    assert shown["stored"]["sealed"] == "c2VhbGVk"
    assert shown["waiting_behind_it"] == [
        {"position": position + 1, "version": shown["version"] + 1, "event": "ticket.odd"}
    ]
    assert "auditor" in shown["may_be_seen_by"]
    assert f"drop queues {position} --log main --reason TEXT" in shown["remedy"]
    assert "UnknownEvent" in shown["cause"]
    said = own_cli.ok("dead-letters", "show", "queues", desk.waiting)
    assert '"sealed": "c2VhbGVk"' in said
    assert f"position {position + 1} (ticket.odd)" in said
    assert "queues: 0 events of log main left the dead letters, 2 stay" in own_cli.ok("dead-letters", "retry", "queues")
    assert own_cli.json("dead-letters", "retry", "--ticket", desk.waiting) == {
        "queues": 0,
        "history": 0,
        "performance": 0,
        "intake": 0,
    }
    assert own_cli.json("dead-letters", "show", "queues", position)["tries"] == 3

    said = own_cli.fails(2, "dead-letters", "drop", "queues", position + 1, "--reason", "The one behind it")
    assert f"POSITION is {position + 1}, expected {position}, which holds up the ticket" in said
    dropped = own_cli.json("dead-letters", "drop", "queues", position, "--reason", "A trial of tomorrow's release")
    assert dropped == {"model": "queues", "log": "main", "position": position, "passed": 0, "waiting": 1}
    said = own_cli.ok("dead-letters", "drop", "queues", desk.waiting, "--reason", "Likewise", "--as", "operator:kim")
    assert f"queues leaves out position {position + 1} ({desk.waiting}, ticket.odd)." in said
    [first, second] = own_cli.json("dead-letters", "drops")
    assert (first["reason"], second["dropped_by"]) == ("A trial of tomorrow's release", "operator:kim")
    assert "Likewise" in own_cli.ok("dead-letters", "drops")
    assert own_cli.json("verify")["dropped"] == {"queues": 2, "history": 0, "performance": 0, "intake": 0}
    assert "2 events are left out on an operator's word" in own_cli.ok("verify")
    own_cli.ok("rebuild", "queues")
    assert own_cli.json("dead-letters", "list", "--model", "queues") == []

    assert own_cli.json("dead-letters", "undrop", "queues", position + 1) == {
        "model": "queues", "log": "main", "position": position + 1, "waiting": 1,
    }  # fmt: skip
    said = own_cli.ok("dead-letters", "undrop", "queues", position)
    assert said == f"queues takes position {position:,} again; 2 events of its ticket are dead letters.\n"


@pytest.mark.usefixtures("position")
def test_letters_of_another_log_are_not_counted_and_lost_events_are_told(own_cli: Cli) -> None:
    with psycopg.connect(own_cli.settings["TICKETCORE_DSN"], autocommit=True) as connection:
        letter = (
            "INSERT INTO read_meta.dead_letters (model, generation, log, position, aggregate_id, version, topic, cause)"
            " SELECT 'queues', generation, %s, %s, gen_random_uuid(), 1, 'ticket.opened', 'ValueError: no'"
            " FROM read_meta.models WHERE model = 'queues' AND role = 'live'"
        )
        connection.execute(letter, ["south", 4])
        assert "of log main left the dead letters, 2 stay" in own_cli.ok("dead-letters", "retry", "queues")
        connection.execute(letter, ["main", 1_000_000])
    lost = "position 1000000 of log 'main', which does not hold that event"
    for command in (["show", "queues", 1_000_000], ["drop", "queues", 1_000_000, "--reason", "x"], ["retry", "queues"]):
        assert lost in own_cli.fails(8, "dead-letters", *command)


@pytest.mark.usefixtures("desk")
def test_hand_back_says_what_it_found_and_names_the_read_models(own_cli: Cli) -> None:
    assert own_cli.json("kafka", "hand-back", "queues") == [{"model": "queues", "log": "main", "position": None}]
    assert "queues was fed by the log already.\n" in own_cli.ok("kafka", "hand-back")
    assert "expected one of queues" in own_cli.fails(4, "kafka", "hand-back", "nosuch")


def test_what_is_not_there_and_who_may_not_is_said(own_cli: Cli, desk: Desk, position: int) -> None:
    assert "no dead letter at position 1 in read model 'queues'" in own_cli.fails(
        4, "dead-letters", "show", "queues", 1
    )
    assert "expected one of queues" in own_cli.fails(4, "dead-letters", "show", "nothing", position)
    assert "Missing option '--reason'" in own_cli.fails(2, "dead-letters", "drop", "queues", position)
    assert "expected 1 to 500 characters" in own_cli.fails(
        2, "dead-letters", "drop", "queues", position, "--reason", " "
    )
    assert "may not" in own_cli.fails(7, "dead-letters", "show", "queues", position, "--as", "operator:kim")
    for command in (["retry"], ["drop", "queues", position, "--reason", "x"], ["undrop", "queues", position]):
        assert "may not rebuild the read models" in own_cli.fails(7, "dead-letters", *command, "--as", "agent:ana")
    assert "name it in TICKETCORE_KAFKA_LOGS" in own_cli.fails(3, "dead-letters", "retry", "--log", "south")
    own_cli.settings |= {
        "TICKETCORE_KAFKA_LOGS": json.dumps({"south": desk.dsn}), "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": "localhost:9",
    }  # fmt: skip
    assert "this one is 'main'" in own_cli.fails(4, "dead-letters", "retry", "--log", "north")
    assert "is named 'main', expected 'south'" in own_cli.fails(3, "dead-letters", "retry", "queues", "--log", "south")
