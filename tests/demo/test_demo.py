"""The command ``ticketcore demo``, as a process, twice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def run(database: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "TICKETCORE_DSN": database, "TICKETCORE_KEY_FILE": str(folder / "keys.json"), "TICKETCORE_INLINE": "1",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", "from workers.cli import main; main()", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_demo_goes_the_whole_way_and_a_second_run_doubles_nothing(database: str, tmp_path: Path) -> None:
    first = run(database, tmp_path, "demo")
    assert first.returncode == 0, first.stderr
    for expected in (
        "version 1 decides from 2000-01-01 on",
        " 0 dead letters",
        "Queue, next to take first",
        "Correspondence of C-",
        "by occurred time",
        "one_touch_percent",
        "What took",
    ):
        assert expected in first.stdout
    page = (tmp_path / "ticketcore.report.html").read_text(encoding="utf-8")
    assert "By team" in page
    followed = re.search(r"([\d,]+) looks at tickets, ([\d,]+) commands recorded", first.stdout)
    assert followed and all(int(found.replace(",", "")) > 0 for found in followed.groups())  # noqa: PT018 mypy wants both
    second = run(database, tmp_path, "demo")
    assert second.returncode == 0, second.stderr
    assert " 0 new events" in second.stdout
    tickets = [re.search(r"([\d,]+) tickets of", done.stdout) for done in (first, second)]
    assert tickets[0] and tickets[1] and tickets[0][1] == tickets[1][1]  # noqa: PT018 mypy wants both


def test_what_the_demo_says_to_type_next_works(database: str, tmp_path: Path) -> None:
    done = run(database, tmp_path, "demo")
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.split("What to type next", 1)[1].splitlines()]
    typed = [line.split("  ")[0].split(" | ")[0].split()[1:] for line in lines if line.startswith("ticketcore ")]
    assert len(typed) > 7
    for arguments in typed:
        if arguments[0] not in {"db", "verify"}:
            assert run(database, tmp_path, *arguments).returncode == 0, arguments


def test_a_missing_file_is_said_before_anything_is_done(database: str, tmp_path: Path) -> None:
    done = run(database, tmp_path, "demo", "--data", "nothing.csv")
    assert done.returncode == 2
    assert "--data is 'nothing.csv', expected a file (check the path)" in done.stderr
