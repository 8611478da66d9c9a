"""A real importing process on PostgreSQL, killed with SIGKILL wherever it is, and run again until it is done."""

import lzma
import random
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.importing.given import Bench, plain
from tests.importing.import_process import CHUNK_ROWS, run
from tests.support.shared import REPOSITORY, incident_log
from ticketcore.sealing.keyring import Keyring
from ticketcore.sealing.sealer import Sealer
from ticketcore.setup import SQL
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.migrate import migrate
from ticketcore.store.postgres import PostgresLog

pytestmark = [pytest.mark.slow, pytest.mark.servers]

ROWS = 12_000
KILLS = 4


def beginning(path: Path) -> Path:
    """The first rows of the incident log."""
    with lzma.open(incident_log(), "rb") as packed:
        path.write_bytes(b"".join(islice(packed, ROWS + 1)))
    return path


def kill_after(seconds: float, chunks: int, arguments: list[str]) -> bool:
    """Start an import and kill it *seconds* after so many chunks; return whether it was still at work."""
    command = [sys.executable, "-m", "tests.importing.import_process", *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(chunks)]
        time.sleep(seconds)
        process.kill()
        rest = process.stdout.read()
    assert process.returncode in (0, -9), lines
    return "done" not in rest


def stored_plainly(database: str, key_file: Path, bench: Bench) -> list[dict[str, Any]]:
    """What the log in *database* says, opened with its own keys."""
    keys, log = PostgresKeyStore(database), PostgresLog(database)
    try:
        records = log.read(0, 1_000_000, max_bytes=1_000_000_000)
        assert [record.position for record in records] == list(range(1, log.head() + 1))
        return plain(Sealer(Keyring.open(key_file), keys, bench.codec).open_many(map(bench.codec.decode, records)))
    finally:
        keys.close()
        log.close()


def test_a_killed_import_goes_on_without_loss_or_double(database: str, bench: Bench, tmp_path: Path) -> None:
    file, key_file = beginning(tmp_path / "log.csv"), tmp_path / "keys.json"
    expected = bench.imports(file, chunk_rows=CHUNK_ROWS)
    in_memory = plain(bench.events(None))
    for component in ("log", "keys"):
        migrate(database, component, SQL / component)
    Keyring.create(key_file)
    arguments = [database, str(key_file), str(file), str(tmp_path / "rejects.csv")]
    dice = random.Random(7)
    killed = [kill_after(dice.uniform(0, 0.4), 1 + 4 * n + dice.randrange(3), arguments) for n in range(KILLS)]
    assert any(killed)
    summary = run(database, key_file, file, tmp_path / "rejects.csv")
    assert (summary.rows, summary.cases, summary.events) == (ROWS, expected.cases, expected.events)
    assert summary.skipped > 0
    assert run(database, key_file, file, tmp_path / "rejects.csv").already_imported

    assert stored_plainly(database, key_file, bench) == in_memory
