"""``ticketcore import``: the shipped example, bad rows, reruns, a reject file that is full."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import ticketcore.importing
from tests.cli.conftest import Cli

pytestmark = [pytest.mark.servers, pytest.mark.slow]
EXAMPLE = Path(ticketcore.importing.__file__).parent / "mappings" / "activities_example.csv"
FULL = Path("/dev/full")


@pytest.fixture
def file(own_cli: Cli) -> Path:
    return Path(shutil.copy(EXAMPLE, own_cli.folder / "cases.csv"))


def run(*more: object) -> tuple[object, ...]:
    return ("import", "cases.csv", "--mapping", "activities_example", "--zone", "Europe/Berlin", *more)


@pytest.mark.usefixtures("file")
def test_the_shipped_example_is_imported_once(own_cli: Cli) -> None:
    before = own_cli.json("status")["position"]
    done = own_cli.json(*run())
    assert (done["cases"], done["rejects"], done["already_imported"]) == (2, 0, False)
    after = own_cli.json("status")
    assert after["position"] == before + sum(done["events"].values())
    assert after["behind"] == 0
    assert "My parcel has not come." in own_cli.ok("ticket", "show", "4711")
    assert "All of it was imported before; nothing was written." in own_cli.ok(*run())
    assert own_cli.json("status")["position"] == after["position"]


def test_bad_rows_go_to_the_reject_file_with_line_and_reason(own_cli: Cli, file: Path) -> None:
    good = file.read_text(encoding="utf-8")
    file.write_text(good + good.splitlines()[1].replace("2026-03-27 16:58:10", "soon") + '";-\n', encoding="utf-8")
    line = good.count("\n") + 1
    said = own_cli.fails(10, *run())
    assert f"stopped at line {line}: column timestamp is 'soon'" in said, said
    assert "run the same command again" in said
    assert "1 rows were rejected, expected at most 0" in own_cli.fails(
        10, *run("--rejects", "bad.csv", "--max-rejects", 0)
    )
    shown = own_cli.ok(*run("--rejects", "bad.csv"))
    assert "The rejected rows are in bad.csv" in shown
    header, row = (own_cli.folder / "bad.csv").read_text(encoding="utf-8").splitlines()[:2]
    assert header == "line,reason,row"
    assert row.startswith(f"{line},\"column timestamp is 'soon'")
    assert own_cli.json("queue") != []


@pytest.mark.usefixtures("file")
@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_reject_file_stops_before_anything_is_lost(own_cli: Cli) -> None:
    before = own_cli.json("status")["position"]
    assert "/dev/full can't be written (No space left on device)" in own_cli.fails(2, *run("--rejects", FULL))
    assert own_cli.json("status")["position"] == before


@pytest.mark.usefixtures("file")
def test_what_can_not_be_imported_is_told(own_cli: Cli) -> None:
    assert "cannot import nowhere.csv" in own_cli.fails(2, "import", "nowhere.csv", "--mapping", "incident_log")
    assert "expected a path or one of activities_example, incident_log" in own_cli.fails(
        2, "import", "cases.csv", "--mapping", "mine"
    )
    assert "it has no column 'number'" in own_cli.fails(2, "import", "cases.csv", "--mapping", "incident_log")
    (own_cli.folder / "mine.yaml").write_text("format: 1\nrows: pictures\n")
    assert "mine.yaml, line 2" in own_cli.fails(2, "import", "cases.csv", "--mapping", "mine.yaml")
    done = own_cli("import", "cases.csv", "--mapping", "mine", "--json")
    assert json.loads(done.stderr)["error"] == "bad_mapping"
    assert "may not import" in own_cli.fails(7, *run("--as", "agent:ana"))
