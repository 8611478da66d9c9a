"""Logs are JSON lines that hold nothing personal, whatever fails, at any level."""

import json
import signal
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from projections.observing import told
from tests.kafka.given import Way, append_lives, eventually, opened_log
from tests.projections.given import Life, after, customer_id, ev, ticket_id
from tests.support.kafka import Kafka
from tests.workers.given import watched
from ticketcore.domain.types import Channel, Direction
from ticketcore.store.codec import Codec
from ticketcore.store.port import Append
from ticketcore.store.postgres import PostgresLog
from workers.observing.logs import described

MARKS = ("Quillfeather Zebedee", "zebedee@quillfeather.example", "my boiler at Gannet Row 7 leaks")
_FAILS = """
CREATE FUNCTION public.fails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001', DETAIL = 'Failing row contains ' || NEW::text; END $$
"""


def traces(text: str) -> list[str]:
    """Marks that occur in *text*, plain, escaped or in base64 at any alignment."""
    forms = {mark: {mark, json.dumps(mark)[1:-1], mark.encode().hex()} for mark in MARKS}
    for mark, found in forms.items():
        for shift in range(3):
            code = b64encode(b"x" * shift + mark.encode()).decode()
            found.add(code[4 if shift else 0 : len(code) - 4])
    return [mark for mark, found in forms.items() if any(form in text for form in found)]


def test_marks_are_found_in_any_form() -> None:
    assert traces(f"a {MARKS[0]} b") == [MARKS[0]]
    for before in ("", "a", "bc", "def"):
        assert traces(b64encode(f"{before}{MARKS[1]} and more".encode()).decode()) == [MARKS[1]]
    assert traces("nothing") == []


def test_an_error_is_told_without_what_it_was_given() -> None:
    try:
        try:
            int(MARKS[0])
        except ValueError as error:
            raise RuntimeError(f"no number: {MARKS[1]}") from error
    except RuntimeError as error:
        found = described(error)
    assert traces(json.dumps(found)) == []
    assert (found["kind"], found["cause"]["text"]) == ("builtins.RuntimeError", "ValueError")
    assert "test_logs.py" in found["at"][-1]
    assert told(psycopg.OperationalError("connection\nrefused")) == "connection refused"


@pytest.mark.parametrize("level", ["DEBUG", "ERROR"])
def test_other_libraries_speak_json_once_in_ten_seconds_from_warning_on(level: str) -> None:
    script = f"""
import logging, structlog
from workers.observing import logs
heard = []
logs.configure({level!r}, worker="relay", log="main")
logs.add_listener(lambda level, event: heard.append((level, event.get("event"))))
for n in range(50):
    logging.getLogger("kafka.conn").warning("no route to %s", n)
logging.getLogger("kafka.conn").debug("payload {MARKS[0]}")
logging.getLogger("psycopg.pool").error("error connecting", exc_info=ValueError({MARKS[1]!r}))
structlog.get_logger("ticketcore.relay").info("started", topic="t", cause=ValueError({MARKS[2]!r}))
try:
    raise KeyError({MARKS[2]!r})
except KeyError:
    structlog.get_logger("ticketcore.relay").exception("failed")
assert ("info", "started") in heard
raise ValueError({MARKS[0]!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    first = [(line["level"], line["logger"], line["event"]) for line in lines]
    assert first == [
        *([("warning", "kafka.conn", "no route to 0")] if level == "DEBUG" else []),
        ("error", "psycopg.pool", "error connecting"),
        *([("info", "ticketcore.relay", "started")] if level == "DEBUG" else []),
        ("error", "ticketcore.relay", "failed"),
        ("critical", "ticketcore", "uncaught"),
    ]
    for line in lines:
        assert list(line)[:7] == ["time", "level", "logger", "event", "worker", "log", "pid"]
        assert line["time"].endswith("Z")
    assert traces(done.stderr + done.stdout) == []


@pytest.mark.servers
@pytest.mark.slow
def test_workers_tell_nothing_personal_when_events_and_data_bases_fail(
    database: str, kafka: Kafka, tmp_path: Path
) -> None:
    way = Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path, partitions=2)
    with (
        opened_log(way.dsn) as log,
        watched(way, "relay", TICKETCORE_LOG_LEVEL="DEBUG") as relay,
        watched(way, "project") as projector,
    ):
        append_lives(log, range(1, 10))
        eventually(lambda: (projector.value("ticketcore_projector_events_total") or 0) >= 3 * log.head(), 120)
        with psycopg.connect(way.dsn) as connection:
            connection.execute(_FAILS)
            connection.execute(
                "CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON history.correspondence FOR EACH ROW EXECUTE FUNCTION public.fails()"
            )
        append_marked(log)
        eventually(lambda: any(line["event"] == "projector.retry" for line in projector.lines()), 120)
        with psycopg.connect(way.dsn) as connection:
            connection.execute("DROP TRIGGER fails ON history.correspondence")
        eventually(lambda: (projector.value("ticketcore_dead_letters", model="history") or 0) >= 1, 120)
        way.caught_up(log, 120)
        shown = relay.get("/metrics")[1] + projector.get("/metrics")[1] + relay.get("/healthz")[1]
        with psycopg.connect(way.dsn) as connection:
            connection.execute("DROP SCHEMA history CASCADE")
        append_marked(log, 78)
        assert projector.worker.process.wait(120) == 3
        assert relay.worker.end(signal.SIGTERM) == 0
        retry = next(line for line in projector.lines() if line["event"] == "projector.retry")
        assert retry["error"] == "SerializationFailure (SQLSTATE 40001): could not serialize access"
        assert projector.lines()[-1]["event"] == "failed"
        assert traces(shown + relay.worker.said + projector.worker.said) == []


def append_marked(log: PostgresLog, number: int = 77) -> None:
    """A ticket whose sealed text is as good as plain, and one whose event can't be read and is full of names."""
    codec = Codec()
    life = Life(ticket_id(number)).then(ev.Opened, after(hours=1), channel=Channel.MAIL, requester_id=customer_id(5))
    sealed = b64encode(" ".join(MARKS).encode()).decode()
    life.then(
        ev.Commented,
        after(hours=2),
        direction=Direction.INBOUND,
        channel=Channel.MAIL,
        sealed=sealed,
        meta={"irregular": True},
    )
    poisoned = ticket_id(number + 100)
    poison = StoredEvent(
        poisoned, 1, "ticket.opened",
        json.dumps({"meta": {"actor": MARKS[0]}, "channel": MARKS[1], "subject": MARKS[2]}).encode(),
    )  # fmt: skip
    events = (*(codec.to_stored_event(event) for event in life.events), poison)
    expected = ((life.id, 0), (poisoned, 0))
    log.append([Append(uuid4(), b"0123456789abcdef", expected, events)])
