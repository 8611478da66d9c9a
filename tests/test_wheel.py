"""The wheel in a project that is not ours: it installs, runs, and is typed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOREIGN = """
from uuid import UUID

from ticketcore import Actor, Channel, Recorded, Role, TicketCore, TicketView
from ticketcore.errors import WrongState
from ticketcore.policy.shipped import default_policy

shop = Actor.system("shop")


def open_one(core: TicketCore) -> Recorded:
    return core.open_ticket(channel=Channel.FORM, subject="Hello", by=shop, command_id=UUID(int=7))


with TicketCore.in_memory() as core:
    core.adopt_policy(default_policy(), by=shop)
    opened = open_one(core)
    again: int | None = open_one(core).position
    view: TicketView = core.show_ticket(opened.number, by=Actor(role=Role.AUDITOR, id="me"))
    assert (view.subject, again, view.version) == ("Hello", opened.position, opened.version)
    try:
        core.close_ticket(opened.number, by=shop)
    except WrongState as error:
        print(error)
"""

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a virtual environment that has the wheel, and our dependencies but not our source."""
    folder = tmp_path_factory.mktemp("foreign")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    wheel = next(folder.glob("ticketcore-*.whl"))
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", site, wheel, cwd=folder)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / "service.py").write_text(FOREIGN)
    assert str(site) in run(python, "-c", "import ticketcore; print(ticketcore.__file__)", cwd=folder)
    return folder


def test_the_wheel_runs_in_a_foreign_project(project: Path) -> None:
    said = run(project / "venv" / "bin" / "python", "service.py", cwd=project)
    assert "its status is 'new', expected one of 'solved' (solve it first)" in said


def test_the_wheel_passes_mypy_strict_in_a_foreign_project(project: Path) -> None:
    python = project / "venv" / "bin" / "python"
    said = run(sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "service.py", cwd=project)
    assert "Success" in said


def test_a_type_error_of_the_foreign_project_is_found(project: Path) -> None:
    (project / "wrong.py").write_text("from ticketcore import TicketCore\nTicketCore.in_memory().open_ticket(by=3)\n")
    python = project / "venv" / "bin" / "python"
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "wrong.py"]
    done = subprocess.run(command, cwd=project, check=False, capture_output=True, text=True)
    assert 'Argument "by" to "open_ticket"' in done.stdout
    assert 'Missing named argument "channel"' in done.stdout
