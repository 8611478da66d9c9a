"""The short form of ``make chaos``."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import unavailable
from tests.support.shared import REPOSITORY

pytestmark = [pytest.mark.servers, pytest.mark.slow]

KILLS = os.environ.get("KILLS") or "24"
UNAVAILABLE = 3


def test_nothing_is_lost_doubled_or_stuck_whoever_is_killed_or_stopped(tmp_path: Path) -> None:
    seed = ["--seed", os.environ["SEED"]] if os.environ.get("SEED") else []
    command = [
        sys.executable,
        "-m",
        "tests.chaos",
        "--kills",
        KILLS,
        "--projectors",
        "2",
        "--folder",
        str(tmp_path / "run"),
    ]
    run = subprocess.Popen([*command, *seed], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        figures, progress = run.communicate()
    finally:
        if run.poll() is None:
            run.send_signal(signal.SIGTERM)  # it ends its servers and processes
            run.wait(60)
    if run.returncode == UNAVAILABLE:
        unavailable(progress)
    print(figures)
    assert run.returncode == 0, progress[-20_000:]
    found = json.loads(figures)
    assert sum(found["struck"].values()) == int(KILLS)
    assert found["proven"]["kinds"]["recorded"] > 10 * int(KILLS)
    assert found["proven"]["rows"] > 0
