"""The code in the documentation runs as it is written."""

from __future__ import annotations

import gzip
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Event, Timer
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest
import yaml

from ticketcore import Actor, Calendar, CalendarSpec, Role, Settings, TicketCore
from ticketcore.aio import AsyncTicketCore
from ticketcore.store.codec import Codec

ROOT = Path(__file__).parents[2]
SERVICE = Actor.system("shop")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def clean(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
    return {**kept, **more}


@pytest.mark.servers
@pytest.mark.slow
def test_the_readmes_twenty_lines_run_on_the_embedded_server_and_its_sql_after_them(tmp_path: Path) -> None:
    (code,) = blocks("README.md", "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    home = tmp_path / "home"
    environment = clean(TICKETCORE_HOME=str(home))
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        shown, bodies = done.stdout.splitlines()
        assert shown.endswith("solved ['It should be here by now.', 'It arrives tomorrow.']")
        assert bodies == "['It arrives tomorrow.', 'It should be here by now.']"
        with TicketCore.open(Settings(home=home)) as core:
            core.open_ticket(channel="mail", subject="Waits", team_id="parcels", by=SERVICE)
            core.catch_up()
            dsn = core.settings.read_dsn
        assert dsn is not None
        (statements,) = blocks("README.md", "sql")
        with psycopg.connect(dsn) as connection:
            for statement in filter(str.strip, statements.split(";")):
                assert connection.execute(statement.encode()).fetchall(), f"no row: {statement}"
    finally:
        subprocess.run(
            [sys.executable, "-c", "from workers.cli import main; main()", "db", "stop"], env=environment, check=True
        )


def test_the_outbox_of_the_embedding_page_runs_and_repeats_without_doubling() -> None:
    code, *_ = blocks("docs/embedding.md", "python")
    orders = sqlite3.connect(":memory:")
    orders.executescript(
        "CREATE TABLE orders (id TEXT PRIMARY KEY, text TEXT, ticket TEXT);"
        "CREATE TABLE outbox (order_id TEXT PRIMARY KEY, command_id TEXT);"
    )

    def pending(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
        return connection.execute("SELECT id, command_id, text FROM outbox JOIN orders ON id = order_id").fetchall()

    shop = uuid4()
    with TicketCore.in_memory() as core:
        names = {
            "orders": orders, "pending": pending, "core": core, "SERVICE": SERVICE, "SHOP": shop, "UUID": UUID,
            "uuid5": uuid5, "order_id": "7", "text": "One kettle, please",
        }  # fmt: skip
        exec(compile(code, "docs/embedding.md", "exec"), names)
        ticket = orders.execute("SELECT ticket FROM orders").fetchone()[0]
        orders.execute("INSERT INTO outbox VALUES ('7', ?)", (str(uuid5(shop, "7")),))
        exec(
            compile(code.split("# 2.")[1].split("\n", 1)[1], "docs/embedding.md", "exec"), names
        )  # a crash's second run
        assert orders.execute("SELECT ticket FROM orders").fetchall() == [(ticket,)]
        assert orders.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        assert core.show_ticket(ticket, by=Actor(role=Role.AUDITOR, id="ann")).messages[0].body == "One kettle, please"
        assert core.log.head() == 1
    orders.close()


def test_the_async_block_of_the_embedding_page_runs() -> None:
    _, code, _ = blocks("docs/embedding.md", "python")
    body = "async def main():\n" + "".join(f"    {line}\n" for line in code.splitlines()) + "    return opened\n"
    names = {"AsyncTicketCore": AsyncTicketCore, "core": TicketCore.in_memory(), "SERVICE": SERVICE}
    exec(compile(body + "import asyncio\nopened = asyncio.run(main())\n", "docs/embedding.md", "exec"), names)
    assert names["opened"].number.startswith("T-")  # type: ignore[attr-defined]


def test_the_block_of_the_embedding_page_follows_a_policy_until_it_is_told_to_stop() -> None:
    *_, code = blocks("docs/embedding.md", "python")
    stop = Event()
    with TicketCore.in_memory() as core:
        core.adopt_policy("name: a\nteams: {desk: {}}\ndefault_team: desk\n", by=SERVICE)
        ticket = core.open_ticket(channel="form", subject="Hello", by=SERVICE).number
        Timer(0.3, stop.set).start()
        exec(compile(code, "docs/embedding.md", "exec"), {"core": core, "stop": stop})
        assert core.show_ticket(ticket, by=Actor(role=Role.AUDITOR, id="ann")).team_id == "desk"


def test_the_import_by_library_call_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("docs/import.md", "python")
    mappings = ROOT / "ticketcore" / "importing" / "mappings"
    (tmp_path / "my_mapping.yaml").write_bytes((mappings / "activities_example.yaml").read_bytes())
    (tmp_path / "export.csv.gz").write_bytes(gzip.compress((mappings / "activities_example.csv").read_bytes()))
    monkeypatch.chdir(tmp_path)
    with TicketCore.in_memory() as core:
        names = {"core": core, "Codec": Codec, "Actor": Actor}
        exec(compile(code, "docs/import.md", "exec"), names)
        assert names["summary"].cases == 2  # type: ignore[attr-defined]
        assert "My parcel has not come." in str(
            core.show_ticket("4711", by=Actor(role=Role.AUDITOR, id="ann")).messages
        )


def test_the_mail_of_the_page_on_mail_is_read() -> None:
    (code,) = blocks("docs/mail.md", "python")
    names: dict[str, Any] = {}
    exec(compile(code, "docs/mail.md", "exec"), names)
    assert names["mail"].subject_base == "Parcel"
    assert names["mail"].references == ("1@example.org", "2@desk.example")


def test_the_calendar_of_the_page_on_calendars_counts_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("docs/calendars.md", "python")
    exec(compile(code, "docs/calendars.md", "exec"), {})
    assert capsys.readouterr().out.strip() == code.rpartition("# ")[2].strip()
    (document,) = blocks("docs/calendars.md", "yaml")
    for calendar in yaml.safe_load(document).values():
        Calendar.of(CalendarSpec.model_validate(calendar))


def test_every_block_of_code_is_run_by_a_test() -> None:
    counted = {page.name: len(blocks(str(page.relative_to(ROOT)), "python")) for page in (ROOT / "docs").glob("*.md")}
    assert {name: count for name, count in counted.items() if count} == {
        "calendars.md": 1,
        "embedding.md": 3,
        "import.md": 1,
        "intake.md": 1,
        "kafka.md": 1,
        "mail.md": 1,
    }
    assert len(blocks("README.md", "python")) == 1
