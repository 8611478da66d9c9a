"""The outgoing worker as a process: what it shows, logs and leaves out."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.outgoing.given import a_customer, a_ticket, reply, set_up, worker
from tests.support.smtp import mailserver
from ticketcore import TicketCore
from workers.outgoing.sender import OUTGOING

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.2)


@pytest.mark.servers
@pytest.mark.slow
def test_it_shows_what_it_does_and_logs_nothing_personal(database: str, tmp_path: Path) -> None:
    settings, said = set_up(database, tmp_path), tmp_path / "said"

    def lines() -> list[dict[str, object]]:
        text = said.read_text() if said.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def get(path: str) -> tuple[int, str]:
        port = next(line["port"] for line in lines() if line["event"] == "metrics.listening")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    with mailserver() as server, TicketCore.open(settings) as core:
        core.begin_outgoing(datetime.now(UTC), by=OUTGOING)
        ticket = a_ticket(core, a_customer(core))
        server.answers("250 OK", "554 no, kim@example.net", "451 later")
        for n in range(3):
            reply(core, ticket, f"Geheim {n}")
        process = worker(settings, server, said, TICKETCORE_METRICS_PORT="0", TICKETCORE_HEALTH_TIMEOUT="5")
        try:
            eventually(lambda: len(server.mails) == 2)
            eventually(lambda: get("/healthz")[0] == 200)
            page = get("/metrics")[1]
            values = dict(re.findall(r"^(ticketcore_outgoing_\w+) (\S+)$", page, re.MULTILINE))
            assert {name: float(values[f"ticketcore_outgoing_{name}_total"]) for name in ("sent", "failed", "postponed")} == {
                "sent": 2, "failed": 1, "postponed": 1
            }  # fmt: skip
            documented = set(re.findall(r"^\| `(ticketcore_outgoing_\w+)`", PAGE.read_text("utf-8"), re.MULTILINE))
            assert {name for name in values if not name.endswith("_created")} == documented
            server.stop()
            reply(core, ticket, "Geheim 3")
            eventually(lambda: any(line["event"] == "outgoing.retry" for line in lines()))
            eventually(lambda: get("/healthz")[0] == 503)
            assert "mail_server" in get("/healthz")[1] or "outgoing" in get("/healthz")[1]
            server.start()
            eventually(lambda: len(server.mails) == 3)
            eventually(lambda: get("/healthz")[0] == 200)
        finally:
            process.terminate()
            assert process.wait(30) == 0
    logged = said.read_text()
    assert [line["event"] for line in lines()][-1] == "stopped"
    assert any("refused" in str(line.get("error")) for line in lines() if line["event"] == "outgoing.retry"), logged
    for personal in ("Geheim", "kim@example.net", "Kim", "Drucker"):
        assert personal not in logged
